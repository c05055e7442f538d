/*
 * message.h: what was published: rendered once, then never changed, and shared by counting references.
 *
 * Knows no audience but as an address, and no socket. A message is made by the thread that publishes; any thread may
 * hold and release it. What `retained` says belongs to the hub and its lock.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdatomic.h>
#include <stdint.h>

#include "slice.h"

struct audience;

/* A message's place in the hub's queue of all that is retained, oldest first; one for each audience it is for. */
struct retained {
	struct retained *next, *previous;
	struct audience *audience; /* NULL when its log does not retain the message (any more) */
};

struct message {
	atomic_uint references;
	uint32_t size;      /* bytes of the block */
	uint64_t seq;       /* its place in the server's one order */
	int64_t expires;    /* monotonic ms; EXPIRED_ALWAYS for one that is never retained (ttl 0) */
	uint32_t segment;   /* of the journal that its record lies in; 0 without one */
	uint16_t start;     /* of the block: where it begins in the room for it */
	uint16_t audiences; /* entries of retained[] */
	uint16_t keepers;   /* how many of them retain it: bytes are charged to history from the first to the last */
	struct retained retained[];
	/* after retained[]: room for the event block as it goes on the wire, see message_room() */
};

enum { EXPIRED_ALWAYS = 0 };

/*
 * A message for up to 65,535 audiences with `room` bytes for its block, for its maker to fill. One reference, the
 * caller's. NULL without memory.
 */
struct message *message_new(size_t audiences, size_t room);
void message_release(struct message *m);

static inline char *message_room(struct message *m)
{
	return (char *)(m->retained + m->audiences);
}

static inline const char *message_block(const struct message *m)
{
	return (const char *)(m->retained + m->audiences) + m->start;
}

/* What it costs in memory, for the bound on history. */
static inline size_t message_cost(const struct message *m)
{
	return sizeof *m + m->audiences * sizeof m->retained[0] + m->size;
}

#endif
