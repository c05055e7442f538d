/*
 * test_hub_store_faults.c: a hub on a disk that fails: what was refused is nowhere, neither now nor after a start, and
 * what comes when the disk is good again is there; closing in the middle; publishers in parallel, for TSan.
 */
#include "store_fixture.h"

#include <sched.h>

static void await_health(struct store *s, bool failing)
{
	for (int waited = 0; hub_journal_figures(s->f.hub).failing != failing; waited++) {
		assert_true(waited < PATIENCE_MS);
		pause_ms(1);
	}
}

static void a_refused_publish_is_nowhere(void **state)
{
	static atomic_bool *const faults[] = {&writes_fail, &syncs_fail};

	(void)state;
	for (int fault = 0; fault < 2; fault++) {
		struct store s = {0};
		struct reader ann;

		empty_directory();
		open_store(&s);
		(void)attach(&s.f, &ann, "@ann #room");
		(void)store(&s, "@ann", "before");
		settle_store(&s);
		atomic_store(faults[fault], true);
		assert_int_equal(try_store(&s, "@ann", "refused").result, HUB_STORAGE);
		assert_int_equal(try_store(&s, "#room key=k", "refused").result, HUB_STORAGE);
		assert_int_equal(try_store(&s, "", "refused").result, HUB_STORAGE);
		assert_int_equal(hub_figures(s.f.hub).publishes, 1);
		assert_true(hub_journal_figures(s.f.hub).failing);
		assert_reads(&s.f, &ann, "1 before");
		assert_int_equal(try_store(&s, "@ann ttl=0", "transient").result, HUB_OK);
		atomic_store(faults[fault], false);
		(void)store(&s, "@ann key=k", "after");
		await_health(&s, false);
		assert_true(hub_journal_figures(s.f.hub).failures > 0);
		detach(&s.f, &ann);
		crash_store(&s);
		(void)attach(&s.f, &ann, "@ann #room from=earliest");
		assert_int_equal(hub_figures(s.f.hub).retained, 2);
		detach(&s.f, &ann);
		close_store(&s);
	}
}

static void it_recovers_by_itself(void **state)
{
	struct store s = {0};

	(void)state;
	open_store(&s);
	atomic_store(&syncs_fail, true);
	assert_int_equal(try_store(&s, "@ann", "refused").result, HUB_STORAGE);
	await_health(&s, true);
	atomic_store(&syncs_fail, false);
	await_health(&s, false); /* within a second, without a publish */
	(void)store(&s, "@ann", "after");
	close_store(&s);
}

static void readers_go_on_in_order_after_a_fault(void **state)
{
	struct store s = {0};
	struct reader ann;

	(void)state;
	open_store(&s);
	(void)attach(&s.f, &ann, "@ann");
	assert_int_equal(store(&s, "@ann", "a"), 1);
	settle_store(&s);
	atomic_store(&writes_fail, true);
	assert_int_equal(try_store(&s, "@ann", "refused").result, HUB_STORAGE);
	atomic_store(&writes_fail, false);
	assert_int_equal(store(&s, "@ann", "b"), 3); /* the seq of the refused one is never given out again */
	assert_int_equal(store(&s, "@ann ttl=0", "c"), 4);
	assert_reads(&s.f, &ann, "1 a, 3 b, 4 c");
	detach(&s.f, &ann);
	close_store(&s);
}

/* As though so many had been published that were not written. */
static void skip_seqs(struct store *s, uint64_t seqs)
{
	pthread_mutex_lock(&s->f.hub->lock);
	s->f.hub->assigned += seqs;
	pthread_mutex_unlock(&s->f.hub->lock);
}

