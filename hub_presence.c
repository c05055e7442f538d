/*
 * hub_presence.c: who is there: lingering pollers, counts, lists and kicks. The declarations are hub.h's and
 * hub_state.h's.
 */
#include <stdlib.h>

#include "hub_state.h"

uint32_t presence_of(const struct audience *uid)
{
	const struct linger *newest = uid->lingering;

	return uid->streams + (newest ? newest->number - newest->above->number + 1 : 0);
}

void presence_changed(struct hub *hub, const struct audience *uid, uint32_t before)
{
	uint32_t after = presence_of(uid);

	if (before && !after)
		atomic_fetch_sub(&hub->users, 1);
	else if (!before && after)
		atomic_fetch_add(&hub->users, 1);
}

/* The newest of its uid, or the oldest. */
static void linger_free(struct hub *hub, struct audience *uid, struct linger *l)
{
	uint32_t before = presence_of(uid);

	atomic_fetch_sub(&hub->lingers, 1);
	if (uid->lingering == l)
		uid->lingering = l->below == l ? NULL : l->below;
	l->below->above = l->above;
	l->above->below = l->below;
	l->previous->next = l->next;
	l->next->previous = l->previous;
	free(l);
	presence_changed(hub, uid, before);
}

void linger_end(struct hub *hub, struct audience *uid)
{
	if (uid->lingering)
		linger_free(hub, uid, uid->lingering);
}

void linger_begin(struct hub *hub, struct audience *uid, int64_t now)
{
	struct linger *l = malloc(sizeof *l), *below = uid->lingering;
	uint32_t before = presence_of(uid);

	if (!l)
		return;
	*l = (struct linger){.next = &hub->lingering, .previous = hub->lingering.previous, .below = below ? below : l,
	                     .above = below ? below->above : l, .number = below ? below->number + 1 : 0, .uid = uid,
	                     .until = now + HUB_LINGER_MS};
	l->previous->next = l;
	l->next->previous = l;
	l->below->above = l;
	l->above->below = l;
	uid->lingering = l;
	atomic_fetch_add(&hub->lingers, 1);
	presence_changed(hub, uid, before);
}

void linger_expire(struct hub *hub, int64_t now)
{
	while (hub->lingering.next != &hub->lingering && hub->lingering.next->until <= now)
		linger_free(hub, hub->lingering.next->uid, hub->lingering.next); /* the oldest of all */
}

struct hub_presence hub_presence(const struct hub *hub)
{
	return (struct hub_presence){atomic_load(&hub->users), atomic_load(&hub->streams) + atomic_load(&hub->lingers)};
}

uint32_t hub_readers(const struct hub *hub)
{
	return atomic_load(&hub->streams);
}

uint32_t hub_online(struct hub *hub, struct slice uid)
{
	const struct audience *a;
	uint32_t streams;

	pthread_mutex_lock(&hub->lock);
	a = audience_find(&hub->audiences, AUDIENCE_UID, uid);
	streams = a ? presence_of(a) : 0;
	pthread_mutex_unlock(&hub->lock);
	return streams;
}

/* Compares names by their bytes; a name that another starts with comes first. */
static int compare_names(struct slice a, struct slice b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

size_t online_page_size(size_t limit)
{
	return sizeof(struct online_page) + limit * (sizeof(struct online_uid *) + sizeof(struct online_uid));
}

struct online_page *online_page_new(struct slice after, size_t limit)
{
	struct online_page *page = malloc(online_page_size(limit));

	if (page)
		*page = (struct online_page){.after = after.at ? after : slice_of(""), .limit = limit};
	return page;
}

/* Puts a uid where it belongs in a page; the last one falls off a full page, and its place is used again. */
static void page_insert(struct online_page *page, const struct audience *a)
{
	struct online_uid *places = (struct online_uid *)(void *)&page->uid[page->limit], *place;
	size_t low = 0, high = page->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		struct slice name = {page->uid[middle]->name, page->uid[middle]->len};
		int order = compare_names(name, audience_name(a));

		if (order == 0)
			return; /* seen before: its bucket was split between two slices of the walk */
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == page->limit)
		return;
	place = page->count < page->limit ? &places[page->count++] : page->uid[page->limit - 1];
	memmove(&page->uid[low + 1], &page->uid[low], (page->count - low - 1) * sizeof *page->uid);
	page->uid[low] = place;
	place->streams = presence_of(a);
	place->len = a->len;
	memcpy(place->name, a->name, a->len);
}

