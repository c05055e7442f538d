/* One worker, over socket pairs: what is done to connections between their being marked and their turn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../acceptor.h"
#include "../../clock.h"
#include "../../token.h"
#include "../../worker.h"

enum {
	POLLS = WORKER_FANOUT + 40, STRANGERS = WORKER_HOT + 100, CLIENTS = STRANGERS, ANSWER = 64 * 1024,
	ONLOOKERS = 3 * ONLOOKERS_TOLD + 5,
	STREAMS = SWEEP_SLICE + 150 /* of which one of STAYS stays */, STAYS = 8, MOST = 2000,
	STALL = 5000 /* ms that the machine may stand still; less than --request-timeout */
};

static const char secret[] = "the secret of the server that is tested";

struct world {
	struct options options;
	struct server server;
	struct worker worker;
	int client[CLIENTS];
	size_t clients;
};

static int open_world(void **state)
{
	static char *arguments[] = {"pushsse", "--secret-file", "-", "--api-open"};
	static const unsigned char seed[32] = {1};
	struct hub_limits limits = {.history_ttl = 3600000, .history_count = 100, .history_bytes = 1 << 20,
	                            .max_lag = 4 << 20, .max_streams = MOST, .max_streams_per_uid = MOST};
	struct world *w = test_calloc(1, sizeof *w);
	const char *uid;
	char error[256];

	if (options_read(&w->options, sizeof arguments / sizeof arguments[0], arguments, &uid, error, sizeof error) != OPTIONS_SERVE)
		return -1;
	w->server = (struct server){.options = &w->options, .hub = hub_open(&limits, seed), .workers = 1, .worker = &w->worker,
	                            .logger = logger_open(LOG_ERROR, LOG_TEXT), .listener = {-1, -1}, .max_connections = MOST,
	                            .peers = peers_open(MOST, MOST, (const uint64_t[]){1, 2}, NULL),
	                            .started = clock_monotonic()};
	*state = w;
	if (!w->server.hub || !w->server.logger || !w->server.peers || !worker_open(&w->worker, &w->server, 0))
		return -1;
	w->worker.secrets = keyring_parse(slice_of(secret), error, sizeof error);
	return w->worker.secrets ? 0 : -1;
}

/* Has it look at its tick, if it is due, and lets nothing wait. */
static void turn(struct world *w, bool due)
{
	w->worker.next_tick = due ? 0 : INT64_MAX;
	acceptor_wake(&w->worker);
	worker_turn(&w->worker);
}

static int close_world(void **state)
{
	struct world *w = *state;

	while (w->clients)
		(void)close(w->client[--w->clients]);
	for (int i = 0; i < 100 && atomic_load(&w->worker.connections); i++)
		turn(w, true);
	if (atomic_load(&w->worker.connections) || hub_readers(w->server.hub))
		return -1;
	hub_close(w->server.hub);
	worker_close(&w->worker);
	peers_close(w->server.peers);
	logger_close(w->server.logger);
	test_free(w);
	return 0;
}

/* A client that has said nothing yet. */
static int come(struct world *w)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_true(acceptor_prepare(pair[0], false) && acceptor_prepare(pair[1], false));
	atomic_fetch_add(&w->server.connections, 1);
	atomic_fetch_add(&w->worker.connections, 1);
	assert_non_null(conn_new(&w->worker, &(struct arrival){.fd = pair[0]}));
	return w->client[w->clients++] = pair[1];
}

/* Asks for a target with a token of a uid. */
static void ask_over(struct world *w, int client, const char *path, const char *uid, const char *more)
{
	struct buffer request = {0};

	buffer_printf(&request, "GET %s?token=", path);
	token_sign(&request, w->worker.secrets, slice_of(uid), NULL, 0, clock_today(), 3600000);
	buffer_printf(&request, "%s HTTP/1.1\r\nHost: test\r\n\r\n", more);
	assert_int_equal(send(client, request.at, request.len, 0), (ssize_t)request.len);
	buffer_free(&request);
}

/* The same by a new client, which is looked at. */
static int ask(struct world *w, const char *path, const char *uid, const char *more)
{
	int client = come(w);

	ask_over(w, client, path, uid, more);
	turn(w, false);
	return client;
}

