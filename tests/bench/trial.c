#include "trial.h"

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
	return (size_t)(t->random % t->plan->streams);
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

/*
 * With a rate the stamp is when the publish was due, not when it could be sent: what a slow answer delays counts as
 * latency instead of vanishing from the record (coordinated omission).
 */
static bool publish(struct trial *t, int64_t due, int64_t now)
{
	const struct mark mark = {(uint32_t)t->published++, t->plan->rate > 0 ? due : now};
	size_t target = t->plan->mode == TRIAL_UNICAST ? next_target(t) : SIZE_MAX;

	request_stamp(&t->request, target == SIZE_MAX ? 0 : (unsigned)target, mark);
	streams_owe(&t->streams, target, mark.number);
	return publishers_send(&t->publishers, &t->request);
}

/* Publishes what is due, then reads for a while. False when it cannot go on. */
static bool step(struct trial *t)
{
	const uint64_t got = t->streams.got, answered = t->publishers.answered;
	int64_t now = now_ns(), due, wait = second / 10;

	while ((due = next_due(t, now)) <= now)
		if (!publish(t, due, now))
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

static void read_until(struct trial *t, int64_t until)
{
	for (int64_t now = now_ns(); now < until && !t->streams.gone; now = now_ns())
		streams_receive(&t->streams, until - now);
}

static bool send_messages(struct trial *t)
{
	int64_t now;

	for (;;) {
		if (!step(t))
			return false;
		now = now_ns();
		if (is_over(t, now) && t->publishers.busy == 0 && all_arrived(t))
			return true;
		if (now - t->end > (int64_t)TRIAL_PATIENCE_S * second && (t->publishers.busy || !all_arrived(t))) {
			t->fault = t->publishers.busy ? "a publish was not answered" : NULL;
			return !t->fault;
		}
	}
}

static bool open_all(struct trial *t)
{
	const struct plan *plan = t->plan;
	int64_t start, cpu;
	bool good;

	t->memory[0] = meter_memory(&plan->meter);
	cpu = meter_cpu_ns(&plan->meter);
	start = now_ns();
	good = streams_open(&t->streams, &plan->public, &plan->templates);
	t->open_ns = now_ns() - start;
	t->open_cpu = meter_cpu_ns(&plan->meter) - cpu;
	if (good)
		read_until(t, now_ns() + plan->settle);
	t->memory[1] = meter_memory(&plan->meter);
	return good && !t->streams.gone;
}

static bool prepare_to_publish(struct trial *t)
{
	const struct plan *plan = t->plan;

	if (!request_publish(&t->request, &plan->templates)) {
		t->fault = "bad template for publishing";
		return false;
	}
	if (!publishers_open(&t->publishers, plan->connections, &plan->api))
		return false;
	for (size_t i = 0; i < plan->connections; i++)
		if (!streams_watch(&t->streams, t->publishers.all[i].fd))
			return false;
	/* Lets the server accept them, so that it does not do so within the measurement. */
	read_until(t, now_ns() + second / 50);
	return true;
}

static bool measure(struct trial *t)
{
	const struct plan *plan = t->plan;
	int64_t cpu = meter_cpu_ns(&plan->meter), own_cpu = meter_own_cpu_ns();
	bool good = true;

	t->start = t->end = now_ns();
	if (plan->mode == TRIAL_IDLE) {
		read_until(t, t->start + (int64_t)(plan->seconds * (double)second));
		t->end = now_ns();
	} else if (plan->mode != TRIAL_CONNECT) {
		good = send_messages(t);
	}
	t->cpu = meter_cpu_ns(&plan->meter) - cpu;
	t->own_cpu = meter_own_cpu_ns() - own_cpu;
	t->memory[2] = meter_memory(&plan->meter);
	if (good && plan->mode != TRIAL_IDLE)
		read_until(t, now_ns() + grace);
	return good && !t->streams.gone;
}

bool trial_run(struct trial *t, const struct plan *plan)
{
	bool publishes = plan->mode == TRIAL_FANOUT || plan->mode == TRIAL_UNICAST, good;

	memset(t, 0, sizeof(*t));
	t->plan = plan;
	t->random = 0x9e3779b97f4a7c15u;
	t->publishers.epoll = -1;
	(void)prctl(PR_SET_TIMERSLACK, 1UL); /* else a rate is kept to 50 us only, which is no failure */
	good = streams_init(&t->streams, plan->streams, plan->templates.content) && open_all(t) &&
	       (!publishes || prepare_to_publish(t)) && measure(t);
	if (!good && !t->fault)
		t->fault = *t->streams.fault ? t->streams.fault : t->publishers.fault;
	return good;
}

void trial_free(struct trial *t)
{
	publishers_close(&t->publishers);
	streams_free(&t->streams);
	buffer_free(&t->request.text);
}
