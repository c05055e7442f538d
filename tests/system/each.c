/*
 * each.c: stands between pushsse and everything that it calls, and lets those calls fail that the test orders. Linked
 * in by `make faulty` (ld --wrap): so it is called by the server's own code alone, under any sanitizer.
 *
 * A site is a call with all of its callers: the same malloc() in a buffer is one site for each way to get there. When
 * armed, the first call from a site that was not hit before is hit, and none after that; so the test arms, lets
 * the server do everything that it can do, and repeats that until nothing is hit any more. Or it says which call: the n-th.
 *
 * The orders lie in a file that both have: PUSHSSE_FAULTS names it. Without it everything is let through.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	SITES = 1 << 14,
	DEPTH = 12,     /* callers that tell one site from another */
	MOST_ERRORS = 2 /* that a call may fail with */
};

enum mode { FAIL = 1, INTERRUPT, SHORTEN };

/* As faults.js writes and reads it: 64-bit numbers in this order. */
struct orders {
	_Atomic int64_t mode;    /* enum mode; 0: nothing is hit */
	_Atomic int64_t armed;   /* 1: the first call from a new site is hit, which makes it 0 */
	_Atomic int64_t nth;     /* or the n-th from now; 0: none */
	_Atomic int64_t skip;    /* of 100 new sites so many are passed by: the order is another one each time */
	_Atomic int64_t often;   /* or so many of 10,000 calls, from any site */
	_Atomic int64_t variant; /* which of its errors a call fails with */
	_Atomic int64_t shift;   /* ms that the day's clock is ahead */
	/* What is said. */
	_Atomic int64_t calls, hits, call, random;
	_Atomic uint64_t site[SITES];
};

static struct orders *orders;

extern const char __executable_start[], etext[]; /* the linker's */

__attribute__((constructor)) static void begin(void)
{
	const char *name = getenv("PUSHSSE_FAULTS");
	int fd = name ? open(name, O_RDWR | O_CLOEXEC) : -1;
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (name && at == MAP_FAILED)
		abort();
	if (name)
		orders = at;
	if (fd >= 0)
		(void)close(fd);
}

/* By the frame pointers: all that is between here and main() or a thread's start was compiled with them. */
__attribute__((no_sanitize("address"), noinline)) static uint64_t find_site(int call)
{
	void **frame = __builtin_frame_address(0);
	uint64_t hash = (uint64_t)call * 8 + (uint64_t)orders->mode;

	for (int depth = 0; depth < DEPTH; depth++) {
		const char *from = frame[1];

		if (from < __executable_start || from >= etext)
			break;
		hash = (hash ^ (uint64_t)(from - __executable_start)) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
		frame = frame[0];
	}
	return hash ? hash : 1;
}

static bool is_new(uint64_t site, bool enter)
{
	for (size_t i = site % SITES, n = 0; n < SITES; n++, i = (i + 1) % SITES) {
		uint64_t there = orders->site[i];

		if (there == site)
			return false;
		if (there)
			continue;
		if (enter)
			orders->site[i] = site;
		return true;
	}
	return false;
}

static int64_t draw(int64_t below)
{
	uint64_t x = (uint64_t)atomic_fetch_add(&orders->random, 1) * UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 31)) * UINT64_C(0xd6e8feb86659fd93);
	return (int64_t)((x ^ (x >> 32)) % (uint64_t)below);
}

/* Is this call, of which there is a `mode`, to be hit? `call` is what it is known by: a line of this file. */
static bool is_hit(enum mode mode, int call)
{
	bool hit;
	int64_t n;

	if (!orders || orders->mode != (int64_t)mode)
		return false;
	n = ++orders->calls;
	if (orders->often) {
		hit = draw(10000) < orders->often;
	} else if (orders->nth) {
		hit = n == orders->nth;
	} else {
		uint64_t site = orders->armed ? find_site(call) : 0;

		hit = site && is_new(site, false) && draw(100) >= orders->skip && atomic_exchange(&orders->armed, 0) &&
		      is_new(site, true);
	}
	if (hit) {
		orders->hits++;
		orders->call = call;
	}
	return hit;
}

/* Fails with one of these: errno is set. */
static bool fails(int call, int error, int other)
{
	if (!is_hit(FAIL, call))
		return false;
	errno = orders->variant % MOST_ERRORS ? other : error;
	return true;
}

static bool is_interrupted(int call)
{
	if (!is_hit(INTERRUPT, call))
		return false;
	errno = EINTR;
	return true;
}

/* NAME as the server calls it, and as it is. */
#define REAL(type, name, ...) \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)

/* ---- memory */

REAL(void *, malloc, size_t size)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? NULL : __real_malloc(size);
}

REAL(void *, calloc, size_t count, size_t size)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? NULL : __real_calloc(count, size);
}

REAL(void *, realloc, void *at, size_t size)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? NULL : __real_realloc(at, size);
}

REAL(char *, strdup, const char *text)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? NULL : __real_strdup(text);
}

