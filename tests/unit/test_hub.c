/* test_hub.c: what the hub does, one behaviour after the other, as transcripts in the words of hub_fixture.h. */
#include "hub_fixture.h"

#include "clock.h"
#include "idempotency.h"

/* ---- who gets what */

static void a_message_reaches_its_audiences(void **state)
{
	struct fixture f = {0};
	struct reader ann, bob;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann #room");
	attach(&f, &bob, "@bob inbox=1");
	assert_int_equal(publish(&f, "@ann", "to ann").streams, 1);
	assert_int_equal(publish(&f, "#room", "to the room").streams, 1);
	assert_int_equal(publish(&f, "", "to all").streams, 2);
	assert_int_equal(publish(&f, "@room #ann", "a uid is no channel").streams, 0);
	assert_reads(&f, &ann, "1 to ann, 2 to the room, 3 to all");
	assert_reads(&f, &ann, "");
	assert_reads(&f, &bob, "3 to all");
	detach(&f, &ann);
	detach(&f, &bob);
	close_hub(&f);
}

static void a_stream_that_matches_twice_gets_it_once(void **state)
{
	struct fixture f = {0};
	struct reader ann, bob;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann #room #hall");
	attach(&f, &bob, "@bob #hall");
	assert_int_equal(publish(&f, "@ann @ann #room #hall #hall", "once").streams, 2);
	assert_int_equal(publish(&f, "#room #hall", "again").streams, 2);
	assert_reads(&f, &ann, "1 once, 2 again");
	assert_reads(&f, &bob, "1 once, 2 again");
	detach(&f, &ann);
	detach(&f, &bob);
	close_hub(&f);
}

static void a_channel_asked_for_twice_is_one(void **state)
{
	struct fixture f = {0};
	struct reader ann;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann #room #hall #room");
	assert_int_equal(publish(&f, "#room", "hello").streams, 1);
	assert_reads(&f, &ann, "1 hello");
	detach(&f, &ann);
	/* Nothing is retained for the hall: leaving it forgets it, once. */
	attach(&f, &ann, "@ann #hall #hall");
	detach(&f, &ann);
	close_hub(&f);
}

static void offline_is_when_no_uid_is_there(void **state)
{
	struct fixture f = {0};
	struct reader ann;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann #room");
	assert_true(publish(&f, "@bob", "x").offline);
	assert_false(publish(&f, "@bob @ann", "x").offline);
	assert_false(publish(&f, "#empty", "x").offline);
	assert_false(publish(&f, "", "x").offline);
	assert_true(publish(&f, "@bob #room", "x").offline);
	detach(&f, &ann);
	assert_true(publish(&f, "@ann", "x").offline);
	close_hub(&f);
}

/* ---- positions */

static void a_cursor_gets_what_came_after_it(void **state)
{
	struct fixture f = {0};
	struct reader ann;
	struct hub_position at;

	(void)state;
	open_hub(&f);
	publish(&f, "@ann", "one");
	publish(&f, "", "two");
	publish(&f, "@bob", "not hers");
	publish(&f, "@ann", "four");
	at = attach(&f, &ann, "@ann from=000000-1");
	assert_int_equal(at.reset, RESET_NONE);
	assert_int_equal(at.seq, 1);
	publish(&f, "@ann", "five");
	assert_reads(&f, &ann, "2 two, 4 four, 5 five");
	detach(&f, &ann);
	assert_int_equal(attach(&f, &ann, "@ann").seq, 5);
	assert_reads(&f, &ann, "");
	detach(&f, &ann);
	assert_int_equal(attach(&f, &ann, "@ann from=earliest").seq, 0);
	assert_reads(&f, &ann, "1 one, 2 two, 4 four, 5 five");
	detach(&f, &ann);
	close_hub(&f);
}

