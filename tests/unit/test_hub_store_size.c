/*
 * test_hub_store_size.c: which segments stay and which go: the directory stays within its bytes at every moment, and
 * what went with a segment is said to be a gap, also when it went from the middle.
 */
#include "store_fixture.h"

enum { SMALL = 64 * 1024, SEGMENT = SMALL / 8 };

/* Publishes until the journal goes on to another segment; answers the last seq. */
static uint64_t fill_segment(struct store *s, const char *words)
{
	uint32_t number = newest_segment(s->f.hub->journal);
	char data[1024] = "";
	uint64_t seq = 0;

	memset(data, 'x', sizeof data - 1);
	while (newest_segment(s->f.hub->journal) == number)
		seq = store(s, words, data);
	settle_store(s);
	return seq;
}

static void a_hole_in_the_middle_is_a_gap_for_older_cursors_alone(void **state)
{
	struct store s = {.max_bytes = SMALL};
	uint64_t kept, last;

	(void)state;
	open_store(&s);
	kept = store(&s, "@ann ttl=86400000", "kept");
	(void)fill_segment(&s, "@bob ttl=5000");
	last = fill_segment(&s, "@bob ttl=5000"); /* the last one lies in the third segment */
	s.f.now += 5000;
	(void)store(&s, "@ann ttl=86400000", "later");
	SWEEP_UNTIL(&s, !segment_exists(2));
	assert_true(segment_exists(1) && segment_exists(3));
	reopen_store(&s);
	assert_int_equal(reset_of(&s, "@bob", kept), RESET_GAP);
	assert_int_equal(reset_of(&s, "@bob", last - 1), RESET_GAP);
	assert_int_equal(reset_of(&s, "@bob", last), RESET_NONE);
	assert_int_equal(reset_of(&s, "@ann", last), RESET_NONE);
	close_store(&s);
}

static void a_bar_keeps_the_first_segment_and_hides_no_hole(void **state)
{
	struct store s = {.max_bytes = SMALL};
	uint64_t last;

	(void)state;
	open_store(&s);
	assert_int_equal(bar(&s, "eve", 5000), HUB_OK);
	(void)fill_segment(&s, "@bob ttl=5000");
	(void)fill_segment(&s, "@bob ttl=5000");
	last = store(&s, "@bob ttl=5000", "last");
	s.f.now += 5000;
	SWEEP_UNTIL(&s, !segment_exists(2));
	assert_true(segment_exists(1));
	reopen_store(&s);
	assert_int_equal(reset_of(&s, "@bob", 1), RESET_GAP);
	assert_int_equal(reset_of(&s, "@bob", last), RESET_NONE);
	close_store(&s);
}

static void segments_gone_from_the_start_are_a_gap(void **state)
{
	struct store s = {.max_bytes = SMALL};
	uint64_t gone, kept;
	char expected[32];

	(void)state;
	open_store(&s);
	(void)fill_segment(&s, "@bob ttl=5000");
	gone = store(&s, "@bob ttl=5000", "last");
	kept = store(&s, "@ann ttl=86400000", "kept");
	s.f.now += 5000;
	SWEEP_UNTIL(&s, !segment_exists(1));
	reopen_store(&s);
	assert_int_equal(reset_of(&s, "@bob", gone - 1), RESET_GAP);
	assert_int_equal(reset_of(&s, "@bob", gone), RESET_NONE);
	(void)snprintf(expected, sizeof expected, "%u kept", (unsigned)kept);
	assert_returns(&s, "@ann", gone, RESET_NONE, expected);
	close_store(&s);
}

/* After a fault a position may be the first record behind them. */
static void a_position_tells_which_messages_went_before_it(void **state)
{
	struct store s = {0};
	uint64_t last;

	(void)state;
	open_store(&s);
	last = store(&s, "@bob ttl=5000", "gone");
	settle_store(&s);
	atomic_store(&writes_fail, true);
	assert_int_equal(try_store(&s, "@bob", "refused").result, HUB_STORAGE);
	assert_int_equal(try_store(&s, "@bob", "refused").result, HUB_STORAGE); /* in a segment of its own */
	atomic_store(&writes_fail, false);
	s.f.now += 5000;
	SWEEP_UNTIL(&s, !segment_exists(1));
	reopen_store(&s);
	assert_int_equal(reset_of(&s, "@bob", last - 1), RESET_GAP);
	assert_int_equal(reset_of(&s, "@bob", last + 2), RESET_NONE); /* what was refused counts as written */
	close_store(&s);
}

