/* worker.c: see worker.h */
#include "worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acceptor.h"
#include "api.h"
#include "clock.h"
#include "stream.h"

enum { IDLE_MS = 250 }; /* between two turns of a worker that has nothing; the first one sweeps the hub then */

/* ---- sets and ready queues */

static struct conn_set *set_of(struct worker *w, enum set set)
{
	return set == SET_HOT ? &w->hot : set == SET_COOL ? &w->cool : &w->cold;
}

static void leave_set(struct worker *w, struct conn *c)
{
	if (c->slot != NO_SLOT)
		conn_set_remove(set_of(w, c->set), c->set == SET_HOT, c);
}

/* False without memory: it stays where it is. */
static bool enter_set(struct worker *w, struct conn *c, enum set which)
{
	struct conn_set *set = set_of(w, which);

	if (!conn_set_reserve(set, which == SET_HOT, set->count + 1))
		return false;
	leave_set(w, c);
	c->set = which;
	c->slot = (uint32_t)set->count++;
	set->conn[c->slot] = c;
	return true;
}

void worker_place(struct worker *w, struct conn *c)
{
	enum set set = conn_is_cold(c) ? SET_COLD : SET_HOT;
	short interest = conn_interest(c);

	if ((c->slot == NO_SLOT || c->set != set) && !enter_set(w, c, set))
		conn_close(c);
	else if (set == SET_HOT)
		w->hot.poll[c->slot] = (struct pollfd){.fd = interest ? c->fd : -1, .events = interest};
}

static void leave_queue(struct worker *w, struct conn *c)
{
	if (!c->link)
		return;
	*c->link = c->next;
	if (c->next) {
		c->next->link = c->link;
	} else {
		for (int i = 0; i < READY_QUEUES; i++)
			if (w->ready[i].end == &c->next)
				w->ready[i].end = c->link;
	}
	c->next = NULL;
	c->link = NULL;
}

void worker_ready(struct worker *w, struct conn *c, enum ready which)
{
	struct ready_queue *queue = &w->ready[which];

	if (c->state == CONN_CLOSED || (c->link && which > READY_URGENT))
		return; /* it has gone, or its turn comes */
	leave_queue(w, c);
	c->link = queue->end;
	*queue->end = c;
	queue->end = &c->next;
}

void worker_ready_again(struct worker *w, struct conn *c)
{
	bool first = c->listener == LISTENER_API || c->state == CONN_BLOCKED;

	worker_ready(w, c, first ? READY_FIRST : READY_REQUESTS);
}

void worker_retire(struct worker *w, struct conn *c)
{
	leave_set(w, c);
	leave_queue(w, c);
	c->next = w->closed;
	w->closed = c;
}

static struct conn *conn_of(struct reader *r)
{
	return (struct conn *)(void *)((char *)r - offsetof(struct conn, reader));
}

static void ready_urgent(void *worker, struct reader *r)
{
	worker_ready(worker, conn_of(r), READY_URGENT);
}

static void ready_fanout(void *worker, struct reader *r)
{
	worker_ready(worker, conn_of(r), READY_FANOUT);
}

static struct conn *take_first(struct worker *w, enum ready which)
{
	struct conn *c = w->ready[which].first;

	if (c)
		leave_queue(w, c);
	return c;
}

static void visit(struct conn *c)
{
	if (c->reader.inbox)
		stream_visit(c);
	else
		conn_serve(c); /* a poll whose time was up before its turn came: it may have more requests */
}

/* Visits a slice of a queue. True when nobody is left in it. */
static bool visit_slice(struct worker *w, enum ready which)
{
	struct conn *c;

	for (int left = WORKER_FANOUT; left > 0 && (c = take_first(w, which)); left--)
		visit(c);
	return !w->ready[which].first;
}

/* As many of a queue as there is time for, but one at least: so a flood of them holds up neither streams nor publishers. */
static void serve_for(struct worker *w, enum ready which, void (*serve)(struct conn *), int64_t us)
{
	struct conn *c = take_first(w, which);
	int64_t until = c ? clock_microseconds() + us : 0;

	for (; c; c = clock_microseconds() < until ? take_first(w, which) : NULL)
		serve(c);
}

