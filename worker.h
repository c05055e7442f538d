/*
 * worker.h: one thread, one poll() loop: which connection is looked at, and when.
 *
 * A connection is hot when it may have something to say or could not take all that it was sent: those are what
 * poll() waits on, and they are few. It is cold when it only receives, an open stream or a parked long-poll: it is
 * written to when there is something, and in every tick some of the cold ones are looked at (sweep.h). So waiting costs
 * by the hot ones, a publish by what it reaches, and nothing by the number of streams. Hot ones of which nothing has come
 * for a while are cooled when there are many: poll() does not wait on them, they are asked in every tick. So strangers that
 * hold connections and say nothing do not make waiting dear.
 *
 * All functions but worker_wake(), worker_reload() and worker_open() are for the worker's own thread.
 */
#ifndef WORKER_H
#define WORKER_H

#include "conn.h"
#include "conn_set.h"
#include "counters.h"
#include "onlookers.h"
#include "server.h"
#include "sweep.h"

enum {
	WORKER_TICK_MS = 50,         /* between two slices of the walks */
	WORKER_REQUESTS_US = 250,    /* of a turn for requests of the public listener, */
	WORKER_POLLED_IN_US = 2,     /* ... and a us more for so many hot ones, as poll() takes longer too then */
	WORKER_REPLAYS_US = 250,     /* of a turn for those with a long replay */
	WORKER_REAPED = 16,          /* of those that are closed, in a turn */
	WORKER_HOT = 256,            /* up to so many hot ones, none is cooled */
	WORKER_STILL_MS = 100,       /* after which one that is still may be */
	WORKER_FANOUT = 256          /* readers visited before the hot set is looked at again */
};

/* The sets. */
enum set {
	SET_HOT,  /* poll() waits on them */
	SET_COOL, /* hot ones that have been still, when there are many: asked in every tick */
	SET_COLD  /* they only receive: written to when there is something, and looked at in turn */
};

/* The ready queues. */
enum ready {
	READY_FIRST,    /* the API's connections and blocked streams of which poll() said something: all, in each turn */
	READY_URGENT,   /* single readers that were marked */
	READY_REQUESTS, /* the public listener's connections of which poll() said something: WORKER_REQUESTS_US of a turn */
	READY_FANOUT,   /* rosters that were stirred: taken from the hub when the round before is over */
	READY_REPLAY,   /* those that one visit could not give all of their replay: they hold up nobody */
	READY_QUEUES
};

/* Connections that are to be visited, first come first served. */
struct ready_queue {
	struct conn *first, **end;
};

struct worker {
	struct server *server;
	unsigned index;
	pthread_t thread;
	int pipe[2];              /* one end wakes and hands over, the other is in the hot set */
	atomic_bool sleeping;     /* in poll(), so that waking takes a byte in the pipe */
	atomic_bool woken;        /* and not yet looked at what for */
	struct inbox inbox;
	struct keyring *secrets, *api_keys;                    /* the API's: NULL with --api-open */
	_Atomic(struct keyring *) next_secrets, next_api_keys; /* put there by a reload */
	struct conn_set hot, cool, cold;
	size_t fixed; /* hot's first entries, without a connection: the pipe and, on the first worker, the listeners */
	unsigned most_hot, most_reaped; /* WORKER_HOT and WORKER_REAPED; less where a test has few */
	struct ready_queue ready[READY_QUEUES];
	struct conn *closed;      /* to be reaped */
	struct exchange *spare;   /* for the next request, or NULL: see exchange_drop() */
	_Atomic uint64_t in_state[CONN_STATES]; /* connections; written by this worker alone */
	struct onlookers onlookers;
	struct sweep sweep;
	size_t drain_from;        /* cold connections when draining began */
	bool drained;             /* the thread may end */
	int64_t now, next_tick;   /* monotonic ms */
	int64_t date_second;      /* for which `date` was written */
	char date[40];            /* "Date: ...\r\n" */
	int64_t accept_again;     /* no accepting before */
	uint64_t random;          /* state; for jitter, not for secrets */
	atomic_uint connections;
	struct counters counters;
	uint64_t lag[LAGS];       /* what the tick under way has found so far */
	struct conn_set slice;    /* scratch of the walks */
};

/* Prepares a worker (but does not run it): false with the reason in errno. */
bool worker_open(struct worker *w, struct server *server, unsigned index);
/* The thread: one turn after the other, until the server has drained. */
void *worker_run(void *worker);
/* Waits for the hot, serves them, visits who has something, looks at the time, and reaps. */
void worker_turn(struct worker *w);
void worker_close(struct worker *w);

/* Any thread: makes the worker look at its inbox, its keys and the server's state. Never blocks. */
void worker_wake(void *worker);
/* Any thread: gives it other keys. Takes over the caller's references; NULL keeps what is there. */
void worker_reload(struct worker *w, struct keyring *secrets, struct keyring *api_keys);

/* Puts a connection into the set that its state says, with its interest. Without memory it closes it. */
void worker_place(struct worker *w, struct conn *c);
/* Takes it out of its set and its ready queue, and leaves it to the reaper. */
void worker_retire(struct worker *w, struct conn *c);
/* Has it visited again in its turn. One that is in a queue stays where it is, but for the first two queues. */
void worker_ready(struct worker *w, struct conn *c, enum ready which);
/* Has its requests go on in its turn, in the queue of its kind. */
void worker_ready_again(struct worker *w, struct conn *c);
/* A number below `below`, for jitter. */
uint64_t worker_random(struct worker *w, uint64_t below);
/* The Date header line of now. */
const char *worker_date(struct worker *w);

/* Connections of the worker in that state. */
static inline uint64_t worker_in_state(const struct worker *w, enum conn_state state)
{
	return atomic_load_explicit(&w->in_state[state], memory_order_relaxed);
}

static inline struct hub *hub_of(const struct conn *c)
{
	return c->worker->server->hub;
}

#endif
