/*
 * hub_store.c: the hub with a journal: what is published or barred goes there first, as a record, and is taken in
 * (hub_replay.c) when it is stored, in the journal's order. See hub_state.h.
 *
 * A seq is given out when a record is handed over. One that is never stored leaves a hole in the order, which nobody
 * minds. Transient messages without a key are not written and use up seqs that no record tells of; readers may hold
 * them as cursors, so a start goes on STORE_SKIP beyond the last record, and a RECORD_POSITION is written in time.
 */
#include <stdlib.h>
#include <time.h>

#include "hub_state.h"

enum {
	STORE_RENEW_MS = 1000,   /* between attempts to write bars again, or after a fault a position */
	STORE_RENEW_BARS = 1024, /* handed over at once, as the lock is held; the next when all of these are answered */
	STORE_SLICE = 16384,     /* messages, and keys, of a segment that is to go, let go of at once: the lock is held */
	STORE_MEMORY_MS = 10     /* between attempts to take in what is stored, without memory */
};

/* A record on its way. */
struct submission {
	struct journal_entry entry; /* first: the journal hands it back */
	struct hub *hub;
	struct publishing *op;      /* to be done; NULL when nobody waits */
	int64_t now;
	bool is_position, is_keyed, is_renewal;
	struct buffer bytes;
};

void hub_hold_segment(struct hub *hub, uint32_t segment)
{
	if (segment)
		journal_hold(hub->journal, segment);
}

void hub_release_segment(struct hub *hub, uint32_t segment)
{
	if (segment)
		journal_release(hub->journal, segment);
}

static void free_submission(struct submission *s)
{
	buffer_free(&s->bytes);
	free(s);
}

/* ---- what the journal answers */

/* Is there a record on the disk that lets a start go on beyond this one's seq? It may be the one itself. */
static bool is_covered(struct hub *hub, const struct record *r, bool written)
{
	if (written && hub->position < r->seq)
		hub->position = r->seq;
	return r->seq <= hub->position + STORE_SKIP;
}

/*
 * Bars whose segments are to go are written again, further on. What is stored joins the end of the ring, so that the
 * next slice begins with what is left, and with what could not be stored.
 */
static void renew_bars(struct hub *hub, int64_t now)
{
	const struct bar *bar = hub->stored_bars.next;

	if (hub->renewals_under_way)
		return;
	for (int i = 0; i < STORE_RENEW_BARS && bar != &hub->stored_bars; i++, bar = bar->next)
		if (bar->segment > hub->bounded_segment || !hub_store_bar(hub, bar->uid, now, NULL))
			return; /* without memory, a later round does */
}

/* After a record, good or not: what had to wait for it. */
static void note_stored(struct hub *hub, const struct submission *s, bool good)
{
	bool first_in_segment = hub->stored_segment != s->entry.segment; /* only this thread changes it */
	bool usual = good && !hub->position_again && !s->is_position && !s->is_keyed && !s->is_renewal;

	if (usual && !first_in_segment)
		return;
	pthread_mutex_lock(&hub->lock);
	if (s->is_position)
		hub->position_asked = false;
	if (s->entry.body.len)
		hub->position_again = good ? 0 : s->now + STORE_RENEW_MS;
	hub->keys_under_way -= s->is_keyed;
	hub->renewals_under_way -= s->is_renewal;
	if (s->is_renewal && good) /* else in time, as after a fault */
		renew_bars(hub, s->now);
	if (first_in_segment) {
		hub->stored_segment = s->entry.segment;
		hub_bound_journal(hub, s->now);
	}
	pthread_mutex_unlock(&hub->lock);
}

/*
 * What is on the disk comes at the next start, whatever is answered now: so it is not refused for want of memory, which
 * is waited for as a slow disk would be.
 */
static enum hub_result take_in(const struct submission *s, const struct record *r, struct publishing *op)
{
	enum hub_result result;

	while ((result = hub_take_in(s->hub, r, s->entry.segment, s->now, op)) == HUB_NO_MEMORY && s->entry.body.len)
		(void)nanosleep(&(struct timespec){.tv_nsec = STORE_MEMORY_MS * 1000000}, NULL); /* sooner is no harm */
	return result;
}