/* Visits the readers that have something, a slice of them: between two slices the hot set has its turn. */
static void visit_ready(struct worker *w)
{
	struct hub *hub = w->server->hub;
	int64_t since;

	hub_take(hub, &w->inbox, URGENT, ready_urgent);
	if (!w->ready[READY_FANOUT].first)
		hub_take(hub, &w->inbox, FANOUT, ready_fanout);
	if (visit_slice(w, READY_URGENT))
		(void)hub_round_done(hub, &w->inbox, URGENT);
	if (visit_slice(w, READY_FANOUT) && (since = hub_round_done(hub, &w->inbox, FANOUT)))
		count_fanout(&w->counters, clock_microseconds() - since);
	serve_for(w, READY_REPLAY, visit, WORKER_REPLAYS_US);
}

/* ---- the hot set */

static bool has_marks(const struct worker *w)
{
	for (int i = 0; i < READY_QUEUES; i++)
		if (w->ready[i].first)
			return true;
	return w->closed || atomic_load(&w->inbox.pending[URGENT]) || atomic_load(&w->inbox.pending[FANOUT]) ||
	       atomic_load(&w->woken);
}

static int timeout_of(const struct worker *w)
{
	bool idle = w->hot.count == w->fixed && w->cool.count + w->cold.count == 0 && !atomic_load(&w->server->draining);

	if (has_marks(w) || sweep_is_due(&w->sweep) || w->onlookers.left)
		return 0;
	if (idle && w->now >= w->accept_again)
		return IDLE_MS;
	return w->next_tick > w->now ? (int)(w->next_tick - w->now) : 0;
}

/*
 * Blocks on the hot set. Whoever marks something between the look at the marks and poll() sees `sleeping` and
 * writes to the pipe; whoever did before is seen by that look: both are sequentially consistent.
 */
static void wait_for_hot(struct worker *w)
{
	acceptor_show(w);
	atomic_store(&w->sleeping, true);
	(void)conn_set_poll(&w->hot, w->hot.count, timeout_of(w));
	count_add(&w->counters.count[COUNT_TURNS], 1);
	atomic_store(&w->sleeping, false);
	w->now = clock_monotonic();
}

/*
 * All that are in the queue now; those that come again do so in the next turn. In the order in which they came: what one
 * client publishes over several connections is to keep its order.
 */
static void serve_first(struct worker *w)
{
	struct ready_queue *queue = &w->ready[READY_FIRST];
	struct conn *now = queue->first;

	if (!now)
		return;
	now->link = &now;
	*queue = (struct ready_queue){.end = &queue->first};
	/* cppcheck-suppress knownConditionTrueFalse ; leave_queue() moves it on, by the first one's link */
	while (now) {
		struct conn *c = now;

		leave_queue(w, c);
		conn_serve(c);
	}
}

static void serve_hot(struct worker *w)
{
	for (size_t i = w->fixed; i < w->hot.count; i++)
		if (w->hot.poll[i].revents)
			worker_ready_again(w, w->hot.conn[i]);
	serve_first(w);
	serve_for(w, READY_REQUESTS, conn_serve, WORKER_REQUESTS_US + (int64_t)w->hot.count / WORKER_POLLED_IN_US);
	for (size_t i = 1; i < w->fixed; i++)
		if (w->hot.poll[i].revents)
			acceptor_accept(w, (enum listener_kind)(i - 1));
	if (w->hot.poll[0].revents)
		acceptor_read_pipe(w);
}

static void settle_waiting(struct worker *w)
{
	for (size_t i = w->hot.count; worker_in_state(w, CONN_WAITING) && i-- > w->fixed;)
		if (i < w->hot.count && w->hot.conn[i]->state == CONN_WAITING)
			api_settle(w->hot.conn[i]);
}

/* ---- time */

