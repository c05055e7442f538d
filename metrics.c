/* metrics.c: see metrics.h */
#include "metrics.h"

#include <inttypes.h>
#include <sys/resource.h>

#include "answer.h"
#include "stats.h"
#include "version.h"
#include "worker.h"

/* ---- the format */

static void family(struct buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A sample of a family that has one label. Its values are plain words: nothing in them has to be escaped. */
static void sample(struct buffer *out, const char *name, const char *label, const char *of, uint64_t value)
{
	buffer_printf(out, "%s{%s=\"%s\"} %" PRIu64 "\n", name, label, of, value);
}

static void single(struct buffer *out, const char *name, const char *type, const char *help, uint64_t value)
{
	family(out, name, type, help);
	buffer_printf(out, "%s %" PRIu64 "\n", name, value);
}

static void gauge(struct buffer *out, const char *name, const char *help, uint64_t value)
{
	single(out, name, "gauge", help, value);
}

static void counter(struct buffer *out, const char *name, const char *help, uint64_t value)
{
	single(out, name, "counter", help, value);
}

static void add_seconds(struct buffer *out, uint64_t us)
{
	buffer_printf(out, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

/* Buckets are cumulative here: all that took no longer than `le`. */
static void histogram(struct buffer *out, const char *name, const char *help, const struct timing *t)
{
	uint64_t below = 0;

	family(out, name, "histogram", help);
	for (int i = 0; i < TIMING_BUCKETS - 1; i++) {
		below += t->count[i];
		buffer_printf(out, "%s_bucket{le=\"", name);
		add_seconds(out, (uint64_t)TIMING_FIRST << i);
		buffer_printf(out, "\"} %" PRIu64 "\n", below);
	}
	below += t->count[TIMING_BUCKETS - 1];
	buffer_printf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_sum ", name, below, name);
	add_seconds(out, t->time);
	buffer_printf(out, "\n%s_count %" PRIu64 "\n", name, below);
}

/* ---- the figures */

static uint64_t microseconds(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void add_process(struct buffer *out, const struct server *s)
{
	struct rusage used;

	family(out, "pushsse_build_info", "gauge", "Always 1; the label has the version.");
	sample(out, "pushsse_build_info", "version", PUSHSSE_VERSION, 1);
	family(out, "process_start_time_seconds", "gauge", "When the process started, in seconds since 1970.");
	buffer_add_text(out, "process_start_time_seconds ");
	add_seconds(out, (uint64_t)s->born * 1000);
	buffer_add_text(out, "\n");
	if (getrusage(RUSAGE_SELF, &used) == 0) {
		family(out, "process_cpu_seconds_total", "counter", "User and system time that was spent.");
		buffer_add_text(out, "process_cpu_seconds_total ");
		add_seconds(out, microseconds(used.ru_utime) + microseconds(used.ru_stime));
		buffer_add_text(out, "\n");
	}
	gauge(out, "pushsse_workers", "Threads that serve connections.", s->workers);
	gauge(out, "pushsse_draining", "1 while the server stops.", atomic_load(&s->draining) != 0);
}

static void add_connections(struct buffer *out, const struct server *s, const struct totals *t)
{
	gauge(out, "pushsse_connections", "Connections that are open, on both listeners.", atomic_load(&s->connections));
	gauge(out, "pushsse_max_connections", "Connections at which the public listener waits.", s->max_connections);
	gauge(out, "pushsse_request_bytes", "Memory that requests and answers under way take.", atomic_load(&s->request_bytes));
	gauge(out, "pushsse_max_request_bytes", "Memory that they may take.", (uint64_t)s->options->request_memory);
	counter(out, "pushsse_connections_accepted_total", "Connections accepted.", t->count[COUNT_CONNECTIONS]);
	counter(out, "pushsse_accept_pauses_total", "Times that there were no descriptors or no memory to accept with.",
	        t->count[COUNT_ACCEPT_PAUSES]);
	counter(out, "pushsse_requests_total", "Requests whose head has come.", t->count[COUNT_REQUESTS]);
	family(out, "pushsse_refused_requests_total", "counter", "Requests that were refused, by status and word.");
	for (enum refusal i = 0; i < REFUSED; i++)
		buffer_printf(out, "pushsse_refused_requests_total{code=\"%d\",reason=\"%s\"} %" PRIu64 "\n", refusal_status(i),
		              refusal_word(i), t->refused[i]);
	counter(out, "pushsse_poll_turns_total", "Turns of the workers' loops: times that they called poll().",
	        t->count[COUNT_TURNS]);
}

static void add_streams(struct buffer *out, const struct figures *f)
{
	const struct totals *t = &f->totals;

	gauge(out, "pushsse_users", "Uids that are there.", f->hub.presence.users);
	family(out, "pushsse_streams", "gauge", "Open streams, and polls that wait.");
	sample(out, "pushsse_streams", "transport", "sse", f->streams);
	sample(out, "pushsse_streams", "transport", "poll", f->polls);
	gauge(out, "pushsse_max_streams", "Streams and polls at which further ones are turned away.",
	      f->hub.limits.max_streams);
	family(out, "pushsse_streams_opened_total", "counter", "Streams opened, and polls answered or held.");
	sample(out, "pushsse_streams_opened_total", "transport", "sse", t->count[COUNT_STREAMS]);
	sample(out, "pushsse_streams_opened_total", "transport", "poll", t->count[COUNT_POLLS]);
	family(out, "pushsse_streams_closed_total", "counter", "Streams, and polls that were held, by why they ended.");
	for (enum close_reason i = 0; i < CLOSE_REASONS; i++)
		sample(out, "pushsse_streams_closed_total", "reason", close_reason_name(i), t->closed[i]);
	counter(out, "pushsse_pings_total", "Heartbeats sent.", t->count[COUNT_PINGS]);
	gauge(out, "pushsse_blocked_streams", "Streams that do not take now what they are sent.", t->lag[LAG_BLOCKED]);
	gauge(out, "pushsse_lag_bytes", "What blocked streams are owed, all together.", t->lag[LAG_ALL]);
	gauge(out, "pushsse_largest_lag_bytes", "What the slowest of them is owed.", t->lag[LAG_LARGEST]);
	gauge(out, "pushsse_max_lag_bytes", "What one may be owed, before it is cut.", f->hub.limits.max_lag);
}

static void add_messages(struct buffer *out, const struct figures *f)
{
	const struct totals *t = &f->totals;

	family(out, "pushsse_publishes_total", "counter", "Publishes by result; offline ones were accepted too.");
	for (enum publish_result i = 0; i < PUBLISH_RESULTS; i++)
		sample(out, "pushsse_publishes_total", "result", publish_result_name(i), t->published[i]);
	counter(out, "pushsse_deliveries_total", "Messages sent to readers.", t->count[COUNT_DELIVERIES]);
	counter(out, "pushsse_sent_bytes_total", "Bytes sent to clients, all in all.", t->count[COUNT_BYTES]);
	histogram(out, "pushsse_fanout_seconds",
	          "From when a message for a channel or everyone was accepted until the last reader was offered it.",
	          &t->fanout);
	gauge(out, "pushsse_audiences", "Uids and channels that are known, and everyone.", f->hub.audiences);
	gauge(out, "pushsse_retained_messages", "Messages that are kept for who comes back.", f->hub.retained);
	gauge(out, "pushsse_retained_bytes", "Memory that they take.", f->hub.retained_bytes);
	gauge(out, "pushsse_max_retained_bytes", "Memory that they may take.", f->hub.limits.history_bytes);
	gauge(out, "pushsse_idempotency_keys", "Keys of publishes that are remembered.", f->hub.keys);
}

static void add_journal(struct buffer *out, const struct options *o, const struct journal_figures *j)
{
	if (!o->data_dir)
		return;
	gauge(out, "pushsse_journal_bytes", "Size of the journal.", j->bytes);
	gauge(out, "pushsse_max_journal_bytes", "Size that it may have.", (uint64_t)o->journal_bytes);
	gauge(out, "pushsse_journal_segments", "Files that it has.", j->segments);
	gauge(out, "pushsse_journal_failing", "1 while nothing can be stored.", j->failing);
	counter(out, "pushsse_journal_records_total", "Records written.", j->records);
	counter(out, "pushsse_journal_failures_total", "Writes and syncs that failed.", j->failures);
	histogram(out, "pushsse_journal_sync_seconds", "How long an fdatasync took.", &j->sync);
}

void metrics_answer(struct conn *c)
{
	const struct server *s = c->worker->server;
	struct buffer body = {0};
	struct figures f;

	stats_take(s, &f);
	add_process(&body, s);
	add_connections(&body, s, &f.totals);
	add_streams(&body, &f);
	add_messages(&body, &f);
	add_journal(&body, s->options, &f.journal);
	c->exchange->out.failed |= body.failed;
	answer_bytes(c, 200, "text/plain; version=0.0.4; charset=utf-8", (struct slice){body.at ? body.at : "", body.len},
	             "Cache-Control: no-store\r\n");
	buffer_free(&body);
}