/* By the journal's thread. */
static void stored(struct journal_entry *entry, bool good)
{
	struct submission *s = (struct submission *)(void *)entry;
	struct publishing *op = s->op, nobody = {0};
	struct hub *hub = s->hub;
	struct record r;

	if (!op)
		op = &nobody;
	op->result = HUB_STORAGE;
	if (good && record_read((struct slice){s->bytes.at, s->bytes.len}, &r) && is_covered(hub, &r, entry->body.len > 0))
		op->result = take_in(s, &r, op);
	note_stored(hub, s, good);
	free_submission(s);
	if (op->inbox)
		hub->wake_owed[op->inbox->index] = true;
	if (op != &nobody)
		op->done(op);
}

void hub_answered(void *context)
{
	struct hub *hub = context;

	hub_wake(hub, hub->wake_owed);
}

/* ---- handing over */

static struct submission *new_submission(struct hub *hub, int64_t now, struct publishing *op)
{
	struct submission *s = calloc(1, sizeof *s);

	if (s)
		*s = (struct submission){.entry.done = stored, .hub = hub, .op = op, .now = now};
	return s;
}

/* The record of a publication but for its seq. False without memory. */
static bool write_message(struct submission *s, const struct publication *p, int64_t expires)
{
	struct buffer names = {0};
	int64_t skew = s->hub->skew;
	struct record r = {.kind = RECORD_MESSAGE, .time = s->now + skew, .targets = p->uids + p->channels,
	                   .transient = expires == EXPIRED_ALWAYS, .keyed = p->key.at != NULL};

	r.expires = skew > 0 && expires > INT64_MAX - skew ? INT64_MAX : expires + skew;
	if (r.keyed)
		r.key = idempotency_digest(p->key);
	for (size_t i = 0; i < p->uids; i++)
		record_add_name(&names, AUDIENCE_UID, p->uid[i]);
	for (size_t i = 0; i < p->channels; i++)
		record_add_name(&names, AUDIENCE_CHANNEL, p->channel[i]);
	r.names = (struct slice){names.at, names.len};
	record_write(&s->bytes, &r);
	if (buffer_reserve(&s->bytes, sse_fields_max(p->event, p->data)))
		s->bytes.len += sse_write_fields(s->bytes.at + s->bytes.len, p->event, p->data);
	s->bytes.failed |= names.failed;
	buffer_free(&names);
	return !s->bytes.failed && s->bytes.len <= JOURNAL_RECORD_MAX;
}

/* Hands a record over that is not a message. False without memory. */
static bool hand_over(struct hub *hub, const struct record *r, int64_t now, struct publishing *op)
{
	struct submission *s = new_submission(hub, now, op);

	if (!s)
		return false;
	record_write(&s->bytes, r);
	if (s->bytes.failed) {
		free_submission(s);
		return false;
	}
	s->is_position = r->kind == RECORD_POSITION;
	s->is_renewal = r->kind == RECORD_BAR && !op;
	hub->renewals_under_way += s->is_renewal;
	s->entry.body = (struct slice){s->bytes.at, s->bytes.len};
	journal_append(hub->journal, &s->entry);
	return true;
}

/* In time, so that a start goes on beyond every seq that was given out. Under the lock. */
static void keep_position(struct hub *hub, int64_t now)
{
	bool far = hub->assigned - hub->position > STORE_SKIP / 2;
	struct record r = {.kind = RECORD_POSITION, .seq = hub->assigned, .written = hub->written};

	if (!hub->assigned || hub->position_asked || (!far && hub->position_segment == hub->stored_segment))
		return;
	if (now < hub->position_again)
		return;
	hub->position_asked = hand_over(hub, &r, now, NULL);
}

