/*
 * test_hub_store_keys.c: what a restart must not forget beside messages: idempotency keys, so that what is sent again
 * does not come twice, and bars, so that who was kicked stays out.
 */
#include "store_fixture.h"

/* ---- keys */

static void a_key_is_known_after_a_start_with_its_first_id(void **state)
{
	struct store s = {0};
	struct publishing again;

	(void)state;
	open_store(&s);
	assert_int_equal(store(&s, "@ann key=k", "one"), 1);
	reopen_store(&s);
	again = try_store(&s, "@ann key=k", "one");
	assert_int_equal(again.result, HUB_OK);
	assert_int_equal(again.seq, 1);
	assert_true(again.offline);
	assert_int_equal(journal_figures(s.f.hub->journal).records, 0);
	assert_retained(&s, "@ann", "1 one");
	s.f.now += IDEMPOTENCY_MS - 1;
	assert_int_equal(store(&s, "@ann key=k", "one"), 1);
	s.f.now += 1;
	assert_true(store(&s, "@ann key=k", "one") > 1);
	close_store(&s);
}

static void a_key_runs_out_over_a_start_of_the_machine(void **state)
{
	struct store s = {.f.now = 5000000, .skew = 1000000000};

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann key=k ttl=86400000", "one");
	close_store(&s);
	s.skew += s.f.now + 11 * MINUTE - 7; /* 11 minutes later, 7 ms after the machine's start */
	s.f.now = 7;
	open_store(&s);
	assert_true(store(&s, "@ann key=k ttl=86400000", "two") > 1);
	assert_retained(&s, "@ann", "1 one, 1048578 two");
	close_store(&s);
}

/* Both were answered as new: both are there, however young the machine is. */
static void a_key_that_was_given_again_later_keeps_both_messages(void **state)
{
	struct store s = {.f.now = 5000000, .skew = 1000000000};

	(void)state;
	open_store(&s);
	assert_int_equal(store(&s, "@ann key=k ttl=86400000", "one"), 1);
	s.f.now += IDEMPOTENCY_MS;
	assert_int_equal(store(&s, "@ann key=k ttl=86400000", "two"), 2);
	reopen_store(&s);
	assert_retained(&s, "@ann", "1 one, 2 two");
	close_store(&s);
	s.skew += s.f.now - 7;
	s.f.now = 7;
	open_store(&s);
	assert_retained(&s, "@ann", "1 one, 2 two");
	assert_int_equal(store(&s, "@ann key=k", "three"), 2);
	close_store(&s);
}

/* One of before the clock was set back lies, by the day's time, in the future: it lasts no longer, nor do those behind it. */
static void no_key_lasts_longer_for_a_clock_that_was_set_back(void **state)
{
	struct store s = {.f.now = 5000000, .skew = 1000000000};
	uint64_t last;

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann key=a", "before");
	s.skew -= 60 * MINUTE;
	hub_set_skew(s.f.hub, s.skew);
	last = store(&s, "@ann key=b", "after");
	reopen_store(&s);
	s.f.now += IDEMPOTENCY_MS - 1;
	assert_int_equal(store(&s, "@ann key=b", "after"), last);
	s.f.now += 1;
	last = store(&s, "@ann key=b", "new");
	assert_true(last > 2);
	assert_int_equal(store(&s, "@ann key=a", "new"), last + 1);
	close_store(&s);
}

/* The journal's thread may still be at a position, which it counts as well. */
static uint32_t add_keys_under_way(struct store *s, int32_t more)
{
	uint32_t keys;

	pthread_mutex_lock(&s->f.hub->lock);
	keys = s->f.hub->keys_under_way += (uint32_t)more;
	pthread_mutex_unlock(&s->f.hub->lock);
	return keys;
}