REAL(int, posix_memalign, void **at, size_t alignment, size_t size)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? ENOMEM : __real_posix_memalign(at, alignment, size);
}

REAL(int, mlock, const void *at, size_t size)
{
	return fails(__LINE__, ENOMEM, EPERM) ? -1 : __real_mlock(at, size);
}

/* ---- files */

REAL(int, fstat, int fd, struct stat *out)
{
	return fails(__LINE__, EIO, EOVERFLOW) ? -1 : __real_fstat(fd, out);
}

/* What of `len` bytes is let through; a pipe takes and gives few bytes whole (POSIX write()). */
static size_t shortened(int call, int fd, size_t len)
{
	struct stat file;

	if (len < 2 || (__real_fstat(fd, &file) == 0 && S_ISFIFO(file.st_mode)) || !is_hit(SHORTEN, call))
		return len;
	return len / 2;
}

int __real_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags);
int __wrap_open(const char *name, int flags) /* the server creates nothing this way */
{
	return fails(__LINE__, EMFILE, EIO) || is_interrupted(__LINE__) ? -1 : __real_open(name, flags);
}

int __real_openat(int directory, const char *name, int flags, ...);
int __wrap_openat(int directory, const char *name, int flags, ...);
int __wrap_openat(int directory, const char *name, int flags, ...)
{
	mode_t mode = 0;
	va_list more;

	if (flags & O_CREAT) {
		va_start(more, flags);
		mode = va_arg(more, mode_t);
		va_end(more);
	}
	return fails(__LINE__, EMFILE, ENOSPC) || is_interrupted(__LINE__) ? -1 : __real_openat(directory, name, flags, mode);
}

/* Whatever it says, the descriptor is gone. */
REAL(int, close, int fd)
{
	int result = __real_close(fd);

	if (fd <= STDERR_FILENO || (result != 0 && errno == EBADF))
		abort(); /* a 0 was taken for a descriptor, or one is closed twice */
	if (result == 0 && (fails(__LINE__, EIO, EIO) || is_interrupted(__LINE__)))
		return -1;
	return result;
}

REAL(ssize_t, read, int fd, void *bytes, size_t len)
{
	if (fails(__LINE__, EIO, ENOMEM) || is_interrupted(__LINE__))
		return -1;
	return __real_read(fd, bytes, shortened(__LINE__, fd, len));
}

REAL(ssize_t, write, int fd, const void *bytes, size_t len)
{
	if (fails(__LINE__, EIO, ENOSPC) || is_interrupted(__LINE__))
		return -1;
	return __real_write(fd, bytes, shortened(__LINE__, fd, len));
}

REAL(int, fsync, int fd)
{
	return fails(__LINE__, EIO, ENOSPC) || is_interrupted(__LINE__) ? -1 : __real_fsync(fd);
}

REAL(int, fdatasync, int fd)
{
	return fails(__LINE__, EIO, ENOSPC) || is_interrupted(__LINE__) ? -1 : __real_fdatasync(fd);
}

REAL(int, ftruncate, int fd, off_t length)
{
	return fails(__LINE__, EIO, EIO) || is_interrupted(__LINE__) ? -1 : __real_ftruncate(fd, length);
}

REAL(int, stat, const char *name, struct stat *out)
{
	return fails(__LINE__, ENOMEM, EACCES) ? -1 : __real_stat(name, out);
}

REAL(int, mkdir, const char *name, mode_t mode)
{
	return fails(__LINE__, ENOSPC, EACCES) ? -1 : __real_mkdir(name, mode);
}

REAL(int, access, const char *name, int mode)
{
	return fails(__LINE__, EACCES, EIO) ? -1 : __real_access(name, mode);
}

REAL(int, unlink, const char *name)
{
	return fails(__LINE__, EIO, EACCES) ? -1 : __real_unlink(name);
}

REAL(int, unlinkat, int directory, const char *name, int flags)
{
	return fails(__LINE__, EIO, EACCES) ? -1 : __real_unlinkat(directory, name, flags);
}

REAL(DIR *, fdopendir, int fd)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? NULL : __real_fdopendir(fd);
}

REAL(struct dirent *, readdir, DIR *names)
{
	return fails(__LINE__, EIO, EIO) ? NULL : __real_readdir(names);
}

REAL(FILE *, fopen, const char *name, const char *mode)
{
	return fails(__LINE__, EMFILE, ENOMEM) ? NULL : __real_fopen(name, mode);
}

/* ---- sockets and pipes */

REAL(int, socket, int domain, int type, int protocol)
{
	return fails(__LINE__, EMFILE, ENOBUFS) ? -1 : __real_socket(domain, type, protocol);
}

REAL(int, bind, int fd, const struct sockaddr *address, socklen_t size)
{
	return fails(__LINE__, EADDRINUSE, ENOMEM) ? -1 : __real_bind(fd, address, size);
}

REAL(int, listen, int fd, int backlog)
{
	return fails(__LINE__, EADDRINUSE, EADDRINUSE) ? -1 : __real_listen(fd, backlog);
}

