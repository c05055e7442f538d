/*
 * disk: the yardstick for a journal: one message after the other, each written and forced to the disk before the next,
 * as a publisher that waits for --fsync always would have it without group commit.
 *
 *     disk DIRECTORY BYTES SECONDS
 *
 * Appends to a file there, which is unlinked at once. Prints key=value lines.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "mark.h"

enum { BYTES_MAX = 1 << 20, LIFE_MAX_S = 60 };

static int open_file(const char *directory)
{
	char path[4096];
	int fd;

	if (snprintf(path, sizeof(path), "%s/disk.%ld", directory, (long)getpid()) >= (int)sizeof(path))
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)unlink(path); /* else it stays behind, and is seen */
	return fd;
}

int main(int argc, char **argv)
{
	static char message[BYTES_MAX];
	size_t size = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	double seconds = argc == 4 ? strtod(argv[3], NULL) : 0, spent;
	unsigned long synced = 0;
	int64_t start;
	int fd;

	if (size < 1 || size > BYTES_MAX || seconds <= 0 || seconds > LIFE_MAX_S / 2) {
		fputs("usage: disk DIRECTORY BYTES SECONDS\n", stderr);
		return 2;
	}
	(void)alarm(LIFE_MAX_S); /* says how much was left of an earlier one: there is none */
	memset(message, MARK_PAD, size);
	fd = open_file(argv[1]);
	if (fd < 0) {
		perror("disk");
		return 1;
	}
	start = now_ns();
	do {
		if (write(fd, message, size) != (ssize_t)size || fdatasync(fd) != 0) {
			perror("disk");
			return 1;
		}
		synced++;
		spent = (double)(now_ns() - start) / 1e9;
	} while (spent < seconds);
	printf("published=%lu\nseconds=%.3f\npublishes_per_s=%.1f\n", synced, spent, (double)synced / spent);
	return 0;
}
