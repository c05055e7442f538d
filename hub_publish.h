/*
 * hub_publish.h: a message on its way into the logs: for hub_publish.c, which takes it from a publisher, and
 * hub_store.c, which takes it from the journal. Any thread; the lock is taken by delivery_accept() alone.
 */
#ifndef HUB_PUBLISH_H
#define HUB_PUBLISH_H

#include "hub.h"
#include "idempotency.h"

struct target {
	enum audience_kind kind;
	struct slice name;
	struct audience *audience; /* NULL for one that need not be made: nobody is there, and nothing is retained */
	struct node *empty;        /* for its log; NULL once it is used */
};

struct delivery {
	uint64_t seq;           /* 0: the next one */
	uint32_t segment;       /* of the journal; 0 without one */
	bool keyed;
	struct key_digest key;
	int64_t key_from;       /* monotonic ms: when it was first given; it is good for IDEMPOTENCY_MS */
	size_t before;          /* bytes of room for its id */
	size_t rendered;        /* bytes of the block after its id */
	struct message *message;
	size_t targets;
	struct target target[HUB_MAX_TARGETS]; /* the first `targets` of them are set */
};

static inline void delivery_begin(struct delivery *d)
{
	d->seq = 0;
	d->segment = 0;
	d->keyed = false;
	d->before = SSE_ID_MAX;
	d->message = NULL;
	d->targets = 0;
}

/* Adds a target; at most HUB_MAX_TARGETS. None at all is everyone. */
void delivery_add_target(struct delivery *d, enum audience_kind kind, struct slice name);
/*
 * When all targets are there: makes the message and the nodes that it will need. Answers where its block's fields go
 * (and sets neither `rendered` nor message->expires), NULL without memory.
 */
char *delivery_prepare(struct delivery *d, size_t room);
/* Takes it into the logs, fills in what is to be answered, and sets which inboxes are to be woken. */
void delivery_accept(struct hub *hub, struct delivery *d, int64_t now, struct publishing *op,
                     bool wake[HUB_MAX_INBOXES]);
/* Gives back what it still holds. */
void delivery_release(struct delivery *d);

#endif
