/*
 * fuzz_cursor.c: cursors. What is taken for one is this epoch's, and its number, written again, is the same cursor.
 */
#include "fuzz.h"
#include "sse.h"

static const char epoch[EPOCH_SIZE] = {'k', '3', 'f', '9', 'q', '2'};

static void check_read(struct slice input, uint64_t seq)
{
	char written[CURSOR_MAX], again[CURSOR_MAX];
	size_t len = cursor_write(written, epoch, seq), zeros = EPOCH_SIZE + 1;
	uint64_t same;

	must(input.len <= CURSOR_MAX && memcmp(input.at, epoch, EPOCH_SIZE) == 0, "it is of this epoch");
	memcpy(again, input.at, input.len);
	while (zeros + 1 < input.len && input.at[zeros] == '0')
		zeros++;
	memmove(again + EPOCH_SIZE + 1, input.at + zeros, input.len - zeros);
	must(len == EPOCH_SIZE + 1 + input.len - zeros && memcmp(written, again, len) == 0, "written, it is the same");
	must(cursor_read((struct slice){written, len}, epoch, &same) && same == seq, "and reads the same");
}

static void check_write(struct chooser *c)
{
	uint64_t seq = c->state >> choose(c, 64), same;
	char written[CURSOR_MAX], line[SSE_ID_MAX];
	size_t len = cursor_write(written, epoch, seq), size = sse_write_id_before(line + SSE_ID_MAX, epoch, seq);

	must(len <= CURSOR_MAX && size == sse_id_size(seq) && size == len + strlen("id: \n"), "as long as it says");
	must(memcmp(line + SSE_ID_MAX - 1 - len, written, len) == 0, "the id line holds the cursor");
	must(seq > (UINT64_MAX - 9) || cursor_read((struct slice){written, len}, epoch, &same), "it can be read");
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	char *copy = copy_of(input);
	uint64_t seq = 0;

	if (cursor_read((struct slice){copy, input.len}, epoch, &seq))
		check_read(input, seq);
	check_write(&c);
	free(copy);
}
