/* test_sse.c: event blocks to the byte, what they become as JSON, and cursors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "sse.h"

static const char EPOCH[] = "k3f9q2";

/* Writes a block at the end of memory that is exactly as large as it is said to have to be. */
static struct slice write_block(char *room, size_t size, uint64_t seq, struct slice event, struct slice data)
{
	size_t fields = sse_write_fields(room + SSE_ID_MAX, event, data);
	size_t id = sse_write_id_before(room + SSE_ID_MAX, EPOCH, seq);

	assert_true(SSE_ID_MAX + fields <= size);
	assert_true(id <= SSE_ID_MAX);
	return (struct slice){room + SSE_ID_MAX - id, id + fields};
}

/* A message is this block, and this JSON. Event and data end where memory ends. */
static void check(const char *event, struct slice data, const char *block, const char *json)
{
	size_t event_len = strlen(event), size = SSE_ID_MAX + sse_fields_max(slice_of(event), data);
	char *guarded_event = guard_copy(event, event_len), *guarded_data = guard_copy(data.at, data.len);
	char *nothing = calloc(1, size), *room = guard_copy(nothing, size);
	struct slice e = {guarded_event, event_len}, d = {guarded_data, data.len};
	struct slice got = write_block(room, size, 1842, e, d);
	struct buffer out = {0};

	assert_int_equal(got.len, strlen(block));
	assert_memory_equal(got.at, block, got.len);
	sse_add_json(&out, got);
	assert_false(out.failed);
	assert_int_equal(out.len, strlen(json));
	assert_memory_equal(out.at, json, out.len);
	buffer_free(&out);
	guard_free(guarded_event, event_len);
	guard_free(guarded_data, data.len);
	guard_free(room, size);
	free(nothing);
}

static void messages_are_blocks(void **state)
{
	(void)state;
	check("message", slice_of("hello"), "id: k3f9q2-1842\ndata: hello\n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"message\",\"data\":\"hello\"}");
	check("", slice_of("hello"), "id: k3f9q2-1842\ndata: hello\n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"message\",\"data\":\"hello\"}");
	check("new_msg", slice_of(""), "id: k3f9q2-1842\nevent: new_msg\ndata: \n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"new_msg\",\"data\":\"\"}");
	check("a b", slice_of("  lead"), "id: k3f9q2-1842\nevent: a b\ndata:   lead\n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"a b\",\"data\":\"  lead\"}");
	check("m\"", slice_of("\"\\\t\xc3\xa4"), "id: k3f9q2-1842\nevent: m\"\ndata: \"\\\t\xc3\xa4\n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"m\\\"\",\"data\":\"\\\"\\\\\\t\xc3\xa4\"}");
}

static void an_absent_data_is_empty(void **state)
{
	char room[SSE_ID_MAX + 64];
	struct slice nothing = {NULL, 0}, got = write_block(room, sizeof room, 1, nothing, nothing);

	(void)state;
	assert_true(slice_is(got, "id: k3f9q2-1\ndata: \n\n"));
}

/* CRLF, CR and LF alike; and a line end at the end is one more, empty line. */
static void lines_are_split(void **state)
{
	(void)state;
	check("", slice_of("a\r\nb\rc\nd"), "id: k3f9q2-1842\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"message\",\"data\":\"a\\nb\\nc\\nd\"}");
	check("", slice_of("a\n"), "id: k3f9q2-1842\ndata: a\ndata: \n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"message\",\"data\":\"a\\n\"}");
	check("", slice_of("\r\n\r"), "id: k3f9q2-1842\ndata: \ndata: \ndata: \n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"message\",\"data\":\"\\n\\n\"}");
	check("", slice_of("\n\r"), "id: k3f9q2-1842\ndata: \ndata: \ndata: \n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"message\",\"data\":\"\\n\\n\"}");
}

/* What looks like a field or an end of a block is data. */
static void nothing_is_forged(void **state)
{
	(void)state;
	check("", slice_of("x\n\nid: 7\r\rdata: y\nevent: pushsse.bye"),
	      "id: k3f9q2-1842\ndata: x\ndata: \ndata: id: 7\ndata: \ndata: data: y\ndata: event: pushsse.bye\n\n",
	      "{\"id\":\"k3f9q2-1842\",\"event\":\"message\","
	      "\"data\":\"x\\n\\nid: 7\\n\\ndata: y\\nevent: pushsse.bye\"}");
}

