/*
 * test_hub_store.c: messages and positions over a restart: what was answered is there again as it was, in its order,
 * and cursors of before stay good; what is gone is said to be a gap.
 */
#include "store_fixture.h"

static void a_publish_is_done_when_it_is_stored(void **state)
{
	struct store s = {0};
	struct ticket first, second;
	struct reader ann;

	(void)state;
	open_store(&s);
	(void)attach(&s.f, &ann, "@ann");
	stall_disk();
	submit(&s, &first, "@ann", "one");
	await_stall();
	submit(&s, &second, "@ann", "two");
	assert_false(is_done(&first) || is_done(&second));
	assert_reads(&s.f, &ann, "");
	release_disk();
	assert_int_equal(await(&second), HUB_OK);
	assert_true(is_done(&first));
	assert_int_equal(first.op.seq, 1);
	assert_int_equal(second.op.seq, 2);
	assert_int_equal(second.op.streams, 1);
	assert_reads(&s.f, &ann, "1 one, 2 two");
	detach(&s.f, &ann);
	close_store(&s);
}

static void what_was_answered_is_there_again_at_its_place(void **state)
{
	struct store s = {0};
	uint64_t one, two;

	(void)state;
	open_store(&s);
	one = store(&s, "@ann", "to ann");
	two = store(&s, "#room", "to the room");
	(void)store(&s, "", "to all");
	(void)store(&s, "@ann @bob @ann #room #hall", "to many");
	(void)store(&s, "@bob", "");
	for (int restarts = 1; restarts <= 3; restarts++) {
		reopen_store(&s);
		assert_retained(&s, "@ann", "1 to ann, 3 to all, 4 to many");
		assert_retained(&s, "@bob #room", "2 to the room, 3 to all, 4 to many, 5 ");
		assert_retained(&s, "@eve #hall", "3 to all, 4 to many");
		assert_returns(&s, "@ann", one, RESET_NONE, "3 to all, 4 to many");
		assert_returns(&s, "@bob #room", two, RESET_NONE, "3 to all, 4 to many, 5 ");
		assert_int_equal(hub_figures(s.f.hub).publishes, 0);
	}
	assert_int_equal(hub_figures(s.f.hub).retained, 5);
	close_store(&s);
}

static void blocks_come_back_byte_for_byte(void **state)
{
	static const char expected[] = "id: 000000-1\nevent: news\ndata: a\ndata: \ndata:  b\n\n";
	struct store s = {0};
	struct ticket t;
	struct buffer large = {0};
	struct reader r;
	struct gather g;

	(void)state;
	open_store(&s);
	submit_event(&s, &t, "@ann", "news", slice_of("a\r\n\n b"));
	assert_int_equal(await(&t), HUB_OK);
	reopen_store(&s);
	(void)attach(&s.f, &r, "@ann from=earliest");
	assert_true(reader_gather(&r, hub_seq(s.f.hub), &g));
	assert_int_equal(g.bytes, strlen(expected));
	assert_memory_equal(g.block[0].iov_base, expected, g.bytes);
	detach(&s.f, &r);

	/* A megabyte, of the most lines and the most bytes above 127. */
	for (int i = 0; i < 1 << 18; i++)
		buffer_add_text(&large, "\n\xc3\xa9\n");
	s.f.limits.history_bytes = 1 << 30;
	reopen_store(&s);
	submit_event(&s, &t, "@bob", "", (struct slice){large.at, large.len});
	assert_int_equal(await(&t), HUB_OK);
	reopen_store(&s);
	(void)attach(&s.f, &r, "@bob from=earliest");
	assert_true(reader_gather(&r, hub_seq(s.f.hub), &g));
	assert_true(g.bytes > large.len + 6 * (1 << 19));
	detach(&s.f, &r);
	buffer_free(&large);
	close_store(&s);
}

