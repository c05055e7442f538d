/*
 * Header values and the words of answers: Accept, Cookie, Authorization, Content-Type, reasons. Every value is read
 * whole and as every prefix of itself, each copy ending where memory ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../http.h"
#include "guard.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

struct accept {
	const char *value;
	bool allows; /* text/event-stream */
};

static const struct accept accepts[] = {
	{"text/event-stream", true}, /* every EventSource */
	{"*/*", true},               /* curl, fetch() */
	{"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", true}, /* Firefox */
	{"application/json, text/plain, */*", true},                                                    /* axios */
	{"text/event-stream, application/json", true},
	{"application/json,TEXT/Event-Stream", true},
	{"text/*", true},
	{"text/event-stream;charset=utf-8", true},
	{"text/html , text/event-stream ; q=0.001", true},
	{"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", true}, /* java.net.HttpURLConnection */
	{"", true},
	{" , ,", true},
	{"text/html", false},
	{"application/json, application/*", false},
	{"text/event-streams", false},
	{"text/event", false},
	{"*/*;q=0", false},
	{"text/*;q=0.0", false},
	{"text/event-stream;q=0", false},
	{"text/event-stream ; Q=0.000", false},
	{"text/event-stream;x=y;q=0", false},
	/* the most specific decides, wherever it stands */
	{"*/*, text/event-stream;q=0", false},
	{"text/event-stream;q=0, */*", false},
	{"text/*;q=0, */*", false},
	{"*/*;q=0, text/*", true},
	{"text/*;q=0, text/event-stream", true},
	{"*/*;q=0, text/*;q=0, text/event-stream;q=0.1", true},
	{"text/*, text/event-stream;q=0, */*", false},
	{"text/event-stream;q=0, text/event-stream;q=1", true},
	/* malformed excludes nothing */
	{"nonsense", true},
	{"text/", true},
	{"/event-stream", true},
	{"text/html;q=", true},
	{"text/html;q=x", true},
	{"text/event-stream;q=-0", true},
};

static bool accepts_copy(const char *value, size_t len)
{
	char *copy = guard_copy(value, len);
	bool allows = http_accepts((struct slice){copy, len}, "text/event-stream");

	guard_free(copy, len);
	return allows;
}

static void weighs_accept(void **state)
{
	size_t i, len;

	(void)state;
	for (i = 0; i < COUNT(accepts); i++) {
		if (accepts_copy(accepts[i].value, strlen(accepts[i].value)) != accepts[i].allows)
			fail_msg("Accept: %s", accepts[i].value);
		for (len = 0; accepts[i].value[len] != '\0'; len++)
			(void)accepts_copy(accepts[i].value, len);
	}
	assert_true(http_accepts((struct slice){NULL, 0}, "text/event-stream"));
	assert_true(http_accepts(slice_of("application/json"), "application/json"));
	assert_false(http_accepts(slice_of("text/event-stream"), "application/json"));
}

struct value {
	const char *header, *expected; /* NULL: absent */
};

static const struct value cookies[] = {
	{"pushsse=abc", "abc"},
	{"PHPSESSID=1; pushsse=a.b.c; theme=dark", "a.b.c"},
	{"a=1;pushsse=abc", "abc"},
	{"pushsse=", ""},
	{"pushsse=a=b==", "a=b=="},
	{"pushsse=\"abc\"", "abc"},
	{"pushsse=\"\"", ""},
	{"pushsse=\"", "\""},
	{"pushsse=\"abc", "\"abc"},
	{"pushsse=first; pushsse=second", "first"},
	{"pushsse; pushsse=abc", "abc"},
	{" pushsse=abc ", "abc"},
	{"PUSHSSE=abc", NULL},
	{"xpushsse=abc", NULL},
	{"pushssex=abc", NULL},
	{"a=pushsse=abc", NULL},
	{"pushsse", NULL},
	{";;", NULL},
	{"", NULL},
};

static const struct value bearers[] = {
	{"Bearer abc", "abc"},
	{"bearer abc", "abc"},
	{"BEARER   a.b-c_~+/= ", "a.b-c_~+/="},
	{"Bearer a b", "a b"},
	{"Bearer", NULL},
	{"Bearer ", NULL},
	{"Bearer\tabc", NULL},
	{"Bearerabc", NULL},
	{"Basic YTpi", NULL},
	{"Bear abc", NULL},
	{" Bearer abc", NULL},
	{"", NULL},
};

static struct slice pushsse_cookie(struct slice header)
{
	return http_cookie(header, "pushsse");
}

static void check_value(const struct value *value, struct slice (*read)(struct slice))
{
	size_t whole = strlen(value->header), len;

	for (len = 0; len <= whole; len++) {
		char *copy = guard_copy(value->header, len);
		struct slice found = read((struct slice){copy, len});

		if (found.at != NULL)
			assert_true(found.at >= copy && found.at + found.len <= copy + len);
		if (len == whole && (value->expected == NULL ? found.at != NULL : found.at == NULL ||
							       !slice_is(found, value->expected)))
			fail_msg("'%.*s' in: %s", (int)found.len, found.at, value->header);
		guard_free(copy, len);
	}
}

static void finds_cookies(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cookies); i++)
		check_value(&cookies[i], pushsse_cookie);
	assert_null(http_cookie((struct slice){NULL, 0}, "pushsse").at);
}

static void finds_bearers(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bearers); i++)
		check_value(&bearers[i], http_bearer);
	assert_null(http_bearer((struct slice){NULL, 0}).at);
}

static void compares_types(void **state)
{
	(void)state;
	assert_true(http_type_is(slice_of("application/json"), "application/json"));
	assert_true(http_type_is(slice_of("Application/JSON; charset=utf-8"), "application/json"));
	assert_true(http_type_is(slice_of("application/json ;"), "application/json"));
	assert_false(http_type_is(slice_of("application/jsonp"), "application/json"));
	assert_false(http_type_is(slice_of("application/jso"), "application/json"));
	assert_false(http_type_is(slice_of("text/plain; application/json"), "application/json"));
	assert_false(http_type_is(slice_of(""), "application/json"));
	assert_false(http_type_is((struct slice){NULL, 0}, "application/json"));
}

static void has_reasons(void **state)
{
	static const int statuses[] = {100, 200, 204, 304, 400, 401, 403, 404, 405, 406, 408, 411,
				       413, 414, 415, 417, 429, 431, 500, 501, 503, 505, 507};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(statuses); i++)
		assert_string_not_equal(http_reason(statuses[i]), "Unknown");
	assert_string_equal(http_reason(200), "OK");
	assert_string_equal(http_reason(507), "Insufficient Storage");
	assert_string_equal(http_reason(299), "Unknown");
	assert_string_equal(http_reason(-400), "Unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(weighs_accept),
		cmocka_unit_test(finds_cookies),
		cmocka_unit_test(finds_bearers),
		cmocka_unit_test(compares_types),
		cmocka_unit_test(has_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
