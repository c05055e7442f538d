/*
 * fuzz_json.c: JSON. What was read, written again, reads the same; a text that was cut off is malformed; what is
 * written parses back and holds nothing that a page or a terminal would take for its own.
 */
#include "json.h"

#include "fuzz.h"
#include "utf8.h"

static bool rewrite(struct buffer *out, struct json *j, char kind);

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
	default:
		must(v->text.len > 0, "numbers and words are not empty");
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
