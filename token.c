/*
 * token.c: base64url, the two JSON objects within a token, and NumericDates in whole milliseconds.
 */
#include "token.h"

#include <inttypes.h>

#include "json.h"
#include "utf8.h"
#include "wipe.h"

/* {"alg":"HS256","typ":"JWT"} in base64url, and the dot */
static const char signed_header[] = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.";

enum { SIGNATURE_LENGTH = 43 }; /* of 32 bytes in base64url */

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* What six bits a character of base64url stands for; -1 for any other character. */
static int sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '-')
		return 62;
	return c == '_' ? 63 : -1;
}

/*
 * RFC 7515 appendix C: no padding, and only the one canonical form (bits left over are zero), so that nobody can make
 * a second token out of one. Writes len * 3 / 4 bytes at most and sets `decoded` to them.
 */
static bool base64url_decode(struct slice in, char *out, struct slice *decoded)
{
	unsigned long bits = 0;
	int waiting = 0; /* low bits of `bits` that are not written yet */
	size_t len = 0;

	for (size_t i = 0; i < in.len; i++) {
		int six = sextet(in.at[i]);

		if (six < 0)
			return false;
		bits = (bits << 6 | (unsigned)six) & 0xFFFF;
		waiting += 6;
		if (waiting >= 8) {
			waiting -= 8;
			out[len++] = (char)(bits >> waiting & 0xFF);
		}
	}
	*decoded = (struct slice){out, len};
	return waiting < 6 && (bits & ((1UL << waiting) - 1)) == 0;
}

/* RFC 4648 section 5, without the padding. */
static void add_base64url(struct buffer *out, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;
	unsigned long bits = 0;
	int waiting = 0;

	for (size_t i = 0; i < len; i++) {
		bits = (bits << 8 | at[i]) & 0xFFFF;
		for (waiting += 8; waiting >= 6; waiting -= 6)
			buffer_add(out, &base64url[bits >> (waiting - 6) & 0x3F], 1);
	}
	if (waiting > 0)
		buffer_add(out, &base64url[bits << (6 - waiting) & 0x3F], 1);
}

bool name_is_valid(struct slice name)
{
	if (name.len == 0 || name.len > NAME_MAX_BYTES || !utf8_is_valid(name))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.at[i];

		if (c < 0x20 || c == 0x7F)
			return false;
		/* U+0080 to U+009F; it is valid UTF-8, so a byte follows. */
		if (c == 0xC2 && (unsigned char)name.at[i + 1] < 0xA0)
			return false;
	}
	return true;
}

/* 10 * value + digit, or INT64_MAX when that is less. */
static int64_t append_digit(int64_t value, int digit)
{
	return value > (INT64_MAX - digit) / 10 ? INT64_MAX : value * 10 + digit;
}

/* The exponent of a JSON number, from the 'e' on or empty. Saturates, far beyond the digits that a token can hold. */
static long exponent_of(const char *at, const char *end)
{
	long value = 0;
	bool negative;

	if (at == end)
		return 0;
	at++;
	negative = *at == '-';
	for (; at < end; at++)
		if (*at >= '0' && *at <= '9' && value < 100L * TOKEN_MAX)
			value = value * 10 + (*at - '0');
	return negative ? -value : value;
}

/*
 * Seconds as a JSON number to milliseconds, digit by digit, as floating point would be a millisecond off now and then.
 * What is below a millisecond is cut off; what does not fit is the largest that fits.
 */
static int64_t milliseconds(struct slice number)
{
	const char *at = number.at, *end = number.at + number.len, *digits_end = at, *point;
	bool negative = *at == '-';
	int64_t value = 0;
	long places; /* how many of the digits, or of zeros after them, count */

	if (negative)
		at++;
	while (digits_end < end && *digits_end != 'e' && *digits_end != 'E')
		digits_end++;
	point = memchr(at, '.', (size_t)(digits_end - at));
	places = (long)((point != NULL ? point : digits_end) - at) + exponent_of(digits_end, end) + 3;

	for (; at < digits_end && places > 0; at++) {
		if (*at != '.') {
			value = append_digit(value, *at - '0');
			places--;
		}
	}
	for (; places > 0 && value > 0 && value < INT64_MAX; places--)
		value = append_digit(value, 0);
	return negative ? -value : value;
}

static bool read_time(const struct json_value *v, int64_t *time)
{
	if (v->type != JSON_NUMBER)
		return false;
	*time = milliseconds(v->text);
	return true;
}

