/*
 * copy: the yardstick for a start with a journal: its files read once, and as many bytes as a message takes in memory copied
 * into a block of their own, one after the other. No look for damage, no message, nothing that finds it again.
 *
 *     copy BYTES FILE...
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PART = 1 << 20, LIFE_MAX_S = 60 };

/* Blocks are linked, so that none of them can be left out. */
struct block {
	struct block *next;
	char bytes[];
};

static struct block *copy(struct block *newest, const char *from, size_t len, size_t size)
{
	for (; len >= size; from += size, len -= size) {
		struct block *b = malloc(sizeof(*b) + size);

		if (!b)
			return NULL;
		memcpy(b->bytes, from, size);
		b->next = newest;
		newest = b;
	}
	return newest;
}

int main(int argc, char **argv)
{
	size_t size = argc > 2 ? strtoul(argv[1], NULL, 10) : 0;
	char *part = malloc(PART);
	struct block *newest = NULL;

	if (size < 1 || size > PART || !part) {
		fputs("usage: copy BYTES FILE...\n", stderr);
		return 2;
	}
	(void)alarm(LIFE_MAX_S); /* says how much was left of an earlier one: there is none */
	for (int i = 2; i < argc; i++) {
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		ssize_t n;

		while (fd >= 0 && (n = read(fd, part, PART)) > 0)
			newest = copy(newest, part, (size_t)n, size);
		if (fd < 0 || n < 0 || !newest) {
			perror(argv[i]);
			return 1;
		}
		(void)close(fd); /* it was only read */
	}
	return newest->next == newest; /* the blocks are the system's to take back */
}
