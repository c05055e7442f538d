/*
 * acceptor.h: where connections come from: the first worker accepts them and hands them out through the workers' pipes.
 *
 * For the worker's own thread, but for acceptor_wake().
 */
#ifndef ACCEPTOR_H
#define ACCEPTOR_H

#include "server.h"

struct worker;

/*
 * Which listeners poll() is shown: none while accepting pauses, the public one not when there are enough connections.
 */
void acceptor_show(struct worker *w);
/* Accepts what waits at a listener, a batch at most, and hands it out. */
void acceptor_accept(struct worker *w, enum listener_kind listener);
/* Takes what was handed to this worker. */
void acceptor_read_pipe(struct worker *w);
/* Any thread: writes to the pipe of a worker that may be in poll(). Never blocks. */
void acceptor_wake(struct worker *w);
/* Makes a descriptor non-blocking and close-on-exec, and a TCP one prompt. False with errno. */
bool acceptor_prepare(int fd, bool tcp);

#endif
