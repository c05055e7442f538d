/*
 * publisher.c: POST /publish, the compat form and the demo's form: from a body's fields to hub_publish(). See
 * api.h.
 */
#include "api.h"

#include "answer.h"
#include "fields.h"
#include "subscriber.h"
#include "utf8.h"
#include "worker.h"

enum {
	PUBLISH_MAX_KEY = 256,       /* bytes of an idempotency key */
	PUBLISH_MAX_TTL = 366 * 24 * 60 * 60 /* seconds */
};

/* A publication while its fields are read. */
struct draft {
	struct publication publication;
	struct slice uid[HUB_MAX_TARGETS], channel[HUB_MAX_TARGETS];
	size_t max_message;
	bool too_large;
};

/* Adds a uid or channel. Answers what is wrong with it, or NULL. */
static const char *add_target(struct draft *d, struct slice *list, size_t *count, struct slice name)
{
	if (!name_is_valid(name))
		return name.len ? "not 1 to 128 bytes of UTF-8 without control bytes" : "empty";
	if (d->publication.uids + d->publication.channels == HUB_MAX_TARGETS)
		return "more than 1000 uids and channels";
	list[(*count)++] = name;
	return NULL;
}

static const char *set_once(struct slice *at, struct slice value)
{
	if (at->at)
		return "given twice";
	*at = value;
	return NULL;
}

static const char *set_content(struct draft *d, struct slice value)
{
	if (value.len > d->max_message) {
		d->too_large = true;
		return "longer than --max-message";
	}
	if (memchr(value.at, '\0', value.len))
		return "holds a NUL byte";
	if (!utf8_is_valid(value))
		return "not valid UTF-8";
	return set_once(&d->publication.data, value);
}

static const char *set_ttl(struct draft *d, struct slice value)
{
	int64_t seconds = slice_number(value, PUBLISH_MAX_TTL);

	if (d->publication.ttl >= 0)
		return "given twice";
	if (seconds < 0)
		return "not a whole number of seconds up to a year";
	d->publication.ttl = seconds * 1000;
	return NULL;
}

/* Takes one field into the draft. Answers what is wrong with it, or NULL. Fields of other names are ignored. */
static const char *take(struct draft *d, const struct body_field *f)
{
	struct publication *p = &d->publication;
	bool to = slice_is(f->name, "to"), channel = slice_is(f->name, "channel");
	bool content = slice_is(f->name, "content") || slice_is(f->name, "data");
	bool event = slice_is(f->name, "event"), ttl = slice_is(f->name, "ttl"), key = slice_is(f->name, "key");

	if (!to && !channel && !content && !event && !ttl && !key)
		return NULL;
	if (f->wrong)
		return f->wrong;
	if (to)
		return f->value.len || f->element ? add_target(d, d->uid, &p->uids, f->value) : NULL;
	if (channel)
		return add_target(d, d->channel, &p->channels, f->value);
	if (f->element)
		return "a list";
	if (content)
		return set_content(d, f->value);
	if (ttl)
		return set_ttl(d, f->value);
	if (key)
		return f->value.len && f->value.len <= PUBLISH_MAX_KEY ? set_once(&p->key, f->value) : "not 1 to 256 bytes";
	if (!sse_event_is_valid(f->value))
		return "not allowed: up to 128 bytes of UTF-8 without line ends, and not open, error or pushsse.*";
	return set_once(&p->event, f->value);
}

/* A draft is large, and lives on the stack: what is not set here is not read. */
static void begin_draft(struct draft *d, const struct conn *c)
{
	d->publication = (struct publication){.uid = d->uid, .channel = d->channel, .ttl = -1};
	d->max_message = (size_t)c->worker->server->options->max_message;
	d->too_large = false;
}

