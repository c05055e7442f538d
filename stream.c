/*
 * stream.c: the life of a stream: its beginning, what it is sent, its silence and its end. See stream.h; control.c has the
 * bytes of control events, longpoll.c the long-polls.
 */
#include "stream.h"

#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "control.h"
#include "longpoll.h"
#include "worker.h"

enum {
	PADDING = 2048,      /* bytes of comment for old polyfills, which show nothing before */
	PADDING_LINES = 4,
	READS_MS = 1000,     /* within which a reader has taken something that is said to read */
	OVERLOAD_RETRIES = 5 /* times --retry that who is turned away for want of room is to wait */
};

static const struct options *options_of(const struct conn *c)
{
	return c->worker->server->options;
}

/* ---- the end of one */

/* One line: what happened to which stream, and why, when there is something to say. */
static void log_stream(const struct conn *c, enum log_level level, const char *event, const char *reason)
{
	struct logger *logger = c->worker->server->logger;
	const unsigned char *t = c->token_tag;
	char hash[2 * sizeof c->token_tag + 1];

	if (!logger_wants(logger, level))
		return;
	(void)snprintf(hash, sizeof hash, "%02x%02x%02x%02x", t[0], t[1], t[2], t[3]);
	logger_write(logger, level, event,
	             LOG_FIELDS(log_slice("uid", audience_name(c->reader.own[0].audience)), log_text("token_hash", hash),
	                        reason ? log_text("reason", reason) : log_none()));
}

static void log_end(const struct conn *c, enum close_reason reason)
{
	count_add(&c->worker->counters.closed[reason], 1);
	log_stream(c, reason == CLOSE_LAG || reason == CLOSE_SEND_TIMEOUT || reason == CLOSE_MEMORY ? LOG_WARN : LOG_INFO,
	           c->reader.poll ? "poll_closed" : "stream_closed", close_reason_name(reason));
}

/*
 * Ends a stream with its last word. Only one that has taken everything gets it: half a block, or a block behind one
 * that a reader does not take, would say nothing.
 */
static void end(struct conn *c, enum close_reason reason, struct buffer *last)
{
	log_end(c, reason);
	if (last && !last->failed && c->state == CONN_STREAMING && !c->reader.offset)
		(void)conn_send(c, &(struct iovec){last->at, last->len}, 1);
	if (last)
		buffer_free(last);
	(void)conn_discard(c); /* what was never read would turn the close into a reset */
	conn_close(c);
}

/* Sends one gathering of blocks. True when the socket took all of it. */
static bool send_blocks(struct conn *c, struct gather *g)
{
	ssize_t n = conn_send(c, g->block, g->blocks);

	if (n < 0) {
		stream_left(c);
		return false;
	}
	count_add(&c->worker->counters.count[COUNT_DELIVERIES], (size_t)n == g->bytes ? g->blocks : 0);
	reader_advance(&c->reader, g, (size_t)n);
	return (size_t)n == g->bytes;
}

/* What was published before the kick is on its way: as much of it as a visit takes comes before the last word. */
static void say_bye(struct conn *c)
{
	struct buffer last = {.max = CONTROL_MAX};
	struct gather g;

	if (c->state == CONN_STREAMING && reader_gather(&c->reader, hub_seq(hub_of(c)), &g) && !send_blocks(c, &g)) {
		if (c->state != CONN_CLOSED)
			end(c, CLOSE_KICKED, NULL);
		return;
	}
	control_add_bye(&last, c);
	end(c, CLOSE_KICKED, &last);
}

static void act_on_verdict(struct conn *c)
{
	struct buffer last = {.max = CONTROL_MAX};

	switch (atomic_load(&c->reader.verdict)) {
	case VERDICT_EVICTED:
		control_add_busy(&last, c, "too_many_streams", OVERLOAD_RETRIES);
		end(c, CLOSE_EVICTED, &last);
		break;
	case VERDICT_KICKED:
		say_bye(c);
		break;
	default:
		end(c, CLOSE_REPLACED, NULL);
		break;
	}
}

void stream_left(struct conn *c)
{
	log_end(c, CLOSE_CLIENT);
	conn_close(c);
}

void stream_drain(struct conn *c)
{
	struct buffer last = {.max = CONTROL_MAX};

	if (c->reader.poll) {
		longpoll_answer(c, CLOSE_DRAIN);
		return;
	}
	control_add_busy(&last, c, "draining", 1);
	end(c, CLOSE_DRAIN, &last);
}

/* ---- bytes out */

