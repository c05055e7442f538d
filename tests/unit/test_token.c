/*
 * test_token.c: tokens made here byte by byte, so that everything about them can be wrong, and the one of RFC 7515.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "guard.h"
#include "token.h"

#define SECOND INT64_C(1000)
#define NOW (INT64_C(1790000000) * SECOND)

static const char hs256[] = "{\"alg\":\"HS256\",\"typ\":\"JWT\"}";

static void add_base64url(struct buffer *out, const void *bytes, size_t len)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *at = bytes;

	for (size_t bit = 0; bit < 8 * len; bit += 6) {
		unsigned pair = (unsigned)at[bit / 8] << 8 | (bit / 8 + 1 < len ? at[bit / 8 + 1] : 0);

		buffer_add(out, &digits[pair >> (10 - bit % 8) & 0x3F], 1);
	}
}

static struct keyring *ring_of(const char *lines)
{
	char error[100];
	struct keyring *ring = keyring_parse(slice_of(lines), error, sizeof error);

	assert_non_null(ring);
	return ring;
}

/* A token of these parts, signed with a key however wrong they are. */
static struct buffer craft(const char *header, struct slice payload, const struct hmac_key *key)
{
	struct buffer token = {0};
	unsigned char signature[SHA256_SIZE];

	add_base64url(&token, header, strlen(header));
	buffer_add_text(&token, ".");
	add_base64url(&token, payload.at, payload.len);
	hmac_sha256(key, token.at, token.len, signature);
	buffer_add_text(&token, ".");
	add_base64url(&token, signature, sizeof signature);
	return token;
}

/* Verifies a copy that ends where memory ends. The claims stay good when the token is gone. */
static enum token_result verify(struct slice token, const struct keyring *ring, int64_t now, struct claims *claims)
{
	char *copy = guard_copy(token.at, token.len);
	enum token_result result = token_verify((struct slice){copy, token.len}, ring, now, claims);

	guard_free(copy, token.len);
	if (result != TOKEN_OK) {
		assert_null(claims->uid.at);
		assert_int_equal(claims->channels, 0);
	}
	return result;
}

static enum token_result verify_crafted(const char *header, const char *payload, int64_t now, struct claims *claims)
{
	struct keyring *ring = ring_of("secret");
	struct buffer token = craft(header, slice_of(payload), &ring->key[0]);
	enum token_result result = verify((struct slice){token.at, token.len}, ring, now, claims);

	buffer_free(&token);
	keyring_release(ring);
	return result;
}

/* RFC 7515 appendix A.1: its key, its token, and the signature that A.1.1 lists. */
static const unsigned char rfc_key[] = {
	3, 35, 53, 75, 43, 15, 165, 188, 131, 126, 6, 101, 119, 123, 166, 143, 90, 179, 40, 230, 240, 84, 201, 40, 169, 15,
	132, 178, 210, 80, 46, 191, 211, 251, 90, 146, 210, 6, 71, 239, 150, 138, 180, 195, 119, 98, 61, 34, 61, 46, 33,
	114, 5, 46, 79, 8, 192, 205, 154, 245, 103, 208, 128, 163,
};
static const char rfc_input[] = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
                                ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFt"
                                "cGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
static const char rfc_signature[] = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

static void the_example_of_rfc_7515_has_that_signature_but_no_sub(void **state)
{
	static struct claims claims;
	struct keyring ring = {.count = 1};
	struct buffer token = {0}, signature = {0};
	unsigned char bytes[SHA256_SIZE];

	(void)state;
	hmac_key_init(&ring.key[0], rfc_key, sizeof rfc_key);
	hmac_sha256(&ring.key[0], rfc_input, strlen(rfc_input), bytes);
	add_base64url(&signature, bytes, sizeof bytes);
	assert_true(slice_is((struct slice){signature.at, signature.len}, rfc_signature));

	buffer_printf(&token, "%s.%s", rfc_input, rfc_signature);
	assert_int_equal(verify((struct slice){token.at, token.len}, &ring, 0, &claims), TOKEN_INVALID);
	buffer_free(&token);
	buffer_free(&signature);
}

