/* random.c: see random.h */
#include "random.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

bool random_read(void *out, size_t len)
{
	int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, len);

	if (fd < 0)
		return false;
	(void)close(fd); /* was only read */
	if (n >= 0)
		errno = EIO; /* it is short: not what it should be */
	return n == (ssize_t)len;
}
