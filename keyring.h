/*
 * keyring.h: the lines of a secret file, each of them a key.
 *
 * Several lines are a rotation: all of them verify, the first one signs. Immutable once made; shared by counting
 * references (any thread), so that a reload never pulls it away under a worker. The last release wipes it.
 */
#ifndef KEYRING_H
#define KEYRING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "sha256.h"
#include "slice.h"

enum {
	KEYRING_MAX_KEYS = 16,         /* lines; more is an error at start */
	KEYRING_MAX_BYTES = 64 * 1024, /* of a secret file */
	KEYRING_SAFE_BYTES = 32        /* of a key (RFC 7518 3.2): a shorter one may be found by trying */
};

struct keyring {
	atomic_uint references;
	bool locked;  /* in memory: it is never on a swap device */
	bool weak;    /* one of the keys has less than KEYRING_SAFE_BYTES */
	size_t count; /* 1..KEYRING_MAX_KEYS */
	struct hmac_key key[KEYRING_MAX_KEYS];                    /* to verify and sign tokens with */
	unsigned char digest[KEYRING_MAX_KEYS][SHA256_SIZE];      /* to compare a presented key with */
};

/*
 * Keys from text: one a line, CRLF or LF, empty lines and blanks at either end ignored. NULL, with one line that
 * names the fault but no secret in `error` (of `size` bytes), when there is none, too many, one with a NUL
 * byte, or no memory.
 */
struct keyring *keyring_parse(struct slice text, char *error, size_t size);
/* The same from a file, which `error` names. Blocks: for start and reload, never for a worker. */
struct keyring *keyring_load(const char *path, char *error, size_t size);
struct keyring *keyring_hold(struct keyring *ring);
/* NULL is allowed. */
void keyring_release(struct keyring *ring);
/* True when `presented` is one of the keys; compared by their SHA-256, all of them, in constant time. */
bool keyring_has(const struct keyring *ring, struct slice presented);

#endif
