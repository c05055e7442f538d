/*
 * test_keyring.c: lines to keys, files to keyrings, and what the errors say and do not say.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "guard.h"
#include "keyring.h"

enum { ERROR_SIZE = 256 };

static const char file[] = "test_keyring.tmp";

static void write_file(const char *text, size_t len)
{
	FILE *out = fopen(file, "wb");

	assert_non_null(out);
	assert_int_equal(fwrite(text, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

static int remove_file(void **state)
{
	(void)state;
	(void)remove(file);
	return 0;
}

static void lines_are_keys_without_the_blanks_around_them(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *first, *last;
	} rows[] = {
		{"a", 1, "a", "a"},
		{"a\n", 1, "a", "a"},
		{"a\nb", 2, "a", "b"},
		{"a\r\nb\r\n", 2, "a", "b"},
		{"\n\n a \n\t\n\tb\t\n\n", 2, "a", "b"},
		{"two words\n", 1, "two words", "two words"},
		{"\r\n \r\na", 1, "a", "a"},
		{"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n", 16, "1", "16"},
		{"\xC3\xA9\n", 1, "\xC3\xA9", "\xC3\xA9"},
	};
	char error[ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t len = strlen(rows[i].text);
		char *text = guard_copy(rows[i].text, len);
		struct keyring *ring = keyring_parse((struct slice){text, len}, error, sizeof error);
		struct hmac_key first, last;

		assert_non_null(ring);
		assert_int_equal(ring->count, rows[i].count);
		hmac_key_init(&first, rows[i].first, strlen(rows[i].first));
		hmac_key_init(&last, rows[i].last, strlen(rows[i].last));
		assert_memory_equal(&ring->key[0], &first, sizeof first);
		assert_memory_equal(&ring->key[ring->count - 1], &last, sizeof last);
		keyring_release(ring);
		guard_free(text, len);
	}
}

static void one_key_of_less_than_32_bytes_makes_a_ring_weak(void **state)
{
#define BYTES_31 "0123456789abcdef0123456789abcde"
	static const struct {
		const char *text;
		bool weak;
	} rows[] = {
		{"a", true},
		{BYTES_31, true},
		{BYTES_31 "f", false},
		{"  " BYTES_31 "  \r\n", true},
		{BYTES_31 "f\n" BYTES_31 "fg\n", false},
		{BYTES_31 "f\n" BYTES_31 "\n" BYTES_31 "f\n", true},
	};
	char error[ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct keyring *ring = keyring_parse(slice_of(rows[i].text), error, sizeof error);

		assert_non_null(ring);
		assert_int_equal(ring->weak, rows[i].weak);
		keyring_release(ring);
	}
}

static void text_that_is_no_keyring_is_refused_with_the_reason(void **state)
{
	static const struct {
		struct slice text;
		const char *error;
	} rows[] = {
		{{NULL, 0}, "no key in it"},
		{{"", 0}, "no key in it"},
		{{" \r\n\t\n", 5}, "no key in it"},
		{{"hush\nhu\0sh\n", 11}, "a key with a NUL byte (keys are lines of text)"},
		{{"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17", 41}, "more than 16 keys"},
	};
	char error[ERROR_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		error[0] = '\0';
		assert_null(keyring_parse(rows[i].text, error, sizeof error));
		assert_string_equal(error, rows[i].error);
	}
}

static void a_ring_has_its_keys_and_no_others(void **state)
{
	static const struct {
		struct slice presented;
		bool has;
	} rows[] = {
		{{"old key", 7}, true},   {{"new key", 7}, true},     {{"old", 3}, false},
		{{"old key ", 8}, false}, {{"old key\0", 8}, false},  {{"OLD KEY", 7}, false},
		{{"", 0}, false},         {{NULL, 0}, false},         {{"new key\nold key", 15}, false},
		{{"\0", 1}, false},       {{"old keynew key", 14}, false},
	};
	char error[ERROR_SIZE];
	struct keyring *ring = keyring_parse(slice_of("new key\nold key\n"), error, sizeof error);

	(void)state;
	assert_non_null(ring);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *presented = guard_copy(rows[i].presented.at, rows[i].presented.len);

		assert_int_equal(keyring_has(ring, (struct slice){presented, rows[i].presented.len}), rows[i].has);
		guard_free(presented, rows[i].presented.len);
	}
	keyring_release(ring);
}

static void a_key_longer_than_a_block_is_found_too(void **state)
{
	char error[ERROR_SIZE], key[200];
	struct keyring *ring;

	(void)state;
	memset(key, 'k', sizeof key);
	ring = keyring_parse((struct slice){key, sizeof key}, error, sizeof error);
	assert_non_null(ring);
	assert_true(keyring_has(ring, (struct slice){key, sizeof key}));
	assert_false(keyring_has(ring, (struct slice){key, sizeof key - 1}));
	keyring_release(ring);
}

static void a_ring_lives_until_its_last_holder_releases_it(void **state)
{
	char error[ERROR_SIZE];
	struct keyring *ring = keyring_parse(slice_of("key"), error, sizeof error);

	(void)state;
	assert_non_null(ring);
	assert_ptr_equal(keyring_hold(ring), ring);
	keyring_release(ring);
	assert_true(keyring_has(ring, slice_of("key")));
	keyring_release(ring);
	keyring_release(NULL);
}

static void a_file_is_read_to_its_end(void **state)
{
	char error[ERROR_SIZE];
	struct keyring *ring;

	(void)state;
	write_file("first\r\nsecond", 13);
	ring = keyring_load(file, error, sizeof error);
	assert_non_null(ring);
	assert_int_equal(ring->count, 2);
	assert_true(keyring_has(ring, slice_of("second")));
	keyring_release(ring);
}

static void a_file_may_be_as_long_as_the_bound_and_no_longer(void **state)
{
	static char text[KEYRING_MAX_BYTES + 1];
	char error[ERROR_SIZE];
	struct keyring *ring;

	(void)state;
	memset(text, 'k', sizeof text);
	write_file(text, KEYRING_MAX_BYTES);
	ring = keyring_load(file, error, sizeof error);
	assert_non_null(ring);
	keyring_release(ring);

	write_file(text, sizeof text);
	assert_null(keyring_load(file, error, sizeof error));
	assert_string_equal(error, "test_keyring.tmp: longer than 65536 bytes");
}

static void a_file_that_fails_is_named_and_its_text_is_not(void **state)
{
	char error[ERROR_SIZE], small[20];

	(void)state;
	assert_null(keyring_load("no/such/file", error, sizeof error));
	assert_string_equal(error, "cannot read no/such/file: No such file or directory");
	assert_null(keyring_load(".", error, sizeof error));
	assert_string_equal(error, "cannot read .: not a regular file");
	assert_null(keyring_load("/dev/zero", error, sizeof error));
	assert_string_equal(error, "cannot read /dev/zero: not a regular file");
	assert_int_equal(mkfifo(file, 0600), 0);
	assert_null(keyring_load(file, error, sizeof error));
	assert_string_equal(error, "cannot read test_keyring.tmp: not a regular file");
	assert_int_equal(remove(file), 0);

	write_file("hush\nhu\0sh\n", 11);
	assert_null(keyring_load(file, error, sizeof error));
	assert_string_equal(error, "test_keyring.tmp: a key with a NUL byte (keys are lines of text)");
	write_file("\n", 1);
	assert_null(keyring_load(file, error, sizeof error));
	assert_string_equal(error, "test_keyring.tmp: no key in it");

	assert_null(keyring_load("no/such/file", small, sizeof small));
	assert_string_equal(small, "cannot read no/such");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_keys_without_the_blanks_around_them),
		cmocka_unit_test(one_key_of_less_than_32_bytes_makes_a_ring_weak),
		cmocka_unit_test(text_that_is_no_keyring_is_refused_with_the_reason),
		cmocka_unit_test(a_ring_has_its_keys_and_no_others),
		cmocka_unit_test(a_key_longer_than_a_block_is_found_too),
		cmocka_unit_test(a_ring_lives_until_its_last_holder_releases_it),
		cmocka_unit_test_teardown(a_file_is_read_to_its_end, remove_file),
		cmocka_unit_test_teardown(a_file_may_be_as_long_as_the_bound_and_no_longer, remove_file),
		cmocka_unit_test_teardown(a_file_that_fails_is_named_and_its_text_is_not, remove_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
