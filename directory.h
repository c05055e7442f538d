/*
 * directory.h: the directory that the journal's segments lie in: whose it is, who holds it, what is in it.
 *
 * Start-up functions fill `error` with one line that names the file and, where there is something to do, what.
 */
#ifndef DIRECTORY_H
#define DIRECTORY_H

#include <sys/types.h>

#include "buffer.h"
#include "segment.h"

struct directory {
	char *path;
	int fd, lock;  /* -1: none */
	dev_t device;
	ino_t inode;
};

/*
 * Opens and locks it (fcntl: until directory_close(), or the end of the process, however it ends). With `make` it is
 * made when it is missing, and with `make_lock` so is its lock file; without one it is not locked. Refused: one that is
 * not this user's, one that others may write, one that is in use.
 */
bool directory_open(struct directory *d, const char *path, bool make, bool make_lock, char *error, size_t size);
void directory_close(struct directory *d);
/* Is it still where it was, and its lock file in it? */
bool directory_is_there(const struct directory *d);

/* A segment as it was found. */
struct segment_file {
	uint32_t number;
	bool last;        /* it may end in a record that was never finished */
	enum segment_fault fault; /* of the header as it is in the file */
	bool readable;    /* the header below is good: it was sound, or directory_mend() put it right */
	struct segment_header header;
	uint32_t sum;
	uint64_t size;    /* of the file */
	uint64_t trusted; /* up to here; more than size: something is missing */
};

struct segment_list {
	struct segment_file *file; /* by number */
	size_t count;
	uint32_t unfinished;       /* the number of one behind them all whose header was never finished; 0: none */
};

/* False with a line in `error`. */
bool directory_list(const struct directory *d, struct segment_list *list, char *error, size_t size);
void directory_free_list(struct segment_list *list);
/* Puts damaged headers right where one bit has changed, in the list, not on the disk. */
bool directory_mend(const struct directory *d, struct segment_list *list, char *error, size_t size);

/* Reads the first bytes of a segment, `limit` at most, into the buffer, which is emptied before. */
bool directory_load(const struct directory *d, uint32_t number, uint64_t limit, struct buffer *file, char *error,
                    size_t size);

#endif