/* Is anything under way on one of the connections from `first` on: a request, an answer, a stream that is blocked? */
static bool has_requests(const struct conn_set *set, size_t first)
{
	for (size_t i = first; i < set->count; i++)
		if (set->conn[i]->exchange || set->conn[i]->state == CONN_BLOCKED)
			return true;
	return false;
}

/* Closes its connections from `first` on: each leaves the set with that. */
static void close_from(const struct conn_set *set, size_t first)
{
	while (set->count > first)
		conn_close(set->conn[set->count - 1]);
}

/* Ends streams and parked polls as far as the drain has come: they are spread over its time. */
static void drain(struct worker *w)
{
	struct server *s = w->server;
	int64_t span = s->options->drain, elapsed = w->now - atomic_load(&s->draining);
	size_t left;

	if (w->drain_from < w->cold.count)
		w->drain_from = w->cold.count;
	left = elapsed >= span ? 0 : (size_t)((double)w->drain_from * (double)(span - elapsed) / (double)span);
	while (w->cold.count > left)
		stream_drain(w->cold.conn[w->cold.count - 1]);
	/* While any worker has streams, each of them has new clients to tell; what the journal has, it gives back. */
	w->drained = (elapsed >= span && !worker_in_state(w, CONN_WAITING)) ||
	             (hub_readers(s->hub) == 0 && !has_requests(&w->hot, w->fixed) && !has_requests(&w->cool, 0));
	if (w->drained) {
		close_from(&w->hot, w->fixed);
		close_from(&w->cool, 0);
	}
}

/* One that has been still, of many. The API's are few, and are not to wait; nor are streams. */
static bool is_to_cool(const struct worker *w, const struct conn *c)
{
	return w->hot.count > w->most_hot && c->listener == LISTENER_PUBLIC && w->now - c->since >= WORKER_STILL_MS &&
	       (c->state == CONN_READING || c->state == CONN_WRITING || c->state == CONN_DISCARDING);
}

static void tick_hot(struct worker *w)
{
	memset(w->lag, 0, sizeof w->lag);
	for (size_t i = w->hot.count; i-- > w->fixed;) {
		struct conn *c;

		if (i >= w->hot.count)
			continue; /* more than one has gone */
		c = w->hot.conn[i];
		conn_tick(c);
		if (is_to_cool(w, c))
			(void)enter_set(w, c, SET_COOL);
	}
	count_lag(&w->counters, w->lag);
}

static void tick(struct worker *w)
{
	if (w->now < w->next_tick)
		return;
	w->next_tick = w->now + WORKER_TICK_MS;
	if (w->index == 0) {
		hub_set_skew(w->server->hub, clock_today() - clock_monotonic());
		hub_sweep(w->server->hub, w->now);
	}
	tick_hot(w);
	sweep_begin(w);
	onlookers_begin(w);
	if (atomic_load(&w->server->draining))
		drain(w);
}

static void reap(struct worker *w)
{
	for (unsigned left = w->most_reaped; w->closed && (left > 0 || w->drained); left--) {
		struct conn *c = w->closed;

		w->closed = c->next;
		conn_free(c);
		atomic_fetch_sub(&w->connections, 1);
		atomic_fetch_sub(&w->server->connections, 1);
	}
}

/* ---- keys, waking, the thread */

/* True when there were others. */
static bool take_keys(struct keyring **keys, _Atomic(struct keyring *) *next)
{
	struct keyring *taken = atomic_load(next) ? atomic_exchange(next, NULL) : NULL;

	if (!taken)
		return false;
	keyring_release(*keys);
	*keys = taken;
	return true;
}

/* Streams of /stats: the key of one may be gone. They come back, if they have it. */
static void end_reports(struct worker *w)
{
	for (size_t i = w->hot.count; worker_in_state(w, CONN_REPORTING) && i-- > w->fixed;)
		if (i < w->hot.count && w->hot.conn[i]->state == CONN_REPORTING)
			conn_close(w->hot.conn[i]);
}