static void other_positions_are_a_restart(void **state)
{
	static const char *const cursors[] = {"000001-1", "000000-99", "000000-", "000000-1x", "garbage", "",
	                                      "000000-99999999999999999999999", "000000 1"};
	struct fixture f = {0};

	(void)state;
	open_hub(&f);
	publish(&f, "@ann", "one");
	publish(&f, "@ann", "two");
	for (size_t i = 0; i < sizeof cursors / sizeof cursors[0]; i++) {
		struct subscribe_request s = {.inbox = &f.inbox[0], .uid = slice_of("ann"),
		                              .cursor = slice_of(cursors[i])};
		struct reader ann = {0};
		struct hub_position at;

		assert_int_equal(hub_subscribe(f.hub, &s, f.now, &ann, &at), HUB_OK);
		assert_int_equal(at.reset, RESET_RESTART);
		assert_reads(&f, &ann, "1 one, 2 two");
		detach(&f, &ann);
	}
	close_hub(&f);
}

static void what_history_dropped_is_a_gap(void **state)
{
	struct fixture f = {.limits = {.history_ttl = FIXTURE_TTL, .history_count = 2, .history_bytes = 1 << 20,
	                               .max_lag = 4096, .max_streams = 10, .max_streams_per_uid = 3}};
	struct reader ann;

	(void)state;
	open_hub(&f);
	publish(&f, "@ann", "one");
	publish(&f, "@ann", "two");
	publish(&f, "@ann", "three");
	assert_int_equal(attach(&f, &ann, "@ann from=000000-0").reset, RESET_GAP);
	assert_reads(&f, &ann, "2 two, 3 three");
	detach(&f, &ann);
	assert_int_equal(attach(&f, &ann, "@ann from=000000-1").reset, RESET_NONE);
	assert_reads(&f, &ann, "2 two, 3 three");
	detach(&f, &ann);
	close_hub(&f);
}

static void bytes_drop_the_oldest_of_all(void **state)
{
	struct fixture f = {.limits = {.history_ttl = FIXTURE_TTL, .history_count = 100, .history_bytes = 600,
	                               .max_lag = 4096, .max_streams = 10, .max_streams_per_uid = 3}};
	struct reader ann, bob;

	(void)state;
	open_hub(&f);
	publish(&f, "@ann", "one");
	publish(&f, "@bob #room", "two");
	for (int i = 0; i < 6; i++) {
		publish(&f, "@bob", "more");
		assert_true(hub_figures(f.hub).retained_bytes <= 600);
	}
	assert_int_equal(attach(&f, &ann, "@ann #room from=000000-0").reset, RESET_GAP);
	assert_reads(&f, &ann, "");
	assert_int_equal(attach(&f, &bob, "@bob from=000000-7").reset, RESET_NONE);
	assert_reads(&f, &bob, "8 more");
	detach(&f, &ann);
	detach(&f, &bob);
	close_hub(&f);
}

static void a_forgotten_audience_leaves_its_floor(void **state)
{
	struct fixture f = {0};
	struct reader ann, bob;

	(void)state;
	open_hub(&f);
	publish(&f, "@ann", "one");
	publish(&f, "@ann", "two");
	f.now += FIXTURE_TTL;
	sweep_all(&f);
	/* As long as one may come back to it, the floor is its own: bob has missed nothing. */
	assert_int_equal(attach(&f, &bob, "@bob from=000000-1").reset, RESET_NONE);
	assert_int_equal(attach(&f, &ann, "@ann from=000000-1").reset, RESET_GAP);
	detach(&f, &ann);
	detach(&f, &bob);
	f.now += FIXTURE_TTL;
	sweep_all(&f);
	assert_int_equal(hub_figures(f.hub).audiences, 1); /* everyone */
	assert_int_equal(attach(&f, &ann, "@ann from=000000-1").reset, RESET_GAP);
	detach(&f, &ann);
	assert_int_equal(attach(&f, &ann, "@ann from=000000-2").reset, RESET_NONE);
	detach(&f, &ann);
	close_hub(&f);
}

/* ---- time to live */

static void ttl_0_is_for_who_is_there(void **state)
{
	struct fixture f = {0};
	struct reader ann, late;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	publish(&f, "@ann", "kept");
	publish(&f, "@ann ttl=0", "now");
	publish(&f, "@nobody ttl=0", "lost");
	assert_int_equal(hub_figures(f.hub).retained, 1);
	assert_int_equal(attach(&f, &late, "@ann from=000000-0").reset, RESET_NONE);
	assert_reads(&f, &late, "1 kept");
	assert_reads(&f, &ann, "1 kept, 2 now");
	detach(&f, &ann);
	detach(&f, &late);
	close_hub(&f);
}