/* Keeps what a socket did not take of control bytes; from now on it has --send-timeout to do so. */
static void keep(struct conn *c, const char *at, size_t len)
{
	c->exchange = calloc(1, sizeof *c->exchange);
	if (c->exchange)
		buffer_add(&c->exchange->out, at, len);
	if (!c->exchange || c->exchange->out.failed)
		end(c, CLOSE_MEMORY, NULL);
	else
		conn_enter(c, CONN_BLOCKED);
	c->since = c->worker->now;
}

/* Sends control bytes on a stream that is between two blocks and not blocked. */
static void send_control(struct conn *c, struct buffer *bytes)
{
	ssize_t n = bytes->failed ? -1 : conn_send(c, &(struct iovec){bytes->at, bytes->len}, 1);

	if (n < 0)
		stream_left(c);
	else if ((size_t)n < bytes->len)
		keep(c, bytes->at + n, bytes->len - (size_t)n);
	buffer_free(bytes);
}

/* Sends what a socket did not take before. True when nothing is left of it. */
static bool flush_kept(struct conn *c)
{
	struct buffer *kept = c->exchange ? &c->exchange->out : NULL;
	ssize_t n;

	if (!kept)
		return true;
	n = conn_send(c, &(struct iovec){kept->at, kept->len}, 1);
	if (n < 0) {
		stream_left(c);
		return false;
	}
	buffer_consume(kept, (size_t)n);
	if (kept->len)
		return false;
	exchange_drop(c);
	return true;
}

/* One that has taken something lately reads, however slowly: it is not cut, publishers wait for it instead. */
static bool reads(const struct conn *c)
{
	return c->worker->now - c->since < READS_MS;
}

static void press(struct conn *c)
{
	bool presses = reads(c) && hub_presses(hub_of(c), &c->reader);

	if (c->state == CONN_CLOSED || presses == c->presses)
		return;
	c->presses = presses;
	hub_press(hub_of(c), &c->worker->inbox, presses);
}

/* Sends a stream what it is owed, one gathering a visit: the others are to have their turn. */
static void deliver(struct conn *c)
{
	struct gather g;
	bool more = false;

	if (reader_gather(&c->reader, hub_seq(hub_of(c)), &g)) {
		if (!send_blocks(c, &g)) {
			if (c->state == CONN_STREAMING) {
				c->since = c->worker->now;
				conn_enter(c, CONN_BLOCKED);
			}
			return;
		}
		more = g.blocks == GATHER_MAX_BLOCKS || g.bytes >= GATHER_MAX_BYTES;
	}
	if (c->state == CONN_BLOCKED)
		conn_enter(c, CONN_STREAMING);
	press(c);
	if (more)
		worker_ready(c->worker, c, reader_replays(&c->reader) ? READY_REPLAY : READY_FANOUT);
	if (onlookers_owe(c)) /* with more to come, too: in the next round it would count as told */
		stream_tell_online(c);
}

/* Looks how far a blocked stream is behind. True when it was cut for that. */
static bool lags(struct conn *c)
{
	press(c);
	if (c->state != CONN_BLOCKED || reads(c) || !hub_lags(hub_of(c), &c->reader))
		return false;
	end(c, CLOSE_LAG, NULL);
	return true;
}

void stream_visit(struct conn *c)
{
	if (c->reader.poll)
		longpoll_visit(c);
	else if (atomic_load(&c->reader.verdict) != VERDICT_STAYS)
		act_on_verdict(c);
	else if (!lags(c) && c->state == CONN_STREAMING)
		deliver(c);
}

void stream_unblock(struct conn *c)
{
	if (flush_kept(c))
		deliver(c);
	press(c);
}

void stream_tell_online(struct conn *c)
{
	struct buffer bytes = {0};

	if (c->state != CONN_STREAMING || c->reader.offset) {
		c->online = ONLINE_OWED;
		return;
	}
	c->online = c->worker->onlookers.round;
	control_add_online(&bytes, c->worker->onlookers.told);
	send_control(c, &bytes);
}

/* ---- time */

/* A ping says how far this stream has come: so first it gets what it is owed, if anything. */
static void ping(struct conn *c)
{
	struct buffer bytes = {0};
	struct gather g;
	uint64_t bound = hub_seq(hub_of(c));

	if (reader_gather(&c->reader, bound, &g)) {
		worker_ready(c->worker, c, READY_FANOUT);
		return;
	}
	control_add_ping(&bytes, c, bound);
	c->pinged = true;
	count_add(&c->worker->counters.count[COUNT_PINGS], 1);
	send_control(c, &bytes);
}

