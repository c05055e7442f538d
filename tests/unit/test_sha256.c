/*
 * test_sha256.c: published vectors, and every length against every cut.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "guard.h"
#include "sha256.h"

static void digest_is(const unsigned char digest[SHA256_SIZE], const char *hex)
{
	char actual[2 * SHA256_SIZE + 1];

	for (size_t i = 0; i < SHA256_SIZE; i++)
		(void)snprintf(actual + 2 * i, 3, "%02x", digest[i]);
	assert_string_equal(actual, hex);
}

static void the_vectors_of_nist_come_out(void **state)
{
	/* NIST, examples for FIPS 180-4 and its CAVP short messages */
	static const struct {
		const char *text, *digest;
	} vectors[] = {
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
		{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
		 "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		 "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};
	unsigned char digest[SHA256_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		sha256(vectors[i].text, strlen(vectors[i].text), digest);
		digest_is(digest, vectors[i].digest);
	}
}

static void a_million_times_a_comes_out(void **state)
{
	unsigned char digest[SHA256_SIZE];
	char text[1000];
	struct sha256 h;

	(void)state;
	memset(text, 'a', sizeof text);
	sha256_init(&h);
	for (int i = 0; i < 1000; i++)
		sha256_add(&h, text, sizeof text);
	sha256_end(&h, digest);
	digest_is(digest, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void every_length_up_to_200_comes_out_wherever_it_is_cut(void **state)
{
	unsigned char bytes[200], whole[SHA256_SIZE], parts[SHA256_SIZE], digest[SHA256_SIZE];
	struct sha256 all, h;

	(void)state;
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)i;
	sha256_init(&all);
	for (size_t len = 0; len <= sizeof bytes; len++) {
		char *text = guard_copy(bytes, len);

		sha256(text, len, whole);
		sha256_add(&all, whole, sizeof whole);
		for (size_t cut = 0; cut <= len; cut++) {
			sha256_init(&h);
			sha256_add(&h, text, cut);
			sha256_add(&h, text + cut, len - cut);
			sha256_end(&h, parts);
			assert_memory_equal(parts, whole, sizeof whole);
		}
		guard_free(text, len);
	}
	/* The digest of all those digests, as Python's hashlib makes it. */
	sha256_end(&all, digest);
	digest_is(digest, "64ef7c229fce2408b5336b6a542fea0e078c3a87d2da85cb3fc52e2008b65021");
}

static void single_bytes_and_nothing_may_be_added(void **state)
{
	unsigned char digest[SHA256_SIZE];
	struct sha256 h;

	(void)state;
	sha256_init(&h);
	sha256_add(&h, NULL, 0);
	for (const char *at = "abc"; *at != '\0'; at++) {
		sha256_add(&h, at, 1);
		sha256_add(&h, at, 0);
	}
	sha256_end(&h, digest);
	digest_is(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void the_hmac_vectors_of_rfc_4231_come_out(void **state)
{
	static const char counted[] = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
	                              "\x11\x12\x13\x14\x15\x16\x17\x18\x19";
	/* key and text: literal, or so many times one byte */
	static const struct {
		const char *key;
		int key_byte, key_len;
		const char *text;
		int text_byte, text_len;
		const char *digest;
	} vectors[] = {
		{NULL, 0x0b, 20, "Hi There", 0, 8, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{"Jefe", 0, 4, "what do ya want for nothing?", 0, 28,
		 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{NULL, 0xaa, 20, NULL, 0xdd, 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
		{counted, 0, 25, NULL, 0xcd, 50, "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
		/* the RFC prints the first 128 bits of this one */
		{NULL, 0x0c, 20, "Test With Truncation", 0, 20,
		 "a3b6167473100ee06e0c796c2955552bfa6f7c0a6a8aef8b93f860aab0cd20c5"},
		{NULL, 0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First", 0, 54,
		 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{NULL, 0xaa, 131, "This is a test using a larger than block-size key and a larger than block-size data. "
		 "The key needs to be hashed before being used by the HMAC algorithm.", 0, 152,
		 "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
	};
	unsigned char digest[SHA256_SIZE];
	char key[131], text[152];
	struct hmac_key prepared;

	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		size_t key_len = (size_t)vectors[i].key_len, text_len = (size_t)vectors[i].text_len;

		memset(key, vectors[i].key_byte, sizeof key);
		memset(text, vectors[i].text_byte, sizeof text);
		if (vectors[i].key != NULL)
			memcpy(key, vectors[i].key, key_len);
		if (vectors[i].text != NULL)
			memcpy(text, vectors[i].text, text_len);
		hmac_key_init(&prepared, key, key_len);
		/* Twice: a prepared key is not used up. */
		hmac_sha256(&prepared, text, text_len, digest);
		hmac_sha256(&prepared, text, text_len, digest);
		digest_is(digest, vectors[i].digest);
	}
}

static void an_empty_key_and_an_empty_text_have_an_hmac(void **state)
{
	unsigned char digest[SHA256_SIZE];
	struct hmac_key key;

	(void)state;
	hmac_key_init(&key, NULL, 0);
	hmac_sha256(&key, NULL, 0, digest);
	digest_is(digest, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void a_difference_is_seen_wherever_it_is(void **state)
{
	unsigned char a[SHA256_SIZE] = {0}, b[SHA256_SIZE] = {0};

	(void)state;
	assert_true(equal_in_constant_time(a, b, sizeof a));
	assert_true(equal_in_constant_time(NULL, NULL, 0));
	for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
		b[bit / 8] ^= (unsigned char)(1U << bit % 8);
		assert_false(equal_in_constant_time(a, b, sizeof a));
		b[bit / 8] = 0;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_vectors_of_nist_come_out),
		cmocka_unit_test(a_million_times_a_comes_out),
		cmocka_unit_test(every_length_up_to_200_comes_out_wherever_it_is_cut),
		cmocka_unit_test(single_bytes_and_nothing_may_be_added),
		cmocka_unit_test(the_hmac_vectors_of_rfc_4231_come_out),
		cmocka_unit_test(an_empty_key_and_an_empty_text_have_an_hmac),
		cmocka_unit_test(a_difference_is_seen_wherever_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