/* For ten minutes and no longer: of a transient message there is nothing else. */
static void a_key_keeps_its_segment(void **state)
{
	struct store s = {.max_bytes = SMALL};

	(void)state;
	open_store(&s);
	assert_int_equal(store(&s, "@ann ttl=0 key=k", "gone"), 1);
	(void)fill_segment(&s, "@bob ttl=5000");
	(void)fill_segment(&s, "@bob ttl=5000");
	s.f.now += IDEMPOTENCY_MS - 1;
	SWEEP_UNTIL(&s, !segment_exists(2));
	assert_true(segment_exists(1));
	reopen_store(&s);
	assert_int_equal(store(&s, "@ann ttl=0 key=k", "gone"), 1);
	s.f.now += 1;
	SWEEP_UNTIL(&s, !segment_exists(1));
	close_store(&s);
}

/* Nothing is retained and nothing remembered: what is left says how far it had come, and that all before is gone. */
static void all_segments_gone_but_the_last_leave_the_position(void **state)
{
	struct store s = {.max_bytes = SMALL};
	uint64_t last;

	(void)state;
	open_store(&s);
	(void)fill_segment(&s, "@bob ttl=5000");
	last = store(&s, "@bob ttl=5000", "last");
	s.f.now += 10000;
	for (int restarts = 0; restarts < 4; restarts++) {
		uint32_t before;

		reopen_store(&s);
		before = newest_segment(s.f.hub->journal) - 1;
		SWEEP_UNTIL(&s, !segment_exists(before) && position_of(&s) == hub_seq(s.f.hub));
		assert_true(hub_seq(s.f.hub) > last);
		assert_int_equal(reset_of(&s, "@bob", last - 1), RESET_GAP);
		assert_int_equal(reset_of(&s, "@bob", hub_seq(s.f.hub)), RESET_NONE);
	}
	assert_true(store(&s, "@bob", "new") > last);
	close_store(&s);
}

/* What lets go of a segment does so once: when all has run out, nothing is held but what holds the position. */
static void every_hold_is_given_back(void **state)
{
	struct store s = {.max_bytes = SMALL};
	struct journal *j;

	(void)state;
	open_store(&s);
	for (int i = 0; i < 3; i++) {
		(void)store(&s, "@ann @bob #room key=a", "one");
		(void)store(&s, "@ann key=b ttl=0", "two");
		(void)store(&s, "", "three");
		assert_int_equal(bar(&s, "eve", 5000), HUB_OK);
		(void)fill_segment(&s, "@ann @bob ttl=5000");
		if (i == 1)
			reopen_store(&s);
	}
	s.f.now += 24 * 60 * MINUTE;
	sweep_all(&s.f);
	sweep_all(&s.f);
	settle_store(&s);
	j = s.f.hub->journal;
	pthread_mutex_lock(&j->lock);
	for (size_t i = 0; i < j->segments; i++) {
		uint32_t number = j->segment[i].number;
		struct audience *eve = audience_find(&s.f.hub->audiences, AUDIENCE_UID, slice_of("eve"));

		assert_int_equal(j->segment[i].held, (number == s.f.hub->position_segment) + (number == eve->bar->segment));
	}
	pthread_mutex_unlock(&j->lock);
	close_store(&s);
}

/* Each is of a key, and to a uid of its own. */
static void what_many_messages_hold_is_let_go_of_in_slices(void **state)
{
	enum { SLICE = 16384, MESSAGES = SLICE + 100 };
	static struct ticket ticket[MESSAGES];
	struct store s = {.max_bytes = 16 * 1024 * 1024}; /* all in one segment */
	uint64_t retained;
	char words[32];

	(void)state;
	open_store(&s);
	s.f.hub->limits.history_bytes = UINT64_MAX;
	for (int i = 0; i < MESSAGES; i++) {
		(void)snprintf(words, sizeof words, "@u%d key=%d", i, i);
		submit(&s, &ticket[i], words, "hello");
	}
	for (int i = 0; i < MESSAGES; i++)
		assert_int_equal(await(&ticket[i]), HUB_OK);
	assert_int_equal(newest_segment(s.f.hub->journal), 1);
	(void)fill_segment(&s, "@ann");
	retained = hub_figures(s.f.hub).retained;
	s.f.hub->journal->max_bytes = 1; /* from now on all has to go */
	sweep(&s, s.f.now);
	assert_int_equal(hub_figures(s.f.hub).retained, retained - SLICE);
	assert_true(segment_exists(1));
	SWEEP_UNTIL(&s, !segment_exists(1));
	assert_true(hub_figures(s.f.hub).retained <= retained - MESSAGES);
	assert_int_equal(store(&s, "@u7 key=7", "hello"), 8); /* it is known nevertheless */
	s.f.now += IDEMPOTENCY_MS;
	assert_true(store(&s, "@u7 key=7", "hello") > MESSAGES);
	close_store(&s);
}

