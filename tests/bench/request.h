/*
 * request.h: requests from templates, so that one load generator drives any server.
 *
 *     %n  the number of the stream, six digits: user%n is a uid
 *     %t  a token for the uid user%n, signed with the first line of PUSHSSE_SECRET
 *     %m  the message's content
 *     %%  a per cent sign
 *
 * A publish is rendered once; from then on only the number and the mark in it are written over. What the generator
 * spends on a publish is then nothing beside its send().
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "buffer.h"
#include "keyring.h"
#include "mark.h"

enum {
	REQUEST_DIGITS = 6,  /* of %n */
	REQUEST_NUMBERS = 4  /* how often %n may stand in a publish */
};

struct request {
	struct buffer text;
	size_t numbers, number_at[REQUEST_NUMBERS];
	size_t mark_at; /* 0: there is no message in it */
};

struct templates {
	const char *stream;        /* path of the GET that opens a stream: %n, %t */
	const char *publish;       /* path of the POST to one uid: %n */
	const char *body;          /* its body: %n, %m */
	const char *publish_all, *body_all; /* the same to everyone */
	const char *key;           /* sent as a bearer token; NULL = none */
	struct keyring *ring;      /* signs %t; NULL when none is needed */
	size_t content;            /* bytes of %m, at least MARK_SIZE */
};

/*
 * Appends the request that opens stream `number`, all but the empty line that ends it: more header lines may follow.
 * False when the template is wrong or memory is out.
 */
bool request_stream(struct buffer *out, const struct templates *templates, unsigned number);
/* Renders the publish. False when the template is wrong or memory is out. */
bool request_publish(struct request *request, const struct templates *templates, bool everyone);
/* Addresses it to `number` and gives it its mark. */
void request_stamp(struct request *request, unsigned number, struct mark mark);

#endif