static void what_expired_while_away_is_a_gap(void **state)
{
	struct fixture f = {0};
	struct reader ann;

	(void)state;
	open_hub(&f);
	publish(&f, "@ann ttl=5000", "kept");
	publish(&f, "@ann ttl=1000", "short");
	f.now += 1000;
	assert_int_equal(attach(&f, &ann, "@ann from=000000-0").reset, RESET_GAP);
	assert_reads(&f, &ann, "1 kept");
	detach(&f, &ann);
	assert_int_equal(attach(&f, &ann, "@ann from=000000-2").reset, RESET_NONE);
	detach(&f, &ann);
	close_hub(&f);
}

static void an_attached_reader_is_owed_what_expires(void **state)
{
	struct fixture f = {0};
	struct reader ann;

	(void)state;
	open_hub(&f);
	publish(&f, "@ann ttl=5000", "old");
	attach(&f, &ann, "@ann from=000000-0");
	publish(&f, "@ann ttl=1000", "short");
	publish(&f, "@ann ttl=0", "now");
	f.now += FIXTURE_TTL;
	sweep_all(&f);
	assert_int_equal(hub_figures(f.hub).retained, 0);
	assert_reads(&f, &ann, "1 old, 2 short, 3 now"); /* "old" too: no gap was said when it attached */
	detach(&f, &ann);
	close_hub(&f);
}

/* What had expired when the reader attached stays left out, whatever was sent of the message behind it. */
static void a_begun_block_is_gone_on_with(void **state)
{
	struct fixture f = {0};
	struct reader ann;
	struct gather g;
	char sent[128];

	(void)state;
	open_hub(&f);
	publish(&f, "@ann ttl=9000", "long");
	publish(&f, "@ann ttl=10", "short");
	publish(&f, "@ann ttl=9000", "next");
	f.now += 10;
	assert_int_equal(attach(&f, &ann, "@ann from=000000-1").reset, RESET_GAP);
	assert_true(reader_gather(&ann, hub_seq(f.hub), &g));
	assert_int_equal(g.blocks, 1);
	memcpy(sent, g.block[0].iov_base, 3);
	reader_advance(&ann, &g, 3);
	f.now += 9000;
	assert_true(reader_gather(&ann, hub_seq(f.hub), &g));
	memcpy(sent + 3, g.block[0].iov_base, g.bytes);
	assert_int_equal(g.bytes + 3, strlen("id: 000000-3\ndata: next\n\n"));
	assert_memory_equal(sent, "id: 000000-3\ndata: next\n\n", g.bytes + 3);
	reader_advance(&ann, &g, g.bytes);
	assert_int_equal(reader_lag(&ann), 0);
	detach(&f, &ann);
	close_hub(&f);
}

static void transient_messages_do_not_pile_up(void **state)
{
	struct fixture f = {0};
	struct reader ann;
	char *big = calloc(1, 100001);

	(void)state;
	assert_non_null(big);
	memset(big, 'x', 100000);
	open_hub(&f);
	attach(&f, &ann, "@ann");
	publish(&f, "@ann", "kept: what comes after is in the middle of the log");
	for (int i = 0; i < 50; i++) {
		struct gather g;

		publish(&f, "@ann ttl=0", big);
		while (reader_gather(&ann, hub_seq(f.hub), &g))
			reader_advance(&ann, &g, g.bytes);
	}
	assert_true(ann.own[0].audience->log.weight < 300); /* two or three of them */
	detach(&f, &ann);
	close_hub(&f);
	free(big);
}

/* ---- being slow */

