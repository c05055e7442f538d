/* inbox.c: see inbox.h */
#include "inbox.h"

#include <stdlib.h>

#include "clock.h"

void inbox_mark(struct reader *r)
{
	struct inbox *inbox = r->inbox;

	if (r->mark_link)
		return;
	r->mark_next = inbox->marked;
	r->mark_link = &inbox->marked;
	if (r->mark_next)
		r->mark_next->mark_link = &r->mark_next;
	inbox->marked = r;
	atomic_store(&inbox->pending[URGENT], true);
}

void inbox_unmark(struct reader *r)
{
	if (!r->mark_link)
		return;
	*r->mark_link = r->mark_next;
	if (r->mark_next)
		r->mark_next->mark_link = r->mark_link;
	r->mark_next = NULL;
	r->mark_link = NULL;
}

void inbox_stir(struct roster *roster)
{
	if (roster->stirred)
		return;
	roster->stirred = true;
	roster->next_stirred = roster->inbox->stirred;
	roster->inbox->stirred = roster;
	atomic_store(&roster->inbox->pending[FANOUT], true);
}

void inbox_count(struct inbox *inbox, enum urgency urgency, uint64_t seq, uint32_t bytes)
{
	if (inbox->stamp[urgency] == seq)
		return;
	inbox->stamp[urgency] = seq;
	if (urgency == FANOUT && !inbox->backlog[FANOUT].since)
		inbox->backlog[FANOUT].since = clock_microseconds();
	atomic_fetch_add_explicit(&inbox->backlog[urgency].bytes, bytes, memory_order_relaxed);
	atomic_fetch_add_explicit(&inbox->backlog[urgency].messages, 1, memory_order_relaxed);
}

void ring_add(struct subscription **newest, struct subscription *s)
{
	struct subscription *first = *newest;

	if (first) {
		s->older = first;
		s->newer = first->newer; /* the oldest: the ring closes there */
		s->newer->older = s;
		first->newer = s;
	} else {
		s->older = s->newer = s;
	}
	*newest = s;
}

void ring_remove(struct subscription **newest, struct subscription *s)
{
	if (s->older == s) {
		*newest = NULL;
	} else {
		s->newer->older = s->older;
		s->older->newer = s->newer;
		if (*newest == s)
			*newest = s->older;
	}
	s->newer = s->older = NULL;
}

struct roster *roster_find(const struct audience *wide, const struct inbox *inbox)
{
	struct roster *roster = wide->rosters;

	while (roster && roster->inbox != inbox)
		roster = roster->next;
	return roster;
}

struct roster *roster_get(struct audience *wide, struct inbox *inbox)
{
	struct roster *roster = roster_find(wide, inbox);

	if (roster)
		return roster;
	roster = malloc(sizeof *roster);
	if (!roster)
		return NULL;
	*roster = (struct roster){.audience = wide, .inbox = inbox, .next = wide->rosters};
	wide->rosters = roster;
	return roster;
}

void roster_settle(struct roster *roster)
{
	struct roster **link = &roster->audience->rosters;

	if (roster->newest || roster->stirred)
		return;
	while (*link != roster)
		link = &(*link)->next;
	*link = roster->next;
	free(roster);
}
