/*
 * test_json.c: texts against transcripts of what was read: {name=value,...} and [value,...], with a string as s:text
 * and any other value as it stands. Every text ends where memory ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "guard.h"
#include "json.h"

static bool transcribe(struct buffer *out, struct json *j);

static bool transcribe_value(struct buffer *out, const struct json_value *v)
{
	struct json nested;

	if (json_open_value(&nested, v)) {
		buffer_add(out, v->text.at, 1);
		return transcribe(out, &nested);
	}
	buffer_add_text(out, v->type == JSON_STRING ? "s:" : "");
	buffer_add_slice(out, v->text);
	return true;
}

/* Appends what there is, without the opening bracket. False when it is malformed. */
static bool transcribe(struct buffer *out, struct json *j)
{
	const char close = j->close;
	const char *comma = "";
	struct json_value v;
	int got;

	while ((got = json_next(j, &v)) > 0) {
		buffer_add_text(out, comma);
		comma = ",";
		if (v.name.at != NULL) {
			buffer_add_slice(out, v.name);
			buffer_add_text(out, "=");
		}
		if (!transcribe_value(out, &v))
			return false;
	}
	assert_int_equal(json_next(j, &v), got); /* the end and a fault are there to stay */
	buffer_add(out, &close, 1);
	return got == 0;
}

/* Reads a copy of the text; the transcript is empty when it is malformed. */
static struct buffer read_text(const char *text, size_t len)
{
	char *copy = guard_copy(text, len);
	struct buffer out = {0};
	struct json j;
	bool opened = json_open(&j, copy, len, '{') || json_open(&j, copy, len, '[');

	buffer_add_text(&out, j.close == '}' ? "{" : "[");
	if (!opened || !transcribe(&out, &j))
		out.len = 0;
	guard_free(copy, len);
	return out;
}

