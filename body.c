#include "body.h"

#include "scan.h"

enum {
	CHUNK_DIGITS_MAX = 15, /* hexadecimal digits of a chunk size; more: 400. So `left` never overflows */
	CHUNK_BAD = -400
};

/* What the next byte of a chunked body belongs to (RFC 9112 7.1). Data comes in runs, all else byte by byte. */
enum {
	CHUNK_SIZE,
	CHUNK_EXTENSION,
	CHUNK_SIZE_LF,
	CHUNK_DATA,
	CHUNK_DATA_CR,
	CHUNK_DATA_LF,
	CHUNK_TRAILER, /* the start of a trailer line, or of the empty line that ends the body */
	CHUNK_TRAILER_NAME,
	CHUNK_TRAILER_VALUE,
	CHUNK_TRAILER_LF,
	CHUNK_END_LF,
	CHUNK_END
};

static int read_size(struct http_chunks *chunks, char byte)
{
	int digit = hex_value(byte);

	if (digit >= 0) {
		if (chunks->digits == CHUNK_DIGITS_MAX)
			return CHUNK_BAD;
		chunks->digits++;
		chunks->left = chunks->left << 4 | (uint64_t)digit;
		return CHUNK_SIZE;
	}
	if (chunks->digits == 0)
		return CHUNK_BAD;
	if (byte == ';')
		return CHUNK_EXTENSION;
	return byte == '\r' ? CHUNK_SIZE_LF : CHUNK_BAD;
}

static int end_size(struct http_chunks *chunks, char byte)
{
	if (byte != '\n')
		return CHUNK_BAD;
	chunks->digits = 0;
	return chunks->left > 0 ? CHUNK_DATA : CHUNK_TRAILER;
}

/* A byte of the framing, and what comes after it. */
static int next_state(struct http_chunks *chunks, char byte)
{
	switch (chunks->state) {
	case CHUNK_SIZE:
		return read_size(chunks, byte);
	case CHUNK_EXTENSION:
		return byte == '\r' ? CHUNK_SIZE_LF : is_text(byte) ? CHUNK_EXTENSION : CHUNK_BAD;
	case CHUNK_SIZE_LF:
		return end_size(chunks, byte);
	case CHUNK_DATA_CR:
		return byte == '\r' ? CHUNK_DATA_LF : CHUNK_BAD;
	case CHUNK_DATA_LF:
		return byte == '\n' ? CHUNK_SIZE : CHUNK_BAD;
	case CHUNK_TRAILER:
		return byte == '\r' ? CHUNK_END_LF : is_token(byte) ? CHUNK_TRAILER_NAME : CHUNK_BAD;
	case CHUNK_TRAILER_NAME:
		return byte == ':' ? CHUNK_TRAILER_VALUE : is_token(byte) ? CHUNK_TRAILER_NAME : CHUNK_BAD;
	case CHUNK_TRAILER_VALUE:
		return byte == '\r' ? CHUNK_TRAILER_LF : is_text(byte) ? CHUNK_TRAILER_VALUE : CHUNK_BAD;
	case CHUNK_TRAILER_LF:
		return byte == '\n' ? CHUNK_TRAILER : CHUNK_BAD;
	case CHUNK_END_LF:
		return byte == '\n' ? CHUNK_END : CHUNK_BAD;
	default:
		return CHUNK_BAD;
	}
}

static int take_framing(struct http_chunks *chunks, char byte)
{
	int state = next_state(chunks, byte);

	chunks->state = state;
	if (state == CHUNK_EXTENSION || state == CHUNK_TRAILER_NAME || state == CHUNK_TRAILER_VALUE)
		chunks->extra++;
	return state < 0 || chunks->extra > HTTP_CHUNK_EXTRA_MAX ? CHUNK_BAD : 0;
}

/* The data at hand of the current chunk; out is not after in, and may overlap it. */
static size_t take_data(struct http_chunks *chunks, const char *in, size_t len, char *out)
{
	size_t run = chunks->left < len ? (size_t)chunks->left : len;

	memmove(out, in, run);
	chunks->left -= run;
	if (chunks->left == 0)
		chunks->state = CHUNK_DATA_CR;
	return run;
}

