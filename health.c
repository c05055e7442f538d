/* health.c: see health.h */
#include "health.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "address.h"

enum { PATIENCE_S = 5, ANSWER_MOST = 4096 };

/* Reads to the end, or as much as there is room for. False with errno. */
static bool ask(int fd, char answer[ANSWER_MOST])
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
	size_t len = 0;
	ssize_t n = send(fd, request, strlen(request), MSG_NOSIGNAL);

	if (n != (ssize_t)strlen(request))
		return false;
	while (len < ANSWER_MOST - 1 && (n = recv(fd, answer + len, ANSWER_MOST - 1 - len, 0)) > 0)
		len += (size_t)n;
	answer[len] = '\0';
	return n >= 0;
}

int health_check(const char *address)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	char answer[ANSWER_MOST];
	int fd = address_connect(address, &patience);
	const char *body;

	if (fd < 0 || !ask(fd, answer)) {
		(void)fprintf(stderr, "pushsse: health: %s: %s\n", address, strerror(errno));
		if (fd >= 0)
			(void)close(fd);
		return 1;
	}
	(void)close(fd);
	body = strstr(answer, "\r\n\r\n");
	(void)printf("%s\n", body ? body + 4 : "no answer");
	return strncmp(answer, "HTTP/1.1 200 ", 13) == 0 ? 0 : 1;
}