static void done(struct publishing *op)
{
	*(bool *)op->context = true;
}

static void publish_to(struct world *w, const struct slice *uid, struct slice data)
{
	bool is_done = false;
	struct publishing op = {.done = done, .context = &is_done};
	struct publication p = {.uid = uid, .uids = uid != NULL, .data = data, .event = slice_of("message"), .ttl = -1};

	hub_publish(w->server.hub, &p, w->worker.now, &op);
	assert_true(is_done && op.result == HUB_OK);
}

static void publish(struct world *w, struct slice data)
{
	publish_to(w, NULL, data);
}

/* Everything that has come, as text. */
static char *received(int fd)
{
	static char bytes[ANSWER + 1];
	ssize_t n = recv(fd, bytes, ANSWER, 0);

	bytes[n > 0 ? n : 0] = '\0';
	return bytes;
}

static void park_polls(struct world *w)
{
	while (w->clients < POLLS)
		(void)ask(w, "/poll", "u", "&lastEventId=earliest&wait=50");
	assert_int_equal(worker_in_state(&w->worker, CONN_POLLING), POLLS);
	publish(w, slice_of("hello"));
}

static void all_have_the_message(struct world *w)
{
	for (int i = 0; i < 20; i++)
		turn(w, true);
	for (size_t i = 0; i < w->clients; i++)
		assert_non_null(strstr(received(w->client[i]), "\"data\":\"hello\""));
}

static void answers_polls_once_whose_time_is_up_before_their_turn(void **state)
{
	struct world *w = *state;

	park_polls(w);
	for (size_t i = 0; i < w->worker.cold.count; i++)
		w->worker.cold.conn[i]->until = 0;
	turn(w, true); /* some are visited, and the time of some others is looked at, which wait to be visited */
	assert_true(w->worker.ready[READY_FANOUT].first != NULL);
	all_have_the_message(w);
}

/* Who could not be told in its turn is told what the others were, and nothing that is only to have all told again. */
static void tells_a_slow_stream_how_many_there_are(void **state)
{
	struct world *w = *state;
	size_t size = 3 << 20;
	char *data = test_malloc(size), *online;
	int slow = ask(w, "/events", "slow", "&online=1");

	memset(data, 'x', size);
	publish(w, (struct slice){data, size});
	test_free(data);
	turn(w, false);
	assert_int_equal(worker_in_state(&w->worker, CONN_BLOCKED), 1);
	(void)ask(w, "/events", "second", "");
	w->worker.onlookers.next = 0;
	turn(w, true);
	(void)ask(w, "/events", "third", "");
	(void)ask(w, "/events", "fourth", "&online=1");
	do {
		char *text = received(slow);

		online = strstr(text, "pushsse.online\ndata: {\"users\":2,");
		turn(w, false);
	} while (!online || strstr(online, "\"users\":1,"));
	assert_non_null(strstr(online, "\"streams\":2}"));
}

/* How many of the clients have been told how many there are since they were last looked at; each once at most. */
static size_t count_told(struct world *w)
{
	size_t told = 0;

	for (size_t i = 0; i < w->clients; i++) {
		const char *text = strstr(received(w->client[i]), "pushsse.online\ndata: {\"users\":2,");

		told += text != NULL;
		assert_true(!text || !strstr(text + 1, "pushsse.online"));
	}
	return told;
}

/* On a site that shows the number, all streams are told: publishers have their turn in between. */
static void tells_onlookers_some_in_a_turn(void **state)
{
	struct world *w = *state;
	size_t told;

	while (w->clients < ONLOOKERS)
		(void)ask(w, "/events", "u", "&online=1");
	turn(w, true);
	(void)ask(w, "/events", "second", "");
	assert_int_equal(count_told(w), 0);
	w->worker.onlookers.next = 0;
	turn(w, true);
	told = count_told(w);
	assert_in_range(told, 1, ONLOOKERS_TOLD);
	conn_close(w->worker.cold.conn[0]); /* in its place comes one that has had its turn */
	conn_close(w->worker.cold.conn[1]);
	for (int turns = 0; w->worker.onlookers.left; turns++) {
		turn(w, false);
		assert_true(turns < ONLOOKERS);
	}
	assert_int_equal(told + count_told(w), ONLOOKERS - 2);
}

