/*
 * exchange.h: what there is of a connection while requests come and answers go, and what all of that takes together.
 *
 * For the connection's own worker. The bytes of all exchanges are counted in server->request_bytes; --request-memory bounds
 * them. What is over the bound is given back by refusing whoever wants more, never by waiting. Connections of the
 * public listener have half of it, so that a flood there leaves room for publishers.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include "buffer.h"
#include "http.h"
#include "hub.h"

struct conn;

/* What there is of a connection while requests come and answers go. */
struct exchange {
	struct buffer in, out;       /* `in` begins with the request under way; `out` from `sent` on is still to go */
	size_t sent;
	size_t head;                 /* bytes of the request's head; 0 until it is there whole */
	size_t body;                 /* bytes of its body, decoded, that lie behind the head */
	struct http_chunks chunks;
	struct http_request *request; /* its slices point into `in`; good once `head` is set */
	const struct route *route;   /* NULL until it is known */
	struct buffer cors;          /* header lines for the answer, by the request's origin */
	const char *parsed;          /* where the buffer was when its head was parsed */
	bool postponed;              /* `in` may hold whole requests whose turn comes */
	bool continued;              /* 100 Continue was sent */
	bool whole;                  /* the request has arrived to its end */
	bool keep_alive;             /* after this answer */
	bool head_only;              /* HEAD: the answer goes without its body */
	struct publishing publishing;
	struct online_page *page;    /* of who is online, while it is looked for */
	void (*settle)(struct conn *c); /* answers when publishing is done, or the page is whole */
	atomic_bool published;       /* publishing is done: its result is there */
	bool waits;                  /* ... but for the readers, until hub_calms() is no longer: */
	unsigned calms;
	size_t charged;              /* bytes that were counted for it */
};

/* Gives the connection one that is empty. False without memory. */
bool exchange_begin(struct conn *c);
/* Gives it back: the worker keeps one for its next request, emptied, so that small ones allocate nothing. */
void exchange_drop(struct conn *c);
void exchange_free(struct exchange *x);
/* The request has been handled but for its answer, which comes later: gives back what is no longer needed. */
void exchange_put_by(struct conn *c);
/* The answer is out: what it took is given back. What has come of the next request stays. */
void exchange_renew(struct conn *c);
/* Counts what it takes now. False: all exchanges take more than they may. */
bool exchange_charge(struct conn *c);
/* Bytes that a body may have. */
size_t exchange_body_max(const struct conn *c);

#endif
