/*
 * test_hub_threads.c: workers with their own inboxes and readers, who come and go, while others publish; for TSan, and
 * for what only happens in parallel: every reader gets every message that it is owed, once and in order.
 *
 * A client goes on from one reader to the next at the position it has, as a browser does. What it got is compared at
 * the end with what was published: it may miss only what is transient and came while it was away, and what was said to
 * be a gap.
 * It ends after some 1.5 s, or when all is published.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>

#include "hub.h"

enum {
	WORKERS = 3, CLIENTS = 8 /* of each worker */, PUBLISHERS = 2,
	UIDS = 4, CHANNELS = 3, EVERYONE = UIDS + CHANNELS, AUDIENCES = EVERYONE + 1,
	MESSAGES = 40000, VISITS = 5000, MILLISECONDS = 1500
};

/* What was published, by seq; written by its publisher, read when all threads have ended. */
struct record {
	uint32_t audiences;
	bool transient;
};

/* From `from` to `to` it was attached; up to `from` it may miss something, when it was told so. */
struct visit {
	uint64_t cursor, from;
	bool gap;
};

struct client {
	struct reader reader;
	uint32_t audiences;
	int uid;
	struct slice channel[2];
	size_t channels;
	bool ready, got[MESSAGES + 1];
	uint32_t blocked;    /* turns for which it takes nothing */
	uint64_t seq;        /* of the last whole block */
	size_t sent;         /* bytes of the next one */
	size_t visits;
	struct visit visit[VISITS];
};

struct worker {
	struct test *test;
	struct inbox inbox;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t woken;
	bool wake;
	uint32_t random;
	struct client client[CLIENTS];
};

struct test {
	struct hub *hub;
	struct worker worker[WORKERS];
	pthread_t publisher[PUBLISHERS];
	atomic_int publishing, errors;
	atomic_uint publishes, started;
	struct record record[MESSAGES + 1];
};

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint32_t below(uint32_t *random, uint32_t bound)
{
	*random = *random * 1664525 + 1013904223;
	return (*random >> 8) % bound;
}

static struct slice name_of(int audience)
{
	static const char *const names[] = {"ann", "bob", "eve", "joe", "room", "hall", "yard"};

	return slice_of(names[audience]);
}

/* ---- publishers */

static void done(struct publishing *op)
{
	(void)op;
}

static void publish(struct test *t, uint32_t *random)
{
	struct slice uid[2], channel[2];
	struct publication p = {.uid = uid, .channel = channel, .event = slice_of("")};
	struct publishing op = {.done = done};
	struct record record = {.audiences = 0};
	char data[200];
	static const int64_t ttl[] = {0, 0, 1, 3, 10000};

	for (p.uids = below(random, 3); record.audiences < p.uids; record.audiences++)
		uid[record.audiences] = name_of((int)below(random, UIDS));
	record.audiences = 0;
	p.channels = below(random, 2);
	for (size_t i = 0; i < p.uids; i++)
		for (int a = 0; a < UIDS; a++)
			record.audiences |= (uint32_t)slice_equal(uid[i], name_of(a)) << a;
	for (size_t i = 0; i < p.channels; i++) {
		int which = UIDS + (int)below(random, CHANNELS);

		channel[i] = name_of(which);
		record.audiences |= 1U << which;
	}
	if (!record.audiences)
		record.audiences = 1U << EVERYONE;
	p.ttl = ttl[below(random, 5)];
	record.transient = p.ttl == 0;
	memset(data, 'x', sizeof data);
	p.data = (struct slice){data, below(random, sizeof data)};
	hub_publish(t->hub, &p, clock_ms(), &op);
	if (op.result == HUB_OK)
		t->record[op.seq] = record;
	else
		t->errors++;
}

static void *publisher_main(void *context)
{
	struct test *t = context;
	int64_t end = clock_ms() + MILLISECONDS;
	uint32_t random = 99 + atomic_fetch_add(&t->started, 1);

	while (clock_ms() < end && atomic_fetch_add(&t->publishes, 1) < MESSAGES) {
		publish(t, &random);
		if (!hub_is_congested(t->hub))
			continue;
		for (unsigned calms = hub_await_calm(t->hub); hub_calms(t->hub) == calms && clock_ms() < end;)
			sched_yield();
	}
	t->publishing--;
	return NULL;
}

