/* acceptor.c: see acceptor.h */
#include "acceptor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker.h"

enum {
	ACCEPT_BATCH = 16,     /* connections accepted in one turn */
	ACCEPT_PAUSE_MS = 100  /* when there are no descriptors or no memory */
};

bool acceptor_prepare(int fd, bool tcp)
{
	int on = 1;

	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return false;
	if (tcp) {
		/* Both are wishes: a socket without them works too. */
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	}
	return true;
}

static void adopt(struct worker *w, const struct arrival *a)
{
	if (!conn_new(w, a)) {
		atomic_fetch_sub(&w->connections, 1);
		atomic_fetch_sub(&w->server->connections, 1);
	}
}

/*
 * Gives a connection to the worker that has the fewest, itself when it is among them, or when others may be gone. The API's
 * stay where they were accepted: on several workers, one could overtake the other.
 */
static void hand_out(struct worker *w, const struct arrival *a)
{
	struct server *s = w->server;
	struct worker *to = w;

	for (unsigned i = 0; i < s->workers && a->listener == LISTENER_PUBLIC && !atomic_load(&s->draining); i++)
		if (atomic_load(&s->worker[i].connections) < atomic_load(&to->connections))
			to = &s->worker[i];
	/* A write of so few bytes to a pipe is whole or not at all (POSIX write()); one that is full is not waited for. */
	atomic_fetch_add(&s->connections, 1);
	atomic_fetch_add(&to->connections, 1);
	if (to != w && write(to->pipe[1], a, sizeof *a) == (ssize_t)sizeof *a)
		return;
	if (to != w) {
		atomic_fetch_sub(&to->connections, 1);
		atomic_fetch_add(&w->connections, 1);
	}
	adopt(w, a);
}

/* No descriptors or no memory: waits a while instead of turning in circles. */
static void pause_accepting(struct worker *w, int error)
{
	w->accept_again = w->now + ACCEPT_PAUSE_MS;
	count_add(&w->counters.count[COUNT_ACCEPT_PAUSES], 1);
	logger_write(w->server->logger, LOG_WARN, "accept_paused", LOG_FIELDS(log_text("reason", strerror(error))));
}

/*
 * Who is it? One that has an address of its own, on the public listener, may not have too many. False: it has. (It is closed
 * without a word: what it wants is not known yet, and to an EventSource any status would be final, a lost connection not.)
 */
static bool admit(struct worker *w, const struct sockaddr_storage *address, struct arrival *a)
{
	struct server *s = w->server;
	struct ip ip;
	enum whereabouts where = network_of_peer(address, &ip);

	a->proxied = network_is_trusted(&s->options->proxies, where, &ip);
	if (a->proxied || where != WHERE_ADDRESS)
		return true;
	if (peers_enter(s->peers, ip, a->listener == LISTENER_API, w->now, &a->peer))
		return true;
	count_refusal(&w->counters, REFUSED_TOO_MANY_CONNECTIONS);
	return false;
}

/* The public listener's leave those of the API, and files, their descriptors. */
static bool has_room(const struct server *s, enum listener_kind listener)
{
	return listener == LISTENER_API || atomic_load(&s->connections) < s->max_connections;
}

void acceptor_accept(struct worker *w, enum listener_kind listener)
{
	for (int i = 0; i < ACCEPT_BATCH && has_room(w->server, listener); i++) {
		struct sockaddr_storage address = {0}; /* of a unix socket nothing but its family may come */
		struct arrival a;
		socklen_t size = sizeof address;
		int fd = accept(w->server->listener[listener], (struct sockaddr *)&address, &size);

		if (fd < 0) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				pause_accepting(w, errno);
			return;
		}
		count_add(&w->counters.count[COUNT_CONNECTIONS], 1);
		a = (struct arrival){.fd = fd, .listener = listener};
		if (acceptor_prepare(fd, address.ss_family != AF_UNIX) && admit(w, &address, &a))
			hand_out(w, &a);
		else
			(void)close(fd);
	}
}

void acceptor_show(struct worker *w)
{
	struct server *s = w->server;
	bool open = w->now >= w->accept_again;

	for (size_t i = 1; i < w->fixed; i++)
		w->hot.poll[i].fd = open && has_room(s, (enum listener_kind)(i - 1)) ? s->listener[i - 1] : -1;
}

void acceptor_read_pipe(struct worker *w)
{
	struct arrival a;

	while (read(w->pipe[0], &a, sizeof a) == (ssize_t)sizeof a)
		if (a.fd >= 0)
			adopt(w, &a);
}

void acceptor_wake(struct worker *w)
{
	static const struct arrival nothing = {.fd = -1};

	/* A pipe that is full wakes as well as one record more would. */
	if (write(w->pipe[1], &nothing, sizeof nothing) < 0)
		return;
}
