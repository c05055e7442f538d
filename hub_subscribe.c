/*
 * hub_subscribe.c: attaching a reader at its position and detaching it; see hub.h.
 *
 * Replay and subscription are one step under the lock: the reader gets its places in the logs and is in the rings
 * of their audiences before anything else can be published.
 */
#include "hub_state.h"

#include <stdlib.h>

#include "hash.h"

static void give_verdict(struct reader *r, enum verdict verdict)
{
	atomic_store(&r->verdict, verdict);
	inbox_mark(r);
}

/* The same client, on the network it has now or after an abort: its older request ends. Answers whether one had to. */
static bool replace_client(struct audience *uid, uint64_t cid)
{
	struct subscription *s = uid->newest;
	bool replaced = false;

	if (!cid || !s)
		return false;
	do {
		if (subscription_reader(s)->cid == cid && atomic_load(&subscription_reader(s)->verdict) == VERDICT_STAYS) {
			give_verdict(subscription_reader(s), VERDICT_REPLACED);
			replaced = true;
		}
		s = s->older;
	} while (s != uid->newest);
	return replaced;
}

/*
 * The oldest stream of a uid that has its fill gives way. Those that are about to go do not count. Answers whether
 * one had to.
 */
static bool make_room(const struct hub *hub, struct audience *uid)
{
	struct reader *oldest = NULL;
	struct subscription *s = uid->newest;
	uint32_t staying = 0;

	if (!s || uid->streams < hub->limits.max_streams_per_uid)
		return false;
	do {
		if (atomic_load(&subscription_reader(s)->verdict) == VERDICT_STAYS) {
			staying++;
			oldest = subscription_reader(s);
		}
		s = s->older;
	} while (s != uid->newest);
	if (!oldest || staying < hub->limits.max_streams_per_uid)
		return false;
	give_verdict(oldest, VERDICT_EVICTED);
	return true;
}

/* The seq before the oldest message that any of the reader's logs retains; the newest seq when there is none. */
static uint64_t before_retained(const struct hub *hub, struct reader *r)
{
	uint64_t least = hub_seq(hub);

	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		const struct log *log = &reader_subscription(r, i)->audience->log;

		if (log->first != log->last && log->first->message->seq <= least)
			least = log->first->message->seq - 1;
	}
	return least;
}

/* Of one that has its places: what is behind each is gone over once. */
static bool is_missing_something(struct reader *r, uint64_t seq, int64_t now)
{
	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		const struct subscription *s = reader_subscription(r, i);

		if (seq < s->audience->log.floor || log_has_expired_from(&s->audience->log, s->at, now))
			return true;
	}
	return false;
}

/* Where a reader starts that asks for this cursor. Its logs have been trimmed. `resumes`: something may be missing. */
static struct hub_position find_position(const struct hub *hub, struct slice cursor, struct reader *r, bool *resumes)
{
	uint64_t seq;

	*resumes = false;
	if (!cursor.at)
		return (struct hub_position){hub_seq(hub), RESET_NONE};
	if (slice_is(cursor, "earliest"))
		return (struct hub_position){before_retained(hub, r), RESET_NONE};
	if (!cursor_read(cursor, hub->epoch, &seq) || seq > hub_seq(hub))
		return (struct hub_position){before_retained(hub, r), RESET_RESTART};
	*resumes = true;
	return (struct hub_position){seq, RESET_NONE};
}

/* Puts the reader into the ring of each of its audiences and at its place in their logs. Nothing can fail any more. */
static void attach(struct hub *hub, const struct subscribe_request *s, int64_t now, struct reader *r,
                   struct hub_position position)
{
	r->inbox = s->inbox;
	r->poll = s->poll;
	r->attached = hub_seq(hub);
	r->since = now;
	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		struct subscription *sub = reader_subscription(r, i);

		sub->at = log_place(&sub->audience->log, position.seq);
		if (sub->audience->kind == AUDIENCE_UID)
			ring_add(&sub->audience->newest, sub);
		else
			ring_add(&roster_find(sub->audience, s->inbox)->newest, sub);
		if (i > 0)
			sub->audience->streams++;
	}
	r->lag_limit = hub->limits.max_lag + reader_lag(r);
}

/* Counts the reader's uid as there, once more or once less. */
static void count_stream(struct hub *hub, struct audience *uid, int by)
{
	uint32_t before = presence_of(uid);

	uid->streams += (uint32_t)by;
	atomic_fetch_add(&hub->streams, (uint32_t)by);
	presence_changed(hub, uid, before);
}

/* A channel that is asked for twice is one: each audience has a reader once. */
static void add_channel(struct reader *r, struct audience *channel)
{
	for (unsigned i = 0; i < r->channels; i++)
		if (r->channel[i].subscription.audience == channel)
			return;
	r->channel[r->channels].subscription.audience = channel;
	r->channel[r->channels++].reader = r;
}

