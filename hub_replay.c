/*
 * hub_replay.c: records taken in: at a start all that the journal holds, afterwards each when it is stored. See
 * hub_state.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hub_publish.h"
#include "hub_state.h"

/* Monotonic time of a time of the day, which may lie before this machine's start; never EXPIRED_ALWAYS. */
static int64_t monotonic(const struct hub *hub, int64_t today)
{
	int64_t at = today - hub->skew;

	return today == INT64_MAX ? INT64_MAX : at > EXPIRED_ALWAYS ? at : EXPIRED_ALWAYS + 1;
}

static enum hub_result take_message(struct hub *hub, const struct record *r, uint32_t segment, int64_t now,
                                    struct publishing *op)
{
	struct delivery d; /* it is large: what is not set is not read */
	struct slice names = r->names, name;
	enum audience_kind kind;
	char *room;

	delivery_begin(&d);
	while (d.targets < HUB_MAX_TARGETS && record_next_name(&names, &kind, &name))
		delivery_add_target(&d, kind, name);
	op->result = HUB_NO_MEMORY;
	d.before = sse_id_size(r->seq);
	room = delivery_prepare(&d, r->text.len);
	if (room) {
		memcpy(room, r->text.at, r->text.len);
		d.rendered = r->text.len;
		d.seq = r->seq;
		d.segment = segment;
		d.message->expires = r->transient ? EXPIRED_ALWAYS : monotonic(hub, r->expires);
		d.key = r->key;
		d.key_from = r->time - hub->skew; /* it may lie before the machine's start: what has run out stays so */
		if (d.key_from > now)
			d.key_from = now; /* the day's clock was set back meanwhile: ten minutes are the most */
		d.keyed = r->keyed;
		delivery_accept(hub, &d, now, op, hub->wake_owed);
	}
	delivery_release(&d);
	return op->result;
}

/* Takes in the bar's segment in place of the one before, and the bar itself when it is not there yet. */
static enum hub_result take_bar(struct hub *hub, const struct record *r, uint32_t segment)
{
	enum hub_result result;
	enum audience_kind kind;
	struct slice names = r->names, name;

	if (!record_next_name(&names, &kind, &name))
		return HUB_OK;
	pthread_mutex_lock(&hub->lock);
	result = hub_bar(hub, name, r->text, r->time);
	if (result == HUB_OK)
		hub_settle_bar(hub, audience_find(&hub->audiences, AUDIENCE_UID, name)->bar, segment);
	pthread_mutex_unlock(&hub->lock);
	return result;
}

static void take_position(struct hub *hub, uint32_t segment)
{
	pthread_mutex_lock(&hub->lock);
	hub_release_segment(hub, hub->position_segment);
	hub->position_segment = segment;
	hub_hold_segment(hub, segment);
	pthread_mutex_unlock(&hub->lock);
}

enum hub_result hub_take_in(struct hub *hub, const struct record *r, uint32_t segment, int64_t now,
                            struct publishing *op)
{
	switch (r->kind) {
	case RECORD_MESSAGE:
		return take_message(hub, r, segment, now, op);
	case RECORD_BAR:
		return take_bar(hub, r, segment);
	default:
		take_position(hub, segment);
		return HUB_OK;
	}
}

/* ---- start */

struct replay {
	struct hub *hub;
	int64_t now;
	uint32_t segment; /* of the record before; 0: there was none */
	bool hole;        /* segments before this place are gone */
};

/* Everybody reads what is for everyone: the floor of that log is everybody's. */
static void raise_floor(struct hub *hub, uint64_t seq)
{
	if (hub->everyone->log.floor < seq)
		hub->everyone->log.floor = seq;
}

/*
 * The first record behind a hole that tells which messages may have lain in it. A segment without any goes, too: that
 * is no gap.
 */
static void measure_hole(struct replay *replay, const struct record *r)
{
	uint64_t last = r->kind == RECORD_MESSAGE ? r->seq - 1 : r->written;

	if (!replay->hole || r->kind == RECORD_BAR)
		return;
	if (last > replay->hub->written)
		raise_floor(replay->hub, last);
	replay->hole = false;
}

static bool replayed(void *context, struct slice body, uint32_t segment)
{
	struct replay *replay = context;
	struct hub *hub = replay->hub;
	struct publishing nobody = {0};
	enum hub_result result;
	struct record r;
	uint64_t written;

	if (!body.at) {
		replay->hole = true;
		return true;
	}
	if (!record_read(body, &r))
		return false;
	replay->hole |= segment > replay->segment + 1;
	replay->segment = segment;
	measure_hole(replay, &r);
	written = r.kind == RECORD_MESSAGE ? r.seq : r.written;
	if (hub->written < written)
		hub->written = written;
	if (hub->assigned < r.seq)
		hub->assigned = r.seq;
	result = hub_take_in(hub, &r, segment, replay->now, &nobody);
	if (result == HUB_FULL && r.keyed) { /* more keys than there may be: a clock was set back */
		r.keyed = false;
		result = hub_take_in(hub, &r, segment, replay->now, &nobody);
	}
	return result == HUB_OK;
}

bool hub_use_journal(struct hub *hub, const struct journal_options *options, int64_t now, int64_t skew, uint64_t *lost,
                     char *error, size_t size)
{
	struct replay replay = {.hub = hub, .now = now};
	struct journal_options opening = *options;

	hub->skew = skew;
	opening.opened = &hub->journal;
	opening.answered = hub_answered;
	opening.context = hub;
	if (!journal_open(&opening, hub->epoch, replayed, &replay, lost, error, size))
		return false;
	hub->publishes = 0;
	hub->position = hub->assigned;
	if (journal_figures(hub->journal).segments) /* also without a record: transient messages leave none */
		hub->assigned += STORE_SKIP;
	if (replay.hole) {
		hub->written = hub->assigned; /* so much may be missing: the next position says so to the next start */
		raise_floor(hub, hub->written);
	}
	atomic_store(&hub->seq, hub->assigned);
	if (journal_start(hub->journal))
		return true;
	(void)snprintf(error, size, "no thread for the journal");
	return false;
}
