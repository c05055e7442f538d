/*
 * hub_state.h: the inside of the hub, for hub.c, hub_publish.c, hub_subscribe.c and hub_presence.c alone. All of it
 * is under the lock but for what is atomic, and so is every function here for whoever holds the lock.
 */
#ifndef HUB_STATE_H
#define HUB_STATE_H

#include <pthread.h>

#include "hub.h"
#include "hub_record.h"
#include "idempotency.h"
#include "journal.h"

/* Seqs that a start leaves out: beyond what a record on disk tells of, no more are given out. */
enum { STORE_SKIP = 1 << 20 };

/* One who polled a moment ago and has not come back yet. */
struct linger {
	struct linger *next, *previous; /* ring of all, oldest first: all linger equally long */
	struct linger *below, *above;   /* ring of the same uid: the one before; the newest is below the oldest */
	uint32_t number;                /* of the same uid: one more than the one before, as they go at the two ends alone */
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
	struct bar stored_bars;           /* ring: the bar whose record is the oldest first */
	struct idempotency keys;
	struct journal *journal;          /* NULL: in memory */
	uint64_t assigned;                /* the newest seq that was given to a record; `seq` follows when it is stored */
	uint64_t written;                 /* the newest seq of a message that was given to the journal's files */
	_Atomic uint64_t position;        /* the newest seq that a record on disk tells of; the journal's thread sets it */
	uint32_t position_segment;        /* where the last RECORD_POSITION lies, held; 0 for none */
	bool position_asked;              /* one is on its way */
	int64_t position_again;           /* monotonic ms: not before, after a fault */
	uint32_t stored_segment;          /* of the record that was stored last */
	uint32_t bounded_segment;         /* up to which everything is let go of, */
	int64_t bounded_at;               /* ... and when (monotonic ms) */
	uint32_t keys_loose;              /* the oldest of `keys`: these hold no segment any more */
	uint32_t keys_under_way;          /* of messages that the journal has not answered */
	bool wake_owed[HUB_MAX_INBOXES];  /* the journal's thread alone: at the end of what it answers in a row */
	uint32_t renewals_under_way;      /* bars of the slice that is written again */
	_Atomic int64_t skew;             /* ms: hub_set_skew() */
	struct linger lingering;          /* ring, through lingering.next: the first to run out */
	size_t swept;                     /* bucket at which the next sweep begins */
	_Atomic uint32_t users, streams, lingers; /* uids that are there; readers; pollers between two polls */
	atomic_bool awaiting_calm;
	atomic_uint calms;                /* times that those who awaited it were woken */
	atomic_uint waiting, waited;      /* publishers: for the next of them; for the last one */
	atomic_uint rounds;               /* of FANOUT that were ended since the last one */
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
/* Those of them, which then are false. */
void hub_wake(const struct hub *hub, bool wake[HUB_MAX_INBOXES]);
/* Removes an audience that nobody reads, that retains nothing and bars nobody. */
void hub_forget_if_idle(struct hub *hub, struct audience *a, int64_t now);

/* Forgets idempotency keys that have run out. */
void hub_expire_keys(struct hub *hub, int64_t now);
/* Is the key known? Then *op gets what was answered. */
bool hub_knows_key(struct hub *hub, struct key_digest key, int64_t now, struct publishing *op);

/* hub_store.c: with a journal. What is 0 is in no segment. */
void hub_hold_segment(struct hub *hub, uint32_t segment);
void hub_release_segment(struct hub *hub, uint32_t segment);
/* Without the lock: hands a publication over. False: it was not, and op->result says why, or its key was known. */
bool hub_store(struct hub *hub, const struct publication *p, int64_t expires, int64_t now, struct publishing *op);
/* Hands a uid's bar over; under the lock. False, with op->result, when that was not possible. */
bool hub_store_bar(struct hub *hub, const struct audience *uid, int64_t now, struct publishing *op);
/* A uid's bar is stored in that segment, in place of the one before; under the lock, in the journal's order. */
void hub_settle_bar(struct hub *hub, struct bar *bar, uint32_t segment);
/* Refuses a uid's tokens issued up to then; under the lock. `bye` is what its streams are told. */
enum hub_result hub_bar(struct hub *hub, struct slice uid, struct slice bye, int64_t today);
/* Drops what was retained first, if its record lies in a segment up to this one. */
bool hub_drop_oldest(struct hub *hub, uint32_t upto);
/* Lets go of what keeps more segments than there may be, of a slice at a time. */
void hub_bound_journal(struct hub *hub, int64_t now);
/* By the journal's thread, after a row of answers: wakes who has an answer to send, or a message to deliver. */
void hub_answered(void *hub);

/* hub_replay.c: takes in what is stored, in that segment. `now` is monotonic. */
enum hub_result hub_take_in(struct hub *hub, const struct record *r, uint32_t segment, int64_t now,
                            struct publishing *op);

/* A uid's streams and lingers. */
uint32_t presence_of(const struct audience *uid);
/* They changed from `before` in all: keeps the count of users. */
void presence_changed(struct hub *hub, const struct audience *uid, uint32_t before);
/* One who polls again was there all along: takes the newest linger of this uid away, when there is one. */
void linger_end(struct hub *hub, struct audience *uid);
/* Adds one; without memory there is just none. */
void linger_begin(struct hub *hub, struct audience *uid, int64_t now);
void linger_expire(struct hub *hub, int64_t now);

#endif
