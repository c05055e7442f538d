/* fields.c: see fields.h */
#include "fields.h"

#include "utf8.h"

/* Does a Content-Type name another charset than UTF-8, in its parameters? */
static bool has_other_charset(struct slice type)
{
	static const char name[] = "charset=";

	(void)slice_cut(&type, ';');
	for (size_t i = 0; i + strlen(name) <= type.len; i++) {
		struct slice value = {type.at + i + strlen(name), type.len - i - strlen(name)};

		if (!slice_starts_with_any_case((struct slice){type.at + i, type.len - i}, name))
			continue;
		if (value.len && value.at[0] == '"')
			value = (struct slice){value.at + 1, value.len - 1};
		return !slice_starts_with_any_case(value, "utf-8") && !slice_starts_with_any_case(value, "utf8") &&
		       !slice_starts_with_any_case(value, "us-ascii");
	}
	return false;
}

int fields_open(struct fields *f, struct slice type, char *body, size_t len)
{
	*f = (struct fields){.at = body, .end = len ? body + len : body};
	if (has_other_charset(type))
		return 415;
	if (!type.len || http_type_is(type, "application/x-www-form-urlencoded"))
		return 0;
	if (http_type_is(type, "multipart/form-data")) {
		f->form = FIELDS_MULTIPART;
		return http_multipart_open(&f->multipart, type, body, len) ? 0 : 400;
	}
	if (http_type_is(type, "application/json")) {
		f->form = FIELDS_JSON;
		return json_open(&f->object, body, len, '{') ? 0 : 400;
	}
	return 415;
}

/* Takes "[]" or "[key]" off a name, as PHP writes lists; what is nested deeper is refused. */
static void read_brackets(struct body_field *field)
{
	const char *open = memchr(field->name.at, '[', field->name.len);
	const char *close = open ? memchr(open, ']', field->name.len - (size_t)(open - field->name.at)) : NULL;

	if (!close)
		return;
	if (close + 1 != field->name.at + field->name.len)
		field->wrong = "nested";
	field->name.len = (size_t)(open - field->name.at);
	field->element = true;
}

static void read_value(struct body_field *field, const struct json_value *v)
{
	field->value = v->text;
	if (v->type != JSON_STRING && v->type != JSON_NUMBER)
		field->wrong = "not a string";
}

/* The next element of the list that is open. 0: it has ended. */
static int next_element(struct fields *f, struct body_field *field)
{
	struct json_value v;
	int got = json_next(&f->list, &v);

	if (got > 0) {
		field->name = f->list_name;
		field->element = true;
		read_value(field, &v);
	} else {
		field->name = f->list_name;
		f->list_name.at = NULL;
	}
	return got;
}

static int next_member(struct fields *f, struct body_field *field)
{
	struct json_value v;

	for (;;) {
		int got = f->list_name.at ? next_element(f, field) : 0;

		if (got != 0)
			return got;
		got = json_next(&f->object, &v);
		field->name = v.name;
		if (got <= 0)
			return got;
		if (v.type == JSON_NULL)
			continue; /* as if it were absent */
		if (v.type != JSON_ARRAY) {
			read_value(field, &v);
			return 1;
		}
		if (!json_open_value(&f->list, &v))
			return -1;
		f->list_name = v.name;
		got = next_element(f, field);
		if (got != 0)
			return got;
		/* To send to nobody is not to send to everyone. */
		*field = (struct body_field){.name = v.name, .value = {"", 0}, .element = true, .wrong = "an empty list"};
		return 1;
	}
}

int fields_next(struct fields *f, struct body_field *field)
{
	struct field raw = {{NULL, 0}, {NULL, 0}};
	int got;

	*field = (struct body_field){.value = {"", 0}};
	if (f->form == FIELDS_JSON) {
		got = next_member(f, field);
	} else {
		got = f->form == FIELDS_FORM ? http_form_next(&f->at, f->end, &raw) : http_multipart_next(&f->multipart, &raw);
		field->name = raw.name;
		if (got > 0) {
			field->value = raw.value;
			read_brackets(field);
		}
	}
	if (got > 0 && ++f->count <= FIELDS_MAX)
		return 1;
	/* One too many is not wrong itself; and some names fit into no answer. */
	if (got > 0 || field->name.len > FIELDS_NAME_MAX || !utf8_is_valid(field->name))
		field->name = (struct slice){NULL, 0};
	return got > 0 ? -1 : got;
}
