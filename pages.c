/* pages.c: see pages.h. Only names that are compiled in are served, so no path is ever made of what a client sent. */
#include "pages.h"

#include <stdio.h>

#include "answer.h"
#include "asset.h"
#include "worker.h"

static const struct asset *find(struct slice path)
{
	struct slice name = slice_is(path, "/") ? slice_of("demo.html") : (struct slice){path.at + 1, path.len - 1};

	for (size_t i = 0; i < assets_count; i++)
		if (slice_is(name, assets[i].path))
			return &assets[i];
	return NULL;
}

/* Reads the file of that name in --www: a local file, for the one who edits it. */
static bool read_file(const char *directory, const char *name, struct buffer *out)
{
	char path[4096];
	FILE *file;

	if (snprintf(path, sizeof path, "%s/%s", directory, name) >= (int)sizeof path || !(file = fopen(path, "rb")))
		return false;
	out->max = PAGES_MAX_FILE;
	while (!out->failed && !feof(file) && !ferror(file) && buffer_reserve(out, 16 * 1024))
		out->len += fread(out->at + out->len, 1, out->cap - out->len, file);
	out->failed |= ferror(file) != 0;
	(void)fclose(file); /* it was only read */
	return !out->failed;
}

void pages_serve(struct conn *c)
{
	static const char more[] =
		"Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; base-uri 'none'\r\n"
		"Cache-Control: no-cache\r\nReferrer-Policy: no-referrer\r\n";
	const struct asset *asset = find(c->exchange->request->path);
	const char *www = c->worker->server->options->www;
	struct buffer file = {0};

	if (!asset || (www && !read_file(www, asset->path, &file)))
		answer_error(c, 404, "not_found");
	else if (www)
		answer_bytes(c, 200, asset->type, (struct slice){file.at, file.len}, more);
	else
		answer_bytes(c, 200, asset->type, (struct slice){(const char *)asset->bytes, asset->len}, more);
	buffer_free(&file);
}
