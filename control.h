/*
 * control.h: what a stream is told by the server itself, as bytes: pushsse.hello and its like. doc/protocol.md has them all.
 *
 * For the worker's own thread. Each appends whole blocks, and knows nothing of when they are sent.
 */
#ifndef CONTROL_H
#define CONTROL_H

#include "conn.h"

enum { CONTROL_MAX = 2048 }; /* bytes of one; a kick's reason is the longest part of one */

/* A reset as hello and long-polls tell it: its reason as a JSON string, or null. */
const char *control_reset_json(enum reset reset);

/* `expires`: the claim exp, INT64_MAX without one. With pushsse.reset behind it, when there was one. */
void control_add_hello(struct buffer *out, struct conn *c, const struct hub_position *position, int64_t expires);
void control_add_online(struct buffer *out, struct hub_presence p);
/* Everything up to `seq` has been sent on that stream. */
void control_add_ping(struct buffer *out, const struct conn *c, uint64_t seq);

/* Last words. A reason is a word of ours; to come back after `times` --retry, jittered by a third. */
void control_add_busy(struct buffer *out, struct conn *c, const char *reason, int64_t times);
/* Who was kicked: with the reason that the hub was told. */
void control_add_bye(struct buffer *out, struct conn *c);
void control_add_expired(struct buffer *out);
/* For one that has reached its age: when to come back, no event. */
void control_add_retry(struct buffer *out, struct conn *c);

#endif