/* A JSON number that is nothing but digits is a whole one and not negative. */
static bool is_digits(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.at[i] < '0' || text.at[i] > '9')
			return false;
	return true;
}

/* A string, or the whole number that 'sub' => $userId becomes in PHP: its digits are the uid. */
static bool read_uid(const struct json_value *v, struct slice *uid)
{
	*uid = v->text;
	return (v->type == JSON_STRING || (v->type == JSON_NUMBER && is_digits(v->text))) && name_is_valid(v->text);
}

/* 64 of them at most, so looking at each is as quick as anything. */
static bool has_channel(const struct claims *claims, struct slice channel)
{
	for (size_t i = 0; i < claims->channels; i++)
		if (slice_equal(claims->channel[i], channel))
			return true;
	return false;
}

static bool read_channels(const struct json_value *v, struct claims *claims)
{
	struct json array;
	struct json_value item;
	int got = v->type == JSON_ARRAY && json_open_value(&array, v) ? 1 : -1;

	while (got > 0 && (got = json_next(&array, &item)) > 0) {
		if (item.type != JSON_STRING || !name_is_valid(item.text))
			return false;
		if (has_channel(claims, item.text))
			continue;
		if (claims->channels == TOKEN_MAX_CHANNELS)
			return false;
		claims->channel[claims->channels++] = item.text;
	}
	return got == 0;
}

enum known { ALG, CRIT, TYP, SUB, EXP, NBF, IAT, CHANNELS, OTHER };

/* Which of the names above this is; none of them may come twice, or two readers could see two different tokens. */
static enum known known_name(struct slice name)
{
	static const char *const names[OTHER] = {"alg", "crit", "typ", "sub", "exp", "nbf", "iat", "channels"};
	int i = 0;

	while (i < OTHER && !slice_is(name, names[i]))
		i++;
	return (enum known)i;
}

/* Notes the name in the set `seen`, and tells whether it was there already. */
static bool seen_before(unsigned *seen, enum known name)
{
	unsigned bit = 1U << name;
	bool before = (*seen & bit) != 0;

	*seen |= bit;
	return before && name != OTHER;
}

/* RFC 7515 section 4.1: an extension that `crit` demands is by definition one that this code does not know. */
static bool header_member_is_good(enum known name, const struct json_value *v)
{
	switch (name) {
	case ALG:
		return v->type == JSON_STRING && slice_is(v->text, "HS256");
	case TYP:
		return v->type == JSON_STRING;
	case CRIT:
		return false;
	default:
		return true;
	}
}

static bool header_is_good(char *text, size_t len)
{
	struct json object;
	struct json_value v;
	unsigned seen = 0;
	int got = json_open(&object, text, len, '{') ? 1 : -1;

	while (got > 0 && (got = json_next(&object, &v)) > 0) {
		enum known name = known_name(v.name);

		if (seen_before(&seen, name) || !header_member_is_good(name, &v))
			return false;
	}
	return got == 0 && (seen & 1U << ALG) != 0;
}

static bool read_claim(enum known name, const struct json_value *v, struct claims *claims)
{
	switch (name) {
	case SUB:
		return read_uid(v, &claims->uid);
	case EXP:
		return read_time(v, &claims->expires);
	case NBF:
		return read_time(v, &claims->not_before);
	case IAT:
		return read_time(v, &claims->issued);
	case CHANNELS:
		return read_channels(v, claims);
	default:
		return true;
	}
}

/* Reads the claims from the len bytes of claims->text, into which their slices then point. */
static bool read_claims(struct claims *claims, size_t len)
{
	struct json object;
	struct json_value v;
	unsigned seen = 0;
	int got = json_open(&object, claims->text, len, '{') ? 1 : -1;

	while (got > 0 && (got = json_next(&object, &v)) > 0) {
		enum known name = known_name(v.name);

		if (seen_before(&seen, name) || !read_claim(name, &v, claims))
			return false;
	}
	return got == 0 && (seen & 1U << SUB) != 0;
}

/* Cuts the text at its first dot: what is before it goes to `part`, what is after it stays. */
static bool cut_at_dot(struct slice *text, struct slice *part)
{
	const char *dot = text->len != 0 ? memchr(text->at, '.', text->len) : NULL;

	if (dot == NULL)
		return false;
	*part = (struct slice){text->at, (size_t)(dot - text->at)};
	*text = (struct slice){dot + 1, text->len - part->len - 1};
	return true;
}