static void the_epoch_is_kept(void **state)
{
	static const unsigned char seed[32] = {1, 2, 3, 4, 5, 6};
	struct store s = {0};
	uint64_t lost;
	struct journal_options options = {.directory = directory};

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "one");
	close_store(&s);
	s.f.hub = hub_open(&s.f.limits, seed);
	assert_memory_not_equal(hub_epoch(s.f.hub), "000000", 6);
	assert_true(hub_use_journal(s.f.hub, &options, 1000, 0, &lost, last_error, sizeof last_error));
	assert_memory_equal(hub_epoch(s.f.hub), "000000", 6);
	close_store(&s);
}

static void a_start_goes_on_beyond_what_may_have_been_seen(void **state)
{
	struct store s = {0};

	(void)state;
	open_store(&s);
	assert_int_equal(store(&s, "@ann", "one"), 1);
	settle_store(&s); /* the position, too */
	reopen_store(&s);
	assert_int_equal(hub_seq(s.f.hub), 1 + SKIP);
	assert_returns(&s, "@ann", 1 + SKIP, RESET_NONE, "");
	assert_returns(&s, "@ann", 2 + SKIP, RESET_RESTART, "1 one");
	assert_int_equal(store(&s, "@ann", "two"), 2 + SKIP);
	reopen_store(&s);
	assert_returns(&s, "@ann", 1, RESET_NONE, "1048578 two");
	assert_int_equal(store(&s, "@ann", "three"), 3 + 2 * SKIP);
	close_store(&s);
}

static void the_cursor_of_a_transient_message_outlives_a_crash(void **state)
{
	struct store s = {0};
	uint64_t seen;

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "kept");
	settle_store(&s);
	for (int crashes = 0; crashes < 3; crashes++) {
		struct reader ann;

		(void)attach(&s.f, &ann, "@ann");
		for (int i = 0; i < 100; i++)
			seen = store(&s, "@ann ttl=0", "gone");
		detach(&s.f, &ann);
		crash_store(&s);
		assert_returns(&s, "@ann", seen, RESET_NONE, "");
		assert_true(store(&s, "#room ttl=0", "next") > seen);
	}
	assert_retained(&s, "@ann", "1 kept");
	close_store(&s);
}

/* With nothing but transient messages, and no record before the crash: the same ids must not be given out again. */
static void no_seq_is_given_out_twice_when_nothing_was_recorded(void **state)
{
	struct store s = {0};
	struct reader ann;
	uint64_t seen;

	(void)state;
	open_store(&s);
	atomic_store(&writes_fail, true); /* the header is there: the epoch is kept */
	(void)attach(&s.f, &ann, "@ann");
	seen = store(&s, "@ann ttl=0", "gone");
	assert_reads(&s.f, &ann, "1 gone");
	detach(&s.f, &ann);
	settle_store(&s);
	atomic_store(&writes_fail, false);
	crash_store(&s);
	assert_true(store(&s, "@ann", "kept") > seen);
	close_store(&s);
}

static void what_expired_meanwhile_is_a_gap(void **state)
{
	struct store s = {0};

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann ttl=5000", "short");
	(void)store(&s, "@ann ttl=50000", "long");
	close_store(&s);
	s.f.now += 4999;
	open_store(&s);
	assert_returns(&s, "@ann", 0, RESET_NONE, "1 short, 2 long");
	close_store(&s);
	s.f.now += 1;
	open_store(&s);
	assert_returns(&s, "@ann", 0, RESET_GAP, "2 long");
	assert_returns(&s, "@ann", 1, RESET_NONE, "2 long");
	close_store(&s);
}

