/* stats.c: see stats.h. What the members mean is in doc/protocol.md. */
#include "stats.h"

#include <sys/socket.h>

#include "answer.h"
#include "fields.h"
#include "footprint.h"
#include "version.h"
#include "worker.h"

/* ---- the figures */

/* One member; those that stand last in their object say so by `end`. */
static void add(struct buffer *out, const char *name, uint64_t value, const char *end)
{
	buffer_printf(out, "\"%s\":%llu%s", name, (unsigned long long)value, end);
}

static void add_flag(struct buffer *out, const char *name, bool value, const char *end)
{
	buffer_printf(out, "\"%s\":%s%s", name, value ? "true" : "false", end);
}

void stats_take(const struct server *s, struct figures *f)
{
	*f = (struct figures){.hub = hub_figures(s->hub), .journal = hub_journal_figures(s->hub)};
	for (unsigned i = 0; i < s->workers; i++) {
		const struct worker *w = &s->worker[i];

		totals_add(&f->totals, &w->counters);
		f->streams += worker_in_state(w, CONN_STREAMING) + worker_in_state(w, CONN_BLOCKED);
		f->polls += worker_in_state(w, CONN_POLLING);
	}
}

static void add_server(struct buffer *out, const struct conn *c, const struct figures *f)
{
	const struct server *s = c->worker->server;
	uint64_t elapsed = (uint64_t)(c->worker->now - s->started);

	buffer_printf(out, "\"version\":\"%s\",", PUSHSSE_VERSION);
	add(out, "uptime", elapsed / 1000, ",");
	add(out, "uptimeMs", elapsed, ",");
	add_flag(out, "draining", atomic_load(&s->draining) != 0, ",");
	add(out, "workers", s->workers, ",");
	add(out, "users", f->hub.presence.users, ",");
	add(out, "streams", f->hub.presence.streams, ",");
	buffer_add_text(out, "\"open\":{");
	add(out, "sse", f->streams, ",");
	add(out, "poll", f->polls, "},");
	add(out, "connections", atomic_load(&s->connections), ",");
	add(out, "requestBytes", atomic_load(&s->request_bytes), ",");
	add(out, "audiences", f->hub.audiences, ",");
	add(out, "retained", f->hub.retained, ",");
	add(out, "retainedBytes", f->hub.retained_bytes, ",");
	add(out, "keys", f->hub.keys, ",");
	buffer_add_text(out, "\"limits\":{");
	add(out, "streams", f->hub.limits.max_streams, ",");
	add(out, "connections", s->max_connections, ",");
	add(out, "lag", f->hub.limits.max_lag, ",");
	add(out, "requestBytes", (uint64_t)s->options->request_memory, ",");
	add(out, "memory", footprint_of(s).all, ",");
	add(out, "retainedBytes", f->hub.limits.history_bytes, "},");
}

static void add_journal(struct buffer *out, const struct options *o, const struct journal_figures *j)
{
	if (!o->data_dir) {
		buffer_add_text(out, "\"journal\":null,");
		return;
	}
	buffer_add_text(out, "\"journal\":{");
	add(out, "bytes", j->bytes, ",");
	add(out, "maxBytes", (uint64_t)o->journal_bytes, ",");
	add(out, "segments", j->segments, ",");
	add_flag(out, "failing", j->failing, "},");
}

static void add_lag(struct buffer *out, const struct totals *t)
{
	buffer_add_text(out, "\"lag\":{");
	add(out, "blocked", t->lag[LAG_BLOCKED], ",");
	add(out, "largest", t->lag[LAG_LARGEST], ",");
	add(out, "all", t->lag[LAG_ALL], "},");
}

static void add_timing(struct buffer *out, const char *name, const struct timing *t)
{
	buffer_printf(out, "\"%s\":{", name);
	add(out, "rounds", timing_count(*t), ",");
	add(out, "time", t->time, ",");
	buffer_add_text(out, "\"below\":{");
	for (int i = 0; i < TIMING_BUCKETS - 1; i++)
		buffer_printf(out, "\"%lld\":%llu,", (long long)TIMING_FIRST << i, (unsigned long long)t->count[i]);
	add(out, "more", t->count[TIMING_BUCKETS - 1], "}},");
}

/* All of them, and by reason those that there were. */
static void add_refused(struct buffer *out, const struct totals *t)
{
	const char *before = "";
	uint64_t all = 0;

	buffer_add_text(out, "\"refusedBy\":{");
	for (enum refusal i = 0; i < REFUSED; i++) {
		all += t->refused[i];
		if (!t->refused[i])
			continue;
		buffer_printf(out, "%s\"%d %s\":%llu", before, refusal_status(i), refusal_word(i),
		              (unsigned long long)t->refused[i]);
		before = ",";
	}
	buffer_add_text(out, "},");
	add(out, "refused", all, ",");
}

