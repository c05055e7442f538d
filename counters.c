/* counters.c: see counters.h */
#include "counters.h"

const char *counter_name(enum counter counter)
{
	static const char *const names[COUNTERS] = {
		"connections", "requests", "streams", "polls", "deliveries", "bytes", "pings", "refused", "acceptPauses",
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
