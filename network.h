/*
 * network.h: addresses of clients and networks of proxies: who a connection, or a request that proxies passed on, is from.
 *
 * Pure, any thread. IPv4 is written as IPv6 writes it (::ffff:a.b.c.d), so that an address is 16 bytes in any case.
 */
#ifndef NETWORK_H
#define NETWORK_H

#include <stdint.h>
#include <sys/socket.h>

#include "slice.h"

enum {
	NETWORK_TEXT = 64,      /* bytes that any address takes as text */
	NETWORK_PROXIES_MAX = 64
};

struct ip {
	unsigned char at[16];
};

struct network {
	struct ip ip;
	unsigned bits; /* of the 128 that count */
};

/* Who is believed about where a request comes from: --trusted-proxy. */
struct proxies {
	struct network at[NETWORK_PROXIES_MAX];
	size_t count;
	bool local; /* peers of a unix socket */
};

/* Where a peer is. A unix socket has no address. */
enum whereabouts { WHERE_ADDRESS, WHERE_LOOPBACK, WHERE_LOCAL };

/* Reads ADDRESS, a whole number of digits and dots or colons, in brackets and with a port too. False: it is none. */
bool network_read_ip(struct slice text, struct ip *ip);
/* Adds ADDRESS[/BITS], or the word `unix`. False: it is neither, or one too many. */
bool network_add_proxy(struct proxies *proxies, struct slice text);
/* Where the other side of a connection is. */
enum whereabouts network_of_peer(const struct sockaddr_storage *peer, struct ip *ip);
bool network_is_trusted(const struct proxies *proxies, enum whereabouts where, const struct ip *ip);
/*
 * The value of an X-Forwarded-For line from a proxy that is trusted: each proxy has added whom it had it from at the right
 * end, so the right-most address that is of no trusted proxy is as far as anybody vouches for. 1: that one, in *ip; 0: all of
 * the line are proxies, the line before it may say more; -1: what stands there is no address, and nothing is known.
 */
int network_forwarded(const struct proxies *proxies, struct slice value, struct ip *ip);
/* An IPv6 client has a whole /64, and counts as that; IPv4 as itself. */
struct ip network_counted(struct ip ip);
/* For the log. Answers `out`. */
const char *network_text(struct ip ip, char out[NETWORK_TEXT]);

#endif
