/* crc32c.c: see crc32c.h. Slicing-by-8 (Kounavis and Berry, 2005): one step for 8 bytes, from eight tables. */
#include "crc32c.h"

#include <pthread.h>

#include "little.h"

enum { SLICES = 8 };

static const uint32_t polynomial = 0x82f63b78; /* 0x1edc6f41 with its bits the other way round */

/* table[s][b] is what byte b does to the sum when s bytes follow it. Not changed once made(). */
static uint32_t table[SLICES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make(void)
{
	for (uint32_t byte = 0; byte < 256; byte++) {
		uint32_t sum = byte;

		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? polynomial : 0);
		table[0][byte] = sum;
	}
	for (int slice = 1; slice < SLICES; slice++)
		for (int byte = 0; byte < 256; byte++)
			table[slice][byte] = table[slice - 1][byte] >> 8 ^ table[0][table[slice - 1][byte] & 255];
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	(void)pthread_once(&once, make); /* cannot fail with a good once */
	crc = ~crc;
	for (; len >= SLICES; len -= SLICES, at += SLICES) {
		uint32_t low = crc ^ get32(at), high = get32(at + 4);

		crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
		      table[3][high & 255] ^ table[2][high >> 8 & 255] ^ table[1][high >> 16 & 255] ^ table[0][high >> 24];
	}
	while (len-- > 0)
		crc = crc >> 8 ^ table[0][(crc ^ *at++) & 255];
	return ~crc;
}