static void the_example_of_rfc_7515_with_a_sub_is_good_until_its_exp(void **state)
{
	static const char header[] = "{\"typ\":\"JWT\",\r\n \"alg\":\"HS256\"}";
	static const char payload[] = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n "
	                              "\"http://example.com/is_root\":true,\"sub\":\"joe\"}";
	static struct claims claims;
	struct keyring ring = {.count = 1};
	struct buffer token;
	struct slice text;

	(void)state;
	hmac_key_init(&ring.key[0], rfc_key, sizeof rfc_key);
	token = craft(header, slice_of(payload), &ring.key[0]);
	text = (struct slice){token.at, token.len};
	assert_memory_equal(token.at, rfc_input, 41); /* header and dot are the example's own */
	assert_int_equal(verify(text, &ring, 1300819380 * SECOND, &claims), TOKEN_OK);
	assert_true(slice_is(claims.uid, "joe"));
	assert_int_equal(claims.expires, 1300819380 * SECOND);
	assert_int_equal(verify(text, &ring, NOW, &claims), TOKEN_EXPIRED);
	buffer_free(&token);
}

static void a_changed_byte_anywhere_is_refused(void **state)
{
	static struct claims claims;
	struct keyring *ring = ring_of("secret");
	struct buffer token = craft(hs256, slice_of("{\"sub\":\"7\"}"), &ring->key[0]);
	struct slice text = {token.at, token.len};

	(void)state;
	assert_int_equal(token_verify(text, ring, NOW, &claims), TOKEN_OK);
	for (size_t i = 0; i < token.len; i++) {
		char right = token.at[i];

		for (int byte = 0; byte < 256; byte++) {
			token.at[i] = (char)byte;
			if ((char)byte != right && token_verify(text, ring, NOW, &claims) != TOKEN_INVALID)
				fail_msg("byte %zu as 0x%02x", i, (unsigned)byte);
		}
		token.at[i] = right;
	}
	buffer_free(&token);
	keyring_release(ring);
}

static void a_token_cut_off_anywhere_is_refused(void **state)
{
	static struct claims claims;
	struct keyring *ring = ring_of("secret");
	struct buffer token = craft(hs256, slice_of("{\"sub\":\"7\"}"), &ring->key[0]);

	(void)state;
	for (size_t len = 0; len < token.len; len++)
		assert_int_equal(verify((struct slice){token.at, len}, ring, NOW, &claims), TOKEN_INVALID);
	assert_int_equal(verify((struct slice){NULL, 0}, ring, NOW, &claims), TOKEN_INVALID);
	assert_int_equal(verify((struct slice){token.at, token.len}, ring, NOW, &claims), TOKEN_OK);
	buffer_free(&token);
	keyring_release(ring);
}

static void other_spellings_of_a_good_token_are_refused(void **state)
{
	static const char *const added[] = {"=", "==", ".", ".A", " ", "\n", "A", "AA"};
	static struct claims claims;
	struct keyring *ring = ring_of("secret");

	(void)state;
	for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
		struct buffer token = craft(hs256, slice_of("{\"sub\":\"7\"}"), &ring->key[0]);

		buffer_add_text(&token, added[i]);
		assert_int_equal(verify((struct slice){token.at, token.len}, ring, NOW, &claims), TOKEN_INVALID);
		assert_int_equal(verify((struct slice){token.at + 1, token.len - 1}, ring, NOW, &claims), TOKEN_INVALID);
		buffer_free(&token);
	}
	keyring_release(ring);
}

/* Signs a text of the shape header.payload as it stands. */
static enum token_result verify_signed(const char *input)
{
	static struct claims claims;
	struct keyring *ring = ring_of("secret");
	struct buffer token = {0};
	unsigned char signature[SHA256_SIZE];
	enum token_result result;

	hmac_sha256(&ring->key[0], input, strlen(input), signature);
	buffer_add_text(&token, input);
	buffer_add_text(&token, ".");
	add_base64url(&token, signature, sizeof signature);
	result = verify((struct slice){token.at, token.len}, ring, NOW, &claims);
	buffer_free(&token);
	keyring_release(ring);
	return result;
}

