/*
 * loadgen: opens streams on a push server, publishes to them, and says what came of it, as key=value lines.
 *
 * Status 0: every stream got every message exactly once and in order. 1: something was lost, doubled, out of order or
 * refused. 2: bad options.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "trial.h"

enum { LIFE_MAX_S = 300 }; /* beside what it was told to take; a generator that hangs ends by SIGALRM */

static const char usage[] =
	"usage: loadgen --mode connect|idle|churn|storm|fanout|unicast|mixed --public 127.0.0.1:PORT [--api 127.0.0.1:PORT]\n"
	"  --streams N       (1)     --stream PATH    GET that opens one: %n number, %t token (/events?token=%t)\n"
	"  --slow N          the last N of them never read (0)\n"
	"  --wire KIND       events, poll (pushsse's), nchan (its long-poll) or socket.io (on a WebSocket)\n"
	"  --publish PATH    POST to one uid: %n (/publish)        --publish-all PATH  to everyone\n"
	"  --body TEXT       its body: %n, %m message              --body-all TEXT     to everyone\n"
	"  --connections K   that publish (1)\n"
	"  --seconds S       (1)     --messages M     publish at most so many\n"
	"  --rate R          publishes a second; else as fast as answers come\n"
	"  --everyone P      mixed: per cent that go to everyone (10)\n"
	"  --missed M        storm: messages to everyone that are missed (10)\n"
	"  --missed-each M   storm: messages to each uid that are missed\n"
	"  --interval MS     wait until a message has arrived everywhere, and then so long, before the next\n"
	"  --size BYTES      of a message (100)\n"
	"  --settle MS       between opening and measuring (200)\n"
	"  --pid PID         of the server, for its CPU and memory; may repeat\n"
	"environment: PUSHSSE_SECRET signs %t, PUSHSSE_API_KEY is sent as bearer token\n";

static const char *const modes[] = {"connect", "idle", "churn", "storm", "fanout", "unicast", "mixed", NULL};
static const char *const wires[] = {"events", "poll", "nchan", "socket.io", NULL};

static const struct option names[] = {
	{"mode", required_argument, NULL, 'm'},        {"public", required_argument, NULL, 'l'},
	{"api", required_argument, NULL, 'a'},         {"streams", required_argument, NULL, 'n'},
	{"stream", required_argument, NULL, 'g'},      {"publish", required_argument, NULL, 'p'},
	{"body", required_argument, NULL, 'b'},        {"connections", required_argument, NULL, 'k'},
	{"publish-all", required_argument, NULL, 'A'}, {"body-all", required_argument, NULL, 'B'},
	{"seconds", required_argument, NULL, 's'},     {"messages", required_argument, NULL, 'c'},
	{"rate", required_argument, NULL, 'r'},        {"interval", required_argument, NULL, 'i'},
	{"size", required_argument, NULL, 'z'},        {"settle", required_argument, NULL, 'q'},
	{"slow", required_argument, NULL, 'S'},        {"wire", required_argument, NULL, 'w'},
	{"everyone", required_argument, NULL, 'e'},    {"missed", required_argument, NULL, 'M'},
	{"missed-each", required_argument, NULL, 'E'}, {"pid", required_argument, NULL, 'P'},
	{NULL, 0, NULL, 0},
};

static bool number_within(const char *text, double least, double most, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= least && *out <= most;
}

/* The index of text among the words, up to NULL; -1: it is none of them. */
static int index_of(const char *const *words, const char *text)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], text) == 0)
			return i;
	return -1;
}

static bool set_mode(struct plan *plan, const char *text)
{
	int mode = index_of(modes, text);

	plan->mode = mode < 0 ? TRIAL_CONNECT : (enum trial_mode)mode;
	return mode >= 0;
}

static bool set_wire(struct plan *plan, const char *text)
{
	int wire = index_of(wires, text);

	plan->wire = wire < 0 ? WIRE_EVENTS : (enum wire_kind)wire;
	return wire >= 0;
}

