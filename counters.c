/* counters.c: see counters.h */
#include "counters.h"

const char *counter_name(enum counter counter)
{
	static const char *const names[COUNTERS] = {
		"connections", "requests", "streams", "polls", "deliveries", "bytes", "pings", "acceptPauses", "turns",
	};

	return names[counter];
}

const char *close_reason_name(enum close_reason reason)
{
	static const char *const names[CLOSE_REASONS] = {
		"client",      "expired", "evicted", "replaced", "kicked", "lag",
		"sendTimeout", "age",     "drain",   "answered", "memory",
	};

	return names[reason];
}

const char *publish_result_name(enum publish_result result)
{
	static const char *const names[PUBLISH_RESULTS] = {"ok", "offline", "refused", "failed"};

	return names[result];
}

void count_fanout(struct counters *counters, int64_t us)
{
	count_add(&counters->fanout[timing_bucket(us)], 1);
	count_add(&counters->fanout_time, (uint64_t)us);
}

void count_lag(struct counters *counters, const uint64_t lag[LAGS])
{
	for (int i = 0; i < LAGS; i++)
		atomic_store_explicit(&counters->lag[i], lag[i], memory_order_relaxed);
}

static void add(uint64_t *sum, const _Atomic uint64_t *counted, int count)
{
	for (int i = 0; i < count; i++)
		sum[i] += atomic_load_explicit(&counted[i], memory_order_relaxed);
}

void totals_add(struct totals *totals, const struct counters *counters)
{
	uint64_t largest = totals->lag[LAG_LARGEST];

	add(totals->count, counters->count, COUNTERS);
	add(totals->refused, counters->refused, REFUSED);
	add(totals->closed, counters->closed, CLOSE_REASONS);
	add(totals->published, counters->published, PUBLISH_RESULTS);
	add(totals->fanout.count, counters->fanout, TIMING_BUCKETS);
	add(&totals->fanout.time, &counters->fanout_time, 1);
	add(totals->lag, counters->lag, LAGS);
	totals->lag[LAG_LARGEST] -= largest; /* which is no sum */
	if (totals->lag[LAG_LARGEST] < largest)
		totals->lag[LAG_LARGEST] = largest;
}