static void a_slow_reader_is_owed_all_and_lags(void **state)
{
	struct fixture f = {.limits = {.history_ttl = FIXTURE_TTL, .history_count = 1, .history_bytes = 1 << 20,
	                               .max_lag = 128, .max_streams = 10, .max_streams_per_uid = 3}};
	struct reader ann;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	for (int i = 0; i < 4; i++)
		publish(&f, "@ann", "x"); /* 22 bytes each, counted as 32 */
	assert_int_equal(reader_lag(&ann), 128);
	assert_false(hub_lags(f.hub, &ann));
	publish(&f, "@ann", "x");
	assert_true(hub_lags(f.hub, &ann));
	assert_reads(&f, &ann, "1 x, 2 x, 3 x, 4 x, 5 x");
	assert_false(hub_lags(f.hub, &ann));
	detach(&f, &ann);
	close_hub(&f);
}

static void a_replay_is_no_lag(void **state)
{
	struct fixture f = {.limits = {.history_ttl = FIXTURE_TTL, .history_count = 100, .history_bytes = 1 << 20,
	                               .max_lag = 100, .max_streams = 10, .max_streams_per_uid = 3}};
	struct reader ann;

	(void)state;
	open_hub(&f);
	for (int i = 0; i < 20; i++)
		publish(&f, "@ann", "x");
	attach(&f, &ann, "@ann from=earliest");
	assert_true(reader_lag(&ann) > 100);
	assert_false(hub_lags(f.hub, &ann));
	detach(&f, &ann);
	close_hub(&f);
}

static void ignore(void *context, struct reader *r)
{
	(void)context;
	(void)r;
}

static void publishers_wait_for_the_workers(void **state)
{
	struct fixture f = {.limits = {.history_ttl = FIXTURE_TTL, .history_count = 100, .history_bytes = 1 << 20,
	                               .max_lag = 100, .max_streams = 10, .max_streams_per_uid = 3}};
	struct reader ann;
	unsigned calms;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	publish(&f, "@ann", "x");
	publish(&f, "@ann", "x");
	assert_false(hub_is_congested(f.hub)); /* 44 bytes */
	publish(&f, "@ann", "x");
	assert_true(hub_is_congested(f.hub));
	hub_take(f.hub, &f.inbox[0], URGENT, ignore);
	assert_true(hub_is_congested(f.hub)); /* until they have it */
	calms = hub_await_calm(f.hub);
	f.wakes[1] = 0;
	assert_int_equal(hub_calms(f.hub), calms);
	hub_round_done(f.hub, &f.inbox[0], URGENT);
	assert_false(hub_is_congested(f.hub));
	assert_int_not_equal(hub_calms(f.hub), calms);
	assert_int_equal(f.wakes[1], 1);
	detach(&f, &ann);
	close_hub(&f);
}

/* More than one visit gives: waiting later would only make what comes arrive later. */
static void publishers_wait_for_many_small_messages(void **state)
{
	struct fixture f = {0};
	struct reader ann;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	for (int i = 0; i < GATHER_MAX_BLOCKS; i++)
		publish(&f, "@ann", "");
	assert_false(hub_is_congested(f.hub));
	publish(&f, "@ann", "");
	assert_true(hub_is_congested(f.hub));
	hub_take(f.hub, &f.inbox[0], URGENT, ignore);
	hub_round_done(f.hub, &f.inbox[0], URGENT);
	assert_false(hub_is_congested(f.hub));
	detach(&f, &ann);
	close_hub(&f);
}

static void finish_fanout(struct fixture *f)
{
	hub_take(f->hub, &f->inbox[0], FANOUT, ignore);
	hub_round_done(f->hub, &f->inbox[0], FANOUT);
}

static void publish_until_congested(struct fixture *f, const char *to, int messages)
{
	for (int i = 0; i < messages; i++)
		publish(f, to, "");
	assert_false(hub_is_congested(f->hub));
	publish(f, to, "");
	assert_true(hub_is_congested(f->hub));
}

