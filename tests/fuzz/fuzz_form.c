/*
 * fuzz_form.c: urlencoded fields, against a reader that is written as the WHATWG URL standard (5.1) tells it; and
 * fields that are written in each form come back from it as they were.
 */
#include "fields.h"
#include "fuzz.h"
#include "utf8.h"

enum { MOST = 64 }; /* fields that are looked at */

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) % 16 : -1;
}

/* Decodes into `out`. False for a stray '%', which the standard lets pass and this server refuses. */
static bool decode(struct slice in, struct buffer *out)
{
	out->len = 0;
	for (size_t i = 0; i < in.len; i++) {
		char byte = in.at[i] == '+' ? ' ' : in.at[i];

		if (byte == '%') {
			if (in.len - i < 3 || digit(in.at[i + 1]) < 0 || digit(in.at[i + 2]) < 0)
				return false;
			byte = (char)(digit(in.at[i + 1]) * 16 + digit(in.at[i + 2]));
			i += 2;
		}
		buffer_add(out, &byte, 1);
	}
	return true;
}

/* The next run between two '&' that is not empty. */
static bool next_run(struct slice *rest, struct slice *run)
{
	while (rest->at) {
		*run = slice_cut(rest, '&');
		if (run->len)
			return true;
	}
	return false;
}

/* Reads it in both ways. Answers how many fields there are, or -1. */
static int compare(struct slice input, char *copy, struct field field[MOST])
{
	char *at = copy;
	struct slice rest = input, run;
	struct buffer name = {0}, value = {0};
	int count = 0, got;
	bool more, good = true;

	do {
		struct field f = {{NULL, 0}, {NULL, 0}};

		got = http_form_next(&at, copy + input.len, &f);
		more = next_run(&rest, &run);
		if (more) {
			struct slice left = slice_cut(&run, '=');

			good = decode(left, &name) && decode(run, &value);
		}
		must(got == (!more ? 0 : good ? 1 : -1), "a field, the end or a fault where the standard has it");
		if (got <= 0)
			break;
		must(within(f.name, copy, input.len) && within(f.value, copy, input.len), "fields are of the input");
		must(slice_equal(f.name, contents(&name)) && slice_equal(f.value, contents(&value)), "decoded alike");
		if (count < MOST)
			field[count] = f;
		count++;
	} while (count < FIELDS_MAX);
	buffer_free(&name);
	buffer_free(&value);
	return got < 0 ? -1 : count;
}

static void add_encoded(struct buffer *out, struct slice text, struct chooser *c)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.at[i];

		if (byte == ' ' && choose(c, 2))
			buffer_add_text(out, "+");
		else if (digit((char)byte) >= 0 && choose(c, 2))
			buffer_add(out, &byte, 1);
		else
			buffer_printf(out, choose(c, 2) ? "%%%02X" : "%%%02x", byte);
	}
}

static void write_form(struct buffer *out, const struct field *field, int count, struct chooser *c)
{
	for (int i = 0; i < count; i++) {
		buffer_add_text(out, i ? "&" : "");
		add_encoded(out, field[i].name, c);
		buffer_add_text(out, "=");
		add_encoded(out, field[i].value, c);
	}
}

static void write_json(struct buffer *out, const struct field *field, int count, struct chooser *c)
{
	buffer_add_text(out, "{");
	for (int i = 0; i < count; i++) {
		buffer_add_text(out, i ? "," : choose(c, 2) ? " " : "");
		json_add_string(out, field[i].name);
		buffer_add_text(out, ": ");
		json_add_string(out, field[i].value);
	}
	buffer_add_text(out, "}");
}

static const char boundary[] = "-----------fuzz";

static void write_multipart(struct buffer *out, const struct field *field, int count, struct chooser *c)
{
	for (int i = 0; i < count; i++) {
		buffer_printf(out, "--%s\r\n%sContent-Disposition: form-data; name=\"", boundary,
		              choose(c, 2) ? "Content-Type: text/plain\r\n" : "");
		buffer_add_slice(out, field[i].name);
		buffer_add_text(out, "\"\r\n\r\n");
		buffer_add_slice(out, field[i].value);
		buffer_add_text(out, "\r\n");
	}
	buffer_printf(out, "--%s--\r\n", boundary);
}

static void must_come_back(const struct buffer *body, const char *type, const struct field *field, int count)
{
	char *copy = copy_of(contents(body));
	struct fields fields;
	struct body_field f;

	must(fields_open(&fields, slice_of(type), copy, body->len) == 0, "a body of that type");
	for (int i = 0; i < count; i++) {
		must(fields_next(&fields, &f) == 1, "as many fields as were written");
		if (fields.form == FIELDS_JSON || !memchr(field[i].name.at, '[', field[i].name.len))
			must(slice_equal(f.name, field[i].name) && !f.element && !f.wrong, "with their names");
		must(slice_equal(f.value, field[i].value), "with their values");
	}
	must(fields_next(&fields, &f) == 0, "and not more");
	free(copy);
}

/* Could it stand between quotes, or between two delimiters? */
static bool fits_multipart(const struct field *f)
{
	struct slice value = f->value;

	for (size_t i = 0; i < f->name.len; i++)
		if (((unsigned char)f->name.at[i] < ' ' && f->name.at[i] != '\t') || f->name.at[i] == 0x7f ||
		    f->name.at[i] == '"' || f->name.at[i] == '\\')
			return false;
	for (size_t i = 0; i + sizeof boundary - 1 <= value.len; i++)
		if (memcmp(value.at + i, boundary, sizeof boundary - 1) == 0)
			return false;
	return true;
}

static void write_and_read(const struct field *field, int count, struct chooser *c)
{
	struct buffer form = {0}, json = {0}, multipart = {0};
	bool utf8 = true, fits = true;

	for (int i = 0; i < count; i++) {
		utf8 &= utf8_is_valid(field[i].name) && utf8_is_valid(field[i].value);
		fits &= fits_multipart(&field[i]);
	}
	write_form(&form, field, count, c);
	must_come_back(&form, "application/x-www-form-urlencoded", field, count);
	write_json(&json, field, count, c);
	if (utf8)
		must_come_back(&json, "application/json", field, count);
	write_multipart(&multipart, field, count, c);
	if (fits)
		must_come_back(&multipart, "multipart/form-data; boundary=-----------fuzz", field, count);
	buffer_free(&form);
	buffer_free(&json);
	buffer_free(&multipart);
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	struct field field[MOST];
	char *copy = copy_of(input);
	int count = compare(input, copy, field);

	if (count >= 0)
		write_and_read(field, count < MOST ? count : MOST, &c);
	free(copy);
}
