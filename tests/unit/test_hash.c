/* test_hash.c: SipHash-1-3 of the bytes 0, 1, 2 ... under the key 0, 1, 2 ... 15, as its authors' code has it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard.h"
#include "hash.h"

static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

static void is_siphash_1_3(void **state)
{
	static const struct {
		size_t len;
		uint64_t hash;
	} rows[] = {
		{0, 0xabac0158050fc4dc},  {1, 0xc9f49bf37d57ca93},  {7, 0xd3927d989bb11140},  {8, 0x369095118d299a8e},
		{9, 0x25a48eb36c063de4}, {15, 0xd320d86d2a519956}, {16, 0xcc4fdd1a7d908b66}, {63, 0x9d199062b7bbb3a8},
	};
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (char)i;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *copy = guard_copy(bytes, rows[i].len);

		assert_true(hash_bytes(key, (struct slice){copy, rows[i].len}) == rows[i].hash);
		guard_free(copy, rows[i].len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_siphash_1_3),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
