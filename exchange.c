/* exchange.c: see exchange.h */
#include "exchange.h"

#include <stdlib.h>

#include "wipe.h"
#include "worker.h"

enum {
	KEPT_MAX = 4 * 1024,     /* bytes of a buffer that is kept for the next request */
	BODY_EXTRA = 64 * 1024,  /* bytes that a body may have beyond three times --max-message, the worst of encodings */
	FRAMING_MAX = 256 * 1024 /* bytes that stand beside a body in the same buffer: chunks, and what is sent ahead */
};

bool exchange_begin(struct conn *c)
{
	struct exchange *x = c->worker->spare;

	c->worker->spare = NULL;
	if (!x)
		x = calloc(1, sizeof *x);
	if (!x)
		return false;
	x->in.max = HTTP_HEAD_MAX + exchange_body_max(c) + FRAMING_MAX;
	x->in.secret = HTTP_HEAD_MAX; /* keys and tokens are in the head */
	c->exchange = x;
	return true;
}

/* Empties a buffer, and keeps its memory unless it is more than most need. What was secret in it is wiped. */
static void empty(struct buffer *b)
{
	if (b->failed || b->cap > KEPT_MAX)
		buffer_free(b);
	wipe(b->at, b->secret < b->cap ? b->secret : b->cap);
	b->len = 0;
}

/* What was sent ahead is a head, too, and may lie behind what is wiped of the buffer. */
static void wipe_ahead(const struct exchange *x)
{
	size_t own = x->head + x->body;

	if (x->in.len > own)
		wipe(x->in.at + own, x->in.len - own);
}

void exchange_free(struct exchange *x)
{
	buffer_free(&x->in);
	buffer_free(&x->out);
	buffer_free(&x->cors);
	free(x->request);
	free(x->page);
	free(x);
}

void exchange_drop(struct conn *c)
{
	struct exchange *x = c->exchange;

	if (!x)
		return;
	c->exchange = NULL;
	wipe_ahead(x);
	atomic_fetch_sub(&c->worker->server->request_bytes, x->charged);
	if (c->worker->spare) {
		exchange_free(x);
		return;
	}
	empty(&x->in);
	empty(&x->out);
	empty(&x->cors);
	free(x->page);
	*x = (struct exchange){.in = x->in, .out = x->out, .cors = x->cors, .request = x->request};
	c->worker->spare = x;
}

void exchange_put_by(struct conn *c)
{
	struct exchange *x = c->exchange;

	buffer_consume(&x->in, x->head + x->body);
	if (!x->in.len)
		buffer_free(&x->in);
	free(x->request);
	x->request = NULL;
	x->head = x->body = 0;
	(void)exchange_charge(c);
}

void exchange_renew(struct conn *c)
{
	struct exchange *x = c->exchange;

	buffer_consume(&x->in, x->head + x->body);
	if (!x->in.len && x->in.cap > KEPT_MAX)
		buffer_free(&x->in);
	empty(&x->out);
	empty(&x->cors);
	free(x->page);
	*x = (struct exchange){.in = x->in, .out = x->out, .cors = x->cors, .request = x->request, .charged = x->charged};
	x->page = NULL; /* as it is already, which clang-tidy does not see */
	(void)exchange_charge(c);
}

bool exchange_charge(struct conn *c)
{
	struct server *s = c->worker->server;
	struct exchange *x = c->exchange;
	size_t bytes = sizeof *x + x->in.cap + x->out.cap + x->cors.cap + (x->request ? sizeof *x->request : 0) +
	               (x->page ? online_page_size(x->page->limit) : 0);
	size_t all = atomic_fetch_add(&s->request_bytes, bytes - x->charged) + (bytes - x->charged); /* modulo, when it is less */

	x->charged = bytes;
	return all <= (size_t)s->options->request_memory / (c->listener == LISTENER_PUBLIC ? 2 : 1);
}

size_t exchange_body_max(const struct conn *c)
{
	return 3 * (size_t)c->worker->server->options->max_message + BODY_EXTRA;
}