/* The monotonic clock begins anew with the machine: what counts is the day's. */
static void a_ttl_goes_on_over_a_start_of_the_machine(void **state)
{
	struct store s = {.f.now = 500000, .skew = 1000000};

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann ttl=9000", "short");
	(void)store(&s, "@ann ttl=30000", "long");
	(void)store(&s, "@ann", "usual");
	close_store(&s);
	s.skew += s.f.now + 10000 - 7; /* 10 s later, 7 ms after the machine's start */
	s.f.now = 7;
	open_store(&s);
	assert_returns(&s, "@ann", 0, RESET_GAP, "2 long, 3 usual");
	assert_returns(&s, "@ann", 1, RESET_NONE, "2 long, 3 usual");
	s.f.now += 20000;
	assert_returns(&s, "@ann", 1, RESET_GAP, "3 usual");
	close_store(&s);

	/* A clock that was set back keeps them longer, and nothing else. */
	s.skew -= 500000;
	open_store(&s);
	assert_retained(&s, "@ann", "1 short, 2 long, 3 usual");
	close_store(&s);
}

/* A machine without a clock of its own: the day's time is behind the monotonic one. */
static void the_day_may_be_younger_than_the_machine(void **state)
{
	struct store s = {.f.now = 500000, .skew = -400000};
	struct slice never = slice_of("@ann ttl=9223372036854775807");

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "usual");
	(void)store(&s, never.at, "for ever");
	reopen_store(&s);
	assert_retained(&s, "@ann", "1 usual, 2 for ever");
	close_store(&s);
}

static void what_is_not_retained_does_not_come_back(void **state)
{
	struct store s = {0};

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann ttl=0", "one");
	(void)store(&s, "@ann ttl=0 key=k", "two");
	(void)store(&s, "@ann", "three");
	reopen_store(&s);
	assert_returns(&s, "@ann", 0, RESET_NONE, "3 three");
	assert_int_equal(store(&s, "@ann ttl=0 key=k", "two"), 2);
	close_store(&s);
}

static void what_history_dropped_is_a_gap_after_a_start_too(void **state)
{
	struct store s = {.f.limits = {.history_ttl = MINUTE, .history_count = 2, .history_bytes = 1 << 20,
	                               .max_lag = 4096, .max_streams = 9, .max_streams_per_uid = 9}};

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "1");
	(void)store(&s, "@ann", "2");
	(void)store(&s, "@ann", "3");
	(void)store(&s, "@ann", "4");
	(void)store(&s, "@bob", "5");
	reopen_store(&s);
	assert_int_equal(hub_figures(s.f.hub).retained, 3);
	assert_returns(&s, "@ann", 1, RESET_GAP, "3 3, 4 4");
	assert_returns(&s, "@ann", 2, RESET_NONE, "3 3, 4 4");
	assert_returns(&s, "@bob", 0, RESET_NONE, "5 5");
	close_store(&s);

	/* With room for one message in all, the newest is what is left. */
	s.f.limits.history_bytes = 200;
	open_store(&s);
	assert_returns(&s, "@ann", 3, RESET_GAP, "");
	assert_returns(&s, "@ann", 4, RESET_NONE, "");
	assert_returns(&s, "@bob", 0, RESET_NONE, "5 5");
	close_store(&s);
}

static void after_a_repair_a_gap_is_said(void **state)
{
	struct store s = {0};
	struct buffer file = {0};

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "one");
	(void)store(&s, "@ann", "two");
	(void)store(&s, "@ann", "three");
	close_store(&s);
	read_segment(1, &file);
	for (size_t i = 0; i + 3 < file.len; i++)
		if (memcmp(file.at + i, "two", 3) == 0)
			file.at[i] ^= 1;
	write_segment(1, file.at, file.len);
	buffer_free(&file);
	assert_false(try_open(&s));
	assert_int_equal(journal_check(directory, true), 0);
	open_store(&s);
	assert_returns(&s, "@ann", 1, RESET_GAP, "3 three");
	close_store(&s);
}

static void a_ttl_runs_by_the_day_also_when_the_clock_is_set(void **state)
{
	struct store s = {.skew = 1000000};

	(void)state;
	open_store(&s);
	s.skew += 3600000; /* the machine slept for an hour, or its clock was an hour behind */
	hub_set_skew(s.f.hub, s.skew);
	(void)store(&s, "@ann ttl=60000", "one");
	s.f.now += 1000;
	reopen_store(&s);
	assert_returns(&s, "@ann", 0, RESET_NONE, "1 one");
	close_store(&s);
}

