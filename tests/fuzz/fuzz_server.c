/*
 * fuzz_server.c: a whole server in memory: a hub, one worker, and connections over socket pairs. The input is what
 * happens, step by step: connections come and go, requests and any other bytes arrive in pieces, answers are read or
 * not, time passes. The model says what has to come of it.
 *
 * The clock is the input's own, nothing waits, and sockets hold little, so that readers are slow soon.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "acceptor.h"
#include "client.h"
#include "clock.h"
#include "peers.h"
#include "token.h"
#include "worker.h"

enum { CLIENTS = 8, STEPS = 400, SOCKET_BYTES = 4096, DAY_MS = 24 * 60 * 60 * 1000, STILL = 24 };

static const char secret[] = "the secret of the server that is fuzzed", api_key[] = "c8b7f0d3a95e4162";
static int64_t now_us;

/* The linker puts what begins with __wrap_ in the place of what has the name behind that (--wrap). */
int64_t __wrap_clock_monotonic(void);
int64_t __wrap_clock_microseconds(void);
int64_t __wrap_clock_today(void);

int64_t __wrap_clock_monotonic(void)
{
	return now_us / 1000;
}

int64_t __wrap_clock_microseconds(void)
{
	return now_us;
}

int64_t __wrap_clock_today(void)
{
	return now_us / 1000 + INT64_C(1790000000000);
}

/* A stream's socket takes a few messages, not hundreds. */
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t size)
{
	const int small = SOCKET_BYTES;

	return __real_setsockopt(fd, level, name, level == SOL_SOCKET && name == SO_SNDBUF ? &small : value, size);
}

struct world {
	struct slice input; /* what is still to happen */
	struct options options;
	struct server server;
	struct worker worker;
	struct client client[CLIENTS];
	struct model model;
};

static unsigned take(struct world *w)
{
	return w->input.len ? (unsigned char)*slice_take(&w->input, 1).at : 0;
}

static size_t take_length(struct world *w)
{
	static const size_t lengths[] = {1, 2, 7, 40, 100, 333, 2000, 60000};

	return lengths[take(w) % 8];
}

/* ---- requests */

/* A uid and the channels of a token that it gets. */
static void add_token(struct world *w, struct buffer *out, int uid, unsigned channels)
{
	static const char names[CHANNELS][3] = {"c0", "c1", "c2"};
	struct slice channel[CHANNELS];
	char name[3] = {'u', (char)('0' + uid), 0};
	size_t count = 0;

	for (int i = 0; i < CHANNELS; i++)
		if (channels & 1u << i)
			channel[count++] = slice_of(names[i]);
	token_sign(out, w->worker.secrets, slice_of(name), channel, count, clock_today(), take(w) % 4 ? DAY_MS : 20000);
}

/* Where a subscriber wants to begin, and what of it follows for its reading. */
static void add_position(struct world *w, struct buffer *out, struct reading *r)
{
	unsigned which = take(w) % 8;
	char cursor[CURSOR_MAX];
	uint64_t newest = hub_seq(w->server.hub), back = take(w) % 16;

	r->lossless = which >= 3;
	r->now = which == 0;
	if (which == 1)
		buffer_add_text(out, "&lastEventId=earliest");
	else if (which == 2)
		buffer_add_text(out, back % 2 ? "&lastEventId=zzzzzz-7" : "&lastEventId=garbage");
	if (which < 3)
		return;
	r->start = back < newest ? newest - back : 0;
	buffer_add_text(out, "&lastEventId=");
	buffer_add(out, cursor, cursor_write(cursor, hub_epoch(w->server.hub), r->start));
}

static void expect(struct client *c, enum answer_kind kind, int number, struct reading *reading)
{
	c->expected[c->expects++] = (struct expected){kind, number, reading};
}

/* How much of what it may is a reader to see? All of its token's channels, or one of them. */
static void add_subscription(struct world *w, struct client *c, bool poll)
{
	struct reading *r = &w->model.reading[w->model.readings++];
	int uid = (int)(take(w) % UIDS);
	unsigned flags = take(w), channels = flags & ((1u << CHANNELS) - 1);

	*r = (struct reading){.audience = 1u << uid | channels << UIDS | EVERYONE};
	buffer_add_text(&c->out, poll ? "GET /poll?token=" : "GET /events?token=");
	add_token(w, &c->out, uid, channels);
	add_position(w, &c->out, r);
	if (r->lossless && poll)
		r->last = r->start;
	if (flags & 8)
		buffer_printf(&c->out, "&cid=%u", flags >> 6);
	if (flags & 16)
		buffer_add_text(&c->out, "&online=1");
	if (poll)
		buffer_printf(&c->out, "&wait=%u", flags >> 5);
	buffer_add_text(&c->out, " HTTP/1.1\r\nHost: fuzz\r\n\r\n");
	c->uid = uid;
	expect(c, poll ? ANSWER_POLL : ANSWER_STREAM, uid, r);
}

