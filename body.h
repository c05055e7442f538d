/*
 * body.h: the bodies of requests as bytes: chunked framing, urlencoded and multipart fields.
 *
 * Pure, like http.h, which includes it: no malloc, no I/O, any thread. Slices point into the caller's buffer.
 */
#ifndef BODY_H
#define BODY_H

#include <stdint.h>

#include "slice.h"

enum {
	HTTP_CHUNK_EXTRA_MAX = 16 * 1024, /* bytes of chunk extensions and trailers in one body; more: 400 */
	HTTP_BOUNDARY_MAX = 70            /* bytes of a multipart boundary (RFC 2046 5.1.1); more: no boundary */
};

/* A chunked body while it arrives. Zero-initialised to begin. */
struct http_chunks {
	int state;
	uint64_t left;   /* bytes of the current chunk still to come */
	size_t extra;    /* bytes of extensions and trailers so far, bounded */
	unsigned digits; /* of the size being read */
};

/*
 * Decodes what has arrived from `in` to `out`, which may be the same place or before it. 1: the body is complete, and
 * in[*used] is the first byte after it; 0: all was used, more is needed; -400: malformed. *written bytes went to out,
 * at most len. Sizes are bare hexadecimal digits, lines end with CRLF, an extension follows its size without a blank.
 */
int http_unchunk(struct http_chunks *chunks, const char *in, size_t len, size_t *used, char *out, size_t *written);

/*
 * Fields of a query or an urlencoded body (WHATWG URL 5.1), decoded in place: *at moves up to end.
 * 1: a field; 0: the end; -1: a '%' that no two hex digits follow.
 */
int http_form_next(char **at, char *end, struct field *field);

/* The parts of a complete multipart/form-data body (RFC 7578). */
struct http_multipart {
	struct slice boundary;
	struct slice rest; /* the body, from behind the last delimiter that was read */
	bool started;
};

/* Finds the boundary in a Content-Type value: quoted or not, once. False when there is none. */
bool http_multipart_open(struct http_multipart *m, struct slice content_type, const char *body, size_t len);
/*
 * 1: a part, with its name as sent inside the quotes (what browsers write as %22, %0D and %0A stays so; a name with a
 * backslash, which quotes a byte for some readers and is one for others, is refused); 0: the closing delimiter was
 * read; -1: malformed, truncated, a part without a name, or a Content-Transfer-Encoding that changes bytes.
 */
int http_multipart_next(struct http_multipart *m, struct field *field);

#endif
