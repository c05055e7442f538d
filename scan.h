/*
 * scan.h: the bytes and lines that HTTP is made of (RFC 9110 section 5, RFC 9112 section 5).
 *
 * For http.c and body.c. No function looks at the locale. A scanner takes what it reads off the front of `in` and
 * answers SCAN_DONE, SCAN_MORE when `in` ended too early, or SCAN_BAD. It goes from left to right and stops at the
 * first wrong byte, so that what is wrong does not depend on how much has arrived.
 */
#ifndef SCAN_H
#define SCAN_H

#include "slice.h"

enum { SCAN_BAD = -400, SCAN_MORE = 0, SCAN_DONE = 1 };

static inline bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline char to_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static inline bool is_letter(char c)
{
	return ((unsigned char)c | 0x20u) - 'a' < 26u; /* the bit that tells lower case from upper */
}

/* What a method, a header name and a parameter name are made of (RFC 9110 5.6.2): most of it letters. */
static inline bool is_token(char c)
{
	if (is_letter(c))
		return true;
	switch (c) {
	case '!': case '#': case '$': case '%': case '&': case '\'': case '*': case '+':
	case '-': case '.': case '^': case '_': case '`': case '|': case '~':
		return true;
	default:
		return is_digit(c);
	}
}

/* What a header value is made of: HTAB, SP, VCHAR and obs-text (RFC 9110 5.5). */
static inline bool is_text(char c)
{
	return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

/* The value of a hexadecimal digit, -1 for another byte. */
static inline int hex_value(char c)
{
	char lower = to_lower(c);

	if (is_digit(c))
		return c - '0';
	return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Without the blanks around it. */
static inline struct slice slice_trim(struct slice s)
{
	while (s.len > 0 && is_blank(s.at[s.len - 1]))
		s.len--;
	while (s.len > 0 && is_blank(s.at[0]))
		(void)slice_take(&s, 1);
	return s;
}

/* slice_equal() and slice_is() in any case of ASCII letters. */
static inline bool slice_equal_nocase(struct slice a, struct slice b)
{
	size_t i = 0;

	if (a.len != b.len)
		return false;
	while (i < a.len && (a.at[i] == b.at[i] || to_lower(a.at[i]) == to_lower(b.at[i])))
		i++;
	return i == a.len;
}

static inline bool slice_is_nocase(struct slice s, const char *text)
{
	return slice_equal_nocase(s, slice_of(text));
}

/* As many bytes as are of the kind, perhaps none. */
static inline struct slice scan_span(struct slice *in, bool (*is_kind)(char))
{
	const char *at = in->at, *end = at + in->len;
	size_t len;

	while (at < end && is_kind(*at))
		at++;
	len = (size_t)(at - in->at);
	return slice_take(in, len);
}

/* At least one byte of the kind, and then one that is not. */
static inline int scan_word(struct slice *in, bool (*is_kind)(char), struct slice *word)
{
	if (in->len == 0)
		return SCAN_MORE;
	*word = scan_span(in, is_kind);
	if (in->len == 0)
		return SCAN_MORE;
	return word->len > 0 ? SCAN_DONE : SCAN_BAD;
}

static inline int scan_literal(struct slice *in, const char *literal)
{
	for (; *literal != '\0'; literal++) {
		if (in->len == 0)
			return SCAN_MORE;
		if (*slice_take(in, 1).at != *literal)
			return SCAN_BAD;
	}
	return SCAN_DONE;
}

/*
 * One header line. A folded one (RFC 9112 5.2) is refused where its second line begins: no name begins with a
 * blank.
 */
static inline int scan_field(struct slice *in, struct field *field)
{
	int step = scan_word(in, is_token, &field->name);

	if (step == SCAN_DONE)
		step = scan_literal(in, ":");
	if (step != SCAN_DONE)
		return step;
	field->value = slice_trim(scan_span(in, is_text));
	return scan_literal(in, "\r\n");
}

#endif
