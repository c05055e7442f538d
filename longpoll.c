/* longpoll.c: see longpoll.h */
#include "longpoll.h"

#include "answer.h"
#include "control.h"
#include "worker.h"

/* An answer's events while they are gathered. */
struct events {
	struct buffer json;
	size_t count, bytes;
	char last[CURSOR_MAX]; /* id of the last one */
	size_t last_len;
};

/* Adds what fits of one gathering; answers its bytes. The first event fits always. */
static size_t add_blocks(struct events *e, const struct gather *g)
{
	size_t taken = 0;

	for (size_t i = 0; i < g->blocks; i++) {
		struct slice block = {g->block[i].iov_base, g->block[i].iov_len};
		struct slice id = sse_block_id(block);

		if (e->count && e->bytes + block.len > LONGPOLL_MAX_BYTES)
			break;
		if (e->count++)
			buffer_add_text(&e->json, ",");
		sse_add_json(&e->json, block);
		memcpy(e->last, id.at, id.len);
		e->last_len = id.len;
		e->bytes += block.len;
		taken += block.len;
	}
	return taken;
}

/* Takes what the reader is owed and moves it past that. True when there is more than fits. */
static bool take_events(struct conn *c, uint64_t bound, struct events *e)
{
	struct gather g;

	while (reader_gather(&c->reader, bound, &g)) {
		size_t taken = add_blocks(e, &g);

		reader_advance(&c->reader, &g, taken);
		if (taken < g.bytes)
			return true;
	}
	return false;
}

/* Answers with what the reader is owed. The position is past all of it, or past the last event when there is more. */
static void answer_events(struct conn *c, enum reset reset)
{
	struct events e = {0};
	struct buffer body = {0};
	uint64_t bound = hub_seq(hub_of(c));
	bool more;

	if (!exchange_charge(c)) { /* nothing is lost: only the next request's position acknowledges */
		answer_error(c, REFUSED_TOO_MANY_REQUESTS);
		return;
	}
	more = take_events(c, bound, &e);
	if (!more)
		e.last_len = cursor_write(e.last, hub_epoch(hub_of(c)), bound);
	count_add(&c->worker->counters.count[COUNT_DELIVERIES], e.count);
	buffer_add_text(&body, "{\"v\":1,\"lastEventId\":\"");
	buffer_add(&body, e.last, e.last_len);
	buffer_printf(&body, "\",\"reset\":%s,\"more\":%s,\"events\":[", control_reset_json(reset), more ? "true" : "false");
	buffer_add(&body, e.json.at, e.json.len);
	buffer_add_text(&body, "]}");
	body.failed |= e.json.failed;
	buffer_free(&e.json);
	answer_json(c, 200, &body, "Cache-Control: no-store, no-transform\r\nReferrer-Policy: no-referrer\r\n");
}

/* The reader has done its work; its uid still counts as there until the next poll, when this one waited. */
static void detach(struct conn *c, bool linger)
{
	hub_unsubscribe(hub_of(c), &c->reader, linger, c->worker->now);
}

void longpoll_answer(struct conn *c, enum close_reason reason)
{
	count_add(&c->worker->counters.closed[reason], 1);
	answer_events(c, RESET_NONE);
	detach(c, reason == CLOSE_ANSWERED);
	conn_process(c);
}

void longpoll_visit(struct conn *c)
{
	struct gather g;
	unsigned char verdict = atomic_load(&c->reader.verdict);

	if (verdict == VERDICT_STAYS) {
		if (reader_gather(&c->reader, hub_seq(hub_of(c)), &g))
			longpoll_answer(c, CLOSE_ANSWERED);
		return;
	}
	if (verdict == VERDICT_REPLACED) {
		longpoll_answer(c, CLOSE_REPLACED);
		return;
	}
	count_add(&c->worker->counters.closed[verdict == VERDICT_KICKED ? CLOSE_KICKED : CLOSE_EVICTED], 1);
	detach(c, false);
	if (verdict == VERDICT_KICKED)
		answer_error(c, REFUSED_TOKEN_EXPIRED);
	else
		answer_error(c, REFUSED_TOO_MANY_STREAMS);
	conn_process(c);
}

/* Parks a poll: of its exchange only what its answer needs is kept. */
static void park(struct conn *c, const struct stream_request *request)
{
	c->until = request->until;
	memcpy(c->token_tag, request->token_tag, sizeof c->token_tag);
	exchange_put_by(c);
	conn_enter(c, CONN_POLLING);
	if (c->state == CONN_POLLING && hub_seq(hub_of(c)) > c->reader.attached)
		worker_ready(c->worker, c, READY_URGENT);
}

void longpoll_open(struct conn *c, const struct stream_request *request)
{
	struct hub_position position;
	struct gather g;
	enum hub_result result = HUB_FULL;

	if (!atomic_load(&c->worker->server->draining))
		result = hub_subscribe(hub_of(c), &request->subscribe, c->worker->now, &c->reader, &position);
	if (result == HUB_BARRED) {
		answer_error(c, REFUSED_TOKEN_EXPIRED);
		return;
	}
	if (result != HUB_OK) {
		answer_error(c, REFUSED_BUSY);
		return;
	}
	count_add(&c->worker->counters.count[COUNT_POLLS], 1);
	if (request->first || position.reset != RESET_NONE || request->until <= c->worker->now ||
	    reader_gather(&c->reader, hub_seq(hub_of(c)), &g)) {
		answer_events(c, position.reset);
		detach(c, request->until > c->worker->now);
	} else {
		park(c, request);
	}
}