/* A round of them, if one is due or under way. */
static void tell_onlookers(struct world *w)
{
	turn(w, true);
	while (w->worker.onlookers.left)
		turn(w, false);
}

/* Each is told within the next round, however it changed its place in the one before. */
static void begins_no_round_of_onlookers_while_one_is_under_way(void **state)
{
	struct world *w = *state;

	while (w->clients < ONLOOKERS)
		(void)ask(w, "/events", "u", "&online=1");
	(void)ask(w, "/events", "second", "");
	(void)count_told(w);
	w->worker.onlookers.next = 0;
	turn(w, true);
	assert_true(w->worker.onlookers.left > 0);
	w->worker.onlookers.began -= 100;
	w->worker.onlookers.next = 0;
	(void)ask(w, "/events", "second", "");
	tell_onlookers(w);
	assert_int_equal(count_told(w), ONLOOKERS);
	assert_true(w->worker.onlookers.next >= w->worker.now + 100 * (ONLOOKERS_SHARE - 1));
	turn(w, true);
	assert_int_equal(count_told(w), 0); /* it rests */
	w->worker.onlookers.next = 0;
	tell_onlookers(w);
	assert_int_equal(count_told(w), ONLOOKERS);
}

/* The first of them is told as it comes: no turns go into looking for others among the cold ones. */
static void looks_for_no_onlooker_when_the_first_one_comes(void **state)
{
	struct world *w = *state;
	struct buffer out = {0};

	(void)ask(w, "/events", "u", "");
	(void)ask(w, "/events", "u", "");
	onlookers_add(w->worker.cold.conn[0], &out);
	buffer_free(&out);
	assert_int_equal(w->worker.onlookers.left, 0);
}

/* It comes back to the cold ones where the round has been, and has more to take than until the next one. */
static void tells_a_stream_that_is_no_longer_blocked_although_there_is_more(void **state)
{
	static const char fill[4096];
	char bytes[sizeof fill];
	struct world *w = *state;
	int slow = ask(w, "/events", "slow", "&online=1");
	struct conn *c = w->worker.cold.conn[0];

	while (w->clients < ONLOOKERS)
		(void)ask(w, "/events", "u", "&online=1");
	w->worker.onlookers.next = 0;
	turn(w, true);
	while (send(c->fd, fill, sizeof fill, MSG_NOSIGNAL) > 0)
		;
	for (int i = 0; i < GATHER_MAX_BLOCKS + 1; i++)
		publish_to(w, &(struct slice){"slow", 4}, slice_of("hello"));
	turn(w, false);
	assert_int_equal(c->state, CONN_BLOCKED);
	while (recv(slow, bytes, sizeof bytes, 0) > 0)
		;
	conn_serve(c);
	assert_true(c->state == CONN_STREAMING && c->link && w->worker.onlookers.left);
	while (w->worker.onlookers.left)
		onlookers_step(&w->worker);
	w->worker.onlookers.again = true;
	w->worker.onlookers.next = 0;
	onlookers_begin(&w->worker);
	for (int i = 0; i < 20; i++)
		turn(w, false);
	assert_non_null(strstr(received(slow), "pushsse.online\ndata: {\"users\":2,"));
}

/* What it has not given to all readers when they go is nothing that a publisher of another worker is to wait for. */
static void ends_its_rounds_when_it_ends(void **state)
{
	struct world *w = *state;

	park_polls(w);
	for (int i = 0; i < GATHER_MAX_BLOCKS; i++)
		publish(w, slice_of("hello"));
	assert_true(hub_is_congested(w->server.hub));
	atomic_store(&w->server.running, 2);
	atomic_store(&w->server.draining, w->worker.now - w->options.drain);
	w->worker.next_tick = 0;
	(void)worker_run(&w->worker);
	assert_false(hub_is_congested(w->server.hub));
}