static bool set_text(struct plan *plan, int option, const char *text)
{
	switch (option) {
	case 'm': return set_mode(plan, text);
	case 'w': return set_wire(plan, text);
	case 'l': return net_parse(text, &plan->public);
	case 'a': return net_parse(text, &plan->api);
	case 'g': plan->templates.stream = text; return true;
	case 'p': plan->templates.publish = text; return true;
	case 'b': plan->templates.body = text; return true;
	case 'A': plan->templates.publish_all = text; return true;
	case 'B': plan->templates.body_all = text; return true;
	default:  return false;
	}
}

static bool set_number(struct plan *plan, int option, const char *text)
{
	double value;

	if (!number_within(text, 0, 1e9, &value))
		return false;
	switch (option) {
	case 'n': plan->streams = (size_t)value; return value >= 1 && value <= STREAMS_MAX;
	case 'k': plan->connections = (size_t)value; return value >= 1 && value <= PUBLISHERS_MAX;
	case 'S': plan->slow = (size_t)value; return true;
	case 'e': plan->everyone = value / 100; return value <= 100;
	case 'M': plan->missed = (uint64_t)value; return true;
	case 'E': plan->missed = (uint64_t)value; plan->each = true; return true;
	case 's': plan->seconds = value; return true;
	case 'c': plan->messages = (uint64_t)value; return true;
	case 'r': plan->rate = value; return true;
	case 'i': plan->interval = (int64_t)(value * 1e6); return true;
	case 'q': plan->settle = (int64_t)(value * 1e6); return true;
	case 'z': plan->templates.content = (size_t)value; return value >= MARK_SIZE && value <= 1 << 20;
	case 'P': return meter_add(&plan->meter, (pid_t)value);
	default:  return false;
	}
}

static bool parse(struct plan *plan, int argc, char **argv)
{
	int option, index = 0;

	while ((option = getopt_long(argc, argv, "", names, &index)) != -1) {
		if (option == '?')
			return false;
		if (!set_text(plan, option, optarg) && !set_number(plan, option, optarg)) {
			fprintf(stderr, "loadgen: --%s: %s is not possible\n", names[index].name, optarg);
			return false;
		}
	}
	if (optind != argc || !plan->public.sin_port || (plan->mode > TRIAL_CHURN && !plan->api.sin_port) ||
	    plan->slow >= plan->streams) {
		fputs(usage, stderr);
		return false;
	}
	return true;
}

static bool take_secrets(struct plan *plan)
{
	const char *secret = getenv("PUSHSSE_SECRET");
	char error[256];

	plan->templates.key = getenv("PUSHSSE_API_KEY");
	if (!secret)
		return true;
	plan->templates.ring = keyring_parse(slice_of(secret), error, sizeof(error));
	if (!plan->templates.ring)
		fprintf(stderr, "loadgen: PUSHSSE_SECRET: %s\n", error);
	return plan->templates.ring != NULL;
}

static void print_latency(const struct histogram *h)
{
	static const struct {
		const char *name;
		double share;
	} at[] = {{"p50", 0.5}, {"p99", 0.99}, {"p999", 0.999}};

	for (size_t i = 0; i < sizeof(at) / sizeof(*at); i++)
		printf("%s_us=%.1f\n", at[i].name, (double)histogram_at(h, at[i].share) / 1e3);
	printf("max_us=%.1f\n", (double)h->max / 1e3);
}

static void print_cost(const struct trial *t, double seconds)
{
	double streams = (double)t->streams.count;

	printf("cpu_s=%.6f\ncpu_share=%.5f\n", (double)t->cpu / 1e9, (double)t->cpu / 1e9 / seconds);
	if (t->streams.got > t->before)
		printf("cpu_us_each=%.3f\n", (double)t->cpu / 1e3 / (double)(t->streams.got - t->before));
	printf("open_cpu_us_each=%.2f\n", (double)t->open_cpu / 1e3 / streams);
	printf("memory_before=%lld\n", (long long)t->memory[0]);
	printf("memory_each=%.0f\n", (double)(t->memory[1] - t->memory[0]) / streams);
	printf("memory_each_end=%.0f\n", (double)(t->memory[2] - t->memory[0]) / streams);
	printf("memory_growth=%.0f\n", (double)(t->memory[2] - t->memory[1]) / streams);
	printf("memory_peak=%lld\n", (long long)t->peak);
}

