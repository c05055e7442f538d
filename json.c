/*
 * json.c: the grammar of RFC 8259, as functions that measure what starts at a place: they answer its length in bytes,
 * 0 when it is malformed or cut off (nothing in JSON is empty). Only json_next() changes the text.
 */
#include "json.h"

#include "utf8.h"

/* One element of an array, or one member of an object with its name: where they are, quotes and all. */
struct item {
	struct slice name, value; /* name: absent in an array */
	enum json_type type;
	size_t len;               /* from where it was looked for to the end of the value */
};

static size_t nested_length(const char *at, const char *end, int depth);

/* RFC 8259 section 2: these four and no others. */
static const char *skip_space(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
		at++;
	return at;
}

static const char *skip_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at;
}

/* RFC 8259 section 6: number = [ minus ] int [ frac ] [ exp ] */
static size_t number_length(const char *at, const char *end)
{
	const char *start = at, *digits;

	if (at < end && *at == '-')
		at++;
	digits = at;
	at = skip_digits(at, end);
	/* A leading zero stands alone: 0 and 0.5, but not 01. */
	if (at == digits || (*digits == '0' && at - digits > 1))
		return 0;
	if (at < end && *at == '.') {
		digits = at + 1;
		at = skip_digits(digits, end);
		if (at == digits)
			return 0;
	}
	if (at < end && (*at == 'e' || *at == 'E')) {
		digits = at + 1;
		if (digits < end && (*digits == '+' || *digits == '-'))
			digits++;
		at = skip_digits(digits, end);
		if (at == digits)
			return 0;
	}
	return (size_t)(at - start);
}

/* What follows the word is for the caller to see: a comma, a bracket or a fault. */
static size_t word_length(const char *at, const char *end, const char *word)
{
	size_t len = strlen(word);

	return (size_t)(end - at) >= len && memcmp(at, word, len) == 0 ? len : 0;
}

/* The UTF-16 unit of a \uXXXX; -1 when that is not what starts here. */
static long hex_unit(const char *at, const char *end)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	long unit = 0;

	if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		const char *digit = memchr(digits, at[i], sizeof digits - 1);

		if (digit == NULL)
			return -1;
		unit = unit * 16 + (digit - digits) % 16;
	}
	return unit;
}

/* The length of the escape that starts here, and what it stands for. Surrogates must come in pairs (section 8.2). */
static size_t escape_length(const char *at, const char *end, unsigned long *code_point)
{
	static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
	long unit = hex_unit(at, end), low;

	if (unit < 0) {
		const char *letter = end - at >= 2 ? memchr(letters, at[1], sizeof letters - 1) : NULL;

		if (letter == NULL)
			return 0;
		*code_point = (unsigned char)meanings[letter - letters];
		return 2;
	}
	if (unit < 0xD800 || unit > 0xDFFF) {
		*code_point = (unsigned long)unit;
		return 6;
	}
	low = hex_unit(at + 6, end);
	if (unit > 0xDBFF || low < 0xDC00 || low > 0xDFFF)
		return 0;
	*code_point = 0x10000UL + ((unsigned long)(unit - 0xD800) << 10) + (unsigned long)(low - 0xDC00);
	return 12;
}

/* RFC 8259 section 7. The length with both quotes. */
static size_t string_length(const char *at, const char *end)
{
	const char *start = at++;
	unsigned long ignored;

	while (at < end && *at != '"') {
		size_t len = *at == '\\' ? escape_length(at, end, &ignored) : 1;

		if (len == 0 || (unsigned char)*at < 0x20)
			return 0;
		at += len;
	}
	/* Escapes are ASCII, so the text is UTF-8 if and only if what it stands for is. */
	if (at == end || !utf8_is_valid((struct slice){start + 1, (size_t)(at - start - 1)}))
		return 0;
	return (size_t)(at + 1 - start);
}

/* The length and the type of any value; `depth` is that of what it stands in. */
static size_t value_length(const char *at, const char *end, int depth, enum json_type *type)
{
	if (at == end)
		return 0;
	switch (*at) {
	case '"':
		*type = JSON_STRING;
		return string_length(at, end);
	case '[':
		*type = JSON_ARRAY;
		return nested_length(at, end, depth + 1);
	case '{':
		*type = JSON_OBJECT;
		return nested_length(at, end, depth + 1);
	case 't':
		*type = JSON_TRUE;
		return word_length(at, end, "true");
	case 'f':
		*type = JSON_FALSE;
		return word_length(at, end, "false");
	case 'n':
		*type = JSON_NULL;
		return word_length(at, end, "null");
	default:
		*type = JSON_NUMBER;
		return number_length(at, end);
	}
}

/* Finds the item that starts here, of what ends with `close` and is `depth` deep. */
static bool find_item(struct item *item, const char *at, const char *end, char close, int depth)
{
	const char *start = at;

	item->name = (struct slice){NULL, 0};
	if (close == '}') {
		if (at == end || *at != '"')
			return false;
		item->name = (struct slice){at, string_length(at, end)};
		if (item->name.len == 0)
			return false;
		at = skip_space(at + item->name.len, end);
		if (at == end || *at != ':')
			return false;
		at = skip_space(at + 1, end);
	}
	item->value = (struct slice){at, value_length(at, end, depth, &item->type)};
	item->len = (size_t)(at - start) + item->value.len;
	return item->value.len != 0;
}

