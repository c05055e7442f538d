/*
 * model.h: what a server that is fuzzed has to have done: which messages were published, to whom, and who has seen
 * which of them. It knows no socket.
 *
 * A message has a number of its own, which its data begins with; so whoever sees it can tell whether it is whole and
 * whether it was his to see. A reading is one stream, or one answer to a poll.
 */
#ifndef MODEL_H
#define MODEL_H

#include "fuzz.h"

enum {
	MESSAGES = 128, READINGS = 96, UIDS = 4, CHANNELS = 3, KEYS = 4,
	EVERYONE = 1 << (UIDS + CHANNELS) /* in a mask: the uids, the channels, everyone */
};

struct message_seen {
	unsigned audience;  /* mask */
	size_t size;        /* bytes of its data, at least */
	bool transient;
	int key;            /* its idempotency key; 0: none */
	uint64_t seq;       /* 0: not known, or never published */
};

struct reading {
	unsigned audience;  /* mask: what it may see */
	uint64_t start;     /* nothing that is owed comes at or before this seq */
	uint64_t last;      /* everything up to this one was sent, it says */
	bool began;         /* `start` is known */
	bool lossless;      /* nothing that was retained is missing after `start` */
	bool now;           /* it asked for no position: nothing at all is missing after `start` */
	int known;          /* messages from this one on were sent to the server after it began */
	bool got[MESSAGES];
};

struct model {
	struct message_seen message[MESSAGES];
	int messages;
	struct reading reading[READINGS];
	int readings;
};

/* Appends the data of a message: its number, and filling up to its size. */
void model_add_data(const struct model *m, int number, struct buffer *out);
/* A message was answered with this seq. */
void model_published(struct model *m, int number, uint64_t seq);
/* A reading was sent one. */
void model_seen(struct model *m, struct reading *r, uint64_t seq, struct slice data);
/* A reading was told how far it has come. */
void model_told(struct reading *r, uint64_t seq);
/* Nothing is under way any more: has it got all that it was owed up to r->last? */
void model_check(const struct model *m, const struct reading *r);

#endif
