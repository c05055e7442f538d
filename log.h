/*
 * log.h: the log of one audience: a chain of messages in the order of their seq, with an empty node at its end.
 *
 * A position in it is a pointer to the next node to be read: a reader that has read everything points at the empty
 * node, which the next append fills, putting a new one behind it. Every node holds a reference to the one after it,
 * and a position holds a reference to its node: so what a reader is still owed lives after history has dropped it,
 * and goes when the last position has moved past it. The log itself holds its oldest retained node.
 *
 * Appending, trimming and finding a place are for whoever holds the hub's lock. Walking from a position that one
 * holds, and moving it, need no lock: `next` is published with release order when its node was filled.
 */
#ifndef LOG_H
#define LOG_H

#include <stdatomic.h>
#include <stdint.h>

#include "message.h"

enum { LOG_UNIT = 16 }; /* bytes */
#define LOG_MAX_BYTES (INT64_C(64) << 30) /* UINT32_MAX units: bounds --history-bytes and --max-lag */

struct node {
	_Atomic(struct node *) next; /* NULL: this is the empty node at the end; holds a reference */
	struct message *message;     /* held; set before next is */
	uint32_t start;              /* what was appended to the log before this node, in units of LOG_UNIT; it wraps */
	atomic_uint references;
};

struct log {
	struct node *first; /* the oldest retained node, or the empty one; held */
	_Atomic(struct node *) last; /* the empty one: changed under the hub's lock, see log_bytes_after() */
	uint64_t floor;     /* the highest seq that history has dropped, 0 for none: below it there are gaps */
	uint64_t last_seq;  /* of the newest message ever appended */
	uint32_t retained;  /* messages from first on that history keeps (ttl > 0) */
	uint32_t weight;    /* of the nodes from first on: 1 each, a transient one (ttl 0) 1 more for each KiB of it */
	uint32_t compact_at; /* weight at which compacting is tried */
	uint32_t soonest;   /* no node from first on expires before that (monotonic s) */
};

/*
 * About how many bytes lie behind this node, which the caller holds: so all from that on are held, and no lock is taken.
 * Each message is rounded up to LOG_UNIT, and all of it has to be less than LOG_MAX_BYTES.
 */
static inline uint64_t log_bytes_after(struct log *log, const struct node *at)
{
	uint32_t units = atomic_load_explicit(&log->last, memory_order_acquire)->start - at->start;

	return (uint64_t)units * LOG_UNIT;
}

/* Called for each message that a log retains no longer, under the hub's lock, before it is let go. */
typedef void log_dropped(void *context, struct message *m);

/* Starts an empty log; `floor` is what may have been dropped before it existed. False without memory. */
bool log_open(struct log *log, uint64_t floor);
void log_close(struct log *log);

/* A node for log_append(), so that nothing can fail there. NULL without memory. */
struct node *log_new_node(void);
/* Appends a message (a new reference is taken) and puts `empty`, which it owns from now on, behind it. */
void log_append(struct log *log, struct message *m, struct node *empty);

/* Drops the oldest retained message, and transient ones before and behind it. */
void log_drop_oldest(struct log *log, log_dropped *dropped, void *context);
/* Drops what has expired or is beyond `count` messages, oldest first, and transient ones in its way. */
void log_trim(struct log *log, int64_t now, uint32_t count, log_dropped *dropped, void *context);

/*
 * Takes what has expired and transient ones out of the middle, as far as nobody is owed them. Trimming does so now and
 * then, by weight.
 */
void log_compact(struct log *log, int64_t now, log_dropped *dropped, void *context);
/* Has it transient messages, which no bound on history counts? */
static inline bool log_has_transient(const struct log *log)
{
	return log->weight > log->retained;
}

/* The node after that of seq, held for the caller: where a reader at that position goes on. */
struct node *log_place(struct log *log, uint64_t seq);
/* Has anything from this node on that is retained expired, behind a message that has not? */
bool log_has_expired_from(const struct log *log, struct node *node, int64_t now);

struct node *node_hold(struct node *node);
void node_release(struct node *node);

/* NULL at the end. */
static inline struct node *node_next(struct node *node)
{
	return atomic_load_explicit(&node->next, memory_order_acquire);
}

#endif
