/* test_crc32c.c: the sums of RFC 3720 B.4, and that a sum may be made in parts of any length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crc32c.h"
#include "guard.h"

static void sums_are_those_of_rfc_3720(void **state)
{
	unsigned char bytes[32];

	(void)state;
	memset(bytes, 0, sizeof bytes);
	assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
	memset(bytes, 0xff, sizeof bytes);
	assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x46dd794e);
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(31 - i);
	assert_int_equal(crc32c(0, bytes, sizeof bytes), 0x113fdb5c);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

/* Bit by bit, as the definition has it. */
static uint32_t slowly(const unsigned char *at, size_t len)
{
	uint32_t sum = ~(uint32_t)0;

	while (len-- > 0) {
		sum ^= *at++;
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

static void every_length_and_every_part(void **state)
{
	char text[67];

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (char)(i * 37 + 11);
	for (size_t len = 0; len <= sizeof text; len++) {
		char *bytes = guard_copy(text, len);
		uint32_t sum = slowly((const unsigned char *)bytes, len);

		for (size_t cut = 0; cut <= len; cut++)
			assert_int_equal(crc32c(crc32c(0, bytes, cut), bytes + cut, len - cut), sum);
		guard_free(bytes, len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_rfc_3720),
		cmocka_unit_test(every_length_and_every_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
