/* conn.c: see conn.h. What a request means is route.c's; what a stream is sent is stream.c's. */
#include "conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "route.h"
#include "stats.h"
#include "stream.h"
#include "wipe.h"
#include "worker.h"

enum {
	RECEIVE_MIN = 2048,        /* bytes of room for one recv(), when nothing says that more will come */
	RECEIVE_MAX = 256 * 1024,
	SEND_BUFFER = 256 * 1024,  /* bytes of a stream's socket; the system may double it */
	VISIT_REQUESTS = 4,        /* requests of one connection before the others have their turn, */
	VISIT_BYTES = 64 * 1024,   /* ... or so many bytes of answers */
	DISCARD_MS = 2000          /* for which a refused client may go on sending before it is cut */
};

static void count_state(const struct conn *c, int by)
{
	count_add(&c->worker->in_state[c->state], (uint64_t)by);
}

struct conn *conn_new(struct worker *w, const struct arrival *a)
{
	struct conn *c = malloc(sizeof *c);

	if (!c) {
		peers_leave(w->server->peers, a->peer, w->now);
		(void)close(a->fd);
		return NULL;
	}
	*c = (struct conn){.fd = a->fd, .state = CONN_READING, .listener = a->listener, .proxied = a->proxied,
	                   .slot = NO_SLOT, .worker = w, .since = w->now};
	peers_hold(w->server->peers, a->fd, a->peer, w->now);
	count_state(c, 1);
	worker_place(w, c);
	return c;
}

void conn_free(struct conn *c)
{
	hub_unsubscribe(c->worker->server->hub, &c->reader, false, c->worker->now);
	exchange_drop(c);
	peers_hold(c->worker->server->peers, c->fd, NULL, c->worker->now);
	(void)close(c->fd); /* nothing is left to be done about an error */
	free(c);
}

short conn_interest(const struct conn *c)
{
	switch (c->state) {
	case CONN_READING:
	case CONN_STREAMING:
	case CONN_POLLING:
	case CONN_DISCARDING:
		return POLLIN;
	case CONN_WRITING:
	case CONN_BLOCKED:
		return POLLOUT;
	case CONN_REPORTING:
		return (short)(c->exchange->out.len ? POLLIN | POLLOUT : POLLIN);
	default:
		return 0;
	}
}

bool conn_is_cold(const struct conn *c)
{
	return c->state == CONN_STREAMING || c->state == CONN_POLLING;
}

void conn_enter(struct conn *c, enum conn_state state)
{
	struct worker *w = c->worker;

	if (c->state == CONN_CLOSED)
		return;
	count_state(c, -1);
	c->state = state;
	count_state(c, 1);
	worker_place(w, c);
}

void conn_close(struct conn *c)
{
	struct worker *w = c->worker;

	if (c->state == CONN_CLOSED)
		return;
	count_state(c, -1);
	onlookers_remove(c);
	if (c->presses)
		hub_press(w->server->hub, &w->inbox, false);
	c->state = CONN_CLOSED;
	worker_retire(w, c);
}

ssize_t conn_send(struct conn *c, const struct iovec *iov, size_t count)
{
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (int)count};
	ssize_t n;

	do /* send() where it does: sendmsg() has more to copy and to check */
		n = count == 1 ? send(c->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL) : sendmsg(c->fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
	c->since = c->worker->now;
	count_add(&c->worker->counters.count[COUNT_BYTES], (uint64_t)n);
	return n;
}

void conn_bound_send_buffer(const struct conn *c)
{
	int size = SEND_BUFFER;

	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* a wish: without it the system's own bound holds */
}