/* Those who waited publish again at once: what they send is still to be of one visit with the rest. */
static void publishers_who_waited_leave_room_for_what_they_send(void **state)
{
	struct fixture f = {0};
	struct reader ann;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	publish_until_congested(&f, "", GATHER_MAX_BLOCKS);
	for (int i = 0; i < 24; i++)
		(void)hub_await_calm(f.hub);
	finish_fanout(&f);
	publish_until_congested(&f, "", GATHER_MAX_BLOCKS - 24);
	for (int i = 0; i < GATHER_MAX_BLOCKS + 1; i++) /* more than there is room for: each waits */
		(void)hub_await_calm(f.hub);
	finish_fanout(&f);
	publish_until_congested(&f, "", 0);
	(void)hub_await_calm(f.hub);
	finish_fanout(&f);
	publish_until_congested(&f, "@ann", GATHER_MAX_BLOCKS); /* one uid's are visited at once */
	detach(&f, &ann);
	close_hub(&f);
}

/* As where each request is of another process: one waits, and the next publish comes before what it waits for is given. */
static void publishers_who_come_anew_do_not_put_calm_off_for_ever(void **state)
{
	struct fixture f = {0};
	struct reader ann;
	unsigned calms;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	publish_until_congested(&f, "", GATHER_MAX_BLOCKS);
	for (int i = 0; i < GATHER_MAX_BLOCKS; i++)
		(void)hub_await_calm(f.hub);
	finish_fanout(&f);
	publish_until_congested(&f, "", 0);
	calms = hub_await_calm(f.hub);
	for (int rounds = 0; hub_calms(f.hub) == calms; rounds++) {
		assert_true(rounds < 10);
		hub_take(f.hub, &f.inbox[0], FANOUT, ignore);
		publish(&f, "", "");
		hub_round_done(f.hub, &f.inbox[0], FANOUT);
	}
	detach(&f, &ann);
	close_hub(&f);
}

/* A round of FANOUT tells when its first message was accepted, once; one of URGENT, or without a message, does not. */
static void a_fanout_tells_when_it_began(void **state)
{
	struct fixture f = {0};
	struct reader ann;
	int64_t before, first;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	publish(&f, "@ann", "x");
	hub_take(f.hub, &f.inbox[0], URGENT, ignore);
	assert_int_equal(hub_round_done(f.hub, &f.inbox[0], URGENT), 0);
	assert_int_equal(hub_round_done(f.hub, &f.inbox[0], FANOUT), 0);
	before = clock_microseconds();
	publish(&f, "", "x");
	first = clock_microseconds();
	publish(&f, "", "x");
	hub_take(f.hub, &f.inbox[0], FANOUT, ignore);
	publish(&f, "", "x"); /* is of the next round */
	assert_in_range(hub_round_done(f.hub, &f.inbox[0], FANOUT), before, first);
	assert_int_equal(hub_round_done(f.hub, &f.inbox[0], FANOUT), 0);
	hub_take(f.hub, &f.inbox[0], FANOUT, ignore);
	hub_take(f.hub, &f.inbox[0], FANOUT, ignore);
	assert_in_range(hub_round_done(f.hub, &f.inbox[0], FANOUT), first, clock_microseconds());
	assert_int_equal(hub_round_done(f.hub, &f.inbox[1], FANOUT), 0); /* has no readers */
	detach(&f, &ann);
	close_hub(&f);
}

/* Between a publisher's look and its asking the last round may end: it is woken all the same. */
static void calm_that_came_before_it_was_asked_for_wakes(void **state)
{
	struct fixture f = {0};
	unsigned calms;

	(void)state;
	open_hub(&f);
	calms = hub_await_calm(f.hub);
	assert_int_not_equal(hub_calms(f.hub), calms);
	assert_int_equal(f.wakes[0], 1);
	assert_int_equal(f.wakes[1], 1);
	close_hub(&f);
}

/* ---- marks */

static void note(void *wakes, struct reader *r)
{
	(void)wakes;
	r->lag_limit = 12345; /* any trace will do */
}

static void a_publish_wakes_the_workers_it_concerns(void **state)
{
	struct fixture f = {0};
	struct reader ann, bob;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	attach(&f, &bob, "@bob #room inbox=1");
	publish(&f, "@ann", "x");
	assert_int_equal(f.wakes[0], 1);
	assert_int_equal(f.wakes[1], 0);
	publish(&f, "#room", "x");
	assert_int_equal(f.wakes[0], 1);
	assert_int_equal(f.wakes[1], 1);
	hub_take(f.hub, &f.inbox[0], URGENT, note);
	hub_take(f.hub, &f.inbox[1], URGENT, note);
	assert_int_equal(ann.lag_limit, 12345);
	assert_int_not_equal(bob.lag_limit, 12345);
	hub_take(f.hub, &f.inbox[1], FANOUT, note);
	assert_int_equal(bob.lag_limit, 12345);
	detach(&f, &ann);
	detach(&f, &bob);
	close_hub(&f);
}

