/*
 * demo.h: what --demo makes up, and what it tells. For main.
 */
#ifndef DEMO_H
#define DEMO_H

#include "address.h"
#include "options.h"

enum { DEMO_KEY = 65 }; /* bytes of a made-up key as text, with its NUL */

/* False when there is no randomness to be had. */
bool demo_make_key(char hex[DEMO_KEY]);
/* Prints a URL to open and a line to paste, for listeners at these addresses. False when that fails. */
bool demo_print(const struct options *o, const char *site, const char *api);

#endif
