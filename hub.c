/*
 * hub.c: opening and closing, history and forgetting, what workers take; see hub.h. The rest of the hub is in
 * hub_publish.c, hub_subscribe.c and hub_presence.c.
 */
#include "hub_state.h"

#include <stdlib.h>

/* Buckets that a sweep looks at: with few audiences, what has expired is gone soon and makes room for others. */
enum { SWEEP_LEAST = 64, SWEEP_SHARE = 1024 };

/* Of each worker: the one that was under way, the one that the first of those who waited begin, and one with the rest. */
enum { KEPT_ROUNDS = 3 };

struct hub *hub_open(const struct hub_limits *limits, const unsigned char seed[32])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
	struct hub *hub = malloc(sizeof *hub);
	uint64_t key[2];

	if (!hub)
		return NULL;
	*hub = (struct hub){.limits = *limits};
	for (int i = 0; i < EPOCH_SIZE; i++)
		hub->epoch[i] = digits[seed[i] % (sizeof digits - 1)];
	memcpy(key, seed + 16, sizeof key);
	hub->queue.next = hub->queue.previous = &hub->queue;
	hub->lingering.next = hub->lingering.previous = &hub->lingering;
	hub->stored_bars.next = hub->stored_bars.previous = &hub->stored_bars;
	if (audience_table_open(&hub->audiences, key))
		hub->everyone = audience_get(&hub->audiences, AUDIENCE_EVERYONE, slice_of(""), 0);
	if (!hub->everyone || pthread_mutex_init(&hub->lock, NULL) != 0) {
		audience_table_close(&hub->audiences);
		free(hub);
		return NULL;
	}
	return hub;
}

const char *hub_epoch(const struct hub *hub)
{
	return hub->epoch;
}

uint64_t hub_seq(const struct hub *hub)
{
	return atomic_load_explicit(&hub->seq, memory_order_acquire);
}

/* ---- history: what is retained, in one queue, so that the oldest of all goes first */

struct dropping {
	struct hub *hub;
	struct audience *audience;
};

static void dropped(void *context, struct message *m)
{
	const struct dropping *d = context;
	struct retained *r = m->retained;

	while (r->audience != d->audience)
		r++;
	r->previous->next = r->next;
	r->next->previous = r->previous;
	r->audience = NULL;
	d->hub->retained_bytes -= sizeof(struct node);
	if (--m->keepers == 0) {
		d->hub->retained_bytes -= message_cost(m);
		d->hub->retained--;
		hub_release_segment(d->hub, m->segment);
	}
}

void hub_retain(struct hub *hub, struct message *m, struct retained *r, struct audience *a)
{
	*r = (struct retained){.next = &hub->queue, .previous = hub->queue.previous, .audience = a};
	r->previous->next = r;
	hub->queue.previous = r;
	hub->retained_bytes += sizeof(struct node);
	if (m->keepers++ == 0) {
		hub->retained_bytes += message_cost(m);
		hub->retained++;
		hub_hold_segment(hub, m->segment);
	}
}

void hub_trim(struct hub *hub, struct audience *a, int64_t now)
{
	log_trim(&a->log, now, hub->limits.history_count, dropped, &(struct dropping){hub, a});
}

/* The oldest message that a log retains; it retains one. */
static const struct message *oldest_of(const struct log *log)
{
	struct node *node = log->first;

	while (node->message->expires == EXPIRED_ALWAYS)
		node = node_next(node);
	return node->message;
}

bool hub_drop_oldest(struct hub *hub, uint32_t upto)
{
	struct audience *a;

	if (hub->queue.next == &hub->queue)
		return false;
	a = hub->queue.next->audience;
	if (oldest_of(&a->log)->segment > upto)
		return false;
	log_drop_oldest(&a->log, dropped, &(struct dropping){hub, a});
	return true;
}

/* What is transient is in no queue and no bound: it stays behind what is retained for no longer than a sweep. */
static void sweep_audience(struct hub *hub, struct audience *a, int64_t now)
{
	hub_trim(hub, a, now);
	if (log_has_transient(&a->log))
		log_compact(&a->log, now, dropped, &(struct dropping){hub, a});
	hub_forget_if_idle(hub, a, now);
}

void hub_bound_history(struct hub *hub)
{
	while (hub->retained_bytes > hub->limits.history_bytes && hub_drop_oldest(hub, UINT32_MAX))
		;
}

