#include "publishers.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "wire.h"

bool publishers_open(struct publishers *p, size_t count, const struct sockaddr_in *address)
{
	memset(p, 0, sizeof(*p));
	p->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < count && p->epoll >= 0; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

		p->all[i].fd = net_connect(address, i, false);
		if (p->all[i].fd < 0)
			break;
		p->count++;
		if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, p->all[i].fd, &event) != 0)
			break;
	}
	if (p->count == count)
		return true;
	(void)snprintf(p->fault, sizeof(p->fault), "publisher %zu: %s", p->count, strerror(errno)); /* fits */
	return false;
}

void publishers_close(struct publishers *p)
{
	for (size_t i = 0; i < p->count; i++)
		(void)close(p->all[i].fd); /* a reset: nothing to be told of it */
	if (p->epoll >= 0)
		(void)close(p->epoll); /* holds nothing */
}

bool publishers_send(struct publishers *p, const struct request *request)
{
	struct publisher *one;

	do
		one = &p->all[p->next++ % p->count];
	while (one->busy);
	if (!net_send_all(one->fd, request->text.at, request->text.len)) {
		(void)snprintf(p->fault, sizeof(p->fault), "publishing: %s", strerror(errno)); /* fits */
		return false;
	}
	one->busy = true;
	p->busy++;
	return true;
}

static bool receive(struct publishers *p, struct publisher *one)
{
	ssize_t n = recv(one->fd, one->answer + one->len, sizeof(one->answer) - one->len, MSG_DONTWAIT);
	size_t size;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	one->len += n > 0 ? (size_t)n : 0;
	size = wire_answer_size(one->answer, one->len);
	if (n > 0 && (size == 0 || size > one->len) && one->len < sizeof(one->answer))
		return true;
	if (n <= 0 || size != one->len || one->len < 12 || one->answer[9] != '2' || !one->busy) {
		(void)snprintf(p->fault, sizeof(p->fault), "a publish was answered %s%.*s", n <= 0 ? "by a close " : "",
		               (int)(one->len < 200 ? one->len : 200), one->answer); /* cut is fine */
		return false;
	}
	one->len = 0;
	one->busy = false;
	p->busy--;
	p->answered++;
	return true;
}

bool publishers_receive(struct publishers *p)
{
	struct epoll_event event[PUBLISHERS_MAX];
	int n = p->busy ? epoll_wait(p->epoll, event, PUBLISHERS_MAX, 0) : 0;

	for (int i = 0; i < n; i++)
		if (!receive(p, &p->all[event[i].data.u32]))
			return false;
	return true;
}
