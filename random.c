/* random.c: see random.h */
#include "random.h"

#include <errno.h>
#include <unistd.h>

#include "file.h"

bool random_read(void *out, size_t len)
{
	int fd = file_open(AT_FDCWD, "/dev/urandom", O_RDONLY | O_CLOEXEC, 0);
	ssize_t n = fd < 0 ? -1 : file_read(fd, out, len);

	if (fd < 0)
		return false;
	(void)close(fd); /* was only read */
	if (n >= 0)
		errno = EIO; /* it is short: not what it should be */
	return n == (ssize_t)len;
}