/* The client is gone: what recv() says of that, and not of having nothing now. */
static bool says_gone(ssize_t n)
{
	return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool conn_discard(struct conn *c)
{
	char bytes[16 * 1024];
	ssize_t n = recv(c->fd, bytes, sizeof bytes, 0);

	if (n > 0)
		wipe(bytes, (size_t)n); /* keys are secret, too, where nobody reads them */
	return says_gone(n);
}

bool conn_has_left(struct conn *c)
{
	struct buffer *in = &c->exchange->in;
	ssize_t n;

	if (in->len >= HTTP_HEAD_MAX)
		return true;
	if (!buffer_reserve(in, RECEIVE_MIN))
		return false;
	n = recv(c->fd, in->at + in->len, in->cap - in->len, 0);
	if (n > 0)
		in->len += (size_t)n;
	return says_gone(n) || (n > 0 && !exchange_charge(c));
}

/* ---- requests in */

/* Room for the next recv(): what is missing of the body, when that is known. A promise is worth four times what has come. */
static size_t room_wanted(const struct exchange *x)
{
	size_t missing = 0, most = 4 * x->in.len;

	if (x->head && x->request->content_length > 0)
		missing = x->head + (size_t)x->request->content_length - x->in.len;
	else if (x->head)
		missing = x->in.len; /* chunked: as much again */
	if (missing > most)
		missing = most;
	return missing < RECEIVE_MIN ? RECEIVE_MIN : missing > RECEIVE_MAX ? RECEIVE_MAX : missing;
}

/*
 * There is no room for its request. As long as the head is not there it may be one for a stream, and to an EventSource any
 * status would be final: then the connection is closed without a word.
 */
static void turn_away(struct conn *c)
{
	if (c->listener == LISTENER_API || c->exchange->head) {
		answer_error(c, REFUSED_TOO_MANY_REQUESTS);
		if (c->state == CONN_DISCARDING)
			exchange_drop(c);
		return;
	}
	count_refusal(&c->worker->counters, REFUSED_TOO_MANY_REQUESTS);
	conn_close(c);
}

static void receive(struct conn *c)
{
	struct exchange *x = c->exchange;
	ssize_t n;

	if (!x) {
		if (!exchange_begin(c)) {
			conn_close(c);
			return;
		}
		x = c->exchange;
		c->since = c->worker->now;
	}
	if (!buffer_reserve(&x->in, room_wanted(x))) {
		conn_close(c);
		return;
	}
	if (!exchange_charge(c) && x->in.len) { /* the first bytes are taken in any case, and mostly tell what it wants */
		turn_away(c);
		return;
	}
	n = recv(c->fd, x->in.at + x->in.len, x->in.cap - x->in.len, 0);
	if (n > 0) {
		x->in.len += (size_t)n;
		conn_process(c);
	} else if (says_gone(n)) {
		conn_close(c);
	} else if (!x->in.len) {
		exchange_drop(c);
	}
}

/* How far the reading of a request has come. */
enum progress { ANSWERED = -1, MORE_TO_COME = 0, COMPLETE = 1 };

static enum progress refuse(struct conn *c, int status)
{
	answer_error(c, refusal_of_status(status));
	return ANSWERED;
}

static enum progress read_head(struct conn *c)
{
	struct exchange *x = c->exchange;
	int length;

	if (!x->request)
		x->request = malloc(sizeof *x->request);
	if (!x->request) {
		conn_close(c);
		return ANSWERED;
	}
	length = http_parse_request(x->in.at, x->in.len, x->request);
	x->parsed = x->in.at;
	if (length <= 0) { /* a slow client's head does not hold what is read anew then */
		free(x->request);
		x->request = NULL;
		return length < 0 ? refuse(c, -length) : MORE_TO_COME;
	}
	x->head = (size_t)length;
	x->keep_alive = x->request->keep_alive;
	x->head_only = slice_is(x->request->method, "HEAD");
	x->whole = !x->request->chunked && x->request->content_length <= 0;
	return route_admit(c) ? COMPLETE : ANSWERED;
}

/* Decodes what has come of a chunked body, in its place. 1: all of it; 0: more to come; less: minus a status. */
static int read_chunks(struct exchange *x)
{
	size_t start = x->head + x->body, used, written;
	int done = http_unchunk(&x->chunks, x->in.at + start, x->in.len - start, &used, x->in.at + start, &written);

	if (done < 0)
		return done;
	x->body += written;
	buffer_remove(&x->in, x->head + x->body, used - written);
	return done;
}

/*
 * What does not go out at once the client does without: it may send after a while (RFC 9110 10.1.1). Of what was begun, the
 * rest goes ahead of the answer.
 */
static void go_on(struct conn *c)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	ssize_t n = conn_send(c, &(struct iovec){(char *)(uintptr_t)text, sizeof text - 1}, 1);

	c->exchange->continued = true;
	if (n > 0)
		buffer_add(&c->exchange->out, text + n, sizeof text - 1 - (size_t)n);
}

static enum progress read_body(struct conn *c)
{
	struct exchange *x = c->exchange;
	int done;

	if (x->request->chunked) {
		done = read_chunks(x);
		if (done < 0)
			return refuse(c, -done);
	} else {
		x->body = x->request->content_length > 0 ? (size_t)x->request->content_length : 0;
		done = x->in.len - x->head >= x->body;
	}
	if (x->body > exchange_body_max(c))
		return refuse(c, 413);
	if (!done && x->request->expect_continue && !x->continued)
		go_on(c);
	return done ? COMPLETE : MORE_TO_COME;
}

