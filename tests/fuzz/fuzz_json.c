/*
 * fuzz_json.c: JSON. What was read, written again, reads the same; a text that was cut off is malformed; what is
 * written parses back and holds nothing that a page or a terminal would take for its own. What is taken has the
 * punctuation, the numbers and the depth that RFC 8259 and json.h allow, to a reader that knows nothing else of it.
 */
#include "json.h"

#include "fuzz.h"
#include "utf8.h"

static bool rewrite(struct buffer *out, struct json *j, char kind);

/* RFC 8259 section 6, as what it leaves of strtod()'s numbers. */
static bool is_number(struct slice text)
{
	char copy[64], *end;
	const char *at = copy, *dot;

	if (text.len >= sizeof copy)
		return true;
	memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	dot = strchr(copy, '.');
	(void)strtod(copy, &end);
	at += *at == '-';
	return !*end && *at >= '0' && *at <= '9' && !(*at == '0' && at[1] >= '0' && at[1] <= '9') &&
	       strspn(copy, "0123456789+-.eE") == text.len && (!dot || (dot[1] >= '0' && dot[1] <= '9'));
}

/* Without white space and what is in strings. */
static void add_skeleton(struct buffer *out, struct slice text)
{
	bool quoted = false;
	int depth = 0;

	for (; text.len; (void)slice_take(&text, 1)) {
		char c = text.at[0];

		must(!quoted || (unsigned char)c >= 0x20, "no control byte in a string");
		if (quoted && c == '\\')
			(void)slice_take(&text, 1);
		depth += !quoted && (c == '{' || c == '[') ? 1 : !quoted && (c == '}' || c == ']') ? -1 : 0;
		must(depth <= JSON_MAX_DEPTH, "not too deep");
		if (c == '"' || (!quoted && c != ' ' && c != '\t' && c != '\r' && c != '\n'))
			buffer_add(out, &c, 1);
		quoted ^= c == '"';
	}
}

static void check_skeleton(struct slice input, struct slice rewritten)
{
	struct buffer a = {0}, b = {0};

	add_skeleton(&a, input);
	add_skeleton(&b, rewritten);
	must(slice_equal(contents(&a), contents(&b)), "nothing between the values but what belongs there");
	buffer_free(&a);
	buffer_free(&b);
}

static bool rewrite_value(struct buffer *out, const struct json_value *v)
{
	struct json nested;

	switch (v->type) {
	case JSON_STRING:
		must(utf8_is_valid(v->text), "strings are UTF-8");
		json_add_string(out, v->text);
		return true;
	case JSON_ARRAY:
	case JSON_OBJECT:
		must(json_open_value(&nested, v), "what is nested opens");
		return rewrite(out, &nested, v->text.at[0]);
	case JSON_NUMBER:
		must(is_number(v->text), "numbers are numbers");
		buffer_add_slice(out, v->text);
		return true;
	default:
		must(slice_is(v->text, "true") || slice_is(v->text, "false") || slice_is(v->text, "null"), "words are three");
		buffer_add_slice(out, v->text);
		return true;
	}
}

/* Writes what is left to be read of an array or object. False: malformed. */
static bool rewrite(struct buffer *out, struct json *j, char kind)
{
	const char *from = j->at;
	size_t len = (size_t)(j->end - j->at);
	struct json_value v;
	int got;

	buffer_add(out, &kind, 1);
	for (bool comma = false; (got = json_next(j, &v)) > 0; comma = true) {
		must(within(v.name, from, len) && within(v.text, from, len), "values are of the text");
		must((v.name.at != NULL) == (kind == '{'), "members have names, elements none");
		buffer_add_text(out, comma ? "," : "");
		if (v.name.at) {
			json_add_string(out, v.name);
			buffer_add_text(out, ":");
		}
		must(rewrite_value(out, &v), "what json_next() yields is well formed");
	}
	must(json_next(j, &v) == got, "the end stays the end");
	buffer_add_text(out, kind == '{' ? "}" : "]");
	return got == 0;
}

/* True when it is a well-formed array or object. */
static bool read_text(struct slice text, char kind, struct buffer *out)
{
	char *copy = copy_of(text);
	struct json j;
	bool good = json_open(&j, copy, text.len, kind) && rewrite(out, &j, kind);

	free(copy);
	return good;
}

static void check_written(struct slice json)
{
	for (size_t i = 0; i < json.len; i++) {
		unsigned char c = (unsigned char)json.at[i];

		must(c >= 0x20 && c != 0x7f && c != '<', "nothing that a terminal or a page acts on");
		must(json.len - i < 3 || (memcmp(json.at + i, "\xe2\x80\xa8", 3) != 0 &&
		     memcmp(json.at + i, "\xe2\x80\xa9", 3) != 0), "nothing that ends a line of a script");
	}
}

static void check_text(struct slice input, char kind, struct chooser *c)
{
	struct buffer out = {0}, again = {0}, ignored = {0};
	struct slice text = input;
	bool good = read_text(input, kind, &out);

	while (text.len && strchr(" \t\r\n", text.at[text.len - 1]) && text.at[text.len - 1])
		text.len--;
	for (int i = 0; good && i < 4; i++) {
		must(!read_text(first(text, choose(c, text.len)), kind, &ignored), "cut off, it is malformed");
		buffer_free(&ignored);
	}
	if (good) {
		check_skeleton(input, contents(&out));
		check_written(contents(&out));
		must(read_text(contents(&out), kind, &again), "what was read can be read again");
		must(slice_equal(contents(&out), contents(&again)), "and is the same");
	}
	buffer_free(&out);
	buffer_free(&again);
}

static void check_string(struct slice input)
{
	struct buffer out = {0};
	struct json j;
	struct json_value v;

	if (!utf8_is_valid(input))
		return;
	buffer_add_text(&out, "[");
	json_add_string(&out, input);
	check_written(contents(&out));
	buffer_add_text(&out, "]");
	must(json_open(&j, out.at, out.len, '[') && json_next(&j, &v) == 1, "a string that was written is read");
	must(v.type == JSON_STRING && slice_equal(v.text, input), "and comes back");
	must(json_next(&j, &v) == 0, "alone");
	buffer_free(&out);
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);

	check_text(input, '{', &c);
	check_text(input, '[', &c);
	check_string(input);
}
