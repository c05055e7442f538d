/* little.h: little-endian numbers in bytes, anywhere. Pure. Compilers make one load or store of each. */
#ifndef LITTLE_H
#define LITTLE_H

#include <stdint.h>

static inline uint32_t get32(const void *from)
{
	const unsigned char *at = from;

	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static inline uint64_t get64(const void *from)
{
	const unsigned char *at = from;

	return (uint64_t)at[0] | (uint64_t)at[1] << 8 | (uint64_t)at[2] << 16 | (uint64_t)at[3] << 24 |
	       (uint64_t)at[4] << 32 | (uint64_t)at[5] << 40 | (uint64_t)at[6] << 48 | (uint64_t)at[7] << 56;
}

static inline void put32(void *to, uint32_t value)
{
	unsigned char *at = to;

	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> 8 * i & 0xff);
}

static inline void put64(void *to, uint64_t value)
{
	unsigned char *at = to;

	for (int i = 0; i < 8; i++)
		at[i] = (unsigned char)(value >> 8 * i & 0xff);
}

#endif