REAL(int, connect, int fd, const struct sockaddr *address, socklen_t size)
{
	return fails(__LINE__, ENOMEM, ETIMEDOUT) || is_interrupted(__LINE__) ? -1 : __real_connect(fd, address, size);
}

REAL(int, getsockname, int fd, struct sockaddr *address, socklen_t *size)
{
	return fails(__LINE__, ENOBUFS, ENOBUFS) ? -1 : __real_getsockname(fd, address, size);
}

REAL(int, setsockopt, int fd, int level, int option, const void *value, socklen_t size)
{
	return fails(__LINE__, ENOBUFS, EINVAL) ? -1 : __real_setsockopt(fd, level, option, value, size);
}

REAL(int, accept, int fd, struct sockaddr *address, socklen_t *size)
{
	return fails(__LINE__, EMFILE, ECONNABORTED) || is_interrupted(__LINE__) ? -1 : __real_accept(fd, address, size);
}

REAL(int, shutdown, int fd, int how)
{
	return fails(__LINE__, ENOTCONN, ENOBUFS) ? -1 : __real_shutdown(fd, how);
}

REAL(ssize_t, recv, int fd, void *bytes, size_t len, int flags)
{
	if (fails(__LINE__, ECONNRESET, ENOMEM) || is_interrupted(__LINE__))
		return -1;
	return __real_recv(fd, bytes, shortened(__LINE__, fd, len), flags);
}

REAL(ssize_t, send, int fd, const void *bytes, size_t len, int flags)
{
	if (fails(__LINE__, EPIPE, ENOBUFS) || is_interrupted(__LINE__))
		return -1;
	return __real_send(fd, bytes, shortened(__LINE__, fd, len), flags);
}

REAL(ssize_t, sendmsg, int fd, const struct msghdr *message, int flags)
{
	if (fails(__LINE__, EPIPE, ENOBUFS) || is_interrupted(__LINE__))
		return -1;
	if (is_hit(SHORTEN, __LINE__)) /* the first piece alone */
		return __real_send(fd, message->msg_iov[0].iov_base, message->msg_iov[0].iov_len, flags);
	return __real_sendmsg(fd, message, flags);
}

REAL(int, poll, struct pollfd *fds, nfds_t count, int timeout)
{
	return fails(__LINE__, ENOMEM, ENOMEM) || is_interrupted(__LINE__) ? -1 : __real_poll(fds, count, timeout);
}

REAL(int, pipe, int fds[2])
{
	return fails(__LINE__, EMFILE, ENFILE) ? -1 : __real_pipe(fds);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, void *argument);
int __wrap_fcntl(int fd, int command, void *argument)
{
	if (fails(__LINE__, EINVAL, ENOLCK))
		return -1;
	return __real_fcntl(fd, command, argument);
}

/* ---- threads, limits, time */

REAL(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
	return fails(__LINE__, EAGAIN, EAGAIN) ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

REAL(int, pthread_mutex_init, pthread_mutex_t *lock, const pthread_mutexattr_t *attributes)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? ENOMEM : __real_pthread_mutex_init(lock, attributes);
}

REAL(int, pthread_cond_init, pthread_cond_t *changed, const pthread_condattr_t *attributes)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? ENOMEM : __real_pthread_cond_init(changed, attributes);
}

REAL(int, pthread_condattr_init, pthread_condattr_t *attributes)
{
	return fails(__LINE__, ENOMEM, ENOMEM) ? ENOMEM : __real_pthread_condattr_init(attributes);
}

REAL(int, sigwait, const sigset_t *signals, int *number)
{
	return is_interrupted(__LINE__) ? EINTR : __real_sigwait(signals, number);
}

REAL(int, nanosleep, const struct timespec *wanted, struct timespec *left)
{
	return is_interrupted(__LINE__) ? -1 : __real_nanosleep(wanted, left);
}

REAL(int, getrlimit, __rlimit_resource_t resource, struct rlimit *limit)
{
	return fails(__LINE__, EPERM, EINVAL) ? -1 : __real_getrlimit(resource, limit);
}

REAL(int, setrlimit, __rlimit_resource_t resource, const struct rlimit *limit)
{
	return fails(__LINE__, EPERM, EINVAL) ? -1 : __real_setrlimit(resource, limit);
}

REAL(long, sysconf, int name)
{
	return fails(__LINE__, EINVAL, EINVAL) ? -1 : __real_sysconf(name);
}

REAL(int, clock_gettime, clockid_t clock, struct timespec *now)
{
	int result = __real_clock_gettime(clock, now);
	int64_t ms = orders && clock == CLOCK_REALTIME ? orders->shift : 0;

	now->tv_sec += ms / 1000;
	now->tv_nsec += ms % 1000 * 1000000;
	if (now->tv_nsec < 0 || now->tv_nsec >= 1000000000) {
		now->tv_sec += now->tv_nsec < 0 ? -1 : 1;
		now->tv_nsec += now->tv_nsec < 0 ? 1000000000 : -1000000000;
	}
	return result;
}
