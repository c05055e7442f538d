/* route.c: see route.h */
#include "route.h"

#include "answer.h"
#include "api.h"
#include "cors.h"
#include "metrics.h"
#include "pages.h"
#include "scan.h"
#include "stats.h"
#include "stream.h"
#include "subscriber.h"
#include "worker.h"

static const struct route routes[] = {
	{"GET", "/events", subscriber_events, LISTENER_PUBLIC, false, false, UNDER_ALL},
	{"GET", "/poll", subscriber_poll, LISTENER_PUBLIC, false, false, UNDER_ALL},
	{"GET", "/healthz", api_healthz, LISTENER_PUBLIC, false, false, UNDER_ALL},
	{"GET", "/pushsse.js", pages_serve, LISTENER_PUBLIC, false, false, UNDER_ALL},
	{"GET", "/pushsse.mjs", pages_serve, LISTENER_PUBLIC, false, false, UNDER_ALL},
	{"GET", "/pushsse.d.ts", pages_serve, LISTENER_PUBLIC, false, false, UNDER_ALL},
	{"GET", "/compat.js", pages_serve, LISTENER_PUBLIC, false, false, UNDER_ALL},
	{"GET", "/", pages_serve, LISTENER_PUBLIC, false, false, UNDER_DEMO},
	{"GET", "/demo.css", pages_serve, LISTENER_PUBLIC, false, false, UNDER_DEMO},
	{"GET", "/demo.js", pages_serve, LISTENER_PUBLIC, false, false, UNDER_DEMO},
	{"GET", "/selftest", pages_serve, LISTENER_PUBLIC, false, false, UNDER_SELFTEST},
	{"GET", "/selftest.css", pages_serve, LISTENER_PUBLIC, false, false, UNDER_SELFTEST},
	{"GET", "/selftest.js", pages_serve, LISTENER_PUBLIC, false, false, UNDER_SELFTEST},
	{"POST", "/demo/publish", api_demo_publish, LISTENER_PUBLIC, true, false, UNDER_DEMO},
	{"POST", "/publish", api_publish, LISTENER_API, true, true, UNDER_ALL},
	{"", "/", api_compat, LISTENER_API, true, true, UNDER_ALL},
	{"GET", "/online", api_online, LISTENER_API, false, true, UNDER_ALL},
	{"POST", "/disconnect", api_disconnect, LISTENER_API, true, true, UNDER_ALL},
	{"GET", "/stats", stats_answer, LISTENER_API, false, true, UNDER_ALL},
	{"GET", "/metrics", metrics_answer, LISTENER_API, false, true, UNDER_ALL},
	{"GET", "/dashboard", pages_serve, LISTENER_API, false, false, UNDER_ALL},
	{"GET", "/dashboard.css", pages_serve, LISTENER_API, false, false, UNDER_ALL},
	{"GET", "/dashboard.js", pages_serve, LISTENER_API, false, false, UNDER_ALL},
	{"GET", "/healthz", api_healthz, LISTENER_API, false, false, UNDER_ALL},
};

enum { ROUTES = sizeof routes / sizeof routes[0] };

static bool serves(const struct conn *c, const struct route *r)
{
	const struct options *o = c->worker->server->options;

	return r->listener == c->listener && slice_is(c->exchange->request->path, r->path) &&
	       (r->under == UNDER_ALL || (r->under == UNDER_DEMO ? o->demo : o->selftest));
}

static bool takes_method(const struct route *r, struct slice method)
{
	return !*r->method || slice_is(method, r->method) || (slice_is(method, "HEAD") && strcmp(r->method, "GET") == 0);
}

/* Answers OPTIONS, and a method that a path does not take. `known` is the path's route, NULL for "*". */
static void answer_methods(struct conn *c, const struct route *known, bool options)
{
	const char *methods = !known || !*known->method ? "GET, HEAD, POST, OPTIONS"
	                      : strcmp(known->method, "GET") == 0 ? "GET, HEAD, OPTIONS" : "POST, OPTIONS";
	struct buffer more = {0};

	buffer_printf(&more, "Allow: %s\r\n", methods);
	if (options)
		cors_add_preflight(c, &more, methods);
	buffer_add(&more, "", 1);
	c->exchange->out.failed |= more.failed;
	if (options) {
		answer_head(c, 204, NULL, 0, more.failed ? "" : more.at);
		conn_answer(c);
	} else {
		answer_refused(c, REFUSED_METHOD_NOT_ALLOWED, "application/json",
		               slice_of("{\"error\":\"method_not_allowed\"}"), more.failed ? "" : more.at);
	}
	buffer_free(&more);
}

/* The route, or NULL when the request has been answered. */
static const struct route *find(struct conn *c)
{
	const struct http_request *request = c->exchange->request;
	const struct route *known = NULL;
	bool options = slice_is(request->method, "OPTIONS");

	for (size_t i = 0; i < ROUTES; i++) {
		if (!serves(c, &routes[i]))
			continue;
		known = &routes[i];
		if (takes_method(known, request->method) && !options)
			return known;
	}
	if (!known && !(options && slice_is(request->path, "*")))
		answer_error(c, REFUSED_NOT_FOUND);
	else
		answer_methods(c, known, options);
	return NULL;
}

/* Whom a trusted proxy has the request from. False: it does not say, or not so that it can be read. */
static bool find_client(const struct conn *c, struct ip *ip)
{
	const struct http_request *request = c->exchange->request;
	int found = 0;

	for (size_t i = request->headers; found == 0 && i-- > 0;)
		if (slice_is_nocase(request->header[i].name, "x-forwarded-for"))
			found = network_forwarded(&c->worker->server->options->proxies, request->header[i].value, ip);
	return found > 0;
}

/* A request by a trusted proxy counts as a connection of the client until it is answered. False: it has too many. */
static bool admit_peer(struct conn *c)
{
	struct peers *peers = c->worker->server->peers;
	struct peer *peer;
	struct ip ip;

	if (!c->proxied || !find_client(c, &ip))
		return true;
	if (!peers_enter(peers, ip, c->listener == LISTENER_API, c->worker->now, &peer))
		return false;
	peers_hold(peers, c->fd, peer, c->worker->now);
	return true;
}

/* Is there room for its client, and for its answer? False: answered. */
static bool admit(struct conn *c)
{
	const struct route *r = c->exchange->route;
	enum refusal refusal = REFUSED;

	if (!admit_peer(c))
		refusal = REFUSED_TOO_MANY_CONNECTIONS;
	else if (!exchange_charge(c) && r->handle != api_healthz) /* which is small, and not about this */
		refusal = REFUSED_TOO_MANY_REQUESTS;
	if (refusal == REFUSED)
		return true;
	if (r->handle == subscriber_events)
		stream_refuse(c, refusal);
	else
		answer_error(c, refusal);
	return false;
}

bool route_admit(struct conn *c)
{
	struct exchange *x = c->exchange;
	const struct http_request *request = x->request;
	bool body = request->chunked || request->content_length > 0;

	count_add(&c->worker->counters.count[COUNT_REQUESTS], 1);
	if (c->listener == LISTENER_PUBLIC)
		cors_begin(c);
	x->route = find(c);
	if (!x->route)
		return false;
	if (!admit(c))
		return false;
	if (x->route->key && !api_admit(c))
		return false;
	if (body && !x->route->body) {
		answer_error(c, REFUSED_BODY_NOT_EXPECTED);
		return false;
	}
	return true;
}

void route_handle(struct conn *c)
{
	c->exchange->route->handle(c);
}
