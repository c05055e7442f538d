/*
 * hub_publish.c: what a message goes through; see hub.h.
 *
 * Its block is rendered and its nodes are allocated without the lock. Under it, it gets its seq and its id, is appended
 * to its audiences' logs and marks who is to be visited. Then the workers are woken. With a journal all of this happens
 * when the message's record is stored, by the journal's thread, and again, from the record, at the next start: see
 * hub_store.c.
 */
#include "hub_publish.h"

#include "hub_state.h"

void delivery_add_target(struct delivery *d, enum audience_kind kind, struct slice name)
{
	d->target[d->targets++] = (struct target){.kind = kind, .name = name};
}

void delivery_release(struct delivery *d)
{
	while (d->targets)
		node_release(d->target[--d->targets].empty);
	if (d->message)
		message_release(d->message);
}

char *delivery_prepare(struct delivery *d, size_t room)
{
	if (!d->targets)
		delivery_add_target(d, AUDIENCE_EVERYONE, slice_of(""));
	d->message = message_new(d->targets, d->before + room);
	if (!d->message)
		return NULL;
	for (size_t i = 0; i < d->targets; i++) {
		d->target[i].empty = log_new_node();
		if (!d->target[i].empty)
			return NULL;
	}
	return message_room(d->message) + d->before;
}

/* An audience is made only for what is retained. False without memory. */
static bool find_targets(struct hub *hub, struct delivery *d)
{
	for (struct target *t = d->target; t < d->target + d->targets; t++) {
		if (d->message->expires == EXPIRED_ALWAYS)
			t->audience = audience_find(&hub->audiences, t->kind, t->name);
		else
			t->audience = audience_get(&hub->audiences, t->kind, t->name, hub->forgotten_floor);
		if (!t->audience && d->message->expires != EXPIRED_ALWAYS)
			return false;
	}
	return true;
}

/* Does this subscription come first among those of its reader whose audience got this message? */
static bool counts_first(struct subscription *s, uint64_t seq)
{
	struct reader *r = subscription_reader(s);

	for (unsigned i = 0; reader_subscription(r, i) != s; i++)
		if (reader_subscription(r, i)->audience->log.last_seq == seq)
			return false;
	return true;
}

static uint32_t count_once(const struct audience *wide, uint64_t seq)
{
	uint32_t streams = 0;

	for (const struct roster *roster = wide->rosters; roster; roster = roster->next) {
		struct subscription *s = roster->newest;

		if (!s)
			continue;
		do {
			streams += counts_first(s, seq);
			s = s->older;
		} while (s != roster->newest);
	}
	return streams;
}

/* Marks an audience's readers to be visited. */
static void mark(const struct audience *a, const struct message *m)
{
	struct subscription *s;

	if (a->kind != AUDIENCE_UID) {
		for (struct roster *roster = a->rosters; roster; roster = roster->next) {
			if (!roster->newest)
				continue;
			inbox_count(roster->inbox, FANOUT, m->seq, m->size);
			inbox_stir(roster);
		}
		return;
	}
	if (!(s = a->newest))
		return;
	do {
		inbox_count(subscription_reader(s)->inbox, URGENT, m->seq, m->size);
		inbox_mark(subscription_reader(s));
		s = s->older;
	} while (s != a->newest);
}

/* Appends the message to the logs of its targets and marks their readers. A target that is named twice counts once. */
static void deliver(struct hub *hub, struct delivery *d, int64_t now)
{
	struct message *m = d->message;

	for (size_t i = 0; i < d->targets; i++) {
		struct audience *a = d->target[i].audience;

		if (!a || a->log.last_seq == m->seq)
			continue;
		a->touched = now;
		if (m->expires == EXPIRED_ALWAYS && !a->streams)
			continue; /* nobody is there, and nobody will ask for it */
		log_append(&a->log, m, d->target[i].empty);
		d->target[i].empty = NULL;
		if (m->expires != EXPIRED_ALWAYS)
			hub_retain(hub, m, &m->retained[i], a);
		mark(a, m);
		hub_trim(hub, a, now);
	}
}

/* How many streams it reaches, each once. After deliver(). */
static uint32_t count_streams(const struct delivery *d)
{
	uint32_t streams = 0;

	for (size_t i = 0; i < d->targets; i++) {
		const struct audience *a = d->target[i].audience;

		if (!a || d->target[i].empty)
			continue; /* nobody, or named before */
		streams += a->kind == AUDIENCE_UID || d->targets == 1 ? a->streams : count_once(a, d->message->seq);
	}
	return streams;
}

