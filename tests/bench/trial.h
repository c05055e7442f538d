/*
 * trial.h: one measured run against one server: open the streams, let them settle, publish by the plan, wait until
 * everything has arrived, check that each stream has got each message exactly once.
 *
 * One thread does it all. Between any 64 reads it looks at the publishing connections, so that a reader's backlog
 * never holds up a publisher; and it sleeps in epoll, not in a spin, as the server may need the other core.
 */
#ifndef TRIAL_H
#define TRIAL_H

#include <netinet/in.h>

#include "meter.h"
#include "publishers.h"
#include "streams.h"

enum { TRIAL_PATIENCE_S = 10 }; /* without any arrival while something is owed: then it counts as lost */

enum trial_mode { TRIAL_CONNECT, TRIAL_IDLE, TRIAL_FANOUT, TRIAL_UNICAST };

struct plan {
	enum trial_mode mode;
	struct sockaddr_in public, api;
	struct templates templates;
	struct meter meter;     /* of the server; may be empty */
	size_t streams, connections;
	double seconds;         /* to publish, or to hold idle streams */
	uint64_t messages;      /* publish at most so many; 0 = no bound */
	double rate;            /* publishes a second; 0 = as fast as answers come */
	int64_t interval;       /* ns from the last arrival of one message to the next publish; -1 = do not wait for it */
	int64_t settle;         /* ns of quiet after opening */
};

struct trial {
	const struct plan *plan;
	struct streams streams;
	struct publishers publishers;
	struct request request;
	uint64_t published;
	int64_t start, end;      /* first publish, last arrival or answer */
	int64_t open_ns, open_cpu;
	int64_t cpu, own_cpu;    /* ns from start to end, the server's and ours */
	int64_t memory[3];       /* bytes of the server: before, after settling, at the end */
	uint64_t random;
	const char *fault;       /* why it could not be finished; NULL */
};

/* Runs it; false when it was cut short (fault says why). What was lost or doubled is for streams_check() to say. */
bool trial_run(struct trial *trial, const struct plan *plan);
void trial_free(struct trial *trial);

#endif
