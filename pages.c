/* pages.c: see pages.h. Only names that are compiled in are served, so no path is ever made of what a client sent. */
#include "pages.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "answer.h"
#include "asset.h"
#include "cors.h"
#include "file.h"
#include "route.h"
#include "sha256.h"
#include "worker.h"

enum { ETAG_BYTES = 8 }; /* of the SHA-256: enough to tell versions of one file apart */

static const struct asset *find(struct slice path)
{
	struct slice name = slice_is(path, "/")            ? slice_of("demo.html")
	                    : slice_is(path, "/selftest")  ? slice_of("selftest.html")
	                    : slice_is(path, "/dashboard") ? slice_of("dashboard.html")
	                                                   : (struct slice){path.at + 1, path.len - 1};

	for (size_t i = 0; i < assets_count; i++)
		if (slice_is(name, assets[i].path))
			return &assets[i];
	return NULL;
}

/*
 * Reads the file of that name in --www: a local file, for the one who edits it. 0: there is none that may be read, -1:
 * it could not be read now.
 */
static int read_file(const char *directory, const char *name, struct buffer *out)
{
	enum { PART = 16 * 1024 };
	char path[4096];
	ssize_t n = 0;
	int fd;

	if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path)
		return 0;
	fd = file_open_regular(AT_FDCWD, path, 0, NULL);
	if (fd < 0)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? -1 : 0;
	out->max = PAGES_MAX_FILE;
	while (buffer_reserve(out, PART) && (n = file_read(fd, out->at + out->len, out->cap - out->len)) > 0)
		out->len += (size_t)n;
	out->failed |= n < 0;
	(void)close(fd); /* it was only read */
	if (out->failed)
		return out->len + PART > PAGES_MAX_FILE ? 0 : -1;
	return 1;
}

/* Is this entity tag one of If-None-Match? Weakly compared (RFC 9110 13.1.2): a proxy that compresses makes it W/"...". */
static bool is_known(const struct conn *c, const char *tag)
{
	struct slice known = http_header(c->exchange->request, "If-None-Match");
	size_t len = strlen(tag);

	for (; known.at && known.len >= len; known.at++, known.len--)
		if (memcmp(known.at, tag, len) == 0)
			return true;
	return false;
}

/* The client script and what belongs to it, not a page of pushsse's own. */
static bool is_for_all(const struct conn *c)
{
	return c->exchange->route->under == UNDER_ALL && c->listener == LISTENER_PUBLIC;
}

/*
 * The pages are asked for again each time; they may load nothing from elsewhere. The client script is kept for
 * an hour, so that a new version is everywhere after that, and may be loaded by any page: it is public and says nothing
 * about who asks. A module from another origin takes CORS for that, which cors.c has allowed already to some.
 */
static void add_headers(const struct conn *c, struct buffer *out, const char *tag)
{
	enum origin origin = cors_origin(c);

	buffer_printf(out, "ETag: %s\r\n", tag);
	if (!is_for_all(c))
		buffer_add_text(out, "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
		                     "form-action 'none'\r\n"
		                     "Cache-Control: no-cache\r\nReferrer-Policy: no-referrer\r\n");
	else
		buffer_add_text(out, "Cache-Control: public, max-age=3600\r\nCross-Origin-Resource-Policy: cross-origin\r\n");
	if (is_for_all(c) && origin != ORIGIN_LISTED && origin != ORIGIN_ANY)
		buffer_add_text(out, "Access-Control-Allow-Origin: *\r\n");
	buffer_add(out, "", 1);
}

static void serve(struct conn *c, const char *type, struct slice bytes)
{
	unsigned char digest[SHA256_SIZE];
	char tag[2 * ETAG_BYTES + 3] = "\"";
	struct buffer more = {0};

	sha256(bytes.at, bytes.len, digest);
	for (size_t i = 0; i < ETAG_BYTES; i++)
		(void)snprintf(tag + 1 + 2 * i, 3, "%02x", digest[i]); /* it fits */
	tag[sizeof tag - 2] = '"';
	tag[sizeof tag - 1] = '\0';
	add_headers(c, &more, tag);
	c->exchange->out.failed |= more.failed;
	if (is_known(c, tag)) {
		answer_head(c, 304, type, bytes.len, more.failed ? "" : more.at);
		conn_answer(c);
	} else {
		answer_bytes(c, 200, type, bytes, more.failed ? "" : more.at);
	}
	buffer_free(&more);
}

void pages_serve(struct conn *c)
{
	const struct asset *asset = find(c->exchange->request->path);
	const char *www = c->worker->server->options->www;
	struct buffer file = {0};
	int own = asset && www ? read_file(www, asset->path, &file) : 0;

	if (own > 0)
		serve(c, asset->type, (struct slice){file.at ? file.at : "", file.len});
	else if (own < 0)
		answer_error(c, REFUSED_NO_MEMORY);
	else if (!asset || (www && !is_for_all(c)))
		answer_error(c, REFUSED_NOT_FOUND);
	else
		serve(c, asset->type, (struct slice){(const char *)asset->bytes, asset->len});
	buffer_free(&file);
}