bool hub_find_online(struct hub *hub, struct online_page *page)
{
	enum { SLICE = 1024 }; /* buckets looked at before others have their turn */
	bool whole;

	pthread_mutex_lock(&hub->lock);
	for (size_t end = page->bucket + SLICE; page->bucket < end && page->bucket < hub->audiences.buckets; page->bucket++)
		for (const struct audience *a = hub->audiences.bucket[page->bucket]; a; a = a->next)
			if (a->kind == AUDIENCE_UID && presence_of(a) && compare_names(audience_name(a), page->after) > 0)
				page_insert(page, a);
	whole = page->bucket == hub->audiences.buckets;
	pthread_mutex_unlock(&hub->lock);
	return whole;
}

/* Gives every reader of a uid the verdict, unless it has one. */
static void kick_readers(const struct audience *uid)
{
	struct subscription *s = uid->newest;

	if (!s)
		return;
	do {
		unsigned char stays = VERDICT_STAYS;

		(void)atomic_compare_exchange_strong(&subscription_reader(s)->verdict, &stays, VERDICT_KICKED);
		inbox_mark(subscription_reader(s));
		s = s->older;
	} while (s != uid->newest);
}

/* Takes its place in the ring. */
static void replace_bar(const struct bar *before, struct bar *bar)
{
	if (before->next == before)
		return;
	bar->next = before->next;
	bar->previous = before->previous;
	bar->next->previous = bar->previous->next = bar;
}

enum hub_result hub_bar(struct hub *hub, struct slice uid, struct slice bye, int64_t today)
{
	struct audience *a = audience_get(&hub->audiences, AUDIENCE_UID, uid, hub->forgotten_floor);
	struct bar *bar = malloc(sizeof *bar + bye.len + 1), *before;

	if (!a || !bar || (!a->bar && hub->bars >= HUB_MAX_BARS)) {
		free(bar);
		return a && bar ? HUB_FULL : HUB_NO_MEMORY;
	}
	before = a->bar;
	*bar = (struct bar){.next = bar, .previous = bar, .uid = a, .until = today, .bye = (char *)(bar + 1)};
	if (before) {
		replace_bar(before, bar);
		bar->segment = before->segment;
		if (bar->until < before->until)
			bar->until = before->until; /* a clock that was set back lets nobody in again */
	}
	memcpy(bar->bye, bye.at, bye.len);
	bar->bye[bye.len] = '\0';
	hub->bars += !before;
	free(before);
	a->bar = bar;
	return HUB_OK;
}

void hub_kick(struct hub *hub, struct slice uid, struct slice reason, int64_t today, int64_t now,
              struct publishing *op)
{
	bool stored = true;

	pthread_mutex_lock(&hub->lock);
	op->result = hub_bar(hub, uid, reason, today);
	if (op->result == HUB_OK) {
		struct audience *a = audience_find(&hub->audiences, AUDIENCE_UID, uid);

		op->streams = a->streams;
		while (a->lingering)
			linger_end(hub, a);
		kick_readers(a);
		stored = !hub->journal || !hub_store_bar(hub, a, now, op);
	}
	pthread_mutex_unlock(&hub->lock);
	hub_wake_all(hub);
	if (stored)
		op->done(op);
}

void hub_bye(struct hub *hub, struct reader *r, struct buffer *out)
{
	pthread_mutex_lock(&hub->lock);
	buffer_add_text(out, r->own[0].audience->bar ? r->own[0].audience->bar->bye : "{}");
	pthread_mutex_unlock(&hub->lock);
}
