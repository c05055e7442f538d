/*
 * onlookers.h: the streams that want to know how many are there (pushsse.online), and when they are told.
 *
 * For the worker's own thread. When the number has changed, a round begins: all are told the same, some of them in each
 * turn. To tell all at once would hold up every publisher: on a site that shows the number, all streams are onlookers.
 */
#ifndef ONLOOKERS_H
#define ONLOOKERS_H

#include "buffer.h"
#include "hub.h"

struct conn;
struct worker;

enum {
	ONLOOKERS_MS = 1000,   /* between the beginnings of two rounds, at least, */
	ONLOOKERS_SHARE = 10,  /* ... and so many times what the last one took */
	ONLOOKERS_TOLD = 32,   /* told in a turn, at most, */
	ONLOOKERS_LOOKED = 512 /* ... of so many cold connections */
};

/* What a stream was told. */
enum online {
	ONLINE_NO,   /* it does not want to know */
	ONLINE_OWED,
	ONLINE_EVEN, /* in an even round: in the next one it is owed that again, without its being marked */
	ONLINE_ODD
};

struct onlookers {
	size_t count;             /* the worker's */
	size_t left;              /* of the cold set, from its first on: not looked at yet in the round under way */
	struct hub_presence told; /* in this round, or the last one */
	enum online round;        /* ONLINE_EVEN or ONLINE_ODD */
	bool again;               /* somebody was told something else */
	int64_t began, next;      /* monotonic ms: this round or the last one; the next, at the earliest */
};

/* A stream becomes one of them: appends what it is told first. */
void onlookers_add(struct conn *c, struct buffer *out);
/* One of them goes. */
void onlookers_remove(struct conn *c);
/* Has it not been told in this round? */
bool onlookers_owe(const struct conn *c);
/* A tick: begins a round, if something has changed. */
void onlookers_begin(struct worker *w);
/* A turn: tells the next of them. */
void onlookers_step(struct worker *w);

#endif
