/*
 * inbox.h: how the hub tells a worker which of its readers have something to be done.
 *
 * A publish to a uid marks each of its readers. A publish to a channel or to everyone, which may have many, stirs a
 * roster: the list of one worker's readers of one such audience; the worker itself then goes through it, without
 * the lock. What is said "under the lock" is for whoever holds the hub's lock.
 */
#ifndef INBOX_H
#define INBOX_H

#include "reader.h"

enum urgency {
	URGENT, /* marks of single readers */
	FANOUT, /* stirred rosters */
	URGENCIES
};

struct inbox {
	void (*wake)(void *context); /* any thread, without the lock */
	void *context;
	unsigned index;              /* among the hub's inboxes */
	atomic_bool pending[URGENCIES]; /* there is something to take: for a look without the lock */
	struct reader *marked;       /* under the lock */
	struct roster *stirred;      /* under the lock */
	uint64_t stamp[URGENCIES];   /* seq of the last publish that counted here; under the lock */
	struct backlog {             /* what was published for its readers and not yet given to all of them */
		_Atomic uint64_t bytes, messages;
		uint64_t round_bytes, round_messages; /* how much of that the round under way covers; the worker's own */
		int64_t since;       /* of FANOUT: when the first that no round covers was accepted, us; 0: none; under the lock */
		int64_t round_since; /* ... the first that the round covers; the worker's own */
	} backlog[URGENCIES];
	atomic_uint pressing;        /* readers for which publishers wait: hub_press() */
};

/* The readers that one worker has of one wide audience. Goes with its last reader, unless it is stirred. */
struct roster {
	struct audience *audience;
	struct inbox *inbox;
	struct roster *next;         /* of the same audience */
	struct subscription *newest; /* ring; changed by its own worker under the lock, walked by it without */
	struct roster *next_stirred; /* under the lock */
	struct roster *next_taken;   /* its worker's own */
	bool stirred;
};

/* Under the lock, all of these. */

/* Marks a reader in its inbox, once. */
void inbox_mark(struct reader *r);
void inbox_unmark(struct reader *r);
/* Stirs a roster, once. */
void inbox_stir(struct roster *roster);
/* Counts a message as not yet given to the inbox's readers; once for each seq. */
void inbox_count(struct inbox *inbox, enum urgency urgency, uint64_t seq, uint32_t bytes);

/* Puts a subscription first in a ring, or takes it out. */
void ring_add(struct subscription **newest, struct subscription *s);
void ring_remove(struct subscription **newest, struct subscription *s);

/* The roster of that audience in that inbox, made when there is none: NULL without memory. */
struct roster *roster_get(struct audience *wide, struct inbox *inbox);
struct roster *roster_find(const struct audience *wide, const struct inbox *inbox);
/* Frees it when it has no readers and is not stirred. */
void roster_settle(struct roster *roster);

#endif
