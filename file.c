/* file.c: see file.h */
#include "file.h"

#include <errno.h>
#include <unistd.h>

int file_open(int directory, const char *name, int flags, mode_t mode)
{
	int fd;

	while ((fd = openat(directory, name, flags, mode)) < 0 && errno == EINTR)
		;
	return fd;
}

int file_open_regular(int directory, const char *name, int flags, struct stat *status)
{
	int fd = file_open(directory, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | flags, 0);
	struct stat own;
	int error;

	if (fd < 0)
		return -1;
	if (!status)
		status = &own;
	error = fstat(fd, status) != 0 ? errno : 0;
	if (!error && S_ISREG(status->st_mode))
		return fd;
	(void)close(fd); /* nothing was done with it */
	errno = error;
	return -1;
}

ssize_t file_read(int fd, void *at, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t got = read(fd, (char *)at + done, len - done);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -1;
		if (got > 0)
			done += (size_t)got;
	}
	return (ssize_t)done;
}

bool file_sync(int fd)
{
	int result;

	while ((result = fsync(fd)) != 0 && errno == EINTR)
		;
	return result == 0;
}
