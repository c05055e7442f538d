/*
 * peers.h: how many connections each client's address has, and how often it was refused for its token or key.
 *
 * Shared by all workers; any thread. One lock, which is held for a walk along a chain of a hash table and nothing else. An
 * address is known while it has connections, and for some seconds after it was refused; PEERS_IDLE_MAX of the latter
 * at most, so that a flood from many addresses takes some megabytes and no more. 56 bytes each.
 */
#ifndef PEERS_H
#define PEERS_H

#include "logger.h"
#include "network.h"

enum {
	PEERS_FAILURES = 100,     /* refused tokens and keys of one address at once ... */
	PEERS_FAILURE_MS = 200,   /* ... and one in so many ms from then on */
	PEERS_IDLE_MAX = 64 * 1024 /* addresses without a connection that are remembered for their failures */
};

struct peers;
struct peer;

/* `most`: connections of one address; `capacity`: of all. NULL without memory. `logger` may be NULL. */
struct peers *peers_open(uint32_t most, size_t capacity, const uint64_t key[2], struct logger *logger);
/* When nobody has entered any more. NULL is allowed. */
void peers_close(struct peers *peers);

/*
 * One more connection from there. False: it has `most` already (unless `unbounded`, which is counted apart); the log says so
 * once for an address.
 * *peer is its entry, to be given back by peers_leave(); NULL without memory: then it is not counted.
 */
bool peers_enter(struct peers *peers, struct ip ip, bool unbounded, int64_t now, struct peer **peer);
/* NULL is allowed. */
void peers_leave(struct peers *peers, struct peer *peer, int64_t now);
/*
 * Notes whom a descriptor's connection, or the request under way on it, is from, in place of who was noted before, who is
 * given back. NULL: nobody. (Not in struct conn: most streams come by proxies on loopback, and need no room for it.)
 */
void peers_hold(struct peers *peers, int fd, struct peer *peer, int64_t now);
struct peer *peers_held(const struct peers *peers, int fd);
/* It came with a wrong token or key, or without. False: too often. NULL is never too often. */
bool peers_fail(struct peers *peers, struct peer *peer, int64_t now);

#endif