static void only_canonical_base64url_is_read_even_if_signed(void **state)
{
	static const struct {
		const char *input;
		enum token_result result;
	} rows[] = {
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0", TOKEN_OK},          /* {"alg":"HS256"} and {"sub":"7"} */
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0=", TOKEN_INVALID},     /* padding */
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In1", TOKEN_INVALID},      /* a bit left over */
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0A", TOKEN_INVALID},     /* {"sub":"7"}\0 */
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0gA", TOKEN_INVALID},    /* one character too many */
		{"eyJhbGciOiJIUzI1NiJ9. eyJzdWIiOiI3In0", TOKEN_INVALID},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI/In0", TOKEN_INVALID},      /* base64, not base64url */
		{"eyJhbGciOiJIUzI1NiJ9.", TOKEN_INVALID},
		{".eyJzdWIiOiI3In0", TOKEN_INVALID},
		{".", TOKEN_INVALID},
		{"", TOKEN_INVALID},
		{"eyJhbGciOiJIUzI1NiJ9", TOKEN_INVALID},
		{"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.eyJzdWIiOiI3In0", TOKEN_INVALID},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (verify_signed(rows[i].input) != rows[i].result)
			fail_msg("%s", rows[i].input);
}

static void only_hs256_headers_are_taken(void **state)
{
	static const struct {
		const char *header;
		enum token_result result;
	} rows[] = {
		{"{\"alg\":\"HS256\"}", TOKEN_OK},
		{"{\"alg\":\"HS256\",\"typ\":\"at+jwt\",\"kid\":\"1\",\"jwk\":{\"k\":[]}}", TOKEN_OK},
		{" { \"typ\" : \"JWT\" , \"alg\" : \"HS256\" } ", TOKEN_OK},
		{"{\"\\u0061lg\":\"HS\\u0032\\u0035\\u0036\"}", TOKEN_OK},
		{"{\"alg\":\"none\"}", TOKEN_INVALID},
		{"{\"alg\":\"None\"}", TOKEN_INVALID},
		{"{\"alg\":\"hs256\"}", TOKEN_INVALID},
		{"{\"alg\":\"HS256 \"}", TOKEN_INVALID},
		{"{\"alg\":\"HS256\\u0000\"}", TOKEN_INVALID},
		{"{\"alg\":\"HS384\"}", TOKEN_INVALID},
		{"{\"alg\":\"HS512\"}", TOKEN_INVALID},
		{"{\"alg\":\"RS256\"}", TOKEN_INVALID},
		{"{\"alg\":\"ES256\"}", TOKEN_INVALID},
		{"{\"alg\":\"\"}", TOKEN_INVALID},
		{"{\"alg\":null}", TOKEN_INVALID},
		{"{\"alg\":[\"HS256\"]}", TOKEN_INVALID},
		{"{\"Alg\":\"HS256\"}", TOKEN_INVALID},
		{"{\"typ\":\"JWT\"}", TOKEN_INVALID},
		{"{}", TOKEN_INVALID},
		{"", TOKEN_INVALID},
		{"[\"alg\",\"HS256\"]", TOKEN_INVALID},
		{"\"HS256\"", TOKEN_INVALID},
		{"{\"alg\":\"HS256\"", TOKEN_INVALID},
		{"{\"alg\":\"HS256\"}}", TOKEN_INVALID},
		{"{\"alg\":\"HS256\",\"typ\":1}", TOKEN_INVALID},
		{"{\"alg\":\"HS256\",\"crit\":[]}", TOKEN_INVALID},
		{"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", TOKEN_INVALID},
		{"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", TOKEN_INVALID},
		{"{\"alg\":\"none\",\"\\u0061lg\":\"HS256\"}", TOKEN_INVALID},
	};
	static struct claims claims;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (verify_crafted(rows[i].header, "{\"sub\":\"7\"}", NOW, &claims) != rows[i].result)
			fail_msg("%s", rows[i].header);
}

static void a_token_without_a_signature_is_refused(void **state)
{
	static const char *const rows[] = {
		"eyJhbGciOiJub25lIn0.eyJzdWIiOiI3In0.", /* {"alg":"none"} */
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0",
		"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"..", ".", "", "...", "a.b.c",
	};
	static struct claims claims;
	struct keyring *ring = ring_of("secret");

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(verify(slice_of(rows[i]), ring, NOW, &claims), TOKEN_INVALID);
	keyring_release(ring);
}

static void the_uid_is_the_sub(void **state)
{
	static const struct {
		const char *sub, *uid; /* NULL: invalid */
	} rows[] = {
		{"\"7\"", "7"},
		{"\"a b\"", "a b"},
		{"\"J\xC3\xBCrgen\"", "J\xC3\xBCrgen"},
		{"\"J\\u00fcrgen \\uD83D\\uDE00\"", "J\xC3\xBCrgen \xF0\x9F\x98\x80"},
		{"7", "7"},
		{"0", "0"},
		{"123456789012345678901234567890", "123456789012345678901234567890"},
		{"-7", NULL}, {"7.0", NULL}, {"7e2", NULL}, {"-0", NULL}, {"07", NULL},
		{"\"\"", NULL}, {"null", NULL}, {"true", NULL}, {"[7]", NULL}, {"{}", NULL},
		{"\"a\\u0000b\"", NULL}, {"\"a\\nb\"", NULL}, {"\"a\\u007f\"", NULL}, {"\"a\\u0085\"", NULL},
		{"\"\xFF\"", NULL}, {"\"\\uD800\"", NULL},
		{"\"7\",\"sub\":\"8\"", NULL}, {"\"7\",\"s\\u0075b\":\"7\"", NULL},
	};
	static struct claims claims;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char payload[256];
		enum token_result result;

		(void)snprintf(payload, sizeof payload, "{\"sub\":%s}", rows[i].sub);
		result = verify_crafted(hs256, payload, NOW, &claims);
		if (result != (rows[i].uid != NULL ? TOKEN_OK : TOKEN_INVALID))
			fail_msg("%s", rows[i].sub);
		if (rows[i].uid != NULL)
			assert_true(slice_is(claims.uid, rows[i].uid));
	}
}

