/*
 * cors.h: which pages of other origins may read the answers (Fetch standard 3.2). For the worker's own thread.
 */
#ifndef CORS_H
#define CORS_H

#include "conn.h"

enum origin {
	ORIGIN_NONE,    /* the request names none */
	ORIGIN_SAME,    /* this server's own, by the Host header */
	ORIGIN_LISTED,  /* one of --cors-origin */
	ORIGIN_ANY,     /* by --cors-origin '*': without cookies */
	ORIGIN_REFUSED
};

enum origin cors_origin(const struct conn *c);
/* Puts the header lines that every answer to this request has to carry into the exchange. */
void cors_begin(struct conn *c);
/* Appends what a preflight is to be told. */
void cors_add_preflight(const struct conn *c, struct buffer *out, const char *methods);
/* Does a cookie that came with this request speak for its page? */
bool cors_trusts_cookie(const struct conn *c);
/*
 * May a page of another origin be behind a request that takes no key? By Sec-Fetch-Site, else by Origin; and by a Host
 * that is not the loopback (DNS rebinding), where a browser can reach the listener. Programs send none of the first two.
 */
bool cors_is_foreign(const struct conn *c);

#endif
