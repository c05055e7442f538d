/* footprint.c: see footprint.h */
#include "footprint.h"

struct footprint footprint_of(const struct server *s)
{
	const struct options *o = s->options;
	struct footprint f = {
		.connections = (uint64_t)s->max_connections * FOOTPRINT_CONNECTION,
		.requests = (uint64_t)o->request_memory + (uint64_t)s->workers * FOOTPRINT_MESSAGES * (uint64_t)o->max_message,
		.history = (uint64_t)o->history_bytes / 4 * 5,
	};

	f.all = f.connections + f.requests + f.history;
	return f;
}
