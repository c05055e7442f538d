#include "histogram.h"

static unsigned bucket_of(uint64_t value)
{
	unsigned power = 0, bucket;

	if (value >> HISTOGRAM_BITS)
		power = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
	/* Above the first row the leading bit is implied by the row, which begins 64 buckets further on for each power. */
	bucket = (power << HISTOGRAM_BITS) + (unsigned)(value >> power);
	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of what the bucket holds. */
static int64_t value_of(unsigned bucket)
{
	unsigned power = bucket >> HISTOGRAM_BITS;
	uint64_t step;

	if (power < 2)
		return bucket; /* rows 0 and 1 both count single nanoseconds */
	step = (uint64_t)1 << (power - 1);
	return (int64_t)(((bucket & ((1u << HISTOGRAM_BITS) - 1)) + (1u << HISTOGRAM_BITS)) * step + step / 2);
}

void histogram_add(struct histogram *h, int64_t ns)
{
	if (ns < 0)
		ns = 0;
	if (ns > h->max)
		h->max = ns;
	h->count++;
	h->bucket[bucket_of((uint64_t)ns)]++;
}

int64_t histogram_at(const struct histogram *h, double share)
{
	uint64_t seen = 0, wanted = (uint64_t)(share * (double)h->count);

	if (h->count == 0)
		return 0;
	if (wanted >= h->count)
		wanted = h->count - 1;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->bucket[i];
		if (seen > wanted)
			return value_of(i) < h->max ? value_of(i) : h->max;
	}
	return h->max;
}
