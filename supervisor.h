/*
 * supervisor.h: what systemd, or whoever speaks its protocol, passes to the process that it starts, and is told: sockets
 * that are already open (sd_listen_fds(3)), and when the server is ready, reloads and stops (sd_notify(3)).
 *
 * By environment variables and POSIX sockets alone. For main's thread: telling may block when nobody reads.
 */
#ifndef SUPERVISOR_H
#define SUPERVISOR_H

#include "slice.h"

enum { SUPERVISOR_FIRST = 3 }; /* the first descriptor that is passed */

struct supervisor {
	int sockets;       /* passed to this process, from SUPERVISOR_FIRST on */
	char names[256];   /* of them, parted by colons; or empty */
	char address[108]; /* where it listens: a path, or @name; empty: nobody does */
};

/* Reads the environment, and takes it out there, so that it means nobody else. */
void supervisor_read(struct supervisor *s);
/* The name of the socket at `index`; absent when there is none. */
struct slice supervisor_name(const struct supervisor *s, int index);
/* Does nothing when nobody listens. */
void supervisor_tell_ready(const struct supervisor *s);
void supervisor_tell_reloading(const struct supervisor *s);
void supervisor_tell_stopping(const struct supervisor *s);

#endif