/* The fields of a message as one body. */
static void add_fields(struct world *w, struct buffer *body, int number, bool json)
{
	const struct message_seen *m = &w->model.message[number];
	const char *join = json ? "," : "&", *between = json ? "\":\"" : "=";
	const char *begin = json ? "\"" : "", *end = begin;
	char name[3] = {0};

	buffer_printf(body, "%sevent%se%s", begin, between, end);
	for (int i = 0; i < UIDS + CHANNELS; i++) {
		name[0] = i < UIDS ? 'u' : 'c';
		name[1] = (char)('0' + (i < UIDS ? i : i - UIDS));
		if (m->audience & 1u << i)
			buffer_printf(body, "%s%s%s%s%s%s", join, begin, i < UIDS ? "to" : "channel", between, name, end);
	}
	if (m->transient)
		buffer_printf(body, "%s%sttl%s0%s", join, begin, between, end);
	if (m->key)
		buffer_printf(body, "%s%skey%sk%d%s", join, begin, between, m->key, end);
	buffer_printf(body, "%s%scontent%s", join, begin, between);
	model_add_data(&w->model, number, body);
	buffer_add_text(body, end);
}

static void add_head(struct client *c, const char *path, const char *type)
{
	buffer_printf(&c->out, "POST %s HTTP/1.1\r\nHost: fuzz\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\n", path,
	              api_key, type);
}

static void add_body(struct client *c, const struct buffer *body, size_t chunk)
{
	struct slice rest = {body->at, body->len};

	if (!chunk)
		buffer_printf(&c->out, "Content-Length: %zu\r\n\r\n", body->len);
	else
		buffer_add_text(&c->out, "Transfer-Encoding: chunked\r\n\r\n");
	while (chunk && rest.len) {
		struct slice part = slice_take(&rest, rest.len < chunk ? rest.len : chunk);

		buffer_printf(&c->out, "%zx\r\n", part.len);
		buffer_add_slice(&c->out, part);
		buffer_add_text(&c->out, "\r\n");
	}
	if (chunk)
		buffer_add_text(&c->out, "0\r\n\r\n");
	else
		buffer_add_slice(&c->out, rest);
}

static void add_publish(struct world *w, struct client *c)
{
	int number = w->model.messages++;
	struct message_seen *m = &w->model.message[number];
	unsigned flags = take(w);
	struct buffer body = {0};
	bool json = (flags & 3) == 0;

	*m = (struct message_seen){.audience = take(w) & (EVERYONE - 1), .size = take_length(w) % 6000,
	                           .transient = flags & 4, .key = flags & 8 ? 1 + (int)(flags >> 6) : 0};
	buffer_add_text(&body, json ? "{" : "");
	add_fields(w, &body, number, json);
	buffer_add_text(&body, json ? "}" : "");
	add_head(c, "/publish", json ? "application/json" : "application/x-www-form-urlencoded");
	add_body(c, &body, flags & 16 ? take_length(w) : 0);
	buffer_free(&body);
	if (!m->audience)
		m->audience = EVERYONE;
	expect(c, ANSWER_PUBLISHED, number, NULL);
}

static void add_kick(struct world *w, struct client *c)
{
	int uid = (int)(take(w) % UIDS);
	struct buffer body = {0};

	buffer_printf(&body, "uid=u%d&reason=fuzz", uid);
	add_head(c, "/disconnect", "application/x-www-form-urlencoded");
	add_body(c, &body, 0);
	buffer_free(&body);
	expect(c, ANSWER_KICKED, uid, &w->model.reading[w->model.readings]);
}

static void add_question(struct world *w, struct client *c)
{
	static const char *const targets[] = {"/online?uid=u0&uid=u1", "/online", "/stats", "/healthz", "/metrics"};

	buffer_printf(&c->out, "GET %s HTTP/1.1\r\nHost: fuzz\r\nAuthorization: Bearer %s\r\n\r\n", targets[take(w) % 5],
	              api_key);
	expect(c, ANSWER_OTHER, 0, NULL);
}

/* ---- steps */

static void connect_client(struct world *w, struct client *c, enum listener_kind listener)
{
	struct arrival arrival = {.listener = listener};
	struct ip ip = {.at = {(unsigned char)(take(w) % 2)}};
	int pair[2];

	client_close(c);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		abort();
	must(acceptor_prepare(pair[0], false), "a socket that does not block");
	*c = (struct client){.model = &w->model, .fd = pair[1]};
	memcpy(c->epoch, hub_epoch(w->server.hub), EPOCH_SIZE);
	atomic_fetch_add(&w->server.connections, 1);
	atomic_fetch_add(&w->worker.connections, 1);
	arrival.fd = pair[0];
	must(peers_enter(w->server.peers, ip, listener == LISTENER_API, clock_monotonic(), &arrival.peer), "few enough");
	must(conn_new(&w->worker, &arrival) != NULL, "memory");
}