/* Every text of up to six bytes of these fits into the room that is said to do. */
static void the_room_is_enough(void **state)
{
	static const char alphabet[] = {'a', '\r', '\n'};
	char data[6], room[SSE_ID_MAX + 128];

	(void)state;
	for (size_t len = 0; len <= sizeof data; len++) {
		for (unsigned n = 0; n < 729; n++) {
			struct slice d = {data, len};

			for (unsigned i = 0, digits = n; i < sizeof data; i++, digits /= 3)
				data[i] = alphabet[digits % 3];
			assert_true(sse_write_fields(room, slice_of("e"), d) <= sse_fields_max(slice_of("e"), d));
		}
	}
}

static void event_names(void **state)
{
	char longest[EVENT_MAX + 1];

	(void)state;
	memset(longest, 'e', sizeof longest);
	assert_true(sse_event_is_valid(slice_of("message")));
	assert_true(sse_event_is_valid(slice_of("")));
	assert_true(sse_event_is_valid(slice_of("pushsse")));
	assert_true(sse_event_is_valid(slice_of("opened")));
	assert_true(sse_event_is_valid((struct slice){longest, EVENT_MAX}));
	assert_false(sse_event_is_valid((struct slice){longest, EVENT_MAX + 1}));
	assert_false(sse_event_is_valid(slice_of("pushsse.")));
	assert_false(sse_event_is_valid(slice_of("pushsse.hello")));
	assert_false(sse_event_is_valid(slice_of("open")));
	assert_false(sse_event_is_valid(slice_of("error")));
	assert_false(sse_event_is_valid(slice_of("a\nb")));
	assert_false(sse_event_is_valid(slice_of("a\rb")));
	assert_false(sse_event_is_valid((struct slice){"a\0b", 3}));
	assert_false(sse_event_is_valid(slice_of("\xff")));
}

static void cursors_are_written_and_read(void **state)
{
	static const uint64_t seqs[] = {0, 1, 9, 10, 1842, UINT32_MAX, UINT64_MAX / 10 - 1};

	(void)state;
	for (size_t i = 0; i < sizeof seqs / sizeof seqs[0]; i++) {
		char text[CURSOR_MAX], *guarded;
		size_t len = cursor_write(text, EPOCH, seqs[i]);
		uint64_t seq = 77;

		guarded = guard_copy(text, len);
		assert_true(cursor_read((struct slice){guarded, len}, EPOCH, &seq));
		assert_int_equal(seq, seqs[i]);
		for (size_t cut = 0; cut < EPOCH_SIZE + 2; cut++)
			assert_false(cursor_read((struct slice){text, cut}, EPOCH, &seq));
		guard_free(guarded, len);
	}
}

static void other_texts_are_no_cursors(void **state)
{
	static const char *const texts[] = {
		"", "k3f9q2", "k3f9q2-", "k3f9q2-x", "k3f9q2-1x", "k3f9q2--1", "k3f9q2-+1", "k3f9q2- 1", "K3F9Q2-1",
		"k3f9q3-1", "k3f9q21", "k3f9q2_1", "k3f9q2-99999999999999999999", "k3f9q2-18446744073709551616",
		"k3f9q2-00000000000000000000000000000000001",
	};
	uint64_t seq = 77;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		char *text = guard_copy(texts[i], strlen(texts[i]));

		assert_false(cursor_read((struct slice){text, strlen(texts[i])}, EPOCH, &seq));
		assert_int_equal(seq, 77);
		guard_free(text, strlen(texts[i]));
	}
}

static void the_longest_id_fits(void **state)
{
	char room[SSE_ID_MAX + 1], *text = room;

	(void)state;
	assert_int_equal(sse_write_id_before(text + SSE_ID_MAX, EPOCH, UINT64_MAX),
	                 strlen("id: k3f9q2-18446744073709551615\n"));
	assert_true(cursor_write(text, EPOCH, UINT64_MAX) <= CURSOR_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_are_blocks),       cmocka_unit_test(an_absent_data_is_empty),
		cmocka_unit_test(lines_are_split),           cmocka_unit_test(nothing_is_forged),
		cmocka_unit_test(the_room_is_enough),        cmocka_unit_test(event_names),
		cmocka_unit_test(cursors_are_written_and_read), cmocka_unit_test(other_texts_are_no_cursors),
		cmocka_unit_test(the_longest_id_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
