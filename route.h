/*
 * route.h: the table of what the two listeners serve: {listener, method, path, handler}; one handler for each row
 * of the contract. For the worker's own thread.
 */
#ifndef ROUTE_H
#define ROUTE_H

#include "conn.h"

/* What has to be given for it to exist; else it is 404. */
enum route_under { UNDER_ALL, UNDER_DEMO, UNDER_SELFTEST };

struct route {
	const char *method;       /* HEAD goes with GET; "" = any */
	const char *path;
	void (*handle)(struct conn *c);
	unsigned char listener;   /* enum listener_kind */
	bool body;                /* it may have one; a request with a body that is not expected is refused */
	bool key;                 /* it takes the API key */
	unsigned char under;      /* enum route_under */
};

/* The head has arrived: finds the route, settles CORS and what can be refused without the body. False: answered. */
bool route_admit(struct conn *c);
/* The request has arrived whole: handles it, which answers it, now or later. */
void route_handle(struct conn *c);

#endif
