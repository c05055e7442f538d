/*
 * timing.h: how long something took, each time: counted by powers of two. Pure.
 *
 * The first took less than TIMING_FIRST us, the next less than twice that; the last are all the rest, from 8.4 s on.
 */
#ifndef TIMING_H
#define TIMING_H

#include <stdint.h>

enum { TIMING_FIRST = 64, TIMING_BUCKETS = 19 };

struct timing {
	uint64_t count[TIMING_BUCKETS];
	uint64_t time; /* us, all in all */
};

/* Where in count[] so many microseconds belong. */
int timing_bucket(int64_t us);
void timing_add(struct timing *timing, int64_t us);
/* How many there were. */
uint64_t timing_count(struct timing timing);

#endif
