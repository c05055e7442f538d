/* keys.c: see keys.h */
#include "keys.h"

#include <stdio.h>

#include "wipe.h"

/* From the file, else from the text of the environment. NULL with an error that names what was read, or both ways. */
static struct keyring *load(const char *file, const char *text, const char *option, const char *variable, char *error,
                            size_t size)
{
	char fault[256];
	struct keyring *ring;

	if (file)
		return keyring_load(file, error, size);
	if (!text) {
		(void)snprintf(error, size, "no keys: give --%s FILE, or %s in the environment", option, variable);
		return NULL;
	}
	ring = keyring_parse(slice_of(text), fault, sizeof fault);
	if (!ring)
		(void)snprintf(error, size, "%s: %s", variable, fault);
	return ring;
}

struct keyring *keys_load_secrets(const struct options *o, char *error, size_t size)
{
	return load(o->secret_file, o->secret, "secret-file", "PUSHSSE_SECRET", error, size);
}

bool keys_load(struct keys *keys, const struct options *o, char *error, size_t size)
{
	*keys = (struct keys){.secrets = keys_load_secrets(o, error, size)};
	if (!keys->secrets)
		return false;
	if (o->api_open)
		return true;
	keys->api = load(o->api_key_file, o->api_key, "api-key-file", "PUSHSSE_API_KEY", error, size);
	if (!keys->api)
		keys_release(keys);
	return keys->api != NULL;
}

bool keys_reload(struct keys *keys, const struct options *o, char *error, size_t size)
{
	*keys = (struct keys){NULL, NULL};
	if (o->secret_file && !(keys->secrets = keyring_load(o->secret_file, error, size)))
		return false;
	if (!o->api_open && o->api_key_file && !(keys->api = keyring_load(o->api_key_file, error, size))) {
		keys_release(keys);
		return false;
	}
	return true;
}

static void look_at(const struct keyring *ring, const char *source, struct logger *logger)
{
	if (!ring)
		return;
	if (ring->weak)
		logger_write(logger, LOG_WARN, "weak_key",
		             LOG_FIELDS(log_text("source", source), log_number("safe_bytes", KEYRING_SAFE_BYTES)));
	if (!ring->locked)
		logger_write(logger, LOG_DEBUG, "keys_not_locked",
		             LOG_FIELDS(log_text("source", source), log_text("reason", "no mlock(): they may be swapped out")));
}

void keys_look_at(const struct keys *keys, const struct options *o, struct logger *logger)
{
	look_at(keys->secrets, o->secret_file ? o->secret_file : "PUSHSSE_SECRET", logger);
	look_at(keys->api, o->api_key_file ? o->api_key_file : "PUSHSSE_API_KEY", logger);
}

void keys_forget(const struct options *o)
{
	if (o->secret)
		wipe(o->secret, strlen(o->secret));
	if (o->api_key)
		wipe(o->api_key, strlen(o->api_key));
}

void keys_release(struct keys *keys)
{
	keyring_release(keys->secrets);
	keyring_release(keys->api);
	*keys = (struct keys){0};
}
