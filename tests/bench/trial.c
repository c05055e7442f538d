#include "trial.h"

#include "storm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static const int64_t second = 1000000000;
static const int64_t grace = 100000000; /* ns in which a doubled message would still come */

/* xorshift64: the same targets in every run. */
static size_t next_target(struct trial *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return (size_t)(t->random % (t->plan->streams - t->plan->slow));
}

/* Whom the next message is for; SIZE_MAX: everyone. */
static size_t choose_target(struct trial *t)
{
	static const double top = 18446744073709551616.0; /* 2^64 */
	size_t target;

	if (t->plan->mode == TRIAL_FANOUT)
		return SIZE_MAX;
	target = next_target(t);
	/* Multiplied, so that its low digits, which chose the target, do not choose this too. */
	if (t->plan->mode == TRIAL_MIXED && (double)(t->random * 0x9e3779b97f4a7c15u) < t->plan->everyone * top)
		return SIZE_MAX;
	return target;
}

static bool all_arrived(const struct trial *t)
{
	return t->streams.got >= t->streams.owed;
}

static bool is_over(const struct trial *t, int64_t now)
{
	const struct plan *plan = t->plan;

	return (plan->messages && t->published == plan->messages) ||
	       (double)(now - t->start) >= plan->seconds * (double)second;
}

/* When the next publish is due; INT64_MAX: only an arrival or an answer can tell. */
static int64_t next_due(const struct trial *t, int64_t now)
{
	const struct plan *plan = t->plan;

	if (t->publishers.busy == t->publishers.count || is_over(t, now))
		return INT64_MAX;
	if (plan->rate > 0)
		return t->start + (int64_t)((double)t->published / plan->rate * (double)second);
	if (plan->interval < 0)
		return now;
	if (t->publishers.busy || !all_arrived(t))
		return INT64_MAX;
	return t->published ? t->end + plan->interval : t->start;
}

bool trial_publish(struct trial *t, size_t target, int64_t stamp)
{
	const struct mark mark = {(uint32_t)t->published++, stamp};
	struct request *request = target == SIZE_MAX ? &t->all : &t->single;

	request_stamp(request, target == SIZE_MAX ? 0 : (unsigned)target, mark);
	streams_owe(&t->streams, target, mark.number);
	return publishers_send(&t->publishers, request);
}

/*
 * Publishes what is due, then reads for a while. False when it cannot go on. With a rate the stamp is when the publish
 * was due, not when it could be sent: what a slow answer delays counts as latency instead of vanishing from the record
 * (coordinated omission).
 */
static bool step(struct trial *t)
{
	const uint64_t got = t->streams.got, answered = t->publishers.answered;
	int64_t now = now_ns(), due, wait = second / 10;

	while ((due = next_due(t, now)) <= now)
		if (!trial_publish(t, choose_target(t), t->plan->rate > 0 ? due : now))
			return false;
	if (due - now < wait)
		wait = due - now;
	streams_receive(&t->streams, wait);
	if (!publishers_receive(&t->publishers))
		return false;
	if (t->streams.got != got || t->publishers.answered != answered)
		t->end = now_ns();
	return !t->streams.gone;
}

void trial_read_until(struct trial *t, int64_t until)
{
	for (int64_t now = now_ns(); now < until && !t->streams.gone; now = now_ns())
		streams_receive(&t->streams, until - now);
}

static bool out_of_patience(struct trial *t)
{
	if (now_ns() - t->end <= (int64_t)TRIAL_PATIENCE_S * second)
		return false;
	t->fault = t->publishers.busy ? "a publish was not answered" : NULL; /* lost ones are counted, no fault */
	return true;
}

bool trial_finish(struct trial *t, bool arrived)
{
	uint64_t got, answered;

	for (t->end = now_ns(); t->publishers.busy || (arrived && !all_arrived(t));) {
		got = t->streams.got;
		answered = t->publishers.answered;
		streams_receive(&t->streams, second / 10);
		if (!publishers_receive(&t->publishers) || t->streams.gone)
			return false;
		if (t->streams.got != got || t->publishers.answered != answered)
			t->end = now_ns();
		else if (out_of_patience(t))
			return !t->fault;
	}
	return true;
}

static bool send_messages(struct trial *t)
{
	for (;;) {
		if (!step(t))
			return false;
		if (is_over(t, now_ns()) && t->publishers.busy == 0 && all_arrived(t))
			return true;
		if ((t->publishers.busy || !all_arrived(t)) && out_of_patience(t))
			return !t->fault;
	}
}

static int compare(const void *a, const void *b)
{
	const int64_t *one = a, *other = b;

	return (*one > *other) - (*one < *other);
}

static int64_t median(int64_t *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return values[count / 2];
}

/*
 * Closes some streams and opens them again, over and over. What they take goes up and down by a quarter meanwhile: so memory
 * is the median of many looks, and that of the last quarter of the time is held against that of the second.
 */