/* From then on, however long it was silent before: --send-timeout may be shorter than --heartbeat. */
static void gives_a_ping_that_is_not_taken_its_time(void **state)
{
	static const char fill[4096];
	struct world *w = *state;
	struct conn *c;

	(void)ask(w, "/events", "u", "");
	c = w->worker.cold.conn[0];
	while (send(c->fd, fill, sizeof fill, MSG_NOSIGNAL) > 0)
		;
	c->since -= 10 * w->options.send_timeout;
	for (int i = 0; i < 20; i++)
		turn(w, true);
	assert_int_equal(worker_in_state(&w->worker, CONN_BLOCKED), 1);
	c->since -= w->options.send_timeout;
	turn(w, true);
	assert_int_equal(worker_in_state(&w->worker, CONN_BLOCKED), 0);
}

/* They take part of --request-memory, and when there is no more, it is who sends that has to go. */
static void counts_what_is_sent_on_behind_a_parked_poll(void **state)
{
	static const char ahead[16 * 1024];
	struct world *w = *state;
	int client[] = {ask(w, "/poll", "u", "&lastEventId=earliest&wait=50"), ask(w, "/poll", "u", "&lastEventId=earliest&wait=50")};

	w->options.request_memory = 4 * sizeof ahead; /* of which the public listener has half */
	assert_int_equal(send(client[0], ahead, sizeof ahead, 0), sizeof ahead);
	for (int i = 0; i < 20; i++)
		turn(w, true);
	assert_true(atomic_load(&w->server.request_bytes) >= sizeof ahead);
	assert_int_equal(worker_in_state(&w->worker, CONN_POLLING), 2);
	assert_int_equal(send(client[1], ahead, sizeof ahead, 0), sizeof ahead);
	for (int i = 0; i < 20; i++)
		turn(w, true);
	assert_int_equal(worker_in_state(&w->worker, CONN_POLLING), 1);
	assert_true(atomic_load(&w->server.request_bytes) < 2 * sizeof ahead);
}

static void say(int client, const char *text)
{
	assert_int_equal(send(client, text, strlen(text), 0), (ssize_t)strlen(text));
}

/* For all of them, so much time has gone by; the worker looks at each. */
static void let_pass(struct world *w, int64_t ms)
{
	for (size_t i = w->worker.fixed; i < w->worker.hot.count; i++)
		w->worker.hot.conn[i]->since -= ms;
	for (size_t i = 0; i < w->worker.cool.count; i++)
		w->worker.cool.conn[i]->since -= ms;
	for (int i = 0; i < 20; i++)
		turn(w, true);
}

