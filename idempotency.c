/* idempotency.c: see idempotency.h */
#include "idempotency.h"

#include <stdlib.h>

#include "sha256.h"

enum { CAPACITY_MIN = 256, CAPACITY_MAX = 1 << 20 };
_Static_assert((int)CAPACITY_MAX >= (int)IDEMPOTENCY_MAX, "the ring holds every key");

struct key_digest idempotency_digest(struct slice key)
{
	unsigned char full[SHA256_SIZE];
	struct key_digest digest;

	sha256(key.at, key.len, full);
	memcpy(&digest, full, sizeof digest);
	return digest;
}

static uint32_t *bucket_of(const struct idempotency *i, const uint64_t digest[2])
{
	return &i->bucket[digest[0] & (i->capacity - 1)];
}

const struct receipt *idempotency_find(const struct idempotency *i, struct key_digest key, int64_t now)
{
	if (!i->count)
		return NULL;
	for (uint32_t at = *bucket_of(i, key.word); at; at = i->receipt[at - 1].next) {
		const struct receipt *r = &i->receipt[at - 1];

		if (r->digest[0] == key.word[0] && r->digest[1] == key.word[1] && r->expires > now)
			return r;
	}
	return NULL;
}

static void link_in(struct idempotency *i, uint32_t index)
{
	uint32_t *bucket = bucket_of(i, i->receipt[index].digest);

	i->receipt[index].next = *bucket;
	*bucket = index + 1;
}

bool idempotency_reserve(struct idempotency *i)
{
	struct idempotency more = {.capacity = i->capacity ? 2 * i->capacity : CAPACITY_MIN};

	if (i->count >= IDEMPOTENCY_MAX)
		return false;
	if (i->count < i->capacity)
		return true;
	more.receipt = malloc(more.capacity * sizeof *more.receipt);
	more.bucket = calloc(more.capacity, sizeof *more.bucket);
	if (!more.receipt || !more.bucket) {
		idempotency_free(&more);
		return false;
	}
	for (; more.count < i->count; more.count++) {
		more.receipt[more.count] = i->receipt[(i->first + more.count) & (i->capacity - 1)];
		link_in(&more, more.count);
	}
	idempotency_free(i);
	*i = more;
	return true;
}

void idempotency_add(struct idempotency *i, struct key_digest key, struct receipt receipt)
{
	uint32_t index = (i->first + i->count++) & (i->capacity - 1);

	receipt.digest[0] = key.word[0];
	receipt.digest[1] = key.word[1];
	i->receipt[index] = receipt;
	link_in(i, index);
}

struct receipt *idempotency_oldest(struct idempotency *i)
{
	return i->count ? &i->receipt[i->first] : NULL;
}

void idempotency_drop_oldest(struct idempotency *i)
{
	const struct receipt *r = &i->receipt[i->first];
	uint32_t *link = bucket_of(i, r->digest);

	while (*link != i->first + 1)
		link = &i->receipt[*link - 1].next;
	*link = r->next;
	i->first = (i->first + 1) & (i->capacity - 1);
	i->count--;
}

void idempotency_free(struct idempotency *i)
{
	free(i->receipt);
	free(i->bucket);
	*i = (struct idempotency){0};
}
