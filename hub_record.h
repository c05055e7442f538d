/*
 * hub_record.h: what the hub writes into the journal, as bytes and back (doc/journal.md).
 *
 * Pure but for the memory of a record that is written; any thread. Little-endian throughout.
 */
#ifndef HUB_RECORD_H
#define HUB_RECORD_H

#include "audience.h"
#include "buffer.h"
#include "idempotency.h"

enum record_kind {
	RECORD_MESSAGE = 1,
	RECORD_BAR = 2,     /* a kick */
	RECORD_POSITION = 3 /* seqs up to this one may have been seen */
};

struct record {
	enum record_kind kind;
	uint64_t seq;            /* RECORD_MESSAGE, RECORD_POSITION */
	int64_t time;            /* ms since 1970: when a message was published, up to which tokens are barred */
	uint64_t written;        /* RECORD_POSITION: the newest message that was written before; in the place of `time` */
	int64_t expires;         /* ms since 1970: of a message */
	bool transient;          /* a message that is never retained; it goes through the journal's order, not its files */
	bool keyed;
	struct key_digest key;   /* of a message's idempotency key */
	size_t targets;          /* names in `names`; none: everyone */
	struct slice names;      /* encoded: record_next_name() */
	struct slice text;       /* a message's block after its id; a bar's bye */
};

/* Appends a name for record.names. */
void record_add_name(struct buffer *names, enum audience_kind kind, struct slice name);
/* Takes one off. False after the last. */
bool record_next_name(struct slice *names, enum audience_kind *kind, struct slice *name);

/* Appends the record. */
void record_write(struct buffer *out, const struct record *r);
/* Puts the seq, which is known last, into a record that was written without. */
void record_set_seq(char *bytes, uint64_t seq);
/* Reads one; its slices point into the bytes. False when it is none. */
bool record_read(struct slice bytes, struct record *r);

#endif
