/*
 * segment.h: the format of the journal's files, as bytes (doc/journal.md).
 *
 * Pure: no I/O, no allocation, any thread. A segment is a header and then records; all numbers are little-endian. Each
 * record is tied to its segment and its place there: its sums begin with the header's sum and its offset. So nothing
 * that a message holds, and nothing that an older file left on the disk, is ever taken for a record.
 */
#ifndef SEGMENT_H
#define SEGMENT_H

#include <stdint.h>

#include "journal.h"

enum {
	SEGMENT_VERSION = 1,
	SEGMENT_HEADER = 40, /* bytes; the same in every version */
	SEGMENT_FRAME = 12,  /* bytes before each body */
	SEGMENT_NAME = 24    /* bytes of a file name, with its NUL and room for what a compiler thinks possible */
};

struct segment_header {
	char epoch[JOURNAL_EPOCH];
	uint32_t number;   /* its own; the file's name says the same */
	uint32_t previous; /* up to which byte segment number - 1 is to be trusted; 0: there was none */
	uint32_t length;   /* its own, of one that was written anew and is complete; 0: the next segment says it */
	uint64_t begun;    /* ns since 1970; what makes its sum one that nobody can foresee */
	bool lazy;         /* what is written to it may be answered before it is synced */
};

void segment_write_name(char name[SEGMENT_NAME], uint32_t number);
/* Its number, or 0 for a name that is no segment's. */
uint32_t segment_read_name(const char *name);

/* Answers the sum that its records begin with. */
uint32_t segment_write_header(char out[SEGMENT_HEADER], const struct segment_header *h);

enum segment_fault { SEGMENT_SOUND, SEGMENT_DAMAGED, SEGMENT_UNKNOWN /* sound, but of another version */ };
enum segment_fault segment_read_header(struct slice file, struct segment_header *h, uint32_t *sum);
/* Puts a header right in which one bit has changed. False when that does not help. */
bool segment_mend_header(char header[SEGMENT_HEADER]);

/* Writes what comes before a body at this offset of the segment. */
void segment_write_frame(char out[SEGMENT_FRAME], uint32_t sum, uint32_t offset, struct slice body);

/* A walk through the records of a segment that is in memory from its first byte on. */
struct segment_reader {
	struct slice file;
	uint32_t sum; /* the header's */
	size_t at;    /* of the next record; after SEGMENT_BAD: of the bad one */
};

enum segment_next { SEGMENT_RECORD, SEGMENT_END, SEGMENT_BAD };
enum segment_next segment_next(struct segment_reader *r, struct slice *body);
/* The same where segment_next() has been before: its sums are not looked at again. False at the end. */
bool segment_again(struct segment_reader *r, struct slice *body);
/* From a bad record on to the next sound one, wherever it is. False when there is none: then it is at the end. */
bool segment_seek(struct segment_reader *r);

#endif