static void the_other_claims_have_their_defaults(void **state)
{
	static struct claims claims;

	(void)state;
	assert_int_equal(verify_crafted(hs256, "{\"sub\":\"7\"}", NOW, &claims), TOKEN_OK);
	assert_int_equal(claims.issued, 0);
	assert_int_equal(claims.not_before, 0);
	assert_true(claims.expires == INT64_MAX);
	assert_int_equal(claims.channels, 0);
}

static void times_are_milliseconds_exactly(void **state)
{
	static const struct {
		const char *number;
		int64_t milliseconds;
	} rows[] = {
		{"0", 0}, {"-0", 0}, {"1", 1000}, {"-1", -1000}, {"1790000000", NOW},
		{"1790000000.0", NOW}, {"1790000000.5", NOW + 500}, {"1790000000.123", NOW + 123},
		{"1790000000.001", NOW + 1}, {"1790000000.9999999999", NOW + 999}, {"1300819380.29", INT64_C(1300819380290)},
		{"0.1", 100}, {"0.0009", 0}, {"-0.5", -500}, {"-1.999", -1999},
		{"1.79e9", NOW}, {"1.79E+9", NOW}, {"179e7", NOW}, {"17900000000e-1", NOW}, {"1.790000000123e9", NOW + 123},
		{"0.000000000179e19", NOW}, {"1790000000000000e-6", NOW}, {"1e-3", 1}, {"1e-4", 0}, {"123e-2", 1230},
		{"9223372036854775.807", INT64_MAX}, {"9223372036854775.806", INT64_MAX - 1},
		{"9223372036854775.808", INT64_MAX}, {"9223372036854776", INT64_MAX}, {"99999999999999999999", INT64_MAX},
		{"1e16", INT64_MAX}, {"1e308", INT64_MAX}, {"1e999999999999999999999999", INT64_MAX},
		{"-1e999999999999999999999999", -INT64_MAX}, {"0e999999999999999999999999", 0},
		{"1e-999999999999999999999999", 0}, {"0.0000000000000000000000000000000000000001e40", 1000},
	};
	static struct claims claims;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char payload[256];

		(void)snprintf(payload, sizeof payload, "{\"sub\":\"7\",\"iat\":%s}", rows[i].number);
		assert_int_equal(verify_crafted(hs256, payload, NOW, &claims), TOKEN_OK);
		if (claims.issued != rows[i].milliseconds)
			fail_msg("%s: %lld", rows[i].number, (long long)claims.issued);
	}
}

