/*
 * keys.h: what tokens are signed with and what opens the API, from where the options say: files or the environment.
 *
 * Blocks on files: for main, at start and at a reload.
 */
#ifndef KEYS_H
#define KEYS_H

#include "keyring.h"
#include "options.h"

struct keys {
	struct keyring *secrets;
	struct keyring *api; /* NULL with --api-open */
};

/* False with one line in `error` that names what was read, or both ways to give keys; nothing is held then. */
bool keys_load(struct keys *keys, const struct options *o, char *error, size_t size);
void keys_release(struct keys *keys);
/* What tokens are signed with alone. NULL with an error as above. */
struct keyring *keys_load_secrets(const struct options *o, char *error, size_t size);

#endif