/* It names uids, and none of them is there. */
static bool uids_are_away(const struct delivery *d)
{
	size_t uids = 0;

	for (const struct target *t = d->target; t < d->target + d->targets; t++) {
		if (t->kind != AUDIENCE_UID)
			continue;
		if (t->audience && presence_of(t->audience) > 0)
			return false;
		uids++;
	}
	return uids > 0;
}

/* Gives the message its place and its id. */
static void accept_message(struct hub *hub, struct delivery *d, int64_t now, struct publishing *op)
{
	struct message *m = d->message;
	uint32_t id = (uint32_t)sse_write_id_before(message_room(m) + d->before, hub->epoch, d->seq);

	m->seq = d->seq;
	m->start = (uint16_t)(d->before - id);
	m->size = id + (uint32_t)d->rendered;
	m->segment = d->segment;
	deliver(hub, d, now);
	hub_bound_history(hub);
	hub->publishes++;
	op->seq = m->seq;
	op->streams = count_streams(d);
	op->offline = uids_are_away(d);
	atomic_store_explicit(&hub->seq, m->seq, memory_order_release);
}

bool hub_knows_key(struct hub *hub, struct key_digest key, int64_t now, struct publishing *op)
{
	const struct receipt *known;

	hub_expire_keys(hub, now);
	known = idempotency_find(&hub->keys, key, now);
	if (known) {
		op->seq = known->seq;
		op->streams = known->streams;
		op->offline = known->offline;
	}
	return known != NULL;
}

/* Under the lock: all of a publish but what can be done before and after. */
static enum hub_result accept_delivery(struct hub *hub, struct delivery *d, int64_t now, struct publishing *op)
{
	if (d->keyed && hub_knows_key(hub, d->key, d->key_from, op))
		return HUB_OK;
	if (d->keyed && !idempotency_reserve(&hub->keys))
		return hub->keys.count < IDEMPOTENCY_MAX ? HUB_NO_MEMORY : HUB_FULL;
	if (!find_targets(hub, d))
		return HUB_NO_MEMORY;
	if (!d->seq)
		d->seq = hub_seq(hub) + 1;
	accept_message(hub, d, now, op);
	if (!d->keyed)
		return HUB_OK;
	idempotency_add(&hub->keys, d->key,
	                (struct receipt){.seq = op->seq, .expires = d->key_from + IDEMPOTENCY_MS, .streams = op->streams,
	                                 .offline = op->offline, .segment = d->segment});
	hub_hold_segment(hub, d->segment);
	return HUB_OK;
}

void delivery_accept(struct hub *hub, struct delivery *d, int64_t now, struct publishing *op,
                     bool wake[HUB_MAX_INBOXES])
{
	pthread_mutex_lock(&hub->lock);
	op->result = accept_delivery(hub, d, now, op);
	for (unsigned i = 0; d->message->seq && i < hub->inboxes; i++)
		wake[i] |= hub->inbox[i]->stamp[URGENT] == d->message->seq || hub->inbox[i]->stamp[FANOUT] == d->message->seq;
	pthread_mutex_unlock(&hub->lock);
}

static int64_t expiry(const struct hub *hub, int64_t ttl, int64_t now)
{
	if (ttl < 0)
		ttl = hub->limits.history_ttl;
	return ttl == 0 ? EXPIRED_ALWAYS : ttl > INT64_MAX - now ? INT64_MAX : now + ttl;
}

static void publish_in_memory(struct hub *hub, const struct publication *p, int64_t now, struct publishing *op)
{
	bool wake[HUB_MAX_INBOXES] = {false};
	struct delivery d; /* it is large: what is not set is not read */
	char *room;

	delivery_begin(&d);
	for (size_t i = 0; i < p->uids; i++)
		delivery_add_target(&d, AUDIENCE_UID, p->uid[i]);
	for (size_t i = 0; i < p->channels; i++)
		delivery_add_target(&d, AUDIENCE_CHANNEL, p->channel[i]);
	op->result = HUB_NO_MEMORY;
	room = delivery_prepare(&d, sse_fields_max(p->event, p->data));
	if (room) {
		d.rendered = sse_write_fields(room, p->event, p->data);
		d.message->expires = expiry(hub, p->ttl, now);
		d.keyed = p->key.at != NULL;
		if (d.keyed)
			d.key = idempotency_digest(p->key);
		d.key_from = now;
		delivery_accept(hub, &d, now, op, wake);
	}
	delivery_release(&d);
	hub_wake(hub, wake);
}

void hub_publish(struct hub *hub, const struct publication *p, int64_t now, struct publishing *op)
{
	if (hub->journal && hub_store(hub, p, expiry(hub, p->ttl, now), now, op))
		return;
	if (!hub->journal)
		publish_in_memory(hub, p, now, op);
	op->done(op);
}