static void two_at_once_of_one_key_are_one_message(void **state)
{
	struct store s = {0};
	struct ticket before, one, two;
	struct reader ann;

	(void)state;
	open_store(&s);
	(void)attach(&s.f, &ann, "@ann");
	stall_disk();
	submit(&s, &before, "@bob", "before");
	await_stall();
	submit(&s, &one, "@ann key=k ttl=86400000", "one");
	submit(&s, &two, "@ann key=k ttl=86400000", "one");
	release_disk();
	assert_int_equal(await(&one), HUB_OK);
	assert_int_equal(await(&two), HUB_OK);
	assert_int_equal(one.op.seq, 2);
	assert_int_equal(two.op.seq, 2);
	assert_int_equal(two.op.streams, 1);
	assert_reads(&s.f, &ann, "2 one");
	detach(&s.f, &ann);
	assert_int_equal(add_keys_under_way(&s, 0), 0);
	for (int restarts = 0; restarts < 2; restarts++) {
		s.f.now += 11 * MINUTE;
		reopen_store(&s);
		assert_retained(&s, "@ann", "2 one");
	}
	close_store(&s);
}

static void a_refused_publish_leaves_its_key_free(void **state)
{
	struct store s = {0};

	(void)state;
	open_store(&s);
	atomic_store(&writes_fail, true);
	assert_int_equal(try_store(&s, "@ann key=k", "one").result, HUB_STORAGE);
	assert_int_equal(add_keys_under_way(&s, 0), 0);
	atomic_store(&writes_fail, false);
	assert_true(store(&s, "@ann key=k", "two") > 0);
	reopen_store(&s);
	assert_int_equal(hub_figures(s.f.hub).retained, 1);
	close_store(&s);
}

static void beyond_their_bound_nothing_is_written(void **state)
{
	struct store s = {0};
	struct ticket first, further;

	(void)state;
	open_store(&s);
	(void)store(&s, "@ann", "before");
	settle_store(&s);
	(void)add_keys_under_way(&s, IDEMPOTENCY_MAX - 1);
	stall_disk();
	submit(&s, &first, "@ann key=1", "the last");
	submit(&s, &further, "@ann key=2", "too much");
	assert_true(is_done(&further));
	assert_int_equal(further.op.result, HUB_FULL);
	assert_int_equal(s.f.hub->assigned, 2);
	release_disk();
	assert_int_equal(await(&first), HUB_OK);
	assert_int_equal(try_store(&s, "@ann key=2", "too much").result, HUB_FULL);
	assert_int_equal(store(&s, "@ann key=1", "the last"), 2);
	assert_int_equal(store(&s, "@ann", "without"), 3);
	(void)add_keys_under_way(&s, -(IDEMPOTENCY_MAX - 1));
	assert_int_equal(store(&s, "@ann key=2", "now"), 4);
	reopen_store(&s);
	assert_retained(&s, "@ann", "1 before, 2 the last, 3 without, 4 now");
	close_store(&s);
}

/* ---- bars */

static enum hub_result comes(struct store *s, const char *words)
{
	struct reader r;
	struct hub_position at;
	enum hub_result result = try_attach(&s->f, &r, words, &at);

	hub_unsubscribe(s->f.hub, &r, false, s->f.now);
	return result;
}

static void who_was_kicked_stays_out(void **state)
{
	struct store s = {0};

	(void)state;
	open_store(&s);
	assert_int_equal(bar(&s, "ann", 5000), HUB_OK);
	assert_int_equal(bar(&s, "bob", 6000), HUB_OK);
	for (int restarts = 0; restarts < 3; restarts++) {
		reopen_store(&s);
		assert_int_equal(comes(&s, "@ann iat=5000"), HUB_BARRED);
		assert_int_equal(comes(&s, "@ann iat=5001"), HUB_OK);
		assert_int_equal(comes(&s, "@bob iat=6000"), HUB_BARRED);
		assert_int_equal(comes(&s, "@eve iat=1"), HUB_OK);
		assert_int_equal(s.f.hub->bars, 2);
	}
	assert_int_equal(bar(&s, "ann", 7000), HUB_OK);
	assert_int_equal(bar(&s, "bob", 100), HUB_OK); /* a clock that was set back */
	reopen_store(&s);
	assert_int_equal(comes(&s, "@ann iat=7000"), HUB_BARRED);
	assert_int_equal(comes(&s, "@bob iat=6000"), HUB_BARRED);
	close_store(&s);
}

