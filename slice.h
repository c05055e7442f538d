/*
 * slice.h: a run of bytes that somebody else owns.
 *
 * Parsers hand out slices into the caller's buffer: nothing is copied, nothing is terminated by NUL, and a slice is
 * good for as long as that buffer is. An absent thing has at == NULL; an empty one has at != NULL and len == 0.
 */
#ifndef SLICE_H
#define SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
	const char *at;
	size_t len; /* bytes */
};

/* A name and its value, as every body format and every query yields them. */
struct field {
	struct slice name, value;
};

static inline struct slice slice_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static inline bool slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
	return slice_equal(a, slice_of(text));
}

/* A whole number in decimal digits, up to `most`; -1 when it is not one. */
static inline long long slice_number(struct slice text, long long most)
{
	long long number = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] < '0' || text.at[i] > '9' || number > most)
			return -1;
		number = number * 10 + (text.at[i] - '0');
	}
	return text.len == 0 || number > most ? -1 : number;
}

/* Does it begin with that text, which is in lower case, in any case of ASCII letters? */
static inline bool slice_starts_with_any_case(struct slice a, const char *text)
{
	const char *at = a.at;

	for (; *text && at < a.at + a.len; at++, text++)
		if (*at != *text && !(*at >= 'A' && *at <= 'Z' && (*at | 32) == *text))
			return false;
	return !*text;
}

/* Takes the first len bytes off; there must be as many. */
static inline struct slice slice_take(struct slice *rest, size_t len)
{
	struct slice taken = {rest->at, len};

	rest->at += len;
	rest->len -= len;
	return taken;
}

/* Takes off what precedes the separator, and the separator; without one that is all, and the rest becomes absent. */
static inline struct slice slice_cut(struct slice *rest, char separator)
{
	const char *found = rest->len > 0 ? memchr(rest->at, separator, rest->len) : NULL;
	struct slice taken = *rest;

	if (found == NULL) {
		*rest = (struct slice){NULL, 0};
		return taken;
	}
	taken = slice_take(rest, (size_t)(found - rest->at));
	(void)slice_take(rest, 1);
	return taken;
}

#endif
