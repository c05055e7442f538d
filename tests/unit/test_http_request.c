/*
 * Request heads: what real clients send, what is refused with which status, and the known smuggling cases. Every case
 * is parsed whole and as every prefix of itself, each copy ending where memory ends.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../http.h"
#include "guard.h"

/* A literal with its length, since some have a NUL in them. */
#define BYTES(literal) {literal, sizeof(literal) - 1}
#define COUNT(table) (sizeof(table) / sizeof(table)[0])
#define ABSENT "(absent)"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST /publish HTTP/1.1\r\nHost: a\r\n"

struct accepted {
	struct slice bytes;
	const char *method, *path, *query;
	size_t headers;
	int64_t length;
	int minor;
	bool chunked, keep, expect;
};

static const struct accepted clients[] = {
	/* Chrome 120, new EventSource() */
	{BYTES("GET /events?token=e30.e30.c2ln&lastEventId=k3-1 HTTP/1.1\r\nHost: push.example:2120\r\n"
	       "Connection: keep-alive\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) "
	       "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36\r\nAccept: text/event-stream\r\n"
	       "Origin: http://www.example\r\nReferer: http://www.example/\r\nAccept-Encoding: gzip, deflate\r\n"
	       "Accept-Language: en-US,en;q=0.9\r\n\r\n"),
	 "GET", "/events", "token=e30.e30.c2ln&lastEventId=k3-1", 9, -1, 1, false, true, false},
	/* PHP curl with an array: libcurl's multipart */
	{BYTES("POST /publish HTTP/1.1\r\nHost: 127.0.0.1:2121\r\nAccept: */*\r\nContent-Length: 254\r\n"
	       "Content-Type: multipart/form-data; boundary=------------------------d74496d66958873e\r\n\r\n"),
	 "POST", "/publish", ABSENT, 4, 254, 1, false, true, false},
	/* PHP curl with a READFUNCTION */
	{BYTES("POST /publish HTTP/1.1\r\nHost: 127.0.0.1:2121\r\nAccept: */*\r\nTransfer-Encoding: chunked\r\n"
	       "Content-Type: application/x-www-form-urlencoded\r\nExpect: 100-continue\r\n\r\n"),
	 "POST", "/publish", ABSENT, 5, -1, 1, true, true, true},
	/* PHP curl with CURL_HTTP_VERSION_2_0 */
	{BYTES("GET /stats HTTP/1.1\r\nHost: 127.0.0.1:2121\r\nAccept: */*\r\nConnection: Upgrade, HTTP2-Settings\r\n"
	       "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"),
	 "GET", "/stats", ABSENT, 5, -1, 1, false, true, false},
	/* file_get_contents() before PHP 8 */
	{BYTES("POST /publish HTTP/1.0\r\nHost: 127.0.0.1:2121\r\nConnection: close\r\nContent-Length: 14\r\n"
	       "Content-type: application/x-www-form-urlencoded\r\n\r\n"),
	 "POST", "/publish", ABSENT, 4, 14, 0, false, false, false},
	/* Guzzle 7 */
	{BYTES("POST /publish HTTP/1.1\r\nContent-Length: 312\r\nUser-Agent: GuzzleHttp/7\r\nHost: 127.0.0.1:2121\r\n"
	       "Content-Type: multipart/form-data; boundary=5f4dcc3b5aa765d61d8327deb882cf99a1b2c3d4\r\n\r\n"),
	 "POST", "/publish", ABSENT, 4, 312, 1, false, true, false},
	/* fsockopen() with the least that works; nginx to an upstream looks the same */
	{BYTES("GET /poll?wait=25 HTTP/1.0\r\n\r\n"), "GET", "/poll", "wait=25", 0, -1, 0, false, false, false},
};

