/*
 * pages.h: the client script and the demo's pages, as they are compiled into the binary, or those of --www DIR while
 * one edits (which need not hold the client script). Each with an ETag, made when it is asked for: a file of --www may
 * have changed. For the worker's own thread.
 */
#ifndef PAGES_H
#define PAGES_H

#include "conn.h"

enum { PAGES_MAX_FILE = 1024 * 1024 }; /* bytes of a file of --www; a longer one is not served */

void pages_serve(struct conn *c);

#endif