/* Under the lock: gives it its seq and hands it over, in one step, so that the journal's order is that of the seqs. */
static bool hand_over_message(struct hub *hub, struct submission *s, bool is_written)
{
	if (s->is_keyed && hub->keys.count + hub->keys_under_way >= IDEMPOTENCY_MAX) {
		s->op->result = HUB_FULL;
		return false;
	}
	hub->keys_under_way += s->is_keyed;
	keep_position(hub, s->now);
	record_set_seq(s->bytes.at, ++hub->assigned);
	if (is_written) {
		s->entry.body = (struct slice){s->bytes.at, s->bytes.len};
		hub->written = hub->assigned;
	}
	journal_append(hub->journal, &s->entry);
	return true;
}

bool hub_store(struct hub *hub, const struct publication *p, int64_t expires, int64_t now, struct publishing *op)
{
	struct submission *s = new_submission(hub, now, op);
	struct key_digest key = {{0, 0}};
	bool handed = false;

	op->result = HUB_NO_MEMORY;
	if (!s || !write_message(s, p, expires)) {
		if (s)
			free_submission(s);
		return false;
	}
	s->is_keyed = p->key.at != NULL;
	if (s->is_keyed)
		key = idempotency_digest(p->key);
	pthread_mutex_lock(&hub->lock);
	if (s->is_keyed && hub_knows_key(hub, key, now, op))
		op->result = HUB_OK;
	else
		handed = hand_over_message(hub, s, expires != EXPIRED_ALWAYS || s->is_keyed);
	pthread_mutex_unlock(&hub->lock);
	if (!handed)
		free_submission(s);
	return handed;
}

bool hub_store_bar(struct hub *hub, const struct audience *uid, int64_t now, struct publishing *op)
{
	struct buffer names = {0};
	struct record r = {.kind = RECORD_BAR, .time = uid->bar->until, .targets = 1, .text = slice_of(uid->bar->bye)};
	bool handed;

	record_add_name(&names, AUDIENCE_UID, audience_name(uid));
	r.names = (struct slice){names.at, names.len};
	handed = !names.failed && hand_over(hub, &r, now, op);
	buffer_free(&names);
	if (!handed && op)
		op->result = HUB_NO_MEMORY;
	return handed;
}

void hub_settle_bar(struct hub *hub, struct bar *bar, uint32_t segment)
{
	struct bar *end = &hub->stored_bars;

	hub_release_segment(hub, bar->segment);
	bar->segment = segment;
	hub_hold_segment(hub, segment);
	bar->previous->next = bar->next;
	bar->next->previous = bar->previous;
	bar->next = end;
	bar->previous = end->previous;
	bar->previous->next = end->previous = bar;
}

/* ---- keeping the journal's size */

static void let_go_of_messages(struct hub *hub)
{
	for (int i = 0; i < STORE_SLICE && hub_drop_oldest(hub, hub->bounded_segment); i++)
		;
}

static void let_go_of_keys(struct hub *hub)
{
	struct idempotency *keys = &hub->keys;

	for (int i = 0; i < STORE_SLICE && hub->keys_loose < keys->count; i++, hub->keys_loose++) {
		struct receipt *r = idempotency_at(keys, hub->keys_loose);

		if (r->segment > hub->bounded_segment)
			return;
		hub_release_segment(hub, r->segment);
		r->segment = 0;
	}
}

/* A segment may hold a million messages: it is let go of in slices, one in a sweep. */
void hub_bound_journal(struct hub *hub, int64_t now)
{
	uint32_t over;

	if (!hub->journal)
		return;
	over = journal_over(hub->journal);
	if (over && (over > hub->bounded_segment || now >= hub->bounded_at + STORE_RENEW_MS)) {
		hub->bounded_segment = over;
		hub->bounded_at = now;
		renew_bars(hub, now);
	}
	let_go_of_messages(hub);
	let_go_of_keys(hub);
	keep_position(hub, now);
}

void hub_set_skew(struct hub *hub, int64_t skew)
{
	hub->skew = skew;
}

void hub_flush(struct hub *hub)
{
	if (hub->journal)
		journal_flush(hub->journal);
}

struct journal_figures hub_journal_figures(const struct hub *hub)
{
	return hub->journal ? journal_figures(hub->journal) : (struct journal_figures){0};
}
