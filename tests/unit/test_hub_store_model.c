/*
 * test_hub_store_model.c: random publishes, kicks, faults, crashes and starts, against a model that keeps lists.
 *
 * The model knows what was answered. A reader that comes back with any position has to get all of it that is its own and
 * after that position, in order, each once; if it misses one, that has to be said. Nothing else comes.
 */
#include "store_fixture.h"

enum { STEPS = 1000, UIDS = 3, KEYS = 6, MOST = STEPS };

struct published {
	uint64_t seq;
	int64_t expires; /* by the day; 0: transient */
	int uid;         /* UIDS: everyone */
};

struct model {
	struct store s;
	uint32_t random;
	struct published message[MOST];
	size_t messages;
	int64_t barred[UIDS];
	struct {
		uint64_t seq;
		int64_t until; /* by the day */
	} key[KEYS];
	uint64_t newest; /* that was ever answered or said to a reader */
	int starts, crashes, refused, repeated, gaps, whole;
};

static const char *const uids[] = {"ann", "bob", "eve"};

static uint32_t below(struct model *m, uint32_t bound)
{
	m->random = m->random * 1664525 + 1013904223;
	return (m->random >> 8) % bound;
}

static int64_t today(const struct model *m)
{
	return m->s.f.now + m->s.skew;
}

static void publish_one(struct model *m)
{
	static const int64_t ttls[] = {0, 2000, 20000, 86400000};
	int uid = (int)below(m, UIDS + 1), key = (int)below(m, 3 * KEYS);
	int64_t ttl = ttls[below(m, 4)];
	char words[100], data[400] = "";
	struct publishing op;

	memset(data, 'x', below(m, sizeof data));
	(void)snprintf(words, sizeof words, "%s%s ttl=%lld", uid < UIDS ? "@" : "", uid < UIDS ? uids[uid] : "",
	               (long long)ttl);
	if (key < KEYS)
		(void)snprintf(words + strlen(words), 20, " key=%d", key);
	op = try_store(&m->s, words, data);
	if (key < KEYS && m->key[key].until > today(m)) {
		assert_int_equal(op.result, HUB_OK);
		assert_int_equal(op.seq, m->key[key].seq);
		m->repeated++;
		return;
	}
	if (op.result != HUB_OK) {
		assert_int_equal(op.result, HUB_STORAGE);
		/* What is transient waits for a position, which is tried once a second. */
		assert_true(atomic_load(&writes_fail) || atomic_load(&syncs_fail) || (!ttl && key >= KEYS));
		m->refused++;
		return;
	}
	assert_true(op.seq > m->newest);
	m->newest = op.seq;
	m->message[m->messages++] = (struct published){op.seq, ttl ? today(m) + ttl : 0, uid};
	if (key < KEYS) {
		m->key[key].seq = op.seq;
		m->key[key].until = today(m) + IDEMPOTENCY_MS;
	}
}

static void kick_one(struct model *m)
{
	int uid = (int)below(m, UIDS);

	if (bar(&m->s, uids[uid], today(m)) == HUB_OK && m->barred[uid] < today(m))
		m->barred[uid] = today(m);
}

/* Takes the seqs of all that a reader gets. */
static size_t take_all(struct model *m, struct reader *r, uint64_t *seq)
{
	struct gather g;
	size_t count = 0;

	for (; reader_gather(r, hub_seq(m->s.f.hub), &g); reader_advance(r, &g, g.bytes))
		for (size_t i = 0; i < g.blocks; i++)
			seq[count++] = strtoull((char *)g.block[i].iov_base + strlen("id: 000000-"), NULL, 10);
	return count;
}

/* A reader comes back with a position that it may have had. */
static void read_one(struct model *m)
{
	static uint64_t got[MOST];
	int uid = (int)below(m, UIDS);
	uint64_t from = m->messages && below(m, 4) ? m->message[below(m, (uint32_t)m->messages)].seq : m->newest;
	struct hub_position at;
	struct reader r;
	char words[100];
	size_t count, next = 0;
	bool missed = false;

	(void)snprintf(words, sizeof words, "@%s from=000000-%llu iat=%lld", uids[uid], (unsigned long long)from,
	               (long long)m->barred[uid]);
	if (m->barred[uid])
		assert_int_equal(try_attach(&m->s.f, &r, words, &at), HUB_BARRED);
	(void)snprintf(words, sizeof words, "@%s from=000000-%llu iat=%lld", uids[uid], (unsigned long long)from,
	               (long long)today(m) + 1);
	assert_int_equal(try_attach(&m->s.f, &r, words, &at), HUB_OK);
	assert_int_not_equal(at.reset, RESET_RESTART);
	count = take_all(m, &r, got);
	detach(&m->s.f, &r);
	for (size_t i = 0; i < m->messages; i++) {
		const struct published *p = &m->message[i];

		if (p->seq <= from || !p->expires || (p->uid != uid && p->uid != UIDS))
			continue;
		if (next < count && got[next] == p->seq)
			next++;
		else
			missed = true;
	}
	assert_int_equal(next, count); /* nothing twice, nothing in another order, nothing that was not answered */
	assert_true(!missed || at.reset == RESET_GAP);
	m->gaps += at.reset == RESET_GAP;
	m->whole += !missed;
	m->newest = hub_seq(m->s.f.hub) > m->newest ? hub_seq(m->s.f.hub) : m->newest;
}

static void start_again(struct model *m)
{
	bool crash = below(m, 2);
	int64_t day = today(m) + below(m, 3000);

	if (crash) {
		crash_store(&m->s);
		m->crashes++;
	}
	close_store(&m->s);
	if (below(m, 4) == 0) /* the machine, too */
		m->s.f.now = 1 + below(m, 1000);
	m->s.skew = day - m->s.f.now;
	open_store(&m->s);
	m->starts++;
}

static void step(struct model *m)
{
	static atomic_bool *const faults[] = {&writes_fail, &syncs_fail};
	uint32_t what = below(m, 100);

	if (what < 60) {
		publish_one(m);
	} else if (what < 63) {
		kick_one(m);
	} else if (what < 85) {
		read_one(m);
	} else if (what < 95) {
		m->s.f.now += what < 88 ? 1000 + below(m, what < 86 ? IDEMPOTENCY_MS : 1000) : 10;
		sweep(&m->s, m->s.f.now);
	} else if (what < 98) {
		atomic_store(faults[below(m, 2)], true);
	} else if (what < 99) {
		start_again(m);
	}
	if (below(m, 20) == 0) {
		atomic_store(&writes_fail, false);
		atomic_store(&syncs_fail, false);
	}
}

static void random_lives_lose_nothing_that_was_answered(void **state)
{
	static struct model m;

	(void)state;
	for (uint32_t seed = 1; seed <= 4; seed++) {
		empty_directory();
		atomic_store(&writes_fail, false);
		atomic_store(&syncs_fail, false);
		m = (struct model){.random = seed, .s = {.max_bytes = 4 << 20, .skew = 1000000000}};
		open_store(&m.s);
		for (int i = 0; i < STEPS; i++)
			step(&m);
		close_store(&m.s);
		assert_true(m.starts && m.crashes && m.refused > 20 && m.repeated > 20 && m.gaps > 20 && m.whole > 20);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_lives_lose_nothing_that_was_answered, prepare, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
