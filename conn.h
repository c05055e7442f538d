/*
 * conn.h: one connection: its state, bytes in, bytes out. conn.c alone calls recv() and send().
 *
 * A connection lives and dies on one worker's thread. It is closed by marking (conn_close) and freed by the
 * worker's reaper only, so whoever holds one may go on using it until the turn ends; a closed one enters no set, no
 * queue and no other state any more, though its reader may still be marked. While it takes requests it has
 * an exchange (buffers, the request); an open stream has none: that is why streams are cheap.
 */
#ifndef CONN_H
#define CONN_H

#include "counters.h"
#include "exchange.h"
#include "http.h"
#include "hub.h"
#include "server.h"

struct conn;
struct worker;

/*
 *  READING -> (WAITING) -> WRITING -> READING ...   requests and answers in order
 *  READING -> WRITING -> POLLING -> WRITING -> ...  a long-poll that was parked
 *  READING -> STREAMING <-> BLOCKED                 a stream
 *  READING -> REPORTING                             a stream of /stats
 *  any -> DISCARDING -> CLOSED                      the answer is out; what still comes is thrown away
 */
enum conn_state {
	CONN_READING,   /* hot: for a request, or the rest of one */
	CONN_WAITING,   /* hot, but not polled: its publish is not done, or its answer is held back */
	CONN_WRITING,   /* hot: an answer that did not go out in one send() */
	CONN_STREAMING, /* cold: has taken all that it was sent */
	CONN_BLOCKED,   /* hot: a stream whose last send() was short */
	CONN_POLLING,   /* cold: a parked long-poll */
	CONN_REPORTING, /* hot: a stream of /stats, of which there are few; it keeps its exchange */
	CONN_DISCARDING, /* hot: until the client has read the answer and closes, so that no RST destroys it (RFC 9112 9.6) */
	CONN_CLOSED,     /* in no set: to be reaped */
	CONN_STATES
};

/*
 * What the walks over the cold ones look at comes first, in one cache line. A hundred thousand streams are a hundred
 * thousand of these: each byte counts.
 */
struct conn {
	int fd;
	unsigned state : 4;          /* enum conn_state */
	unsigned listener : 1;       /* enum listener_kind it came in by */
	unsigned online : 2;         /* of a stream: enum online, see onlookers.h */
	unsigned set : 2;            /* enum set that `slot` is in */
	bool served : 1;             /* had a request before: the idle timeout applies */
	bool pinged : 1;             /* of a stream: its first ping went out */
	bool presses : 1;            /* of a stream: publishers wait for it */
	unsigned heartbeat : 18;     /* of a stream whose client chose it, under --selftest: ms; else 0 */
	bool ages : 1;               /* of a stream: `until` is when it has reached its age, not its token's end */
	bool proxied : 1;            /* by one that is trusted: each of its requests says whom it is from */
	uint32_t slot;               /* its place in the set that it is in; NO_SLOT in none */
	unsigned char token_tag[4];  /* of a stream: the first bytes of its token's SHA-256, for the log */
	int64_t since; /* monotonic ms: when a request, or the wait for one, began; when bytes were last taken */
	int64_t until; /* of a stream: when it ends; of a poll: its answer, at the latest; of /stats: its next report */
	struct worker *worker;
	struct exchange *exchange;   /* NULL between requests, and on a stream unless control bytes did not go out */
	struct conn *next, **link;   /* in a ready queue; when closed: the next to be reaped */
	struct reader reader;        /* attached on a stream and a parked poll */
};

#define NO_SLOT UINT32_MAX

/* What the acceptor knows of a connection. */
struct arrival {
	int fd;
	enum listener_kind listener;
	bool proxied;
	struct peer *peer;
};

/* Takes over the descriptor and the peer. NULL without memory (both are given back). */
struct conn *conn_new(struct worker *w, const struct arrival *arrival);
/* For the reaper. */
void conn_free(struct conn *c);

/* What poll() is to be asked about it: POLLIN, POLLOUT, both or 0. */
short conn_interest(const struct conn *c);
bool conn_is_cold(const struct conn *c);

/* poll() said something of it, or its turn has come again. */
void conn_serve(struct conn *c);
/* Looks at its timeouts: once in a tick, for those that are not cold. */
void conn_tick(struct conn *c);
/* Changes its state, and with it the set it is in. */
void conn_enter(struct conn *c, enum conn_state state);
/* Marks it closed: the reaper comes later in the turn. */
void conn_close(struct conn *c);

/*
 * The answer in exchange->out is complete: sends what goes. Afterwards the connection reads, writes, discards or is
 * closed.
 */
void conn_answer(struct conn *c);
/* Handles the requests that have arrived whole, as long as it reads; after some of them, the rest in its next turn. */
void conn_process(struct conn *c);
/* Bounds what the system holds for who does not read, so that what a slow one takes is seen in steps of that. */
void conn_bound_send_buffer(const struct conn *c);

/* Writes at once. Answers how many bytes were taken, 0 when none can be; -1 when the connection is gone. */
ssize_t conn_send(struct conn *c, const struct iovec *iov, size_t count);
/* Throws away what has come. True when the other side has left. */
bool conn_discard(struct conn *c);
/*
 * Has the other side of a parked poll left? What it sent ahead is kept for its turn; one that sends ahead more than a
 * head may be, or when there is no room for that, is taken for gone.
 */
bool conn_has_left(struct conn *c);

#endif