/* What strangers hold without a word does not make waiting dear; and yet they are heard, and have no more time than others. */
static void cools_the_still_ones_of_many(void **state)
{
	struct world *w = *state;
	int slow, talks;

	while (w->clients < STRANGERS - 2)
		(void)come(w);
	slow = come(w);
	talks = come(w);
	say(slow, "GET /healthz HTTP/1.1\r\n");
	turn(w, false);
	let_pass(w, -STALL); /* however long this took: */
	assert_int_equal(w->worker.cool.count, 0); /* just come */
	let_pass(w, STALL + WORKER_STILL_MS);
	assert_true(w->worker.hot.count <= WORKER_HOT);
	assert_int_equal(w->worker.cool.count, w->worker.fixed + STRANGERS - w->worker.hot.count);

	say(talks, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
	let_pass(w, 0);
	assert_non_null(strstr(received(talks), "HTTP/1.1 200 OK\r\n"));
	say(slow, "X: y\r\n");
	let_pass(w, w->options.request_timeout);
	assert_non_null(strstr(received(slow), "HTTP/1.1 408 "));
	assert_int_equal(worker_in_state(&w->worker, CONN_DISCARDING), 1);
	assert_int_equal(worker_in_state(&w->worker, CONN_READING), 1); /* the one that has talked may be idle */
	while (w->worker.closed)
		turn(w, false);
	assert_int_equal(atomic_load(&w->worker.connections), 2);
}

/* One that was still has its turns as before once it talks: what does not come in one piece does not take a tick for each. */
static void hears_out_one_that_was_still(void **state)
{
	static char head[20 * 1024] = "GET /healthz HTTP/1.1\r\nHost: a\r\n";
	size_t len = strlen(head);
	struct world *w = *state;
	int talks;

	while (len < sizeof head - 500)
		len += (size_t)snprintf(head + len, sizeof head - len, "X: %0400d\r\n", 0);
	(void)snprintf(head + len, sizeof head - len, "\r\n");
	while (w->clients < STRANGERS - 1)
		(void)come(w);
	talks = come(w);
	turn(w, true);
	let_pass(w, WORKER_STILL_MS);
	assert_true(w->worker.cool.count > 0);
	say(talks, head);
	turn(w, true);
	for (int i = 0; i < 40; i++)
		turn(w, false);
	assert_non_null(strstr(received(talks), "HTTP/1.1 200 OK\r\n"));
}

/* However much a client would take at once, others have their turn between its slices. */
static void sends_a_long_answer_in_slices(void **state)
{
	static char data[200 * 1024 + 1];
	struct world *w = *state;
	const _Atomic uint64_t *sent = &w->worker.counters.count[COUNT_BYTES];
	int client, size = 4 * (int)sizeof data;
	size_t all = 0;

	memset(data, 'x', sizeof data - 1);
	publish(w, slice_of(data));
	client = come(w);
	assert_int_equal(setsockopt(w->worker.hot.conn[w->worker.fixed]->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
	ask_over(w, client, "/poll", "u", "&lastEventId=earliest&wait=0");
	for (uint64_t before = 0; all < sizeof data; before = atomic_load(sent)) {
		turn(w, false);
		assert_in_range(atomic_load(sent) - before, 1, 64 * 1024);
		all += strlen(received(client));
	}
}

/* With so many, a round takes SWEEP_LEAVE_ROUND_MS; but not while many are found to have left: those would pile up. */
static void finds_at_once_many_that_have_left(void **state)
{
	struct world *w = *state;
	struct rlimit files;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
	w->options.first_ping = w->options.heartbeat = INT64_MAX; /* which would find them as well */
	for (int i = 0; i < STREAMS; i++) {
		(void)ask(w, "/events", "u", "");
		if (i % STAYS)
			(void)close(w->client[--w->clients]);
	}
	assert_int_equal(worker_in_state(&w->worker, CONN_STREAMING), STREAMS);
	for (int ticks = 0; ticks < 2; ticks++) {
		turn(w, true);
		while (sweep_is_due(&w->worker.sweep))
			turn(w, false);
	}
	assert_int_equal(worker_in_state(&w->worker, CONN_STREAMING), w->clients);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(cools_the_still_ones_of_many, open_world, close_world),
		cmocka_unit_test_setup_teardown(hears_out_one_that_was_still, open_world, close_world),
		cmocka_unit_test_setup_teardown(finds_at_once_many_that_have_left, open_world, close_world),
		cmocka_unit_test_setup_teardown(answers_polls_once_whose_time_is_up_before_their_turn, open_world, close_world),
		cmocka_unit_test_setup_teardown(counts_what_is_sent_on_behind_a_parked_poll, open_world, close_world),
		cmocka_unit_test_setup_teardown(gives_a_ping_that_is_not_taken_its_time, open_world, close_world),
		cmocka_unit_test_setup_teardown(sends_a_long_answer_in_slices, open_world, close_world),
		cmocka_unit_test_setup_teardown(tells_a_slow_stream_how_many_there_are, open_world, close_world),
		cmocka_unit_test_setup_teardown(tells_onlookers_some_in_a_turn, open_world, close_world),
		cmocka_unit_test_setup_teardown(begins_no_round_of_onlookers_while_one_is_under_way, open_world, close_world),
		cmocka_unit_test_setup_teardown(looks_for_no_onlooker_when_the_first_one_comes, open_world, close_world),
		cmocka_unit_test_setup_teardown(tells_a_stream_that_is_no_longer_blocked_although_there_is_more, open_world,
		                                close_world),
		cmocka_unit_test_setup_teardown(ends_its_rounds_when_it_ends, open_world, close_world),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
