/*
 * reader.h: one who reads messages: a position in each of its audiences' logs, and what it is still owed.
 *
 * A reader has no queue. What it is owed is what its logs hold from its positions on, merged by seq; so a slow reader
 * costs its positions and nothing else. A reader is attached and detached by the hub (hub_subscribe, hub_unsubscribe);
 * in between, its positions belong to the one thread that its inbox belongs to, and moving them takes no lock.
 */
#ifndef READER_H
#define READER_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/uio.h>

#include "audience.h"

enum {
	READER_MAX_CHANNELS = 64,  /* as many as a token may list */
	GATHER_MAX_BLOCKS = 64,    /* of one sendmsg(), and */
	GATHER_MAX_BYTES = 256 * 1024 /* ... past which no further block is added */
};

/* A reader's place in one audience. */
struct subscription {
	struct audience *audience;
	struct node *at;                         /* next to be read; held */
	struct subscription *newer, *older;      /* ring of the audience's (or roster's) readers; under the hub's lock */
};

struct channel_subscription {
	struct subscription subscription;
	struct reader *reader;
};

/* What the hub has decided about a reader that its worker has not acted on yet. The first one stands. */
enum verdict {
	VERDICT_STAYS,
	VERDICT_EVICTED,  /* its uid has too many streams: pushsse.busy */
	VERDICT_REPLACED, /* the same uid and cid came again */
	VERDICT_KICKED    /* pushsse.bye */
};

struct reader {
	struct subscription own[2];         /* its uid and everyone */
	struct channel_subscription *channel; /* the rest, allocated; NULL without channels */
	struct inbox *inbox;                /* of the worker it belongs to; NULL when it is not attached */
	struct reader *mark_next, **mark_link; /* in the inbox, when marked; under the hub's lock */
	uint64_t attached;                  /* seq of the newest message then: what came up to it is replay */
	int64_t since;                      /* when it attached: of the replay, what had expired by then is left out */
	uint64_t lag_limit;                 /* bytes that it may be behind: max_lag, and what it had to be replayed */
	uint64_t cid;                       /* hash of the client's id; 0 for none */
	uint32_t offset;                    /* bytes of the next block that were sent */
	unsigned char channels;
	bool poll;                          /* a parked long-poll, not a stream */
	_Atomic unsigned char verdict;      /* enum verdict */
};

static inline unsigned reader_subscriptions(const struct reader *r)
{
	return 2u + r->channels;
}

static inline struct subscription *reader_subscription(struct reader *r, unsigned i)
{
	return i < 2 ? &r->own[i] : &r->channel[i - 2].subscription;
}

/* Whose it is: of the two that every reader has, told by their place in it. */
static inline struct reader *subscription_reader(struct subscription *s)
{
	switch (s->audience->kind) {
	case AUDIENCE_UID:
		return (struct reader *)(void *)((char *)s - offsetof(struct reader, own[0]));
	case AUDIENCE_EVERYONE:
		return (struct reader *)(void *)((char *)s - offsetof(struct reader, own[1]));
	default:
		return ((struct channel_subscription *)(void *)s)->reader;
	}
}

/* What one sendmsg() is to send, and where the reader stands after it. */
struct gather {
	struct iovec block[GATHER_MAX_BLOCKS];
	size_t blocks, bytes;
	uint64_t bound;
	struct node *after[2 + READER_MAX_CHANNELS];
};

/*
 * Gathers what the reader is owed, up to and including message `bound` (hub_seq() of before: everything up to it is
 * in the logs, so an order by seq holds over all of them). What is owed was settled when the reader attached: no
 * time that passes takes anything from it. Allocates nothing; the blocks stay alive while the reader does not move.
 * False when there is nothing.
 */
bool reader_gather(struct reader *r, uint64_t bound, struct gather *g);
/* Moves the reader past the first `sent` bytes of what was gathered. */
void reader_advance(struct reader *r, struct gather *g, size_t sent);
/* Is what it is owed next from before it attached? */
bool reader_replays(struct reader *r);
/* Bytes that it is owed, those of a message for several of its audiences counted for each. */
uint64_t reader_lag(struct reader *r);

#endif