/* ---- workers */

static void wake(void *context)
{
	struct worker *w = context;

	pthread_mutex_lock(&w->lock);
	w->wake = true;
	pthread_cond_signal(&w->woken);
	pthread_mutex_unlock(&w->lock);
}

/* Waits to be woken, and at most 20 ms. */
static void wait(struct worker *w)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&w->lock);
	while (!w->wake && pthread_cond_timedwait(&w->woken, &w->lock, &until) == 0)
		;
	w->wake = false;
	pthread_mutex_unlock(&w->lock);
}

static void come(struct worker *w, struct client *c)
{
	char cursor[CURSOR_MAX];
	struct subscribe_request s = {.inbox = &w->inbox, .uid = name_of(c->uid), .channel = c->channel,
	                              .channels = c->channels, .issued = 1};
	struct visit *v = &c->visit[c->visits++];
	struct hub_position at;

	s.cursor = (struct slice){cursor, cursor_write(cursor, hub_epoch(w->test->hub), c->seq)};
	c->sent = 0;
	if (hub_subscribe(w->test->hub, &s, clock_ms(), &c->reader, &at) != HUB_OK || at.seq != c->seq)
		w->test->errors++;
	*v = (struct visit){c->seq, c->reader.attached, at.reset == RESET_GAP};
	c->ready = true;
}

/* A block came to its end: it has to be one that the client has not, in order. */
static void receive(struct worker *w, struct client *c, const struct message *m)
{
	if (m->seq <= c->seq || m->seq > MESSAGES || c->got[m->seq]) {
		w->test->errors++;
		return;
	}
	c->got[m->seq] = true;
	c->seq = m->seq;
}

/* The seq of a block is in its text: of the next one in the first bytes, of a begun one it was there before. */
static uint64_t seq_of(const struct iovec *block)
{
	return strtoull((const char *)block->iov_base + strlen("id: ") + EPOCH_SIZE + 1, NULL, 10);
}

/* Sends all, or a part and the client goes on later. Answers whether it has everything up to bound. */
static bool visit(struct worker *w, struct client *c, uint64_t bound)
{
	struct gather g;

	while (reader_gather(&c->reader, bound, &g)) {
		size_t sent = below(&w->random, 4) ? g.bytes : below(&w->random, (uint32_t)g.bytes);
		size_t left = sent;

		for (size_t i = 0; i < g.blocks; i++) {
			/* A block that was begun starts before what is gathered. */
			struct iovec whole = {(char *)g.block[i].iov_base - (i ? 0 : c->sent), 0};

			if (left < g.block[i].iov_len) {
				c->sent = left + (i ? 0 : c->sent);
				break;
			}
			left -= g.block[i].iov_len;
			receive(w, c, &(struct message){.seq = seq_of(&whole)});
			c->sent = 0;
		}
		reader_advance(&c->reader, &g, sent);
		if (sent < g.bytes)
			return false;
	}
	return true;
}

static void ready(void *context, struct reader *reader)
{
	(void)context;
	((struct client *)reader)->ready = true; /* its first member */
}

/* One turn. Answers whether nobody is left with something to read. */
static bool turn(struct worker *w)
{
	struct hub *hub = w->test->hub;
	bool calm = true;
	uint64_t bound;

	hub_take(hub, &w->inbox, URGENT, ready);
	hub_take(hub, &w->inbox, FANOUT, ready);
	bound = hub_seq(hub); /* after what was taken: no mark is for a message beyond it */
	for (struct client *c = w->client; c < w->client + CLIENTS; c++) {
		if (!c->ready)
			continue;
		if (c->blocked) {
			c->blocked--;
		} else {
			c->ready = !visit(w, c, bound);
			c->blocked = below(&w->random, 16) ? 0 : below(&w->random, 200);
		}
		calm &= !c->ready;
	}
	hub_round_done(hub, &w->inbox, URGENT);
	hub_round_done(hub, &w->inbox, FANOUT);
	return calm;
}

