/* audience.c: see audience.h */
#include "audience.h"

#include <stdlib.h>

#include "hash.h"

enum { BUCKETS_MIN = 64 }; /* a power of two */

bool audience_table_open(struct audience_table *t, const uint64_t key[2])
{
	*t = (struct audience_table){.buckets = BUCKETS_MIN, .capacity = BUCKETS_MIN, .mask = BUCKETS_MIN - 1,
	                             .key = {key[0], key[1]}};
	t->bucket = calloc(t->capacity, sizeof *t->bucket);
	return t->bucket != NULL;
}

static void audience_free(struct audience *a)
{
	log_close(&a->log);
	free(a->bar);
	free(a);
}

void audience_table_close(struct audience_table *t)
{
	for (size_t i = 0; t->bucket && i < t->buckets; i++) {
		for (struct audience *a = t->bucket[i], *next; a; a = next) {
			next = a->next;
			audience_free(a);
		}
	}
	free(t->bucket);
	*t = (struct audience_table){0};
}

/* Buckets below buckets - (mask + 1) have been split and are told apart by one more bit. */
static struct audience **bucket_of(const struct audience_table *t, uint32_t hash)
{
	size_t i = (size_t)hash & (t->mask << 1 | 1);

	return &t->bucket[i < t->buckets ? i : i & t->mask];
}

static uint32_t hash_of(const struct audience_table *t, enum audience_kind kind, struct slice name)
{
	/* A uid and a channel of the same name are two audiences. */
	return (uint32_t)hash_bytes(t->key, name) + (uint32_t)kind;
}

static struct audience *find_in(struct audience *a, enum audience_kind kind, struct slice name)
{
	while (a && !(a->kind == kind && slice_equal(audience_name(a), name)))
		a = a->next;
	return a;
}

struct audience *audience_find(const struct audience_table *t, enum audience_kind kind, struct slice name)
{
	return find_in(*bucket_of(t, hash_of(t, kind, name)), kind, name);
}

static void insert(struct audience_table *t, struct audience *a, uint32_t hash)
{
	struct audience **bucket = bucket_of(t, hash);

	a->next = *bucket;
	*bucket = a;
}

/* Splits the next bucket in turn. Without memory the table stays as it is: slower, not wrong. */
static void grow(struct audience_table *t)
{
	struct audience *a, *next;

	if (t->buckets == t->capacity) {
		struct audience **more = realloc(t->bucket, 2 * t->capacity * sizeof *t->bucket);

		if (!more)
			return;
		t->bucket = more;
		t->capacity *= 2;
	}
	a = t->bucket[t->buckets - (t->mask + 1)];
	t->bucket[t->buckets - (t->mask + 1)] = NULL;
	t->bucket[t->buckets++] = NULL;
	for (; a; a = next) {
		next = a->next;
		insert(t, a, hash_of(t, a->kind, audience_name(a)));
	}
	if (t->buckets == (t->mask + 1) * 2)
		t->mask = t->buckets - 1;
}

struct audience *audience_get(struct audience_table *t, enum audience_kind kind, struct slice name, uint64_t floor)
{
	uint32_t hash = hash_of(t, kind, name);
	struct audience *a = find_in(*bucket_of(t, hash), kind, name);

	if (a)
		return a;
	a = calloc(1, offsetof(struct audience, name) + name.len);
	if (!a)
		return NULL;
	a->kind = (unsigned char)kind;
	a->len = (unsigned char)name.len;
	if (!log_open(&a->log, floor)) {
		free(a);
		return NULL;
	}
	if (name.len)
		memcpy(a->name, name.at, name.len);
	if (++t->count > t->buckets)
		grow(t);
	insert(t, a, hash);
	return a;
}

void audience_remove(struct audience_table *t, struct audience *a)
{
	struct audience **link = bucket_of(t, hash_of(t, a->kind, audience_name(a)));

	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	t->count--;
	audience_free(a);
}
