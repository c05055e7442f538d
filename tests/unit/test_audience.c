/* test_audience.c: the table of audiences, small and while it grows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audience.h"

enum { NAME_MAX_BYTES = 32 };

static const uint64_t KEY[2] = {1, 2};

static void kinds_are_apart(void **state)
{
	struct audience_table t;
	struct audience *uid, *channel;

	(void)state;
	assert_true(audience_table_open(&t, KEY));
	uid = audience_get(&t, AUDIENCE_UID, slice_of("room"), 0);
	channel = audience_get(&t, AUDIENCE_CHANNEL, slice_of("room"), 9);
	assert_ptr_not_equal(uid, channel);
	assert_int_equal(channel->log.floor, 9);
	assert_null(uid->bar);
	assert_ptr_equal(audience_find(&t, AUDIENCE_UID, slice_of("room")), uid);
	assert_ptr_equal(audience_get(&t, AUDIENCE_CHANNEL, slice_of("room"), 77), channel);
	assert_int_equal(channel->log.floor, 9);
	assert_null(audience_find(&t, AUDIENCE_UID, slice_of("roo")));
	assert_null(audience_find(&t, AUDIENCE_UID, slice_of("room ")));
	assert_int_equal(t.count, 2);
	audience_remove(&t, uid);
	assert_null(audience_find(&t, AUDIENCE_UID, slice_of("room")));
	assert_ptr_equal(audience_find(&t, AUDIENCE_CHANNEL, slice_of("room")), channel);
	audience_table_close(&t);
}

static void names_are_any_bytes(void **state)
{
	char longest[255];
	struct audience_table t;

	(void)state;
	memset(longest, 'x', sizeof longest);
	assert_true(audience_table_open(&t, KEY));
	for (size_t len = 0; len <= sizeof longest; len++) {
		struct slice name = {longest, len};
		struct audience *a = audience_get(&t, AUDIENCE_UID, name, 0);

		assert_true(slice_equal(audience_name(a), name));
	}
	assert_int_equal(t.count, 256);
	for (size_t len = 0; len <= sizeof longest; len++)
		assert_int_equal(audience_find(&t, AUDIENCE_UID, (struct slice){longest, len})->len, len);
	audience_table_close(&t);
}

static struct slice numbered(char *text, int number)
{
	(void)snprintf(text, NAME_MAX_BYTES, "user-%d", number);
	return slice_of(text);
}

/* How many names below `end`, from `start` on in steps, are found. */
static int count_found(const struct audience_table *t, int start, int end, int step)
{
	char text[NAME_MAX_BYTES];
	int found = 0;

	for (int i = start; i < end; i += step)
		found += audience_find(t, AUDIENCE_UID, numbered(text, i)) != NULL;
	return found;
}

static size_t longest_bucket(const struct audience_table *t)
{
	size_t longest = 0;

	for (size_t i = 0; i < t->buckets; i++) {
		size_t len = 0;

		for (const struct audience *a = t->bucket[i]; a; a = a->next)
			len++;
		longest = len > longest ? len : longest;
	}
	return longest;
}

static void it_grows_with_what_it_holds(void **state)
{
	enum { MANY = 5000 };
	struct audience_table t;
	char text[NAME_MAX_BYTES];

	(void)state;
	assert_true(audience_table_open(&t, KEY));
	for (int i = 0; i < MANY; i++) {
		assert_non_null(audience_get(&t, AUDIENCE_UID, numbered(text, i), 0));
		if (i % 97 == 0 || i < 300) /* while every bucket in turn is split */
			assert_int_equal(count_found(&t, 0, i + 1, 1), i + 1);
	}
	assert_int_equal(t.buckets, MANY);
	assert_true(longest_bucket(&t) < 20);
	for (int i = 0; i < MANY; i += 2)
		audience_remove(&t, audience_find(&t, AUDIENCE_UID, numbered(text, i)));
	assert_int_equal(t.count, MANY / 2);
	assert_int_equal(count_found(&t, 0, MANY, 2), 0);
	assert_int_equal(count_found(&t, 1, MANY, 2), MANY / 2);
	audience_table_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_apart),
		cmocka_unit_test(names_are_any_bytes),
		cmocka_unit_test(it_grows_with_what_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
