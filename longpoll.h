/*
 * longpoll.h: long-polls: the same reader as a stream's, but for one answer of JSON. For the worker's own thread.
 */
#ifndef LONGPOLL_H
#define LONGPOLL_H

#include "stream.h"

enum { LONGPOLL_MAX_BYTES = 256 * 1024 }; /* of events in one answer; the rest follows with the next one (more: true) */

/* Answers a request now or, when there is nothing for it yet, parks it. */
void longpoll_open(struct conn *c, const struct stream_request *request);
/* A parked one was marked: answers it when there is something, or acts on what the hub decided. */
void longpoll_visit(struct conn *c);
/* Answers a parked one with what there is, be it nothing. */
void longpoll_answer(struct conn *c, enum close_reason reason);

#endif