static void positions_are_recorded_between_many_transient_messages(void **state)
{
	struct store s = {0};
	struct reader ann;
	uint64_t seen;

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "kept");
	for (int i = 0; i < 8; i++) {
		uint64_t records = journal_figures(s.f.hub->journal).records;

		skip_seqs(&s, SKIP / 2 - 10);
		(void)attach(&s.f, &ann, "@ann");
		for (int k = 0; k < 20; k++)
			seen = store(&s, "@ann ttl=0", "gone");
		detach(&s.f, &ann);
		assert_true(position_of(&s) + SKIP / 2 >= seen);
		assert_true(journal_figures(s.f.hub->journal).records - records <= 2); /* not one for each */
	}
	crash_store(&s);
	assert_returns(&s, "@ann", seen, RESET_NONE, "");
	assert_true(store(&s, "@ann", "new") > seen);
	close_store(&s);
}

static void what_a_start_would_not_go_beyond_is_refused(void **state)
{
	struct store s = {0};
	struct reader ann;
	uint64_t position;

	(void)state;
	open_store(&s);
	(void)attach(&s.f, &ann, "@ann");
	(void)store(&s, "@ann", "kept");
	position = position_of(&s);
	atomic_store(&writes_fail, true);
	skip_seqs(&s, SKIP - 3 - (s.f.hub->assigned - position));
	assert_int_equal(store(&s, "@ann ttl=0", "one"), position + SKIP - 2);
	assert_int_equal(store(&s, "@ann ttl=0", "two"), position + SKIP - 1);
	assert_int_equal(store(&s, "@ann ttl=0", "the last"), position + SKIP);
	assert_int_equal(try_store(&s, "@ann ttl=0", "one more").result, HUB_STORAGE);
	assert_reads(&s.f, &ann, "1 kept, 1048575 one, 1048576 two, 1048577 the last");
	detach(&s.f, &ann);
	crash_store(&s);
	assert_returns(&s, "@ann", position + SKIP, RESET_NONE, "");

	/* A start has used up what it goes beyond: without a disk it accepts none at all. */
	assert_int_equal(try_store(&s, "@ann ttl=0", "none").result, HUB_STORAGE);
	atomic_store(&writes_fail, false);
	s.f.now += 1000;
	assert_true(store(&s, "@ann ttl=0", "first") > position + SKIP);
	close_store(&s);
}

/* Segments can be begun, but what is written to them fails: it is tried again now and then, not all the time. */
static void a_fault_is_not_run_against(void **state)
{
	struct store s = {0};
	uint64_t failures;

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "kept");
	settle_store(&s);
	atomic_store(&writes_fail, true);
	assert_int_equal(try_store(&s, "@ann", "refused").result, HUB_STORAGE);
	settle_store(&s);
	failures = hub_journal_figures(s.f.hub).failures;
	for (int i = 0; i < 100; i++) {
		sweep(&s, s.f.now += 50);
		settle_store(&s);
	}
	assert_true(hub_journal_figures(s.f.hub).failures - failures <= 2 * 5);
	close_store(&s); /* ends, too */
}

/* What was under way is stored and answered before it ends. */
static void closing_answers_what_is_under_way(void **state)
{
	static struct ticket ticket[50];
	struct store s = {0};

	(void)state;
	open_store(&s);
	for (int i = 0; i < 50; i++)
		submit(&s, &ticket[i], i % 3 ? "@ann" : "@ann ttl=0", "x");
	close_store(&s);
	for (int i = 0; i < 50; i++) {
		assert_true(is_done(&ticket[i]));
		assert_int_equal(ticket[i].op.result, HUB_OK);
		assert_int_equal(ticket[i].op.seq, i + 1);
	}
	open_store(&s);
	assert_int_equal(hub_figures(s.f.hub).retained, 33);
	atomic_store(&writes_fail, true);
	for (int i = 0; i < 50; i++)
		submit(&s, &ticket[i], "@ann", "x");
	close_store(&s);
	for (int i = 0; i < 50; i++)
		assert_int_equal(ticket[i].op.result, HUB_STORAGE);
	atomic_store(&writes_fail, false);
	open_store(&s);
	assert_int_equal(hub_figures(s.f.hub).retained, 33);
	close_store(&s);
}

