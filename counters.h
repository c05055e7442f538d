/*
 * counters.h: what a worker counts. Each is written by its worker alone and read by any thread that adds them up.
 */
#ifndef COUNTERS_H
#define COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

enum counter {
	COUNT_CONNECTIONS,
	COUNT_REQUESTS,
	COUNT_STREAMS,
	COUNT_POLLS,
	COUNT_DELIVERIES,
	COUNT_BYTES,
	COUNT_PINGS,
	COUNT_REFUSED,
	COUNT_ACCEPT_PAUSES,
	COUNTERS
};

/* Why a stream or a parked poll ended. Names in close_reason_name(). */
enum close_reason {
	CLOSE_CLIENT, CLOSE_EXPIRED, CLOSE_EVICTED, CLOSE_REPLACED, CLOSE_KICKED, CLOSE_LAG, CLOSE_SEND_TIMEOUT, CLOSE_AGE,
	CLOSE_DRAIN, CLOSE_ANSWERED, CLOSE_MEMORY,
	CLOSE_REASONS
};

struct counters {
	_Atomic uint64_t count[COUNTERS], closed[CLOSE_REASONS];
};

static inline void count_add(_Atomic uint64_t *counter, uint64_t by)
{
	/* One writer: no locked instruction is needed. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + by, memory_order_relaxed);
}

/* As they stand in /stats and in logs. */
const char *counter_name(enum counter counter);
const char *close_reason_name(enum close_reason reason);

#endif
