/* test_logline.c: whatever bytes a value has, a line is one line and can be read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guard.h"
#include "json.h"
#include "logline.h"
#include "utf8.h"

static struct log_line line;

/* One line of that value, in text. Answers it without its newline. */
static const char *written(enum log_format format, const char *bytes, size_t len)
{
	char *value = guard_copy(bytes, len);

	log_line_begin(&line, format);
	log_line_text(&line, "key", (struct slice){value, len});
	log_line_number(&line, "number", -7);
	log_line_end(&line);
	guard_free(value, len);
	assert_true(line.len <= sizeof line.at);
	assert_ptr_equal(memchr(line.at, '\n', line.len), line.at + line.len - 1);
	assert_true(utf8_is_valid((struct slice){line.at, line.len}));
	line.at[line.len - 1] = '\0';
	return line.at;
}

static void values_are_plain_or_quoted(void **state)
{
	static const struct {
		const char *value, *text, *json;
	} rows[] = {
		{"42", "key=42", "{\"key\":\"42\""},
		{"a.b@c:/d+e-f_", "key=a.b@c:/d+e-f_", "{\"key\":\"a.b@c:/d+e-f_\""},
		{"", "key=\"\"", "{\"key\":\"\""},
		{"a b", "key=\"a b\"", "{\"key\":\"a b\""},
		{"a=b", "key=\"a=b\"", "{\"key\":\"a=b\""},
		{"say \"\\\"", "key=\"say \\\"\\\\\\\"\"", "{\"key\":\"say \\\"\\\\\\\"\""},
		{"\n\r\x1b\x7f", "key=\"\\x0a\\x0d\\x1b\\x7f\"", "{\"key\":\"\\u000a\\u000d\\u001b\\u007f\""},
		{"\xc3\xa9\xf0\x9f\x98\x80", "key=\"\xc3\xa9\xf0\x9f\x98\x80\"", "{\"key\":\"\xc3\xa9\xf0\x9f\x98\x80\""},
		{"a\xff\xc3", "key=\"a\\xff\\xc3\"", "{\"key\":\"a\\ufffd\\ufffd\""},
	};
	char expected[256];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		(void)snprintf(expected, sizeof expected, "%s number=-7", rows[i].text);
		assert_string_equal(written(LOG_TEXT, rows[i].value, strlen(rows[i].value)), expected);
		(void)snprintf(expected, sizeof expected, "%s,\"number\":-7}", rows[i].json);
		assert_string_equal(written(LOG_JSON, rows[i].value, strlen(rows[i].value)), expected);
	}
}

/* Reads it back as JSON; answers the length of the value. */
static size_t read_back(size_t len)
{
	struct json object;
	struct json_value v;
	size_t value;

	assert_true(json_open(&object, line.at, len, '{'));
	assert_int_equal(json_next(&object, &v), 1);
	assert_true(slice_is(v.name, "key") && v.type == JSON_STRING);
	value = v.text.len;
	assert_int_equal(json_next(&object, &v), 1);
	assert_true(slice_is(v.name, "number") && slice_is(v.text, "-7"));
	assert_int_equal(json_next(&object, &v), 0);
	return value;
}

static void any_two_bytes_give_a_line_that_can_be_read(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 0x10000; i += i % 256 == 255 ? 0x700 + 1 : 1) {
		char bytes[2] = {(char)(i >> 8), (char)i};

		(void)written(LOG_TEXT, bytes, sizeof bytes);
		(void)written(LOG_JSON, bytes, sizeof bytes);
		(void)read_back(line.len - 1);
	}
}

static void a_long_value_is_cut_between_two_characters(void **state)
{
	char bytes[2 * LOG_VALUE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i += 2)
		memcpy(bytes + i, "\xc3\xa9", 2);
	(void)written(LOG_JSON, bytes, sizeof bytes);
	assert_int_equal(read_back(line.len - 1), LOG_VALUE_MAX);
	bytes[0] = 'e';
	(void)written(LOG_JSON, bytes, sizeof bytes);
	assert_true(read_back(line.len - 1) >= LOG_VALUE_MAX);
	memset(bytes, 'a', sizeof bytes);
	assert_int_equal(strlen(written(LOG_TEXT, bytes, sizeof bytes)), strlen("key=\"\" number=-7") + LOG_VALUE_MAX);
}

static void a_key_without_room_is_left_out_whole(void **state)
{
	char bytes[LOG_VALUE_MAX];

	(void)state;
	memset(bytes, 1, sizeof bytes); /* six times as long when it is escaped */
	log_line_begin(&line, LOG_JSON);
	log_line_text(&line, "key", (struct slice){bytes, sizeof bytes});
	log_line_text(&line, "second", (struct slice){bytes, sizeof bytes});
	log_line_text(&line, "third", (struct slice){bytes, sizeof bytes});
	log_line_number(&line, "number", -7);
	log_line_end(&line);
	line.at[line.len] = '\0';
	assert_null(strstr(line.at, "third"));
	assert_non_null(strstr(line.at, "\",\"number\":-7}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_plain_or_quoted),
		cmocka_unit_test(any_two_bytes_give_a_line_that_can_be_read),
		cmocka_unit_test(a_long_value_is_cut_between_two_characters),
		cmocka_unit_test(a_key_without_room_is_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
