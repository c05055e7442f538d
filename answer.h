/*
 * answer.h: the answers to requests: heads and bodies, written into the connection's exchange and sent.
 *
 * For the worker's own thread. Every answer on the public listener carries what CORS asks for, errors included.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "conn.h"

/* Appends the head of an answer with a body of `length` bytes of this type. `more`: header lines of its own, or "". */
void answer_head(struct conn *c, int status, const char *type, size_t length, const char *more);
/* Answers with a body. */
void answer_bytes(struct conn *c, int status, const char *type, struct slice body, const char *more);
/* Answers with JSON, which is in `body`; frees it. */
void answer_json(struct conn *c, int status, struct buffer *body, const char *more);
/* {"error":"..."} with the status and headers of that refusal, and counts it; 4xx and 5xx that leave the request unread end the connection. */
void answer_error(struct conn *c, enum refusal refusal);
/* The same with another body and header lines. */
void answer_refused(struct conn *c, enum refusal refusal, const char *type, struct slice body, const char *more);
/*
 * What to refuse one with whose token or key is wrong or missing: that, or 429 and the end of the connection when this
 * comes too often from its address. Who brings a good one is not asked here: nobody suffers for his neighbours.
 */
enum refusal answer_unauthorized(struct conn *c, enum refusal refusal);
/* 400 {"error":"invalid_field","field":"...","reason":"..."} */
void answer_field_error(struct conn *c, struct slice field, const char *reason);
/* 200 with JSON that is true for now only; frees it. */
void answer_fresh(struct conn *c, struct buffer *body);
/* Appends the head of a text/event-stream that ends with the connection. */
void answer_add_stream_head(struct buffer *out, struct conn *c);
/* Appends the cursor of a seq. */
void answer_add_cursor(struct buffer *out, const struct conn *c, uint64_t seq);

#endif