static void add_total(struct buffer *out, const struct figures *f)
{
	const struct totals *t = &f->totals;

	buffer_add_text(out, "\"total\":{");
	add(out, "stored", f->journal.records, ",");
	add(out, "syncs", timing_count(f->journal.sync), ",");
	add(out, "storageFailures", f->journal.failures, ",");
	add(out, "publishes", f->hub.publishes, ",");
	buffer_add_text(out, "\"published\":{");
	for (enum publish_result i = 0; i < PUBLISH_RESULTS; i++)
		add(out, publish_result_name(i), t->published[i], i + 1 < PUBLISH_RESULTS ? "," : "},");
	for (enum counter i = 0; i < COUNTERS; i++)
		add(out, counter_name(i), t->count[i], ",");
	add_refused(out, t);
	add_timing(out, "fanout", &t->fanout);
	add_timing(out, "sync", &f->journal.sync);
	buffer_add_text(out, "\"closed\":{");
	for (enum close_reason i = 0; i < CLOSE_REASONS; i++)
		add(out, close_reason_name(i), t->closed[i], i + 1 < CLOSE_REASONS ? "," : "}},");
}

static void add_figures(struct buffer *out, const struct conn *c)
{
	const struct server *s = c->worker->server;
	struct figures f;

	stats_take(s, &f);
	buffer_add_text(out, "{");
	add_server(out, c, &f);
	add_journal(out, s->options, &f.journal);
	add_lag(out, &f.totals);
	add_total(out, &f);
	buffer_add_text(out, "\"lastEventId\":\"");
	answer_add_cursor(out, c, f.hub.seq);
	buffer_add_text(out, "\"}");
}

/* ---- the stream */

static void flush(struct conn *c)
{
	struct exchange *x = c->exchange;
	struct iovec rest = {x->out.at + x->sent, x->out.len - x->sent};
	ssize_t n = x->out.failed ? -1 : conn_send(c, &rest, 1);

	if (n < 0) {
		conn_close(c);
		return;
	}
	x->sent += (size_t)n;
	if (x->sent == x->out.len)
		x->sent = x->out.len = 0;
	worker_place(c->worker, c); /* it may have to wait for its socket, or no longer */
}

/* When nothing is left of the last one but, at first, the head. */
static void report(struct conn *c)
{
	struct buffer *out = &c->exchange->out;
	int64_t now = c->worker->now, late = now - c->until;

	c->until = now + STATS_INTERVAL_MS - (late < STATS_INTERVAL_MS ? late : 0);
	c->since = now;
	buffer_add_text(out, "event: stats\ndata: ");
	add_figures(out, c);
	buffer_add_text(out, "\n\n");
	flush(c);
}

static void begin(struct conn *c)
{
	struct exchange *x = c->exchange;
	int size = STATS_SEND_BUFFER;

	exchange_put_by(c);
	buffer_free(&x->in); /* nothing more is answered here */
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size); /* a wish: else it is noticed later */
	c->until = c->worker->now;
	conn_enter(c, CONN_REPORTING);
	if (c->state == CONN_REPORTING)
		report(c);
}

static void open_stream(struct conn *c)
{
	struct worker *w = c->worker;
	struct exchange *x = c->exchange;

	if (!http_accepts(http_header(x->request, "Accept"), "text/event-stream")) {
		answer_error(c, REFUSED_NOT_ACCEPTABLE);
	} else if (atomic_load(&w->server->draining)) {
		answer_error(c, REFUSED_BUSY);
	} else if (worker_in_state(w, CONN_REPORTING) >= STATS_MAX_STREAMS) {
		answer_error(c, REFUSED_TOO_MANY_STREAMS);
	} else {
		answer_add_stream_head(&x->out, c);
		x->keep_alive = false;
		if (x->head_only)
			conn_answer(c);
		else
			begin(c);
	}
}

void stats_serve(struct conn *c)
{
	if (conn_discard(c))
		conn_close(c);
	else if (c->exchange->out.len)
		flush(c);
}

void stats_tick(struct conn *c)
{
	const struct server *s = c->worker->server;
	int64_t now = c->worker->now;
	bool whole = c->exchange->out.len == 0, draining = atomic_load(&s->draining) != 0;

	if (whole && (draining || now >= c->until))
		report(c);
	if (draining) {
		(void)conn_discard(c); /* what was never read would turn the close into a reset */
		conn_close(c);
	} else if (!whole && now - c->since >= s->options->send_timeout) {
		conn_close(c);
	}
}

void stats_answer(struct conn *c)
{
	struct slice query = c->exchange->request->query;
	struct fields fields;
	struct body_field f;
	struct buffer body = {0};
	bool stream = false;
	int got;

	(void)fields_open(&fields, (struct slice){NULL, 0}, (char *)(uintptr_t)query.at,
	                  query.len); /* urlencoded: cannot fail */
	while ((got = fields_next(&fields, &f)) > 0)
		stream |= slice_is(f.name, "stream") && slice_is(f.value, "1");
	if (got < 0) {
		answer_error(c, REFUSED_MALFORMED_QUERY);
	} else if (stream) {
		open_stream(c);
	} else {
		add_figures(&body, c);
		answer_fresh(c, &body);
	}
}