static void the_reason_is_still_known(void **state)
{
	struct store s = {0};
	struct reader ann;
	struct buffer bye = {0};

	(void)state;
	open_store(&s);
	assert_int_equal(bar(&s, "ann", 5000), HUB_OK);
	reopen_store(&s);
	(void)attach(&s.f, &ann, "@ann iat=5001");
	hub_bye(s.f.hub, &ann, &bye);
	buffer_add(&bye, "", 1);
	assert_string_equal(bye.at, "{\"reason\":\"go\"}");
	buffer_free(&bye);
	detach(&s.f, &ann);
	close_store(&s);
}

static void a_kick_that_is_not_stored_holds_at_once_and_says_so(void **state)
{
	struct store s = {0};

	(void)state;
	open_store(&s);
	atomic_store(&writes_fail, true);
	assert_int_equal(bar(&s, "ann", 5000), HUB_STORAGE);
	assert_int_equal(comes(&s, "@ann iat=5000"), HUB_BARRED);
	atomic_store(&writes_fail, false);
	assert_int_equal(bar(&s, "ann", 5000), HUB_OK);
	reopen_store(&s);
	assert_int_equal(comes(&s, "@ann iat=5000"), HUB_BARRED);
	close_store(&s);
}

/* Its segment has to go many times over: it is written again each time. */
static void a_bar_outlives_its_segment(void **state)
{
	struct store s = {.max_bytes = 64 * 1024};
	char data[2000] = "";

	(void)state;
	memset(data, 'x', sizeof data - 1);
	open_store(&s);
	assert_int_equal(bar(&s, "ann", 5000), HUB_OK);
	for (int i = 0; i < 200; i++) {
		(void)store(&s, "@bob", data);
		sweep(&s, s.f.now += 100);
	}
	SWEEP_UNTIL(&s, !segment_exists(1));
	settle_store(&s);
	assert_int_equal(s.f.hub->bars, 1);
	crash_store(&s);
	assert_int_equal(comes(&s, "@ann iat=5000"), HUB_BARRED);
	assert_int_equal(comes(&s, "@ann iat=5001"), HUB_OK);
	close_store(&s);
}

/* Entries that wait for the journal. */
static int queued(struct journal *j)
{
	int count = 0;

	pthread_mutex_lock(&j->lock);
	for (const struct journal_entry *entry = j->first; entry; entry = entry->next)
		count++;
	pthread_mutex_unlock(&j->lock);
	return count;
}

/* A disk that stands still for an hour while bars have to be renewed: each waits once. */
static void bars_do_not_pile_up_before_a_disk_that_stands_still(void **state)
{
	struct store s = {.max_bytes = 64 * 1024};
	struct ticket last;
	char data[2000] = "";

	(void)state;
	memset(data, 'x', sizeof data - 1);
	open_store(&s);
	assert_int_equal(bar(&s, "ann", 5000), HUB_OK);
	assert_int_equal(bar(&s, "bob", 5000), HUB_OK);
	while (newest_segment(s.f.hub->journal) < 3)
		(void)store(&s, "@eve", data);
	settle_store(&s);
	stall_disk();
	submit(&s, &last, "@eve", data);
	await_stall();
	s.f.hub->journal->max_bytes = 1; /* from now on all has to go */
	for (int second = 0; second < 3600; second++)
		sweep(&s, s.f.now += 1000);
	assert_int_equal(queued(s.f.hub->journal), 2);
	release_disk();
	(void)await(&last);
	SWEEP_UNTIL(&s, !segment_exists(1));
	reopen_store(&s);
	assert_int_equal(comes(&s, "@ann iat=5000"), HUB_BARRED);
	assert_int_equal(comes(&s, "@bob iat=5000"), HUB_BARRED);
	close_store(&s);
}