static const struct accepted forms[] = {
	{BYTES("\r\n" GET "Host:\r\n\r\n"), "GET", "/", ABSENT, 1, -1, 1, false, true, false},
	{BYTES(GET "Host: a\r\n\r\nGET /next HTTP/1.1\r\n"), "GET", "/", ABSENT, 1, -1, 1, false, true, false},
	{BYTES("GET /? HTTP/1.1\r\nHost:a\r\n\r\n"), "GET", "/", "", 1, -1, 1, false, true, false},
	{BYTES("GET /a?b?c HTTP/1.1\r\nHost:a\r\n\r\n"), "GET", "/a", "b?c", 1, -1, 1, false, true, false},
	{BYTES("GET //a/../b HTTP/1.1\r\nHost:a\r\n\r\n"), "GET", "//a/../b", ABSENT, 1, -1, 1, false, true, false},
	{BYTES("GET /~!$&'()*+,;=:@%zz[]\"<>\\^`{|} HTTP/1.1\r\nHost:a\r\n\r\n"),
	 "GET", "/~!$&'()*+,;=:@%zz[]\"<>\\^`{|}", ABSENT, 1, -1, 1, false, true, false},
	{BYTES("GET http://a:80/b?c HTTP/1.1\r\nHost:a\r\n\r\n"), "GET", "/b", "c", 1, -1, 1, false, true, false},
	{BYTES("GET HTTPS://[::1] HTTP/1.1\r\nHost:a\r\n\r\n"), "GET", "/", ABSENT, 1, -1, 1, false, true, false},
	{BYTES("GET http://a?b HTTP/1.1\r\nHost:a\r\n\r\n"), "GET", "/", "b", 1, -1, 1, false, true, false},
	{BYTES("OPTIONS * HTTP/1.1\r\nHost:a\r\n\r\n"), "OPTIONS", "*", ABSENT, 1, -1, 1, false, true, false},
	{BYTES("!#$%&'*+-.^_`|~09azAZ / HTTP/1.9\r\nHost:a\r\n\r\n"),
	 "!#$%&'*+-.^_`|~09azAZ", "/", ABSENT, 1, -1, 1, false, true, false},
	/* Connection */
	{BYTES(GET "Host:a\r\nConnection: CLOSE\r\n\r\n"), "GET", "/", ABSENT, 2, -1, 1, false, false, false},
	{BYTES(GET "Host:a\r\nConnection: keep-alive\r\nConnection: x ,\tclose\r\n\r\n"),
	 "GET", "/", ABSENT, 3, -1, 1, false, false, false},
	{BYTES(GET "Host:a\r\nConnection: closed\r\n\r\n"), "GET", "/", ABSENT, 2, -1, 1, false, true, false},
	{BYTES("GET / HTTP/1.0\r\nConnection: ,Keep-Alive,\r\n\r\n"), "GET", "/", ABSENT, 1, -1, 0, false, true, false},
	{BYTES("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n"),
	 "GET", "/", ABSENT, 1, -1, 0, false, false, false},
	/* framing */
	{BYTES(POST "content-LENGTH:\t 0005 \t\r\n\r\n"), "POST", "/publish", ABSENT, 2, 5, 1, false, true, false},
	{BYTES(POST "Content-Length: 9223372036854775807\r\n\r\n"),
	 "POST", "/publish", ABSENT, 2, INT64_MAX, 1, false, true, false},
	{BYTES(POST "transfer-encoding: Chunked\r\n\r\n"), "POST", "/publish", ABSENT, 2, -1, 1, true, true, false},
	/* Expect */
	{BYTES(POST "expect: 100-Continue\r\n\r\n"), "POST", "/publish", ABSENT, 2, -1, 1, false, true, true},
	{BYTES("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n"), "POST", "/", ABSENT, 1, -1, 0, false, false, false},
	{BYTES("POST / HTTP/1.0\r\nExpect: else\r\n\r\n"), "POST", "/", ABSENT, 1, -1, 0, false, false, false},
};

struct refused {
	struct slice bytes;
	int status;
};

