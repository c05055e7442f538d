/*
 * bareloop: the yardstick, the least that a server could do. For each publish it makes one send() of the same block to
 * each stream, in a plain loop, and answers; it blocks in poll() on its listeners and publishers only.
 *
 * It speaks just enough HTTP for the load generator to drive it along the same path as a real server:
 *
 *     GET /events?token=userNNNNNN        opens stream N; NNNNNN stands at a fixed place. With a Last-Event-ID,
 *                                         whatever it says, the last ten messages to everyone follow
 *     POST /publish   to=userNNNNNN&content=...  or  to=&content=...
 *
 * Left out, and all of it to be paid for by a server: tokens and keys, header and form parsing, UTF-8, ids, uids looked
 * up, any state of a reader once it was sent something, who has missed what, slow readers (its send() blocks: one that
 * stops reading stops everyone), readers that leave (never noticed), heartbeats, time-outs. So a ratio of 1 cannot be
 * had honestly where messages are rare; where they are not, a server can be better by sending many in one call.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

enum {
	STREAMS = 20000,          /* numbers of streams, as many as descriptors */
	MISSED = 10,              /* messages that one who returns is sent */
	CONTROLS = 66,            /* two listeners and 64 publishers */
	REQUEST_MAX = 128 * 1024, /* bytes of a publish; more is refused by closing */
	LIFE_MAX_S = 600,         /* one that was forgotten ends by SIGALRM */
	NUMBER_DIGITS = 6
};

/* The same length as what pushsse answers, near enough, so that bytes cost the same. */
static const char stream_head[] =
	"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store, no-transform\r\n"
	"X-Accel-Buffering: no\r\nX-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n"
	"Connection: close\r\n\r\n"
	"retry: 2741\nevent: pushsse.hello\nid: bare00-1000\n"
	"data: {\"v\":1,\"heartbeat\":15000,\"reset\":null,\"exp\":1790000000}\n\n";
static const char answer[] =
	"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 51\r\n\r\n"
	"{\"status\":\"ok\",\"id\":\"bare00-1000\",\"streams\":00001}\n";
static const char block_head[] = "id: bare00-1000\ndata: ";

struct control {
	size_t len;
	char *request; /* REQUEST_MAX + 1 bytes */
};

struct bare {
	int stream[STREAMS]; /* descriptor of stream N; 0 = not open */
	size_t streams;      /* numbers from 0 to this are in use */
	struct pollfd poll[CONTROLS];
	struct control control[CONTROLS]; /* the first two are listeners and have none */
	nfds_t polled;
	char block[REQUEST_MAX];
	char *missed;   /* the last blocks, one behind the other */
	size_t missed_len, missed_each[MISSED]; /* bytes: of all, of each */
};

/* Six digits; anything else becomes a number too, bounded by the caller. */
static size_t digits(const char *at)
{
	size_t number = 0;

	for (int i = 0; i < NUMBER_DIGITS; i++)
		number = number * 10 + (size_t)(at[i] - '0') % 10;
	return number;
}

/* The head, and what was missed, in one send() as a server would. */
static bool welcome(const struct bare *bare, int fd, bool returns)
{
	const size_t head = sizeof(stream_head) - 1;
	char all[65536];

	if (!returns || bare->missed_len > sizeof(all) - head)
		return net_send_all(fd, stream_head, head);
	memcpy(all, stream_head, head);
	memcpy(all + head, bare->missed, bare->missed_len);
	return net_send_all(fd, all, head + bare->missed_len);
}

static void open_stream(struct bare *bare, int fd)
{
	static const size_t place = sizeof("GET /events?token=user") - 1;
	char request[2048] = "";
	size_t len = 0, number;
	ssize_t n;

	if (fd < 0 || !net_tune(fd))
		return;
	do {
		n = recv(fd, request + len, sizeof(request) - 1 - len, 0);
		len += n > 0 ? (size_t)n : 0;
		request[len] = '\0';
	} while (n > 0 && !strstr(request, "\r\n\r\n"));
	number = len > place + NUMBER_DIGITS ? digits(request + place) : STREAMS;
	if (n <= 0 || number >= STREAMS || !welcome(bare, fd, strstr(request, "Last-Event-ID"))) {
		(void)close(fd); /* the peer sees it */
		return;
	}
	if (bare->stream[number])
		(void)close(bare->stream[number]); /* the older one has left unseen */
	bare->stream[number] = fd;
	if (number >= bare->streams)
		bare->streams = number + 1;
}

static void open_control(struct bare *bare, int fd)
{
	struct control *one = &bare->control[bare->polled];

	if (fd < 0)
		return;
	if (bare->polled == CONTROLS || !net_tune(fd) || (!one->request && !(one->request = malloc(REQUEST_MAX + 1)))) {
		(void)close(fd); /* the peer sees it */
		return;
	}
	one->len = 0;
	bare->poll[bare->polled++] = (struct pollfd){fd, POLLIN, 0};
}

