/*
 * metrics.h: the figures of /stats for Prometheus, in its text format 0.0.4. For the worker's own thread.
 *
 * Names and units follow its conventions: seconds and bytes, counters end in _total. No label holds anything that a
 * client sent: what can be told apart is known when it is compiled. deploy/ has a dashboard and alerts made of them.
 */
#ifndef METRICS_H
#define METRICS_H

#include "conn.h"

/* GET /metrics */
void metrics_answer(struct conn *c);

#endif