/* Its floor is remembered for as long as a reader may come back to it, then it goes into the one of all forgotten. */
void hub_forget_if_idle(struct hub *hub, struct audience *a, int64_t now)
{
	bool read = a->rosters || a->lingering || a->kind == AUDIENCE_EVERYONE;

	if (read || a->bar || a->log.first != a->log.last)
		return;
	if (a->log.floor > hub->forgotten_floor) {
		if (now - a->touched <= hub->limits.history_ttl)
			return;
		hub->forgotten_floor = a->log.floor;
	}
	audience_remove(&hub->audiences, a);
}

void hub_expire_keys(struct hub *hub, int64_t now)
{
	const struct receipt *oldest;

	while (hub->keys.count && (oldest = idempotency_at(&hub->keys, 0))->expires <= now) {
		hub_release_segment(hub, oldest->segment);
		idempotency_drop_oldest(&hub->keys);
		hub->keys_loose -= hub->keys_loose > 0;
	}
}

void hub_sweep(struct hub *hub, int64_t now)
{
	struct audience_table *t = &hub->audiences;
	size_t slice;

	pthread_mutex_lock(&hub->lock);
	hub_expire_keys(hub, now);
	hub_bound_journal(hub, now);
	linger_expire(hub, now);
	slice = t->buckets / SWEEP_SHARE + SWEEP_LEAST;
	while (slice--) {
		hub->swept = hub->swept + 1 < t->buckets ? hub->swept + 1 : 0;
		for (struct audience *a = t->bucket[hub->swept], *next; a; a = next) {
			next = a->next;
			sweep_audience(hub, a, now);
		}
	}
	pthread_mutex_unlock(&hub->lock);
}

/* ---- inboxes */

bool hub_add_inbox(struct hub *hub, struct inbox *inbox, void (*wake)(void *), void *context)
{
	if (hub->inboxes == HUB_MAX_INBOXES)
		return false;
	*inbox = (struct inbox){.wake = wake, .context = context, .index = hub->inboxes};
	hub->inbox[hub->inboxes++] = inbox;
	return true;
}

static void take_marked(struct inbox *inbox, void (*ready)(void *, struct reader *))
{
	while (inbox->marked) {
		struct reader *r = inbox->marked;

		inbox_unmark(r);
		ready(inbox->context, r);
	}
}

/* Takes the rosters off the inbox; those without readers go. */
static struct roster *take_stirred(struct inbox *inbox)
{
	struct roster *taken = NULL;

	while (inbox->stirred) {
		struct roster *roster = inbox->stirred;

		inbox->stirred = roster->next_stirred;
		roster->stirred = false;
		if (roster->newest) {
			roster->next_taken = taken;
			taken = roster;
		} else {
			roster_settle(roster);
		}
	}
	return taken;
}

/* Without the lock: the rings, and when they go, are this thread's own. */
static void walk(const struct roster *taken, void *context, void (*ready)(void *, struct reader *))
{
	for (; taken; taken = taken->next_taken) {
		struct subscription *s = taken->newest;

		do {
			ready(context, subscription_reader(s));
			s = s->older;
		} while (s != taken->newest);
	}
}

void hub_take(struct hub *hub, struct inbox *inbox, enum urgency urgency, void (*ready)(void *, struct reader *))
{
	struct backlog *backlog = &inbox->backlog[urgency];
	struct roster *taken = NULL;

	if (!atomic_load(&inbox->pending[urgency]))
		return;
	pthread_mutex_lock(&hub->lock);
	atomic_store(&inbox->pending[urgency], false);
	backlog->round_bytes = atomic_load(&backlog->bytes);
	backlog->round_messages = atomic_load(&backlog->messages);
	if (!backlog->round_since) /* else the round before was not ended: all of its readers have left */
		backlog->round_since = backlog->since;
	backlog->since = 0;
	if (urgency == URGENT)
		take_marked(inbox, ready);
	else
		taken = take_stirred(inbox);
	pthread_mutex_unlock(&hub->lock);
	walk(taken, inbox->context, ready);
}

/*
 * How many messages may be behind. Those who waited for calm publish again all at once: with what they send it is to be
 * one visit's worth still, or it would take two rounds to arrive. Room is kept for that for some rounds only: others, who
 * publish without having waited, would put calm off for ever. A publish to a uid is visited in its own turn.
 */