/* Every key is tried, also after a hit: the time tells neither whether nor which. */
static bool signature_is_good(const struct keyring *ring, struct slice input, struct slice encoded)
{
	char room[SIGNATURE_LENGTH];
	unsigned char expected[SHA256_SIZE];
	struct slice signature;
	int good = 0;

	if (encoded.len != SIGNATURE_LENGTH || !base64url_decode(encoded, room, &signature))
		return false;
	for (size_t i = 0; i < ring->count; i++) {
		hmac_sha256(&ring->key[i], input.at, input.len, expected);
		good |= equal_in_constant_time(expected, signature.at, SHA256_SIZE);
	}
	wipe(expected, sizeof expected); /* it would sign what the client made up */
	return good != 0;
}

/* The defaults; also what a refused token leaves behind, so that nobody acts on its claims by mistake. */
static void forget(struct claims *claims)
{
	claims->uid = (struct slice){NULL, 0};
	claims->issued = 0;
	claims->expires = INT64_MAX;
	claims->not_before = 0;
	claims->channels = 0;
}

/* The signature first: nothing is decoded, let alone parsed, that a holder of a key did not write. */
static bool open_token(struct slice token, const struct keyring *ring, struct claims *claims)
{
	struct slice header, payload, signature = token, decoded;

	if (token.len > TOKEN_MAX || !cut_at_dot(&signature, &header) || !cut_at_dot(&signature, &payload))
		return false;
	if (!signature_is_good(ring, (struct slice){token.at, header.len + 1 + payload.len}, signature))
		return false;
	return base64url_decode(header, claims->text, &decoded) && header_is_good(claims->text, decoded.len)
	       && base64url_decode(payload, claims->text, &decoded) && read_claims(claims, decoded.len);
}

enum token_result token_verify(struct slice token, const struct keyring *ring, int64_t now, struct claims *claims)
{
	enum token_result result = TOKEN_OK;

	forget(claims);
	/* The skew is on the side of `now`, because the claims may be as large as an int64_t can be. */
	if (!open_token(token, ring, claims) || claims->not_before > now + TOKEN_SKEW_MS)
		result = TOKEN_INVALID;
	else if (now - TOKEN_SKEW_MS >= claims->expires)
		result = TOKEN_EXPIRED;
	if (result != TOKEN_OK)
		forget(claims);
	return result;
}

/* As a NumericDate, with a fraction only when there is one: most readers of tokens expect whole seconds. */
static void add_time(struct buffer *out, int64_t ms)
{
	buffer_printf(out, "%" PRId64, ms / 1000);
	if (ms % 1000 != 0)
		buffer_printf(out, ".%03d", (int)(ms % 1000));
}

/* A name that token_verify() would refuse makes the buffer fail. */
static void add_name(struct buffer *out, struct slice name)
{
	if (!name_is_valid(name))
		out->failed = true;
	json_add_string(out, name);
}

/* The claims; `channels` is left out when there is none. */
static void add_payload(struct buffer *out, struct slice uid, const struct slice *channel, size_t channels,
                        int64_t now, int64_t ttl_ms)
{
	buffer_add_text(out, "{\"sub\":");
	add_name(out, uid);
	buffer_add_text(out, ",\"iat\":");
	add_time(out, now);
	buffer_add_text(out, ",\"exp\":");
	add_time(out, ttl_ms > INT64_MAX - now ? INT64_MAX : now + ttl_ms);
	for (size_t i = 0; i < channels; i++) {
		buffer_add_text(out, i == 0 ? ",\"channels\":[" : ",");
		add_name(out, channel[i]);
	}
	buffer_add_text(out, channels > 0 ? "]}" : "}");
}

void token_sign(struct buffer *out, const struct keyring *ring, struct slice uid, const struct slice *channel,
                size_t channels, int64_t now, int64_t ttl_ms)
{
	struct buffer payload = {.max = TOKEN_MAX};
	size_t start = out->len;
	unsigned char signature[SHA256_SIZE];

	add_payload(&payload, uid, channel, channels, now, ttl_ms);
	buffer_add_text(out, signed_header);
	add_base64url(out, payload.at, payload.len);
	if (payload.failed || channels > TOKEN_MAX_CHANNELS || out->len - start + 1 + SIGNATURE_LENGTH > TOKEN_MAX)
		out->failed = true;
	buffer_free(&payload);
	if (out->failed)
		return;
	hmac_sha256(&ring->key[0], out->at + start, out->len - start, signature);
	buffer_add_text(out, ".");
	add_base64url(out, signature, sizeof signature);
}
