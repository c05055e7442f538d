/* supervisor.c: see supervisor.h */
#include "supervisor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS_MOST = 1024 }; /* more is not meant */

/* The number in that variable; 0 when there is none. */
static long long number_of(const char *variable)
{
	const char *text = getenv(variable);
	long long number = text ? slice_number(slice_of(text), INT32_MAX) : 0;

	return number > 0 ? number : 0;
}

/* Copies a variable that fits whole; nothing else would make sense. */
static void copy(char *out, size_t size, const char *variable)
{
	const char *text = getenv(variable);

	*out = '\0';
	if (text && strlen(text) < size)
		memcpy(out, text, strlen(text) + 1);
}

void supervisor_read(struct supervisor *s)
{
	static const char *const variables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "NOTIFY_SOCKET"};
	long long sockets = number_of("LISTEN_FDS");

	*s = (struct supervisor){0};
	/* Another number: they were for a process that started this one. */
	if (number_of("LISTEN_PID") == (long long)getpid() && sockets <= SOCKETS_MOST)
		s->sockets = (int)sockets;
	copy(s->names, sizeof s->names, "LISTEN_FDNAMES");
	copy(s->address, sizeof s->address, "NOTIFY_SOCKET");
	for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
		(void)unsetenv(variables[i]); /* cannot fail with these */
}

struct slice supervisor_name(const struct supervisor *s, int index)
{
	struct slice rest = slice_of(s->names), name = slice_cut(&rest, ':');

	while (index-- > 0)
		name = rest.at ? slice_cut(&rest, ':') : rest;
	return name;
}

static void tell(const struct supervisor *s, const char *text)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(s->address);
	socklen_t size = sizeof address;
	int fd;

	if ((*s->address != '/' && *s->address != '@') || len >= sizeof address.sun_path)
		return;
	memcpy(address.sun_path, s->address, len);
	/* An abstract address (Linux) begins with a NUL and ends where its length says. */
	if (*s->address == '@') {
		address.sun_path[0] = '\0';
		size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	}
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		return;
	/* Who does not listen any more need not be told. */
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (const struct sockaddr *)&address, size);
	(void)close(fd);
}

void supervisor_tell_ready(const struct supervisor *s)
{
	tell(s, "READY=1");
}

void supervisor_tell_reloading(const struct supervisor *s)
{
	struct timespec now = {0};
	char text[64];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIdMAX, (intmax_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	tell(s, text);
}

void supervisor_tell_stopping(const struct supervisor *s)
{
	tell(s, "STOPPING=1");
}
