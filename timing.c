/* timing.c: see timing.h */
#include "timing.h"

int timing_bucket(int64_t us)
{
	int bucket = 0;

	while (bucket < TIMING_BUCKETS - 1 && us >= (int64_t)TIMING_FIRST << bucket)
		bucket++;
	return bucket;
}

void timing_add(struct timing *timing, int64_t us)
{
	timing->count[timing_bucket(us)]++;
	timing->time += (uint64_t)us;
}

uint64_t timing_count(struct timing timing)
{
	uint64_t all = 0;

	for (int i = 0; i < TIMING_BUCKETS; i++)
		all += timing.count[i];
	return all;
}
