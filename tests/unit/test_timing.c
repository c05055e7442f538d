/* test_timing.c: which power of two a time belongs to. */
#include "timing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void a_bucket_holds_what_took_less_than_its_bound(void **state)
{
	int64_t bound = TIMING_FIRST;

	(void)state;
	assert_int_equal(timing_bucket(0), 0);
	for (int i = 0; i < TIMING_BUCKETS - 1; i++, bound *= 2) {
		assert_int_equal(timing_bucket(bound - 1), i);
		assert_int_equal(timing_bucket(bound), i + 1);
	}
	assert_int_equal(timing_bucket(INT64_MAX), TIMING_BUCKETS - 1);
}

static void all_are_counted_and_summed(void **state)
{
	struct timing t = {{0}, 0};

	(void)state;
	timing_add(&t, 63);
	timing_add(&t, 64);
	timing_add(&t, 9000000);
	assert_int_equal(timing_count(t), 3);
	assert_int_equal(t.time, 63 + 64 + 9000000);
	assert_int_equal(t.count[0] + t.count[1] + t.count[TIMING_BUCKETS - 1], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_holds_what_took_less_than_its_bound),
		cmocka_unit_test(all_are_counted_and_summed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
