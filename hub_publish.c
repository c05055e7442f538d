/*
 * hub_publish.c: what a message goes through; see hub.h.
 *
 * Its block is rendered and its nodes are allocated without the lock. Under it, it gets its seq and its id, is
 * appended to its audiences' logs and marks who is to be visited. Then the workers are woken.
 */
#include "hub_state.h"

struct target {
	struct audience *audience; /* NULL for one that need not be made: nobody is there, and nothing is retained */
	struct node *empty;        /* for its log; NULL once it is used */
};

/* A publish under way. */
struct delivery {
	const struct publication *publication;
	struct message *message;
	size_t targets;
	struct target target[HUB_MAX_TARGETS];
};

/* Gives back what the delivery still holds. */
static void release(struct delivery *d)
{
	while (d->targets)
		node_release(d->target[--d->targets].empty);
	if (d->message)
		message_release(d->message);
}

/* Makes the message, with all of its block but the id, and the nodes that it will need. False without memory. */
static bool prepare(struct delivery *d, const struct publication *p)
{
	size_t targets = p->uids + p->channels > 0 ? p->uids + p->channels : 1;
	struct message *m = message_new(targets, SSE_ID_MAX + sse_fields_max(p->event, p->data));

	d->publication = p;
	d->message = m;
	d->targets = 0;
	if (!m)
		return false;
	m->size = (uint32_t)sse_write_fields(message_room(m) + SSE_ID_MAX, p->event, p->data);
	while (d->targets < targets) {
		struct target *t = &d->target[d->targets++];

		*t = (struct target){.empty = log_new_node()};
		if (!t->empty)
			return false;
	}
	return true;
}

/* An audience is made only for what is retained. False without memory. */
static bool find_target(struct hub *hub, const struct publication *p, enum audience_kind kind, struct slice name,
                        struct target *target)
{
	if (p->ttl == 0)
		target->audience = audience_find(&hub->audiences, kind, name);
	else
		target->audience = audience_get(&hub->audiences, kind, name, hub->forgotten_floor);
	return target->audience || p->ttl == 0;
}

static bool find_targets(struct hub *hub, struct delivery *d)
{
	const struct publication *p = d->publication;
	struct target *target = d->target;

	if (p->uids + p->channels == 0)
		target->audience = hub->everyone;
	for (size_t i = 0; i < p->uids; i++)
		if (!find_target(hub, p, AUDIENCE_UID, p->uid[i], target++))
			return false;
	for (size_t i = 0; i < p->channels; i++)
		if (!find_target(hub, p, AUDIENCE_CHANNEL, p->channel[i], target++))
			return false;
	return true;
}

/* Does this subscription come first among those of its reader whose audience has the stamp? */
static bool counts_first(struct subscription *s, uint64_t stamp)
{
	struct reader *r = s->reader;

	for (unsigned i = 0; reader_subscription(r, i) != s; i++)
		if (reader_subscription(r, i)->audience->stamp == stamp)
			return false;
	return true;
}

static uint32_t count_once(const struct audience *wide, uint64_t stamp)
{
	uint32_t streams = 0;

	for (const struct roster *roster = wide->rosters; roster; roster = roster->next) {
		struct subscription *s = roster->newest;

		if (!s)
			continue;
		do {
			streams += counts_first(s, stamp);
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
		inbox_count(s->reader->inbox, URGENT, m->seq, m->size);
		inbox_mark(s->reader);
		s = s->older;
	} while (s != a->newest);
}

/* Appends the message to the logs of its targets and marks their readers. A target that is named twice counts once. */
static void deliver(struct hub *hub, struct delivery *d, int64_t now)
{
	struct message *m = d->message;

	for (size_t i = 0; i < d->targets; i++) {
		struct audience *a = d->target[i].audience;

		if (!a || a->stamp == m->seq)
			continue;
		a->stamp = m->seq;
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

static bool uids_are_away(const struct delivery *d)
{
	for (size_t i = 0; i < d->publication->uids; i++) {
		const struct audience *a = d->target[i].audience;

		if (a && a->streams + a->lingers > 0)
			return false;
	}
	return d->publication->uids > 0;
}

/* Gives the message its place and its id. */
static void accept_message(struct hub *hub, struct delivery *d, int64_t now, struct publishing *op)
{
	int64_t ttl = d->publication->ttl < 0 ? hub->limits.history_ttl : d->publication->ttl;
	struct message *m = d->message;
	uint32_t id;

	m->seq = hub_seq(hub) + 1;
	m->expires = ttl == 0 ? EXPIRED_ALWAYS : ttl > INT64_MAX - now ? INT64_MAX : now + ttl;
	id = (uint32_t)sse_write_id_before(message_room(m) + SSE_ID_MAX, hub->epoch, m->seq);
	m->start = SSE_ID_MAX - id;
	m->size += id;
	deliver(hub, d, now);
	hub_bound_history(hub);
	hub->publishes++;
	op->seq = m->seq;
	op->streams = count_streams(d);
	op->offline = uids_are_away(d);
	atomic_store_explicit(&hub->seq, m->seq, memory_order_release);
}

/* Under the lock: all of a publish but what can be done before and after. */
static enum hub_result publish(struct hub *hub, struct delivery *d, int64_t now, struct publishing *op)
{
	const struct publication *p = d->publication;
	struct key_digest key = {{0, 0}};

	if (p->key.at) {
		const struct receipt *known;

		key = idempotency_digest(p->key);
		idempotency_expire(&hub->keys, now);
		known = idempotency_find(&hub->keys, key);
		if (known) {
			op->seq = known->seq;
			op->streams = known->streams;
			op->offline = known->offline;
			return HUB_OK;
		}
		if (!idempotency_reserve(&hub->keys))
			return HUB_FULL;
	}
	if (!find_targets(hub, d))
		return HUB_NO_MEMORY;
	accept_message(hub, d, now, op);
	if (p->key.at)
		idempotency_add(&hub->keys, key, (struct receipt){.seq = op->seq, .expires = now + IDEMPOTENCY_MS,
		                                                  .streams = op->streams, .offline = op->offline});
	return HUB_OK;
}

void hub_publish(struct hub *hub, const struct publication *p, int64_t now, struct publishing *op)
{
	struct delivery d; /* 16 KiB that need no clearing */

	op->result = HUB_NO_MEMORY;
	if (prepare(&d, p)) {
		bool wake[HUB_MAX_INBOXES] = {false};

		pthread_mutex_lock(&hub->lock);
		op->result = publish(hub, &d, now, op);
		for (unsigned i = 0; d.message->seq && i < hub->inboxes; i++)
			wake[i] = hub->inbox[i]->stamp[URGENT] == d.message->seq || hub->inbox[i]->stamp[FANOUT] == d.message->seq;
		pthread_mutex_unlock(&hub->lock);
		for (unsigned i = 0; i < hub->inboxes; i++)
			if (wake[i])
				hub->inbox[i]->wake(hub->inbox[i]->context);
	}
	release(&d);
	op->done(op);
}
