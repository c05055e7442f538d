/*
 * mark.h: what a benchmark's message looks like, and how it is known again in whatever a server makes of it.
 *
 *     content:  padding '~' number (8 hex digits) stamp (16 hex digits)
 *
 * The stamp is when it was to be published (ns of CLOCK_MONOTONIC, shared by all processes of a machine). The mark
 * stands at the end, so that a message counts when its last byte is there. '~' stands nowhere else: not in the padding,
 * not in an id, a token, a head or a heartbeat. That makes finding messages one memchr().
 */
#ifndef MARK_H
#define MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
	MARK_SIGN = '~',
	MARK_PAD = 'x',
	MARK_NUMBER = 8, /* hex digits */
	MARK_STAMP = 16, /* hex digits */
	MARK_SIZE = 1 + MARK_NUMBER + MARK_STAMP
};

struct mark {
	uint32_t number;
	int64_t stamp; /* ns */
};

/* What a reader owes and what it got: the order does not matter, a loss hidden by a double does. */
struct tally {
	uint64_t count;
	uint64_t sum; /* of mark_digest() of each number, modulo 2^64 */
};

static inline int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail: the clock exists */
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void mark_write_hex(char *out, int digits, uint64_t value)
{
	for (; digits-- > 0; value >>= 4)
		out[digits] = "0123456789abcdef"[value & 15];
}

static inline void mark_write(char out[MARK_SIZE], struct mark mark)
{
	out[0] = MARK_SIGN;
	mark_write_hex(out + 1, MARK_NUMBER, mark.number);
	mark_write_hex(out + 1 + MARK_NUMBER, MARK_STAMP, (uint64_t)mark.stamp);
}

/* Sets *bad when a byte is not a hex digit; without a branch for each, as this runs millions of times a second. */
static inline uint64_t mark_read_hex(const char *at, int digits, unsigned *bad)
{
	uint64_t value = 0;

	for (int i = 0; i < digits; i++) {
		unsigned c = (unsigned char)at[i];
		unsigned letter = c >> 6 & 1; /* 'a' and up have this bit, digits have not */
		unsigned digit = (c & 15) + letter * 9;

		*bad |= digit > 15 || (letter ? c - 'a' > 5 : c - '0' > 9);
		value = value << 4 | digit;
	}
	return value;
}

static inline bool mark_read(const char at[MARK_SIZE], struct mark *mark)
{
	unsigned bad = at[0] != MARK_SIGN;

	mark->number = (uint32_t)mark_read_hex(at + 1, MARK_NUMBER, &bad);
	mark->stamp = (int64_t)mark_read_hex(at + 1 + MARK_NUMBER, MARK_STAMP, &bad);
	return !bad;
}

/* Spreads numbers over 64 bits (multiply, fold, multiply), so that sums of different sets differ. */
static inline uint64_t mark_digest(uint32_t number)
{
	uint64_t x = ((uint64_t)number + 1) * 0xd6e8feb86659fd93u;

	x ^= x >> 32;
	return x * 0xd6e8feb86659fd93u;
}

static inline void tally_add(struct tally *tally, uint32_t number)
{
	tally->count++;
	tally->sum += mark_digest(number);
}

#endif
