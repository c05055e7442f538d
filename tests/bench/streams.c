#include "streams.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

static const uint32_t watched = UINT32_MAX; /* an event that is not a stream's */
/* RFC 6455: the key and the mask are of zeros; nothing between here and loopback's other end minds. */
static const char upgrade[] = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
static const char connect_frame[] = "\x81\x82\0\0\0\0" "40"; /* socket.io: connects to the namespace / */

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool streams_init(struct streams *s, size_t content)
{
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	s->all = calloc(s->count, sizeof(*s->all));
	s->latency = calloc(1, sizeof(*s->latency));
	if (s->epoll < 0 || !s->all || !s->latency || !wire_init(&s->wire, s->kind, content)) {
		(void)snprintf(s->fault, sizeof(s->fault), "no memory or descriptor"); /* fits */
		return false;
	}
	s->buffer_len = (wire_stays(s->kind) ? STREAMS_REMAINDER : STREAMS_ANSWER) + s->wire.block_len + STREAMS_RECEIVE;
	s->buffer = malloc(s->buffer_len);
	for (size_t i = 0; i < s->slow; i++)
		s->all[s->count - 1 - i].slow = true;
	return s->buffer != NULL;
}

void streams_free(struct streams *s)
{
	for (size_t i = 0; s->all && i < s->count; i++) {
		if (s->all[i].state == STREAM_ASKED || s->all[i].state == STREAM_OPEN)
			(void)close(s->all[i].fd); /* a reset: nothing to be told of it */
		free(s->all[i].rest);
		buffer_free(&s->all[i].cursor);
	}
	if (s->epoll >= 0)
		(void)close(s->epoll); /* holds nothing */
	wire_free(&s->wire);
	free(s->all);
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

/* Sends the request that opens it, or its next poll. */
static bool send_request(struct streams *s, struct stream *one)
{
	struct buffer request = {0};
	bool good = request_stream(&request, s->templates, (unsigned)(one - s->all));

	buffer_add(&request, one->cursor.at, one->cursor.len);
	if (s->kind == WIRE_SOCKET_IO)
		buffer_add_text(&request, upgrade);
	buffer_add_text(&request, "\r\n");
	good = good && !request.failed && net_send_all(one->fd, request.at, request.len);
	buffer_free(&request);
	return good;
}

static void set_open(struct streams *s, struct stream *one)
{
	one->state = STREAM_OPEN;
	s->open++;
	if (one->slow)
		(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, one->fd, NULL); /* it is in there */
}

static bool ask(struct streams *s, const struct sockaddr_in *address, size_t i)
{
	struct stream *one = &s->all[i];
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

	one->fd = net_connect(address, i, one->slow);
	if (one->fd < 0) {
		(void)snprintf(s->fault, sizeof(s->fault), "stream %zu: %s", i, strerror(errno)); /* fits */
		return false;
	}
	one->state = STREAM_ASKED;
	s->asked++;
	if (!send_request(s, one) || epoll_ctl(s->epoll, EPOLL_CTL_ADD, one->fd, &event) != 0) {
		(void)snprintf(s->fault, sizeof(s->fault), "stream %zu: bad template, or closed", i); /* fits */
		return false;
	}
	if (s->kind == WIRE_NCHAN)
		set_open(s, one);
	return true;
}

bool streams_open(struct streams *s, const struct sockaddr_in *address)
{
	const int64_t patience = (int64_t)NET_TIMEOUT_S * 1000000000;
	int64_t progress = now_ns();
	size_t last = s->open, i = 0;

	while (s->open < s->count && !s->gone) {
		for (; i < s->count && s->asked - s->open < s->window; i++)
			if (s->all[i].state == STREAM_NONE && !ask(s, address, i))
				return false;
		streams_receive(s, s->kind == WIRE_NCHAN ? 0 : 100000000);
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

void streams_close(struct streams *s, size_t i)
{
	struct stream *one = &s->all[i];

	if (one->state != STREAM_OPEN)
		return;
	(void)close(one->fd); /* leaves the epoll with it */
	free(one->rest);
	one->rest = NULL;
	one->rest_len = 0;
	one->state = STREAM_NONE;
	s->open--;
	s->asked--;
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
		s->owed += s->count - s->slow;
	} else {
		tally_add(&s->all[stream].owed, number);
		s->owed++;
	}
}

/* Takes the messages out of the bytes; answers how many bytes are done with. */
static size_t take_messages(struct streams *s, struct stream *one, const char *at, size_t len)
{
	const char *from = at, *next;
	const int64_t now = now_ns();
	struct mark mark;

	while ((next = wire_next(&s->wire, from, at + len, &mark, &s->torn))) {
		tally_add(&one->got, mark.number);
		if (s->ascending && mark.number < one->next)
			s->disordered++;
		one->next = mark.number + 1;
		one->order = (one->order + mark.number + 1) * 0x9e3779b97f4a7c15u;
		s->got++;
		histogram_add(s->latency, now - (s->since ? s->since : mark.stamp));
		from = next;
	}
	if (s->cursors)
		wire_cursor(&s->wire, at, len, &one->cursor);
	return (size_t)(from - at);
}

static bool is_accepted(struct streams *s, struct stream *one, const char *at, size_t len)
{
	const char *status = s->kind == WIRE_SOCKET_IO ? " 101" : " 200";
	char line[64];

	if (len >= 12 && memcmp(at, "HTTP/1.", 7) == 0 && memcmp(at + 8, status, 4) == 0)
		return true;
	(void)snprintf(line, sizeof(line), "answered %.*s", (int)smaller(40, len), at); /* cut is fine */
	lose(s, one, line);
	return false;
}

/* Finds the end of the answer's head. 0: not all there yet; also when it was refused. */
static size_t take_head(struct streams *s, struct stream *one, const char *at, size_t len)
{
	const char *end = memmem(at, len, "\r\n\r\n", 4);

	if (!end || !is_accepted(s, one, at, len))
		return 0;
	if (s->kind == WIRE_SOCKET_IO && !net_send_all(one->fd, connect_frame, sizeof(connect_frame) - 1)) {
		lose(s, one, "closed before it was connected");
		return 0;
	}
	set_open(s, one);
	return (size_t)(end - at) + 4;
}

/* A poll's answer, once it is whole: its messages, its cursor, the next request. Answers how many bytes it took. */
static size_t take_answer(struct streams *s, struct stream *one, const char *at, size_t len)
{
	size_t size = wire_answer_size(at, len);

	if (size == 0 || size > len || !is_accepted(s, one, at, len))
		return 0;
	(void)take_messages(s, one, at, size); /* the whole answer is done with */
	wire_cursor(&s->wire, at, size, &one->cursor);
	if (one->state == STREAM_ASKED)
		set_open(s, one);
	if (!send_request(s, one))
		lose(s, one, "the next poll could not be sent");
	return size;
}

/* Keeps an incomplete block until the rest of it comes. */
static void keep(struct streams *s, struct stream *one, const char *at, size_t len)
{
	char *rest;

	if (s->kind == WIRE_EVENTS && one->state == STREAM_OPEN && len >= 2 && memcmp(at + len - 2, "\n\n", 2) == 0)
		len = 0; /* ends with a whole block that is none of ours: hello, ping */
	one->rest_len = len;
	if (len == 0) {
		free(one->rest);
		one->rest = NULL;
		return;
	}
	rest = len <= s->buffer_len - STREAMS_RECEIVE ? realloc(one->rest, len) : NULL;
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
	if (!wire_stays(s->kind)) {
		done = take_answer(s, one, s->buffer, len);
	} else {
		if (one->state == STREAM_ASKED)
			done = take_head(s, one, s->buffer, len);
		if (one->state == STREAM_OPEN)
			done += take_messages(s, one, s->buffer + done, len - done);
	}
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
	struct streams_result result = {0, 0, 0, 0};
	const struct stream *first = &s->all[0];
	const bool common = s->everyone.count && s->owed == s->everyone.count * (s->count - s->slow);

	for (size_t i = 0; i < s->count - s->slow; i++) {
		const struct stream *one = &s->all[i];
		uint64_t owed = s->everyone.count + one->owed.count;

		if (one->got.count < owed)
			result.lost += owed - one->got.count;
		else if (one->got.count > owed)
			result.doubled += one->got.count - owed;
		else if (one->got.sum != s->everyone.sum + one->owed.sum)
			result.other++;
		else if (common && one->order != first->order)
			result.orders++;
	}
	return result;
}
