/*
 * guard.h: text that ends where memory ends.
 *
 * A parser that reads one byte past its input dies here, with or without sanitizers. Usage:
 *
 *     char *text = guard_copy(bytes, len);
 *     ... parse text, len ...
 *     guard_free(text, len);
 */
#ifndef GUARD_H
#define GUARD_H

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static inline size_t guard_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Whole pages that hold len bytes; one at least, so that an empty text too has a place to point to. */
static inline size_t guard_room(size_t len)
{
	return (len / guard_page() + 1) * guard_page();
}

/* A private copy, writable, whose end abuts an unreadable page. Never NULL: a test that has no memory aborts. */
static inline char *guard_copy(const void *bytes, size_t len)
{
	size_t room = guard_room(len);
	/* POSIX.1-2008 has no anonymous memory; a private mapping of /dev/zero is the same. */
	int zero = open("/dev/zero", O_RDWR | O_CLOEXEC);
	char *base = mmap(NULL, room + guard_page(), PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);

	if (zero < 0 || base == MAP_FAILED || mprotect(base + room, guard_page(), PROT_NONE) != 0)
		abort();
	(void)close(zero);
	if (len != 0)
		memcpy(base + room - len, bytes, len);
	return base + room - len;
}

static inline void guard_free(char *text, size_t len)
{
	size_t room = guard_room(len);

	(void)munmap(text + len - room, room + guard_page());
}

#endif