void conn_process(struct conn *c)
{
	const _Atomic uint64_t *sent = &c->worker->counters.count[COUNT_BYTES];
	uint64_t enough = atomic_load_explicit(sent, memory_order_relaxed) + VISIT_BYTES;

	for (int left = VISIT_REQUESTS; c->state == CONN_READING && c->exchange && c->exchange->in.len; left--) {
		struct exchange *x = c->exchange;
		enum progress progress;

		x->postponed = left == 0 || atomic_load_explicit(sent, memory_order_relaxed) >= enough;
		if (x->postponed) {
			worker_ready_again(c->worker, c);
			return;
		}
		progress = x->head ? COMPLETE : read_head(c);

		if (progress == COMPLETE)
			progress = read_body(c);
		if (progress == MORE_TO_COME)
			break;
		if (progress == ANSWERED)
			continue;
		if (x->parsed != x->in.at) /* it has moved since: the request's slices are to be good when it is handled */
			(void)http_parse_request(x->in.at, x->in.len, x->request);
		x->whole = true;
		route_handle(c);
	}
	if (c->state == CONN_READING && c->exchange && !c->exchange->in.len)
		exchange_drop(c);
}

/* ---- answers out */

/* The answer is out: on to the next request, or to the end. */
static void finish_answer(struct conn *c)
{
	struct exchange *x = c->exchange;

	c->served = true;
	c->since = c->worker->now;
	if (x->keep_alive && x->whole) {
		exchange_renew(c);
		if (c->proxied) /* the next one may be from somewhere else */
			peers_hold(c->worker->server->peers, c->fd, NULL, c->worker->now);
		conn_enter(c, CONN_READING);
	} else if (x->whole && x->in.len <= x->head + x->body) {
		conn_close(c);
	} else {
		(void)shutdown(c->fd, SHUT_WR); /* fails only when the client is gone, which recv() will tell */
		conn_enter(c, CONN_DISCARDING);
	}
}

/* Sends what is left of the answer, as much of it as a visit may: for the rest it is looked at again. */
static void flush(struct conn *c)
{
	struct exchange *x = c->exchange;
	size_t left = x->out.len - x->sent;
	ssize_t n = conn_send(c, &(struct iovec){x->out.at + x->sent, left < VISIT_BYTES ? left : VISIT_BYTES}, 1);

	if (n < 0) {
		conn_close(c);
		return;
	}
	x->sent += (size_t)n;
	if (x->sent == x->out.len) {
		finish_answer(c);
	} else if (c->state != CONN_WRITING) {
		conn_bound_send_buffer(c);
		conn_enter(c, CONN_WRITING);
	}
}

void conn_answer(struct conn *c)
{
	(void)exchange_charge(c); /* it is there now: others will have to wait for the room */
	if (c->exchange->out.failed) {
		conn_close(c);
		return;
	}
	flush(c);
}

/* ---- being looked at */

void conn_serve(struct conn *c)
{
	switch (c->state) {
	case CONN_READING:
		if (c->exchange && c->exchange->postponed)
			conn_process(c);
		else
			receive(c);
		break;
	case CONN_WRITING:
		flush(c);
		conn_process(c);
		break;
	case CONN_BLOCKED:
		stream_unblock(c);
		break;
	case CONN_REPORTING:
		stats_serve(c);
		break;
	case CONN_DISCARDING:
		if (conn_discard(c))
			conn_close(c);
		break;
	default:
		break;
	}
}

void conn_tick(struct conn *c)
{
	const struct options *o = c->worker->server->options;
	int64_t waited = c->worker->now - c->since;

	switch (c->state) {
	case CONN_READING:
		if (c->exchange && waited >= o->request_timeout)
			answer_error(c, REFUSED_REQUEST_TIMEOUT);
		else if (!c->exchange && waited >= (c->served ? o->idle_timeout : o->request_timeout))
			conn_close(c);
		break;
	case CONN_WRITING:
		if (waited >= o->send_timeout)
			conn_close(c);
		break;
	case CONN_BLOCKED:
		stream_tick(c);
		break;
	case CONN_REPORTING:
		stats_tick(c);
		break;
	case CONN_DISCARDING:
		if (waited >= DISCARD_MS)
			conn_close(c);
		break;
	default:
		break;
	}
}
