/* control.c: see control.h */
#include "control.h"

#include "answer.h"
#include "worker.h"

/* The field, `times` --retry, jittered by a third. Answers the ms. */
static int64_t add_retry(struct buffer *out, struct conn *c, int64_t times)
{
	int64_t retry = c->worker->server->options->retry * times;
	int64_t third = retry / 3;

	retry += (int64_t)worker_random(c->worker, (uint64_t)third * 2 + 1) - third;
	buffer_add_text(out, "retry: ");
	buffer_add_number(out, (uint64_t)retry);
	buffer_add_text(out, "\n");
	return retry;
}

static void add_id(struct buffer *out, const struct conn *c, uint64_t seq)
{
	buffer_add_text(out, "id: ");
	answer_add_cursor(out, c, seq);
	buffer_add_text(out, "\n");
}

const char *control_reset_json(enum reset reset)
{
	return reset == RESET_GAP ? "\"gap\"" : reset == RESET_RESTART ? "\"restart\"" : "null";
}

void control_add_hello(struct buffer *out, struct conn *c, const struct hub_position *position, int64_t expires)
{
	int64_t heartbeat = c->heartbeat ? c->heartbeat : c->worker->server->options->heartbeat;

	(void)add_retry(out, c, 1); /* hello has no need of it */
	buffer_add_text(out, "event: pushsse.hello\n");
	add_id(out, c, position->seq);
	buffer_printf(out, "data: {\"v\":1,\"heartbeat\":%lld,\"reset\":%s,\"exp\":", (long long)heartbeat,
	              control_reset_json(position->reset));
	if (expires == INT64_MAX)
		buffer_add_text(out, "null}\n\n");
	else
		buffer_printf(out, "%lld}\n\n", (long long)expires);
	if (position->reset != RESET_NONE)
		buffer_printf(out, "event: pushsse.reset\ndata: {\"reason\":%s}\n\n", control_reset_json(position->reset));
}

void control_add_online(struct buffer *out, struct hub_presence p)
{
	buffer_printf(out, "event: pushsse.online\ndata: {\"users\":%lu,\"streams\":%lu}\n\n", (unsigned long)p.users,
	              (unsigned long)p.streams);
}

void control_add_ping(struct buffer *out, const struct conn *c, uint64_t seq)
{
	buffer_add_text(out, "event: pushsse.ping\n");
	add_id(out, c, seq);
	buffer_add_text(out, "data: 1\n\n");
}

void control_add_busy(struct buffer *out, struct conn *c, const char *reason, int64_t times)
{
	int64_t retry = add_retry(out, c, times); /* in the data too: a page is not shown the field */

	buffer_printf(out, "event: pushsse.busy\ndata: {\"reason\":\"%s\",\"retry\":%lld}\n\n", reason, (long long)retry);
}

void control_add_bye(struct buffer *out, struct conn *c)
{
	buffer_add_text(out, "event: pushsse.bye\ndata: ");
	hub_bye(hub_of(c), &c->reader, out);
	buffer_add_text(out, "\n\n");
}

void control_add_expired(struct buffer *out)
{
	buffer_add_text(out, "event: pushsse.expired\ndata: {}\n\n");
}

void control_add_retry(struct buffer *out, struct conn *c)
{
	(void)add_retry(out, c, 1);
	buffer_add_text(out, "\n");
}
