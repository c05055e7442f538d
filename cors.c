/* cors.c: see cors.h */
#include "cors.h"

#include "network.h"
#include "scan.h"
#include "worker.h"

/* Is the origin http://HOST or https://HOST, with the request's own Host? */
static bool is_own(const struct conn *c, struct slice origin)
{
	struct slice host = http_header(c->exchange->request, "Host");

	return host.len && origin.len > host.len + 3 && memcmp(origin.at + origin.len - host.len, host.at, host.len) == 0 &&
	       memcmp(origin.at + origin.len - host.len - 3, "://", 3) == 0;
}

enum origin cors_origin(const struct conn *c)
{
	const struct text_list *listed = &c->worker->server->options->cors_origin;
	struct slice origin = http_header(c->exchange->request, "Origin");
	bool any = false;

	if (!origin.at)
		return ORIGIN_NONE;
	if (http_count_header(c->exchange->request, "Origin") > 1)
		return ORIGIN_REFUSED;
	for (size_t i = 0; i < listed->count; i++) {
		if (slice_equal(origin, listed->at[i]))
			return ORIGIN_LISTED;
		any |= slice_is(listed->at[i], "*");
	}
	if (is_own(c, origin))
		return ORIGIN_SAME;
	return any ? ORIGIN_ANY : ORIGIN_REFUSED;
}

void cors_begin(struct conn *c)
{
	struct buffer *out = &c->exchange->cors;
	struct slice origin = http_header(c->exchange->request, "Origin");

	buffer_add_text(out, "Vary: Origin\r\n");
	switch (cors_origin(c)) {
	case ORIGIN_LISTED:
		buffer_add_text(out, "Access-Control-Allow-Origin: ");
		buffer_add_slice(out, origin);
		buffer_add_text(out,
		                "\r\nAccess-Control-Allow-Credentials: true\r\nAccess-Control-Expose-Headers: Retry-After\r\n");
		break;
	case ORIGIN_ANY:
		buffer_add_text(out, "Access-Control-Allow-Origin: *\r\nAccess-Control-Expose-Headers: Retry-After\r\n");
		break;
	default:
		break;
	}
	c->exchange->out.failed |= out->failed;
}

void cors_add_preflight(const struct conn *c, struct buffer *out, const char *methods)
{
	enum origin origin = c->listener == LISTENER_PUBLIC ? cors_origin(c) : ORIGIN_NONE;

	if (origin == ORIGIN_LISTED || origin == ORIGIN_ANY)
		buffer_printf(out, "Access-Control-Allow-Methods: %s\r\n"
		                   "Access-Control-Allow-Headers: last-event-id, authorization, cache-control\r\n"
		                   "Access-Control-Max-Age: 600\r\n", methods);
}

bool cors_trusts_cookie(const struct conn *c)
{
	enum origin origin = cors_origin(c);

	/* A page of the same origin names no Origin when it GETs; browsers since 2023 say so in Sec-Fetch-Site. */
	return origin == ORIGIN_LISTED || origin == ORIGIN_SAME ||
	       (origin == ORIGIN_NONE && slice_is(http_header(c->exchange->request, "Sec-Fetch-Site"), "same-origin"));
}

/* Is it this machine as no other name calls it? A page of any name that its owner points here is of the same origin. */
static bool is_loopback(struct slice host)
{
	struct ip ip;

	if (slice_starts_with_any_case(host, "127.") || slice_starts_with_any_case(host, "[::1]"))
		return network_read_ip(host, &ip);
	return slice_is_nocase(slice_cut(&host, ':'), "localhost");
}

bool cors_is_foreign(const struct conn *c)
{
	const struct http_request *request = c->exchange->request;
	struct slice host = http_header(request, "Host"), origin = http_header(request, "Origin");
	struct slice site = http_header(request, "Sec-Fetch-Site");

	if (host.len && !c->worker->server->is_unix[c->listener] && !is_loopback(host))
		return true;
	if (site.at)
		return !slice_is(site, "same-origin") && !slice_is(site, "none");
	return origin.at && !is_own(c, origin);
}
