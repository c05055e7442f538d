/* onlookers.c: see onlookers.h */
#include "onlookers.h"

#include "control.h"
#include "stream.h"
#include "worker.h"

static bool is_told(const struct onlookers *o, struct hub_presence now)
{
	return now.users == o->told.users && now.streams == o->told.streams;
}

static void begin(struct worker *w, struct hub_presence now)
{
	struct onlookers *o = &w->onlookers;

	o->told = now;
	o->round = o->round == ONLINE_EVEN ? ONLINE_ODD : ONLINE_EVEN;
	o->again = false;
	o->began = w->now;
	o->next = w->now + ONLOOKERS_MS;
}

/*
 * What it is told first is how many there are now. The others may have been told something else, so all of them are told
 * again: else one could be left with what was true for a moment.
 */
void onlookers_add(struct conn *c, struct buffer *out)
{
	struct onlookers *o = &c->worker->onlookers;
	struct hub_presence now = hub_presence(hub_of(c));

	if (o->count++ == 0)
		begin(c->worker, now);
	else if (!is_told(o, now))
		o->again = true;
	c->online = o->round;
	control_add_online(out, now);
}

void onlookers_remove(struct conn *c)
{
	c->worker->onlookers.count -= c->online != ONLINE_NO;
}

bool onlookers_owe(const struct conn *c)
{
	return c->online != ONLINE_NO && c->online != c->worker->onlookers.round;
}

/* Those that are blocked are told when they no longer are, be it some rounds later. */
void onlookers_begin(struct worker *w)
{
	const struct onlookers *o = &w->onlookers;
	struct hub_presence now = hub_presence(w->server->hub);

	if (!o->count || o->left || w->now < o->next || (!o->again && is_told(o, now)))
		return;
	begin(w, now);
	w->onlookers.left = w->cold.count;
	for (size_t i = w->fixed; i < w->hot.count; i++)
		if (w->hot.conn[i]->online != ONLINE_NO)
			w->hot.conn[i]->online = ONLINE_OWED;
}

/* From the last on: in place of one that leaves the set comes the last, which has had its turn, or came in the round. */
void onlookers_step(struct worker *w)
{
	struct onlookers *o = &w->onlookers;
	int told = 0;
	int64_t rest;

	if (!o->left)
		return;
	if (o->left > w->cold.count)
		o->left = w->cold.count;
	for (int looked = 0; o->left > 0 && told < ONLOOKERS_TOLD && looked < ONLOOKERS_LOOKED; looked++) {
		struct conn *c = w->cold.conn[--o->left];

		if (!onlookers_owe(c))
			continue;
		stream_tell_online(c);
		told++;
	}
	rest = (ONLOOKERS_SHARE - 1) * (w->now - o->began);
	if (!o->left && o->next < w->now + rest)
		o->next = w->now + rest;
}
