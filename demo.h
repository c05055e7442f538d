/*
 * demo.h: what --demo makes up, and what it tells. For main.
 */
#ifndef DEMO_H
#define DEMO_H

#include "address.h"
#include "options.h"

enum { DEMO_KEY = 65 }; /* bytes of a made-up key as text, with its NUL */

struct demo_keys {
	char secret[DEMO_KEY], api[DEMO_KEY];
};

/* Makes up secret and key, as none were given. False with an error: there is no randomness to be had. */
bool demo_begin(struct options *o, struct demo_keys *made, char *error, size_t size);
/* Prints a URL to open and a line to paste, for listeners at these addresses. False when that fails. */
bool demo_print(const struct options *o, const char *site, const char *api);

#endif
