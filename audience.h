/*
 * audience.h: who a message can be for (a uid, a channel, everyone), and the table that finds them by name.
 *
 * All of it belongs to the hub and is touched under its lock. An audience exists while it has readers, retained
 * messages, a bar or a past worth remembering; the hub decides and removes it.
 */
#ifndef AUDIENCE_H
#define AUDIENCE_H

#include <stddef.h>
#include <stdint.h>

#include "log.h"

struct subscription;
struct roster;
struct linger;

enum audience_kind {
	AUDIENCE_UID,      /* narrow: a publish marks each of its readers */
	AUDIENCE_CHANNEL,  /* wide: a publish stirs the rosters, and each worker marks its own readers */
	AUDIENCE_EVERYONE, /* wide; there is one, without a name */
};

/* What the last kick of a uid left behind. */
struct bar {
	struct bar *next, *previous; /* ring of those with a segment, oldest record first; alone without one */
	struct audience *uid;
	int64_t until;               /* tokens issued up to then (ms since 1970) are refused */
	uint32_t segment;            /* of the journal that its record lies in, held; 0 without one */
	char *bye;                   /* the reason, as JSON; behind this in the same memory */
};

/* There is one for each uid that is there, so each byte of it counts. */
struct audience {
	struct audience *next; /* in its bucket */
	struct log log;
	union {
		struct subscription *newest; /* a uid: its readers, a ring from the newest to the oldest */
		struct roster *rosters;      /* wide: one for each worker that has readers of it */
	};
	struct linger *lingering; /* a uid: who polled a moment ago, newest first */
	struct bar *bar;          /* a uid; NULL: never kicked */
	int64_t touched;          /* when it was last published to (monotonic ms) */
	uint32_t streams;         /* readers attached: streams and parked polls */
	unsigned char kind;       /* enum audience_kind */
	unsigned char len;        /* bytes of the name */
	char name[];
};

/* Grows one bucket at a time (linear hashing, Litwin 1980), so that no insertion stalls. */
struct audience_table {
	struct audience **bucket;
	size_t buckets, capacity; /* in use, allocated */
	size_t mask;              /* 2^k - 1, where 2^k <= buckets < 2^(k+1) */
	size_t count;
	uint64_t key[2];          /* of the hash */
};

/* False without memory. */
bool audience_table_open(struct audience_table *t, const uint64_t key[2]);
/* Frees the audiences too, and their logs; no reader may be left. */
void audience_table_close(struct audience_table *t);

/* NULL when there is none. */
struct audience *audience_find(const struct audience_table *t, enum audience_kind kind, struct slice name);
/* Finds or makes it; a new one's log has this floor. NULL without memory. The name has at most 255 bytes. */
struct audience *audience_get(struct audience_table *t, enum audience_kind kind, struct slice name, uint64_t floor);
/* Takes it out of the table and frees it. */
void audience_remove(struct audience_table *t, struct audience *a);

static inline struct slice audience_name(const struct audience *a)
{
	return (struct slice){a->name, a->len};
}

#endif
