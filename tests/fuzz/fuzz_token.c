/*
 * fuzz_token.c: tokens. The input is a token as it comes; and, when it has lines, the JSON of a header and of a
 * payload, which are signed here, so that what is behind the signature is reached; and names to sign for. A token
 * that is good is so in one way of writing alone, says once for whom it is, and has no algorithm but the one.
 */
#include "token.h"

#include "fuzz.h"
#include "json.h"
#include "utf8.h"

static const char secrets[] = "fuzz\na-second-line-of-the-secret-file\n", others[] = "fuzz2\n";
static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const int64_t now = 1790000000000;

static struct keyring *keys_of(const char *text)
{
	char error[128];
	struct keyring *ring = keyring_parse(slice_of(text), error, sizeof error);

	must(ring != NULL, error);
	return ring;
}

static void check_claims(const struct claims *claims, const char *text, size_t len)
{
	must(name_is_valid(claims->uid) && within(claims->uid, text, len), "a valid uid");
	must(claims->channels <= TOKEN_MAX_CHANNELS, "as many channels as there is room for");
	for (size_t i = 0; i < claims->channels; i++) {
		must(name_is_valid(claims->channel[i]) && within(claims->channel[i], text, len), "valid channels");
		for (size_t k = 0; k < i; k++)
			must(!slice_equal(claims->channel[i], claims->channel[k]), "each of them once");
	}
	must(claims->not_before <= now + TOKEN_SKEW_MS && claims->expires > now - TOKEN_SKEW_MS, "good now");
}

static enum token_result verify(struct slice token, const struct keyring *ring)
{
	struct claims *claims = malloc(sizeof *claims);
	char *copy = copy_of(token);
	enum token_result result;

	must(claims != NULL, "memory");
	result = token_verify((struct slice){copy, token.len}, ring, now, claims);
	if (result == TOKEN_OK)
		check_claims(claims, claims->text, sizeof claims->text);
	else
		must(!claims->uid.at && !claims->channels, "a refused token names nobody");
	free(copy);
	free(claims);
	return result;
}

/* One character changed, added or left out: never good, nor even "expired", which only a signature can say. */
static void check_unique(struct slice token, const struct keyring *ring, struct chooser *c)
{
	struct buffer changed = {0};
	size_t at = choose(c, token.len);

	buffer_add_slice(&changed, token);
	changed.at[at] = (char)(changed.at[at] ^ (1 << choose(c, 7)));
	must(verify(contents(&changed), ring) == TOKEN_INVALID, "a changed character makes it invalid");
	must(verify(first(token, at), ring) == TOKEN_INVALID, "and so does a missing end");
	changed.at[at] = token.at[at];
	at = token.len - 1;
	changed.at[at] = digits[(size_t)(strchr(digits, token.at[at]) - digits) ^ (1 + choose(c, 3))];
	must(verify(contents(&changed), ring) == TOKEN_INVALID, "and so do the last bits, that stand for nothing");
	changed.at[at] = token.at[at];
	buffer_add_text(&changed, (const char *[]){"=", "A", "."}[choose(c, 3)]);
	must(verify(contents(&changed), ring) == TOKEN_INVALID, "and so does more");
	buffer_free(&changed);
}

static void add_base64url(struct buffer *out, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	for (size_t bit = 0; bit < len * 8; bit += 6) {
		unsigned two = (unsigned)at[bit / 8] << 8 | (bit / 8 + 1 < len ? at[bit / 8 + 1] : 0U);

		buffer_add(out, &digits[two >> (10 - bit % 8) & 63], 1);
	}
}

static void sign_json(struct buffer *out, struct slice header, struct slice payload, const struct hmac_key *key)
{
	unsigned char signature[SHA256_SIZE];

	add_base64url(out, header.at, header.len);
	buffer_add_text(out, ".");
	add_base64url(out, payload.at, payload.len);
	hmac_sha256(key, out->at, out->len, signature);
	buffer_add_text(out, ".");
	add_base64url(out, signature, sizeof signature);
}

/* How many members of that name there are; the value of the last one goes to *text. */
static int count_members(struct slice object, const char *name, struct buffer *text)
{
	char *copy = copy_of(object);
	struct json j;
	struct json_value v;
	int count = 0;

	must(json_open(&j, copy, object.len, '{'), "an object");
	while (json_next(&j, &v) > 0) {
		if (!slice_is(v.name, name))
			continue;
		count++;
		text->len = 0;
		buffer_add_slice(text, v.text);
	}
	free(copy);
	return count;
}

static void check_accepted(struct slice header, struct slice payload)
{
	struct buffer text = {0};

	must(count_members(header, "crit", &text) == 0, "nothing critical");
	must(count_members(header, "alg", &text) == 1 && slice_is(contents(&text), "HS256"), "HS256, said once");
	for (int i = 0; i < 4; i++)
		must(count_members(payload, (const char *[]){"exp", "nbf", "iat", "channels"}[i], &text) <= 1, "no claim twice");
	must(count_members(payload, "sub", &text) == 1, "for one user");
	buffer_free(&text);
}

static void check_signed(struct slice input, const struct keyring *ring, struct chooser *c)
{
	struct slice payload = input, header = slice_cut(&payload, '\n');
	struct buffer token = {0};

	if (!payload.at)
		return;
	sign_json(&token, header, payload, &ring->key[choose(c, ring->count)]);
	if (verify(contents(&token), ring) != TOKEN_INVALID) {
		check_unique(contents(&token), ring, c);
		check_accepted(header, payload);
	}
	buffer_free(&token);
}

/* The lines: a uid, and channels. */
static void check_sign(struct slice input, const struct keyring *ring, const struct keyring *other, struct chooser *c)
{
	struct slice rest = input, uid = slice_cut(&rest, '\n'), channel[TOKEN_MAX_CHANNELS + 1];
	size_t channels = 0;
	bool good = name_is_valid(uid);
	struct buffer token = {0};

	while (rest.at && channels <= TOKEN_MAX_CHANNELS) {
		channel[channels] = slice_cut(&rest, '\n');
		good &= name_is_valid(channel[channels++]);
	}
	token_sign(&token, ring, uid, channel, channels, now, (int64_t)choose(c, 100000));
	must(good || token.failed, "who is not named well gets no token");
	must(!good || !token.failed || channels > TOKEN_MAX_CHANNELS || input.len > TOKEN_MAX / 2, "who is, does");
	if (!token.failed) {
		must(verify(contents(&token), ring) == TOKEN_OK, "what was signed is good");
		must(verify(contents(&token), other) == TOKEN_INVALID, "with its own keys alone");
		check_unique(contents(&token), ring, c);
	}
	buffer_free(&token);
}

void fuzz(struct slice input)
{
	struct chooser c = chooser_of(input);
	struct keyring *ring = keys_of(secrets), *other = keys_of(others);

	(void)verify(input, ring);
	check_signed(input, ring, &c);
	check_sign(input, ring, other, &c);
	keyring_release(ring);
	keyring_release(other);
}
