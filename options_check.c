/* options_check.c: see options_check.h */
#include "options_check.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "address.h"

/* Which of the words it is; -1: none. */
static int find_word(const char *text, const char *const *words, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(text, words[i]) == 0)
			return i;
	return -1;
}

static bool read_log_options(struct options *o, char *error, size_t size)
{
	static const char *const levels[] = {"error", "warn", "info", "debug"}, *const formats[] = {"text", "json"};
	int level = find_word(o->log_level_name, levels, 4), format = find_word(o->log_format_name, formats, 2);

	o->log_level = (enum log_level)level;
	o->log_format = (enum log_format)format;
	if (level < 0)
		(void)snprintf(error, size, "--log-level: '%s' is not error, warn, info or debug", o->log_level_name);
	else if (format < 0)
		(void)snprintf(error, size, "--log-format: '%s' is not text or json", o->log_format_name);
	return level >= 0 && format >= 0;
}

/* always, never, or every=TIME. */
static bool read_fsync(struct options *o, char *error, size_t size)
{
	if (strcmp(o->fsync, "always") == 0) {
		o->sync = JOURNAL_ALWAYS;
	} else if (strcmp(o->fsync, "never") == 0) {
		o->sync = JOURNAL_NEVER;
	} else if (strncmp(o->fsync, "every=", 6) == 0 && options_duration(o->fsync + 6, 1, 60000, &o->sync_interval)) {
		o->sync = JOURNAL_EVERY;
	} else {
		(void)snprintf(error, size, "--fsync: '%s' is not always, never or every=TIME up to 60s", o->fsync);
		return false;
	}
	return true;
}

/* "*", or scheme://host[:port] as browsers write it: nothing behind it. */
static bool is_origin(struct slice origin)
{
	const char *slash = memchr(origin.at, '/', origin.len);
	size_t host = slash ? (size_t)(slash - origin.at) + 2 : origin.len;

	if (slice_is(origin, "*"))
		return true;
	if (host < 4 || host >= origin.len || memcmp(slash - 1, "://", 3) != 0)
		return false;
	for (size_t i = host; i < origin.len; i++)
		if (origin.at[i] <= ' ' || strchr("/?#@", origin.at[i]))
			return false;
	return true;
}

static bool check_origins(const struct options *o, char *error, size_t size)
{
	for (size_t i = 0; i < o->cors_origin.count; i++) {
		struct slice origin = o->cors_origin.at[i];

		if (is_origin(origin))
			continue;
		(void)snprintf(error, size, "--cors-origin: '%.*s' is not * or an origin such as https://example.org",
		               (int)origin.len, origin.at);
		return false;
	}
	return true;
}

static bool read_proxies(struct options *o, char *error, size_t size)
{
	for (size_t i = 0; i < o->trusted_proxy.count; i++) {
		struct slice proxy = o->trusted_proxy.at[i];

		if (network_add_proxy(&o->proxies, proxy))
			continue;
		(void)snprintf(error, size, "--trusted-proxy: '%.*s' is not ADDRESS, ADDRESS/BITS or unix",
		               (int)proxy.len, proxy.at);
		return false;
	}
	return true;
}

/* A body takes three times its content and more, and half of the memory is for the public listener. */
static bool check_request_memory(const struct options *o, char *error, size_t size)
{
	if (o->request_memory / OPTIONS_REQUEST_MESSAGES >= o->max_message)
		return true;
	(void)snprintf(error, size, "--request-memory: has to be at least %d times --max-message",
	               OPTIONS_REQUEST_MESSAGES);
	return false;
}

/* A message of line ends takes seven times its content: even then a segment holds it, and there are some segments. */
static bool check_journal(const struct options *o, char *error, size_t size)
{
	if (!o->data_dir || o->journal_bytes / OPTIONS_JOURNAL_MESSAGES >= o->max_message)
		return true;
	(void)snprintf(error, size, "--journal-bytes: has to be at least %d times --max-message",
	               OPTIONS_JOURNAL_MESSAGES);
	return false;
}

static bool check_addresses(const struct options *o, char *error, size_t size)
{
	bool listen = address_is_good(o->listen);

	if (!listen || !address_is_good(o->api_listen))
		(void)snprintf(error, size, "--%s: '%s' is not host:port or [ipv6]:port with numbers, nor unix:/path",
		               listen ? "api-listen" : "listen", listen ? o->api_listen : o->listen);
	else if (o->api_open && !address_is_local(o->api_listen))
		(void)snprintf(error, size, "--api-open goes with a loopback or unix address of --api-listen only, not with %s",
		               o->api_listen);
	else
		return true;
	return false;
}

static bool check_pages(const struct options *o, char *error, size_t size)
{
	if (!o->www || access(o->www, R_OK | X_OK) == 0)
		return true;
	(void)snprintf(error, size, "--www: cannot read %s: %s", o->www, strerror(errno));
	return false;
}

/* Keys that were given beside --demo, which makes up its own and prints what opens the API. NULL: none. */
static const char *given_to_demo(const struct options *o)
{
	if (!o->demo)
		return NULL;
	return o->secret_file    ? "--secret-file (PUSHSSE_SECRET_FILE)"
	       : o->secret       ? "PUSHSSE_SECRET"
	       : o->api_key_file ? "--api-key-file (PUSHSSE_API_KEY_FILE)"
	       : o->api_key      ? "PUSHSSE_API_KEY"
	                         : NULL;
}

static bool check_keys(const struct options *o, char *error, size_t size)
{
	const char *given = given_to_demo(o);

	if (given)
		(void)snprintf(error, size, "--demo and %s: which of the two? --demo makes up secret and key", given);
	else if (o->api_open && (o->api_key_file || o->api_key))
		(void)snprintf(error, size, "--api-open and %s: which of the two?",
		               o->api_key_file ? "--api-key-file" : "PUSHSSE_API_KEY");
	else if (!o->demo && !o->secret_file && !o->secret)
		(void)snprintf(error, size, "no secret: give --secret-file FILE, or PUSHSSE_SECRET in the environment, or try --demo");
	else if (!o->demo && !o->api_open && !o->api_key_file && !o->api_key)
		(void)snprintf(error, size, "no API key: give --api-key-file FILE, or PUSHSSE_API_KEY in the environment, or --api-open");
	else
		return true;
	return false;
}

/* For each command that takes options: most come from an environment that all of them share. */
static bool check_all(struct options *o, char *error, size_t size)
{
	return read_log_options(o, error, size) && check_origins(o, error, size) && read_fsync(o, error, size) &&
	       check_journal(o, error, size) && check_request_memory(o, error, size) && read_proxies(o, error, size);
}

bool options_check(struct options *o, enum options_result asked, char *error, size_t size)
{
	switch (asked) {
	case OPTIONS_SERVE:
		return check_all(o, error, size) && check_addresses(o, error, size) && check_pages(o, error, size) &&
		       check_keys(o, error, size);
	case OPTIONS_HEALTH:
		if (!check_all(o, error, size))
			return false;
		(void)snprintf(error, size, "health: --listen is no address");
		return address_is_good(o->listen);
	case OPTIONS_TOKEN:
		return check_all(o, error, size);
	default:
		return true;
	}
}