static void a_start_on_what_is_damaged_gives_all_back(void **state)
{
	struct store s = {0};
	char path[PATH_SIZE];

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "one");
	(void)store(&s, "@ann", "two");
	close_store(&s);
	/* A byte of the first record: a start takes in nothing, says so, and gives all back. */
	segment_path(path, 1);
	{
		struct buffer file = {0};

		read_segment(1, &file);
		file.at[SEGMENT_HEADER + SEGMENT_FRAME + 20] ^= 1;
		write_segment(1, file.at, file.len);
		buffer_free(&file);
	}
	assert_false(try_open(&s));
	assert_non_null(strstr(last_error, path));
}

/* ---- in parallel */

enum { THREADS = 4, EACH = 150 };

struct publisher {
	struct store *store;
	pthread_t thread;
	int number;
	uint64_t seq[EACH];
};

static void *publish_many(void *context)
{
	struct publisher *p = context;
	char words[64];

	for (int i = 0; i < EACH; i++) {
		(void)snprintf(words, sizeof words, "@ann%s%d%s", i % 5 ? " from=" : " key=", p->number * EACH + i,
		               i % 7 ? "" : " ttl=0");
		p->seq[i] = store(p->store, words, "x");
		if (i % 50 == 49)
			assert_int_equal(bar(p->store, "eve", i), HUB_OK);
		if (i % 10 == 0)
			sweep(p->store, 1000);
	}
	return NULL;
}

/* The order of the logs is the order of the seqs, for a reader and after a start; each publisher's is its own. */
static void publishers_in_parallel_are_one_order(void **state)
{
	static struct publisher publisher[THREADS];
	static struct hub_limits wide = {.history_ttl = MINUTE, .history_count = 10000, .history_bytes = 1 << 24,
	                                 .max_lag = 1 << 24, .max_streams = 9, .max_streams_per_uid = 9};
	struct store s = {.f.limits = wide, .max_bytes = 1 << 20};
	struct reader ann;
	struct gather g;
	uint64_t before = 0, count = 0;

	(void)state;
	open_store(&s);
	(void)attach(&s.f, &ann, "@ann");
	for (int i = 0; i < THREADS; i++) {
		publisher[i] = (struct publisher){.store = &s, .number = i};
		assert_int_equal(pthread_create(&publisher[i].thread, NULL, publish_many, &publisher[i]), 0);
	}
	for (int running = THREADS; count < THREADS * EACH || running;) {
		if (!reader_gather(&ann, hub_seq(s.f.hub), &g)) {
			if (running)
				pthread_join(publisher[--running].thread, NULL);
			continue;
		}
		for (size_t i = 0; i < g.blocks; i++) {
			uint64_t seq = strtoull((char *)g.block[i].iov_base + strlen("id: 000000-"), NULL, 10);

			assert_true(seq > before);
			before = seq;
			count++;
		}
		reader_advance(&ann, &g, g.bytes);
	}
	detach(&s.f, &ann);
	for (int i = 0; i < THREADS; i++)
		for (int k = 1; k < EACH; k++)
			assert_true(publisher[i].seq[k] > publisher[i].seq[k - 1]);
	reopen_store(&s);
	(void)attach(&s.f, &ann, "@ann from=earliest");
	for (before = count = 0; reader_gather(&ann, hub_seq(s.f.hub), &g); reader_advance(&ann, &g, g.bytes))
		for (size_t i = 0; i < g.blocks; i++, count++) {
			uint64_t seq = strtoull((char *)g.block[i].iov_base + strlen("id: 000000-"), NULL, 10);

			assert_true(seq > before);
			before = seq;
		}
	assert_int_equal(count, THREADS * (EACH - (EACH + 6) / 7));
	detach(&s.f, &ann);
	close_store(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_refused_publish_is_nowhere, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(it_recovers_by_itself, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(readers_go_on_in_order_after_a_fault, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(positions_are_recorded_between_many_transient_messages, prepare,
		                                remove_directory),
		cmocka_unit_test_setup_teardown(what_a_start_would_not_go_beyond_is_refused, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_fault_is_not_run_against, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(closing_answers_what_is_under_way, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_start_on_what_is_damaged_gives_all_back, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(publishers_in_parallel_are_one_order, prepare, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
