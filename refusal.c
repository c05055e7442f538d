/* refusal.c: see refusal.h */
#include "refusal.h"

#define REFUSAL(name, status, word) {status, word},
static const struct {
	int status;
	const char *word;
} refusals[REFUSED] = {REFUSALS(REFUSAL)};
#undef REFUSAL

int refusal_status(enum refusal refusal)
{
	return refusals[refusal].status;
}

const char *refusal_word(enum refusal refusal)
{
	return refusals[refusal].word;
}

enum refusal refusal_of_status(int status)
{
	switch (status) {
	case 413:
		return REFUSED_BODY_TOO_LARGE;
	case 414:
		return REFUSED_TARGET_TOO_LONG;
	case 415:
		return REFUSED_UNSUPPORTED_MEDIA_TYPE;
	case 417:
		return REFUSED_EXPECTATION_FAILED;
	case 431:
		return REFUSED_HEADERS_TOO_LARGE;
	case 501:
		return REFUSED_TRANSFER_CODING_UNKNOWN;
	case 505:
		return REFUSED_VERSION_NOT_SUPPORTED;
	default:
		return REFUSED_MALFORMED_REQUEST;
	}
}
