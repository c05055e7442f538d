#include "streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

static const char before[] = "data: ", after[] = "\n\n";
static const uint32_t watched = UINT32_MAX; /* an event that is not a stream's */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool streams_init(struct streams *s, size_t count, size_t content)
{
	char *at;

	memset(s, 0, sizeof(*s));
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->count = count;
	s->block_len = strlen(before) + content + strlen(after);
	s->all = calloc(count, sizeof(*s->all));
	s->block = malloc(s->block_len + 1);
	s->buffer = malloc(STREAMS_REMAINDER + s->block_len + STREAMS_RECEIVE);
	s->latency = calloc(1, sizeof(*s->latency));
	if (s->epoll < 0 || !s->all || !s->block || !s->buffer || !s->latency) {
		(void)snprintf(s->fault, sizeof(s->fault), "no memory or descriptor"); /* fits */
		return false;
	}
	at = stpcpy(s->block, before);
	memset(at, MARK_PAD, content);
	(void)strcpy(at + content, after); /* room was made for it */
	return true;
}

void streams_free(struct streams *s)
{
	for (size_t i = 0; s->all && i < s->count; i++) {
		if (s->all[i].state == STREAM_ASKED || s->all[i].state == STREAM_OPEN)
			(void)close(s->all[i].fd); /* a reset: nothing to be told of it */
		free(s->all[i].rest);
	}
	if (s->epoll >= 0)
		(void)close(s->epoll); /* holds nothing */
	free(s->all);
	free(s->block);
	free(s->buffer);
	free(s->latency);
}

static void lose(struct streams *s, struct stream *one, const char *why)
{
	if (s->gone++ == 0)
		(void)snprintf(s->fault, sizeof(s->fault), "stream %td: %s", one - s->all, why); /* cut is fine */
	if (one->state == STREAM_OPEN)
		s->open--;
	one->state = STREAM_GONE;
	(void)close(one->fd); /* leaves the epoll with it */
}

static bool ask(struct streams *s, const struct sockaddr_in *address, const struct templates *templates)
{
	struct stream *one = &s->all[s->asked];
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)s->asked};
	struct buffer request = {0};
	bool good;

	one->fd = net_connect(address, s->asked);
	if (one->fd < 0) {
		(void)snprintf(s->fault, sizeof(s->fault), "stream %zu: %s", s->asked, strerror(errno)); /* fits */
		return false;
	}
	one->state = STREAM_ASKED;
	good = request_stream(&request, templates, (unsigned)s->asked) &&
	       net_send_all(one->fd, request.at, request.len) &&
	       epoll_ctl(s->epoll, EPOLL_CTL_ADD, one->fd, &event) == 0;
	if (!good)
		(void)snprintf(s->fault, sizeof(s->fault), "stream %zu: bad template, or closed", s->asked); /* fits */
	buffer_free(&request);
	s->asked++;
	return good;
}

bool streams_open(struct streams *s, const struct sockaddr_in *address, const struct templates *templates)
{
	const int64_t patience = (int64_t)NET_TIMEOUT_S * 1000000000;
	int64_t progress = now_ns();
	size_t last = 0;

	while (s->open < s->count && !s->gone) {
		while (s->asked < s->count && s->asked - s->open < STREAMS_OPENING)
			if (!ask(s, address, templates))
				return false;
		streams_receive(s, 100000000);
		if (s->open != last) {
			last = s->open;
			progress = now_ns();
		} else if (now_ns() - progress > patience) {
			(void)snprintf(s->fault, sizeof(s->fault), "only %zu of %zu streams were answered", s->open,
			               s->count); /* fits */
			return false;
		}
	}
	return !s->gone;
}

bool streams_watch(struct streams *s, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = watched};

	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

void streams_owe(struct streams *s, size_t stream, uint32_t number)
{
	if (stream == SIZE_MAX) {
		tally_add(&s->everyone, number);
		s->owed += s->count;
	} else {
		tally_add(&s->all[stream].owed, number);
		s->owed++;
	}
}

/*
 * Takes the messages out of the bytes; answers how many bytes are done with. What comes before a message's "data: "
 * (its id, a ping) is not looked at.
 */