/* Finds or makes the audiences and, of the wide ones, the rosters. False without memory. */
static bool find_audiences(struct hub *hub, const struct subscribe_request *s, struct reader *r, int64_t now)
{
	r->own[0].audience = audience_get(&hub->audiences, AUDIENCE_UID, s->uid, hub->forgotten_floor);
	r->own[1].audience = hub->everyone;
	for (size_t i = 0; i < s->channels; i++)
		add_channel(r, audience_get(&hub->audiences, AUDIENCE_CHANNEL, s->channel[i], hub->forgotten_floor));
	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		struct audience *a = reader_subscription(r, i)->audience;

		if (!a || (a->kind != AUDIENCE_UID && !roster_get(a, s->inbox)))
			return false;
		hub_trim(hub, a, now);
	}
	return true;
}

/* Lets the audiences go that the reader, no longer in any ring, may have been the last to need. */
static void leave_audiences(struct hub *hub, struct reader *r, const struct inbox *inbox, int64_t now)
{
	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		struct audience *a = reader_subscription(r, i)->audience;
		struct roster *roster = a && a->kind != AUDIENCE_UID ? roster_find(a, inbox) : NULL;

		if (roster)
			roster_settle(roster);
		if (a)
			hub_forget_if_idle(hub, a, now);
	}
}

/* Under the lock. `displaced`: others have to go for it. */
static enum hub_result subscribe(struct hub *hub, const struct subscribe_request *s, int64_t now, struct reader *r,
                                 struct hub_position *position, bool *displaced)
{
	enum hub_result result = HUB_OK;
	bool resumes;

	if (!find_audiences(hub, s, r, now))
		result = HUB_NO_MEMORY;
	else if (r->own[0].audience->bar && s->issued <= r->own[0].audience->bar->until)
		result = HUB_BARRED;
	else
		*displaced = replace_client(r->own[0].audience, r->cid); /* first: its ghost may be what fills the place */
	if (result == HUB_OK && !*displaced && atomic_load(&hub->streams) >= hub->limits.max_streams)
		result = HUB_FULL;
	if (result != HUB_OK) {
		leave_audiences(hub, r, s->inbox, now);
		return result;
	}
	*displaced |= make_room(hub, r->own[0].audience);
	*position = find_position(hub, s->cursor, r, &resumes);
	attach(hub, s, now, r, *position);
	if (resumes && is_missing_something(r, position->seq, now))
		position->reset = RESET_GAP;
	count_stream(hub, r->own[0].audience, 1);
	linger_end(hub, r->own[0].audience);
	return HUB_OK;
}

enum hub_result hub_subscribe(struct hub *hub, const struct subscribe_request *s, int64_t now, struct reader *r,
                              struct hub_position *position)
{
	enum hub_result result;
	bool displaced = false;

	if (s->channels) {
		r->channel = calloc(s->channels, sizeof *r->channel);
		if (!r->channel)
			return HUB_NO_MEMORY;
	}
	r->cid = s->cid.len ? hash_bytes(hub->audiences.key, s->cid) | 1 : 0;
	pthread_mutex_lock(&hub->lock);
	result = subscribe(hub, s, now, r, position, &displaced);
	pthread_mutex_unlock(&hub->lock);
	if (displaced)
		hub_wake_all(hub);
	if (result != HUB_OK) {
		free(r->channel);
		*r = (struct reader){0};
	}
	return result;
}

static void detach(struct hub *hub, struct reader *r, bool linger, int64_t now)
{
	struct audience *uid = r->own[0].audience;

	inbox_unmark(r);
	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		struct subscription *s = reader_subscription(r, i);

		if (s->audience->kind == AUDIENCE_UID)
			ring_remove(&s->audience->newest, s);
		else
			ring_remove(&roster_find(s->audience, r->inbox)->newest, s);
		if (i > 0)
			s->audience->streams--;
	}
	if (linger && atomic_load(&r->verdict) == VERDICT_STAYS)
		linger_begin(hub, uid, now);
	count_stream(hub, uid, -1);
	leave_audiences(hub, r, r->inbox, now);
}

void hub_unsubscribe(struct hub *hub, struct reader *r, bool linger, int64_t now)
{
	if (!r->inbox)
		return;
	pthread_mutex_lock(&hub->lock);
	detach(hub, r, linger, now);
	pthread_mutex_unlock(&hub->lock);
	for (unsigned i = 0; i < reader_subscriptions(r); i++)
		node_release(reader_subscription(r, i)->at);
	free(r->channel);
	*r = (struct reader){0};
}

bool hub_lags(const struct hub *hub, struct reader *r)
{
	uint64_t lag = reader_lag(r);

	if (lag <= hub->limits.max_lag)
		r->lag_limit = hub->limits.max_lag; /* its replay is behind it */
	return lag > r->lag_limit;
}

bool hub_presses(const struct hub *hub, struct reader *r)
{
	uint64_t quarter = hub->limits.max_lag / 4, most = quarter < HUB_PRESS_BYTES ? quarter : HUB_PRESS_BYTES;

	return reader_lag(r) > r->lag_limit - hub->limits.max_lag + most;
}
