/* test_idempotency.c: keys and their receipts: found while they last, gone after, through every size of the ring. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "idempotency.h"

static struct key_digest numbered(uint64_t number)
{
	char text[32];

	sprintf(text, "key-%llu", (unsigned long long)number);
	return idempotency_digest(slice_of(text));
}

/* Forgets what has expired, as the hub does. */
static void expire(struct idempotency *i, int64_t now)
{
	while (i->count && idempotency_at(i, 0)->expires <= now)
		idempotency_drop_oldest(i);
}

static void add(struct idempotency *i, uint64_t number, int64_t expires)
{
	assert_null(idempotency_find(i, numbered(number), INT64_MIN));
	assert_true(idempotency_reserve(i));
	idempotency_add(i, numbered(number),
	                (struct receipt){.seq = number, .expires = expires, .streams = 3, .offline = true});
}

static void a_key_is_known_until_it_expires(void **state)
{
	struct idempotency keys = {0};
	const struct receipt *r;

	(void)state;
	assert_null(idempotency_find(&keys, numbered(1), INT64_MIN));
	expire(&keys, 1000);
	add(&keys, 1, 100);
	add(&keys, 2, 110);
	expire(&keys, 99);
	r = idempotency_find(&keys, numbered(1), INT64_MIN);
	assert_non_null(r);
	assert_int_equal(r->seq, 1);
	assert_int_equal(r->streams, 3);
	assert_true(r->offline);
	expire(&keys, 100);
	assert_null(idempotency_find(&keys, numbered(1), INT64_MIN));
	assert_int_equal(idempotency_find(&keys, numbered(2), INT64_MIN)->seq, 2);
	idempotency_free(&keys);
	assert_null(idempotency_find(&keys, numbered(2), INT64_MIN));
}

/* Behind one that lasts longer it is not dropped yet, and may come again. */
static void one_that_has_run_out_is_not_found_though_it_is_there(void **state)
{
	struct idempotency keys = {0};

	(void)state;
	add(&keys, 1, 1000);
	add(&keys, 2, 10);
	assert_non_null(idempotency_find(&keys, numbered(2), 9));
	assert_null(idempotency_find(&keys, numbered(2), 10));
	assert_true(idempotency_reserve(&keys));
	idempotency_add(&keys, numbered(2), (struct receipt){.seq = 3, .expires = 20});
	assert_int_equal(idempotency_find(&keys, numbered(2), 10)->seq, 3);
	idempotency_drop_oldest(&keys);
	idempotency_drop_oldest(&keys);
	assert_int_equal(idempotency_find(&keys, numbered(2), 10)->seq, 3);
	idempotency_free(&keys);
}

static void keys_are_any_bytes(void **state)
{
	struct key_digest a = idempotency_digest((struct slice){"a\0b", 3});
	struct key_digest b = idempotency_digest((struct slice){"a\0c", 3});
	struct key_digest empty = idempotency_digest((struct slice){"", 0});

	(void)state;
	assert_memory_not_equal(&a, &b, sizeof a);
	assert_memory_not_equal(&a, &empty, sizeof a);
}

/* What was moved would be moved under the hub's lock: a million of them take a tenth of a second. */
static void growing_moves_nothing(void **state)
{
	struct idempotency keys = {0};
	const struct receipt *first;

	(void)state;
	add(&keys, 0, 0);
	first = idempotency_find(&keys, numbered(0), INT64_MIN);
	for (uint64_t n = 1; n < 2000; n++) {
		add(&keys, n, (int64_t)n);
		assert_ptr_equal(idempotency_find(&keys, numbered(0), INT64_MIN), first);
		assert_int_equal(idempotency_at(&keys, (uint32_t)n)->seq, n);
	}
	assert_ptr_not_equal(keys.oldest, keys.newest);
	expire(&keys, 1999); /* all: only the newest table is left */
	assert_ptr_equal(keys.oldest, keys.newest);
	idempotency_free(&keys);
}

/* The ring turns many times, and grows while its first is in its middle. */
static void it_grows_and_turns(void **state)
{
	struct idempotency keys = {0};
	uint64_t next = 0, oldest = 0;

	(void)state;
	for (int round = 0; round < 60; round++) {
		for (int n = 0; n < 50 + round * 4; n++, next++)
			add(&keys, next, (int64_t)next);
		oldest += (next - oldest) / 2;
		expire(&keys, (int64_t)oldest - 1);
		assert_int_equal(keys.count, next - oldest);
		for (uint64_t n = oldest > 20 ? oldest - 20 : 0; n < next; n++) {
			const struct receipt *r = idempotency_find(&keys, numbered(n), INT64_MIN);

			assert_int_equal(r != NULL, n >= oldest);
			assert_true(!r || r->seq == n);
		}
	}
	assert_true(keys.newest->capacity > 256);
	expire(&keys, INT64_MAX);
	assert_int_equal(keys.count, 0);
	idempotency_free(&keys);
}

static void it_is_bounded(void **state)
{
	struct idempotency keys = {0};
	struct key_digest key = {{0, 0}};

	(void)state;
	for (uint64_t n = 0; n < IDEMPOTENCY_MAX; n++) {
		key.word[0] = n;
		assert_true(idempotency_reserve(&keys));
		idempotency_add(&keys, key, (struct receipt){.seq = n, .expires = (int64_t)n});
	}
	assert_false(idempotency_reserve(&keys));
	expire(&keys, 0);
	assert_true(idempotency_reserve(&keys));
	assert_int_equal(idempotency_find(&keys, key, INT64_MIN)->seq, IDEMPOTENCY_MAX - 1);
	idempotency_free(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_is_known_until_it_expires),
		cmocka_unit_test(one_that_has_run_out_is_not_found_though_it_is_there),
		cmocka_unit_test(keys_are_any_bytes),
		cmocka_unit_test(growing_moves_nothing),
		cmocka_unit_test(it_grows_and_turns),
		cmocka_unit_test(it_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