static void a_roster_outlives_its_readers_while_stirred(void **state)
{
	struct fixture f = {0};
	struct reader ann;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann #room");
	publish(&f, "#room ttl=0", "x");
	publish(&f, "@ann ttl=0", "x");
	detach(&f, &ann);
	attach(&f, &ann, "@ann #room");
	detach(&f, &ann);
	hub_take(f.hub, &f.inbox[0], URGENT, ignore);
	hub_take(f.hub, &f.inbox[0], FANOUT, ignore);
	close_hub(&f);
}

/* ---- who may be there */

static void too_many_streams_of_a_uid(void **state)
{
	struct fixture f = {0};
	struct reader r[5];

	(void)state;
	open_hub(&f);
	for (int i = 0; i < 5; i++)
		attach(&f, &r[i], i ? "@ann" : "@ann inbox=1");
	assert_int_equal(r[0].verdict, VERDICT_EVICTED);
	assert_int_equal(r[1].verdict, VERDICT_EVICTED);
	assert_int_equal(r[2].verdict, VERDICT_STAYS);
	assert_true(f.wakes[1] > 0); /* the worker of the first one has to act */
	hub_take(f.hub, &f.inbox[1], URGENT, note);
	assert_int_equal(r[0].lag_limit, 12345);
	for (int i = 0; i < 5; i++)
		detach(&f, &r[i]);
	close_hub(&f);
}

static void the_same_client_comes_again(void **state)
{
	struct fixture f = {0};
	struct reader old, other, bob, new;

	(void)state;
	open_hub(&f);
	attach(&f, &old, "@ann cid=tab1 inbox=1");
	attach(&f, &other, "@ann cid=tab2");
	attach(&f, &bob, "@bob cid=tab1");
	attach(&f, &new, "@ann cid=tab1");
	assert_int_equal(old.verdict, VERDICT_REPLACED);
	assert_int_equal(other.verdict, VERDICT_STAYS);
	assert_int_equal(bob.verdict, VERDICT_STAYS);
	assert_int_equal(f.wakes[1], 1); /* the worker of the old one has to act */
	detach(&f, &old);
	detach(&f, &other);
	detach(&f, &bob);
	detach(&f, &new);
	close_hub(&f);
}

static void the_hub_is_full(void **state)
{
	struct fixture f = {.limits = {.history_ttl = FIXTURE_TTL, .history_count = 1, .history_bytes = 1 << 20,
	                               .max_lag = 100, .max_streams = 2, .max_streams_per_uid = 3}};
	struct reader r[3];
	struct hub_position at;

	(void)state;
	open_hub(&f);
	attach(&f, &r[0], "@ann");
	attach(&f, &r[1], "@bob");
	assert_int_equal(try_attach(&f, &r[2], "@eve #room", &at), HUB_FULL);
	detach(&f, &r[2]); /* harmless */
	assert_int_equal(hub_figures(f.hub).audiences, 3);
	detach(&f, &r[0]);
	attach(&f, &r[2], "@eve #room");
	detach(&f, &r[1]);
	detach(&f, &r[2]);
	close_hub(&f);
}

