/* sweep.c: see sweep.h */
#include "sweep.h"

#include "stream.h"
#include "worker.h"

/* How many cold connections a walk goes on in a tick, so that its round is done in time. */
static size_t slice_of_tick(const struct worker *w, size_t least, size_t round_ms)
{
	size_t size = w->cold.count * WORKER_TICK_MS / round_ms + 1;

	if (size < least)
		size = least;
	return size < w->cold.count ? size : w->cold.count;
}

static struct conn *next(const struct conn_set *set, struct walk *walk)
{
	walk->at = walk->at + 1 < set->count ? walk->at + 1 : 0;
	return set->conn[walk->at];
}

/* Asks poll() about the next `n` of a set: they are in w->slice then. Answers how many those are. */
static size_t look(struct worker *w, const struct conn_set *set, struct walk *walk, size_t n)
{
	struct conn_set *slice = &w->slice;

	if (n > set->count)
		n = set->count;
	if (!conn_set_reserve(slice, true, n))
		n = slice->capacity; /* fewer at a time: a round takes longer */
	for (size_t i = 0; i < n; i++) {
		slice->conn[i] = next(set, walk);
		slice->poll[i] = (struct pollfd){.fd = slice->conn[i]->fd, .events = conn_interest(slice->conn[i])};
	}
	if (n > 0)
		(void)conn_set_poll(slice, n, 0);
	return n;
}

/* Whose time has come? */
static void walk_time(struct worker *w, size_t n)
{
	for (; n > 0 && w->cold.count > 0; n--)
		stream_tick(next(&w->cold, &w->sweep.timing));
}

/*
 * Who has left? While many have, it looks on: else those that come and go would stay for a round each, several times as
 * many as there are.
 */
static void walk_leaving(struct worker *w, size_t n)
{
	size_t left = 0;

	n = look(w, &w->cold, &w->sweep.leaving, n);
	for (size_t i = 0; i < n; i++) {
		struct conn *c = w->slice.conn[i];

		if (!w->slice.poll[i].revents || !conn_is_cold(c))
			continue;
		if (c->state == CONN_POLLING ? conn_has_left(c) : conn_discard(c)) {
			stream_left(c);
			left++;
		}
	}
	if (left * SWEEP_LEAVERS > n && w->sweep.leaving.slice < SWEEP_SLICE) {
		w->sweep.leaving.slice += n;
		w->sweep.leaving.left += n;
	}
}

/*
 * From whom has something come, or whose time is up? An idle one from which something has come has its turn first, and is hot
 * again: what comes in pieces, as a long head does, would take a tick for each.
 */
static void walk_cool(struct worker *w, size_t n)
{
	n = look(w, &w->cool, &w->sweep.cool, n);
	for (size_t i = 0; i < n; i++) {
		struct conn *c = w->slice.conn[i];
		bool come = w->slice.poll[i].revents;

		if (come) {
			worker_place(w, c);
			worker_ready_again(w, c);
		}
		if (!come || c->exchange)
			conn_tick(c);
	}
}

/* Takes a step of a tick's slice off what is left of it. */
static size_t take_step(struct walk *walk, size_t least)
{
	size_t step = walk->slice / SWEEP_STEPS;

	if (step < least)
		step = least;
	if (step > walk->left)
		step = walk->left;
	walk->left -= step;
	return step;
}

void sweep_step(struct worker *w)
{
	walk_time(w, take_step(&w->sweep.timing, SWEEP_TIME_STEP));
	walk_leaving(w, take_step(&w->sweep.leaving, SWEEP_LEAVE_STEP));
	walk_cool(w, take_step(&w->sweep.cool, SWEEP_COOL_STEP));
}

static void begin_walk(struct walk *walk, size_t slice)
{
	walk->slice = walk->left = slice;
}

void sweep_begin(struct worker *w)
{
	begin_walk(&w->sweep.timing, slice_of_tick(w, SWEEP_SLICE, SWEEP_TIME_ROUND_MS));
	begin_walk(&w->sweep.leaving,
	           slice_of_tick(w, w->cold.count > SWEEP_SLICE ? 1 : SWEEP_SLICE, SWEEP_LEAVE_ROUND_MS));
	begin_walk(&w->sweep.cool, w->cool.count < SWEEP_COOL ? w->cool.count : SWEEP_COOL);
}