/* Kicks u0, u1, ...: their bars lie in the first segment, which is not the newest any more. */
static void open_with_bars(struct store *s, int bars)
{
	char uid[16];

	open_store(s);
	for (int i = 0; i < bars; i++) {
		(void)snprintf(uid, sizeof uid, "u%d", i);
		assert_int_equal(bar(s, uid, 5000), HUB_OK);
	}
	reopen_store(s);
}

static uint32_t renewals(struct hub *hub)
{
	uint32_t under_way;

	pthread_mutex_lock(&hub->lock);
	under_way = hub->renewals_under_way;
	pthread_mutex_unlock(&hub->lock);
	return under_way;
}

/* Bars of that segment; those of older ones are before them in the ring. */
static int bars_in(struct hub *hub, uint32_t segment)
{
	uint32_t before = 0;
	int count = 0;

	pthread_mutex_lock(&hub->lock);
	for (const struct bar *b = hub->stored_bars.next; b != &hub->stored_bars; b = b->next) {
		assert_true(b->segment >= before);
		before = b->segment;
		count += b->segment == segment;
	}
	pthread_mutex_unlock(&hub->lock);
	return count;
}

static void assert_all_barred(struct store *s, int bars)
{
	char words[32];

	assert_int_equal(s->f.hub->bars, bars);
	for (int i = 0; i < bars; i++) {
		(void)snprintf(words, sizeof words, "@u%d iat=5000", i);
		assert_int_equal(comes(s, words), HUB_BARRED);
	}
}

/* By the journal's thread: what was appended meanwhile is one batch, whose sync stands still as well. */
static void stall_again(struct publishing *op)
{
	stall_disk();
	ticket_done(op);
}

/* The second slice meets a full disk: what it left is written a second later, slice by slice, without another sweep. */
static void many_bars_are_renewed_in_slices(void **state)
{
	enum { SLICE = 1024, BARS = 3 * SLICE + 10 };
	struct store s = {.max_bytes = 4 * 1024 * 1024};
	struct ticket first;

	(void)state;
	open_with_bars(&s, BARS);
	stall_disk();
	submit(&s, &first, "@eve", "hello");
	await_stall();
	s.f.hub->journal->max_bytes = 1; /* from now on all has to go */
	sweep(&s, s.f.now);
	sweep(&s, s.f.now += 1000);
	assert_int_equal(renewals(s.f.hub), SLICE);
	first.op.done = stall_again;
	release_disk();
	assert_int_equal(await(&first), HUB_OK);
	await_stall();
	atomic_store(&writes_fail, true);
	release_disk();
	settle_store(&s);
	assert_int_equal(renewals(s.f.hub), 0);
	assert_int_equal(bars_in(s.f.hub, 1), BARS - SLICE);
	assert_true(segment_exists(1));
	assert_int_equal(bar(&s, "u2000", 4000), HUB_STORAGE); /* it keeps its place, and its time */
	atomic_store(&writes_fail, false);
	sweep(&s, s.f.now += 1000);
	for (int turn = 0; bars_in(s.f.hub, 1); turn++) {
		assert_true(turn < PATIENCE_MS);
		pause_ms(1);
	}
	SWEEP_UNTIL(&s, !segment_exists(1));
	settle_store(&s);
	crash_store(&s);
	assert_all_barred(&s, BARS);
	close_store(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_known_after_a_start_with_its_first_id, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_key_runs_out_over_a_start_of_the_machine, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_key_that_was_given_again_later_keeps_both_messages, prepare,
		                                remove_directory),
		cmocka_unit_test_setup_teardown(no_key_lasts_longer_for_a_clock_that_was_set_back, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(two_at_once_of_one_key_are_one_message, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_refused_publish_leaves_its_key_free, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(beyond_their_bound_nothing_is_written, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(who_was_kicked_stays_out, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(the_reason_is_still_known, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_kick_that_is_not_stored_holds_at_once_and_says_so, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(a_bar_outlives_its_segment, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(bars_do_not_pile_up_before_a_disk_that_stands_still, prepare, remove_directory),
		cmocka_unit_test_setup_teardown(many_bars_are_renewed_in_slices, prepare, remove_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
