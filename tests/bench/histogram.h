/*
 * histogram.h: millions of latencies in 16 KiB, read back to within 1.6 %.
 *
 * Buckets are linear within a power of two. Values are nanoseconds; negative ones (a stamp ahead of its arrival, which
 * one clock for all cannot give) count as 0.
 */
#ifndef HISTOGRAM_H
#define HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_BITS = 6, /* 64 buckets in each power of two */
	HISTOGRAM_POWERS = 36, /* up to 2^41 ns, half an hour; more is counted there */
	HISTOGRAM_BUCKETS = HISTOGRAM_POWERS << HISTOGRAM_BITS
};

struct histogram {
	uint64_t count;
	int64_t max;
	uint64_t bucket[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *h, int64_t ns);
/* The value that `share` (0..1) of all are at or below; 0 when there is none. */
int64_t histogram_at(const struct histogram *h, double share);

#endif
