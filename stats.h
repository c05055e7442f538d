/*
 * stats.h: the figures of the whole server, as JSON: once, or as a stream of events; metrics.h has them for Prometheus.
 * For the worker's own thread.
 *
 * A stream of /stats is a connection in CONN_REPORTING. It reads no messages and is no reader to the hub; it holds one
 * report at most, which is written when it is due: so nothing is done when nobody looks, and nobody is waited for.
 */
#ifndef STATS_H
#define STATS_H

#include "conn.h"

enum {
	STATS_INTERVAL_MS = 1000,    /* between two reports; one that is due while the last has not gone out is left out */
	STATS_MAX_STREAMS = 16,      /* in all; one more is answered 503 too_many_streams */
	STATS_SEND_BUFFER = 4 * 1024 /* bytes of a stream's socket: one who does not read is noticed after some reports */
};

/* What /stats and /metrics tell. */
struct figures {
	struct hub_figures hub;
	struct journal_figures journal;
	struct totals totals;
	uint64_t streams, polls; /* open streams, parked polls */
};

/* Any thread. */
void stats_take(const struct server *s, struct figures *f);

/* GET /stats: the figures, or with stream=1 a stream of them. */
void stats_answer(struct conn *c);
/* poll() said something of a stream. */
void stats_serve(struct conn *c);
/* Sends what is due, ends it when nothing was taken for --send-timeout or the server stops. */
void stats_tick(struct conn *c);

#endif
