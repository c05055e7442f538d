/*
 * test_hub_record.c: records to bytes and back, each cut at every byte against the end of memory, and garbage.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "guard.h"
#include "hub_record.h"

enum { HEAD = 50, TARGETS = 42, NAMES = 46 /* where they lie: hub_record.c */ };

static const struct record plain = {.kind = RECORD_MESSAGE, .seq = 7, .time = 1000, .expires = 2000};

static struct buffer written(const struct record *r)
{
	struct buffer bytes = {0};

	record_write(&bytes, r);
	assert_false(bytes.failed);
	return bytes;
}

/* Reads bytes that end where memory does. What is read has to lie in them. */
static bool reads(const char *bytes, size_t len, struct record *r)
{
	char *guarded = guard_copy(bytes, len);
	bool good = record_read((struct slice){guarded, len}, r);
	enum audience_kind kind;
	struct slice name;
	unsigned sum = 0;

	if (good) {
		struct slice names = r->names;
		size_t count = 0;

		while (record_next_name(&names, &kind, &name)) {
			assert_true(name.at >= guarded && name.at + name.len <= guarded + len);
			count++;
		}
		assert_int_equal(count, r->targets);
		assert_true(r->text.at + r->text.len == guarded + len);
		for (size_t i = 0; i < r->text.len; i++)
			sum += (unsigned char)r->text.at[i];
		assert_true(sum < UINT32_MAX);
	}
	guard_free(guarded, len);
	return good;
}

static void assert_same(const struct record *a, const struct record *b)
{
	assert_int_equal(a->kind, b->kind);
	assert_true(a->seq == b->seq);
	assert_true(a->time == b->time);
	assert_true(a->written == b->written);
	assert_true(a->expires == b->expires);
	assert_int_equal(a->transient, b->transient);
	assert_int_equal(a->keyed, b->keyed);
	assert_memory_equal(&a->key, &b->key, sizeof a->key);
	assert_int_equal(a->targets, b->targets);
	assert_true(slice_equal(a->names, b->names));
	assert_true(slice_equal(a->text, b->text));
}

static void assert_goes_and_comes(const struct record *r)
{
	struct buffer bytes = written(r);
	struct record back;

	assert_true(record_read((struct slice){bytes.at, bytes.len}, &back));
	assert_same(r, &back);
	buffer_free(&bytes);
}

static void every_field_comes_back(void **state)
{
	static const int64_t times[] = {INT64_MIN, -1, 0, 1, 1790000000000, INT64_MAX};
	struct record r = plain;

	(void)state;
	for (enum record_kind kind = RECORD_MESSAGE; kind <= RECORD_POSITION; kind++)
		assert_goes_and_comes(&(struct record){.kind = kind});
	assert_goes_and_comes(&(struct record){.kind = RECORD_POSITION, .seq = UINT64_MAX, .written = UINT64_MAX - 1});
	for (int bit = 0; bit < 64; bit++) {
		r.seq = UINT64_C(1) << bit;
		r.key = (struct key_digest){{UINT64_C(1) << bit, ~(UINT64_C(1) << bit)}};
		r.keyed = bit & 1;
		r.transient = bit & 2;
		assert_goes_and_comes(&r);
	}
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		r.time = times[i];
		r.expires = times[5 - i];
		assert_goes_and_comes(&r);
	}
	r.seq = UINT64_MAX;
	r.text = slice_of("event: news\ndata: hello\n\n");
	assert_goes_and_comes(&r);
}

static void the_numbers_are_little_endian(void **state)
{
	struct record r = {.kind = RECORD_MESSAGE, .seq = 0x0102030405060708, .time = 0x1112131415161718,
	                   .expires = 0x2122232425262728, .keyed = true, .transient = true,
	                   .key = {{0x3132333435363738, 0x4142434445464748}}, .text = slice_of("text")};
	static const char expected[] = "\x01\x03\x08\x07\x06\x05\x04\x03\x02\x01\x18\x17\x16\x15\x14\x13\x12\x11"
	                               "\x28\x27\x26\x25\x24\x23\x22\x21\x38\x37\x36\x35\x34\x33\x32\x31"
	                               "\x48\x47\x46\x45\x44\x43\x42\x41\0\0\0\0\0\0\0\0text";
	struct buffer bytes = written(&r);

	(void)state;
	assert_int_equal(bytes.len, sizeof expected - 1);
	assert_memory_equal(bytes.at, expected, bytes.len);
	buffer_free(&bytes);
}

static void the_seq_is_put_in_later(void **state)
{
	struct record r = plain, back;
	struct buffer bytes = written(&plain);

	(void)state;
	record_set_seq(bytes.at, UINT64_MAX - 1);
	assert_true(record_read((struct slice){bytes.at, bytes.len}, &back));
	r.seq = UINT64_MAX - 1;
	assert_same(&r, &back);
	buffer_free(&bytes);
}

/* A record for names of 0 to 255 bytes, of both kinds, with NUL and high bytes in them. */
static struct buffer with_names(struct buffer *names, size_t count, const char *text)
{
	struct record r = plain;
	char name[255];

