#include "net.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096 }; /* the kernel cuts it to net.core.somaxconn */

bool net_parse(const char *text, struct sockaddr_in *address)
{
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	long port = colon ? strtol(colon + 1, NULL, 10) : 0;

	if (port < 1 || port > 65535 || (size_t)(colon - text) >= sizeof(host))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	memset(address, 0, sizeof(*address));
	address->sin_family = AF_INET;
	address->sin_port = htons((unsigned short)port);
	return inet_pton(AF_INET, host, &address->sin_addr) == 1 && ntohl(address->sin_addr.s_addr) >> 24 == 127;
}

bool net_tune(int fd)
{
	const struct timeval bound = {NET_TIMEOUT_S, 0};
	const int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound)) == 0;
}

/* Chooses the address to come from; the port is found by connect(), which may share it between targets. */
static bool set_source(int fd, size_t number)
{
	const in_addr_t host = INADDR_LOOPBACK + (in_addr_t)(number / NET_EACH_SOURCE % NET_SOURCES);
	const struct sockaddr_in source = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
	const int on = 1;

	return setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == 0 &&
	       bind(fd, (const struct sockaddr *)&source, sizeof(source)) == 0;
}

/* Before connect(): the sizes are agreed on there. */
static bool make_narrow(int fd)
{
	const int segment = NET_NARROW_SEGMENT, buffer = NET_NARROW_BUFFER;

	return setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &segment, sizeof(segment)) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer)) == 0;
}

int net_connect(const struct sockaddr_in *address, size_t number, bool narrow)
{
	const struct linger reset = {1, 0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (net_tune(fd) && (!narrow || make_narrow(fd)) &&
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) == 0 && set_source(fd, number) &&
	    connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return fd;
	(void)close(fd); /* the first error is the one to tell */
	return -1;
}

int net_listen(unsigned *port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, BACKLOG) == 0 &&
	    getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
		*port = ntohs(address.sin_port);
		return fd;
	}
	(void)close(fd); /* the first error is the one to tell */
	return -1;
}

unsigned long net_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	return (unsigned long)limit.rlim_cur;
}

bool net_send_all(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		at += sent;
		len -= (size_t)sent;
	}
	return true;
}
