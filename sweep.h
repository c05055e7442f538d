/*
 * sweep.h: the walks over a worker's cold and cool connections, a slice in each tick. For its own thread.
 *
 * One looks at the time, which is cheap: who is to be pinged, whose time is up. The other asks poll() who has left, which
 * is dear when many sockets have left the cache (0.8 us each, measured): so it goes slower when there are many. The third
 * asks the cool ones whether something has come. A slice is gone over in steps, one a turn, and between two steps the hot
 * set has its turn.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include <stdbool.h>
#include <stddef.h>

struct worker;

enum {
	SWEEP_TIME_ROUND_MS = 1000,  /* within which the time of each cold connection is looked at: 1,024 in a tick, or more */
	SWEEP_LEAVE_ROUND_MS = 8000, /* within which it is seen that one has left; within a tick when there are up to 1,024 */
	SWEEP_STEPS = 8,             /* turns that a slice is spread over: a publisher waits for a step, not for a slice */
	SWEEP_TIME_STEP = 128,       /* connections in a step, at least, */
	SWEEP_LEAVE_STEP = 16,       /* ... and of the dear one, */
	SWEEP_COOL_STEP = 64,        /* ... and of the cool ones */
	SWEEP_COOL = 2048,           /* cool connections in a tick, at most */
	SWEEP_LEAVERS = 16,          /* while one of so many has left, it looks on, up to SWEEP_SLICE in a tick */
	SWEEP_SLICE = 1024           /* cold connections in one slice, at least; of the dear one when there are no more */
};

/* One of the walks. */
struct walk {
	size_t at;          /* where in the set it goes on */
	size_t slice, left; /* connections of this tick's slice, and those of them that are still to come */
};

struct sweep {
	struct walk timing, leaving, cool;
};

/* A tick: the next slices. */
void sweep_begin(struct worker *w);
/* A turn: the next steps. */
void sweep_step(struct worker *w);

static inline bool sweep_is_due(const struct sweep *s)
{
	return s->timing.left || s->leaving.left || s->cool.left;
}

#endif
