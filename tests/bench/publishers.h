/*
 * publishers.h: keep-alive connections that publish, one request in flight on each.
 *
 * Sending blocks (a request is far smaller than a socket's buffer); reading does not. Any 2xx is an acceptance; any
 * other answer, or a closed connection, ends the run with the reason in fault.
 */
#ifndef PUBLISHERS_H
#define PUBLISHERS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "request.h"

enum {
	PUBLISHERS_MAX = 64,
	PUBLISHERS_ANSWER = 4096 /* bytes of an answer, head and body */
};

struct publisher {
	int fd;
	bool busy;
	size_t len;
	char answer[PUBLISHERS_ANSWER];
};

struct publishers {
	int epoll;
	size_t count, busy;
	size_t next; /* whose turn it is */
	uint64_t answered;
	struct publisher all[PUBLISHERS_MAX];
	char fault[256];
};

bool publishers_open(struct publishers *publishers, size_t count, const struct sockaddr_in *address);
void publishers_close(struct publishers *publishers);
/* Sends it on an idle connection; there must be one. False with the reason in fault. */
bool publishers_send(struct publishers *publishers, const struct request *request);
/* Reads what answers have arrived, without waiting. False with the reason in fault. */
bool publishers_receive(struct publishers *publishers);

#endif
