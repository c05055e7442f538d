/* peers.c: see peers.h */
#include "peers.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "hash.h"

enum { CHAINS_MIN = 64, CHAINS_MAX = 1 << 20 }; /* tables of 8 MB and 32 at most; pages that nothing is in cost nothing */
enum { HELD_MORE = 256, HELD_MAX = 1 << 22 };    /* descriptors beyond the connections; those above are not counted */

struct peer {
	struct peer *next;
	struct ip ip;
	int64_t forgiven;     /* when its failures are; each adds PEERS_FAILURE_MS */
	uint32_t connections;
	bool unbounded;        /* a publisher's: two entries when an address is both */
	bool crowded, failing; /* the log has been told */
};

struct peers {
	pthread_mutex_t lock;
	_Atomic(struct peer *) *held; /* by descriptor; each is its connection's worker's alone */
	size_t helds;
	struct peer **chain;
	size_t chains, swept; /* a power of two; where the next chain is looked through */
	size_t idle;          /* without a connection */
	uint32_t most;
	uint64_t key[2];
	struct logger *logger;
};

struct peers *peers_open(uint32_t most, size_t capacity, const uint64_t key[2], struct logger *logger)
{
	struct peers *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	*p = (struct peers){.chains = CHAINS_MIN, .most = most, .key = {key[0], key[1]}, .logger = logger};
	while (p->chains < capacity && p->chains < CHAINS_MAX)
		p->chains *= 2;
	p->chain = calloc(p->chains, sizeof(struct peer *));
	p->helds = capacity < HELD_MAX - HELD_MORE ? capacity + HELD_MORE : HELD_MAX;
	p->held = calloc(p->helds, sizeof *p->held);
	if (p->chain && p->held && pthread_mutex_init(&p->lock, NULL) == 0)
		return p;
	free(p->held);
	free(p->chain);
	free(p);
	return NULL;
}

void peers_close(struct peers *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->chains; i++) {
		while (p->chain[i]) {
			struct peer *gone = p->chain[i];

			p->chain[i] = gone->next;
			free(gone);
		}
	}
	(void)pthread_mutex_destroy(&p->lock);
	free(p->held);
	free(p->chain);
	free(p);
}

static struct peer **chain_of(struct peers *p, const struct ip *ip)
{
	return &p->chain[hash_bytes(p->key, (struct slice){(const char *)ip->at, sizeof ip->at}) & (p->chains - 1)];
}

/* Forgets those of a chain that have neither connections nor failures. */
static void sweep(struct peers *p, struct peer **link, int64_t now)
{
	while (*link) {
		struct peer *one = *link;

		if (one->connections || one->forgiven > now) {
			link = &one->next;
			continue;
		}
		*link = one->next;
		p->idle--;
		free(one);
	}
}

static struct peer *find(struct peers *p, const struct ip *ip, bool unbounded)
{
	struct peer **chain = chain_of(p, ip), *one = *chain;

	while (one && (memcmp(&one->ip, ip, sizeof *ip) != 0 || one->unbounded != unbounded))
		one = one->next;
	if (!one && (one = calloc(1, sizeof *one)) != NULL) {
		one->ip = *ip;
		one->unbounded = unbounded;
		one->next = *chain;
		*chain = one;
		p->idle++;
	}
	return one;
}

static void tell(struct peers *p, struct ip ip, const char *reason)
{
	if (p->logger) {
		char text[NETWORK_TEXT];

		logger_write(p->logger, LOG_WARN, "address_limited",
		             LOG_FIELDS(log_text("address", network_text(ip, text)), log_text("reason", reason)));
	}
}

bool peers_enter(struct peers *p, struct ip ip, bool unbounded, int64_t now, struct peer **peer)
{
	struct peer *one;
	bool full, news = false;

	ip = network_counted(ip);
	(void)pthread_mutex_lock(&p->lock);
	p->swept = (p->swept + 1) & (p->chains - 1);
	sweep(p, &p->chain[p->swept], now);
	one = find(p, &ip, unbounded);
	full = one && !unbounded && one->connections >= p->most;
	if (full) {
		news = !one->crowded;
		one->crowded = true;
	} else if (one) {
		p->idle -= one->connections++ == 0;
	}
	(void)pthread_mutex_unlock(&p->lock);
	if (news)
		tell(p, ip, "too_many_connections");
	*peer = full ? NULL : one;
	return !full;
}

void peers_leave(struct peers *p, struct peer *peer, int64_t now)
{
	if (!peer)
		return;
	(void)pthread_mutex_lock(&p->lock);
	if (--peer->connections == 0) {
		if (p->idle++ >= PEERS_IDLE_MAX)
			peer->forgiven = now;
		sweep(p, chain_of(p, &peer->ip), now);
	}
	(void)pthread_mutex_unlock(&p->lock);
}

struct peer *peers_held(const struct peers *p, int fd)
{
	return (size_t)fd < p->helds ? atomic_load_explicit(&p->held[fd], memory_order_relaxed) : NULL;
}

void peers_hold(struct peers *p, int fd, struct peer *peer, int64_t now)
{
	struct peer *before = peers_held(p, fd);

	if ((size_t)fd >= p->helds)
		before = peer;
	else if (before != peer) /* a page that nobody is noted in is not touched */
		atomic_store_explicit(&p->held[fd], peer, memory_order_relaxed);
	peers_leave(p, before, now);
}

bool peers_fail(struct peers *p, struct peer *peer, int64_t now)
{
	bool good, news;
	struct ip ip;

	if (!peer)
		return true;
	(void)pthread_mutex_lock(&p->lock);
	if (peer->forgiven < now)
		peer->forgiven = now;
	good = peer->forgiven - now < (int64_t)PEERS_FAILURES * PEERS_FAILURE_MS;
	if (good)
		peer->forgiven += PEERS_FAILURE_MS;
	news = !good && !peer->failing;
	peer->failing |= news;
	ip = peer->ip;
	(void)pthread_mutex_unlock(&p->lock);
	if (news)
		tell(p, ip, "too_many_failures");
	return good;
}
