/*
 * trial.h: one measured run against one server: open the streams, let them settle, publish by the plan, wait until
 * everything has arrived, check that each stream has got each message exactly once and in order.
 *
 *     TRIAL_CONNECT  opens the streams, nothing more        TRIAL_FANOUT   publishes to everyone
 *     TRIAL_IDLE     holds them                             TRIAL_UNICAST  to one uid at a time
 *     TRIAL_CHURN    closes some and opens them again       TRIAL_MIXED    to one uid, or sometimes to everyone
 *     TRIAL_STORM    see storm.h
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

enum {
	TRIAL_PATIENCE_S = 10, /* without any arrival while something is owed: then it counts as lost */
	TRIAL_CHURN_EACH = 64, /* streams that are closed and opened again, fifty times a second at most */
	TRIAL_CHURN_LOOKS = 400 /* at the memory meanwhile */
};

enum trial_mode { TRIAL_CONNECT, TRIAL_IDLE, TRIAL_CHURN, TRIAL_STORM, TRIAL_FANOUT, TRIAL_UNICAST, TRIAL_MIXED };

struct plan {
	enum trial_mode mode;
	enum wire_kind wire;
	struct sockaddr_in public, api;
	struct templates templates;
	struct meter meter;     /* of the server; may be empty */
	size_t streams, slow, connections;
	double seconds;         /* to publish, or to hold idle streams */
	uint64_t messages;      /* publish at most so many; 0 = no bound */
	double rate;            /* publishes a second; 0 = as fast as answers come */
	double everyone;        /* TRIAL_MIXED: the share of publishes that go to everyone, 0..1 */
	uint64_t missed;        /* TRIAL_STORM: messages that are missed */
	bool each;              /* TRIAL_STORM: each stream misses so many of its own, else they are everyone's */
	int64_t interval;       /* ns from the last arrival of one message to the next publish; -1 = do not wait for it */
	int64_t settle;         /* ns of quiet after opening */
};

struct trial {
	const struct plan *plan;
	struct streams streams;
	struct publishers publishers;
	struct request single, all; /* publishes to one uid, to everyone */
	uint64_t published;
	uint64_t before;         /* messages that had arrived before the measurement began */
	uint64_t opened;         /* streams that were opened again */
	int64_t start, end;      /* first publish, last arrival or answer */
	int64_t open_ns, open_cpu;
	int64_t cpu, own_cpu;    /* ns from start to end, the server's and ours */
	int64_t memory[3];       /* bytes of the server: before, after settling, at the end; TRIAL_CHURN: see churn() */
	int64_t peak;            /* bytes: the most it ever had */
	uint64_t random;
	const char *fault;       /* why it could not be finished; NULL */
};

/* Runs it; false when it was cut short (fault says why). What was lost or doubled is for streams_check() to say. */
bool trial_run(struct trial *trial, const struct plan *plan);
void trial_free(struct trial *trial);

/* For storm.c. Publishes to one stream, or (SIZE_MAX) to everyone; a publisher has to be idle. False with the fault. */
bool trial_publish(struct trial *trial, size_t target, int64_t stamp);
/* Reads until the time has come, or a stream is gone. */
void trial_read_until(struct trial *trial, int64_t until);
/* Reads until all publishes are answered and, if wanted, all is there that is owed. False when it takes too long. */
bool trial_finish(struct trial *trial, bool arrived);

#endif