static void note_lag(struct conn *c)
{
	uint64_t *lag = c->worker->lag, bytes = reader_lag(&c->reader);

	lag[LAG_BLOCKED]++;
	lag[LAG_ALL] += bytes;
	if (lag[LAG_LARGEST] < bytes)
		lag[LAG_LARGEST] = bytes;
}

static void tick_blocked(struct conn *c)
{
	int64_t now = c->worker->now;

	if (atomic_load(&c->reader.verdict) != VERDICT_STAYS)
		act_on_verdict(c);
	else if (now >= c->until && !c->ages)
		end(c, CLOSE_EXPIRED, NULL);
	else if (now - c->since >= options_of(c)->send_timeout)
		end(c, CLOSE_SEND_TIMEOUT, NULL);
	else if (!lags(c))
		note_lag(c);
}

void stream_tick(struct conn *c)
{
	const struct options *o = options_of(c);
	int64_t now = c->worker->now;
	struct buffer last = {0};

	if (c->state == CONN_POLLING) {
		if (now >= c->until)
			longpoll_answer(c, CLOSE_ANSWERED);
	} else if (c->state == CONN_BLOCKED) {
		tick_blocked(c);
	} else if (now >= c->until && !c->ages) {
		control_add_expired(&last);
		end(c, CLOSE_EXPIRED, &last);
	} else if (now >= c->until) {
		control_add_retry(&last, c);
		end(c, CLOSE_AGE, &last);
	} else if (now - c->since >= (c->heartbeat ? c->heartbeat : c->pinged ? o->heartbeat : o->first_ping)) {
		ping(c);
	}
}

/* ---- the beginning of one */

/* 200, since every other status is final for a native EventSource; then the end. */
void stream_refuse(struct conn *c, enum refusal refusal)
{
	struct exchange *x = c->exchange;

	count_refusal(&c->worker->counters, refusal);
	answer_add_stream_head(&x->out, c);
	if (!x->head_only)
		control_add_busy(&x->out, c, refusal_word(refusal), refusal == REFUSED_DRAINING ? 1 : OVERLOAD_RETRIES);
	x->keep_alive = false;
	conn_answer(c);
}

static int64_t jittered_end(struct conn *c)
{
	int64_t age = options_of(c)->max_age;

	if (!age)
		return INT64_MAX;
	return c->worker->now + age - age / 5 + (int64_t)worker_random(c->worker, (uint64_t)age * 2 / 5 + 1);
}

/* The stream begins: head and hello go out in one write, and everything that only requests need is given back. */
static void begin(struct conn *c, const struct stream_request *request, const struct hub_position *position)
{
	struct buffer out = c->exchange->out;

	answer_add_stream_head(&out, c);
	if (request->padding) {
		for (int i = 0; i < PADDING_LINES; i++)
			buffer_printf(&out, ":%*s\n", PADDING / PADDING_LINES, "");
		buffer_add_text(&out, "\n");
	}
	c->heartbeat = request->heartbeat & 0x3ffff; /* at most SELFTEST_HEARTBEAT_MAX_MS */
	control_add_hello(&out, c, position, request->expires);
	if (request->online)
		onlookers_add(c, &out);
	c->exchange->out = (struct buffer){0};
	exchange_drop(c);
	c->until = jittered_end(c);
	c->ages = c->until < request->until;
	if (!c->ages)
		c->until = request->until;
	memcpy(c->token_tag, request->token_tag, sizeof c->token_tag);
	count_add(&c->worker->counters.count[COUNT_STREAMS], 1);
	log_stream(c, LOG_INFO, "stream_opened", NULL);
	conn_bound_send_buffer(c);
	conn_enter(c, CONN_STREAMING);
	if (c->state == CONN_STREAMING)
		send_control(c, &out);
	else
		buffer_free(&out);
	if (c->state == CONN_STREAMING)
		worker_ready(c->worker, c, READY_URGENT);
}

void stream_open(struct conn *c, const struct stream_request *request)
{
	struct hub_position position;

	if (c->exchange->head_only) {
		answer_add_stream_head(&c->exchange->out, c);
		c->exchange->keep_alive = false;
		conn_answer(c);
		return;
	}
	if (atomic_load(&c->worker->server->draining)) {
		stream_refuse(c, REFUSED_DRAINING);
		return;
	}
	switch (hub_subscribe(hub_of(c), &request->subscribe, c->worker->now, &c->reader, &position)) {
	case HUB_OK:
		begin(c, request, &position);
		break;
	case HUB_BARRED:
		answer_error(c, REFUSED_TOKEN_EXPIRED);
		break;
	default:
		stream_refuse(c, REFUSED_FULL);
		break;
	}
}
