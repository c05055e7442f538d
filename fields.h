/*
 * fields.h: the fields of a request's body, in whatever form it came: urlencoded, multipart/form-data or a flat
 * JSON object.
 *
 * Pure; decodes in place. to=a, to[]=a, to[0]=a and {"to":["a"]} all come out as a field `to`; the last three as
 * elements.
 */
#ifndef FIELDS_H
#define FIELDS_H

#include "http.h"
#include "json.h"

enum {
	FIELDS_MAX = 4096,    /* in one body; more is malformed */
	FIELDS_NAME_MAX = 128 /* bytes of a name that is told when its value is malformed */
};

struct fields {
	enum { FIELDS_FORM, FIELDS_MULTIPART, FIELDS_JSON } form;
	char *at, *end;                /* urlencoded: what is left */
	struct http_multipart multipart;
	struct json object, list;
	struct slice list_name;        /* of the JSON array that is being read; absent when there is none */
	unsigned count;
};

struct body_field {
	struct slice name, value;
	bool element;       /* of a list */
	const char *wrong;  /* what is wrong with this field, or NULL */
};

/*
 * 0, or the status to refuse it with: 415 for a type of another kind, 400. An absent type is urlencoded, as a body
 * that old clients send without saying.
 */
int fields_open(struct fields *f, struct slice content_type, char *body, size_t len);
/* 1: a field; 0: the end; -1: the body is malformed, in the value of field->name when that is known, short, and UTF-8. */
int fields_next(struct fields *f, struct body_field *field);

#endif