/* Reads the body into the draft. False: answered. */
static bool read_draft(struct conn *c, struct draft *d)
{
	struct fields fields;
	struct body_field f;
	int status = api_open_body(c, &fields), got = 0;

	while (status == 0 && (got = fields_next(&fields, &f)) > 0) {
		const char *wrong = take(d, &f);

		if (!wrong)
			continue;
		if (d->too_large)
			answer_error(c, REFUSED_MESSAGE_TOO_LARGE);
		else
			answer_field_error(c, f.name, wrong);
		return false;
	}
	if (got < 0 && f.name.at)
		answer_field_error(c, f.name, "malformed, or not UTF-8");
	else if (status || got < 0)
		answer_error(c, status == 415 ? REFUSED_UNSUPPORTED_MEDIA_TYPE : REFUSED_MALFORMED_BODY);
	else if (!d->publication.data.at)
		answer_field_error(c, slice_of("content"), "missing");
	else
		return true;
	return false;
}

/* ---- handing over, and the answer */

static void done(struct publishing *p)
{
	struct conn *c = p->context;

	atomic_store(&c->exchange->published, true); /* from here on the connection is its worker's again */
}

static void count_publish(const struct conn *c, enum publish_result result)
{
	count_add(&c->worker->counters.published[result], 1);
}

static void count_done(const struct conn *c)
{
	const struct publishing *p = &c->exchange->publishing;

	count_publish(c, p->result != HUB_OK ? PUBLISH_FAILED : p->offline ? PUBLISH_OFFLINE : PUBLISH_OK);
}

static void answer_word(struct conn *c, const char *word)
{
	answer_bytes(c, 200, "text/html; charset=utf-8", slice_of(word), "Cache-Control: no-store\r\n");
}

static void answer_compat(struct conn *c)
{
	const struct publishing *p = &c->exchange->publishing;

	count_done(c);
	answer_word(c, p->result != HUB_OK ? "fail" : p->offline ? "offline" : "ok");
}

static void answer_published(struct conn *c)
{
	const struct publishing *p = &c->exchange->publishing;
	struct buffer body = {0};

	count_done(c);
	if (p->result != HUB_OK) {
		answer_error(c, api_failure(p->result));
		return;
	}
	buffer_add_text(&body, p->offline ? "{\"status\":\"offline\",\"id\":\"" : "{\"status\":\"ok\",\"id\":\"");
	answer_add_cursor(&body, c, p->seq);
	buffer_add_text(&body, "\",\"streams\":");
	buffer_add_number(&body, p->streams);
	buffer_add_text(&body, "}");
	answer_fresh(c, &body);
}

enum refusal api_failure(enum hub_result result)
{
	switch (result) {
	case HUB_FULL:
		return REFUSED_TOO_MANY_KEYS;
	case HUB_STORAGE:
		return REFUSED_STORAGE_FAILING;
	default:
		return REFUSED_NO_MEMORY_TO_STORE;
	}
}

/*
 * It is done, and readers are not too far behind: when only they are, the worker will be woken. Or what is looked for has been
 * found; that goes on in the next turn.
 */
static bool may_answer(struct conn *c)
{
	struct exchange *x = c->exchange;

	if (x->page) {
		bool whole = hub_find_online(hub_of(c), x->page);

		if (!whole)
			worker_wake(c->worker);
		return whole;
	}
	if (!atomic_load(&x->published))
		return false;
	if (!x->waits && hub_is_congested(hub_of(c))) {
		x->waits = true;
		x->calms = hub_await_calm(hub_of(c));
	}
	return !x->waits || hub_calms(hub_of(c)) != x->calms;
}

void api_settle(struct conn *c)
{
	if (!may_answer(c))
		return;
	c->exchange->settle(c);
	conn_process(c);
}

struct publishing *api_begin(struct conn *c, void (*settle)(struct conn *))
{
	struct exchange *x = c->exchange;

	x->settle = settle;
	x->waits = false;
	x->publishing = (struct publishing){.done = done, .context = c, .inbox = &c->worker->inbox};
	atomic_store(&x->published, false);
	return &x->publishing;
}

