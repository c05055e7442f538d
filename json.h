/*
 * json.h: a reader for JSON (RFC 8259) that yields one value at a time, and a string writer.
 *
 * Pure: no allocation; strings are unescaped in place, so the text must be the caller's own and writable. A nested
 * array or object is yielded as its raw text, checked and untouched, to be opened in its turn.
 *
 *     struct json object;
 *     struct json_value v;
 *     int got = json_open(&object, text, len, '{') ? 1 : -1;
 *     while (got > 0 && (got = json_next(&object, &v)) > 0)
 *             use(v.name, v.type, v.text);
 *     if (got < 0) -> malformed
 */
#ifndef JSON_H
#define JSON_H

#include "buffer.h"
#include "slice.h"

enum { JSON_MAX_DEPTH = 32 }; /* of nesting; deeper is malformed */

enum json_type { JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL, JSON_ARRAY, JSON_OBJECT };

struct json_value {
	struct slice name;   /* of the member, unescaped; absent in an array */
	enum json_type type;
	struct slice text;   /* a string: its unescaped UTF-8; anything else: as it stands. Writable, as the source is */
};

struct json {
	char *at, *end; /* what is still to be read */
	char close;     /* '}' or ']' */
	bool first;     /* nothing was yielded yet */
};

/*
 * Opens the object ('{') or array ('[') that `text` holds, with white space around it and nothing else.
 * False when it does not start so; json_next() then answers -1.
 */
bool json_open(struct json *j, char *text, size_t len, char kind);
/*
 * 1: v is the next value. 0: the end, and the whole text was well formed. -1: malformed, for good; v->name tells the
 * member whose value is, when it is known. Strings with
 * invalid UTF-8, unescaped control bytes or lone surrogates are malformed; an escaped NUL (\u0000) is yielded as a
 * NUL byte for the caller to judge, and so are two members of one name.
 */
int json_next(struct json *j, struct json_value *v);
/*
 * Opens the array or object that json_next() yielded, while its parent stays where it is. False when v is neither.
 * Only once: reading it unescapes strings within v->text.
 */
bool json_open_value(struct json *j, const struct json_value *v);

/* Appends text as a JSON string with its quotes; text is UTF-8. Also escapes DEL, U+2028, U+2029 and '<'. */
void json_add_string(struct buffer *out, struct slice text);
/* The same, without its quotes: a part of a string. */
void json_add_escaped(struct buffer *out, struct slice text);

#endif
