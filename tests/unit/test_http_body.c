/*
 * Bodies: chunked framing at every split, urlencoded fields in place, multipart as real clients make it and as nobody
 * should. Every input ends where memory ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "../../http.h"
#include "guard.h"

#define BYTES(literal) {literal, sizeof(literal) - 1}
#define COUNT(table) (sizeof(table) / sizeof(table)[0])

struct chunked {
	struct slice bytes;
	const char *data; /* NULL: refused */
	size_t after;     /* bytes behind the body, which must stay */
};

static const struct chunked chunked[] = {
	/* libcurl with a READFUNCTION: one chunk for each read */
	{BYTES("1d\r\nto=1&content=hello%20world%21\r\n0\r\n\r\n"), "to=1&content=hello%20world%21", 0},
	{BYTES("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), "hello world", 0},
	{BYTES("0\r\n\r\n"), "", 0},
	{BYTES("000\r\n\r\nGET / HTTP/1.1\r\n"), "", 16},
	{BYTES("000000000000005\r\nhello\r\n0\r\n\r\n"), "hello", 0},
	{BYTES("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "01234567890123456789", 0},
	{BYTES("2\r\n\r\n\r\n0\r\n\r\n"), "\r\n", 0},
	{BYTES("5;a\r\nhello\r\n0;b=c;d=\"e f\"\t\r\n\r\n"), "hello", 0},
	{BYTES("5;\xc3\xa9\r\nhello\r\n0\r\n\r\nx"), "hello", 1},
	{BYTES("0\r\nDigest: abc\r\nX:\r\n\r\n"), "", 0},
	{BYTES("0\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\n\r\n"), "", 0},
	/* sizes */
	{BYTES("0x5\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5 \r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5 ;a\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES(" 5\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("\t5\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("-1\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("+5\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5_\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5g\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5\0\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES(";a\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("\xff\r\n\r\n"), NULL, 0},
	{BYTES("0000000000000005\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("fffffffffffffffff\r\nhello"), NULL, 0},
	{BYTES("10000000000000005\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	/* line ends */
	{BYTES("5\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5\rhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5\r\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5\r\nhello0\r\n\r\n"), NULL, 0},
	{BYTES("5\r\nhello\n0\r\n\r\n"), NULL, 0},
	{BYTES("5\r\nhello\r0\r\n\r\n"), NULL, 0},
	{BYTES("5\r\nhello!\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5\r\nhello\r\n\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("0\r\n\n"), NULL, 0},
	{BYTES("0\n\r\n"), NULL, 0},
	{BYTES("0\r\n\r\r\n"), NULL, 0},
	/* extensions that hide a line end */
	{BYTES("5;a\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5;a\rb\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("5;\0\r\nhello\r\n0\r\n\r\n"), NULL, 0},
	{BYTES("2;\n15\r\nxx\r\n0\r\n\r\n"), NULL, 0},
	/* trailers */
	{BYTES("0\r\nx\r\n\r\n"), NULL, 0},
	{BYTES("0\r\n: x\r\n\r\n"), NULL, 0},
	{BYTES("0\r\n x: y\r\n\r\n"), NULL, 0},
	{BYTES("0\r\nx : y\r\n\r\n"), NULL, 0},
	{BYTES("0\r\nx: y\n\r\n"), NULL, 0},
	{BYTES("0\r\nx: y\r\n z\r\n\r\n"), NULL, 0},
	{BYTES("0\r\nx: \0\r\n\r\n"), NULL, 0},
	{BYTES("0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), NULL, 0},
};

/* Feeds `first` bytes and then `step` at a time. The answer of the last call; what was used and written in all. */
static int unchunk(struct slice in, size_t first, size_t step, char *out, size_t *used, size_t *written)
{
	struct http_chunks chunks = {0};
	size_t len = first;
	int result;

	*used = *written = 0;
	do {
		size_t now_used, now_written;
		char *copy;

		if (len > in.len - *used)
			len = in.len - *used;
		copy = guard_copy(in.at + *used, len);
		result = http_unchunk(&chunks, copy, len, &now_used, out + *written, &now_written);
		guard_free(copy, len);
		assert_true(now_used <= len && now_written <= now_used);
		if (result == 0)
			assert_int_equal(now_used, len);
		*used += now_used;
		*written += now_written;
		len = step;
	} while (result == 0 && *used < in.len);
	return result;
}

static void check_split(const struct chunked *body, size_t first, size_t step)
{
	char out[256];
	size_t used, written;
	int result = unchunk(body->bytes, first, step, out, &used, &written);

	if (result != (body->data != NULL ? 1 : -400))
		fail_msg("%d at %zu, %zu for: %s", result, first, step, body->bytes.at);
	if (body->data == NULL)
		return;
	assert_int_equal(written, strlen(body->data));
	assert_memory_equal(out, body->data, written);
	assert_int_equal(used, body->bytes.len - body->after);
}

static void unchunks_at_every_split(void **state)
{
	size_t i, split;

	(void)state;
	for (i = 0; i < COUNT(chunked); i++) {
		check_split(&chunked[i], 1, 1);
		check_split(&chunked[i], 3, 3);
		for (split = 0; split <= chunked[i].bytes.len; split++)
			check_split(&chunked[i], split, chunked[i].bytes.len);
	}
}

static void unchunks_in_place(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(chunked); i++) {
		struct http_chunks chunks = {0};
		size_t used, written, len = chunked[i].bytes.len;
		char *copy = guard_copy(chunked[i].bytes.at, len);
		int result = http_unchunk(&chunks, copy, len, &used, copy, &written);

		assert_int_equal(result, chunked[i].data != NULL ? 1 : -400);
		if (result == 1)
			assert_memory_equal(copy, chunked[i].data, written);
		guard_free(copy, len);
	}
}

/* No proper prefix of a body is complete, and what follows it is never touched. */
static void waits_for_the_end_of_chunks(void **state)
{
	size_t i, len, used, written;
	char out[256];

	(void)state;
	for (i = 0; i < COUNT(chunked); i++) {
		for (len = 0; chunked[i].data != NULL && len < chunked[i].bytes.len - chunked[i].after; len++) {
			struct slice prefix = {chunked[i].bytes.at, len};

			assert_int_equal(unchunk(prefix, len, 1, out, &used, &written), 0);
		}
	}
}

/* Extensions and trailers are bounded in all, not each; sizes and data are not counted. */
static void bounds_extensions_and_trailers(void **state)
{
	static const char line[] = "1;234\r\nx\r\n", trailer[] = "x:y\r\n";
	struct http_chunks chunks = {0};
	size_t used, written, i;
	char out[16];

	(void)state;
	for (i = 0; i < HTTP_CHUNK_EXTRA_MAX / 4; i++)
		assert_int_equal(http_unchunk(&chunks, line, sizeof line - 1, &used, out, &written), 0);
	assert_int_equal(http_unchunk(&chunks, "1\r\nx\r\n", 6, &used, out, &written), 0);
	assert_int_equal(http_unchunk(&chunks, line, sizeof line - 1, &used, out, &written), -400);

	chunks = (struct http_chunks){0};
	assert_int_equal(http_unchunk(&chunks, "0\r\n", 3, &used, out, &written), 0);
	for (i = 0; i < HTTP_CHUNK_EXTRA_MAX / 3; i++)
		assert_int_equal(http_unchunk(&chunks, trailer, sizeof trailer - 1, &used, out, &written), 0);
	assert_int_equal(http_unchunk(&chunks, trailer, sizeof trailer - 1, &used, out, &written), -400);
}

static void takes_the_largest_chunk(void **state)
{
	struct http_chunks chunks = {0};
	size_t used, written;
	char out[4];

	(void)state;
	assert_int_equal(http_unchunk(&chunks, "fffffffffffffff\r\nabcd", 21, &used, out, &written), 0);
	assert_int_equal(written, 4);
	assert_true(chunks.left == UINT64_C(0xfffffffffffffff) - 4);
}

/* Fields as text: "name=value|" each, and how it ended, "." or "!". */
struct fields {
	struct slice bytes;
	const char *text;
};

static const struct fields forms[] = {
	{BYTES(""), "."},
	{BYTES("&&&"), "."},
	{BYTES("a=b"), "a=b|."},
	{BYTES("a=b&"), "a=b|."},
	{BYTES("&a=b&&c=d&"), "a=b|c=d|."},
	{BYTES("a"), "a=|."},
	{BYTES("a="), "a=|."},
	{BYTES("="), "=|."},
	{BYTES("=b"), "=b|."},
	{BYTES("a=b=c"), "a=b=c|."},
	{BYTES("a=1;b=2"), "a=1;b=2|."},
	{BYTES("a+b=c+d"), "a b=c d|."},
	{BYTES("a=%2B%26%3d%25"), "a=+&=%|."},
	{BYTES("%61%3D=%7c"), "a==||."},
	{BYTES("a=%0d%0A"), "a=\r\n|."},
	{BYTES("a=\xf0\x9f\x98\x80%F0%9f%98%80"), "a=\xf0\x9f\x98\x80\xf0\x9f\x98\x80|."},
	/* http_build_query(['to' => ['a', 'b'], 'content' => 'x y', 'event' => 'n']) */
	{BYTES("to%5B0%5D=a&to%5B1%5D=b&content=x+y&event=n"), "to[0]=a|to[1]=b|content=x y|event=n|."},
	{BYTES("a=b&c=%"), "a=b|!"},
	{BYTES("a=%4"), "!"},
	{BYTES("a=%4&b"), "!"},
	{BYTES("a=%&41"), "!"},
	{BYTES("%4=a"), "!"},
	{BYTES("%=41"), "!"},
	{BYTES("a=%4g"), "!"},
	{BYTES("a=%g4"), "!"},
	{BYTES("a=%%41"), "!"},
	{BYTES("a=% 1"), "!"},
};

static size_t append(char *text, size_t at, struct slice s)
{
	assert_non_null(s.at);
	assert_true(at + s.len + 2 < 512);
	memcpy(text + at, s.at, s.len);
	return at + s.len;
}

static size_t append_field(char *text, size_t at, struct field field)
{
	at = append(text, at, field.name);
	text[at++] = '=';
	at = append(text, at, field.value);
	text[at++] = '|';
	return at;
}

static void end_text(char *text, size_t at, int result)
{
	text[at] = result == 0 ? '.' : '!';
	text[at + 1] = '\0';
}

static void form_as_text(struct slice bytes, char *text)
{
	char *copy = guard_copy(bytes.at, bytes.len), *at = copy, *end = copy + bytes.len;
	struct field field;
	size_t len = 0;
	int result;

	while ((result = http_form_next(&at, end, &field)) == 1)
		len = append_field(text, len, field);
	if (result == 0)
		assert_ptr_equal(at, end);
	end_text(text, len, result);
	guard_free(copy, bytes.len);
}

static void reads_forms(void **state)
{
	char text[512];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(forms); i++) {
		struct slice bytes = forms[i].bytes;

		form_as_text(bytes, text);
		assert_string_equal(text, forms[i].text);
		while (bytes.len-- > 0)
			form_as_text(bytes, text);
	}
}

static void reads_a_nul_in_a_form(void **state)
{
	char form[] = "a=%00b", *at = form;
	struct field field;

	(void)state;
	assert_int_equal(http_form_next(&at, form + sizeof form - 1, &field), 1);
	assert_int_equal(field.value.len, 2);
	assert_memory_equal(field.value.at, "\0b", 2);
}

struct multipart {
	const char *type;
	struct slice bytes;
	const char *text;
};

#define B "multipart/form-data; boundary=b"
#define NAMED(name) "Content-Disposition: form-data; name=" name "\r\n"
#define PART(name, value) "--b\r\n" NAMED(name) "\r\n" value "\r\n"
#define END "--b--\r\n"

static const struct multipart multiparts[] = {
	/* PHP curl with an array */
	{"multipart/form-data; boundary=------------------------d74496d66958873e",
	 BYTES("--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n42\r\n"
	       "--------------------------d74496d66958873e\r\nContent-Disposition: form-data; name=\"content\"\r\n\r\n"
	       "a\r\n--b\r\n\r\n--------------------------d74496d66958873e--\r\n"),
	 "to=42|content=a\r\n--b\r\n|."},
	/* PHP curl with a CURLFile */
	{"multipart/form-data; boundary=------------------------0a1b2c3d4e5f6071",
	 BYTES("--------------------------0a1b2c3d4e5f6071\r\nContent-Disposition: form-data; name=\"data\"; "
	       "filename=\"a;b\\\".txt\"\r\nContent-Type: application/octet-stream\r\n\r\nx\r\n"
	       "--------------------------0a1b2c3d4e5f6071--\r\n"),
	 "data=x|."},
	/* Guzzle 7: a Content-Length in every part */
	{"multipart/form-data; boundary=5f4dcc3b5aa765d61d8327deb882cf99a1b2c3d4",
	 BYTES("--5f4dcc3b5aa765d61d8327deb882cf99a1b2c3d4\r\nContent-Disposition: form-data; name=\"to[0]\"\r\n"
	       "Content-Length: 2\r\n\r\n42\r\n--5f4dcc3b5aa765d61d8327deb882cf99a1b2c3d4\r\n"
	       "Content-Disposition: form-data; name=\"content\"\r\nContent-Length: 0\r\n\r\n\r\n"
	       "--5f4dcc3b5aa765d61d8327deb882cf99a1b2c3d4--\r\n"),
	 "to[0]=42|content=|."},
	/* Chrome, FormData with a file */
	{"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
	 BYTES("------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name=\"a%22b\"\r\n\r\n"
	       "\xf0\x9f\x98\x80\r\n------WebKitFormBoundary7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; "
	       "name=\"f\"; filename=\"f.txt\"\r\nContent-Type: text/plain\r\n\r\nline\n\r\n"
	       "------WebKitFormBoundary7MA4YWxkTrZu0gW--\r\n"),
	 "a%22b=\xf0\x9f\x98\x80|f=line\n|."},
	/* an end without CRLF, as several clients have it */
	{"multipart/form-data; boundary=b", BYTES(PART("\"a\"", "1") "--b--"), "a=1|."},
	/* Java and Android snippets: a boundary of bytes that are no boundary's, or quoted */
	{"multipart/form-data;boundary=*****", BYTES("--*****\r\n" NAMED("\"a\"") "\r\n1\r\n--*****--\r\n"), "a=1|."},
	{"Multipart/Form-Data; charset=utf-8; BOUNDARY=\"=_(b: ?)\" ;",
	 BYTES("--=_(b: ?)\r\n" NAMED("\"a\"") "\r\n1\r\n--=_(b: ?)--\r\n"), "a=1|."},
	{"multipart/form-data; boundary=----=_Part/1:2=", BYTES("------=_Part/1:2=--"), "."},
	/* what RFC 2046 allows */
	{B, BYTES(END), "."},
	{B, BYTES("preamble\r\n--\r\n--a\r\n" PART("a", "1") END "epilogue\r\n--b\r\n"), "a=1|."},
	{B, BYTES("\r\n" PART("a", "1") END), "a=1|."},
	{B, BYTES("--b \t\r\n" NAMED("a") "\r\n1\r\n--b\t\r\n" NAMED("c") "\r\n2\r\n--b-- \t\r\n"), "a=1|c=2|."},
	{B, BYTES(PART("a", "") PART("a", "\r\n") PART("a", "x--b--") PART("a", "\r\r\n-b\n--b--") END),
	 "a=|a=\r\n|a=x--b--|a=\r\r\n-b\n--b--|."},
	{B, BYTES("--b\r\ncontent-disposition:FORM-DATA;NAME=a\r\n\r\n1\r\n" END), "a=1|."},
	{B, BYTES("--b\r\nX: y\r\n" NAMED("a ; x=\"y\";") "content-transfer-encoding: BINARY\r\n\r\n1\r\n" END),
	 "a=1|."},
	{B, BYTES("--b\r\n" NAMED("a") "Content-Transfer-Encoding: 8bit\r\n\r\n1\r\n" END), "a=1|."},
	{B, BYTES("--b\r\n" NAMED("a") "Content-Transfer-Encoding: 7bit\r\n\r\n1\r\n" END), "a=1|."},
	{B, BYTES("--b\r\n" NAMED("a; filename*=UTF-8''x%22; filename=\"na;me=\\\"x\"") "\r\n1\r\n" END), "a=1|."},
	{B, BYTES("--b\r\nContent-Disposition: form-data; filename=\"name=x\"; name=\"a\"\r\n\r\n1\r\n" END), "a=1|."},
	{B, BYTES(PART("\"\"", "1") PART("\"a;b=c\"", "2") PART("\"\xc3\xa9\"", "3") END), "=1|a;b=c=2|\xc3\xa9=3|."},
	/* parts that are refused */
	{B, BYTES(PART("a", "1") "--b\r\n\r\nnameless\r\n" END), "a=1|!"},
	{B, BYTES("--b\r\nContent-Type: text/plain\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\nContent-Disposition: form-data; filename=\"name\"\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\n" NAMED("a") NAMED("c") "\r\n1\r\n" END), "!"},
	{B, BYTES(PART("a; name=c", "1") END), "!"},
	{B, BYTES(PART("", "1") END), "!"},
	{B, BYTES(PART("\"a", "1") END), "!"},
	{B, BYTES(PART("\"a\\", "1") END), "!"},
	{B, BYTES(PART("\"a\\\"", "1") END), "!"},
	{B, BYTES(PART("\"a\\\"b\"", "1") END), "!"},
	{B, BYTES(PART("\"a\"b", "1") END), "!"},
	{B, BYTES(PART("a b", "1") END), "!"},
	{B, BYTES(PART("a\"b\"", "1") END), "!"},
	{B, BYTES("--b\r\nContent-Disposition: form-data; name = a\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\nContent-Disposition: form-data; x; name=a\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\nContent-Disposition: form-data;; name=a\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\n" NAMED("a") "Content-Transfer-Encoding: base64\r\n\r\nMQ==\r\n" END), "!"},
	{B, BYTES("--b\r\n" NAMED("a") "Content-Transfer-Encoding: quoted-printable\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\nContent-Disposition: form-data;\r\n name=a\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\nContent-Disposition : form-data; name=a\r\n\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\n" NAMED("\"a\0\"") "\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\n" NAMED("a") "1\r\n" END), "!"},
	/* delimiters that are none, or almost */
	{B, BYTES(""), "!"},
	{B, BYTES("--"), "!"},
	{B, BYTES("--b"), "!"},
	{B, BYTES("no delimiter"), "!"},
	{B, BYTES("x--b\r\n" NAMED("a") "\r\n1\r\n" END), "."}, /* all of it is preamble */
	{B, BYTES("--b\n" NAMED("a") "\r\n1\r\n" END), "!"},
	{B, BYTES("--bb\r\n" NAMED("a") "\r\n1\r\n" END), "!"},
	{B, BYTES("--b\r\n" NAMED("a") "\r\n1\r\n--bb\r\n" END), "a=1|!"},
	{B, BYTES("--b\r\n" NAMED("a") "\r\n1\r\n--b-\r\n"), "a=1|!"},
	{B, BYTES(PART("a", "1") "--b--x"), "a=1|!"},
	{B, BYTES(PART("a", "1") "--b--\n"), "a=1|!"},
	{B, BYTES("--B\r\n" NAMED("a") "\r\n1\r\n--B--\r\n"), "!"},
	{B, BYTES("--b\r\n" NAMED("a") "\r\n1\n--b--\r\n"), "!"},
	{B, BYTES("--b\r\n" NAMED("a") "\r\n--b--\r\n"), "!"},
};

static void multipart_as_text(const char *type, struct slice bytes, char *text)
{
	char *copy = guard_copy(bytes.at, bytes.len);
	struct http_multipart m;
	struct field field;
	size_t len = 0;
	int result;

	assert_true(http_multipart_open(&m, slice_of(type), copy, bytes.len));
	while ((result = http_multipart_next(&m, &field)) == 1)
		len = append_field(text, len, field);
	end_text(text, len, result);
	guard_free(copy, bytes.len);
}

/* Whole; then cut short at every byte, which yields no field that the whole has not, nor the end before "--b--". */
static void check_multipart(const struct multipart *expected)
{
	char text[512], cut[512];
	struct slice bytes = expected->bytes;

	multipart_as_text(expected->type, bytes, text);
	if (strcmp(text, expected->text) != 0)
		fail_msg("'%s' instead of '%s' for: %s", text, expected->text, bytes.at);
	while (bytes.len-- > 0) {
		size_t fields;

		multipart_as_text(expected->type, bytes, cut);
		fields = strlen(cut) - 1;
		assert_memory_equal(cut, text, fields);
		if (cut[fields] == '.')
			assert_true(memcmp(bytes.at + bytes.len - 2, "--", 2) == 0 || strcmp(cut, text) == 0);
	}
}

static void reads_multiparts(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(multiparts); i++)
		check_multipart(&multiparts[i]);
}

#define SEVENTY "0123456789012345678901234567890123456789012345678901234567890123456789"

static void finds_the_boundary(void **state)
{
	static const struct {
		const char *type, *boundary;
	} cases[] = {
		{"multipart/form-data; boundary=a", "a"},
		{"multipart/form-data;boundary=a;charset=x", "a"},
		{"multipart/form-data ; charset=x;\tboundary=\"a b\"", "a b"},
		{"multipart/form-data; x=\"; boundary=b\"; boundary=a", "a"},
		{"multipart/form-data; boundary=" SEVENTY, SEVENTY},
		{"multipart/form-data; boundary=" SEVENTY "x", NULL},
		{"multipart/form-data", NULL},
		{"multipart/form-data;", NULL},
		{"multipart/form-data; charset=x", NULL},
		{"multipart/form-data; boundary", NULL},
		{"multipart/form-data; boundary=", NULL},
		{"multipart/form-data; boundary=\"\"", NULL},
		{"multipart/form-data; boundary=\"a", NULL},
		{"multipart/form-data; boundary=\"a\\b\"", NULL},
		{"multipart/form-data; boundary=a b", NULL},
		{"multipart/form-data; boundary=a; boundary=a", NULL},
		{"boundary=a", NULL},
		{"", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(cases); i++) {
		size_t len = strlen(cases[i].type);
		char *copy = guard_copy(cases[i].type, len);
		struct http_multipart m;
		bool found = http_multipart_open(&m, (struct slice){copy, len}, "", 0);

		assert_int_equal(found, cases[i].boundary != NULL);
		if (found)
			assert_true(slice_is(m.boundary, cases[i].boundary));
		guard_free(copy, len);
	}
	assert_false(http_multipart_open(&(struct http_multipart){0}, (struct slice){NULL, 0}, NULL, 0));
}

/* 1 MiB of each pattern, with a boundary made to match most of it. Were it quadratic, it would take hours. */
static void stays_linear(void **state)
{
	static const char *const patterns[] = {"-", "\r", "\n", "\r\n", "\r\n-", "\r\n--", "\r\n---------", "-\r\n--x"};
	enum { LEN = 1 << 20 };
	static const char type[] = "multipart/form-data; "
				   "boundary=---------------------------------------------------------------------x";
	char *body = malloc(LEN);
	clock_t begin = clock();
	size_t i, j;

	(void)state;
	assert_non_null(body);
	for (i = 0; i < COUNT(patterns); i++) {
		struct http_multipart m;
		struct field field;

		for (j = 0; j < LEN; j++)
			body[j] = patterns[i][j % strlen(patterns[i])];
		assert_true(http_multipart_open(&m, slice_of(type), body, LEN));
		assert_int_equal(http_multipart_next(&m, &field), -1);
	}
	assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 5);
	free(body);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(unchunks_at_every_split),
		cmocka_unit_test(unchunks_in_place),
		cmocka_unit_test(waits_for_the_end_of_chunks),
		cmocka_unit_test(bounds_extensions_and_trailers),
		cmocka_unit_test(takes_the_largest_chunk),
		cmocka_unit_test(reads_forms),
		cmocka_unit_test(reads_a_nul_in_a_form),
		cmocka_unit_test(reads_multiparts),
		cmocka_unit_test(finds_the_boundary),
		cmocka_unit_test(stays_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
