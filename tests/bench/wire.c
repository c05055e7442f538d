#include "wire.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CURSOR_MAX = 64 }; /* bytes of an id; longer ones are cut and then refused by the server */

static const struct {
	const char *before, *after;
} forms[] = {
	[WIRE_EVENTS] = {"data: ", "\n\n"},
	[WIRE_POLL] = {"\"data\":\"", "\"}"},
	[WIRE_NCHAN] = {"\r\n\r\n", ""},
	[WIRE_SOCKET_IO] = {"[\"new_msg\",\"", "\"]"},
};

bool wire_init(struct wire *wire, enum wire_kind kind, size_t content)
{
	size_t head = strlen(forms[kind].before), padding = content - MARK_SIZE;

	wire->kind = kind;
	wire->after = forms[kind].after;
	wire->after_len = strlen(wire->after);
	wire->before_len = head + padding;
	wire->block_len = wire->before_len + MARK_SIZE + wire->after_len;
	wire->before = malloc(wire->before_len + 1);
	if (!wire->before)
		return false;
	memcpy(wire->before, forms[kind].before, head);
	memset(wire->before + head, MARK_PAD, padding);
	return true;
}

void wire_free(struct wire *wire)
{
	free(wire->before);
	wire->before = NULL;
}

const char *wire_next(const struct wire *wire, const char *from, const char *end, struct mark *mark, uint64_t *torn)
{
	const size_t head = wire->before_len, tail = MARK_SIZE + wire->after_len;
	const char *sign;

	while ((sign = memchr(from, MARK_SIGN, (size_t)(end - from))) && (size_t)(end - sign) >= tail) {
		bool whole = (size_t)(sign - from) >= head && memcmp(sign - head, wire->before, head) == 0 &&
		             mark_read(sign, mark) && memcmp(sign + MARK_SIZE, wire->after, wire->after_len) == 0;

		if (whole)
			return sign + tail;
		++*torn;
		from = sign + tail;
	}
	return NULL;
}

/* The value of a header, without its line's end. name: lower case, with the colon. Empty: there is none. */
static struct slice header(const char *at, const char *end, const char *name)
{
	const size_t len = strlen(name);
	const char *line = at;

	while ((line = memchr(line, '\n', (size_t)(end - line)))) {
		line++;
		if ((size_t)(end - line) > len && strncasecmp(line, name, len) == 0) {
			const char *value = line + len, *stop = memchr(value, '\r', (size_t)(end - value));

			while (stop && value < stop && *value == ' ')
				value++;
			return (struct slice){value, stop ? (size_t)(stop - value) : 0};
		}
	}
	return (struct slice){at, 0};
}

size_t wire_answer_size(const char *at, size_t len)
{
	const char *end = memmem(at, len, "\r\n\r\n", 4);
	struct slice length;

	if (!end)
		return 0;
	end += 4;
	length = header(at, end, "content-length:");
	return (size_t)(end - at) + (length.len ? strtoul(length.at, NULL, 10) : 0); /* ends at the CR */
}

/* What follows the last `name` up to one of the bytes in `stops`. */
static struct slice last_value(const char *at, size_t len, const char *name, const char *stops)
{
	const size_t size = strlen(name);
	const char *found = NULL, *from = at, *end = at + len;
	struct slice value = {at, 0};

	/* What begins with a line needs none before it to end. */
	if (*name == '\n' && len > size && memcmp(at, name + 1, size - 1) == 0)
		found = at + size - 1;
	while ((from = memmem(from, (size_t)(end - from), name, size)))
		found = from += size;
	if (!found)
		return value;
	value.at = found;
	while (found + value.len < end && value.len < CURSOR_MAX && !strchr(stops, found[value.len]))
		value.len++;
	return value;
}

void wire_cursor(const struct wire *wire, const char *at, size_t len, struct buffer *out)
{
	struct slice id, tag;

	if (wire->kind == WIRE_NCHAN) {
		id = header(at, at + len, "last-modified:");
		tag = header(at, at + len, "etag:");
		if (!id.len || !tag.len)
			return;
		out->len = 0;
		buffer_add_text(out, "If-Modified-Since: ");
		buffer_add_slice(out, id);
		buffer_add_text(out, "\r\nIf-None-Match: ");
		buffer_add_slice(out, tag);
	} else {
		id = wire->kind == WIRE_POLL ? last_value(at, len, "\"lastEventId\":\"", "\"")
		                             : last_value(at, len, "\nid: ", "\r\n");
		if (!id.len)
			return;
		out->len = 0;
		buffer_add_text(out, "Last-Event-ID: ");
		buffer_add_slice(out, id);
	}
	buffer_add_text(out, "\r\n");
}