int http_unchunk(struct http_chunks *chunks, const char *in, size_t len, size_t *used, char *out, size_t *written)
{
	*used = *written = 0;
	while (*used < len && chunks->state != CHUNK_END) {
		if (chunks->state == CHUNK_DATA) {
			size_t run = take_data(chunks, in + *used, len - *used, out + *written);

			*used += run;
			*written += run;
		} else if (take_framing(chunks, in[(*used)++]) < 0) {
			return CHUNK_BAD;
		}
	}
	return chunks->state == CHUNK_END;
}

/* Decodes from..end into itself: what is decoded is never longer. False for a stray '%'. */
static bool decode_form(char *from, const char *end, struct slice *decoded)
{
	const char *read = from;
	char *write = from;

	while (read < end) {
		const char *plain = read;
		char byte;

		while (read < end && *read != '+' && *read != '%')
			read++;
		memmove(write, plain, (size_t)(read - plain));
		write += read - plain;
		if (read == end)
			break;
		byte = *read++;
		if (byte == '+') {
			byte = ' ';
		} else {
			int high = end - read >= 2 ? hex_value(read[0]) : -1;
			int low = high >= 0 ? hex_value(read[1]) : -1;

			if (low < 0)
				return false;
			byte = (char)(high * 16 + low);
			read += 2;
		}
		*write++ = byte;
	}
	*decoded = (struct slice){from, (size_t)(write - from)};
	return true;
}

int http_form_next(char **at, char *end, struct field *field)
{
	char *from = *at, *to, *equals;

	while (from < end && *from == '&')
		from++;
	*at = from;
	if (from == end)
		return 0;
	to = memchr(from, '&', (size_t)(end - from));
	if (to == NULL)
		to = end;
	*at = to;
	equals = memchr(from, '=', (size_t)(to - from));
	if (equals == NULL)
		equals = to;
	if (!decode_form(from, equals, &field->name))
		return -1;
	return decode_form(equals < to ? equals + 1 : to, to, &field->value) ? 1 : -1;
}

/* Wider than a token, since boundaries with '/', '=' or ':' are sent without quotes. */
static bool is_unquoted(char c)
{
	return is_text(c) && !is_blank(c) && c != '"' && c != ';';
}

/* A parameter's value, without the quotes around it, and what separates it from the next one. */
static bool read_parameter(struct slice *rest, struct slice *value)
{
	if (rest->len > 0 && rest->at[0] == '"') {
		size_t len = 1;

		while (len < rest->len && rest->at[len] != '"')
			len += rest->at[len] == '\\' ? 2 : 1;
		if (len >= rest->len)
			return false;
		*value = slice_take(rest, len + 1);
		*value = (struct slice){value->at + 1, len - 1};
	} else {
		*value = scan_span(rest, is_unquoted);
		if (value->len == 0)
			return false;
	}
	return slice_trim(slice_cut(rest, ';')).len == 0;
}

/*
 * The one parameter of that name in "; name=x; other=y" without its first ';' (RFC 9110 5.6.6). False when it is
 * missing, when there are two, of which readers choose differently, and when it has a backslash, which they read
 * differently.
 */
static bool find_parameter(struct slice parameters, const char *name, struct slice *found)
{
	*found = (struct slice){NULL, 0};
	while (parameters.at != NULL) {
		struct slice key, value;

		(void)scan_span(&parameters, is_blank);
		if (parameters.len == 0)
			break;
		key = scan_span(&parameters, is_token);
		if (scan_literal(&parameters, "=") != SCAN_DONE || !read_parameter(&parameters, &value))
			return false;
		if (!slice_is_nocase(key, name))
			continue;
		if (found->at != NULL || (value.len > 0 && memchr(value.at, '\\', value.len) != NULL))
			return false;
		*found = value;
	}
	return found->at != NULL;
}

