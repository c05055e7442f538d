/*
 * hub_state.h: the inside of the hub, for hub.c, hub_publish.c, hub_subscribe.c and hub_presence.c alone. All of it
 * is under the lock but for what is atomic, and so is every function here for whoever holds the lock.
 */
#ifndef HUB_STATE_H
#define HUB_STATE_H

#include <pthread.h>

#include "hub.h"
#include "idempotency.h"

/* One who polled a moment ago and has not come back yet. */
struct linger {
	struct linger *next, *previous; /* ring of all, oldest first: all linger equally long */
	struct linger *below;           /* of the same uid, older */
	struct audience *uid;
	int64_t until;
};

struct hub {
	pthread_mutex_t lock;
	struct hub_limits limits;
	char epoch[EPOCH_SIZE];
	_Atomic uint64_t seq;             /* stored when all logs have the message */
	struct audience_table audiences;
	struct audience *everyone;
	struct retained queue;            /* ring: oldest retained message first, through queue.next */
	uint64_t retained, retained_bytes;
	uint64_t forgotten_floor;         /* the highest floor of any audience that was forgotten */
	uint64_t publishes;
	uint64_t bars;                    /* uids that are barred */
	struct idempotency keys;
	struct linger lingering;          /* ring, through lingering.next: the first to run out */
	size_t swept;                     /* bucket at which the next sweep begins */
	_Atomic uint32_t users, streams, lingers; /* uids that are there; readers; pollers between two polls */
	atomic_bool awaiting_calm;
	struct inbox *inbox[HUB_MAX_INBOXES];
	unsigned inboxes;
};

/* Takes a message into history for one of its audiences. */
void hub_retain(struct hub *hub, struct message *m, struct retained *r, struct audience *a);
/* Drops from an audience's log what is too old or too much. */
void hub_trim(struct hub *hub, struct audience *a, int64_t now);
/* Drops the oldest of all until history is within its bytes. */
void hub_bound_history(struct hub *hub);
/* Without the lock, alone of these. */
void hub_wake_all(const struct hub *hub);
/* Removes an audience that nobody reads, that retains nothing and bars nobody. */
void hub_forget_if_idle(struct hub *hub, struct audience *a, int64_t now);

/* A uid's streams and lingers changed from `before` in all: keeps the count of users. */
void presence_changed(struct hub *hub, const struct audience *uid, uint32_t before);
/* One who polls again was there all along: takes the newest linger of this uid away, when there is one. */
void linger_end(struct hub *hub, struct audience *uid);
/* Adds one; without memory there is just none. */
void linger_begin(struct hub *hub, struct audience *uid, int64_t now);
void linger_expire(struct hub *hub, int64_t now);

#endif
