/*
 * asset.h: the pages that are compiled into the binary: one table of the files in www/, as they are on disk.
 *
 * www/embed.sh writes the table's C source from those files; the Makefile says which. Constant from start to end, so
 * any thread may read it. It knows no URL: which path serves which file is the routes' business.
 */
#ifndef ASSET_H
#define ASSET_H

#include <stddef.h>

struct asset {
	const char *path;           /* the file's name without its folder: "demo.html" */
	const char *type;           /* its Content-Type, with the charset where it is text */
	const unsigned char *bytes; /* what is in it; never NULL, and not ended by a NUL */
	size_t len;                 /* bytes in it, 0 for an empty file */
};

extern const struct asset assets[];
extern const size_t assets_count; /* entries in assets; at least 1 */

#endif