/* The length of an array or object, with all that is in it. */
static size_t nested_length(const char *at, const char *end, int depth)
{
	const char *start = at;
	char close = *at == '{' ? '}' : ']';
	struct item item;

	if (depth > JSON_MAX_DEPTH)
		return 0;
	at = skip_space(at + 1, end);
	if (at < end && *at == close)
		return (size_t)(at + 1 - start);
	while (find_item(&item, at, end, close, depth)) {
		at = skip_space(at + item.len, end);
		if (at < end && *at == close)
			return (size_t)(at + 1 - start);
		if (at == end || *at != ',')
			return 0;
		at = skip_space(at + 1, end);
	}
	return 0;
}

/* Turns a string that was found sound, with its quotes, into what it says. No escape is shorter than its meaning. */
static struct slice unescape(char *quoted, size_t len)
{
	char *text = quoted + 1;
	const char *end = text + len - 2, *in = memchr(text, '\\', len - 2);
	unsigned long code_point = 0;

	if (in == NULL)
		return (struct slice){text, len - 2};

	char *out = text + (in - text);

	while (in < end) {
		if (*in == '\\') {
			in += escape_length(in, end, &code_point);
			out += utf8_encode(code_point, out);
		} else {
			*out++ = *in++;
		}
	}
	return (struct slice){text, (size_t)(out - text)};
}

bool json_open(struct json *j, char *text, size_t len, char kind)
{
	size_t space = len != 0 ? (size_t)(skip_space(text, text + len) - text) : 0;

	*j = (struct json){0};
	if (space == len || text[space] != kind)
		return false;
	*j = (struct json){text + space + 1, text + len, kind == '{' ? '}' : ']', true};
	return true;
}

bool json_open_value(struct json *j, const struct json_value *v)
{
	/* The text is the caller's own, writable as json_open() was given it. */
	return (v->type == JSON_ARRAY || v->type == JSON_OBJECT)
	       && json_open(j, (char *)v->text.at, v->text.len, v->text.at[0]);
}

/* For good: without a closing bracket to look for, json_next() finds nothing more. */
static int malformed(struct json *j)
{
	*j = (struct json){0};
	return -1;
}

int json_next(struct json *j, struct json_value *v)
{
	struct item item = {0};
	const char *at;

	*v = (struct json_value){0};
	if (j->close == 0) /* it was malformed before */
		return -1;
	at = skip_space(j->at, j->end);
	if (at < j->end && *at == j->close) /* stays here, to be seen again if asked again */
		return skip_space(at + 1, j->end) == j->end ? 0 : malformed(j);
	if (!j->first) {
		if (at == j->end || *at != ',')
			return malformed(j);
		at = skip_space(at + 1, j->end);
	}
	if (!find_item(&item, at, j->end, j->close, 1)) {
		if (item.name.len >= 2) /* as it stands there in its quotes: to say where it was wrong */
			v->name = (struct slice){item.name.at + 1, item.name.len - 2};
		return malformed(j);
	}

	char *start = j->at + (at - j->at); /* the same place, writable */

	*v = (struct json_value){.name = item.name, .type = item.type, .text = item.value};
	if (item.name.at != NULL)
		v->name = unescape(start, item.name.len);
	if (item.type == JSON_STRING)
		v->text = unescape(start + (item.value.at - at), item.value.len);
	j->at = start + item.len;
	j->first = false;
	return 1;
}

/*
 * How many bytes of a character that must be escaped start at `at`; 0 when it may stand as it is. '<' and the two
 * line separators are for those who print JSON into a page or a script, DEL for those who print it in a terminal.
 */
static size_t to_escape(const unsigned char *at, size_t left, unsigned *code_point)
{
	*code_point = *at;
	if (*at < 0x20 || *at == '"' || *at == '\\' || *at == '<' || *at == 0x7F)
		return 1;
	if (*at != 0xE2 || left < 3 || at[1] != 0x80 || (at[2] != 0xA8 && at[2] != 0xA9))
		return 0;
	*code_point = at[2] == 0xA8 ? 0x2028 : 0x2029;
	return 3;
}

/* The short forms that are common in text; the long one, as good as any, for the rest. */
static void add_escape(struct buffer *out, unsigned code_point)
{
	switch (code_point) {
	case '"':
		buffer_add(out, "\\\"", 2);
		break;
	case '\\':
		buffer_add(out, "\\\\", 2);
		break;
	case '\n':
		buffer_add(out, "\\n", 2);
		break;
	case '\r':
		buffer_add(out, "\\r", 2);
		break;
	case '\t':
		buffer_add(out, "\\t", 2);
		break;
	default:
		buffer_printf(out, "\\u%04x", code_point);
	}
}

void json_add_escaped(struct buffer *out, struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	size_t done = 0, plain = 0; /* plain: bytes after done that need no escape and are still to be added */
	unsigned code_point;

	while (done + plain < text.len) {
		size_t len = to_escape(at + done + plain, text.len - done - plain, &code_point);

		if (len == 0) {
			plain++;
			continue;
		}
		buffer_add(out, at + done, plain);
		add_escape(out, code_point);
		done += plain + len;
		plain = 0;
	}
	if (plain != 0)
		buffer_add(out, at + done, plain);
}

void json_add_string(struct buffer *out, struct slice text)
{
	buffer_add(out, "\"", 1);
	json_add_escaped(out, text);
	buffer_add(out, "\"", 1);
}
