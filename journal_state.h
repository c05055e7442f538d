/*
 * journal_state.h: what the journal's own files share; nobody else includes it but its tests.
 */
#ifndef JOURNAL_STATE_H
#define JOURNAL_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "directory.h"

enum {
	JOURNAL_SEGMENT_LEAST = 4096,   /* bytes: how small max_bytes may make segments */
	JOURNAL_SHARES = 8,             /* segments that max_bytes is at least divided into */
	JOURNAL_WRITE_BYTES = 64 * 1024, /* gathered for one write(); a larger body is written from where it is */
	JOURNAL_RETRY_MS = 1000         /* between attempts to begin a segment, or to unlink one, after one that failed */
};

/* The calls that change the disk. A test puts its own in here. */
struct journal_system {
	int (*openat)(int directory, const char *name, int flags, mode_t mode);
	ssize_t (*write)(int fd, const void *bytes, size_t len);
	int (*fdatasync)(int fd);
	int (*ftruncate)(int fd, off_t length);
};

struct journal_segment {
	uint32_t number;
	uint64_t bytes;  /* to be trusted */
	uint64_t held;   /* what of it is still needed */
	bool bounds;     /* the one before is longer than it is to be trusted, and only this one's header says so */
};

struct journal {
	enum journal_sync sync;
	int64_t interval_ms;
	uint64_t max_bytes, segment_bytes;
	void (*answered)(void *context);
	void *context;
	char epoch[JOURNAL_EPOCH];
	const char *path;           /* of the directory */
	struct directory directory; /* closed, while it is not there */
	struct journal_system system;
	pthread_t thread;
	bool started;

	/* Everybody's, under the lock, which is never held while the disk is waited for. */
	pthread_mutex_t lock;
	pthread_cond_t changed;           /* for the writer thread: something waits, is no longer held, or it is to stop */
	struct journal_entry *first, **end; /* what waits; end: where the next one goes */
	bool stopping;
	atomic_bool unflushed;            /* something was appended, and the writer thread was not told */
	struct journal_segment *segment;  /* by number; the last is the one that is written, or was last */
	size_t segments, room;
	struct journal_figures figures;

	/* The writer thread's alone. */
	int fd;             /* of the segment that is written; -1: none could be begun */
	uint32_t number;    /* of that one, or of the last; 0: there was none */
	uint32_t sum;       /* of its header */
	uint64_t at;        /* bytes that were handed to write() or wait in `gathered` */
	uint64_t written;   /* bytes of whole batches that are written, and of which none was refused */
	uint64_t synced;    /* bytes known to be on the disk */
	int64_t written_at; /* monotonic ms: when the first byte after synced was written */
	uint32_t trusted;   /* bytes of the last segment that was sealed */
	bool overlong;      /* it is longer than that */
	bool sync_failed;   /* of the segment that is written: what a second one says is worth nothing */
	bool lacking;       /* found at the start: the end of the last segment may never have got to the disk */
	bool ending;        /* what is begun now is not written to */
	bool leftover;      /* a file of the next number may be there, from an attempt to begin it */
	int64_t retry_at, unlink_at; /* monotonic ms */
	size_t gathered_len;
	char gathered[JOURNAL_WRITE_BYTES];
};

/* Tests only, between journal_open() and journal_start(): these calls instead of the system's. */
void journal_use_system(struct journal *j, const struct journal_system *system);

/* journal_replay.c: replays all that is in the directory, which is open; as journal_open() says. */
bool journal_read(struct journal *j, char epoch[JOURNAL_EPOCH], journal_replay *record, void *context, uint64_t *lost,
                  char *error, size_t size);

/* journal_write.c: the writer thread. */
void *journal_run(void *context);

/* journal_files.c: by the writer thread alone. What is false has failed; errno says why. */
bool journal_write_all(struct journal *j, int fd, const char *at, size_t len);
/* Syncs what is written to the segment. */
bool journal_sync_written(struct journal *j);
/* Remembers a fault, which is the errno; the next attempt to begin a segment comes with the next batch, or in a while. */
bool journal_failed(struct journal *j, int error);
/* Begins the next segment: j->fd is its file. */
bool journal_begin(struct journal *j);
/* Ends the segment where all before is good; when nobody asked for a sync, that is all that was written. */
void journal_seal(struct journal *j);
/* The last segment of before the start: its torn tail is cut off, and what was replayed of it is made to last. */
void journal_settle(struct journal *j);
/* Seals the last one, and says behind it that it is whole. */
void journal_end(struct journal *j);
/* Under the lock: the place in the table of a segment that may go, or `segments`. */
size_t journal_find_unneeded(const struct journal *j);
void journal_unlink_unneeded(struct journal *j);

#endif
