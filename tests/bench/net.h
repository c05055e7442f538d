/*
 * net.h: what the generator and the bare loop need of sockets. Loopback only: a benchmark that strays onto a network
 * is an attack on somebody.
 */
#ifndef NET_H
#define NET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	NET_TIMEOUT_S = 10,     /* bounds every blocking call on a socket */
	NET_EACH_SOURCE = 8192, /* connections from one address */
	NET_SOURCES = 200,      /* addresses */
	NET_NARROW_SEGMENT = 536, /* bytes */
	NET_NARROW_BUFFER = 4096  /* bytes; Linux makes twice that of it */
};

/* "127.0.0.1:PORT". False for anything but 127.0.0.0/8. */
bool net_parse(const char *text, struct sockaddr_in *address);
/*
 * Connects, blocking. -1 with errno. It will be closed with a reset, so that no TIME_WAIT piles up. `number` counts the
 * connections: they come from 127.0.0.1, .2, .3 in turn, as Linux takes 300 us to find a free port for an address
 * once half of its ports are in use. narrow: as a slow phone's would be, with small segments and a small window. Else
 * loopback's segments of 64 KiB let the server's socket buffer swallow megabytes before send() says that it is full.
 */
int net_connect(const struct sockaddr_in *address, size_t number, bool narrow);
/* Listens on a free port of 127.0.0.1, which is written to *port. -1 with errno. */
int net_listen(unsigned *port);
/* Both ends of every measured connection: small writes leave at once, and no call blocks for ever. */
bool net_tune(int fd);
/* Raises the soft limit of descriptors to the hard one; answers it. */
unsigned long net_raise_limit(void);
/* Sends all of it, blocking. */
bool net_send_all(int fd, const char *at, size_t len);

#endif
