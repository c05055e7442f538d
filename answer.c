/* answer.c: see answer.h */
#include "answer.h"

#include "json.h"
#include "worker.h"

enum { ANSWER_HEAD = 384 }; /* bytes that most heads stay below; more is no harm */

static const char JSON[] = "application/json", NO_STORE[] = "Cache-Control: no-store\r\n";

void answer_head(struct conn *c, int status, const char *type, size_t length, const char *more)
{
	struct exchange *x = c->exchange;
	struct buffer *out = &x->out;

	if (!x->whole)
		x->keep_alive = false; /* where the next request would begin is not known, or not waited for */
	if (atomic_load(&c->worker->server->draining))
		x->keep_alive = false;
	buffer_reserve(out, length + ANSWER_HEAD);
	buffer_add_text(out, "HTTP/1.1 ");
	buffer_add_number(out, (uint64_t)status);
	buffer_add_text(out, " ");
	buffer_add_text(out, http_reason(status));
	buffer_add_text(out, "\r\n");
	buffer_add_text(out, worker_date(c->worker));
	if (type) {
		buffer_add_text(out, "Content-Type: ");
		buffer_add_text(out, type);
		buffer_add_text(out, "\r\nX-Content-Type-Options: nosniff\r\n");
	}
	if (status != 204) {
		buffer_add_text(out, "Content-Length: ");
		buffer_add_number(out, length);
		buffer_add_text(out, "\r\n");
	}
	buffer_add_text(out, more);
	buffer_add(out, x->cors.at, x->cors.len);
	buffer_add_text(out, x->keep_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
}

void answer_bytes(struct conn *c, int status, const char *type, struct slice body, const char *more)
{
	answer_head(c, status, type, body.len, more);
	if (!c->exchange->head_only)
		buffer_add_slice(&c->exchange->out, body);
	conn_answer(c);
}

void answer_json(struct conn *c, int status, struct buffer *body, const char *more)
{
	if (body->failed)
		c->exchange->out.failed = true;
	answer_bytes(c, status, JSON, (struct slice){body->at ? body->at : "", body->len}, more);
	buffer_free(body);
}

/* What an answer of that status says besides (RFC 9110 15.5.2: 401 has to carry a challenge). */
static const char *headers_of(int status)
{
	switch (status) {
	case 401:
		return "Cache-Control: no-store\r\nWWW-Authenticate: Bearer\r\n";
	case 429:
	case 503:
		return "Cache-Control: no-store\r\nRetry-After: 5\r\n";
	default:
		return NO_STORE;
	}
}

enum refusal answer_unauthorized(struct conn *c, enum refusal refusal)
{
	struct peers *peers = c->worker->server->peers;

	if (peers_fail(peers, peers_held(peers, c->fd), c->worker->now))
		return refusal;
	c->exchange->keep_alive = false;
	return REFUSED_TOO_MANY_FAILURES;
}

void answer_refused(struct conn *c, enum refusal refusal, const char *type, struct slice body, const char *more)
{
	count_refusal(&c->worker->counters, refusal);
	answer_bytes(c, refusal_status(refusal), type, body, more ? more : headers_of(refusal_status(refusal)));
}

void answer_error(struct conn *c, enum refusal refusal)
{
	int status = refusal_status(refusal);
	struct buffer body = {0};

	count_refusal(&c->worker->counters, refusal);
	buffer_printf(&body, "{\"error\":\"%s\"}", refusal_word(refusal));
	answer_json(c, status, &body, headers_of(status));
}

void answer_field_error(struct conn *c, struct slice field, const char *reason)
{
	struct buffer body = {0};

	count_refusal(&c->worker->counters, REFUSED_INVALID_FIELD);
	buffer_add_text(&body, "{\"error\":\"invalid_field\",\"field\":");
	json_add_string(&body, field);
	buffer_add_text(&body, ",\"reason\":");
	json_add_string(&body, slice_of(reason));
	buffer_add_text(&body, "}");
	answer_json(c, 400, &body, NO_STORE);
}

void answer_fresh(struct conn *c, struct buffer *body)
{
	answer_json(c, 200, body, NO_STORE);
}

void answer_add_stream_head(struct buffer *out, struct conn *c)
{
	buffer_printf(out, "HTTP/1.1 200 OK\r\n%s", worker_date(c->worker));
	buffer_add_text(out, "Content-Type: text/event-stream\r\n"
	                     "Cache-Control: no-store, no-transform\r\n"
	                     "X-Accel-Buffering: no\r\n"
	                     "X-Content-Type-Options: nosniff\r\n"
	                     "Referrer-Policy: no-referrer\r\n");
	buffer_add(out, c->exchange->cors.at, c->exchange->cors.len);
	buffer_add_text(out, "Connection: close\r\n\r\n");
}

void answer_add_cursor(struct buffer *out, const struct conn *c, uint64_t seq)
{
	char cursor[CURSOR_MAX];

	buffer_add(out, cursor, cursor_write(cursor, hub_epoch(hub_of(c)), seq));
}