static void reads_as(struct slice text, struct slice transcript)
{
	struct buffer out = read_text(text.at, text.len);

	if (out.len != transcript.len || (out.len != 0 && memcmp(out.at, transcript.at, out.len) != 0))
		fail_msg("%.*s\nread as  %.*s\ninstead of %.*s", (int)text.len, text.at, (int)out.len, out.at,
		         (int)transcript.len, transcript.at);
	buffer_free(&out);
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void is_malformed_wherever_it_ends(struct slice text)
{
	while (text.len > 0 && is_space(text.at[text.len - 1]))
		text.len--;
	for (size_t len = 0; len < text.len; len++)
		reads_as((struct slice){text.at, len}, slice_of(""));
}

static void well_formed_texts_are_read_and_malformed_when_cut_off(void **state)
{
	static const struct {
		const char *text, *transcript;
	} rows[] = {
		{"{}", "{}"},
		{"[]", "[]"},
		{" \t\r\n{ \t\r\n} \t\r\n", "{}"},
		{"{\"to\":\"7\",\"content\":\"hi\"}", "{to=s:7,content=s:hi}"},
		{" { \"a\" : 1 , \"b\" : [ 2 , 3 ] , \"c\" : { } } ", "{a=1,b=[2,3],c={}}"},
		{"[true,false,null,\"\"]", "[true,false,null,s:]"},
		{"[[],[[]],{}]", "[[],[[]],{}]"},
		{"[{\"a\":{\"b\":[{\"c\":\"\\\"]}\"}]}}]", "[{a={b=[{c=s:\"]}}]}}]"},
		{"{\"\":0,\"\":1}", "{=0,=1}"},
		{"{\"\\u0061\\n\":\"\\u0061\"}", "{a\n=s:a}"},
		{"[0,-0,10,-1.5,1e9,1E+9,1.25e-07,123456789012345678901234567890]",
		 "[0,-0,10,-1.5,1e9,1E+9,1.25e-07,123456789012345678901234567890]"},
		{"[\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t\"]", "[s:\" \\ / \b \f \n \r \t]"},
		{"[\"\\u00e9\\u20AC\\uD83D\\ude00\\uffff\"]", "[s:\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xEF\xBF\xBF]"},
		{"[\"\\uD800\\uDC00\\uDBFF\\uDFFF\"]", "[s:\xF0\x90\x80\x80\xF4\x8F\xBF\xBF]"},
		{"[\"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\x7F\"]", "[s:\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\x7F]"},
		{"[\"\\\\u0041 \\\\\\\\\"]", "[s:\\u0041 \\\\]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		reads_as(slice_of(rows[i].text), slice_of(rows[i].transcript));
		is_malformed_wherever_it_ends(slice_of(rows[i].text));
	}
}

static void an_escaped_nul_is_a_byte_like_others(void **state)
{
	(void)state;
	reads_as(slice_of("{\"a\\u0000\":\"\\u0000b\"}"), (struct slice){"{a\0=s:\0b}", 9});
}

static void malformed_texts_are_refused(void **state)
{
	static const char *const rows[] = {
		"", " ", "1", "\"a\"", "null", "x{}", "\xEF\xBB\xBF{}", "]", "}", "[}", "{]", "[)",
		/* something behind the end */
		"{}x", "{}{}", "[],", "[]]", "{\"a\":1}}",
		/* commas and colons */
		"[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1;2]", "{,}", "{\"a\":1,}", "{\"a\":1 \"b\":2}", "{\"a\"}",
		"{\"a\",1}", "{\"a\":}", "{\"a\":1:2}", "{:1}", "{\"a\"::1}", "[\"a\":1]", "[1:2]",
		/* names */
		"{a:1}", "{1:1}", "{null:1}", "{'a':1}", "{[]:1}",
		/* numbers */
		"[01]", "[-]", "[-01]", "[+1]", "[.5]", "[1.]", "[1.e5]", "[1e]", "[1e+]", "[1e5.5]", "[0x10]", "[1_000]",
		"[--1]", "[1-]", "[NaN]", "[Infinity]", "[-Infinity]", "[1a]",
		/* words */
		"[True]", "[tru]", "[truex]", "[nul]", "[nullnull]", "[falsey]", "[undefined]",
		/* strings */
		"['a']", "[\"a]", "[\"\\\"]", "[\"\\x\"]", "[\"\\a\"]", "[\"\\0\"]", "[\"\\U0041\"]", "[\"\\'\"]",
		"[\"\\u\"]", "[\"\\u004\"]", "[\"\\u004g\"]", "[\"\\u 041\"]", "[\"\\u+041\"]", "[\"a\nb\"]", "[\"a\tb\"]",
		"[\"a\x1F\"]", "[\"a\"\"b\"]",
		/* surrogates that are not pairs */
		"[\"\\uD800\"]", "[\"\\uDC00\"]", "[\"\\uDC00\\uD800\"]", "[\"\\uD800\\uD800\"]", "[\"\\uD800x\"]",
		"[\"\\uD800\\n\"]", "[\"\\uD800\\u0041\"]", "[\"\\uD800\\uE000\"]", "[\"\\uDBFF\\uDBFF\"]",
		/* what is not UTF-8 */
		"[\"\x80\"]", "[\"\xC3\"]", "[\"\xC0\xAF\"]", "[\"\xED\xA0\x80\"]", "[\"\xF4\x90\x80\x80\"]", "[\"\xFF\"]",
		"{\"\xC3\":1}",
		/* the same within what is nested */
		"[[1,]]", "[{\"a\"}]", "[[\"\\x\"]]", "[[\"\xFF\"]]", "[{\"\\uD800\":1}]", "[[01]]", "[{\"a\":1,}]", "[[1}]",
		"[{a:1}]", "[[}]", "[{]]", "[[1 2]]",
		/* white space that is none */
		"[\f]", "[\v1]", "{\xC2\xA0}", "[1]\f",
		/* comments */
		"[1/**/]", "[1]//",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		reads_as(slice_of(rows[i]), slice_of(""));
	reads_as((struct slice){"[\"a\0b\"]", 7}, slice_of(""));
	reads_as((struct slice){"[1\0]", 4}, slice_of(""));
	reads_as((struct slice){"[1]\0", 4}, slice_of(""));
	reads_as((struct slice){"[\"\\\0\"]", 6}, slice_of(""));
	reads_as((struct slice){"[\"\\u00\0000\"]", 10}, slice_of(""));
}

/* `depth` arrays, each within the one before. */
static struct buffer nested_arrays(size_t depth)
{
	struct buffer out = {0};

	for (size_t i = 0; i < depth; i++)
		buffer_add_text(&out, "[");
	for (size_t i = 0; i < depth; i++)
		buffer_add_text(&out, "]");
	return out;
}

static void nesting_is_bounded(void **state)
{
	struct buffer deepest = nested_arrays(JSON_MAX_DEPTH), deeper = nested_arrays(JSON_MAX_DEPTH + 1);
	struct buffer far_too_deep = nested_arrays(100000);
	struct slice text = {deepest.at, deepest.len};

	(void)state;
	reads_as(text, text);
	is_malformed_wherever_it_ends(text);
	reads_as((struct slice){deeper.at, deeper.len}, slice_of(""));
	reads_as((struct slice){far_too_deep.at, far_too_deep.len}, slice_of(""));
	buffer_free(&deepest);
	buffer_free(&deeper);
	buffer_free(&far_too_deep);
}

static void what_is_nested_is_yielded_untouched(void **state)
{
	char text[] = "{\"a\":{\"b\":\"\\u0041\"},\"c\":\"\\u0042\"}";
	struct json j;
	struct json_value v;

	(void)state;
	assert_true(json_open(&j, text, strlen(text), '{'));
	assert_int_equal(json_next(&j, &v), 1);
	assert_int_equal(v.type, JSON_OBJECT);
	assert_true(slice_is(v.text, "{\"b\":\"\\u0041\"}"));
	assert_int_equal(json_next(&j, &v), 1);
	assert_true(slice_is(v.text, "B"));
	assert_false(json_open_value(&j, &v));
}

static void a_fault_is_told_after_the_values_before_it(void **state)
{
	char text[] = "[1,2,x,4]";
	struct json j;
	struct json_value v;

	(void)state;
	assert_true(json_open(&j, text, strlen(text), '['));
	assert_int_equal(json_next(&j, &v), 1);
	assert_int_equal(json_next(&j, &v), 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(json_next(&j, &v), -1);
}

static void what_starts_otherwise_is_not_opened(void **state)
{
	char text[] = " [1]";
	struct json j;
	struct json_value v;

	(void)state;
	assert_false(json_open(&j, text, strlen(text), '{'));
	assert_int_equal(json_next(&j, &v), -1);
	assert_false(json_open(&j, text, 1, '['));
	assert_false(json_open(&j, NULL, 0, '['));
}

static void strings_are_written_with_what_must_be_escaped(void **state)
{
	static const struct {
		struct slice text;
		const char *json;
	} rows[] = {
		{{NULL, 0}, "\"\""},
		{{"", 0}, "\"\""},
		{{"plain", 5}, "\"plain\""},
		{{"say \"hi\\\"", 9}, "\"say \\\"hi\\\\\\\"\""},
		{{"\n\r\t", 3}, "\"\\n\\r\\t\""},
		{{"a\0b\b\f\x1F\x7F", 7}, "\"a\\u0000b\\u0008\\u000c\\u001f\\u007f\""},
		{{"</script>", 9}, "\"\\u003c/script>\""},
		{{"\xE2\x80\xA8x\xE2\x80\xA9", 7}, "\"\\u2028x\\u2029\""},
		{{"\xE2\x80\xA7\xE2\x80\xAA\xE2\x81\xA8", 9}, "\"\xE2\x80\xA7\xE2\x80\xAA\xE2\x81\xA8\""},
		{{"\xC3\xA9\xF0\x9F\x98\x80", 6}, "\"\xC3\xA9\xF0\x9F\x98\x80\""},
		/* not UTF-8, but nothing behind it may be read */
		{{"\xE2", 1}, "\"\xE2\""},
		{{"\xE2\x80", 2}, "\"\xE2\x80\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *text = guard_copy(rows[i].text.at, rows[i].text.len);
		struct buffer out = {0};

		json_add_string(&out, (struct slice){rows[i].text.at != NULL ? text : NULL, rows[i].text.len});
		assert_false(out.failed);
		assert_true(slice_is((struct slice){out.at, out.len}, rows[i].json));
		buffer_free(&out);
		guard_free(text, rows[i].text.len);
	}
}

static void what_is_written_is_read_as_it_was(void **state)
{
	char ascii[128];
	struct buffer out = {0};
	struct json j;
	struct json_value v;

	(void)state;
	for (size_t i = 0; i < sizeof ascii; i++)
		ascii[i] = (char)i;
	buffer_add_text(&out, "[");
	json_add_string(&out, (struct slice){ascii, sizeof ascii});
	buffer_add_text(&out, "]");
	assert_true(json_open(&j, out.at, out.len, '['));
	assert_int_equal(json_next(&j, &v), 1);
	assert_int_equal(v.text.len, sizeof ascii);
	assert_memory_equal(v.text.at, ascii, sizeof ascii);
	assert_int_equal(json_next(&j, &v), 0);
	buffer_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_texts_are_read_and_malformed_when_cut_off),
		cmocka_unit_test(an_escaped_nul_is_a_byte_like_others),
		cmocka_unit_test(malformed_texts_are_refused),
		cmocka_unit_test(nesting_is_bounded),
		cmocka_unit_test(what_is_nested_is_yielded_untouched),
		cmocka_unit_test(a_fault_is_told_after_the_values_before_it),
		cmocka_unit_test(what_starts_otherwise_is_not_opened),
		cmocka_unit_test(strings_are_written_with_what_must_be_escaped),
		cmocka_unit_test(what_is_written_is_read_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