static size_t take_messages(struct streams *s, struct stream *one, const char *at, size_t len, int64_t now)
{
	const size_t head = s->block_len - strlen(after) - MARK_SIZE, tail = MARK_SIZE + strlen(after);
	const char *from = at, *end = at + len, *sign;
	struct mark mark;

	while ((sign = memchr(from, MARK_SIGN, (size_t)(end - from))) && (size_t)(end - sign) >= tail) {
		if ((size_t)(sign - from) >= head && memcmp(sign - head, s->block, head) == 0 &&
		    mark_read(sign, &mark) && memcmp(sign + MARK_SIZE, after, strlen(after)) == 0) {
			tally_add(&one->got, mark.number);
			s->got++;
			histogram_add(s->latency, now - mark.stamp);
		} else {
			s->torn++;
		}
		from = sign + tail;
	}
	return (size_t)(from - at);
}

/* Finds the end of the answer's head. 0: not all there yet; also when it was refused. */
static size_t take_head(struct streams *s, struct stream *one, const char *at, size_t len)
{
	const char *end = memmem(at, len, "\r\n\r\n", 4);
	char line[64];

	if (!end)
		return 0;
	if (len < 12 || memcmp(at, "HTTP/1.", 7) != 0 || memcmp(at + 8, " 200", 4) != 0) {
		(void)snprintf(line, sizeof(line), "answered %.*s", (int)smaller(40, len), at); /* cut is fine */
		lose(s, one, line);
		return 0;
	}
	one->state = STREAM_OPEN;
	s->open++;
	return (size_t)(end - at) + 4;
}

/* Keeps an incomplete block until the rest of it comes. */
static void keep(struct streams *s, struct stream *one, const char *at, size_t len)
{
	char *rest;

	if (one->state == STREAM_OPEN && len >= 2 && memcmp(at + len - 2, after, 2) == 0)
		len = 0; /* ends with a whole block that is none of ours: hello, ping */
	one->rest_len = len;
	if (len == 0) {
		free(one->rest);
		one->rest = NULL;
		return;
	}
	rest = len <= STREAMS_REMAINDER + s->block_len ? realloc(one->rest, len) : NULL;
	if (!rest) {
		one->rest_len = 0;
		lose(s, one, "no memory, or more than a block without a message");
		return;
	}
	one->rest = rest;
	memcpy(rest, at, len);
}

static void receive(struct streams *s, struct stream *one)
{
	size_t len = one->rest_len, done = 0;
	ssize_t n = recv(one->fd, s->buffer + len, STREAMS_RECEIVE, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		lose(s, one, n == 0 ? "closed by the server" : strerror(errno));
		return;
	}
	s->reads++;
	s->bytes += (uint64_t)n;
	if (len > 0)
		memcpy(s->buffer, one->rest, len);
	len += (size_t)n;
	if (one->state == STREAM_ASKED)
		done = take_head(s, one, s->buffer, len);
	if (one->state == STREAM_OPEN)
		done += take_messages(s, one, s->buffer + done, len - done, now_ns());
	if (one->state != STREAM_GONE && (one->rest || done < len))
		keep(s, one, s->buffer + done, len - done);
}

void streams_receive(struct streams *s, int64_t timeout)
{
	const struct timespec wait = {timeout / 1000000000, timeout % 1000000000};
	struct epoll_event event[STREAMS_BATCH];
	int n = epoll_pwait2(s->epoll, event, STREAMS_BATCH, &wait, NULL);

	for (int i = 0; i < n; i++)
		if (event[i].data.u32 != watched)
			receive(s, &s->all[event[i].data.u32]);
}

struct streams_result streams_check(const struct streams *s)
{
	struct streams_result result = {0, 0, 0};

	for (size_t i = 0; i < s->count; i++) {
		const struct stream *one = &s->all[i];
		uint64_t owed = s->everyone.count + one->owed.count;

		if (one->got.count < owed)
			result.lost += owed - one->got.count;
		else if (one->got.count > owed)
			result.doubled += one->got.count - owed;
		else if (one->got.sum != s->everyone.sum + one->owed.sum)
			result.other++;
	}
	return result;
}