static void a_token_is_good_from_nbf_to_exp_give_or_take_the_skew(void **state)
{
	static const struct {
		const char *times;
		int64_t now;
		enum token_result result;
	} rows[] = {
		{"\"exp\":1790000000", NOW, TOKEN_OK},
		{"\"exp\":1790000000", NOW + TOKEN_SKEW_MS - 1, TOKEN_OK},
		{"\"exp\":1790000000", NOW + TOKEN_SKEW_MS, TOKEN_EXPIRED},
		{"\"exp\":1790000000.25", NOW + TOKEN_SKEW_MS + 249, TOKEN_OK},
		{"\"exp\":1790000000.25", NOW + TOKEN_SKEW_MS + 250, TOKEN_EXPIRED},
		{"\"exp\":1.79e9", NOW + TOKEN_SKEW_MS, TOKEN_EXPIRED},
		{"\"exp\":0", NOW, TOKEN_EXPIRED},
		{"\"exp\":-1e300", NOW, TOKEN_EXPIRED},
		{"\"exp\":1e300", NOW, TOKEN_OK},
		{"\"nbf\":1790000000", NOW, TOKEN_OK},
		{"\"nbf\":1790000000", NOW - TOKEN_SKEW_MS, TOKEN_OK},
		{"\"nbf\":1790000000", NOW - TOKEN_SKEW_MS - 1, TOKEN_INVALID},
		{"\"nbf\":1790000000.25", NOW + 250 - TOKEN_SKEW_MS, TOKEN_OK},
		{"\"nbf\":1790000000.25", NOW + 249 - TOKEN_SKEW_MS, TOKEN_INVALID},
		{"\"nbf\":1e300", NOW, TOKEN_INVALID},
		{"\"nbf\":-1e300", NOW, TOKEN_OK},
		{"\"iat\":1e300", NOW, TOKEN_OK}, /* no one asks that iat be in the past */
		{"\"nbf\":1790000000,\"exp\":1790000000", NOW, TOKEN_OK},
		{"\"exp\":\"1790000000\"", NOW, TOKEN_INVALID},
		{"\"exp\":null", NOW, TOKEN_INVALID},
		{"\"nbf\":true", NOW, TOKEN_INVALID},
		{"\"iat\":[]", NOW, TOKEN_INVALID},
		{"\"exp\":1790000000,\"exp\":1790000000", NOW, TOKEN_INVALID},
		{"\"nbf\":0,\"nbf\":0", NOW, TOKEN_INVALID},
		{"\"iat\":0,\"iat\":0", NOW, TOKEN_INVALID},
	};
	static struct claims claims;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char payload[256];

		(void)snprintf(payload, sizeof payload, "{\"sub\":\"7\",%s}", rows[i].times);
		if (verify_crafted(hs256, payload, rows[i].now, &claims) != rows[i].result)
			fail_msg("%s, row %zu", rows[i].times, i);
	}
}

