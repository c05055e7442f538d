/*
 * fuzz_head.c: request heads. The same answer however the bytes arrive and whatever follows; what was read, written
 * again, reads the same; and a head that is taken leaves nobody in doubt which lines it has and where its body ends.
 */
#include <inttypes.h>

#include "fuzz.h"
#include "http.h"

static int parse(struct slice bytes, struct http_request *request)
{
	char *copy = copy_of(bytes);
	int result = http_parse_request(copy, bytes.len, request);

	must(result <= (int)bytes.len && result <= HTTP_HEAD_MAX, "no more is used than there is");
	must(request->headers <= HTTP_HEADERS_MAX, "as many headers as there is room for");
	free(copy);
	return result;
}

/* Any first part of it is answered with "more", or already with the refusal of the whole. */
static void check_parts(struct slice input, int whole, struct chooser *c)
{
	struct http_request request;

	for (int i = 0; i < 4 && input.len; i++) {
		size_t len = choose(c, input.len);
		int part = parse(first(input, len), &request);

		if (part > 0)
			must(part == whole, "taken from a part as from the whole");
		else if (part < 0)
			must(part == whole, "refused by a part as by the whole");
		else
			must(whole <= 0 || len < (size_t)whole, "what was there whole is not waited for");
	}
}

static void check_followed(struct slice input, int whole, struct chooser *c)
{
	struct http_request request;
	struct buffer longer = {0};

	buffer_add_slice(&longer, input);
	for (size_t i = choose(c, 64) + 1; i > 0; i--)
		buffer_add(&longer, &(char){(char)choose(c, 256)}, 1);
	must(parse(contents(&longer), &request) == whole, "what follows changes nothing");
	buffer_free(&longer);
}

/* No reader of lines, be it one that takes a bare LF or CR for a line's end, sees other lines. */
static void check_lines(const char *at, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		must(at[i] != '\0', "no NUL");
		must(at[i] != '\n' || (i && at[i - 1] == '\r'), "no bare LF");
		must(at[i] != '\r' || (i + 1 < len && at[i + 1] == '\n'), "no bare CR");
	}
}

/* Each byte is where RFC 9112 has it: none was passed over to find a name, a value or the end. */
static void check_bytes(const struct http_request *r, struct slice head)
{
	const struct slice end = slice_of("\r\n");

	if (head.at[0] == '\r')
		must_take(&head, end, "one empty line in front");
	must_take(&head, r->method, "the method");
	must_take(&head, slice_of(" "), "a blank behind it");
	must(slice_cut(&head, ' ').len > 0, "a target");
	must_take(&head, slice_of("HTTP/1."), "the version");
	must(head.len && slice_take(&head, 1).at[0] - '0' >= r->minor, "its minor part");
	must_take(&head, end, "the end of the request line");
	for (size_t i = 0; i < r->headers; i++) {
		must(r->header[i].name.len > 0, "a name of some length");
		must_take(&head, r->header[i].name, "a header's name");
		must_take(&head, slice_of(":"), "the colon right behind it");
		skip_blanks(&head);
		must_take(&head, r->header[i].value, "its value");
		skip_blanks(&head);
		must_take(&head, end, "the end of its line");
	}
	must_take(&head, end, "the empty line");
	must(head.len == 0, "and no more");
}

/* The two headers say what was read out of them, and nothing that a laxer reader could read otherwise. */
static void check_length(const struct http_request *r)
{
	struct slice length = http_header(r, "content-length"), coding = http_header(r, "transfer-encoding");
	char digits[24];

	must(!coding.at || (coding.len == 7 && slice_starts_with_any_case(coding, "chunked")), "chunked and nothing else");
	if (!length.at)
		return;
	(void)snprintf(digits, sizeof digits, "%" PRId64, r->content_length);
	while (length.len > 1 && length.at[0] == '0')
		(void)slice_take(&length, 1);
	must(slice_is(length, digits), "the length that is written there");
}

