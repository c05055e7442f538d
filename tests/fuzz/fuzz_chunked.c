/*
 * fuzz_chunked.c: chunked bodies. Whole or in pieces, into another place or into its own: the same bytes, the same
 * end, the same refusal. And bytes that are written in chunks come back.
 */
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