static void channels_are_names_each_of_them_once(void **state)
{
	static const struct {
		const char *channels, *read; /* each followed by a comma; NULL: invalid */
	} rows[] = {
		{"[]", ""},
		{"[\"room.42\"]", "room.42,"},
		{" [ \"a\" , \"b\\u00e9\" ] ", "a,b\xC3\xA9,"},
		{"[\"a\",\"b\",\"a\",\"\\u0062\",\"c\"]", "a,b,c,"},
		{"[\"\"]", NULL}, {"[1]", NULL}, {"[null]", NULL}, {"[[\"a\"]]", NULL}, {"[\"a\\n\"]", NULL},
		{"\"a\"", NULL}, {"{}", NULL}, {"{\"0\":\"a\"}", NULL}, {"null", NULL}, {"[\"a\",]", NULL},
		{"[],\"channels\":[]", NULL},
	};
	static struct claims claims;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char payload[256];
		struct buffer read = {0};

		(void)snprintf(payload, sizeof payload, "{\"channels\":%s,\"sub\":\"7\"}", rows[i].channels);
		if (verify_crafted(hs256, payload, NOW, &claims) != (rows[i].read != NULL ? TOKEN_OK : TOKEN_INVALID))
			fail_msg("%s", rows[i].channels);
		for (size_t c = 0; c < claims.channels; c++) {
			buffer_add_slice(&read, claims.channel[c]);
			buffer_add_text(&read, ",");
		}
		assert_true(slice_is((struct slice){read.at, read.len}, rows[i].read != NULL ? rows[i].read : ""));
		buffer_free(&read);
	}
}

static enum token_result verify_channels(int count, struct claims *claims)
{
	struct buffer payload = {0};
	enum token_result result;

	buffer_add_text(&payload, "{\"sub\":\"7\",\"channels\":[\"c0\"");
	for (int i = 0; i < count; i++)
		buffer_printf(&payload, ",\"c%d\"", i);
	buffer_add(&payload, "]}", 3);
	result = verify_crafted(hs256, payload.at, NOW, claims);
	buffer_free(&payload);
	return result;
}

static void sixty_four_channels_are_allowed_and_no_more(void **state)
{
	static struct claims claims;

	(void)state;
	assert_int_equal(verify_channels(TOKEN_MAX_CHANNELS, &claims), TOKEN_OK);
	assert_int_equal(claims.channels, TOKEN_MAX_CHANNELS);
	assert_true(slice_is(claims.channel[63], "c63"));
	assert_int_equal(verify_channels(TOKEN_MAX_CHANNELS + 1, &claims), TOKEN_INVALID);
}

static void claims_of_others_are_ignored_if_they_are_json(void **state)
{
	static const struct {
		const char *payload;
		enum token_result result;
	} rows[] = {
		{"{\"iss\":\"joe\",\"sub\":\"7\",\"aud\":[\"a\",{\"b\":null}],\"jti\":1.5e3,"
		 "\"x\":{\"sub\":\"8\"},\"y\":true}", TOKEN_OK},
		{"{\"x\":{\"y\":[{\"z\":{\"exp\":0,\"channels\":[\"c\"]}}]},\"sub\":\"7\"}", TOKEN_OK},
		{"{\"x\":1,\"x\":2,\"sub\":\"7\"}", TOKEN_OK},
		{"{\"x\":[1,],\"sub\":\"7\"}", TOKEN_INVALID},
		{"{\"sub\":\"7\",\"x\":\"\xFF\"}", TOKEN_INVALID},
		{"{\"sub\":\"7\"}x", TOKEN_INVALID},
		{"{\"sub\":\"7\"", TOKEN_INVALID},
		{"[{\"sub\":\"7\"}]", TOKEN_INVALID},
		{"\"7\"", TOKEN_INVALID},
		{"{\"exp\":1790000000}", TOKEN_INVALID},
		{"{\"Sub\":\"7\"}", TOKEN_INVALID},
		{"{}", TOKEN_INVALID},
		{"", TOKEN_INVALID},
	};
	static struct claims claims;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (verify_crafted(hs256, rows[i].payload, NOW, &claims) != rows[i].result)
			fail_msg("%s", rows[i].payload);
		if (rows[i].result == TOKEN_OK)
			assert_true(slice_is(claims.uid, "7") && claims.channels == 0 && claims.expires == INT64_MAX);
	}
}

