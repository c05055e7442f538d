/*
 * api.h: what the website calls: publish, online, disconnect. For the worker's own thread.
 */
#ifndef API_H
#define API_H

#include "conn.h"
#include "fields.h"

/* The head of a request that takes the API key is there: does it have it? False: answered. */
bool api_admit(struct conn *c);

/* Opens the body of a request: 0, or the status to refuse it with; fields.h. A coded one (gzip) is 415. */
int api_open_body(const struct conn *c, struct fields *f);

void api_publish(struct conn *c);
void api_compat(struct conn *c);       /* web-msg-sender's form */
void api_demo_publish(struct conn *c); /* from the demo page, by a stream's token */
/*
 * What the hub does for a request may take a while. api_begin() gives what the hub is to be handed; api_finish(), after
 * that, answers with settle() or lets the connection wait; api_settle() is for one that waits, and answers it when it
 * is done and readers are not too far behind, or when the page is whole that the exchange has.
 */
struct publishing *api_begin(struct conn *c, void (*settle)(struct conn *));
void api_finish(struct conn *c);
void api_settle(struct conn *c);
/* Why that was not accepted. */
enum refusal api_failure(enum hub_result result);

void api_online(struct conn *c);
void api_disconnect(struct conn *c);
void api_healthz(struct conn *c);

#endif
