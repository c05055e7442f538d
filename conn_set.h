/*
 * conn_set.h: a worker's connections, in an array, so that poll() can be shown them as they are. For its own thread.
 */
#ifndef CONN_SET_H
#define CONN_SET_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

struct conn;

/* Connections and, when it is polled, in the same order what poll() is shown of them. */
struct conn_set {
	struct conn **conn;
	struct pollfd *poll; /* NULL in one that is not polled */
	size_t count, capacity;
};

/* Makes room for so many. False without memory: it stays as it is. */
bool conn_set_reserve(struct conn_set *set, bool polled, size_t count);
/* Takes one out, whose slot says where it is; the last one takes its place. */
void conn_set_remove(struct conn_set *set, bool polled, struct conn *c);
/* Asks poll() about the first so many, and waits as long as that does. False: there is nothing, or a signal came. */
bool conn_set_poll(struct conn_set *set, size_t count, int timeout);

#endif