/*
 * After a power cut, but under `always`, what was answered may be gone: whoever comes back is told, also later, and who
 * comes anew is not. Without one, and after an end in good order, nothing is gone.
 */
static void what_a_power_cut_may_have_taken_is_a_gap(void **state)
{
	static const enum journal_sync modes[] = {JOURNAL_ALWAYS, JOURNAL_EVERY, JOURNAL_NEVER};

	(void)state;
	for (int variant = 0; variant < 3 * 4; variant++) {
		struct store s = {.sync = modes[variant / 4], .interval_ms = MINUTE};
		bool power_cut = variant & 1, in_order = variant & 2;
		enum reset expected = power_cut && !in_order && s.sync != JOURNAL_ALWAYS ? RESET_GAP : RESET_NONE;
		uint64_t one, now;

		empty_directory();
		open_store(&s);
		one = store(&s, "@ann", "one");
		settle_store(&s);
		if (in_order)
			close_store(&s);
		else
			end_by_crash(&s);
		(void)chmod(directory, 0700);
		if (power_cut)
			start_machine();
		open_store(&s);
		now = hub_seq(s.f.hub);
		assert_returns(&s, "@ann", one - 1, expected, "1 one");
		assert_returns(&s, "@ann", one, expected, "");
		assert_returns(&s, "@bob", one + 1000, expected, ""); /* of a message that may have been there */
		assert_returns(&s, "@bob", now, RESET_NONE, "");
		for (int restarts = 0; restarts < 2; restarts++) {
			SWEEP_UNTIL(&s, position_of(&s) >= now);
			crash_store(&s);
			assert_returns(&s, "@ann", one, expected, "");
			assert_returns(&s, "@bob", one + 1000, expected, "");
			assert_returns(&s, "@bob", now, RESET_NONE, "");
		}
		close_store(&s);
	}
}

/* Nor is what was answered before a sync that failed. */
static void what_a_failed_sync_has_taken_is_a_gap(void **state)
{
	struct store s = {.sync = JOURNAL_EVERY, .interval_ms = 1};
	uint64_t one;

	(void)state;
	open_store(&s);
	one = store(&s, "@ann", "one");
	settle_store(&s);
	pause_ms(20); /* for a sync; should that not be over yet, the segment is lost whole, which shows, too */
	atomic_store(&one_sync_fails, true);
	(void)store(&s, "@ann", "lost");
	SWEEP_UNTIL(&s, hub_journal_figures(s.f.hub).failures > 0 && !hub_journal_figures(s.f.hub).failing);
	(void)store(&s, "@ann", "kept");
	settle_store(&s);
	assert_int_equal(reset_of(&s, "@ann", one), RESET_NONE); /* it is in memory */
	crash_store(&s);
	assert_int_equal(reset_of(&s, "@ann", one), RESET_GAP);
	close_store(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_publish_is_done_when_it_is_stored, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(what_was_answered_is_there_again_at_its_place, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(blocks_come_back_byte_for_byte, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(the_epoch_is_kept, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_start_goes_on_beyond_what_may_have_been_seen, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(the_cursor_of_a_transient_message_outlives_a_crash, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(no_seq_is_given_out_twice_when_nothing_was_recorded, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(what_expired_meanwhile_is_a_gap, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_ttl_goes_on_over_a_start_of_the_machine, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(the_day_may_be_younger_than_the_machine, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(what_is_not_retained_does_not_come_back, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(what_history_dropped_is_a_gap_after_a_start_too, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(after_a_repair_a_gap_is_said, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_ttl_runs_by_the_day_also_when_the_clock_is_set, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(what_a_power_cut_may_have_taken_is_a_gap, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(what_a_failed_sync_has_taken_is_a_gap, prepare, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
