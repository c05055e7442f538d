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
/* {"error":"..."}; 4xx and 5xx that leave the request unread end the connection. */
void answer_error(struct conn *c, int status, const char *error);
/* 401, with the challenge that it has to carry (RFC 9110 15.5.2). */
void answer_unauthorized(struct conn *c, const char *error);
/* 400 {"error":"invalid_field","field":"...","reason":"..."} */
void answer_field_error(struct conn *c, struct slice field, const char *reason);
/* 200 with JSON that is true for now only; frees it. */
void answer_fresh(struct conn *c, struct buffer *body);
/* Appends the head of a text/event-stream that ends with the connection. */
void answer_add_stream_head(struct buffer *out, struct conn *c);
/* Appends the cursor of a seq. */
void answer_add_cursor(struct buffer *out, const struct conn *c, uint64_t seq);
/* What a refusal of http.h is called in JSON. */
const char *http_error(int status);

#endif
