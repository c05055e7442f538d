/* subscriber.c: see subscriber.h */
#include "subscriber.h"

#include "answer.h"
#include "clock.h"
#include "cors.h"
#include "longpoll.h"
#include "worker.h"

enum { WAIT_MAX_NUMBER = 1000000000 }; /* seconds that are still read as a number */

/* What the query of a subscriber holds. */
struct parameters {
	struct slice token, position, cid, wait, heartbeat;
	struct slice channel[READER_MAX_CHANNELS];
	size_t channels;
	bool padding, online;
	const char *wrong; /* what is wrong with it, or NULL */
};

static void take(struct parameters *p, const struct field *f)
{
	if (slice_is(f->name, "token")) {
		p->token = f->value;
	} else if (slice_is(f->name, "lastEventId")) {
		p->position = f->value;
	} else if (slice_is(f->name, "cid")) {
		p->cid = f->value;
		if (f->value.len > SUBSCRIBER_MAX_CID)
			p->wrong = "cid";
	} else if (slice_is(f->name, "wait")) {
		p->wait = f->value;
	} else if (slice_is(f->name, "heartbeat")) {
		p->heartbeat = f->value;
	} else if (slice_is(f->name, "padding")) {
		p->padding = f->value.len > 0 && !slice_is(f->value, "0");
	} else if (slice_is(f->name, "online")) {
		p->online = slice_is(f->value, "1");
	} else if (slice_is(f->name, "channel") || slice_is(f->name, "channel[]")) {
		if (p->channels == READER_MAX_CHANNELS)
			p->wrong = "channel";
		else
			p->channel[p->channels++] = f->value;
	}
}

/* Decodes the query in its place. */
static void read_query(const struct conn *c, struct parameters *p)
{
	struct slice query = c->exchange->request->query;
	char *at = (char *)(uintptr_t)query.at; /* it lies in this connection's own buffer */
	struct field f;
	int got;

	*p = (struct parameters){0};
	if (!query.at)
		return;
	while ((got = http_form_next(&at, (char *)(uintptr_t)query.at + query.len, &f)) > 0)
		take(p, &f);
	if (got < 0)
		p->wrong = "query";
}

/* The token: Authorization, else the query, else a cookie that may be trusted. The first that is there decides. */
static struct slice find_token(const struct conn *c, struct slice query_token)
{
	const struct http_request *request = c->exchange->request;
	struct slice token = http_bearer(http_header(request, "Authorization"));

	if (!token.at)
		token = query_token;
	if (!token.at && cors_trusts_cookie(c))
		token = http_cookie(http_header(request, "Cookie"), "pushsse");
	return token;
}

bool subscriber_verify(struct conn *c, struct slice query_token, struct claims *claims, unsigned char tag[4])
{
	struct slice token = find_token(c, query_token);
	unsigned char digest[SHA256_SIZE];

	if (!token.at || !token.len) {
		answer_error(c, answer_unauthorized(c, REFUSED_TOKEN_MISSING));
		return false;
	}
	sha256(token.at, token.len, digest);
	memcpy(tag, digest, 4);
	switch (token_verify(token, c->worker->secrets, clock_today(), claims)) {
	case TOKEN_OK:
		return true;
	case TOKEN_EXPIRED:
		answer_error(c, REFUSED_TOKEN_EXPIRED);
		return false;
	default:
		answer_error(c, answer_unauthorized(c, REFUSED_TOKEN_INVALID));
		return false;
	}
}

static bool may_read(const struct claims *claims, struct slice channel)
{
	for (size_t i = 0; i < claims->channels; i++)
		if (slice_equal(claims->channel[i], channel))
			return true;
	return false;
}

/* Keeps the first of each channel; false when one is not in the token. */
static bool check_channels(struct parameters *p, const struct claims *claims)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->channels; i++) {
		size_t k = 0;

		if (!may_read(claims, p->channel[i]))
			return false;
		while (k < kept && !slice_equal(p->channel[k], p->channel[i]))
			k++;
		if (k == kept)
			p->channel[kept++] = p->channel[i];
	}
	p->channels = kept;
	return true;
}

