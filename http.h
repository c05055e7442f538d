/*
 * http.h: HTTP/1.1 and 1.0 as bytes (RFC 9110, RFC 9112): request heads, header values, and the words of answers;
 * body.h, which it includes, has the bodies.
 *
 * Pure: no malloc, no I/O, no clock, any thread. Parsers take what has arrived and answer how much of it they used:
 * more than 0 = that many bytes, 0 = more is needed, less than 0 = minus the status to refuse it with. Slices point
 * into the caller's buffer. It is strict: whatever two readers could take differently is refused, since a proxy in
 * front may have read it the other way (request smuggling, RFC 9112 section 11.2).
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdint.h>

#include "body.h"
#include "slice.h"

enum {
	HTTP_TARGET_MAX = 8 * 1024 + 512, /* bytes of a request target; longer: 414. Holds an 8 KiB token */
	HTTP_HEAD_MAX = 24 * 1024,        /* bytes of request line and headers together; longer: 431 */
	HTTP_HEADERS_MAX = 100            /* header lines; more: 431 */
};

struct http_request {
	struct slice method;
	struct slice path;   /* of the target, origin or absolute form, as sent, "/" when empty; "*" for OPTIONS * */
	struct slice query;  /* after the '?', absent when there is none */
	int minor;           /* HTTP/1.minor: 0, or 1 (1 for anything above) */
	size_t headers;
	struct field header[HTTP_HEADERS_MAX]; /* values without the blanks around them */
	int64_t content_length;                /* -1 when there is none */
	bool chunked;
	bool keep_alive;      /* what the client wants and its version allows */
	bool expect_continue; /* Expect: 100-continue, in any case; ignored in 1.0 (RFC 9110 10.1.1) */
};

/*
 * Reads a head, from the request line to the empty line. One empty line before it is let pass (RFC 9112 2.2).
 * Refused: 400 anything malformed, a bare LF or CR, folding, blanks before a colon, Host missing (1.1), twice or odd,
 * Content-Length twice or odd, Content-Length with Transfer-Encoding, Transfer-Encoding in 1.0, twice or not ending
 * with chunked; 413 a length beyond int64_t; 414; 417 another Expect; 431; 501 another coding beneath chunked; 505
 * another major version. What is too long or malformed is refused as soon as it shows, without waiting for the end of
 * the head, and with the same status however the bytes arrive. Unless the answer is above 0, *request means nothing.
 *
 * Every call starts over. A caller can spare itself what a client that sends byte by byte would cost: while less than
 * HTTP_TARGET_MAX bytes are there, nothing is lost by waiting for a packet with a LF in it.
 */
int http_parse_request(const char *at, size_t len, struct http_request *request);

/* The value of the first header of that name (any case), absent when there is none. */
struct slice http_header(const struct http_request *request, const char *name);
/* How many headers of that name there are. */
size_t http_count_header(const struct http_request *request, const char *name);
/* Does an Accept value (absent: yes) allow this type, "text/event-stream"? Ranges and q=0 are honoured. */
bool http_accepts(struct slice accept, const char *type);
/* The value of a cookie in a Cookie header value (RFC 6265 4.2.1), absent when it is not there. */
struct slice http_cookie(struct slice header, const char *name);
/* The credentials of an Authorization value with the scheme Bearer (any case), else absent. */
struct slice http_bearer(struct slice authorization);
/* Is this Content-Type value of that media type, whatever its parameters? Any case. */
bool http_type_is(struct slice content_type, const char *type);

/* The reason phrase of a status, "Unknown" for one that this server never sends. */
const char *http_reason(int status);

#endif
