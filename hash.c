/* hash.c: SipHash with one compression round for each word and three at the end. */
#include "hash.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t word, int bits)
{
	return word << bits | word >> (64 - bits);
}

static void mix(struct sip *s)
{
	s->v0 += s->v1;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v2 = rotate(s->v2, 32);
}

static void absorb(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s);
	s->v0 ^= word;
}

/* Up to eight bytes as a little-endian number. */
static uint64_t read_word(const char *at, size_t len)
{
	uint64_t word = 0;

	while (len--)
		word = word << 8 | (unsigned char)at[len];
	return word;
}

uint64_t hash_bytes(const uint64_t key[2], struct slice bytes)
{
	struct sip s = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
	                key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
	size_t whole = bytes.len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		absorb(&s, read_word(bytes.at + i, 8));
	absorb(&s, (uint64_t)bytes.len << 56 | read_word(bytes.at + whole, bytes.len - whole));
	s.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