static void *worker_main(void *context)
{
	struct worker *w = context;
	bool last = false;

	/* One turn after the last publisher has ended is enough: every mark is there by then. */
	for (;;) {
		bool ended = w->test->publishing == 0, calm = turn(w);

		if (ended && calm && last)
			return NULL;
		last = ended && calm;
		if (calm && !ended && below(&w->random, 4) == 0) {
			struct client *c = &w->client[below(&w->random, CLIENTS)];

			if (c->visits < VISITS) {
				hub_unsubscribe(w->test->hub, &c->reader, below(&w->random, 2), clock_ms());
				come(w, c);
			}
		} else if (calm && !ended) {
			wait(w);
		}
		if (below(&w->random, 8) == 0)
			hub_sweep(w->test->hub, clock_ms());
	}
}

/* ---- what came of it */

static void worker_open(struct test *t, struct worker *w, uint32_t number)
{
	w->test = t;
	w->random = number;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->woken, NULL);
	assert_true(hub_add_inbox(t->hub, &w->inbox, wake, w));
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &w->client[i];

		c->uid = i % UIDS;
		c->audiences = 1U << c->uid | 1U << EVERYONE;
		for (c->channels = 0; c->channels < (size_t)i % 3; c->channels++) {
			int which = UIDS + (int)((size_t)i + c->channels) % CHANNELS;

			c->channel[c->channels] = name_of(which);
			c->audiences |= 1U << which;
		}
		come(w, c);
	}
}

/* Was it said, when the client came back, that it may miss this one? */
static bool is_excused(const struct client *c, const struct record *record, uint64_t seq)
{
	for (size_t i = 0; i < c->visits; i++) {
		const struct visit *v = &c->visit[i];

		if (v->cursor < seq && seq <= v->from && (record->transient || v->gap))
			return true;
	}
	return false;
}

static uint64_t check_client(const struct test *t, const struct client *c, uint64_t newest)
{
	uint64_t received = 0;

	for (uint64_t seq = 1; seq <= newest; seq++) {
		bool wanted = t->record[seq].audiences & c->audiences;

		if (c->got[seq] != wanted && !(wanted && is_excused(c, &t->record[seq], seq)))
			fail_msg("message %llu: got %d", (unsigned long long)seq, c->got[seq]);
		received += c->got[seq];
	}
	return received;
}

static void everybody_gets_what_is_theirs(void **state)
{
	static const struct hub_limits limits = {.history_ttl = 10000, .history_count = 300, .history_bytes = 200000,
	                                         .max_lag = 100000, .max_streams = 1000, .max_streams_per_uid = 1000};
	static const unsigned char seed[32] = {0};
	struct test *t = calloc(1, sizeof *t);
	uint64_t received = 0, newest;

	(void)state;
	assert_non_null(t);
	t->hub = hub_open(&limits, seed);
	assert_non_null(t->hub);
	for (uint32_t i = 0; i < WORKERS; i++)
		worker_open(t, &t->worker[i], i);
	t->publishing = PUBLISHERS;
	for (int i = 0; i < PUBLISHERS; i++)
		assert_int_equal(pthread_create(&t->publisher[i], NULL, publisher_main, t), 0);
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&t->worker[i].thread, NULL, worker_main, &t->worker[i]), 0);
	for (int i = 0; i < PUBLISHERS; i++)
		pthread_join(t->publisher[i], NULL);
	for (int i = 0; i < WORKERS; i++)
		pthread_join(t->worker[i].thread, NULL);
	assert_int_equal(t->errors, 0);
	assert_false(hub_is_congested(t->hub));
	newest = hub_seq(t->hub);
	for (int i = 0; i < WORKERS; i++) {
		for (int k = 0; k < CLIENTS; k++) {
			received += check_client(t, &t->worker[i].client[k], newest);
			hub_unsubscribe(t->hub, &t->worker[i].client[k].reader, false, clock_ms());
		}
		pthread_mutex_destroy(&t->worker[i].lock);
		pthread_cond_destroy(&t->worker[i].woken);
	}
	print_message("%llu published, %llu received\n", (unsigned long long)newest, (unsigned long long)received);
	hub_close(t->hub);
	free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(everybody_gets_what_is_theirs)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
