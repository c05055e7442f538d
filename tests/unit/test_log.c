/* test_log.c: one log and the positions in it: what stays, what goes, and what is freed with the last who needs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "buffer.h"
#include "log.h"

/* Says which seq was dropped. */
static void note(void *dropped, struct message *m)
{
	buffer_printf(dropped, "%d ", (int)m->seq);
}

static void append(struct log *log, uint64_t seq, int64_t expires, uint32_t size)
{
	struct message *m = message_new(1, 0);
	struct node *empty = log_new_node();

	assert_true(m && empty);
	m->seq = seq;
	m->expires = expires;
	m->size = size; /* there is no block: nobody looks at it here */
	log_append(log, m, empty);
	message_release(m);
}

/* The seqs from a node on, as text. */
static void assert_chain(struct node *at, const char *expected)
{
	struct buffer got = {0};

	for (struct node *next; (next = node_next(at)); at = next)
		buffer_printf(&got, "%d ", (int)at->message->seq);
	buffer_add(&got, "", 1);
	assert_string_equal(got.at, expected);
	buffer_free(&got);
}

static void assert_dropped(struct buffer *dropped, const char *expected)
{
	buffer_add(dropped, "", 1);
	assert_string_equal(dropped->at, expected);
	buffer_free(dropped);
}

static void a_chain_in_order(void **state)
{
	struct log log;
	struct node *at, *end;

	(void)state;
	assert_true(log_open(&log, 3));
	assert_int_equal(log.floor, 3);
	at = log_place(&log, 3);
	append(&log, 5, 100, 10);
	append(&log, 8, 100, 20);
	end = log_place(&log, 8);
	append(&log, 9, 100, 30);
	assert_chain(at, "5 8 9 ");
	assert_chain(end, "9 ");
	assert_int_equal(end->start, 3); /* 10 and 20 bytes, each rounded up */
	assert_int_equal(log_bytes_after(&log, end), 32);
	assert_int_equal(log.retained, 3);
	node_release(at);
	node_release(end);
	log_close(&log);
}

static void places_are_after_a_seq(void **state)
{
	static const char *const expected[] = {"5 8 ", "5 8 ", "5 8 ", "5 8 ", "5 8 ", "8 ", "8 ", "8 ", "", ""};
	struct log log;

	(void)state;
	assert_true(log_open(&log, 0));
	append(&log, 5, 100, 1);
	append(&log, 8, 100, 1);
	for (uint64_t seq = 0; seq < 10; seq++) {
		struct node *at = log_place(&log, seq);

		assert_chain(at, expected[seq]);
		node_release(at);
	}
	log_close(&log);
}

static void trimming_by_count_and_age(void **state)
{
	struct buffer dropped = {0};
	struct log log;

	(void)state;
	assert_true(log_open(&log, 0));
	for (uint64_t seq = 1; seq <= 5; seq++)
		append(&log, seq, (int64_t)seq * 10, 1);
	log_trim(&log, 9, 3, note, &dropped);
	assert_int_equal(log.floor, 2);
	assert_chain(log.first, "3 4 5 ");
	log_trim(&log, 40, 3, note, &dropped);
	assert_chain(log.first, "5 ");
	log_drop_oldest(&log, note, &dropped);
	assert_chain(log.first, "");
	log_drop_oldest(&log, note, &dropped);
	assert_int_equal(log.floor, 5);
	assert_int_equal(log.retained, 0);
	assert_int_equal(log.weight, 0);
	assert_dropped(&dropped, "1 2 3 4 5 ");
	log_close(&log);
}

static void transient_ones_leave_no_gap(void **state)
{
	struct buffer dropped = {0};
	struct log log;

	(void)state;
	assert_true(log_open(&log, 0));
	append(&log, 1, EXPIRED_ALWAYS, 1);
	append(&log, 2, 100, 1);
	append(&log, 3, EXPIRED_ALWAYS, 1);
	assert_int_equal(log.retained, 1);
	assert_false(log_has_expired_from(&log, log.first, 50));
	log_drop_oldest(&log, note, &dropped);
	assert_chain(log.first, "");
	assert_int_equal(log.floor, 2);
	assert_dropped(&dropped, "2 ");
	log_close(&log);
}

static void what_expired_in_the_middle_is_known(void **state)
{
	struct log log;

	(void)state;
	assert_true(log_open(&log, 0));
	append(&log, 1, 100, 1);
	append(&log, 2, 10, 1);
	append(&log, 3, 100, 1);
	assert_false(log_has_expired_from(&log, log.first, 9));
	assert_true(log_has_expired_from(&log, log.first->next, 10));
	assert_false(log_has_expired_from(&log, log.first->next->next, 10));
	assert_false(log_has_expired_from(&log, log.last, 200));
	log_close(&log);
}

/* A position outlives what history drops; what is before the last position is freed, as the sanitizer sees. */
static void a_position_keeps_what_comes_after_it(void **state)
{
	struct buffer dropped = {0};
	struct log log;
	struct node *at;

	(void)state;
	assert_true(log_open(&log, 0));
	append(&log, 1, 100, 1);
	append(&log, 2, 100, 1);
	at = log_place(&log, 1);
	log_trim(&log, 100, 9, note, &dropped);
	append(&log, 3, 200, 1);
	assert_chain(at, "2 3 ");
	log_close(&log);
	assert_chain(at, "2 3 ");
	assert_int_equal(at->references, 1);
	node_release(at);
	assert_dropped(&dropped, "1 2 ");
}

