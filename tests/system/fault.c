/*
 * fault.c: an LD_PRELOAD shim that stands between pushsse and the disk: it makes calls on the journal's segments fail,
 * fall short or take their time, as the test says while the server runs.
 *
 * The orders lie in a file that both have: PUSHSSE_FAULTS names it. The test writes numbers into it, the server has it
 * mapped. Everything but files that are called *.segment is let through as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536 };

/* As fault.test.js writes and reads it: 64-bit numbers in this order. */
struct orders {
	_Atomic int64_t space;        /* bytes that may still be written, then ENOSPC; less than 0: no bound */
	_Atomic int64_t write_error;  /* errno of every write; 0: none */
	_Atomic int64_t create_error; /* errno when a segment is created */
	_Atomic int64_t sync_error;   /* errno of every fdatasync */
	_Atomic int64_t sync_errors;  /* so many of the next fdatasyncs fail with EIO */
	_Atomic int64_t cut_error;    /* errno of ftruncate */
	_Atomic int64_t sync_ms;      /* how long an fdatasync takes */
	_Atomic int64_t hang;         /* while it is 1, no fdatasync returns */
	_Atomic int64_t most;         /* bytes that one write() takes; 0: all */
	_Atomic int64_t interrupt;    /* each n-th call is interrupted before it has done anything; 0: none */
	/* What the shim says. */
	_Atomic int64_t hanging, writes, syncs, cuts, calls;
};

static struct orders *orders;
static atomic_bool is_segment[MAX_FD];

/* What stands behind this in the order of the libraries: the system's own, or a sanitizer's. */
static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("PUSHSSE_FAULTS");
	int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		abort();
	orders = at;
	(void)close(fd);
}

static void nap(int64_t ms)
{
	(void)nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static bool is_interrupted(void)
{
	int64_t each = orders->interrupt;

	if (!each || ++orders->calls % each)
		return false;
	errno = EINTR;
	return true;
}

static bool is_ours(int fd)
{
	return orders && fd >= 0 && fd < MAX_FD && is_segment[fd];
}

int openat(int directory, const char *name, int flags, ...)
{
	int (*real)(int, const char *, int, ...) = (int (*)(int, const char *, int, ...))next("openat");
	size_t len = strlen(name);
	bool segment = len > 8 && strcmp(name + len - 8, ".segment") == 0 && (flags & O_ACCMODE) == O_WRONLY;
	mode_t mode = 0;
	va_list more;
	int fd;

	if (flags & O_CREAT) {
		va_start(more, flags);
		mode = va_arg(more, mode_t);
		va_end(more);
	}
	if (segment && is_interrupted())
		return -1;
	if (segment && orders->create_error && (flags & O_CREAT)) {
		errno = (int)orders->create_error;
		return -1;
	}
	fd = real(directory, name, flags, mode);
	if (fd >= 0 && fd < MAX_FD)
		is_segment[fd] = segment;
	return fd;
}

int close(int fd)
{
	int (*real)(int) = (int (*)(int))next("close");

	if (fd >= 0 && fd < MAX_FD)
		is_segment[fd] = false;
	return real(fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	ssize_t (*real)(int, const void *, size_t) = (ssize_t(*)(int, const void *, size_t))next("write");
	ssize_t n;

	if (!is_ours(fd))
		return real(fd, bytes, len);
	if (is_interrupted())
		return -1;
	orders->writes++;
	if (orders->write_error) {
		errno = (int)orders->write_error;
		return -1;
	}
	if (orders->most && len > (size_t)orders->most)
		len = (size_t)orders->most;
	if (orders->space >= 0 && len > (size_t)orders->space)
		len = (size_t)orders->space; /* as a disk does: what fits, and then nothing */
	if (len == 0) {
		errno = ENOSPC;
		return -1;
	}
	n = real(fd, bytes, len);
	if (n > 0 && orders->space >= 0)
		orders->space -= n;
	return n;
}

int fdatasync(int fd)
{
	int (*real)(int) = (int (*)(int))next("fdatasync");

	if (!is_ours(fd))
		return real(fd);
	if (is_interrupted())
		return -1;
	orders->syncs++;
	if (orders->sync_ms)
		nap(orders->sync_ms);
	while (orders->hang) {
		orders->hanging = 1;
		nap(2);
	}
	orders->hanging = 0;
	if (orders->sync_errors > 0 || orders->sync_error) {
		errno = orders->sync_error ? (int)orders->sync_error : EIO;
		orders->sync_errors -= orders->sync_errors > 0;
		return -1;
	}
	return real(fd);
}

int ftruncate(int fd, off_t length)
{
	int (*real)(int, off_t) = (int (*)(int, off_t))next("ftruncate");

	if (!is_ours(fd))
		return real(fd, length);
	if (is_interrupted())
		return -1;
	orders->cuts++;
	if (orders->cut_error) {
		errno = (int)orders->cut_error;
		return -1;
	}
	return real(fd, length);
}
