/*
 * sha256.h: SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104).
 *
 * Pure: no allocation, no I/O, any thread. The HMAC of a fixed key is prepared once (two compressions saved for
 * each message) and is read-only afterwards, so that threads may share it.
 */
#ifndef SHA256_H
#define SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32, SHA256_BLOCK = 64 };

struct sha256 {
	uint32_t state[8];
	uint64_t bytes;                   /* hashed so far */
	unsigned char block[SHA256_BLOCK]; /* bytes % 64 of them are waiting */
};

void sha256_init(struct sha256 *h);
void sha256_add(struct sha256 *h, const void *bytes, size_t len);
void sha256_end(struct sha256 *h, unsigned char out[SHA256_SIZE]);
void sha256(const void *bytes, size_t len, unsigned char out[SHA256_SIZE]);

struct hmac_key {
	struct sha256 inner, outer; /* after the padded key */
};

void hmac_key_init(struct hmac_key *key, const void *secret, size_t len);
void hmac_sha256(const struct hmac_key *key, const void *bytes, size_t len, unsigned char out[SHA256_SIZE]);

/* Compares in a time that depends on len alone. 1 = equal. */
int equal_in_constant_time(const void *a, const void *b, size_t len);

#endif