/* Long enough that freeing it by recursion would not do. */
static void a_long_chain_is_freed(void **state)
{
	struct log log;
	struct node *at;

	(void)state;
	assert_true(log_open(&log, 0));
	at = log_place(&log, 0);
	for (uint64_t seq = 1; seq <= 200000; seq++)
		append(&log, seq, INT64_MAX, 1);
	log_close(&log);
	node_release(at);
}

static void compacting_stops_at_a_reader(void **state)
{
	struct buffer dropped = {0};
	struct log log;
	struct node *at;

	(void)state;
	assert_true(log_open(&log, 0));
	append(&log, 1, 100, 1);
	append(&log, 2, 10, 1);
	append(&log, 3, EXPIRED_ALWAYS, 1);
	append(&log, 4, 10, 1);
	append(&log, 5, 100, 1);
	append(&log, 6, 10, 1);
	append(&log, 7, 100, 1);
	at = log_place(&log, 3);
	log_compact(&log, 10, note, &dropped);
	assert_chain(log.first, "1 4 5 6 7 ");
	assert_chain(at, "4 5 6 7 ");
	assert_int_equal(log.floor, 2);
	node_release(at);
	log_compact(&log, 10, note, &dropped);
	assert_chain(log.first, "1 5 7 ");
	assert_int_equal(log.retained, 3);
	assert_int_equal(log.weight, 3);
	assert_int_equal(log.last->start, 7);
	assert_dropped(&dropped, "2 4 6 ");
	log_close(&log);
}

/* A position in what history dropped leads through all that is retained: nothing may be taken out there. */
static void compacting_sees_a_reader_before_the_log(void **state)
{
	struct buffer dropped = {0};
	struct log log;
	struct node *at;

	(void)state;
	assert_true(log_open(&log, 0));
	append(&log, 1, 5, 1);
	append(&log, 2, 100, 1);
	append(&log, 3, 10, 1);
	append(&log, 4, 100, 1);
	at = log_place(&log, 0);
	log_trim(&log, 5, 9, note, &dropped);
	assert_chain(log.first, "2 3 4 ");
	log_compact(&log, 50, note, &dropped);
	assert_chain(at, "1 2 3 4 ");
	node_release(at);
	log_compact(&log, 50, note, &dropped);
	assert_chain(log.first, "2 4 ");
	assert_dropped(&dropped, "1 3 ");
	log_close(&log);
}

/* A walk that a reader has stopped does not know what comes behind it. */
static void compacting_goes_on_when_a_reader_has_left(void **state)
{
	struct buffer dropped = {0};
	struct log log;
	struct node *at;

	(void)state;
	assert_true(log_open(&log, 0));
	append(&log, 1, 100000, 1);
	append(&log, 2, 90000, 1);
	append(&log, 3, 10000, 1);
	append(&log, 4, 100000, 1);
	at = log_place(&log, 1);
	log_compact(&log, 20000, note, &dropped);
	assert_chain(log.first, "1 2 3 4 ");
	node_release(at);
	log_compact(&log, 20000, note, &dropped);
	assert_chain(log.first, "1 2 4 ");
	log_compact(&log, 90000, note, &dropped);
	assert_chain(log.first, "1 4 ");
	assert_dropped(&dropped, "3 2 ");
	log_close(&log);
}

/* Behind one that is kept for long, many that are not do not pile up, nor a few large ones. */
static void trimming_compacts_by_weight(void **state)
{
	struct log log;

	(void)state;
	for (uint32_t size = 1; size <= 1 << 20; size <<= 10) {
		assert_true(log_open(&log, 0));
		append(&log, 1, 1000, 1);
		for (uint64_t seq = 2; seq < 1000; seq++) {
			append(&log, seq, EXPIRED_ALWAYS, size);
			log_trim(&log, 10, 9, note, NULL);
			assert_true(log.weight <= 64 + size / 1024 + 1);
		}
		append(&log, 1000, 1000, 1);
		log_compact(&log, 10, note, NULL);
		assert_int_equal(log.retained, 2);
		assert_false(log_has_transient(&log));
		log_close(&log);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_chain_in_order),
		cmocka_unit_test(places_are_after_a_seq),
		cmocka_unit_test(trimming_by_count_and_age),
		cmocka_unit_test(transient_ones_leave_no_gap),
		cmocka_unit_test(what_expired_in_the_middle_is_known),
		cmocka_unit_test(a_position_keeps_what_comes_after_it),
		cmocka_unit_test(a_long_chain_is_freed),
		cmocka_unit_test(compacting_stops_at_a_reader),
		cmocka_unit_test(compacting_sees_a_reader_before_the_log),
		cmocka_unit_test(compacting_goes_on_when_a_reader_has_left),
		cmocka_unit_test(trimming_compacts_by_weight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
