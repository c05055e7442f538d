/*
 * sse.c: event blocks and cursors.
 *
 * Always "data: " with its blank: readers take one blank away, so that leading blanks of the data survive.
 */
#include "sse.h"

#include "json.h"
#include "utf8.h"

static const char DATA[] = "data: ";

static char *put(char *out, const char *bytes, size_t len)
{
	if (len)
		memcpy(out, bytes, len);
	return out + len;
}

static char *put_text(char *out, const char *text)
{
	return put(out, text, strlen(text));
}

bool sse_event_is_valid(struct slice event)
{
	static const char reserved[] = "pushsse.";

	for (size_t i = 0; i < event.len; i++)
		if (event.at[i] == '\r' || event.at[i] == '\n' || event.at[i] == '\0')
			return false;
	if (event.len > EVENT_MAX || !utf8_is_valid(event))
		return false;
	if (event.len >= sizeof reserved - 1 && memcmp(event.at, reserved, sizeof reserved - 1) == 0)
		return false;
	return !slice_is(event, "open") && !slice_is(event, "error");
}

/*
 * Takes the next line off `rest`; false after the last. "a\n" is two lines, the second one empty. `cr`: there are CRs
 * in it, which is rare, and then it is read byte by byte.
 */
static bool next_line(struct slice *rest, struct slice *line, bool cr)
{
	const char *lf;
	size_t len = 0;

	if (!rest->at)
		return false;
	if (!cr) {
		lf = rest->len ? memchr(rest->at, '\n', rest->len) : NULL;
		len = lf ? (size_t)(lf - rest->at) : rest->len;
	}
	while (len < rest->len && rest->at[len] != '\r' && rest->at[len] != '\n')
		len++;
	*line = (struct slice){rest->at, len};
	if (len == rest->len) {
		rest->at = NULL;
		return true;
	}
	len += rest->at[len] == '\r' && len + 1 < rest->len && rest->at[len + 1] == '\n' ? 2 : 1;
	*rest = (struct slice){rest->at + len, rest->len - len};
	return true;
}

static size_t count(struct slice text, char byte)
{
	size_t n = 0;

	for ((void)slice_cut(&text, byte); text.at; (void)slice_cut(&text, byte))
		n++;
	return n;
}

size_t sse_fields_max(struct slice event, struct slice data)
{
	size_t lines = 1 + count(data, '\r') + count(data, '\n');

	return strlen("event: \n") + event.len + lines * strlen("data: \n") + data.len + 1;
}

size_t cursor_write(char *out, const char epoch[EPOCH_SIZE], uint64_t seq)
{
	char digits[20];
	size_t n = 0;
	char *to = put(put(out, epoch, EPOCH_SIZE), "-", 1);

	do
		digits[n++] = (char)('0' + seq % 10);
	while (seq /= 10);
	while (n)
		*to++ = digits[--n];
	return (size_t)(to - out);
}

bool cursor_read(struct slice cursor, const char epoch[EPOCH_SIZE], uint64_t *seq)
{
	uint64_t value = 0;

	if (cursor.len < EPOCH_SIZE + 2 || cursor.len > CURSOR_MAX || memcmp(cursor.at, epoch, EPOCH_SIZE) != 0 ||
	    cursor.at[EPOCH_SIZE] != '-')
		return false;
	for (size_t i = EPOCH_SIZE + 1; i < cursor.len; i++) {
		if (cursor.at[i] < '0' || cursor.at[i] > '9' || value > (UINT64_MAX - 9) / 10)
			return false;
		value = value * 10 + (uint64_t)(cursor.at[i] - '0');
	}
	*seq = value;
	return true;
}

size_t sse_write_fields(char *out, struct slice event, struct slice data)
{
	struct slice rest = {data.at ? data.at : "", data.len}, line;
	bool cr = memchr(rest.at, '\r', rest.len) != NULL;
	char *to = out;

	if (event.len && !slice_is(event, "message"))
		to = put_text(put(put_text(to, "event: "), event.at, event.len), "\n");
	while (next_line(&rest, &line, cr))
		to = put_text(put(put_text(to, DATA), line.at, line.len), "\n");
	return (size_t)(put_text(to, "\n") - out);
}

size_t sse_id_size(uint64_t seq)
{
	size_t size = strlen("id: -0\n") + EPOCH_SIZE;

	while (seq /= 10)
		size++;
	return size;
}

size_t sse_write_id_before(char *end, const char epoch[EPOCH_SIZE], uint64_t seq)
{
	char line[SSE_ID_MAX];
	char *to = put_text(line, "id: ");

	to += cursor_write(to, epoch, seq);
	to = put_text(to, "\n");
	memcpy(end - (to - line), line, (size_t)(to - line));
	return (size_t)(to - line);
}

/* The value of the field that `rest` starts with, when it is this one. Blocks hold LF alone. */
static bool take_field(struct slice *rest, const char *name, struct slice *value)
{
	size_t len = strlen(name);
	const char *end;

	if (rest->len < len || memcmp(rest->at, name, len) != 0)
		return false;
	end = memchr(rest->at + len, '\n', rest->len - len);
	*value = (struct slice){rest->at + len, (size_t)(end - rest->at) - len};
	*rest = (struct slice){end + 1, rest->len - (size_t)(end + 1 - rest->at)};
	return true;
}

void sse_add_json(struct buffer *out, struct slice block)
{
	struct slice value = {NULL, 0};

	buffer_add_text(out, "{\"id\":");
	if (take_field(&block, "id: ", &value))
		json_add_string(out, value);
	buffer_add_text(out, ",\"event\":");
	if (!take_field(&block, "event: ", &value))
		value = slice_of("message");
	json_add_string(out, value);
	buffer_add_text(out, ",\"data\":\"");
	for (bool first = true; take_field(&block, DATA, &value); first = false) {
		if (!first)
			buffer_add_text(out, "\\n");
		json_add_escaped(out, value);
	}
	buffer_add_text(out, "\"}");
}

struct slice sse_block_id(struct slice block)
{
	struct slice id = {"", 0};

	(void)take_field(&block, "id: ", &id); /* every block begins with it */
	return id;
}
