/*
 * utf8.c: well-formedness by table 3-7 of the Unicode standard, and the encoding of one code point.
 */
#include "utf8.h"

#include <stdint.h>

static bool between(unsigned char byte, unsigned low, unsigned high)
{
	return byte >= low && byte <= high;
}

/* A trailing byte where the table allows all of them. */
static bool continues(unsigned char byte)
{
	return between(byte, 0x80, 0xBF);
}

/* Bytes of the sequence that starts at `at`, of which `left` can be read (at least one); 0 when it is ill-formed. */
static size_t sequence_length(const unsigned char *at, size_t left)
{
	unsigned char lead = at[0];

	if (lead < 0x80)
		return 1;
	if (lead < 0xC2) /* a stray continuation, or an overlong form of ASCII */
		return 0;
	if (lead < 0xE0)
		return left >= 2 && continues(at[1]) ? 2 : 0;
	if (lead < 0xF0) {
		unsigned low = lead == 0xE0 ? 0xA0 : 0x80;  /* below: overlong */
		unsigned high = lead == 0xED ? 0x9F : 0xBF; /* above: surrogates */

		return left >= 3 && between(at[1], low, high) && continues(at[2]) ? 3 : 0;
	}
	if (lead < 0xF5) {
		unsigned low = lead == 0xF0 ? 0x90 : 0x80;  /* below: overlong */
		unsigned high = lead == 0xF4 ? 0x8F : 0xBF; /* above: beyond U+10FFFF */

		return left >= 4 && between(at[1], low, high) && continues(at[2]) && continues(at[3]) ? 4 : 0;
	}
	return 0;
}

/* How many of the first `left` bytes, in whole words, are ASCII: most text is, and eight bytes cost what one does. */
static size_t ascii_words(const unsigned char *at, size_t left)
{
	size_t done = 0;
	uint64_t word; /* filled by memcpy(): `at` need not be aligned */

	while (left - done >= sizeof word) {
		memcpy(&word, at + done, sizeof word);
		if ((word & UINT64_C(0x8080808080808080)) != 0)
			break;
		done += sizeof word;
	}
	return done;
}

size_t utf8_sequence(struct slice text)
{
	return sequence_length((const unsigned char *)text.at, text.len);
}

bool utf8_is_valid(struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	size_t done = 0;

	while (done < text.len) {
		size_t len = ascii_words(at + done, text.len - done);

		if (len == 0)
			len = sequence_length(at + done, text.len - done);
		if (len == 0)
			return false;
		done += len;
	}
	return true;
}

/* The lowest six bits as a trailing byte. */
static char continuation(unsigned long six_bits)
{
	return (char)(0x80 | (six_bits & 0x3F));
}

size_t utf8_encode(unsigned long code_point, char out[4])
{
	if (code_point < 0x80) {
		out[0] = (char)code_point;
		return 1;
	}
	if (code_point < 0x800) {
		out[0] = (char)(0xC0 | code_point >> 6);
		out[1] = continuation(code_point);
		return 2;
	}
	if (code_point < 0x10000) {
		out[0] = (char)(0xE0 | code_point >> 12);
		out[1] = continuation(code_point >> 6);
		out[2] = continuation(code_point);
		return 3;
	}
	out[0] = (char)(0xF0 | code_point >> 18);
	out[1] = continuation(code_point >> 12);
	out[2] = continuation(code_point >> 6);
	out[3] = continuation(code_point);
	return 4;
}
