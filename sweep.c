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

static struct conn *next_cold(const struct worker *w, struct walk *walk)
{
	walk->at = walk->at + 1 < w->cold.count ? walk->at + 1 : 0;
	return w->cold.conn[walk->at];
}

/* Whose time has come? */
static void walk_time(struct worker *w, size_t n)
{
	for (; n > 0 && w->cold.count > 0; n--)
		stream_tick(next_cold(w, &w->sweep.timing));
}

/*
 * Who has left? While many have, it looks on: else those that come and go would stay for a round each, several times as
 * many as there are.
 */
static void walk_leaving(struct worker *w, size_t n)
{
	struct conn_set *slice = &w->slice;
	size_t left = 0;

	if (n > w->cold.count)
		n = w->cold.count;
	if (!conn_set_reserve(slice, true, n))
		n = slice->capacity; /* fewer at a time: a round takes longer */
	for (size_t i = 0; i < n; i++) {
		slice->conn[i] = next_cold(w, &w->sweep.leaving);
		slice->poll[i] = (struct pollfd){.fd = slice->conn[i]->fd, .events = POLLIN};
	}
	if (n == 0 || !conn_set_poll(slice, n, 0))
		return;
	for (size_t i = 0; i < n; i++) {
		struct conn *c = slice->conn[i];

		if (!slice->poll[i].revents || !conn_is_cold(c))
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
}