/* Each connection is in the set that its state says, in the place that it says; or it is to be reaped. */
static void check_sets(const struct worker *w)
{
	const struct conn_set *const sets[] = {[SET_HOT] = &w->hot, [SET_COOL] = &w->cool, [SET_COLD] = &w->cold};
	size_t count = 0;

	for (unsigned set = SET_HOT; set <= SET_COLD; set++)
		for (size_t i = set == SET_HOT ? w->fixed : 0; i < sets[set]->count; i++, count++) {
			const struct conn *c = sets[set]->conn[i];

			must(c->set == set && c->slot == i && c->state != CONN_CLOSED, "a connection is where it says");
			must(conn_is_cold(c) == (set == SET_COLD), "those are cold that only receive");
			must(set != SET_HOT || w->hot.poll[i].events == conn_interest(c), "poll() is asked what is to be known");
		}
	for (const struct conn *c = w->closed; c; c = c->next, count++)
		must(c->state == CONN_CLOSED && c->slot == NO_SLOT && !c->link, "what is closed is nowhere else");
	must(count == atomic_load(&w->connections), "every connection is somewhere");
}

static void turn(struct world *w)
{
	acceptor_wake(&w->worker); /* so that it waits for nothing */
	worker_turn(&w->worker);
	check_sets(&w->worker);
}

static void pass(struct world *w, int64_t ms)
{
	now_us += ms * 1000;
	turn(w);
}

static void read_client(struct world *w, struct client *c, size_t most)
{
	struct expected kick;

	if (!client_read(c, most) || !(kick = client_kicked()).reading)
		return;
	for (int i = 0; i < CLIENTS; i++)
		if (w->client[i].fd >= 0 && w->client[i].stream && w->client[i].stream < kick.reading &&
		    w->client[i].stream->began && w->client[i].uid == kick.number)
			w->client[i].kicked = true;
}

/* Clients of the first half are browsers, those of the second publish. */
static void ask(struct world *w, int which)
{
	struct client *c = &w->client[which];
	unsigned kind = take(w) % 8;

	if (c->fd < 0 || c->wild || c->halved || c->stream || c->expects == EXPECTED ||
	    (c->expects && c->expected[c->expects - 1].kind == ANSWER_STREAM))
		return;
	if (which < CLIENTS / 2 && w->model.readings < READINGS)
		add_subscription(w, c, kind >= 5);
	else if (which >= CLIENTS / 2 && kind == 7)
		add_kick(w, c);
	else if (which >= CLIENTS / 2 && kind == 6)
		add_question(w, c);
	else if (which >= CLIENTS / 2 && w->model.messages < MESSAGES)
		add_publish(w, c);
}

/* As they are in the input. */
static void add_any_bytes(struct world *w, struct client *c)
{
	size_t len = take(w);

	if (c->fd < 0)
		return;
	c->wild = true;
	buffer_add_slice(&c->out, slice_take(&w->input, len < w->input.len ? len : w->input.len));
}

static void step(struct world *w)
{
	static const int64_t times[] = {1, 49, 50, 1000, 2500, 16000, 31000, 80000};
	unsigned op = take(w);
	int which = (int)(op >> 4) % CLIENTS;
	struct client *c = &w->client[which];

	switch (op % 16) {
	case 0:
		connect_client(w, c, which < CLIENTS / 2 ? LISTENER_PUBLIC : LISTENER_API);
		break;
	case 1:
		client_close(c);
		break;
	case 2:
		if (c->fd >= 0 && take(w) % 4 == 0)
			c->halved = shutdown(c->fd, SHUT_WR) == 0;
		break;
	case 3:
		add_any_bytes(w, c);
		break;
	case 4: case 5: case 6: case 7:
		ask(w, which);
		break;
	case 8: case 9:
		(void)client_send(c, take_length(w));
		turn(w);
		break;
	case 10: case 11:
		read_client(w, c, take_length(w));
		break;
	case 12: case 13:
		pass(w, times[take(w) % 8]);
		break;
	default:
		(void)client_send(c, c->out.len);
		turn(w);
		read_client(w, c, 60000);
	}
}

/* ---- the end */

