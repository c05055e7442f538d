/*
 * sweep: what it costs to show every stream to poll() once, as pushsse's sweep does: poll(.., 0), 1,024 at a time.
 *
 * Opens as many TCP connections on loopback as the descriptor limit allows, both ends, and walks all of these
 * descriptors over and over until a million have been shown (or as many as were asked for). A real million would not
 * stay in the processor's caches, so it does the same again with the caches swept by a walk over 64 MiB before each
 * slice; that walk is not counted. Prints key=value lines; times are thread CPU time.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "net.h"

enum {
	DESCRIPTORS = 20000, /* at most, with those that are kept free */
	KEPT_FREE = 32,
	SLICE = 1024,
	LIFE_MAX_S = 300, /* ends by SIGALRM */
	CACHES = 64 << 20 /* bytes: more than the second level, and most of the third */
};

struct sweep {
	struct pollfd poll[DESCRIPTORS];
	size_t count;
	unsigned char *caches;
	unsigned long touched; /* keeps the walk from being left out */
};

static double cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* cannot fail: the clock exists */
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* What the kernel has allocated for its objects, bytes; sockets are the most of what changes. */
static long slab_bytes(void)
{
	char line[256];
	long kilobytes = 0;
	FILE *file = fopen("/proc/meminfo", "r");

	while (file && fgets(line, sizeof(line), file))
		(void)sscanf(line, "Slab: %ld kB", &kilobytes); /* other lines leave it alone */
	if (file)
		(void)fclose(file); /* only read from */
	return kilobytes * 1024;
}

static bool open_pair(struct sweep *s, int listener, const struct sockaddr_in *address)
{
	int ends[2] = {net_connect(address, s->count / 2, false), -1};

	if (ends[0] >= 0)
		ends[1] = accept(listener, NULL, NULL);
	for (size_t i = 0; i < 2; i++)
		if (ends[i] >= 0)
			s->poll[s->count++] = (struct pollfd){ends[i], POLLIN, 0};
	return ends[1] >= 0;
}

static bool open_all(struct sweep *s, size_t wanted)
{
	struct sockaddr_in address;
	unsigned port = 0;
	char text[32];
	int listener = net_listen(&port);

	if (listener < 0)
		return false;
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", port); /* fits */
	if (!net_parse(text, &address))
		return false;
	while (s->count + 2 <= wanted)
		if (!open_pair(s, listener, &address))
			return false;
	return close(listener) == 0;
}

static void sweep_caches(struct sweep *s)
{
	for (size_t i = 0; i < CACHES; i += 64)
		s->touched += s->caches[i]++;
}

/* Nanoseconds for each descriptor; -1 when poll() failed or found what is not there. */
static double measure(struct sweep *s, size_t rounds, bool cold)
{
	double spent = 0;

	for (size_t round = 0; round < rounds; round++) {
		for (size_t at = 0; at < s->count; at += SLICE) {
			size_t n = s->count - at < SLICE ? s->count - at : SLICE;
			double start;

			if (cold)
				sweep_caches(s);
			start = cpu_seconds();
			if (poll(s->poll + at, (nfds_t)n, 0) != 0)
				return -1;
			spent += cpu_seconds() - start;
		}
	}
	return spent * 1e9 / (double)(rounds * s->count);
}

int main(int argc, char **argv)
{
	static struct sweep sweep;
	size_t million = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000, limit = net_raise_limit(), rounds;
	double warm, cold;
	long slab = slab_bytes();

	(void)alarm(LIFE_MAX_S); /* says how much was left of an earlier one: there is none */
	if (limit > DESCRIPTORS)
		limit = DESCRIPTORS;
	sweep.caches = calloc(1, CACHES);
	if (limit < 2 * KEPT_FREE || !sweep.caches || !open_all(&sweep, limit - KEPT_FREE)) {
		perror("sweep");
		return 1;
	}
	printf("kernel_bytes_each=%.0f\n", (double)(slab_bytes() - slab) / (double)sweep.count);
	rounds = (million + sweep.count - 1) / sweep.count;
	(void)measure(&sweep, 1, false); /* the first round warms up */
	warm = measure(&sweep, rounds, false);
	cold = measure(&sweep, (rounds + 9) / 10, true);
	printf("descriptors=%zu\nshown=%zu\n", sweep.count, rounds * sweep.count);
	printf("sweep_ns=%.1f\nsweep_cold_ns=%.1f\n", warm, cold); /* as many ms for a million */
	return warm < 0 || cold < 0;
}
