/*
 * keyring.c: keys from lines of text, kept only as prepared HMACs; the text itself is wiped as soon as it was read.
 */
#include "keyring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "file.h"
#include "wipe.h"

/* CR is a blank: that is all that it takes to read lines that end in CRLF. */
static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trimmed(struct slice line)
{
	while (line.len > 0 && is_blank(line.at[0])) {
		line.at++;
		line.len--;
	}
	while (line.len > 0 && is_blank(line.at[line.len - 1]))
		line.len--;
	return line;
}

/* Cuts the first line off the text, which is not empty; the line comes without its LF. */
static struct slice next_line(struct slice *text)
{
	const char *newline = memchr(text->at, '\n', text->len);
	struct slice line = {text->at, newline != NULL ? (size_t)(newline - text->at) : text->len};
	size_t used = newline != NULL ? line.len + 1 : line.len;

	text->at += used;
	text->len -= used;
	return line;
}

/* HMAC fills a short key up with NULs, so a key with NULs at its end would be the same as one without them. */
static bool has_nul(struct slice key)
{
	return key.len != 0 && memchr(key.at, '\0', key.len) != NULL;
}

/* Fills the ring from the lines of the text. False, with the fault in `error`, when they do not make one. */
static bool add_keys(struct keyring *ring, struct slice text, char *error, size_t size)
{
	while (text.len > 0) {
		struct slice key = trimmed(next_line(&text));

		if (key.len == 0)
			continue;
		if (has_nul(key)) {
			(void)snprintf(error, size, "a key with a NUL byte (keys are lines of text)");
			return false;
		}
		if (ring->count == KEYRING_MAX_KEYS) {
			(void)snprintf(error, size, "more than %d keys", (int)KEYRING_MAX_KEYS);
			return false;
		}
		ring->weak |= key.len < KEYRING_SAFE_BYTES;
		hmac_key_init(&ring->key[ring->count], key.at, key.len);
		sha256(key.at, key.len, ring->digest[ring->count++]);
	}
	if (ring->count == 0)
		(void)snprintf(error, size, "no key in it");
	return ring->count > 0;
}

/* The whole pages that it lies in, with nothing else in them: locks do not nest, so an unlock is for all that is there. */
static size_t room_of_ring(size_t page)
{
	return (sizeof(struct keyring) + page - 1) / page * page;
}

static size_t page_size(void)
{
	long page = sysconf(_SC_PAGESIZE);

	return page > 0 ? (size_t)page : 4096;
}

/* In memory that is never written to a swap device, where the system allows it. */
static struct keyring *new_ring(void)
{
	size_t page = page_size(), room = room_of_ring(page);
	void *at = NULL;
	struct keyring *ring;

	if (posix_memalign(&at, page, room) != 0)
		return NULL;
	memset(at, 0, room);
	ring = at;
	ring->locked = mlock(at, room) == 0;
	return ring;
}

static void free_ring(struct keyring *ring)
{
	size_t room = room_of_ring(page_size());
	bool locked = ring->locked;

	wipe(ring, sizeof *ring);
	if (locked)
		(void)munlock(ring, room); /* it was locked, so it can be */
	free(ring);
}

struct keyring *keyring_parse(struct slice text, char *error, size_t size)
{
	struct keyring *ring = new_ring();

	if (ring == NULL) {
		(void)snprintf(error, size, "no memory for the keys");
		return NULL;
	}
	atomic_init(&ring->references, 1);
	if (!add_keys(ring, text, error, size)) {
		keyring_release(ring);
		return NULL;
	}
	return ring;
}

/* The keyring of an open file; `path` is for the error only. The text is wiped before its memory is given back. */
static struct keyring *load_open(int fd, const char *path, char *error, size_t size)
{
	enum { ROOM = KEYRING_MAX_BYTES + 1 }; /* one more, to see that a file is too long */
	struct keyring *ring = NULL;
	char *text = malloc(ROOM);
	ssize_t len = text != NULL ? file_read(fd, text, ROOM) : -1;
	char fault[64];

	if (len < 0) {
		(void)snprintf(error, size, "cannot read %s: %s", path, strerror(errno));
	} else if (len == ROOM) {
		(void)snprintf(error, size, "%s: longer than %d bytes", path, (int)KEYRING_MAX_BYTES);
	} else {
		ring = keyring_parse((struct slice){text, (size_t)len}, fault, sizeof fault);
		if (ring == NULL)
			(void)snprintf(error, size, "%s: %s", path, fault);
	}
	if (text != NULL)
		wipe(text, ROOM);
	free(text);
	return ring;
}

struct keyring *keyring_load(const char *path, char *error, size_t size)
{
	int fd = file_open_regular(AT_FDCWD, path, 0, NULL);

	if (fd < 0) {
		(void)snprintf(error, size, "cannot read %s: %s", path, errno ? strerror(errno) : "not a regular file");
		return NULL;
	}

	struct keyring *ring = load_open(fd, path, error, size);

	(void)close(fd); /* was only read */
	return ring;
}

struct keyring *keyring_hold(struct keyring *ring)
{
	/* Relaxed: who holds one more already holds one, so nothing has to be seen in order. */
	atomic_fetch_add_explicit(&ring->references, 1, memory_order_relaxed);
	return ring;
}

void keyring_release(struct keyring *ring)
{
	/* Release what this thread did with it, acquire what the others did: the last one frees after all of them. */
	if (ring == NULL || atomic_fetch_sub_explicit(&ring->references, 1, memory_order_acq_rel) != 1)
		return;
	free_ring(ring);
}

bool keyring_has(const struct keyring *ring, struct slice presented)
{
	unsigned char digest[SHA256_SIZE];
	int found = 0;

	sha256(presented.at, presented.len, digest);
	/* All of them, also after a hit: the time tells neither whether nor which. */
	for (size_t i = 0; i < ring->count; i++)
		found |= equal_in_constant_time(ring->digest[i], digest, SHA256_SIZE);
	wipe(digest, sizeof digest);
	return found != 0;
}
