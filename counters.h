/*
 * counters.h: what a worker counts, and what it measures. Each is written by its worker alone and read by any thread that
 * adds them up.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "refusal.h"
#include "timing.h"

enum counter {
	COUNT_CONNECTIONS,
	COUNT_REQUESTS,
	COUNT_STREAMS,
	COUNT_POLLS,
	COUNT_DELIVERIES,
	COUNT_BYTES,
	COUNT_PINGS,
	COUNT_ACCEPT_PAUSES,
	COUNT_TURNS, /* of the loop: calls of poll() that it waits in */
	COUNTERS
};

/* Why a stream or a parked poll ended. Names in close_reason_name(). */
enum close_reason {
	CLOSE_CLIENT, CLOSE_EXPIRED, CLOSE_EVICTED, CLOSE_REPLACED, CLOSE_KICKED, CLOSE_LAG, CLOSE_SEND_TIMEOUT, CLOSE_AGE,
	CLOSE_DRAIN, CLOSE_ANSWERED, CLOSE_MEMORY,
	CLOSE_REASONS
};

/* What came of a publish, in either form: PUBLISH_REFUSED for its fields, PUBLISH_FAILED for want of memory or disk. */
enum publish_result { PUBLISH_OK, PUBLISH_OFFLINE, PUBLISH_REFUSED, PUBLISH_FAILED, PUBLISH_RESULTS };

/* What readers that are blocked are owed, as they were in the last tick. */
enum lag {
	LAG_BLOCKED, /* such readers */
	LAG_LARGEST, /* bytes that the slowest of them is owed */
	LAG_ALL,     /* bytes that all of them are owed */
	LAGS
};

struct counters {
	_Atomic uint64_t count[COUNTERS], refused[REFUSED], closed[CLOSE_REASONS];
	_Atomic uint64_t published[PUBLISH_RESULTS];
	/*
	 * Fan-out, as timing.h has it: from when a message for everyone or a channel was accepted until it was offered to
	 * the last of the worker's readers.
	 */
	_Atomic uint64_t fanout[TIMING_BUCKETS], fanout_time;
	_Atomic uint64_t lag[LAGS];
};

/* The same of several workers together. */
struct totals {
	uint64_t count[COUNTERS], refused[REFUSED], closed[CLOSE_REASONS], published[PUBLISH_RESULTS], lag[LAGS];
	struct timing fanout;
};

static inline void count_add(_Atomic uint64_t *counter, uint64_t by)
{
	/* One writer: no locked instruction is needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

static inline void count_refusal(struct counters *counters, enum refusal refusal)
{
	count_add(&counters->refused[refusal], 1);
}

/* Counts a fan-out that took so many microseconds. */
void count_fanout(struct counters *counters, int64_t us);
/* Shows what a tick found. */
void count_lag(struct counters *counters, const uint64_t lag[LAGS]);
/* Adds what a worker has counted. Any thread. */
void totals_add(struct totals *totals, const struct counters *counters);

/* As they stand in /stats and in logs. */
const char *counter_name(enum counter counter);
const char *close_reason_name(enum close_reason reason);
const char *publish_result_name(enum publish_result result);

#endif
