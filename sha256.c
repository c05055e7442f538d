/*
 * sha256.c: the compression function and padding of FIPS 180-4, sections 4 to 6, and HMAC of RFC 2104 above them.
 * Names in compress() and step() are the standard's.
 */
#include "sha256.h"

#include <string.h>

#include "wipe.h"

/* FIPS 180-4 section 4.2.2: fractions of the cube roots of the first 64 primes. */
static const uint32_t K[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate_right(uint32_t word, int bits)
{
	return word >> bits | word << (32 - bits);
}

/* Words are big-endian (section 3.1), whatever the machine is. */
static uint32_t load_word(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store_word(unsigned char *bytes, uint32_t word)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (unsigned char)(word >> (24 - 8 * i));
}

/* Section 6.2.2 step 3, without its moves: only d and h get new values, and the caller turns the names instead. */
static inline void step(uint32_t a, uint32_t b, uint32_t c, uint32_t *d,
                        uint32_t e, uint32_t f, uint32_t g, uint32_t *h, uint32_t input)
{
	uint32_t sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
	uint32_t sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
	uint32_t choice = (e & f) ^ (~e & g);
	uint32_t majority = (a & b) ^ (a & c) ^ (b & c);
	uint32_t t1 = *h + sum1 + choice + input;

	*d += t1;
	*h = t1 + sum0 + majority;
}

/* The message schedule of one block, with the constants added (section 6.2.2 step 1). */
static void schedule(uint32_t input[64], const unsigned char block[SHA256_BLOCK])
{
	uint32_t w[64];

	for (size_t t = 0; t < 16; t++)
		w[t] = load_word(block + 4 * t);
	for (int t = 16; t < 64; t++) {
		uint32_t sigma0 = rotate_right(w[t - 15], 7) ^ rotate_right(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t sigma1 = rotate_right(w[t - 2], 17) ^ rotate_right(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = sigma1 + w[t - 7] + sigma0 + w[t - 16];
	}
	for (int t = 0; t < 64; t++)
		input[t] = w[t] + K[t];
}

/*
 * Section 6.2.2 for one block. Eight steps bring the names a to h back to where they were, so eight are written out
 * and nothing is ever moved.
 */
static void compress(uint32_t state[8], const unsigned char block[SHA256_BLOCK])
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
	uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
	uint32_t input[64];

	schedule(input, block);
	for (int t = 0; t < 64; t += 8) {
		step(a, b, c, &d, e, f, g, &h, input[t]);
		step(h, a, b, &c, d, e, f, &g, input[t + 1]);
		step(g, h, a, &b, c, d, e, &f, input[t + 2]);
		step(f, g, h, &a, b, c, d, &e, input[t + 3]);
		step(e, f, g, &h, a, b, c, &d, input[t + 4]);
		step(d, e, f, &g, h, a, b, &c, input[t + 5]);
		step(c, d, e, &f, g, h, a, &b, input[t + 6]);
		step(b, c, d, &e, f, g, h, &a, input[t + 7]);
	}
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
	state[4] += e;
	state[5] += f;
	state[6] += g;
	state[7] += h;
}

void sha256_init(struct sha256 *h)
{
	/* Section 5.3.3: fractions of the square roots of the first eight primes. */
	*h = (struct sha256){.state = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
	}};
}

void sha256_add(struct sha256 *h, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	size_t waiting = (size_t)(h->bytes % SHA256_BLOCK);

	h->bytes += len;
	/* Not a block yet: kept. (memcpy() must not see a NULL, not even for 0 bytes.) */
	if (waiting + len < SHA256_BLOCK) {
		if (len != 0)
			memcpy(h->block + waiting, at, len);
		return;
	}
	if (waiting != 0) {
		size_t missing = SHA256_BLOCK - waiting;

		memcpy(h->block + waiting, at, missing);
		compress(h->state, h->block);
		at += missing;
		len -= missing;
	}
	/* Whole blocks are hashed where they lie. */
	for (; len >= SHA256_BLOCK; at += SHA256_BLOCK, len -= SHA256_BLOCK)
		compress(h->state, at);
	if (len != 0)
		memcpy(h->block, at, len);
}

void sha256_end(struct sha256 *h, unsigned char out[SHA256_SIZE])
{
	enum { LENGTH_AT = SHA256_BLOCK - 8 };
	size_t waiting = (size_t)(h->bytes % SHA256_BLOCK);
	uint64_t bits = h->bytes * 8;

	/* Section 5.1.1: a one bit, zeros, and the length in the last 8 bytes of a block, of a further one if need be. */
	h->block[waiting++] = 0x80;
	memset(h->block + waiting, 0, SHA256_BLOCK - waiting);
	if (waiting > LENGTH_AT) {
		compress(h->state, h->block);
		memset(h->block, 0, SHA256_BLOCK);
	}
	store_word(h->block + LENGTH_AT, (uint32_t)(bits >> 32));
	store_word(h->block + LENGTH_AT + 4, (uint32_t)bits);
	compress(h->state, h->block);
	for (size_t i = 0; i < 8; i++)
		store_word(out + 4 * i, h->state[i]);
}

void sha256(const void *bytes, size_t len, unsigned char out[SHA256_SIZE])
{
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, bytes, len);
	sha256_end(&h, out);
	wipe(&h, sizeof h); /* the end of a key or a token */
}

/* Starts h with one block: the key, filled up with zeros, each byte combined with `pad`. */
static void start_with_key(struct sha256 *h, const unsigned char key[SHA256_BLOCK], unsigned char pad)
{
	unsigned char padded[SHA256_BLOCK];

	for (int i = 0; i < SHA256_BLOCK; i++)
		padded[i] = key[i] ^ pad;
	sha256_init(h);
	sha256_add(h, padded, sizeof padded);
	wipe(padded, sizeof padded);
}

void hmac_key_init(struct hmac_key *key, const void *secret, size_t len)
{
	unsigned char block[SHA256_BLOCK] = {0};

	/* RFC 2104 section 2: a key longer than a block is replaced by its hash. */
	if (len > SHA256_BLOCK)
		sha256(secret, len, block);
	else if (len != 0)
		memcpy(block, secret, len);
	/* RFC 2104 section 2: ipad and opad */
	start_with_key(&key->inner, block, 0x36);
	start_with_key(&key->outer, block, 0x5c);
	wipe(block, sizeof block);
}

void hmac_sha256(const struct hmac_key *key, const void *bytes, size_t len, unsigned char out[SHA256_SIZE])
{
	struct sha256 h = key->inner; /* a copy: the key stays as it is, for every thread */
	unsigned char inner[SHA256_SIZE];

	sha256_add(&h, bytes, len);
	sha256_end(&h, inner);
	h = key->outer;
	sha256_add(&h, inner, sizeof inner);
	sha256_end(&h, out);
	wipe(&h, sizeof h);
	wipe(inner, sizeof inner);
}

int equal_in_constant_time(const void *a, const void *b, size_t len)
{
	/* volatile: the compiler must not find out that it could stop early */
	const volatile unsigned char *left = a, *right = b;
	unsigned char difference = 0;

	for (size_t i = 0; i < len; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}
