/*
 * fuzz_multipart.c: multipart/form-data. The first line of the input is the Content-Type, the rest the body. No
 * value holds a delimiter, and each ends at one; what was read, written again, reads the same; and a body that was cut off
 * is never taken for whole.
 */
#include "fields.h"
#include "fuzz.h"

enum { MOST = 256 }; /* parts that are looked at */

struct parts {
	struct field part[MOST];
	int count;
	int end; /* what ended it: 0 or -1 */
};

static bool read_parts(struct slice type, const char *body, size_t len, struct parts *parts)
{
	struct http_multipart m;
	int got;

	parts->count = 0;
	if (!http_multipart_open(&m, type, body, len))
		return false;
	must(m.boundary.len >= 1 && m.boundary.len <= HTTP_BOUNDARY_MAX, "a boundary of some size");
	while ((got = http_multipart_next(&m, &parts->part[parts->count])) > 0) {
		must(within(m.rest, body, len), "it stays in the body");
		if (++parts->count == MOST)
			return false;
	}
	parts->end = got;
	return true;
}

static void check_part(const struct field *f, struct slice boundary, const char *body, size_t len)
{
	struct buffer delimiter = {0};

	must(within(f->name, body, len) && within(f->value, body, len), "parts are of the body");
	must(!memchr(f->name.at, '"', f->name.len) && !memchr(f->name.at, '\\', f->name.len), "a plain name");
	must(!memchr(f->name.at, '\n', f->name.len) && !memchr(f->name.at, '\r', f->name.len), "in one line");
	buffer_add_text(&delimiter, "\r\n--");
	buffer_add_slice(&delimiter, boundary);
	for (size_t i = 0; i + delimiter.len <= f->value.len; i++)
		must(memcmp(f->value.at + i, delimiter.at, delimiter.len) != 0, "no delimiter in a value");
	buffer_free(&delimiter);
}

static bool starts_with(struct slice text, struct slice start)
{
	return text.len >= start.len && slice_equal(first(text, start.len), start);
}

static const char *find(struct slice text, struct slice part)
{
	for (; !starts_with(text, part); (void)slice_take(&text, 1))
		must(text.len > 0, "it is there");
	return text.at;
}

/* From the first delimiter to the last, each where RFC 2046 5.1.1 has it. */
static void check_delimiters(const struct parts *parts, struct slice boundary, struct slice body)
{
	struct buffer delimiter = {0};
	struct slice line, rest = body;

	buffer_add_text(&delimiter, "\r\n--");
	buffer_add_slice(&delimiter, boundary);
	line = contents(&delimiter);
	if (starts_with(rest, (struct slice){line.at + 2, line.len - 2}))
		(void)slice_take(&rest, line.len - 2);
	else
		(void)slice_take(&rest, (size_t)(find(rest, line) - rest.at) + line.len);
	for (int i = 0; i < parts->count; i++) {
		struct slice value = parts->part[i].value;

		skip_blanks(&rest);
		must_take(&rest, slice_of("\r\n"), "a delimiter is a line");
		must(value.at >= rest.at + 4 && memcmp(value.at - 4, "\r\n\r\n", 4) == 0, "an empty line before a value");
		(void)slice_take(&rest, (size_t)(value.at + value.len - rest.at));
		must_take(&rest, line, "a delimiter behind it");
	}
	must_take(&rest, slice_of("--"), "the last delimiter");
	skip_blanks(&rest);
	must(!rest.len || starts_with(rest, slice_of("\r\n")), "alone in its line");
	buffer_free(&delimiter);
}

static void write_again(struct buffer *out, const struct parts *parts, struct slice boundary)
{
	for (int i = 0; i < parts->count; i++) {
		buffer_add_text(out, "--");
		buffer_add_slice(out, boundary);
		buffer_add_text(out, "\r\ncontent-disposition:form-data;name=\"");
		buffer_add_slice(out, parts->part[i].name);
		buffer_add_text(out, "\"\r\n\r\n");
		buffer_add_slice(out, parts->part[i].value);
		buffer_add_text(out, "\r\n");
	}
	buffer_add_text(out, "--");
	buffer_add_slice(out, boundary);
	buffer_add_text(out, "--");
}

static void must_equal(const struct parts *a, const struct parts *b, int count)
{
	for (int i = 0; i < count; i++)
		must(slice_equal(a->part[i].name, b->part[i].name) && slice_equal(a->part[i].value, b->part[i].value),
		     "part by part the same");
}

static void check_again(struct slice type, const struct parts *parts, struct slice boundary)
{
	struct buffer out = {0};
	struct parts again;

	write_again(&out, parts, boundary);
	must(read_parts(type, out.at, out.len, &again) && again.end == 0, "what was read can be read again");
	must(again.count == parts->count, "with as many parts");
	must_equal(parts, &again, parts->count);
	buffer_free(&out);
}

/* A part of the body holds the same parts, as far as they go, and is whole only when it has all of them. */
static void check_cut(struct slice type, struct slice body, const struct parts *parts, struct chooser *c)
{
	for (int i = 0; i < 4 && body.len; i++) {
		struct slice cut = first(body, choose(c, body.len));
		char *copy = copy_of(cut);
		struct parts some;

		must(read_parts(type, copy, cut.len, &some), "it opens as the whole does");
		must(some.count <= parts->count, "no part that was not there");
		must_equal(parts, &some, some.count);
		must(some.end < 0 || some.count == parts->count, "not taken for whole");
		free(copy);
	}
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	struct slice body = input, type = slice_cut(&body, '\n');
	struct parts parts;
	struct http_multipart m;
	char *copy;

	if (!body.at)
		return;
	copy = copy_of(body);
	if (read_parts(type, copy, body.len, &parts)) {
		(void)http_multipart_open(&m, type, copy, body.len);
		for (int i = 0; i < parts.count; i++)
			check_part(&parts.part[i], m.boundary, copy, body.len);
		check_cut(type, body, &parts, &c);
		if (parts.end == 0) {
			check_delimiters(&parts, m.boundary, (struct slice){copy, body.len});
			check_again(type, &parts, m.boundary);
		}
	}
	free(copy);
}