void api_finish(struct conn *c)
{
	struct exchange *x = c->exchange;

	if (may_answer(c))
		x->settle(c);
	else
		conn_enter(c, CONN_WAITING);
}

static void hand_over(struct conn *c, const struct draft *d, void (*settle)(struct conn *))
{
	hub_publish(hub_of(c), &d->publication, c->worker->now, api_begin(c, settle));
	api_finish(c);
}

void api_publish(struct conn *c)
{
	struct draft d;

	begin_draft(&d, c);
	if (read_draft(c, &d))
		hand_over(c, &d, answer_published);
	else
		count_publish(c, PUBLISH_REFUSED);
}

/* ---- the demo page's form */

void api_demo_publish(struct conn *c)
{
	struct claims claims;
	unsigned char tag[4];
	struct draft d;
	bool everyone;

	begin_draft(&d, c);
	if (!subscriber_verify(c, (struct slice){NULL, 0}, &claims, tag) || !read_draft(c, &d))
		return;
	everyone = d.publication.uids == 1 && slice_is(d.uid[0], "everyone");
	if (d.publication.channels || d.publication.uids != 1 || (!everyone && !slice_is(d.uid[0], "self"))) {
		answer_field_error(c, slice_of("to"), "self or everyone");
		return;
	}
	d.publication.uids = !everyone;
	d.uid[0] = claims.uid;
	hand_over(c, &d, answer_published);
}

/* ---- web-msg-sender's form */

/* PHP 8.1's htmlspecialchars() with its default flags and double encoding. */
static void add_escaped(struct buffer *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		switch (text.at[i]) {
		case '&':
			buffer_add_text(out, "&amp;");
			break;
		case '<':
			buffer_add_text(out, "&lt;");
			break;
		case '>':
			buffer_add_text(out, "&gt;");
			break;
		case '"':
			buffer_add_text(out, "&quot;");
			break;
		case '\'':
			buffer_add_text(out, "&#039;");
			break;
		default:
			buffer_add(out, &text.at[i], 1);
		}
	}
}

/* Reads type, to and content. False when it is no publish, or a field is not what it has to be. */
static bool read_compat(const struct conn *c, struct draft *d)
{
	struct slice query = c->exchange->request->query;
	struct fields fields;
	struct body_field f;
	bool publish = false;
	int status, got = 0;

	if (c->exchange->body)
		status = api_open_body(c, &fields);
	else
		status = fields_open(&fields, (struct slice){NULL, 0}, (char *)(uintptr_t)query.at, query.len);
	while (status == 0 && (got = fields_next(&fields, &f)) > 0) {
		bool type = slice_is(f.name, "type");

		if ((type && (f.element || f.wrong)) || (f.element && slice_is(f.name, "to")))
			return false;
		publish |= type && slice_is(f.value, "publish");
		if ((slice_is(f.name, "to") || slice_is(f.name, "content")) && take(d, &f))
			return false;
	}
	return status == 0 && got == 0 && publish && d->publication.data.at;
}

static void refuse_compat(struct conn *c, enum publish_result why)
{
	count_publish(c, why);
	answer_word(c, "fail");
}

void api_compat(struct conn *c)
{
	struct draft d;
	struct buffer escaped = {0};

	begin_draft(&d, c);
	if (read_compat(c, &d)) {
		buffer_reserve(&escaped, d.publication.data.len + 1);
		add_escaped(&escaped, d.publication.data);
		d.publication.data = (struct slice){escaped.at, escaped.len};
		d.publication.event = slice_of("new_msg");
	}
	if (d.publication.event.at && !escaped.failed)
		hand_over(c, &d, answer_compat);
	else
		refuse_compat(c, escaped.failed ? PUBLISH_FAILED : PUBLISH_REFUSED);
	buffer_free(&escaped);
}