static void the_directory_stays_within_its_bytes(void **state)
{
	struct store s = {.max_bytes = SMALL};
	char data[1500] = "", words[64];

	(void)state;
	memset(data, 'x', sizeof data - 1);
	open_store(&s);
	atomic_store(&measuring, true);
	for (int i = 0; i < 600; i++) {
		if (i % 50 == 0)
			assert_int_equal(bar(&s, i % 100 ? "ann" : "eve", i), HUB_OK);
		(void)snprintf(words, sizeof words, "@u%d ttl=86400000%s%d", i % 10, i % 3 ? " key=" : " from=", i);
		(void)store(&s, words, data);
		if (i % 150 == 149)
			reopen_store(&s);
	}
	settle_store(&s);
	assert_true(largest > SMALL / 2);
	assert_true(largest <= SMALL);
	assert_true(hub_figures(s.f.hub).retained > 10);
	close_store(&s);
}

/*
 * Many publishers at once on a slow disk are one batch, as long as many segments. The bar is written again behind it:
 * for so long its old segment stays, and one that is to be deleted.
 */
static void a_bar_holds_up_nothing_but_its_own_segment(void **state)
{
	enum { PUBLISHERS = 100 };
	static struct ticket ticket[PUBLISHERS];
	struct store s = {.max_bytes = SMALL};
	char data[1500] = "";

	(void)state;
	memset(data, 'x', sizeof data - 1);
	open_store(&s);
	assert_int_equal(bar(&s, "ann", 5000), HUB_OK);
	(void)fill_segment(&s, "@bob");
	atomic_store(&measuring, true);
	stall_disk();
	submit(&s, &ticket[0], "@bob ttl=86400000", data);
	await_stall();
	for (int i = 1; i < PUBLISHERS; i++)
		submit(&s, &ticket[i], "@bob ttl=86400000", data);
	release_disk();
	for (int i = 0; i < PUBLISHERS; i++)
		assert_int_equal(await(&ticket[i]), HUB_OK);
	settle_store(&s);
	atomic_store(&measuring, false);
	assert_true(largest > SMALL / 2);
	assert_true(largest <= SMALL + 2 * SEGMENT);
	close_store(&s);
}

/* A segment that held no message goes, too: nobody has missed anything. */
static void an_idle_server_starts_without_a_gap(void **state)
{
	struct store s = {0};
	uint64_t seen;

	(void)state;
	open_store(&s);
	seen = store(&s, "@ann ttl=86400000", "kept");
	(void)store(&s, "@bob ttl=86400000", "kept");
	for (int restarts = 0; restarts < 4; restarts++) {
		sweep(&s, s.f.now);
		settle_store(&s);
		reopen_store(&s);
	}
	assert_int_equal(reset_of(&s, "@ann", seen), RESET_NONE);
	close_store(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_hole_in_the_middle_is_a_gap_for_older_cursors_alone, prepare,
		                                remove_directory),
		cmocka_unit_test_setup_teardown(a_bar_keeps_the_first_segment_and_hides_no_hole, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(segments_gone_from_the_start_are_a_gap, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_position_tells_which_messages_went_before_it, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_key_keeps_its_segment, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(all_segments_gone_but_the_last_leave_the_position, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(every_hold_is_given_back, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(what_many_messages_hold_is_let_go_of_in_slices, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(the_directory_stays_within_its_bytes, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_bar_holds_up_nothing_but_its_own_segment, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(an_idle_server_starts_without_a_gap, prepare, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