void worker_reload(struct worker *w, struct keyring *secrets, struct keyring *api_keys)
{
	if (secrets)
		keyring_release(atomic_exchange(&w->next_secrets, secrets));
	if (api_keys)
		keyring_release(atomic_exchange(&w->next_api_keys, api_keys));
	worker_wake(w);
}

void worker_wake(void *worker)
{
	struct worker *w = worker;

	atomic_store(&w->woken, true);
	if (atomic_exchange(&w->sleeping, false))
		acceptor_wake(w);
}

uint64_t worker_random(struct worker *w, uint64_t below)
{
	/* xorshift64* (Vigna 2014) */
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return below ? (w->random * UINT64_C(2685821657736338717) >> 16) % below : 0;
}

const char *worker_date(struct worker *w)
{
	int64_t second = clock_today() / 1000;

	if (second != w->date_second) {
		static const char days[][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
		static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
		time_t seconds = (time_t)second;
		struct tm t;

		(void)gmtime_r(&seconds, &t);
		(void)snprintf(w->date, sizeof w->date, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[t.tm_wday % 7],
		               t.tm_mday % 100, months[t.tm_mon % 12], (t.tm_year + 1900) % 10000, t.tm_hour % 100,
		               t.tm_min % 100, t.tm_sec % 100);
		w->date_second = second;
	}
	return w->date;
}

void worker_turn(struct worker *w)
{
	wait_for_hot(w);
	serve_hot(w);
	atomic_store(&w->woken, false); /* what it is woken for is looked at from here on */
	(void)take_keys(&w->secrets, &w->next_secrets);
	if (take_keys(&w->api_keys, &w->next_api_keys))
		end_reports(w);
	visit_ready(w);
	settle_waiting(w);
	tick(w);
	sweep_step(w);
	onlookers_step(w);
	reap(w);
	hub_flush(w->server->hub);
}

void *worker_run(void *worker)
{
	struct worker *w = worker;

	while (!w->drained)
		worker_turn(w);
	visit_ready(w); /* nobody: it ends the last rounds, else publishers of a worker that still drains would wait for them */
	if (atomic_fetch_sub(&w->server->running, 1) == 1)
		(void)pthread_kill(w->server->main_thread, SIGUSR1);
	return NULL;
}

bool worker_open(struct worker *w, struct server *server, unsigned index)
{
	*w = (struct worker){.server = server, .index = index, .pipe = {-1, -1}, .now = clock_monotonic(),
	                     .random = (uint64_t)clock_monotonic() * (index + 1) ^ (uint64_t)clock_today() << 20 ^ 1,
	                     .fixed = index == 0 ? 1 + LISTENERS : 1, .most_hot = WORKER_HOT,
	                     .most_reaped = WORKER_REAPED};
	for (int i = 0; i < READY_QUEUES; i++)
		w->ready[i].end = &w->ready[i].first;
	if (!conn_set_reserve(&w->hot, true, w->fixed) || pipe(w->pipe) != 0)
		return false;
	if (!acceptor_prepare(w->pipe[0], false) || !acceptor_prepare(w->pipe[1], false))
		return false;
	w->hot.count = w->fixed;
	w->hot.conn[0] = NULL;
	w->hot.poll[0] = (struct pollfd){.fd = w->pipe[0], .events = POLLIN};
	for (size_t i = 1; i < w->fixed; i++) {
		w->hot.conn[i] = NULL;
		w->hot.poll[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	}
	return hub_add_inbox(server->hub, &w->inbox, worker_wake, w);
}

void worker_close(struct worker *w)
{
	if (!w->server)
		return; /* it was never opened: its descriptors are none */
	for (int i = 0; i < 2; i++)
		if (w->pipe[i] >= 0)
			(void)close(w->pipe[i]);
	keyring_release(w->secrets);
	keyring_release(w->api_keys);
	keyring_release(atomic_load(&w->next_secrets));
	keyring_release(atomic_load(&w->next_api_keys));
	if (w->spare)
		exchange_free(w->spare);
	free(w->hot.conn);
	free(w->hot.poll);
	free(w->cool.conn);
	free(w->cold.conn);
	free(w->slice.conn);
	free(w->slice.poll);
}