	for (size_t i = 0; i < sizeof name; i++)
		name[i] = (char)(i * 7);
	for (size_t i = 0; i < count; i++)
		record_add_name(names, i % 2 ? AUDIENCE_CHANNEL : AUDIENCE_UID, (struct slice){name, (i * 85) % 256});
	r.names = (struct slice){names->at, names->len};
	r.targets = count;
	r.text = slice_of(text);
	return written(&r);
}

static void names_come_back_in_their_order(void **state)
{
	static const size_t counts[] = {0, 1, 2, 4, 1000};

	(void)state;
	for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
		struct buffer names = {0}, bytes = with_names(&names, counts[c], "data: x\n\n");
		struct slice rest, name;
		enum audience_kind kind;
		struct record back;

		assert_true(record_read((struct slice){bytes.at, bytes.len}, &back));
		rest = back.names;
		for (size_t i = 0; i < counts[c]; i++) {
			assert_true(record_next_name(&rest, &kind, &name));
			assert_int_equal(kind, i % 2 ? AUDIENCE_CHANNEL : AUDIENCE_UID);
			assert_int_equal(name.len, (i * 85) % 256);
		}
		assert_false(record_next_name(&rest, &kind, &name));
		buffer_free(&bytes);
		buffer_free(&names);
	}
}

/* One that is cut within its head or its names is none; one that is cut behind them has less text, and that is all. */
static void every_cut_is_refused_or_harmless(void **state)
{
	struct buffer names = {0}, bytes = with_names(&names, 4, "data: hello\n\n");
	struct record whole, cut;

	(void)state;
	assert_true(record_read((struct slice){bytes.at, bytes.len}, &whole));
	for (size_t len = 0; len <= bytes.len; len++) {
		bool good = reads(bytes.at, len, &cut);

		assert_int_equal(good, len >= HEAD + names.len);
		if (good)
			assert_int_equal(cut.text.len, len - HEAD - names.len);
	}
	buffer_free(&bytes);
	buffer_free(&names);
}

/* Every bit turned around: what is still read lies in its bytes, and has as many names as it says. */
static void a_turned_bit_is_refused_or_harmless(void **state)
{
	struct buffer names = {0}, bytes = with_names(&names, 4, "data: hello\n\n");
	struct record r;
	int refused = 0;

	(void)state;
	for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
		bytes.at[bit / 8] ^= (char)(1 << bit % 8);
		refused += !reads(bytes.at, bytes.len, &r);
		bytes.at[bit / 8] ^= (char)(1 << bit % 8);
	}
	assert_true(refused >= 32 + 7 + 4); /* of the number of names, of the kind, of the names' kinds */
	buffer_free(&bytes);
	buffer_free(&names);
}

static void what_does_not_agree_is_refused(void **state)
{
	struct buffer names = {0}, bytes = with_names(&names, 2, "data: hello\n\n");
	struct record r;

	(void)state;
	for (int kind = 0; kind < 256; kind++) {
		bytes.at[0] = (char)kind;
		assert_int_equal(reads(bytes.at, bytes.len, &r), kind >= RECORD_MESSAGE && kind <= RECORD_POSITION);
	}
	bytes.at[0] = RECORD_MESSAGE;
	for (int count = 0; count < 256; count++) {
		bytes.at[TARGETS] = (char)count;
		assert_int_equal(reads(bytes.at, bytes.len, &r), count == 2);
	}
	bytes.at[TARGETS] = 2;
	for (int kind = 0; kind < 256; kind++) {
		bytes.at[HEAD] = (char)kind;
		assert_int_equal(reads(bytes.at, bytes.len, &r), kind == AUDIENCE_UID || kind == AUDIENCE_CHANNEL);
	}
	bytes.at[HEAD] = AUDIENCE_UID;
	assert_true(reads(bytes.at, bytes.len, &r));
	bytes.at[NAMES]++; /* what is left of them is half a name */
	assert_false(reads(bytes.at, bytes.len, &r));
	memset(bytes.at + NAMES, 0xff, 4);
	assert_false(reads(bytes.at, bytes.len, &r));
	buffer_free(&bytes);
	buffer_free(&names);
}

static void garbage_is_refused_or_harmless(void **state)
{
	uint32_t random = 1;
	char bytes[200];
	struct record r;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		size_t len = (size_t)i % sizeof bytes;

		for (size_t k = 0; k < len; k++)
			bytes[k] = (char)((random = random * 1664525 + 1013904223) >> 24);
		if (i % 2 && len > HEAD) { /* a likelier head: few names, and their bytes in bounds */
			bytes[0] = RECORD_MESSAGE;
			memset(bytes + TARGETS, 0, 8);
			bytes[TARGETS] = (char)(i / 2 % 3);
			bytes[NAMES] = (char)((size_t)i / 2 % (len - HEAD));
			if (bytes[NAMES] > 2 && i % 4 == 1) {
				bytes[HEAD] = AUDIENCE_UID;
				bytes[HEAD + 1] = (char)(bytes[NAMES] - 2);
			}
		}
		(void)reads(bytes, len, &r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(the_numbers_are_little_endian),
		cmocka_unit_test(the_seq_is_put_in_later),
		cmocka_unit_test(names_come_back_in_their_order),
		cmocka_unit_test(every_cut_is_refused_or_harmless),
		cmocka_unit_test(a_turned_bit_is_refused_or_harmless),
		cmocka_unit_test(what_does_not_agree_is_refused),
		cmocka_unit_test(garbage_is_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