static void a_kick_closes_and_bars(void **state)
{
	struct fixture f = {0};
	struct reader ann, bob;
	struct hub_position at;
	struct buffer bye = {0};

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann iat=1000 inbox=1");
	attach(&f, &bob, "@bob iat=1000");
	assert_int_equal(kick(f.hub, slice_of("ann"), "{\"reason\":\"spam\"}", 2000).streams, 1);
	assert_int_equal(ann.verdict, VERDICT_KICKED);
	assert_int_equal(bob.verdict, VERDICT_STAYS);
	assert_int_equal(f.wakes[1], 1);
	hub_bye(f.hub, &ann, &bye);
	assert_true(slice_is((struct slice){bye.at, bye.len}, "{\"reason\":\"spam\"}"));
	buffer_free(&bye);
	detach(&f, &ann);
	assert_int_equal(try_attach(&f, &ann, "@ann iat=2000", &at), HUB_BARRED);
	/* A clock that was set back does not let older tokens in again. */
	assert_int_equal(kick(f.hub, slice_of("ann"), "{}", 1500).result, HUB_OK);
	assert_int_equal(try_attach(&f, &ann, "@ann iat=1800", &at), HUB_BARRED);
	attach(&f, &ann, "@ann iat=2001");
	detach(&f, &ann);
	detach(&f, &bob);
	close_hub(&f);
}

static void one_who_polls_lingers(void **state)
{
	struct fixture f = {0};
	struct reader poll, stream;

	(void)state;
	open_hub(&f);
	attach(&f, &poll, "@ann poll");
	detach(&f, &poll);
	assert_int_equal(hub_online(f.hub, slice_of("ann")), 1);
	assert_int_equal(hub_presence(f.hub).users, 1);
	assert_false(publish(&f, "@ann", "x").offline);
	attach(&f, &poll, "@ann poll");
	assert_int_equal(hub_online(f.hub, slice_of("ann")), 1);
	attach(&f, &stream, "@ann");
	detach(&f, &poll);
	detach(&f, &stream); /* a stream that goes is gone */
	assert_int_equal(hub_online(f.hub, slice_of("ann")), 1);
	f.now += HUB_LINGER_MS - 1;
	hub_sweep(f.hub, f.now);
	assert_int_equal(hub_online(f.hub, slice_of("ann")), 1);
	f.now++;
	hub_sweep(f.hub, f.now);
	assert_int_equal(hub_online(f.hub, slice_of("ann")), 0);
	assert_int_equal(hub_presence(f.hub).users, 0);
	close_hub(&f);
}

/* What has expired takes no room for long, though nobody reads it or publishes to it again. */
static void what_has_expired_makes_room(void **state)
{
	struct fixture f = {0};
	char uid[24];

	(void)state;
	open_hub(&f);
	for (int i = 0; i < 60; i++) {
		(void)snprintf(uid, sizeof uid, "@%d ttl=1", i);
		publish(&f, uid, "x");
	}
	assert_int_equal(hub_figures(f.hub).retained, 60);
	f.now++;
	hub_sweep(f.hub, f.now);
	assert_int_equal(hub_figures(f.hub).retained_bytes, 0);
	close_hub(&f);
}

static void expect_page(struct fixture *f, const char *after, size_t limit, const char *expected)
{
	struct online_page *page = online_page_new(slice_of(after), limit);
	struct buffer text = {0};

	assert_true(hub_find_online(f->hub, page));
	for (size_t i = 0; i < page->count; i++)
		buffer_printf(&text, "%.*s %u, ", page->uid[i]->len, page->uid[i]->name, (unsigned)page->uid[i]->streams);
	buffer_add(&text, "", 1);
	assert_string_equal(text.at, expected);
	buffer_free(&text);
	free(page);
}

/* Many are looked at some at a time: what others do meanwhile is not held up. */
static void a_page_of_many_is_found_in_steps(void **state)
{
	enum { MANY = 3000 };
	struct fixture f = {.limits = {.history_ttl = FIXTURE_TTL, .history_count = 100, .history_bytes = 1 << 20,
	                               .max_lag = 4096, .max_streams = MANY, .max_streams_per_uid = 3}};
	struct reader *r = test_calloc(MANY, sizeof *r);
	struct online_page *page = online_page_new(slice_of(""), 2);
	char name[16];
	int steps = 1;

	(void)state;
	open_hub(&f);
	for (int i = 0; i < MANY - 1; i++) {
		(void)snprintf(name, sizeof name, "@%04d", MANY - i);
		attach(&f, &r[i], name);
	}
	assert_false(hub_find_online(f.hub, page));
	attach(&f, &r[MANY - 1], "@0001"); /* the table may grow meanwhile */
	while (!hub_find_online(f.hub, page))
		assert_true(++steps < MANY);
	assert_int_equal(page->count, 2);
	free(page);
	for (int i = 0; i < MANY; i++)
		detach(&f, &r[i]);
	test_free(r);
	close_hub(&f);
}