bool http_multipart_open(struct http_multipart *m, struct slice content_type, const char *body, size_t len)
{
	*m = (struct http_multipart){.rest = {body, len}};
	(void)slice_cut(&content_type, ';');
	return find_parameter(content_type, "boundary", &m->boundary) && m->boundary.len > 0 &&
	       m->boundary.len <= HTTP_BOUNDARY_MAX;
}

/* Does it begin with "--boundary"? */
static bool at_boundary(const struct http_multipart *m, struct slice s)
{
	return s.len >= m->boundary.len + 2 && memcmp(s.at, "--", 2) == 0 &&
	       memcmp(s.at + 2, m->boundary.at, m->boundary.len) == 0;
}

/*
 * Takes all up to the next delimiter, CRLF "--" boundary (RFC 2046 5.1.1), and the delimiter itself. Linear for any
 * body: a boundary has no CR in it, so no byte is compared for two candidates.
 */
static bool take_to_delimiter(struct http_multipart *m, struct slice *content)
{
	const char *from = m->rest.at;
	struct slice ahead = m->rest;

	while (ahead.len > 0) {
		(void)slice_cut(&ahead, '\r');
		if (ahead.len == 0 || ahead.at[0] != '\n')
			continue;
		(void)slice_take(&ahead, 1);
		if (!at_boundary(m, ahead))
			continue;
		*content = (struct slice){from, (size_t)(ahead.at - from) - 2};
		(void)slice_take(&ahead, m->boundary.len + 2);
		m->rest = ahead;
		return true;
	}
	return false;
}

static bool skip_preamble(struct http_multipart *m)
{
	struct slice preamble;

	if (!at_boundary(m, m->rest))
		return take_to_delimiter(m, &preamble);
	(void)slice_take(&m->rest, m->boundary.len + 2);
	return true;
}

static bool read_disposition(struct slice value, struct slice *name)
{
	bool first = name->at == NULL;
	struct slice disposition = slice_trim(slice_cut(&value, ';'));

	return first && slice_is_nocase(disposition, "form-data") && find_parameter(value, "name", name);
}

static bool is_identity_encoding(struct slice value)
{
	return slice_is_nocase(value, "binary") || slice_is_nocase(value, "8bit") || slice_is_nocase(value, "7bit");
}

/* The headers of a part, to the empty line. Only its name counts; a Content-Length may be there and is not needed. */
static bool read_part_headers(struct slice *in, struct slice *name)
{
	*name = (struct slice){NULL, 0};
	while (in->len > 0 && in->at[0] != '\r') {
		struct field header;

		if (scan_field(in, &header) != SCAN_DONE)
			return false;
		if (slice_is_nocase(header.name, "content-disposition") && !read_disposition(header.value, name))
			return false;
		if (slice_is_nocase(header.name, "content-transfer-encoding") && !is_identity_encoding(header.value))
			return false;
	}
	return name->at != NULL && scan_literal(in, "\r\n") == SCAN_DONE;
}

/* What follows a boundary on its line: blanks, in front of the CRLF. After the last one the body may just end. */
static bool end_delimiter(struct slice *in, bool last)
{
	(void)scan_span(in, is_blank);
	return (last && in->len == 0) || scan_literal(in, "\r\n") == SCAN_DONE;
}

int http_multipart_next(struct http_multipart *m, struct field *field)
{
	if (!m->started && !skip_preamble(m))
		return -1;
	m->started = true;
	if (m->rest.len >= 2 && memcmp(m->rest.at, "--", 2) == 0) {
		(void)slice_take(&m->rest, 2);
		return end_delimiter(&m->rest, true) ? 0 : -1;
	}
	if (!end_delimiter(&m->rest, false) || !read_part_headers(&m->rest, &field->name))
		return -1;
	/* A delimiter whose CRLF is that of the empty line: RFC 2046 allows it, and not every reader sees it. */
	if (at_boundary(m, m->rest))
		return -1;
	return take_to_delimiter(m, &field->value) ? 1 : -1;
}
