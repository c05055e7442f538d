/*
 * journal.h: the log on disk: append, group commit, replay. It knows no hub: a record's body is bytes to it.
 *
 * A directory holds numbered segments, append-only, the last of them being written (doc/journal.md is the format). One
 * writer thread takes everything that waits, writes it at once, syncs once, and answers each in order: so a thousand
 * publishers that wait cost one fdatasync. Nothing here is called under a lock of the caller's but journal_append() and
 * journal_release(), which do not block.
 *
 * After a failed write or sync the segment is never trusted again: it is sealed at the last known-good offset, which
 * the next segment's header says, and all that came after is answered as not stored. The journal recovers by itself:
 * while it fails, it tries to begin a new segment with each batch and once a second.
 */
#ifndef JOURNAL_H
#define JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "slice.h"
#include "timing.h"

enum {
	JOURNAL_EPOCH = 6,                        /* bytes */
	JOURNAL_SEGMENT_BYTES = 16 * 1024 * 1024, /* or an eighth of max_bytes: none is longer, but for one of a single record */
	JOURNAL_RECORD_MAX = 512 * 1024 * 1024    /* bytes of a body; a longer one is refused, and read as damage */
};

enum journal_sync {
	JOURNAL_ALWAYS, /* fdatasync before each batch is answered */
	JOURNAL_EVERY,  /* answered when written; fdatasync every interval */
	JOURNAL_NEVER   /* answered when written; the system writes it to the disk when it likes */
};

struct journal;

struct journal_options {
	const char *directory; /* lives as long as the journal */
	enum journal_sync sync;
	int64_t interval_ms;  /* of JOURNAL_EVERY */
	uint64_t max_bytes;   /* of all segments together: before that the oldest is given up (journal_over); 0: no bound */
	struct journal **opened; /* set before the replay, for a journal_hold() in it; NULL: nobody wants it then */
	void (*answered)(void *context); /* by the writer thread, after the done() of several entries; NULL: nobody asks */
	void *context;
};

/* One record under way; the caller's until `done`. */
struct journal_entry {
	struct journal_entry *next; /* the journal's */
	struct slice body;          /* lives until done; empty: nothing is written, it is answered in its turn, as stored */
	uint32_t segment;           /* out: the number of the segment that it lies in; of an empty one: that is written */
	void (*done)(struct journal_entry *entry, bool stored); /* by the writer thread, in the order of appending */
};

/*
 * What a replay is given. `segment` is the number of the segment that the record lies in. No body (at NULL), behind the
 * records of a segment: a repair took something out of it, or its end may never have got to the disk. False ends it: no
 * memory.
 */
typedef bool journal_replay(void *context, struct slice body, uint32_t segment);

/*
 * Opens the directory (makes it, 0700, when it is missing), locks it, checks whose it is and replays all records in
 * order. A new journal takes `epoch`; an old one gives its own back in it. `lost` gets how many bytes of a torn tail
 * are cut off.
 * NULL with one line in `error` that names file, offset and what to do: a record that is damaged in the middle, a
 * directory that others may write, one that another server holds, memory, any error of the system.
 */
struct journal *journal_open(const struct journal_options *options, char epoch[JOURNAL_EPOCH], journal_replay *replay,
                             void *context, uint64_t *lost, char *error, size_t size);
/* Starts the writer thread. Until then nothing is written. False without one. */
bool journal_start(struct journal *j);
/* Writes and answers what waits, syncs, ends the thread, unlocks. NULL is allowed. */
void journal_close(struct journal *j);

/*
 * Any thread; does not block on the disk. The writer thread need not look at it before journal_flush(), so that what is
 * appended in a row costs one waking, one write and one sync.
 */
void journal_append(struct journal *j, struct journal_entry *entry);
void journal_flush(struct journal *j);

/*
 * Keeping segments: each counts what of it is still needed. A hold for a record is taken within its replay or its
 * done(), or while there is another hold on the segment: one that nobody holds may be gone. Neither blocks.
 */
void journal_hold(struct journal *j, uint32_t segment);
/* What is sealed and no longer needed by anybody is unlinked by the writer thread, soon. */
void journal_release(struct journal *j, uint32_t segment);
/*
 * When what is held comes within three segments of max_bytes, so that there is room for the next: the number of the
 * segment up to which holders have to let go; else 0. The newer ones fit, also while the oldest is not let go of yet.
 * The one that is written is never named.
 */
uint32_t journal_over(struct journal *j);

struct journal_figures {
	uint64_t bytes, segments;           /* there are now */
	uint64_t records, failures;         /* since the start: written; batches and attempts that failed */
	struct timing sync;                 /* since the start: of what was written, those that did not fail */
	bool failing; /* what was appended last could not be stored, nor a new segment be begun since */
	int error;    /* the errno of the last failure; 0: there was none */
};

struct journal_figures journal_figures(struct journal *j);

/*
 * `pushsse journal check|repair DIR`: reads all segments and tells what they hold and what is damaged on stdout. Repair
 * keeps every record that is sound: a damaged segment is written anew without what is damaged, and kept beside it as
 * NAME.damaged. 0: sound (or repaired), 1: damaged, 2: cannot be read.
 */
int journal_check(const char *directory, bool repair);

#endif