static void check_framing(const struct http_request *r)
{
	size_t lengths = http_count_header(r, "content-length"), codings = http_count_header(r, "transfer-encoding");

	must(lengths + codings <= 1, "the body's end is told once");
	must(r->chunked == (codings == 1), "chunked when a coding says so");
	must((r->content_length >= 0) == (lengths == 1), "a length when one is told");
	must(!r->chunked || r->minor > 0, "no chunks in 1.0");
	must(r->minor == 0 || http_count_header(r, "host") == 1, "a host in 1.1");
	must(!r->expect_continue || r->minor > 0, "no 100 in 1.0");
}

static void check_within(const struct http_request *r, const char *copy, size_t len)
{
	must(within(r->method, copy, len) && within(r->query, copy, len), "method and query are of the input");
	must(slice_is(r->path, "/") || within(r->path, copy, len), "the path is of the input");
	for (size_t i = 0; i < r->headers; i++)
		must(within(r->header[i].name, copy, len) && within(r->header[i].value, copy, len), "headers are");
}

static void write_again(struct buffer *out, const struct http_request *r)
{
	buffer_add_slice(out, r->method);
	buffer_add_text(out, " ");
	buffer_add_slice(out, r->path);
	if (r->query.at)
		buffer_add_text(out, "?");
	buffer_add_slice(out, r->query);
	buffer_printf(out, " HTTP/1.%d\r\n", r->minor);
	for (size_t i = 0; i < r->headers; i++) {
		buffer_add_slice(out, r->header[i].name);
		buffer_add_text(out, ":");
		buffer_add_slice(out, r->header[i].value);
		buffer_add_text(out, "\r\n");
	}
	buffer_add_text(out, "\r\n");
}

static void check_again(const struct http_request *r)
{
	struct http_request again;
	struct buffer out = {0};

	write_again(&out, r);
	must(http_parse_request(out.at, out.len, &again) == (int)out.len, "what was read can be read again");
	must(slice_equal(r->method, again.method) && slice_equal(r->path, again.path), "with its method and path");
	must(slice_equal(r->query, again.query) && !r->query.at == !again.query.at, "with its query");
	must(r->minor == again.minor && r->headers == again.headers, "with its version and headers");
	must(r->content_length == again.content_length && r->chunked == again.chunked, "with its body");
	must(r->keep_alive == again.keep_alive && r->expect_continue == again.expect_continue, "with its wishes");
	for (size_t i = 0; i < r->headers; i++)
		must(slice_equal(r->header[i].name, again.header[i].name) &&
		     slice_equal(r->header[i].value, again.header[i].value), "with each header");
	buffer_free(&out);
}

/* What looks into header values is given each of them. */
static void read_values(const struct http_request *r)
{
	for (size_t i = 0; i < r->headers; i++) {
		struct slice value = r->header[i].value;
		char *copy = copy_of(value);
		struct slice exact = {copy, value.len}, cookie = http_cookie(exact, "pushsse"), bearer = http_bearer(exact);

		must(within(cookie, copy, exact.len) && within(bearer, copy, exact.len), "values are of the header");
		must(!bearer.at || bearer.len, "no empty credentials");
		(void)http_accepts(exact, "text/event-stream");
		(void)http_type_is(exact, "application/json");
		free(copy);
	}
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	struct http_request request;
	char *copy = copy_of(input);
	int whole = http_parse_request(copy, input.len, &request);

	check_parts(input, whole, &c);
	if (whole != 0)
		check_followed(input, whole, &c);
	if (whole > 0) {
		check_lines(copy, (size_t)whole);
		check_within(&request, copy, (size_t)whole);
		check_bytes(&request, first((struct slice){copy, input.len}, (size_t)whole));
		check_framing(&request);
		check_length(&request);
		check_again(&request);
		read_values(&request);
	}
	free(copy);
}
