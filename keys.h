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
/* Those that are from files, again; NULL for those that are not, which stay what they were. */
bool keys_reload(struct keys *keys, const struct options *o, char *error, size_t size);
/* Tells the log which of them may be guessed, and which may be swapped out. */
void keys_look_at(const struct keys *keys, const struct options *o, struct logger *logger);
/* Wipes them where they came from the environment: nobody reads them there any more. */
void keys_forget(const struct options *o);
void keys_release(struct keys *keys);
/* What tokens are signed with alone. NULL with an error as above. */
struct keyring *keys_load_secrets(const struct options *o, char *error, size_t size);

#endif
