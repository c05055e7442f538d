/*
 * fuzz_segment.c: the journal's files. Any bytes are read to an end, within their bounds. And a segment that was
 * written and then damaged in one place yields every record but those that the damage touches, and nothing that was
 * not written.
 */
#include "segment.h"

#include "fuzz.h"

enum { MOST = 256 }; /* records */

static void read_any(struct slice input, uint32_t sum)
{
	struct segment_reader r = {.file = input, .sum = sum, .at = SEGMENT_HEADER};
	struct slice body;
	size_t at = r.at;

	do {
		while (segment_next(&r, &body) == SEGMENT_RECORD) {
			must(within(body, input.at, input.len) && body.len, "bodies lie within the file");
			must(r.at > at && r.at <= input.len, "it goes on, and not beyond the end");
			at = r.at;
		}
	} while (segment_seek(&r));
}

static void check_any(struct slice input)
{
	char *copy = copy_of(input), header[SEGMENT_HEADER], again[SEGMENT_HEADER];
	struct slice file = {copy, input.len};
	struct segment_header h;
	uint32_t sum = 0;

	if (segment_read_header(file, &h, &sum) == SEGMENT_SOUND && copy[9] == 0)
		must(segment_write_header(again, &h) == sum && memcmp(again, copy, SEGMENT_HEADER) == 0, "the same header");
	read_any(file, sum);
	if (input.len >= SEGMENT_HEADER) {
		memcpy(header, input.at, SEGMENT_HEADER);
		if (segment_mend_header(header))
			must(segment_read_header((struct slice){header, SEGMENT_HEADER}, &h, &sum) == SEGMENT_SOUND, "mended");
	}
	free(copy);
}

struct written {
	struct buffer file;
	struct slice body[MOST];
	size_t at[MOST]; /* of its frame */
	int count;
	uint32_t sum;
};

/* Each line of the input is a body. */
static void write_lines(struct written *w, struct slice input)
{
	struct segment_header h = {.epoch = "k3f9q2", .number = 7, .previous = 99, .begun = 1234567890123456789};
	char header[SEGMENT_HEADER], frame[SEGMENT_FRAME];

	w->sum = segment_write_header(header, &h);
	buffer_add(&w->file, header, sizeof header);
	while (input.at && w->count < MOST) {
		struct slice body = slice_cut(&input, '\n');

		if (!body.len)
			continue;
		w->at[w->count] = w->file.len;
		w->body[w->count++] = body;
		segment_write_frame(frame, w->sum, (uint32_t)w->file.len, body);
		buffer_add(&w->file, frame, sizeof frame);
		buffer_add_slice(&w->file, body);
	}
}

/* Bytes from `from` up to `to` are not as they were written. */
static void check_damaged(const struct written *w, struct slice file, size_t from, size_t to)
{
	struct segment_reader r = {.file = file, .sum = w->sum, .at = SEGMENT_HEADER};
	struct slice body;
	int next = 0;

	do {
		while (segment_next(&r, &body) == SEGMENT_RECORD) {
			size_t at = (size_t)(body.at - file.at) - SEGMENT_FRAME;

			for (; next < w->count && w->at[next] < at; next++)
				must(w->at[next] + SEGMENT_FRAME + w->body[next].len > from && w->at[next] < to,
				     "what is sound is not passed over");
			must(next < w->count && slice_equal(w->body[next], body), "what was not written is not read");
			next++;
		}
	} while (segment_seek(&r));
	for (; next < w->count; next++)
		must(w->at[next] + SEGMENT_FRAME + w->body[next].len > from && w->at[next] < to, "what is sound is read");
}

static void check_again(const struct written *w)
{
	struct segment_reader r = {.file = contents(&w->file), .at = SEGMENT_HEADER};
	struct slice body;

	for (int i = 0; i < w->count; i++)
		must(segment_again(&r, &body) && slice_equal(body, w->body[i]), "a second walk sees the same");
	must(!segment_again(&r, &body), "and the same end");
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	struct written w = {0};
	size_t at, run;
	char *copy;

	check_any(input);
	write_lines(&w, input);
	check_damaged(&w, contents(&w.file), SIZE_MAX, 0);
	check_again(&w);
	at = SEGMENT_HEADER + choose(&c, w.file.len - SEGMENT_HEADER + 1);
	check_damaged(&w, first(contents(&w.file), at), at, SIZE_MAX);
	copy = copy_of(contents(&w.file));
	run = w.file.len - at < 8 ? w.file.len - at : choose(&c, 8) + 1;
	for (size_t i = 0; i < run; i++)
		copy[at + i] = (char)(copy[at + i] ^ (choose(&c, 255) + 1));
	check_damaged(&w, (struct slice){copy, w.file.len}, run ? at : SIZE_MAX, at + run);
	free(copy);
	buffer_free(&w.file);
}
