/*
 * fuzz.h: what the targets have in common. A target is one file with fuzz(), which is given any bytes and ends the
 * process when something does not hold: the sanitizers say where memory is misused, must() says what is wrong else.
 *
 * What a target chooses (where it splits its input, which byte it changes) follows from the input alone, so that a
 * file repeats what it found, while the input itself stays what a client would send.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "buffer.h"
#include "slice.h"

void fuzz(struct slice input);

static inline void must(bool holds, const char *what)
{
	if (holds)
		return;
	(void)fprintf(stderr, "fuzz: does not hold: %s\n", what);
	abort();
}

/* A copy on the heap of just that size, writable, so that AddressSanitizer sees one byte beyond it. */
static inline char *copy_of(struct slice bytes)
{
	char *copy = calloc(1, bytes.len);

	must(copy || !bytes.len, "memory");
	if (bytes.len)
		memcpy(copy, bytes.at, bytes.len);
	return copy;
}

/* Does it lie within those bytes? What is empty or absent lies everywhere. */
static inline bool within(struct slice part, const char *bytes, size_t len)
{
	return !part.len || (part.at >= bytes && part.len <= len && (size_t)(part.at - bytes) <= len - part.len);
}

static inline struct slice first(struct slice bytes, size_t len)
{
	return (struct slice){bytes.at, len};
}

/* Takes that off the front, where it must be. */
static inline void must_take(struct slice *rest, struct slice part, const char *what)
{
	must(rest->len >= part.len && slice_equal(first(*rest, part.len), part), what);
	(void)slice_take(rest, part.len);
}

static inline void skip_blanks(struct slice *rest)
{
	while (rest->len && (rest->at[0] == ' ' || rest->at[0] == '\t'))
		(void)slice_take(rest, 1);
}

static inline struct slice contents(const struct buffer *b)
{
	must(!b->failed, "memory");
	return (struct slice){b->at ? b->at : "", b->len};
}

/* Choices that follow from the input (FNV-1a, xorshift64). */
struct chooser {
	uint64_t state;
};

static inline struct chooser chooser_of(struct slice input)
{
	struct chooser c = {UINT64_C(14695981039346656037)};

	for (size_t i = 0; i < input.len; i++)
		c.state = (c.state ^ (unsigned char)input.at[i]) * UINT64_C(1099511628211);
	c.state |= 1;
	return c;
}

/* A number below `below`, which is above 0. */
static inline size_t choose(struct chooser *c, size_t below)
{
	c->state ^= c->state << 13;
	c->state ^= c->state >> 7;
	c->state ^= c->state << 17;
	return (size_t)(c->state >> 11) % below;
}

#endif
