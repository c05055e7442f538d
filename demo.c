/* demo.c: see demo.h */
#include "demo.h"

#include <errno.h>
#include <stdio.h>

#include "clock.h"
#include "random.h"
#include "token.h"

enum { TTL_MS = 12 * 60 * 60 * 1000 };

static const char DEMO_UID[] = "demo";

/* 32 random bytes as 64 hex digits and a NUL. */
static bool make_key(char hex[DEMO_KEY])
{
	unsigned char bytes[32];

	if (!random_read(bytes, sizeof bytes))
		return false;
	for (size_t i = 0; i < sizeof bytes; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	return true;
}

bool demo_begin(struct options *o, struct demo_keys *made, char *error, size_t size)
{
	if (!make_key(made->secret) || !make_key(made->api)) {
		(void)snprintf(error, size, "cannot read /dev/urandom: %s", strerror(errno));
		return false;
	}
	o->secret = made->secret;
	o->api_key = made->api;
	o->selftest = true;
	return true;
}

/* What a browser or curl on this machine calls that address: one that takes all is reached by the loopback. */
static const char *reachable(const char *address, char out[ADDRESS_TEXT])
{
	static const char any4[] = "0.0.0.0:", any6[] = "[::]:";

	if (strncmp(address, any4, strlen(any4)) == 0)
		(void)snprintf(out, ADDRESS_TEXT, "127.0.0.1:%s", address + strlen(any4));
	else if (strncmp(address, any6, strlen(any6)) == 0)
		(void)snprintf(out, ADDRESS_TEXT, "[::1]:%s", address + strlen(any6));
	else
		(void)snprintf(out, ADDRESS_TEXT, "%s", address);
	return out;
}

bool demo_print(const struct options *o, const char *site, const char *api)
{
	char error[128], site_text[ADDRESS_TEXT], api_text[ADDRESS_TEXT];
	struct keyring *secrets = keyring_parse(slice_of(o->secret), error, sizeof error);
	struct buffer token = {0};
	bool unix_api = strncmp(o->api_listen, "unix:", 5) == 0;

	if (!secrets)
		return false;
	token_sign(&token, secrets, slice_of(DEMO_UID), NULL, 0, clock_today(), TTL_MS);
	keyring_release(secrets);
	if (token.failed)
		return false;
	(void)printf("Open this page:\n\n  http://%s/#token=%.*s\n\nand tell it something:\n\n"
	             "  curl %s%s -H 'Authorization: Bearer %s' -d to=%s -d content=hello http://%s/publish\n\n"
	             "Secret and key are made up and gone when this ends (Ctrl-C).\n",
	             strncmp(o->listen, "unix:", 5) == 0 ? "YOUR-PROXY" : reachable(site, site_text),
	             (int)token.len, token.at, unix_api ? "--unix-socket " : "", unix_api ? o->api_listen + 5 : "-sS",
	             o->api_key, DEMO_UID, unix_api ? "localhost" : reachable(api, api_text));
	buffer_free(&token);
	return fflush(stdout) == 0;
}
