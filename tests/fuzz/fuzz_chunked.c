/*
 * fuzz_chunked.c: chunked bodies. Whole or in pieces, into another place or into its own: the same bytes, the same
 * end, the same refusal. What is taken for a whole body is one to a second reader, that goes by lines as RFC 9112 7.1
 * does, and has the same data. And bytes that are written in chunks come back.
 */
#include <inttypes.h>

#include "body.h"
#include "fuzz.h"

struct decoded {
	struct buffer data;
	int end;     /* the last answer */
	size_t used; /* of the input */
};

static void add_decoded(struct decoded *d, const char *at, size_t len, size_t used)
{
	buffer_add(&d->data, at, len);
	d->used += used;
}

static struct decoded decode_whole(struct slice input)
{
	struct decoded d = {0};
	struct http_chunks chunks = {0};
	char *in = copy_of(input), *out = malloc(input.len + 1);
	size_t used, written;

	must(out != NULL, "memory");
	d.end = http_unchunk(&chunks, in, input.len, &used, out, &written);
	must(written <= used && used <= input.len, "no more is written than used, nor used than there is");
	add_decoded(&d, out, written, used);
	free(in);
	free(out);
	return d;
}

/* As a connection does it: in pieces, each decoded in its place. */
static struct decoded decode_pieces(struct slice input, struct chooser *c)
{
	struct decoded d = {0};
	struct http_chunks chunks = {0};

	while (d.end == 0 && input.len) {
		struct slice piece = slice_take(&input, choose(c, input.len) + 1);
		char *copy = copy_of(piece);
		size_t used, written;

		d.end = http_unchunk(&chunks, copy, piece.len, &used, copy, &written);
		must(written <= used && used <= piece.len, "no more is written than used, nor used than there is");
		must(d.end != 0 || used == piece.len, "who wants more has used all");
		must(memcmp(copy + used, piece.at + used, piece.len - used) == 0, "what is behind the body stays");
		add_decoded(&d, copy, written, used);
		free(copy);
	}
	return d;
}

/* The line without its CRLF, in which there is neither of these two. */
static struct slice take_line(struct slice *rest)
{
	struct slice line = slice_cut(rest, '\r');

	must_take(rest, slice_of("\n"), "a line ends with CRLF");
	must(!line.len || (!memchr(line.at, '\n', line.len) && !memchr(line.at, '\0', line.len)), "and only there");
	return line;
}

/* The size that a line begins with. */
static uint64_t read_size(struct slice line)
{
	struct slice digits = slice_cut(&line, ';');
	char text[16], again[32];

	must(digits.len > 0 && digits.len < sizeof text, "some digits, and not so many that they overflow");
	for (size_t i = 0; i < digits.len; i++)
		text[i] = (char)(digits.at[i] >= 'A' && digits.at[i] <= 'F' ? digits.at[i] + 32 : digits.at[i]);
	text[digits.len] = '\0';
	(void)snprintf(again, sizeof again, "%0*" PRIx64, (int)digits.len, (uint64_t)strtoull(text, NULL, 16));
	must(strcmp(text, again) == 0, "digits alone");
	return strtoull(text, NULL, 16);
}

static void check_chunks(struct slice body, struct slice data)
{
	for (uint64_t size; (size = read_size(take_line(&body))) > 0;) {
		must(size <= data.len, "as much data as is announced");
		must_take(&body, slice_take(&data, (size_t)size), "the data");
		must_take(&body, slice_of("\r\n"), "a line's end behind it");
	}
	must(data.len == 0, "no data that no chunk holds");
	for (struct slice line; (line = take_line(&body)).len > 0;)
		must(line.at[0] != ':' && memchr(line.at, ':', line.len), "trailers are headers");
	must(body.len == 0, "nothing behind the empty line is taken");
}

static void write_chunks(struct buffer *out, struct slice data, struct chooser *c)
{
	while (data.len) {
		struct slice chunk = slice_take(&data, choose(c, data.len) + 1);

		buffer_printf(out, choose(c, 2) ? "%zx" : "0%zX", chunk.len);
		buffer_add_text(out, choose(c, 4) ? "\r\n" : ";name=\"value\"\r\n");
		buffer_add_slice(out, chunk);
		buffer_add_text(out, "\r\n");
	}
	buffer_add_text(out, choose(c, 4) ? "0\r\n\r\n" : "0\r\nName: value\r\n\r\n");
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	struct decoded whole = decode_whole(input), pieces = decode_pieces(input, &c);
	struct buffer written = {0};

	must(whole.end == pieces.end && whole.used == pieces.used, "the same end, however it arrives");
	must(slice_equal(contents(&whole.data), contents(&pieces.data)), "the same bytes, however they arrive");
	if (whole.end == 1)
		check_chunks(first(input, whole.used), contents(&whole.data));
	buffer_free(&whole.data);
	buffer_free(&pieces.data);

	write_chunks(&written, input, &c);
	buffer_add_text(&written, "next");
	pieces = decode_pieces(contents(&written), &c);
	must(pieces.end == 1 && pieces.used == written.len - 4, "what was written is read to its end");
	must(slice_equal(contents(&pieces.data), input), "and comes back");
	buffer_free(&pieces.data);
	buffer_free(&written);
}
