/*
 * fuzz_block.c: event blocks. The first line of the input is an event name, the rest the data. A reader that is
 * written as the HTML standard (9.2.6) tells it sees one event, with this name and this data: nothing in them forges
 * another field.
 */
#include "fuzz.h"
#include "json.h"
#include "sse.h"
#include "utf8.h"

static const char epoch[EPOCH_SIZE] = {'k', '3', 'f', '9', 'q', '2'};

/* What an EventSource has of a block. */
struct seen {
	struct buffer id, event, data;
	int events, others; /* dispatched; lines that are no field of these three */
};

/* The next line: ends at CRLF, CR or LF. False when it does not end. */
static bool next_line(struct slice *rest, struct slice *line)
{
	size_t len = 0;

	while (len < rest->len && rest->at[len] != '\r' && rest->at[len] != '\n')
		len++;
	if (len == rest->len)
		return false;
	*line = slice_take(rest, len);
	if (slice_take(rest, 1).at[0] == '\r' && rest->len && rest->at[0] == '\n')
		(void)slice_take(rest, 1);
	return true;
}

static void read_block(struct slice block, struct seen *seen)
{
	struct slice line;

	while (next_line(&block, &line)) {
		struct slice value = line, name = slice_cut(&value, ':');

		if (value.len && value.at[0] == ' ')
			(void)slice_take(&value, 1);
		if (!line.len) {
			seen->events++;
		} else if (slice_is(name, "data")) {
			buffer_add_slice(&seen->data, value);
			buffer_add_text(&seen->data, "\n");
		} else if (slice_is(name, "event") || slice_is(name, "id")) {
			struct buffer *field = slice_is(name, "id") ? &seen->id : &seen->event;

			must(field->len == 0, "each field once");
			buffer_add_slice(field, value);
		} else {
			seen->others++;
		}
	}
	must(block.len == 0, "it ends with the empty line");
}

/* Line ends are LF to a reader. */
static void add_normalized(struct buffer *out, struct slice data)
{
	for (size_t i = 0; i < data.len; i++) {
		if (data.at[i] == '\r' && i + 1 < data.len && data.at[i + 1] == '\n')
			continue;
		buffer_add(out, data.at[i] == '\r' ? "\n" : &data.at[i], 1);
	}
}

static void check_json(struct slice block, struct slice event, struct slice data)
{
	struct buffer out = {0};
	struct json j;
	struct json_value v[3], end;

	sse_add_json(&out, block);
	must(!out.failed && json_open(&j, out.at, out.len, '{'), "the JSON of a block is an object");
	for (int i = 0; i < 3; i++)
		must(json_next(&j, &v[i]) == 1 && v[i].type == JSON_STRING, "of three strings");
	must(json_next(&j, &end) == 0, "and nothing else");
	must(slice_is(v[0].name, "id") && slice_equal(v[0].text, sse_block_id(block)), "its id");
	must(slice_is(v[1].name, "event") && slice_equal(v[1].text, event), "its event");
	must(slice_is(v[2].name, "data") && slice_equal(v[2].text, data), "its data");
	buffer_free(&out);
}

/* Whole in its own memory, as messages have it. */
static char *write_block(struct slice event, struct slice data, uint64_t seq, struct slice *block)
{
	size_t room = SSE_ID_MAX + sse_fields_max(event, data);
	char *bytes = malloc(room);
	size_t fields, id;

	must(bytes != NULL, "memory");
	fields = sse_write_fields(bytes + SSE_ID_MAX, event, data);
	must(SSE_ID_MAX + fields <= room, "no more than it says");
	id = sse_write_id_before(bytes + SSE_ID_MAX, epoch, seq);
	*block = (struct slice){bytes + SSE_ID_MAX - id, id + fields};
	return bytes;
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	struct slice data = input, event = slice_cut(&data, '\n'), block, message = slice_of("message");
	struct buffer normalized = {0};
	struct seen seen = {0};
	char *bytes;

	if (!data.at || !utf8_is_valid(data) || !sse_event_is_valid(event) || memchr(data.at, '\0', data.len))
		return;
	bytes = write_block(event, data, c.state >> choose(&c, 64), &block);
	read_block(block, &seen);
	add_normalized(&normalized, data);
	must(seen.events == 1 && seen.others == 0, "one event, and nothing but it");
	must(slice_equal(contents(&seen.id), sse_block_id(block)), "with its id");
	must(slice_equal(seen.event.len ? contents(&seen.event) : message, event.len ? event : message), "its name");
	must(seen.data.len && slice_equal(first(contents(&seen.data), seen.data.len - 1), contents(&normalized)), "its data");
	check_json(block, event.len ? event : message, contents(&normalized));
	free(bytes);
	buffer_free(&normalized);
	buffer_free(&seen.id);
	buffer_free(&seen.event);
	buffer_free(&seen.data);
}
