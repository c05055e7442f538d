/*
 * token.h: the JSON Web Tokens that open a stream: JWS compact form (RFC 7515), HS256 (RFC 7518 section 3.2), and the
 * registered claims of RFC 7519.
 *
 * No clock, any thread; verifying allocates nothing. Times are milliseconds since 1970 (a NumericDate may carry
 * fractions).
 */
#ifndef TOKEN_H
#define TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "keyring.h"
#include "slice.h"

enum {
	TOKEN_MAX = 8192,          /* bytes of a token; a longer one is invalid */
	TOKEN_MAX_CHANNELS = 64,   /* channels in one token; more make it invalid */
	TOKEN_SKEW_MS = 30 * 1000, /* by which exp and nbf may be missed */
	NAME_MAX_BYTES = 128       /* of a uid or a channel */
};

struct claims {
	struct slice uid;                          /* sub: 1..128 bytes of UTF-8, no control bytes */
	int64_t issued, expires, not_before;       /* iat (0 when absent), exp (INT64_MAX), nbf (0) */
	size_t channels;
	struct slice channel[TOKEN_MAX_CHANNELS];
	char text[TOKEN_MAX];                      /* what the slices point into */
};

enum token_result { TOKEN_OK, TOKEN_INVALID, TOKEN_EXPIRED };

/*
 * Checks form, algorithm, signature (every key, constant time), exp, nbf and sub. Only TOKEN_OK fills claims in; else
 * they name no user and no channel. sub may be a whole number, as PHP's users write their ids: its digits are the uid.
 * A claim of those above that comes twice, or is of another type, makes the token invalid; other claims are ignored.
 * A header with `crit` is refused (RFC 7515 4.1.11). A token not yet valid is TOKEN_INVALID. exp within the skew is
 * still good; `expires` is the claim as given.
 */
enum token_result token_verify(struct slice token, const struct keyring *ring, int64_t now, struct claims *claims);

/*
 * Appends a token signed with the ring's first key; iat = now (0 or more), exp = now + ttl_ms. Sets out->failed when
 * token_verify() would not take it: a name that is not valid, too many channels, more than TOKEN_MAX bytes.
 */
void token_sign(struct buffer *out, const struct keyring *ring, struct slice uid, const struct slice *channel,
                size_t channels, int64_t now, int64_t ttl_ms);

/* 1..128 bytes of well-formed UTF-8 without control bytes (C0, DEL, C1): what a uid or channel may be. */
bool name_is_valid(struct slice name);

#endif