static bool churn(struct trial *t)
{
	const int64_t whole = (int64_t)(t->plan->seconds * (double)second);
	int64_t memory[TRIAL_CHURN_LOOKS];
	size_t looks = 0, quarter;

	for (int64_t now = t->start; now - t->start < whole; now = now_ns()) {
		for (size_t i = 0; i < TRIAL_CHURN_EACH; i++)
			streams_close(&t->streams, next_target(t));
		if (!streams_open(&t->streams, &t->plan->public))
			return false;
		t->opened += TRIAL_CHURN_EACH;
		if (looks < TRIAL_CHURN_LOOKS && now - t->start >= whole / TRIAL_CHURN_LOOKS * (int64_t)looks)
			memory[looks++] = meter_memory(&t->plan->meter);
		trial_read_until(t, now + second / 50);
	}
	t->end = now_ns();
	quarter = looks / 4;
	if (quarter) {
		t->memory[1] = median(memory + quarter, quarter);
		t->memory[2] = median(memory + looks - quarter, quarter);
	}
	return true;
}

static bool open_all(struct trial *t)
{
	const struct plan *plan = t->plan;
	int64_t start, cpu;
	bool good;

	t->memory[0] = meter_memory(&plan->meter);
	cpu = meter_cpu_ns(&plan->meter);
	start = now_ns();
	good = streams_open(&t->streams, &plan->public);
	t->open_ns = now_ns() - start;
	t->open_cpu = meter_cpu_ns(&plan->meter) - cpu;
	if (good)
		trial_read_until(t, now_ns() + plan->settle);
	t->memory[1] = meter_memory(&plan->meter);
	return good && !t->streams.gone;
}

static bool prepare_to_publish(struct trial *t)
{
	const struct plan *plan = t->plan;

	if (!request_publish(&t->single, &plan->templates, false) || !request_publish(&t->all, &plan->templates, true)) {
		t->fault = "bad template for publishing";
		return false;
	}
	if (!publishers_open(&t->publishers, plan->connections, &plan->api))
		return false;
	for (size_t i = 0; i < plan->connections; i++)
		if (!streams_watch(&t->streams, t->publishers.all[i].fd))
			return false;
	/* Lets the server accept them, so that it does not do so within the measurement. */
	trial_read_until(t, now_ns() + second / 50);
	return true;
}

static bool act(struct trial *t)
{
	switch (t->plan->mode) {
	case TRIAL_CONNECT:
		return true;
	case TRIAL_IDLE:
		trial_read_until(t, t->start + (int64_t)(t->plan->seconds * (double)second));
		t->end = now_ns();
		return true;
	case TRIAL_CHURN:
		return churn(t);
	case TRIAL_STORM:
		return storm_run(t);
	default:
		return send_messages(t);
	}
}

static bool measure(struct trial *t)
{
	const struct plan *plan = t->plan;
	bool good;

	if (plan->mode == TRIAL_STORM && !storm_prepare(t))
		return false;
	t->cpu = meter_cpu_ns(&plan->meter);
	t->own_cpu = meter_own_cpu_ns();
	t->start = t->end = now_ns();
	good = act(t);
	t->cpu = meter_cpu_ns(&plan->meter) - t->cpu;
	t->own_cpu = meter_own_cpu_ns() - t->own_cpu;
	if (plan->mode != TRIAL_CHURN)
		t->memory[2] = meter_memory(&plan->meter);
	t->peak = meter_peak(&plan->meter);
	if (good && plan->mode > TRIAL_CHURN)
		trial_read_until(t, now_ns() + grace);
	return good && !t->streams.gone;
}

static void set_up_streams(struct trial *t)
{
	const struct plan *plan = t->plan;

	t->streams.kind = plan->wire;
	t->streams.count = plan->streams;
	t->streams.slow = plan->slow;
	t->streams.window = STREAMS_OPENING;
	t->streams.ascending = plan->connections == 1;
	t->streams.cursors = plan->mode == TRIAL_STORM;
	t->streams.templates = &plan->templates;
}

bool trial_run(struct trial *t, const struct plan *plan)
{
	bool good;

	memset(t, 0, sizeof(*t));
	t->plan = plan;
	t->random = 0x9e3779b97f4a7c15u;
	t->publishers.epoll = -1;
	(void)prctl(PR_SET_TIMERSLACK, 1UL); /* else a rate is kept to 50 us only, which is no failure */
	set_up_streams(t);
	good = streams_init(&t->streams, plan->templates.content) && open_all(t) &&
	       (plan->mode <= TRIAL_CHURN || prepare_to_publish(t)) && measure(t);
	if (!good && !t->fault)
		t->fault = *t->streams.fault ? t->streams.fault : t->publishers.fault;
	return good;
}

void trial_free(struct trial *t)
{
	publishers_close(&t->publishers);
	streams_free(&t->streams);
	buffer_free(&t->single.text);
	buffer_free(&t->all.text);
}