static void deliver(struct bare *bare, size_t number, const char *block, size_t len)
{
	if (bare->stream[number] && send(bare->stream[number], block, len, MSG_NOSIGNAL) != (ssize_t)len) {
		(void)close(bare->stream[number]); /* gone, or stuck for ten seconds */
		bare->stream[number] = 0;
	}
}

/* Drops the oldest when there are enough. What is too large is not kept: no case asks for it. */
static void keep_missed(struct bare *bare, const char *block, size_t len)
{
	const size_t first = bare->missed_each[0];

	if (len > REQUEST_MAX / MISSED)
		return;
	memmove(bare->missed, bare->missed + first, bare->missed_len - first);
	memmove(bare->missed_each, bare->missed_each + 1, sizeof(bare->missed_each) - sizeof(bare->missed_each[0]));
	memcpy(bare->missed + bare->missed_len - first, block, len);
	bare->missed_len += len - first;
	bare->missed_each[MISSED - 1] = len;
}

/* body: "to=...&content=...", ended by a NUL. */
static void publish(struct bare *bare, const char *body)
{
	const char *content = strstr(body, "&content=");
	size_t len = sizeof(block_head) - 1, size;

	if (!content)
		return;
	content += sizeof("&content=") - 1;
	size = strlen(content);
	memcpy(bare->block, block_head, len);
	memcpy(bare->block + len, content, size); /* fits: head and form are longer than block_head */
	len += size;
	bare->block[len++] = '\n';
	bare->block[len++] = '\n';
	if (body[3] != '&') {
		size_t number = digits(body + 3 + sizeof("user") - 1);

		if (number < bare->streams)
			deliver(bare, number, bare->block, len);
		return;
	}
	keep_missed(bare, bare->block, len);
	for (size_t i = 0; i < bare->streams; i++)
		deliver(bare, i, bare->block, len);
}

/* Bytes of the first request, 0 while it is incomplete. */
static size_t request_size(const char *request, char **body)
{
	const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");

	if (!end || !length || length > end)
		return 0;
	*body = (char *)request + (end - request) + 4;
	return (size_t)(end - request) + 4 + strtoul(length + sizeof("Content-Length: ") - 1, NULL, 10);
}

/* False when the connection is to be closed. One request at a time: the generator does not pipeline. */
static bool serve(struct bare *bare, int fd, struct control *one)
{
	ssize_t n = recv(fd, one->request + one->len, REQUEST_MAX - one->len, 0);
	size_t size;
	char *body = NULL;

	if (n <= 0)
		return false;
	one->len += (size_t)n;
	one->request[one->len] = '\0';
	size = request_size(one->request, &body);
	if (size == 0 || size > one->len)
		return one->len < REQUEST_MAX;
	one->len = 0;
	publish(bare, body);
	return net_send_all(fd, answer, sizeof(answer) - 1);
}

static void close_control(struct bare *bare, nfds_t i)
{
	struct control last = bare->control[--bare->polled];

	(void)close(bare->poll[i].fd); /* nothing to be told of it */
	bare->poll[i] = bare->poll[bare->polled];
	bare->control[bare->polled] = bare->control[i];
	bare->control[i] = last;
}

static bool start(struct bare *bare)
{
	static const char *const names[] = {"public", "api"};

	for (nfds_t i = 0; i < 2; i++) {
		unsigned port = 0;
		int fd = net_listen(&port);

		if (fd < 0) {
			perror("bareloop: listen");
			return false;
		}
		bare->poll[bare->polled++] = (struct pollfd){fd, POLLIN, 0};
		fprintf(stderr, "bareloop listener=%s address=127.0.0.1:%u\n", names[i], port);
	}
	return true;
}

int main(void)
{
	static struct bare bare;

	(void)alarm(LIFE_MAX_S); /* says how much was left of an earlier one: there is none */
	bare.missed = malloc(REQUEST_MAX);
	if (!bare.missed || net_raise_limit() == 0 || !start(&bare))
		return 1;
	for (;;) {
		if (poll(bare.poll, bare.polled, -1) < 0 && errno != EINTR)
			return 1;
		for (nfds_t i = bare.polled; i-- > 2;)
			if (bare.poll[i].revents && !serve(&bare, bare.poll[i].fd, &bare.control[i]))
				close_control(&bare, i);
		if (bare.poll[1].revents)
			open_control(&bare, accept(bare.poll[1].fd, NULL, NULL));
		if (bare.poll[0].revents)
			open_stream(&bare, accept(bare.poll[0].fd, NULL, NULL));
	}
}
