/* The fields of a body, whatever its form: each as "name=value", with * for an element and ! for one that is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../fields.h"
#include "guard.h"

#define name16 "sixteen letters."
#define name128 name16 name16 name16 name16 name16 name16 name16 name16

static const char form[] = "application/x-www-form-urlencoded", json[] = "application/json";

struct body {
	const char *type, *bytes;
	const char *expected; /* "a=1|b=2|." with . for the end, ? for malformed, and where; a status when it does not open */
};

static const struct body bodies[] = {
	{"", "a=1", "a=1|."},
	{form, "a=1&b=", "a=1|b=|."},
	{form, "", "."},
	{form, "a=1&b=%", "a=1|b?"},
	{form, "a=1&b%=", "a=1|?"},
	{form, "%FF=%", "?"},
	{form, name128 "=%", name128 "?"},
	{form, name128 "x=%", "?"},
	{"Application/X-WWW-Form-Urlencoded ; charset=UTF-8", "a=1", "a=1|."},
	{"application/x-www-form-urlencoded; charset=\"utf8\"", "a=1", "a=1|."},
	{"application/x-www-form-urlencoded; charset=us-ascii", "a=1", "a=1|."},
	{"application/x-www-form-urlencoded; charset=iso-8859-1", "a=1", "415"},
	{"application/json; charset=", "{}", "415"},
	{"text/plain", "a=1", "415"},
	/* PHP's lists */
	{form, "to[]=1&to[0]=2&to%5Bx%5D=3", "*to=1|*to=2|*to=3|."},
	{form, "to[=1&to]=2&[]=3", "to[=1|to]=2|*=3|."},
	{form, "to[a][b]=1&to[]x=2", "*!to=1|*!to=2|."},
	{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"to[]\"\r\n\r\n1\r\n--b--", "*to=1|."},
	{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n1\r\n", "to?"},
	{"multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\n1\r\n", "?"},
	{"multipart/form-data", "", "400"},
	{json, "{\"to\":[\"1\",2],\"content\":\"x\"}", "*to=1|*to=2|content=x|."},
	{json, "{\"a\":null,\"b\":true,\"c\":{},\"d\":1.5}", "!b=true|!c={}|d=1.5|."},
	{json, "{\"to\":[],\"a\":[[1],null]}", "*!to=|*!a=[1]|*!a=null|."},
	{json, "{\"to\":[1", "to?"},
	{json, "{\"to\":[\"1\"],\"content\":\"\xff\"}", "*to=1|content?"},
	{json, "[]", "400"},
	{json, "", "400"},
};

static void read_all(struct fields *f, char *out, size_t size)
{
	struct body_field field;
	int got;

	while ((got = fields_next(f, &field)) > 0)
		out += snprintf(out, size, "%s%s%.*s=%.*s|", field.element ? "*" : "", field.wrong ? "!" : "",
		                (int)field.name.len, field.name.at, (int)field.value.len, field.value.at);
	(void)snprintf(out, size, "%.*s%s", got < 0 ? (int)field.name.len : 0, field.name.at ? field.name.at : "", got < 0 ? "?" : ".");
}

static void reads_each_form(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		const struct body *b = &bodies[i];
		size_t len = strlen(b->bytes);
		char *copy = guard_copy(b->bytes, len), out[512];
		struct fields f;
		int status = fields_open(&f, slice_of(b->type), copy, len);

		if (status)
			(void)snprintf(out, sizeof out, "%d", status);
		else
			read_all(&f, out, sizeof out / 2);
		if (strcmp(out, b->expected) != 0)
			fail_msg("%s %s: %s", b->type, b->bytes, out);
		guard_free(copy, len);
	}
}

/* As a request without a query has it. */
static void reads_what_is_absent(void **state)
{
	struct fields f;
	struct body_field field;

	(void)state;
	assert_int_equal(fields_open(&f, (struct slice){NULL, 0}, NULL, 0), 0);
	assert_int_equal(fields_next(&f, &field), 0);
}

static void bounds_their_number(void **state)
{
	static char body[2 * (FIELDS_MAX + 1)];
	struct fields f;
	struct body_field field;
	int count = 0, got;

	(void)state;
	for (size_t i = 0; i < sizeof body; i += 2)
		memcpy(body + i, "a&", 2);
	assert_int_equal(fields_open(&f, slice_of(form), body, sizeof body), 0);
	while ((got = fields_next(&f, &field)) > 0)
		count++;
	assert_int_equal(got, -1);
	assert_null(field.name.at); /* nothing is wrong with the one that is too many */
	assert_int_equal(count, FIELDS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_each_form),
		cmocka_unit_test(reads_what_is_absent),
		cmocka_unit_test(bounds_their_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
