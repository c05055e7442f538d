/* address.c: see address.h */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096 }; /* connections that wait to be accepted; the system may hold it to less */

struct address {
	socklen_t size;
	union {
		struct sockaddr any;
		struct sockaddr_in ip4;
		struct sockaddr_in6 ip6;
		struct sockaddr_un path;
	};
};

static const char *path_of(const char *text)
{
	return strncmp(text, "unix:", 5) == 0 ? text + 5 : NULL;
}

static bool parse_port(const char *text, in_port_t *port)
{
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || number > 65535)
		return false;
	*port = htons((in_port_t)number);
	return true;
}

static bool parse(const char *text, struct address *a)
{
	const char *path = path_of(text), *colon = strrchr(text, ':');
	char host[INET6_ADDRSTRLEN + 2];
	size_t len = colon ? (size_t)(colon - text) : 0;

	memset(a, 0, sizeof *a);
	if (path) {
		a->size = sizeof a->path;
		a->path.sun_family = AF_UNIX;
		len = strlen(path);
		if (!len || len >= sizeof a->path.sun_path)
			return false;
		memcpy(a->path.sun_path, path, len);
		return true;
	}
	if (!colon || len >= sizeof host)
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (len > 2 && host[0] == '[' && host[len - 1] == ']') {
		host[len - 1] = '\0';
		a->size = sizeof a->ip6;
		a->ip6.sin6_family = AF_INET6;
		return inet_pton(AF_INET6, host + 1, &a->ip6.sin6_addr) == 1 && parse_port(colon + 1, &a->ip6.sin6_port);
	}
	a->size = sizeof a->ip4;
	a->ip4.sin_family = AF_INET;
	return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &a->ip4.sin_addr) == 1 &&
	       parse_port(colon + 1, &a->ip4.sin_port);
}

/* Removes a unix socket that a server left which is gone: nobody accepts there. */
static void remove_stale(const struct address *a)
{
	struct stat file;
	int fd;

	if (stat(a->path.sun_path, &file) != 0 || !S_ISSOCK(file.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0)
		return;
	if (connect(fd, &a->any, a->size) != 0 && errno == ECONNREFUSED)
		(void)unlink(a->path.sun_path); /* bind() tells when that failed */
	(void)close(fd);
}

/* What it is bound to, whoever bound it. A unix path may be without its NUL, and an abstract one (Linux) begins with it. */
static void describe(int fd, char text[ADDRESS_TEXT])
{
	struct address bound = {.size = sizeof bound.path};
	char host[INET6_ADDRSTRLEN] = "?";

	if (getsockname(fd, &bound.any, &bound.size) != 0)
		bound.any.sa_family = AF_UNSPEC;
	if (bound.any.sa_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &bound.ip6.sin6_addr, host, sizeof host);
		(void)snprintf(text, ADDRESS_TEXT, "[%s]:%d", host, ntohs(bound.ip6.sin6_port));
	} else if (bound.any.sa_family == AF_INET) {
		(void)inet_ntop(AF_INET, &bound.ip4.sin_addr, host, sizeof host);
		(void)snprintf(text, ADDRESS_TEXT, "%s:%d", host, ntohs(bound.ip4.sin_port));
	} else if (bound.any.sa_family == AF_UNIX) {
		const char *path = bound.path.sun_path;
		int len = (int)(bound.size < sizeof bound.path ? bound.size : sizeof bound.path) -
		          (int)offsetof(struct sockaddr_un, sun_path);
		bool abstract = len > 0 && !*path;

		(void)snprintf(text, ADDRESS_TEXT, "unix:%s%.*s", abstract ? "@" : "", len - abstract, path + abstract);
	} else {
		(void)snprintf(text, ADDRESS_TEXT, "?");
	}
}

/*
 * A socket's file gets its mode as it is made: a chmod() behind it might meet another file. The umask is of the whole
 * process, which makes no other file now.
 */
static bool bind_with_mode(int fd, const struct address *a, mode_t mode)
{
	mode_t before = mode ? umask(~mode & (S_IRWXU | S_IRWXG | S_IRWXO)) : 0;
	bool bound = bind(fd, &a->any, a->size) == 0;

	if (mode)
		(void)umask(before);
	return bound;
}

bool address_is_unix(const char *address)
{
	return path_of(address) != NULL;
}

int address_listen(const char *address, mode_t mode, char text[ADDRESS_TEXT], char *error, size_t size)
{
	struct address a;
	int fd, on = 1, off = 0;

	(void)parse(address, &a);
	if (a.any.sa_family == AF_UNIX)
		remove_stale(&a);
	fd = socket(a.any.sa_family, SOCK_STREAM, 0);
	if (fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		goto fail;
	if (a.any.sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
		goto fail;
	if (a.any.sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0)
		goto fail;
	if (!bind_with_mode(fd, &a, mode) || listen(fd, BACKLOG) != 0)
		goto fail;
	describe(fd, text);
	return fd;
fail:
	(void)snprintf(error, size, "cannot listen on %s: %s", address, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

int address_connect(const char *address, const struct timeval *patience)
{
	struct address a;
	int fd;

	(void)parse(address, &a);
	/* Who listens at all addresses is reached by the loopback. */
	if (a.any.sa_family == AF_INET && a.ip4.sin_addr.s_addr == htonl(INADDR_ANY))
		a.ip4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (a.any.sa_family == AF_INET6 && memcmp(&a.ip6.sin6_addr, &in6addr_any, sizeof in6addr_any) == 0)
		a.ip6.sin6_addr = in6addr_loopback;
	fd = socket(a.any.sa_family, SOCK_STREAM, 0);
	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, patience, sizeof *patience) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, patience, sizeof *patience) == 0 && connect(fd, &a.any, a.size) == 0)
		return fd;
	(void)close(fd); /* errno is of what failed before: close() of a good descriptor leaves it */
	return -1;
}

bool address_adopt(int fd, char text[ADDRESS_TEXT], char *error, size_t size)
{
	int type = 0, listening = 0;
	socklen_t len = sizeof type;
	bool good = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0;

	len = sizeof listening;
	good = good && getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
	       fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0;
	if (!good)
		(void)snprintf(error, size, "%s", strerror(errno));
	else if (type != SOCK_STREAM || !listening)
		(void)snprintf(error, size, "not a stream socket that listens");
	else
		describe(fd, text);
	return good && type == SOCK_STREAM && listening;
}

void address_remove(const char *address)
{
	const char *path = path_of(address);

	if (path)
		(void)unlink(path); /* it may be gone already */
}

bool address_is_good(const char *address)
{
	struct address a;

	return parse(address, &a);
}

bool address_is_local(const char *address)
{
	struct address a;
	static const unsigned char loopback6[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};

	if (!parse(address, &a))
		return false;
	if (a.any.sa_family == AF_INET)
		return (ntohl(a.ip4.sin_addr.s_addr) >> 24) == 127;
	return a.any.sa_family == AF_UNIX || memcmp(&a.ip6.sin6_addr, loopback6, sizeof loopback6) == 0;
}