static struct slice find_position(const struct conn *c, const struct parameters *p)
{
	struct slice position = http_header(c->exchange->request, "Last-Event-ID");

	if (!position.len)
		position = p->position;
	return position.len ? position : (struct slice){NULL, 0};
}

/* Milliseconds of `wait`, no more than it may be; -1 when it is not a number of seconds. */
static int64_t read_wait(struct slice wait)
{
	int64_t ms = wait.at ? slice_number(wait, WAIT_MAX_NUMBER) * 1000 : POLL_WAIT_MS;

	return ms < 0 ? -1 : ms < POLL_WAIT_MAX_MS ? ms : POLL_WAIT_MAX_MS;
}

/*
 * When a token's time is up, on the monotonic clock: at its exp; for one who comes when that is past already, but within
 * the skew, at the end of that.
 */
static int64_t end_of(const struct conn *c, const struct claims *claims)
{
	int64_t left = claims->expires == INT64_MAX ? INT64_MAX : claims->expires - clock_today();

	if (left <= 0)
		left += TOKEN_SKEW_MS;
	return left > INT64_MAX - c->worker->now ? INT64_MAX : c->worker->now + left;
}

/* Checks all that both kinds have in common, and fills in the request. False: answered. */
static bool admit(struct conn *c, struct parameters *p, struct claims *claims, struct stream_request *request)
{
	if (cors_origin(c) == ORIGIN_REFUSED) {
		answer_error(c, REFUSED_ORIGIN_NOT_ALLOWED);
		return false;
	}
	read_query(c, p);
	if (p->wrong) {
		answer_field_error(c, slice_of(p->wrong), "malformed, or too much of it");
		return false;
	}
	if (!subscriber_verify(c, p->token, claims, request->token_tag))
		return false;
	if (!check_channels(p, claims)) {
		answer_error(c, REFUSED_CHANNEL_NOT_ALLOWED);
		return false;
	}
	request->subscribe = (struct subscribe_request){
		.inbox = &c->worker->inbox, .uid = claims->uid, .channel = p->channels ? p->channel : claims->channel,
		.channels = p->channels ? p->channels : claims->channels, .cursor = find_position(c, p), .cid = p->cid,
		.issued = claims->issued,
	};
	request->expires = claims->expires == INT64_MAX ? INT64_MAX : claims->expires / 1000;
	request->padding = p->padding;
	request->online = p->online;
	return true;
}

void subscriber_events(struct conn *c)
{
	struct parameters p;
	struct claims claims;
	struct stream_request request = {0};

	if (!http_accepts(http_header(c->exchange->request, "Accept"), "text/event-stream")) {
		answer_error(c, REFUSED_NOT_ACCEPTABLE);
		return;
	}
	if (!admit(c, &p, &claims, &request))
		return;
	if (p.heartbeat.at && c->worker->server->options->selftest) {
		int64_t ms = slice_number(p.heartbeat, SELFTEST_HEARTBEAT_MAX_MS);

		if (ms < SELFTEST_HEARTBEAT_MIN_MS) {
			answer_field_error(c, slice_of("heartbeat"), "not a number of ms, or out of bounds");
			return;
		}
		request.heartbeat = (uint32_t)ms;
	}
	request.until = end_of(c, &claims);
	stream_open(c, &request);
}

void subscriber_poll(struct conn *c)
{
	struct parameters p;
	struct claims claims;
	struct stream_request request = {0};
	int64_t wait;

	if (!admit(c, &p, &claims, &request))
		return;
	wait = read_wait(p.wait);
	if (wait < 0) {
		answer_field_error(c, slice_of("wait"), "not a number of seconds");
		return;
	}
	request.subscribe.poll = true;
	request.first = !request.subscribe.cursor.at;
	request.until = end_of(c, &claims);
	if (request.until > c->worker->now + wait)
		request.until = c->worker->now + wait;
	longpoll_open(c, &request);
}