static void every_key_verifies_and_the_first_one_signs(void **state)
{
	static struct claims claims;
	struct keyring *old_ring = ring_of("old"), *both = ring_of("new\nold"), *new_ring = ring_of("new");
	struct buffer before = {0}, after = {0};
	struct slice old_token, new_token;

	(void)state;
	token_sign(&before, old_ring, slice_of("7"), NULL, 0, NOW, SECOND);
	token_sign(&after, both, slice_of("7"), NULL, 0, NOW, SECOND);
	old_token = (struct slice){before.at, before.len};
	new_token = (struct slice){after.at, after.len};
	assert_int_equal(verify(old_token, both, NOW, &claims), TOKEN_OK);
	assert_int_equal(verify(new_token, both, NOW, &claims), TOKEN_OK);
	assert_int_equal(verify(new_token, new_ring, NOW, &claims), TOKEN_OK);
	assert_int_equal(verify(old_token, new_ring, NOW, &claims), TOKEN_INVALID);
	assert_int_equal(verify(new_token, old_ring, NOW, &claims), TOKEN_INVALID);
	buffer_free(&before);
	buffer_free(&after);
	keyring_release(old_ring);
	keyring_release(both);
	keyring_release(new_ring);
}

static void a_token_of_8_kib_is_good_and_one_byte_more_is_not(void **state)
{
	/* A header of 36 characters, two dots and a signature of 43 leave 8,111 for the payload: 6,083 bytes. */
	enum { LONGEST = 6083 };
	static const char start[] = "{\"sub\":\"7\",\"padding\":\"", end[] = "\"}";
	static struct claims claims;
	char payload[LONGEST + 1];
	struct keyring *ring = ring_of("secret");

	(void)state;
	for (size_t len = LONGEST; len <= LONGEST + 1; len++) {
		memset(payload, 'x', len);
		memcpy(payload, start, strlen(start));
		memcpy(payload + len - strlen(end), end, strlen(end));

		struct buffer token = craft(hs256, (struct slice){payload, len}, &ring->key[0]);

		assert_int_equal(token.len, TOKEN_MAX + len - LONGEST);
		assert_int_equal(verify((struct slice){token.at, token.len}, ring, NOW, &claims),
		                 len == LONGEST ? TOKEN_OK : TOKEN_INVALID);
		buffer_free(&token);
	}
	keyring_release(ring);
}

static void a_signed_token_is_the_one_that_others_make(void **state)
{
	static const struct {
		int64_t now, ttl;
		size_t channels;
		const char *payload;
	} rows[] = {
		{NOW, 3600 * SECOND, 0, "{\"sub\":\"7\",\"iat\":1790000000,\"exp\":1790003600}"},
		{NOW + 123, 500, 1, "{\"sub\":\"7\",\"iat\":1790000000.123,\"exp\":1790000000.623,\"channels\":[\"a\"]}"},
		{NOW + 7, 993, 2, "{\"sub\":\"7\",\"iat\":1790000000.007,\"exp\":1790000001,\"channels\":[\"a\",\"b\\\"\"]}"},
		{NOW, INT64_MAX, 0, "{\"sub\":\"7\",\"iat\":1790000000,\"exp\":9223372036854775.807}"},
	};
	const struct slice channel[] = {slice_of("a"), slice_of("b\"")};
	static struct claims claims;
	struct keyring *ring = ring_of("secret");

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buffer expected = craft(hs256, slice_of(rows[i].payload), &ring->key[0]), token = {0};

		buffer_add_text(&token, "token=");
		token_sign(&token, ring, slice_of("7"), channel, rows[i].channels, rows[i].now, rows[i].ttl);
		assert_false(token.failed);
		buffer_consume(&token, strlen("token="));
		assert_true(slice_equal((struct slice){token.at, token.len}, (struct slice){expected.at, expected.len}));
		assert_int_equal(verify((struct slice){token.at, token.len}, ring, NOW, &claims), TOKEN_OK);
		assert_true(claims.issued == rows[i].now);
		assert_int_equal(claims.channels, rows[i].channels);
		buffer_free(&expected);
		buffer_free(&token);
	}
	keyring_release(ring);
}

