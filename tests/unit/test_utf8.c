/*
 * test_utf8.c: exhaustive where that is quick. The judge is arithmetic: a sequence is right when the bits that it
 * carries are a scalar value which needs that many bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard.h"
#include "utf8.h"

static bool valid(const unsigned char *bytes, size_t len)
{
	return utf8_is_valid((struct slice){(const char *)bytes, len});
}

static bool continues(unsigned char byte)
{
	return (byte & 0xC0) == 0x80;
}

/* Is this one sequence of exactly len (2 to 4) bytes, by RFC 3629 section 3? */
static bool is_sequence(const unsigned char *bytes, size_t len)
{
	static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
	static const unsigned char mark[] = {0, 0, 0xC0, 0xE0, 0xF0}, mask[] = {0, 0, 0xE0, 0xF0, 0xF8};
	unsigned long code_point = (unsigned long)(bytes[0] & ~mask[len]);

	if ((bytes[0] & mask[len]) != mark[len])
		return false;
	for (size_t i = 1; i < len; i++) {
		if (!continues(bytes[i]))
			return false;
		code_point = code_point << 6 | (bytes[i] & 0x3F);
	}
	return code_point >= least[len] && code_point <= 0x10FFFF && (code_point < 0xD800 || code_point > 0xDFFF);
}

static void every_single_byte_is_judged_right(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i++) {
		unsigned char byte = (unsigned char)i;

		assert_int_equal(valid(&byte, 1), i < 0x80);
	}
}

static void every_pair_of_bytes_is_judged_right(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x10000; i++) {
		unsigned char bytes[] = {(unsigned char)(i >> 8), (unsigned char)i};
		bool expected = (bytes[0] < 0x80 && bytes[1] < 0x80) || is_sequence(bytes, 2);

		if (valid(bytes, 2) != expected)
			fail_msg("%02x %02x", bytes[0], bytes[1]);
	}
}

static void every_three_bytes_behind_a_lead_of_three_are_judged_right(void **state)
{
	(void)state;
	for (unsigned i = 0xE00000; i < 0xF00000; i++) {
		unsigned char bytes[] = {(unsigned char)(i >> 16), (unsigned char)(i >> 8), (unsigned char)i};

		if (valid(bytes, 3) != is_sequence(bytes, 3))
			fail_msg("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
	}
}

static void every_lead_of_four_with_every_second_byte_is_judged_right(void **state)
{
	static const unsigned char edges[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};

	(void)state;
	for (unsigned i = 0xF000; i < 0x10000; i++) {
		for (size_t third = 0; third < sizeof edges; third++) {
			for (size_t fourth = 0; fourth < sizeof edges; fourth++) {
				unsigned char bytes[] = {(unsigned char)(i >> 8), (unsigned char)i, edges[third], edges[fourth]};

				if (valid(bytes, 4) != is_sequence(bytes, 4))
					fail_msg("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
			}
		}
	}
}

static void every_scalar_value_is_encoded_as_its_one_sequence(void **state)
{
	(void)state;
	for (unsigned long code_point = 0; code_point <= 0x10FFFF; code_point++) {
		char bytes[4];
		size_t len;

		if (code_point >= 0xD800 && code_point <= 0xDFFF)
			continue;
		len = utf8_encode(code_point, bytes);
		if (len == 1 ? (unsigned char)bytes[0] != code_point : !is_sequence((unsigned char *)bytes, len))
			fail_msg("U+%04lX", code_point);
	}
}

static void encodings_are_those_of_the_rfc(void **state)
{
	static const struct {
		unsigned long code_point;
		const char *bytes;
	} rows[] = {
		{0x41, "A"}, {0x7F, "\x7F"}, {0x80, "\xC2\x80"}, {0x391, "\xCE\x91"}, {0x7FF, "\xDF\xBF"},
		{0x800, "\xE0\xA0\x80"}, {0x2262, "\xE2\x89\xA2"}, {0xD7FF, "\xED\x9F\xBF"}, {0xE000, "\xEE\x80\x80"},
		{0xFFFF, "\xEF\xBF\xBF"}, {0x10000, "\xF0\x90\x80\x80"}, {0x233B4, "\xF0\xA3\x8E\xB4"},
		{0x10FFFF, "\xF4\x8F\xBF\xBF"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char bytes[4];

		assert_int_equal(utf8_encode(rows[i].code_point, bytes), strlen(rows[i].bytes));
		assert_memory_equal(bytes, rows[i].bytes, strlen(rows[i].bytes));
	}
}

static void text_is_judged_wherever_the_fault_is(void **state)
{
	static const char fault[] = "\xED\xA0\x80"; /* a surrogate */
	char text[64];

	(void)state;
	for (size_t at = 0; at + 3 <= sizeof text; at++) {
		memset(text, 'a', sizeof text);
		assert_true(utf8_is_valid((struct slice){text, sizeof text}));
		memcpy(text + at, "\xE2\x82\xAC", 3);
		assert_true(utf8_is_valid((struct slice){text, sizeof text}));
		memcpy(text + at, fault, 3);
		assert_false(utf8_is_valid((struct slice){text, sizeof text}));
	}
	assert_true(utf8_is_valid((struct slice){NULL, 0}));
	assert_true(utf8_is_valid((struct slice){"a\0b", 3}));
}

static void text_that_ends_within_a_sequence_is_invalid_and_nothing_is_read_behind_it(void **state)
{
	static const char *const sequences[] = {"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
		for (size_t before = 0; before < 20; before++) {
			for (size_t part = 0; part <= strlen(sequences[i]); part++) {
				char bytes[24];
				bool whole = part == 0 || part == strlen(sequences[i]);

				memset(bytes, 'a', before);
				memcpy(bytes + before, sequences[i], part);

				char *text = guard_copy(bytes, before + part);

				assert_int_equal(utf8_is_valid((struct slice){text, before + part}), whole);
				guard_free(text, before + part);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_single_byte_is_judged_right),
		cmocka_unit_test(every_pair_of_bytes_is_judged_right),
		cmocka_unit_test(every_three_bytes_behind_a_lead_of_three_are_judged_right),
		cmocka_unit_test(every_lead_of_four_with_every_second_byte_is_judged_right),
		cmocka_unit_test(every_scalar_value_is_encoded_as_its_one_sequence),
		cmocka_unit_test(encodings_are_those_of_the_rfc),
		cmocka_unit_test(text_is_judged_wherever_the_fault_is),
		cmocka_unit_test(text_that_ends_within_a_sequence_is_invalid_and_nothing_is_read_behind_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
