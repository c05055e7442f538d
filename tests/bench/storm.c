#include "storm.h"

static const int64_t second = 1000000000;

/* Waits for a publisher that is idle. */
static bool publish(struct trial *t, size_t target)
{
	const int64_t begin = now_ns();

	while (t->publishers.busy == t->publishers.count) {
		streams_receive(&t->streams, second / 10);
		if (!publishers_receive(&t->publishers))
			return false;
		if (now_ns() - begin > (int64_t)TRIAL_PATIENCE_S * second) {
			t->fault = "a publish was not answered";
			return false;
		}
	}
	return trial_publish(t, target, now_ns());
}

static bool publish_missed(struct trial *t)
{
	for (uint64_t i = 0; i < t->plan->missed; i++) {
		if (!t->plan->each && !publish(t, SIZE_MAX))
			return false;
		for (size_t k = 0; t->plan->each && k < t->plan->streams; k++)
			if (!publish(t, k))
				return false;
	}
	return trial_finish(t, false);
}

bool storm_prepare(struct trial *t)
{
	if (!publish(t, SIZE_MAX) || !trial_finish(t, true))
		return false;
	for (size_t i = 0; i < t->plan->streams; i++)
		streams_close(&t->streams, i);
	/* So long a server may take to see that they left. */
	trial_read_until(t, now_ns() + t->plan->settle);
	if (!publish_missed(t))
		return false;
	t->before = t->streams.got;
	*t->streams.latency = (struct histogram){0};
	t->streams.window = STORM_WINDOW;
	return true;
}

bool storm_run(struct trial *t)
{
	t->streams.since = now_ns();
	if (!streams_open(&t->streams, &t->plan->public))
		return false;
	t->opened = t->streams.open;
	t->open_ns = now_ns() - t->start;
	return trial_finish(t, true);
}