static void what_would_not_be_verified_is_not_signed(void **state)
{
	static char name[NAME_MAX_BYTES];
	struct slice channel[TOKEN_MAX_CHANNELS + 1];
	static const struct {
		struct slice uid;
		size_t channels, channel_len;
		bool fails;
	} rows[] = {
		{{"7", 1}, 0, 0, false},
		{{"7", 1}, TOKEN_MAX_CHANNELS, 1, false},
		{{"7", 1}, TOKEN_MAX_CHANNELS + 1, 1, true},
		{{"7", 1}, 40, NAME_MAX_BYTES, false},
		{{"7", 1}, 50, NAME_MAX_BYTES, true}, /* more than 8 KiB */
		{{"7", 1}, 64, NAME_MAX_BYTES, true},
		{{"7", 1}, 1, 0, true},
		{{"", 0}, 0, 0, true},
		{{"\n", 1}, 0, 0, true},
	};
	struct keyring *ring = ring_of("secret");

	(void)state;
	memset(name, 'n', sizeof name);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buffer token = {0};

		for (size_t c = 0; c < rows[i].channels; c++)
			channel[c] = (struct slice){name, rows[i].channel_len};
		token_sign(&token, ring, rows[i].uid, channel, rows[i].channels, NOW, SECOND);
		if (token.failed != rows[i].fails)
			fail_msg("row %zu", i);
		buffer_free(&token);
	}
	keyring_release(ring);
}

static void names_are_128_bytes_of_utf8_without_control_bytes(void **state)
{
	static const struct {
		struct slice name;
		bool valid;
	} rows[] = {
		{{"a", 1}, true}, {{" ", 1}, true}, {{"~", 1}, true}, {{"\xC2\xA0", 2}, true}, {{"\xC3\x80", 2}, true},
		{{"\xE2\x80\xA8", 3}, true}, {{"\xF0\x9F\x98\x80", 4}, true},
		{{NULL, 0}, false}, {{"", 0}, false}, {{"\0", 1}, false}, {{"a\0", 2}, false}, {{"a\r", 2}, false},
		{{"\x1F", 1}, false}, {{"\x7F", 1}, false}, {{"\xC2\x80", 2}, false}, {{"a\xC2\x9F", 3}, false},
		{{"\xC2", 1}, false}, {{"\x80", 1}, false}, {{"\xED\xA0\x80", 3}, false},
	};
	char name[NAME_MAX_BYTES + 1];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *copy = guard_copy(rows[i].name.at, rows[i].name.len);

		if (name_is_valid((struct slice){copy, rows[i].name.len}) != rows[i].valid)
			fail_msg("row %zu", i);
		guard_free(copy, rows[i].name.len);
	}
	memset(name, 'n', sizeof name);
	assert_true(name_is_valid((struct slice){name, NAME_MAX_BYTES}));
	assert_false(name_is_valid((struct slice){name, NAME_MAX_BYTES + 1}));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_rfc_7515_has_that_signature_but_no_sub),
		cmocka_unit_test(the_example_of_rfc_7515_with_a_sub_is_good_until_its_exp),
		cmocka_unit_test(a_changed_byte_anywhere_is_refused),
		cmocka_unit_test(a_token_cut_off_anywhere_is_refused),
		cmocka_unit_test(other_spellings_of_a_good_token_are_refused),
		cmocka_unit_test(only_canonical_base64url_is_read_even_if_signed),
		cmocka_unit_test(only_hs256_headers_are_taken),
		cmocka_unit_test(a_token_without_a_signature_is_refused),
		cmocka_unit_test(the_uid_is_the_sub),
		cmocka_unit_test(the_other_claims_have_their_defaults),
		cmocka_unit_test(times_are_milliseconds_exactly),
		cmocka_unit_test(a_token_is_good_from_nbf_to_exp_give_or_take_the_skew),
		cmocka_unit_test(channels_are_names_each_of_them_once),
		cmocka_unit_test(sixty_four_channels_are_allowed_and_no_more),
		cmocka_unit_test(claims_of_others_are_ignored_if_they_are_json),
		cmocka_unit_test(every_key_verifies_and_the_first_one_signs),
		cmocka_unit_test(a_token_of_8_kib_is_good_and_one_byte_more_is_not),
		cmocka_unit_test(a_signed_token_is_the_one_that_others_make),
		cmocka_unit_test(what_would_not_be_verified_is_not_signed),
		cmocka_unit_test(names_are_128_bytes_of_utf8_without_control_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
