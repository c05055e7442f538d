/*
 * idempotency.h: which publishes were done, by the key that the publisher gave them, for ten minutes.
 *
 * Holds a digest of the key and the first answer. Belongs to the hub and is touched under its lock. Bounded: at
 * IDEMPOTENCY_MAX keys, a publish with a further one is refused until the oldest have run out.
 */
#ifndef IDEMPOTENCY_H
#define IDEMPOTENCY_H

#include <stdint.h>

#include "slice.h"

enum {
	IDEMPOTENCY_MAX = 1000000,      /* keys remembered at once */
	IDEMPOTENCY_MS = 10 * 60 * 1000 /* how long */
};

struct receipt {
	uint64_t digest[2];  /* of the key */
	uint64_t seq;        /* what was answered to it */
	int64_t expires;     /* monotonic ms */
	uint32_t streams;
	uint32_t segment;    /* of the journal that its record lies in, held; 0 without one */
	uint32_t next;       /* in its bucket: index + 1, 0 at the end */
	bool offline;
};

struct key_table {
	struct key_table *newer;
	uint32_t *bucket;         /* index + 1 of the first receipt, 0 for none; as many as capacity */
	uint32_t first, count, capacity; /* capacity: a power of two */
	struct receipt receipt[]; /* a ring, oldest first: they expire in the order they came, but after a clock was set back */
};

/*
 * When the newest table is full, one of twice its size is begun, and one that has become empty goes, but the newest: so
 * nothing is ever moved, which under the lock would take long. Only the oldest has lost any, and the newest takes more.
 */
struct idempotency {
	struct key_table *oldest, *newest;
	uint32_t count;
};

struct key_digest {
	uint64_t word[2];
};

struct key_digest idempotency_digest(struct slice key);

/* The receipt of that key that has not run out, NULL when there is none. */
const struct receipt *idempotency_find(const struct idempotency *i, struct key_digest key, int64_t now);
/* Makes sure that there is room for one more. False at the bound, or without memory. */
bool idempotency_reserve(struct idempotency *i);
/* Remembers; there is room, and the key is not known, though it may still be there and have run out. */
void idempotency_add(struct idempotency *i, struct key_digest key, struct receipt receipt);
/* The nth of them, 0 for the oldest; there is one. */
struct receipt *idempotency_at(struct idempotency *i, uint32_t n);
/* Forgets the oldest; there is one. */
void idempotency_drop_oldest(struct idempotency *i);
void idempotency_free(struct idempotency *i);

#endif
