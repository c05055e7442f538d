/*
 * refusal.h: why a request is refused: the closed set of the words that errors carry, each with its status. Pure.
 *
 * One line in the list is all that a further reason takes: answer_error(c, REFUSED_...) sends and counts it, and it
 * stands in /stats and /metrics. doc/protocol.md has the same list ("Error words"); a test compares the two.
 */
#ifndef REFUSAL_H
#define REFUSAL_H

#define REFUSALS(REFUSAL) \
	REFUSAL(FULL, 200, "full") /* of a stream: pushsse.busy, since other statuses are final for an EventSource */ \
	REFUSAL(DRAINING, 200, "draining") \
	REFUSAL(MALFORMED_REQUEST, 400, "malformed_request") \
	REFUSAL(MALFORMED_BODY, 400, "malformed_body") \
	REFUSAL(MALFORMED_QUERY, 400, "malformed_query") \
	REFUSAL(BODY_NOT_EXPECTED, 400, "body_not_expected") \
	REFUSAL(INVALID_FIELD, 400, "invalid_field") \
	REFUSAL(TOKEN_MISSING, 401, "token_missing") \
	REFUSAL(TOKEN_INVALID, 401, "token_invalid") \
	REFUSAL(TOKEN_EXPIRED, 401, "token_expired") \
	REFUSAL(KEY_MISSING, 401, "key_missing") \
	REFUSAL(KEY_INVALID, 401, "key_invalid") \
	REFUSAL(CHANNEL_NOT_ALLOWED, 403, "channel_not_allowed") \
	REFUSAL(ORIGIN_NOT_ALLOWED, 403, "origin_not_allowed") \
	REFUSAL(NOT_FOUND, 404, "not_found") \
	REFUSAL(METHOD_NOT_ALLOWED, 405, "method_not_allowed") \
	REFUSAL(NOT_ACCEPTABLE, 406, "not_acceptable") \
	REFUSAL(REQUEST_TIMEOUT, 408, "request_timeout") \
	REFUSAL(BODY_TOO_LARGE, 413, "body_too_large") \
	REFUSAL(MESSAGE_TOO_LARGE, 413, "message_too_large") \
	REFUSAL(TARGET_TOO_LONG, 414, "target_too_long") \
	REFUSAL(UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type") \
	REFUSAL(EXPECTATION_FAILED, 417, "expectation_failed") \
	REFUSAL(TOO_MANY_FAILURES, 429, "too_many_failures") \
	REFUSAL(HEADERS_TOO_LARGE, 431, "headers_too_large") \
	REFUSAL(TRANSFER_CODING_UNKNOWN, 501, "transfer_coding_unknown") \
	REFUSAL(BUSY, 503, "busy") \
	REFUSAL(TOO_MANY_CONNECTIONS, 503, "too_many_connections") \
	REFUSAL(TOO_MANY_REQUESTS, 503, "too_many_requests") \
	REFUSAL(TOO_MANY_STREAMS, 503, "too_many_streams") \
	REFUSAL(NO_MEMORY, 503, "no_memory") \
	REFUSAL(VERSION_NOT_SUPPORTED, 505, "version_not_supported") \
	REFUSAL(NO_MEMORY_TO_STORE, 507, "no_memory") \
	REFUSAL(TOO_MANY_KEYS, 507, "too_many_keys") \
	REFUSAL(TOO_MANY_KICKED, 507, "too_many_kicked") \
	REFUSAL(STORAGE_FAILING, 507, "storage_failing")

#define REFUSAL(name, status, word) REFUSED_##name,
enum refusal { REFUSALS(REFUSAL) REFUSED };
#undef REFUSAL

/* Its status code, and its word in {"error":"..."}. */
int refusal_status(enum refusal refusal);
const char *refusal_word(enum refusal refusal);
/* What a status that http.h or fields.h found is called. */
enum refusal refusal_of_status(int status);

#endif