static void pages_of_who_is_online(void **state)
{
	static const char *const names[] = {"@b", "@ab", "@c", "@a", "@\xc3\xa4", "@c"};
	struct fixture f = {0};
	struct reader r[6];

	(void)state;
	open_hub(&f);
	for (int i = 0; i < 6; i++)
		attach(&f, &r[i], names[i]);
	expect_page(&f, "", 3, "a 1, ab 1, b 1, ");
	expect_page(&f, "", 1, "a 1, ");
	expect_page(&f, "b", 3, "c 2, \xc3\xa4 1, ");
	expect_page(&f, "\xc3\xa4", 3, "");
	for (int i = 0; i < 6; i++)
		detach(&f, &r[i]);
	close_hub(&f);
}

/* ---- idempotency */

static void a_key_publishes_once(void **state)
{
	struct fixture f = {0};
	struct reader ann;
	struct publishing op;

	(void)state;
	open_hub(&f);
	attach(&f, &ann, "@ann");
	publish(&f, "@ann key=k1", "first");
	publish(&f, "@ann", "second");
	detach(&f, &ann);
	op = publish(&f, "@bob key=k1", "not published");
	assert_int_equal(op.seq, 1);
	assert_int_equal(op.streams, 1);
	assert_false(op.offline);
	assert_int_equal(hub_seq(f.hub), 2);
	f.now += IDEMPOTENCY_MS;
	assert_int_equal(publish(&f, "@ann key=k1", "third").seq, 3);
	close_hub(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_reaches_its_audiences),
		cmocka_unit_test(a_stream_that_matches_twice_gets_it_once),
		cmocka_unit_test(a_channel_asked_for_twice_is_one),
		cmocka_unit_test(offline_is_when_no_uid_is_there),
		cmocka_unit_test(a_cursor_gets_what_came_after_it),
		cmocka_unit_test(other_positions_are_a_restart),
		cmocka_unit_test(what_history_dropped_is_a_gap),
		cmocka_unit_test(bytes_drop_the_oldest_of_all),
		cmocka_unit_test(a_forgotten_audience_leaves_its_floor),
		cmocka_unit_test(ttl_0_is_for_who_is_there),
		cmocka_unit_test(what_expired_while_away_is_a_gap),
		cmocka_unit_test(an_attached_reader_is_owed_what_expires),
		cmocka_unit_test(a_begun_block_is_gone_on_with),
		cmocka_unit_test(transient_messages_do_not_pile_up),
		cmocka_unit_test(a_slow_reader_is_owed_all_and_lags),
		cmocka_unit_test(a_replay_is_no_lag),
		cmocka_unit_test(publishers_wait_for_the_workers),
		cmocka_unit_test(publishers_wait_for_many_small_messages),
		cmocka_unit_test(publishers_who_waited_leave_room_for_what_they_send),
		cmocka_unit_test(publishers_who_come_anew_do_not_put_calm_off_for_ever),
		cmocka_unit_test(a_fanout_tells_when_it_began),
		cmocka_unit_test(calm_that_came_before_it_was_asked_for_wakes),
		cmocka_unit_test(a_publish_wakes_the_workers_it_concerns),
		cmocka_unit_test(a_roster_outlives_its_readers_while_stirred),
		cmocka_unit_test(too_many_streams_of_a_uid),
		cmocka_unit_test(the_same_client_comes_again),
		cmocka_unit_test(the_hub_is_full),
		cmocka_unit_test(a_kick_closes_and_bars),
		cmocka_unit_test(one_who_polls_lingers),
		cmocka_unit_test(what_has_expired_makes_room),
		cmocka_unit_test(pages_of_who_is_online),
		cmocka_unit_test(a_page_of_many_is_found_in_steps),
		cmocka_unit_test(a_key_publishes_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
