/*
 * test_buffer.c: growth, the bound, and a failure that stays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "buffer.h"

static void holds(const struct buffer *b, const char *text)
{
	assert_false(b->failed);
	assert_int_equal(b->len, strlen(text));
	assert_memory_equal(b->at, text, b->len);
}

static void what_is_added_follows_what_is_there(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_add_text(&b, "one");
	buffer_add(&b, ", two and", 5);
	buffer_add_slice(&b, slice_of(", three"));
	buffer_printf(&b, ", %s %d", "and", 4);
	holds(&b, "one, two, three, and 4");
	buffer_free(&b);
}

static void nothing_can_be_added_to_nothing(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_add(&b, NULL, 0);
	buffer_add_slice(&b, (struct slice){NULL, 0});
	buffer_add_text(&b, "");
	buffer_consume(&b, 0);
	assert_true(buffer_reserve(&b, 0));
	assert_false(b.failed);
	assert_int_equal(b.len, 0);
	buffer_free(&b);
}

static void a_megabyte_in_single_bytes_takes_few_allocations(void **state)
{
	struct buffer b = {0};
	size_t cap = 0;
	int grew = 0;

	(void)state;
	for (int i = 0; i < 1 << 20; i++) {
		char byte = (char)i;

		buffer_add(&b, &byte, 1);
		if (b.cap != cap)
			grew++;
		cap = b.cap;
	}
	assert_int_equal(b.len, 1 << 20);
	for (int i = 0; i < 1 << 20; i++)
		if (b.at[i] != (char)i)
			fail();
	assert_true(grew <= 16);
	buffer_free(&b);
}

static void the_bound_is_reached_but_not_passed(void **state)
{
	struct buffer b = {.max = 1000};
	char bytes[1001] = {0};

	(void)state;
	buffer_add(&b, bytes, 999);
	buffer_add(&b, bytes, 1);
	assert_false(b.failed);
	assert_int_equal(b.len, 1000);
	assert_true(b.cap <= 1000);
	buffer_add(&b, bytes, 1);
	assert_true(b.failed);
	assert_int_equal(b.len, 1000);
	buffer_free(&b);
}

static void a_failure_stays_until_the_buffer_is_freed(void **state)
{
	struct buffer b = {.max = 4};

	(void)state;
	buffer_add_text(&b, "five!");
	buffer_add_text(&b, "a");
	assert_true(b.failed);
	assert_false(buffer_reserve(&b, 1));
	assert_int_equal(b.len, 0);

	buffer_free(&b);
	assert_int_equal(b.max, 4);
	buffer_add_text(&b, "four");
	holds(&b, "four");
	buffer_free(&b);
}

static void a_length_that_would_overflow_is_a_failure(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_add_text(&b, "ab");
	assert_false(buffer_reserve(&b, SIZE_MAX - 1));
	assert_true(b.failed);
	buffer_free(&b);
}

static void one_printf_makes_1023_bytes_at_most(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_printf(&b, "%01023d", 1);
	assert_false(b.failed);
	assert_int_equal(b.len, 1023);
	buffer_printf(&b, "%01024d", 1);
	assert_true(b.failed);
	assert_int_equal(b.len, 1023);
	buffer_free(&b);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_add_text(&b, "GET / HTTP/1.1");
	buffer_consume(&b, 4);
	holds(&b, "/ HTTP/1.1");
	buffer_consume(&b, b.len);
	holds(&b, "");
	buffer_add_text(&b, "next");
	holds(&b, "next");
	buffer_free(&b);
}

/* As a connection keeps requests that were sent on behind another. */
static void a_consumed_secret_is_wiped_and_so_is_where_the_next_one_was(void **state)
{
	struct buffer b = {.secret = 8};

	(void)state;
	buffer_add_text(&b, "key=one, a long body, key=two");
	buffer_consume(&b, strlen("key=one, a long body, "));
	holds(&b, "key=two");
	for (size_t i = b.len; i < strlen("key=one, a long body, key=two"); i++)
		assert_int_equal(b.at[i], 0);
	buffer_free(&b);
}

static void what_lies_behind_removed_bytes_moves_up(void **state)
{
	struct buffer b = {.secret = 1};

	(void)state;
	buffer_add_text(&b, "head, chunk ends, key=two");
	buffer_remove(&b, strlen("head, "), strlen("chunk ends, "));
	holds(&b, "head, key=two");
	for (size_t i = b.len; i < strlen("head, chunk ends, key=two"); i++)
		assert_int_equal(b.at[i], 0);
	buffer_remove(&b, b.len, 0);
	holds(&b, "head, key=two");
	buffer_remove(&b, strlen("head"), b.len - strlen("head"));
	holds(&b, "head");
	buffer_free(&b);
}

static void reserved_room_can_be_written_to_directly(void **state)
{
	struct buffer b = {0};

	(void)state;
	assert_true(buffer_reserve(&b, 5000));
	assert_true(b.cap >= 5000);
	memset(b.at, 'x', 5000);
	b.len = 5000;
	buffer_add_text(&b, "y");
	assert_int_equal(b.at[4999], 'x');
	assert_int_equal(b.at[5000], 'y');
	buffer_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_added_follows_what_is_there),
		cmocka_unit_test(nothing_can_be_added_to_nothing),
		cmocka_unit_test(a_megabyte_in_single_bytes_takes_few_allocations),
		cmocka_unit_test(the_bound_is_reached_but_not_passed),
		cmocka_unit_test(a_failure_stays_until_the_buffer_is_freed),
		cmocka_unit_test(a_length_that_would_overflow_is_a_failure),
		cmocka_unit_test(one_printf_makes_1023_bytes_at_most),
		cmocka_unit_test(consuming_moves_the_rest_to_the_front),
		cmocka_unit_test(a_consumed_secret_is_wiped_and_so_is_where_the_next_one_was),
		cmocka_unit_test(what_lies_behind_removed_bytes_moves_up),
		cmocka_unit_test(reserved_room_can_be_written_to_directly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