static const struct refused malformed[] = {
	/* request line */
	{BYTES("\r\n\r\n" GET "Host: a\r\n\r\n"), 400},
	{BYTES("\n" GET "Host: a\r\n\r\n"), 400},
	{BYTES(" " GET "Host: a\r\n\r\n"), 400},
	{BYTES("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/1.1\nHost: a\n\n"), 400},
	{BYTES("GET / HTTP/1.1\rHost: a\r\r"), 400},
	{BYTES("GET /\r\n\r\n"), 400},
	{BYTES("GET\r\n\r\n"), 400},
	{BYTES("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("G\0T / HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), 400}, /* a TLS client hello */
	/* target */
	{BYTES("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET ?a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET * HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET http HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400},
	/* version */
	{BYTES("GET / http/1.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/1.10\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/1,1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/x.1\r\nHost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505},
	{BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
	/* headers */
	{BYTES(GET ": a\r\nHost: a\r\n\r\n"), 400},
	{BYTES(GET "Host\r\n\r\n"), 400},
	{BYTES(GET "Host: a\r\nx: a\rb\r\n\r\n"), 400},
	{BYTES(GET "Host: a\r\nx: a\nb: c\r\n\r\n"), 400},
	{BYTES(GET "Host: a\r\nx: a\x01\r\n\r\n"), 400},
	{BYTES(GET "Host: a\r\nx: a\x7f\r\n\r\n"), 400},
	{BYTES(GET "Host: a\r\nx: \0\r\n\r\n"), 400},
	{BYTES(GET "Host: a\r\n\xc3\xa9: a\r\n\r\n"), 400},
	{BYTES(GET "Host: a\r\n\n"), 400},
	{BYTES(GET "Host: a\r\n\r\r\n"), 400},
	/* Host */
	{BYTES(GET "\r\n"), 400},
	{BYTES(GET "Host: a\r\nhost: a\r\n\r\n"), 400},
	{BYTES("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), 400},
	{BYTES(GET "Host: a b\r\n\r\n"), 400},
	{BYTES(GET "Host: a/b\r\n\r\n"), 400},
	{BYTES(GET "Host: u@a\r\n\r\n"), 400},
	/* Expect */
	{BYTES(POST "Expect: 200-ok\r\n\r\n"), 417},
	{BYTES(POST "Expect: 100-continue, else\r\n\r\n"), 417},
};

/* Collected from the smuggling literature (CL.TE, TE.CL, TE.TE and their disguises) and from other servers' bugs. */
static const struct refused smuggling[] = {
	/* both lengths */
	{BYTES(POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG"), 400},
	{BYTES(POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n"), 400},
	{BYTES(POST "Content-Length: 0\r\nTransfer-Encoding: identity\r\n\r\n"), 400},
	/* Content-Length */
	{BYTES(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 5, 5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 5,5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: +5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: -5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 0x5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 5 6\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 5.0\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 5;\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: \"5\"\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 5_0\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: \xd9\xa5\r\n\r\n"), 400}, /* an Arabic-Indic five */
	{BYTES(POST "Content-Length: \x0b""5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length:\r\n\r\n"), 400},
	{BYTES(POST "Content-Length:  \r\n\r\n"), 400},
	{BYTES(POST "Content-Length : 5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length\t: 5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length\0: 5\r\n\r\n"), 400},
	{BYTES(POST "Content-Length: 9223372036854775808\r\n\r\n"), 413},
	{BYTES(POST "Content-Length: 18446744073709551621\r\n\r\n"), 413},
	{BYTES(POST "Content-Length: 00000000000000000005\r\n\r\n"), 413},
	{BYTES(POST "Content-Length: 18446744073709551621x\r\n\r\n"), 400},
	/* Transfer-Encoding */
	{BYTES(POST "Transfer-Encoding: xchunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunkedx\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding : chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding\t: chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding:\x0b""chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding:\x0c""chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: \xc2\xa0""chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked\0\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: 'chunked'\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked;x=y\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked, chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked, identity\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked, gzip\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: identity\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: gzip\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding:\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
	{BYTES(POST "Transfer-Encoding: identity, chunked\r\n\r\n"), 501},
	{BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
	/* who it is from, told twice: one reader takes the first, another the last */
	{BYTES(POST "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n"), 400},
	{BYTES(POST "Authorization: Bearer a\r\nX: y\r\nauthorization: Bearer a\r\n\r\n"), 400},
	{BYTES(POST "Authorization:\r\nAuthorization: Bearer b\r\n\r\n"), 400},
	{BYTES("GET / HTTP/1.0\r\nAUTHORIZATION: Basic a\r\nAuthorization: Bearer b\r\n\r\n"), 400},
	/* headers that only one of two readers sees */
	{BYTES(POST "\nTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST " Transfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "\tTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "\x0bTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "X: X\nTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "X: X\rTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding:\r\n chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding\r\n : chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked\r\n folded\r\n\r\n"), 400},
	{BYTES(POST "X: y\r\n\tfolded\r\n\r\n"), 400},
	{BYTES("POST / HTTP/1.1\r\n Host: a\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding: chunked\r\n\n"), 400},
	{BYTES(POST "Foo: bar\r\n\rTransfer-Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "(Transfer-Encoding): chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer Encoding: chunked\r\n\r\n"), 400},
	{BYTES(POST "Transfer-Encoding; chunked\r\n\r\n"), 400},
};

static int parse_copy(struct slice bytes, size_t len)
{
	struct http_request request;
	char *copy = guard_copy(bytes.at, len);
	int result = http_parse_request(copy, len, &request);

	guard_free(copy, len);
	return result;
}

/* A good head is complete at its last byte and not before; a bad one may show early, and then always the same way. */
static void check_every_prefix(struct slice bytes, int expected)
{
	bool decided = false;
	size_t len;

	for (len = 0; len <= bytes.len; len++) {
		int result = parse_copy(bytes, len);

		if (result != 0 || decided || len == bytes.len)
			assert_int_equal(result, expected);
		if (expected > 0)
			assert_int_equal(result, len < (size_t)expected ? 0 : expected);
		decided = result != 0;
	}
}

static void assert_slice(struct slice slice, const char *expected)
{
	if (strcmp(expected, ABSENT) == 0)
		assert_null(slice.at);
	else if (!slice_is(slice, expected) || slice.at == NULL)
		fail_msg("'%.*s' instead of '%s'", (int)slice.len, slice.at, expected);
}

static void check_accepted(const struct accepted *expected)
{
	char *copy = guard_copy(expected->bytes.at, expected->bytes.len);
	struct http_request request;
	int result = http_parse_request(copy, expected->bytes.len, &request);

	if (result <= 0)
		fail_msg("%d for: %s", result, expected->bytes.at);
	assert_slice(request.method, expected->method);
	assert_slice(request.path, expected->path);
	assert_slice(request.query, expected->query);
	assert_int_equal(request.minor, expected->minor);
	assert_true(request.content_length == expected->length);
	assert_int_equal(request.chunked, expected->chunked);
	assert_int_equal(request.keep_alive, expected->keep);
	assert_int_equal(request.expect_continue, expected->expect);
	assert_int_equal(request.headers, expected->headers);
	guard_free(copy, expected->bytes.len);
	check_every_prefix(expected->bytes, result);
}

static void check_refused(const struct refused *expected)
{
	int result = parse_copy(expected->bytes, expected->bytes.len);

	if (result != -expected->status)
		fail_msg("%d instead of %d for: %s", result, -expected->status, expected->bytes.at);
	check_every_prefix(expected->bytes, result);
}

static void reads_what_clients_send(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(clients); i++)
		check_accepted(&clients[i]);
}

static void reads_every_form(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(forms); i++)
		check_accepted(&forms[i]);
}

static void refuses_the_malformed(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(malformed); i++)
		check_refused(&malformed[i]);
}

static void refuses_smuggling(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(smuggling); i++)
		check_refused(&smuggling[i]);
}

static bool parses_with(size_t at, int byte)
{
	char head[] = "GxT /x HTTP/1.1\r\nHost: a\r\nnxn: vxv\r\n\r\n";
	struct slice bytes = {head, sizeof head - 1};

	assert_int_equal(head[at], 'x');
	head[at] = (char)byte;
	return parse_copy(bytes, bytes.len) > 0;
}

/* Every byte in a method, a target, a header name and a header value, against the sets as the RFCs print them. */
static void knows_every_byte(void **state)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	int byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		bool in_token = byte != 0 && strchr(token, byte) != NULL;
		bool in_target = byte > 0x20 && byte < 0x7f && byte != '#';
		bool in_value = byte == '\t' || (byte >= 0x20 && byte != 0x7f);

		assert_int_equal(parses_with(1, byte), in_token);
		assert_int_equal(parses_with(5, byte), in_target);
		assert_int_equal(parses_with(27, byte), in_token || byte == ':');
		assert_int_equal(parses_with(32, byte), in_value);
	}
}

static void put(char *at, struct slice bytes)
{
	memcpy(at, bytes.at, bytes.len);
}

/* The lengths around a limit, and what follows the byte that is too many. */
static void bounds_the_target(void **state)
{
	static const char tail[] = " HTTP/1.1\r\nHost: a\r\n\r\n";
	char head[HTTP_TARGET_MAX + 64] = "GET /";
	struct http_request request;

	(void)state;
	memset(head + 5, 'a', sizeof head - 5);
	memcpy(head + 4 + HTTP_TARGET_MAX, tail, sizeof tail);
	assert_true(http_parse_request(head, 4 + HTTP_TARGET_MAX, &request) == 0);
	assert_int_equal(http_parse_request(head, 4 + HTTP_TARGET_MAX + sizeof tail - 1, &request),
			 4 + HTTP_TARGET_MAX + sizeof tail - 1);
	assert_int_equal(request.path.len, HTTP_TARGET_MAX);

	memset(head + 4 + HTTP_TARGET_MAX, 'a', 60);
	assert_int_equal(http_parse_request(head, 4 + HTTP_TARGET_MAX + 1, &request), -414);
	memcpy(head + 4 + HTTP_TARGET_MAX + 1, tail, sizeof tail);
	assert_int_equal(http_parse_request(head, 4 + HTTP_TARGET_MAX + sizeof tail, &request), -414);
	head[4 + HTTP_TARGET_MAX + 1] = '\0';
	assert_int_equal(http_parse_request(head, 4 + HTTP_TARGET_MAX + sizeof tail, &request), -414);
	head[8] = '\0';
	assert_int_equal(http_parse_request(head, 4 + HTTP_TARGET_MAX + sizeof tail, &request), -400);
}

static void bounds_the_head(void **state)
{
	static const char start[] = GET "Host: a\r\nx: ";
	char head[HTTP_HEAD_MAX + 8];
	struct http_request request;

	(void)state;
	memset(head, 'a', sizeof head);
	memcpy(head, start, sizeof start - 1);
	put(head + HTTP_HEAD_MAX - 4, slice_of("\r\n\r\n"));
	assert_int_equal(http_parse_request(head, HTTP_HEAD_MAX - 1, &request), 0);
	assert_int_equal(http_parse_request(head, HTTP_HEAD_MAX, &request), HTTP_HEAD_MAX);
	assert_int_equal(http_parse_request(head, sizeof head, &request), HTTP_HEAD_MAX);

	put(head + HTTP_HEAD_MAX - 4, slice_of("a\r\n\r\n"));
	assert_int_equal(http_parse_request(head, HTTP_HEAD_MAX - 1, &request), 0);
	assert_int_equal(http_parse_request(head, HTTP_HEAD_MAX, &request), -431);
	assert_int_equal(http_parse_request(head, sizeof head, &request), -431);
	memset(head, 'M', sizeof head);
	assert_int_equal(http_parse_request(head, sizeof head, &request), -431);
}

static void bounds_the_headers(void **state)
{
	char head[16 + 4 * (HTTP_HEADERS_MAX + 1) + 16] = "GET / HTTP/1.0\r\n";
	struct http_request request;
	size_t i, len = 16;

	(void)state;
	for (i = 0; i < HTTP_HEADERS_MAX; i++, len += 4)
		put(head + len, slice_of("x:\r\n"));
	assert_int_equal(http_parse_request(head, len, &request), 0);
	put(head + len, slice_of("\r\n"));
	assert_int_equal(http_parse_request(head, len + 2, &request), len + 2);
	assert_int_equal(request.headers, HTTP_HEADERS_MAX);
	put(head + len, slice_of("x:\r\n\r\n"));
	assert_int_equal(http_parse_request(head, len + 1, &request), -431);
	assert_int_equal(http_parse_request(head, len + 6, &request), -431);
}

static void finds_headers(void **state)
{
	static const char head[] = GET "Host: a\r\nX-One: \t first \t value \r\nx-one: second\r\nEmpty:\r\n"
				   "Raw: \xc3\xa9\r\n\r\n";
	struct http_request request;

	(void)state;
	assert_int_equal(http_parse_request(head, sizeof head - 1, &request), sizeof head - 1);
	assert_slice(http_header(&request, "X-ONE"), "first \t value");
	assert_slice(http_header(&request, "empty"), "");
	assert_slice(http_header(&request, "raw"), "\xc3\xa9");
	assert_slice(http_header(&request, "X-On"), ABSENT);
	assert_slice(http_header(&request, "X-Ones"), ABSENT);
	assert_int_equal(http_count_header(&request, "x-One"), 2);
	assert_int_equal(http_count_header(&request, "host"), 1);
	assert_int_equal(http_count_header(&request, "none"), 0);
}

static void needs_more_of_nothing(void **state)
{
	struct http_request request;

	(void)state;
	assert_int_equal(http_parse_request(NULL, 0, &request), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_clients_send),
		cmocka_unit_test(reads_every_form),
		cmocka_unit_test(refuses_the_malformed),
		cmocka_unit_test(refuses_smuggling),
		cmocka_unit_test(knows_every_byte),
		cmocka_unit_test(bounds_the_target),
		cmocka_unit_test(bounds_the_head),
		cmocka_unit_test(bounds_the_headers),
		cmocka_unit_test(finds_headers),
		cmocka_unit_test(needs_more_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
