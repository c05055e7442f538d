/*
 * subscriber.h: GET /events and GET /poll: who asks, whether he may, and for what. For the worker's own thread.
 */
#ifndef SUBSCRIBER_H
#define SUBSCRIBER_H

#include "conn.h"
#include "token.h"

enum {
	POLL_WAIT_MS = 25 * 1000,     /* that a poll waits when it does not say */
	POLL_WAIT_MAX_MS = 55 * 1000, /* and at most */
	SUBSCRIBER_MAX_CID = 128,     /* bytes of a cid; more: 400 */
	SELFTEST_HEARTBEAT_MIN_MS = 100,         /* that a stream may choose for itself under --selftest; out of bounds: 400 */
	SELFTEST_HEARTBEAT_MAX_MS = 250 * 1000
};

void subscriber_events(struct conn *c);
void subscriber_poll(struct conn *c);

/* Verifies the token of a request, wherever it stands. False: answered with 401. */
bool subscriber_verify(struct conn *c, struct slice query_token, struct claims *claims, unsigned char tag[4]);

#endif
