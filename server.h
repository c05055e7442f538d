/*
 * server.h: what all workers share. Made by main before the first worker runs; what changes afterwards is atomic,
 * or the hub, which has its own lock.
 */
#ifndef SERVER_H
#define SERVER_H

#include <pthread.h>
#include <stdatomic.h>

#include "hub.h"
#include "keyring.h"
#include "logger.h"
#include "options.h"
#include "peers.h"

enum {
	SERVER_RESERVE = 64 /* descriptors that connections never take: listeners, pipes, files */
};

enum listener_kind { LISTENER_PUBLIC, LISTENER_API, LISTENERS };

struct server {
	const struct options *options;
	struct hub *hub;
	struct logger *logger;
	struct worker *worker;
	unsigned workers;
	int listener[LISTENERS];
	bool inherited[LISTENERS];    /* passed by a supervisor, which keeps it when this ends */
	bool is_unix[LISTENERS];      /* a unix socket, which no browser reaches by itself */
	unsigned max_connections;     /* by the descriptor limit; the public listener pauses there, the API goes on */
	atomic_uint connections;
	struct peers *peers;
	atomic_size_t request_bytes;  /* that exchanges take, all together */
	_Atomic int64_t draining;     /* since when (monotonic ms); 0 while it serves */
	int64_t started;              /* monotonic ms, */
	int64_t born;                 /* ... and the same in ms since 1970 */
	atomic_uint running;          /* workers that have not ended */
	pthread_t main_thread;        /* is sent SIGUSR1 when the last worker ends */
};

#endif
