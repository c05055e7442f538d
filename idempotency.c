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

static uint32_t *bucket_of(const struct key_table *t, const uint64_t digest[2])
{
	return &t->bucket[digest[0] & (t->capacity - 1)];
}

static const struct receipt *find_in(const struct key_table *t, struct key_digest key, int64_t now)
{
	for (uint32_t at = *bucket_of(t, key.word); at; at = t->receipt[at - 1].next) {
		const struct receipt *r = &t->receipt[at - 1];

		if (r->digest[0] == key.word[0] && r->digest[1] == key.word[1] && r->expires > now)
			return r;
	}
	return NULL;
}

const struct receipt *idempotency_find(const struct idempotency *i, struct key_digest key, int64_t now)
{
	const struct receipt *found = NULL;

	for (const struct key_table *t = i->oldest; t && !found; t = t->newer)
		found = find_in(t, key, now);
	return found;
}

static void table_free(struct key_table *t)
{
	free(t->bucket);
	free(t);
}

static struct key_table *table_new(uint32_t capacity)
{
	struct key_table *t = malloc(sizeof *t + capacity * sizeof *t->receipt);

	if (!t)
		return NULL;
	*t = (struct key_table){.capacity = capacity, .bucket = calloc(capacity, sizeof *t->bucket)};
	if (t->bucket)
		return t;
	table_free(t);
	return NULL;
}

bool idempotency_reserve(struct idempotency *i)
{
	struct key_table *newest = i->newest;

	if (i->count >= IDEMPOTENCY_MAX)
		return false;
	if (newest && newest->count < newest->capacity)
		return true;
	i->newest = table_new(newest ? 2 * newest->capacity : CAPACITY_MIN);
	if (!i->newest) {
		i->newest = newest;
		return false;
	}
	*(newest ? &newest->newer : &i->oldest) = i->newest;
	return true;
}

void idempotency_add(struct idempotency *i, struct key_digest key, struct receipt receipt)
{
	struct key_table *t = i->newest;
	uint32_t index = (t->first + t->count++) & (t->capacity - 1), *bucket = bucket_of(t, key.word);

	receipt.digest[0] = key.word[0];
	receipt.digest[1] = key.word[1];
	receipt.next = *bucket;
	*bucket = index + 1;
	t->receipt[index] = receipt;
	i->count++;
}

struct receipt *idempotency_at(struct idempotency *i, uint32_t n)
{
	struct key_table *t = i->oldest;

	for (; n >= t->count; t = t->newer)
		n -= t->count;
	return &t->receipt[(t->first + n) & (t->capacity - 1)];
}

void idempotency_drop_oldest(struct idempotency *i)
{
	struct key_table *t = i->oldest;
	const struct receipt *r = &t->receipt[t->first];
	uint32_t *link = bucket_of(t, r->digest);

	while (*link != t->first + 1)
		link = &t->receipt[*link - 1].next;
	*link = r->next;
	t->first = (t->first + 1) & (t->capacity - 1);
	i->count--;
	if (--t->count || !t->newer)
		return;
	i->oldest = t->newer;
	table_free(t);
}

void idempotency_free(struct idempotency *i)
{
	for (struct key_table *t = i->oldest, *newer; t; t = newer) {
		newer = t->newer;
		table_free(t);
	}
	*i = (struct idempotency){0};
}