static unsigned messages_within_a_visit(const struct hub *hub, int urgency)
{
	bool kept = urgency == FANOUT && atomic_load(&hub->rounds) < KEPT_ROUNDS * hub->inboxes;
	unsigned waited = kept ? atomic_load(&hub->waited) : 0;

	return waited < GATHER_MAX_BLOCKS ? GATHER_MAX_BLOCKS - waited : 0;
}

bool hub_is_congested(const struct hub *hub)
{
	uint64_t most = hub->limits.max_lag / 2 < GATHER_MAX_BYTES ? hub->limits.max_lag / 2 : GATHER_MAX_BYTES;

	for (unsigned i = 0; i < hub->inboxes; i++) {
		if (atomic_load(&hub->inbox[i]->pressing))
			return true;
		for (int u = 0; u < URGENCIES; u++) {
			const struct backlog *b = &hub->inbox[i]->backlog[u];

			if (atomic_load(&b->bytes) > most || atomic_load(&b->messages) > messages_within_a_visit(hub, u))
				return true;
		}
	}
	return false;
}

void hub_wake(const struct hub *hub, bool wake[HUB_MAX_INBOXES])
{
	for (unsigned i = 0; i < hub->inboxes; i++) {
		if (wake[i])
			hub->inbox[i]->wake(hub->inbox[i]->context);
		wake[i] = false;
	}
}

void hub_wake_all(const struct hub *hub)
{
	for (unsigned i = 0; i < hub->inboxes; i++)
		hub->inbox[i]->wake(hub->inbox[i]->context);
}

static void announce_calm(struct hub *hub)
{
	if (!atomic_load(&hub->awaiting_calm) || hub_is_congested(hub) || !atomic_exchange(&hub->awaiting_calm, false))
		return;
	atomic_store(&hub->waited, atomic_exchange(&hub->waiting, 0));
	atomic_store(&hub->rounds, 0);
	atomic_fetch_add(&hub->calms, 1);
	hub_wake_all(hub);
}

/* Asks first, then looks: either the one who asks or the worker that ends the last round sees both. */
unsigned hub_await_calm(struct hub *hub)
{
	unsigned calms = hub_calms(hub);

	atomic_fetch_add(&hub->waiting, 1);
	atomic_store(&hub->awaiting_calm, true);
	announce_calm(hub);
	return calms;
}

unsigned hub_calms(const struct hub *hub)
{
	return atomic_load(&hub->calms);
}

void hub_press(struct hub *hub, struct inbox *inbox, bool presses)
{
	if (presses)
		atomic_fetch_add(&inbox->pressing, 1);
	else if (atomic_fetch_sub(&inbox->pressing, 1) == 1)
		announce_calm(hub);
}

int64_t hub_round_done(struct hub *hub, struct inbox *inbox, enum urgency urgency)
{
	struct backlog *backlog = &inbox->backlog[urgency];
	int64_t since = backlog->round_since;

	if (!backlog->round_messages)
		return 0;
	atomic_fetch_sub(&backlog->bytes, backlog->round_bytes);
	atomic_fetch_sub(&backlog->messages, backlog->round_messages);
	backlog->round_bytes = backlog->round_messages = 0;
	backlog->round_since = 0;
	if (urgency == FANOUT)
		atomic_fetch_add(&hub->rounds, 1);
	announce_calm(hub);
	return since;
}

struct hub_figures hub_figures(struct hub *hub)
{
	struct hub_figures figures;

	pthread_mutex_lock(&hub->lock);
	figures = (struct hub_figures){.presence = hub_presence(hub),
	                               .seq = hub_seq(hub),
	                               .audiences = hub->audiences.count,
	                               .retained = hub->retained,
	                               .retained_bytes = hub->retained_bytes,
	                               .publishes = hub->publishes,
	                               .keys = hub->keys.count,
	                               .limits = hub->limits};
	pthread_mutex_unlock(&hub->lock);
	return figures;
}

void hub_close(struct hub *hub)
{
	journal_close(hub->journal);
	linger_expire(hub, INT64_MAX);
	for (unsigned i = 0; i < hub->inboxes; i++)
		(void)take_stirred(hub->inbox[i]); /* no reader is left: all of them go */
	audience_table_close(&hub->audiences);
	idempotency_free(&hub->keys);
	pthread_mutex_destroy(&hub->lock);
	free(hub);
}