/* Until nothing moves: all is sent and read, and more time passes than a publish waits for a reader (1 s). */
static void settle(struct world *w)
{
	for (int still = 0, rounds = 0; still < STILL; rounds++) {
		bool moved = w->worker.closed != NULL; /* whose clients are still to see it */

		must(rounds < 5000, "it comes to rest");
		for (int i = 0; i < CLIENTS; i++)
			moved |= client_send(&w->client[i], 60000);
		pass(w, moved ? 0 : 50);
		for (int i = 0; i < CLIENTS; i++) {
			struct client *c = &w->client[i];
			uint64_t last = c->stream ? c->stream->last : 0;
			size_t owed = c->in.len;
			int expects = c->expects;

			read_client(w, c, 60000);
			moved |= (c->stream ? c->stream->last : 0) != last || c->in.len != owed || c->expects != expects;
		}
		still = moved ? 0 : still + 1;
	}
}

static void check_settled(struct world *w)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct client *c = &w->client[i];
		bool open = c->fd >= 0 && !c->over && !c->failed && !c->halved && !c->wild;

		must(client_is_done(c), "every request is answered");
		must(!open || !c->kicked, "who is kicked is gone");
		if (open && c->stream)
			c->stream->last = UINT64_MAX;
	}
	for (int i = 0; i < w->model.readings; i++)
		model_check(&w->model, &w->model.reading[i]);
}

static void leave(struct world *w, bool drain)
{
	if (drain)
		atomic_store(&w->server.draining, clock_monotonic());
	for (int i = 0; i < CLIENTS && !drain; i++)
		client_close(&w->client[i]);
	for (int i = 0; i < 400 && (drain ? !w->worker.drained : atomic_load(&w->worker.connections) > 0); i++)
		pass(w, 50);
	must(!drain || w->worker.drained, "it drains");
	turn(w);
	must(atomic_load(&w->worker.connections) == 0 && atomic_load(&w->server.connections) == 0, "no connection is left");
	must(hub_readers(w->server.hub) == 0, "no reader is left");
	for (int i = 0; i < CLIENTS; i++)
		client_close(&w->client[i]);
}

/* History, keys and those who are said to be there for a moment run out. */
static void forget(struct world *w)
{
	struct hub_figures f;

	now_us += INT64_C(2000) * DAY_MS;
	for (int i = 0; i < 3000; i++) {
		now_us += 50000;
		hub_sweep(w->server.hub, clock_monotonic());
	}
	f = hub_figures(w->server.hub);
	must(f.retained == 0 && f.retained_bytes == 0 && f.keys == 0, "nothing is kept for ever");
	must(f.presence.users == 0 && f.presence.streams == 0, "nobody is there");
}

static void open_world(struct world *w)
{
	static char *arguments[] = {"pushsse", "--secret-file", "-", "--api-key-file", "-", "--max-message", "16k", "--max-lag",
	                            "24k", "--history-count", "6", "--max-streams-per-uid", "3", "--workers", "1"};
	static const unsigned char seed[32] = {1};
	static struct logger *logger;
	struct hub_limits limits = {.history_ttl = 3600000, .history_count = 6, .history_bytes = 40000, .max_lag = 24576,
	                            .max_streams = 6, .max_streams_per_uid = 3};
	const char *uid;
	char error[256];
	unsigned first = take(w);

	if (!logger)
		logger = logger_open(LOG_ERROR, LOG_TEXT);
	now_us = 1000000000;
	must(options_read(&w->options, sizeof arguments / sizeof arguments[0], arguments, &uid, error, sizeof error) ==
	     OPTIONS_SERVE, error);
	w->options.max_age = first % 4 ? 0 : 60000;
	w->server = (struct server){.options = &w->options, .hub = hub_open(&limits, seed), .logger = logger, .worker = &w->worker,
	                            .workers = 1, .listener = {-1, -1}, .max_connections = 100, .started = clock_monotonic(),
	                            .peers = peers_open(STEPS, STEPS, (const uint64_t[]){1, 2}, NULL)};
	must(logger && w->server.peers && w->server.hub && worker_open(&w->worker, &w->server, 0), "memory");
	if (first / 4 % 2 == 0) { /* as if there were hundreds */
		w->worker.most_hot = 0;
		w->worker.most_reaped = 1;
	}
	w->worker.secrets = keyring_parse(slice_of(secret), error, sizeof error);
	w->worker.api_keys = keyring_parse(slice_of(api_key), error, sizeof error);
	for (int i = 0; i < CLIENTS; i++)
		w->client[i].fd = -1;
}

void fuzz(struct slice input)
{
	struct world *w = calloc(1, sizeof *w);
	bool drain;

	must(w != NULL, "memory");
	w->input = input;
	open_world(w);
	drain = take(w) % 2;
	for (int i = 0; i < STEPS && w->input.len; i++)
		step(w);
	settle(w);
	check_settled(w);
	leave(w, drain);
	forget(w);
	hub_close(w->server.hub);
	worker_close(&w->worker);
	peers_close(w->server.peers);
	free(w);
}