static void print_figures(const struct trial *t)
{
	double seconds = (double)(t->end - t->start) / 1e9, opening = (double)(t->open_ns + 1) / 1e9;
	uint64_t got = t->streams.got - t->before;

	if (seconds <= 0)
		seconds = 1; /* nothing was measured beyond the opening: every rate is 0 */
	printf("streams=%zu\n", t->streams.count);
	if (t->plan->mode == TRIAL_CHURN)
		printf("connects_per_s=%.0f\n", (double)t->opened / seconds);
	else
		printf("connects_per_s=%.0f\n", (double)t->streams.open / opening);
	printf("published=%llu\n", (unsigned long long)t->published);
	printf("deliveries=%llu\n", (unsigned long long)got);
	printf("seconds=%.3f\n", seconds);
	printf("publishes_per_s=%.1f\n", (double)t->published / seconds);
	printf("deliveries_per_s=%.1f\n", (double)got / seconds);
	/* Near 1, the generator is the bottleneck: then the server's rate is a lower bound. */
	printf("own_cpu_share=%.3f\n", (double)t->own_cpu / 1e9 / seconds);
	printf("reads=%llu\nbytes=%llu\n", (unsigned long long)t->streams.reads, (unsigned long long)t->streams.bytes);
	print_latency(t->streams.latency);
	if (t->plan->meter.count)
		print_cost(t, seconds);
}

/* True when every stream got every message exactly once and in order. */
static bool print_verdict(const struct trial *t, bool finished)
{
	struct streams_result r = streams_check(&t->streams);
	const unsigned long long lost = r.lost, doubled = r.doubled, wrong = r.other, torn = t->streams.torn;
	const unsigned long long disordered = t->streams.disordered + r.orders;

	printf("lost=%llu\ndoubled=%llu\nwrong=%llu\ntorn=%llu\ndisordered=%llu\n", lost, doubled, wrong, torn, disordered);
	if (!finished)
		fprintf(stderr, "loadgen: FAILED: %s (%zu streams closed)\n", t->fault, t->streams.gone);
	if (lost || doubled || wrong || torn || disordered)
		fprintf(stderr, "loadgen: NOT EXACTLY ONCE AND IN ORDER: %llu lost, %llu doubled, %llu streams with others' "
		                "messages, %llu torn, %llu out of order\n", lost, doubled, wrong, torn, disordered);
	return finished && !lost && !doubled && !wrong && !torn && !disordered;
}

int main(int argc, char **argv)
{
	static struct trial trial; /* a quarter of a megabyte of answers */
	struct plan plan = {.streams = 1, .connections = 1, .seconds = 1, .interval = -1, .settle = 200000000,
	                    .everyone = 0.1, .missed = 10};
	bool finished, exact = false;

	plan.templates = (struct templates){"/events?token=%t", "/publish", "to=user%n&content=%m",
	                                    "/publish", "to=&content=%m", NULL, NULL, 100};
	if (!parse(&plan, argc, argv) || !take_secrets(&plan))
		return 2;
	(void)alarm(LIFE_MAX_S + (unsigned)plan.seconds); /* says how much was left of an earlier one: there is none */
	if (net_raise_limit() < plan.streams + plan.connections + 16) {
		fprintf(stderr, "loadgen: the descriptor limit is below %zu streams\n", plan.streams);
		return 1;
	}
	finished = trial_run(&trial, &plan);
	if (finished)
		print_figures(&trial);
	if (trial.streams.all)
		exact = print_verdict(&trial, finished);
	trial_free(&trial);
	keyring_release(plan.templates.ring);
	return exact ? 0 : 1;
}
