/*
 * stream.h: what an open stream and a parked long-poll are sent, and when.
 *
 * For the worker's own thread. A stream is visited when something was published for it, when its socket takes bytes
 * again, and by the walk over time; each visit gives it all that it is owed, as far as its socket takes it.
 */
#ifndef STREAM_H
#define STREAM_H

#include "conn.h"

/* What a subscriber asked for, beyond what the hub is told. */
struct stream_request {
	struct subscribe_request subscribe;
	int64_t until;       /* monotonic ms: a stream's token's end; when a poll is answered at the latest */
	int64_t expires;     /* the claim exp, seconds since 1970; INT64_MAX without one */
	uint32_t heartbeat;  /* ms, as a self-test chose it; 0: the server's own */
	bool padding, online;
	bool first;          /* a poll without a position: it is answered at once */
	unsigned char token_tag[4];
};

/* Answers a request with a stream: head, hello and whatever is owed. The exchange is given back. */
void stream_open(struct conn *c, const struct stream_request *request);

/* Answers one that would have been a stream: pushsse.busy with the word of the refusal, and the end. */
void stream_refuse(struct conn *c, enum refusal refusal);

/* Gives a stream or a parked poll what it is owed; acts on what the hub decided about it. */
void stream_visit(struct conn *c);
/* The socket of a blocked stream takes bytes again. */
void stream_unblock(struct conn *c);
/* Pings, ends what has run out. For cold ones by the walk over time, for blocked ones once in a tick. */
void stream_tick(struct conn *c);
/* Its client has left. */
void stream_left(struct conn *c);
/* The server stops: says so and ends it. */
void stream_drain(struct conn *c);
/* Tells one of the onlookers how many are there; later, when it is blocked. */
void stream_tell_online(struct conn *c);

#endif
