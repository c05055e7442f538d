/*
 * options.h: what the command line and the environment ask for. Read once at start, never changed afterwards.
 *
 * One table in options.c holds each option's name, default, bounds and help; its twin in the environment is
 * PUSHSSE_ and the name in capitals (--data-dir: PUSHSSE_DATA_DIR). The command line wins.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stdint.h>

#include "journal.h"
#include "logger.h"
#include "network.h"
#include "slice.h"

enum {
	OPTIONS_MAX_LIST = 64,  /* values of an option that may be repeated */
	OPTIONS_MAX_WORKERS = 64
};

enum { OPTIONS_REQUEST_MESSAGES = 8 };  /* of the largest kind that --request-memory has to have room for */
enum { OPTIONS_JOURNAL_MESSAGES = 64 }; /* of the largest kind that --journal-bytes has to have room for */

struct text_list {
	struct slice at[OPTIONS_MAX_LIST];
	size_t count;
};

struct options {
	const char *listen, *api_listen; /* address:port or unix:/path */
	const char *secret_file, *api_key_file, *www, *log_level_name, *log_format_name, *data_dir, *fsync, *user;
	char *secret, *api_key; /* PUSHSSE_SECRET and PUSHSSE_API_KEY: keys, one a line; from the environment only */
	bool api_open, demo, core_dumps, selftest; /* selftest: under --demo too */
	struct text_list cors_origin, trusted_proxy;
	struct proxies proxies;          /* of --trusted-proxy */
	struct text_list channel;        /* of `pushsse token` */
	/* durations in ms */
	int64_t heartbeat, first_ping, retry, send_timeout, request_timeout, idle_timeout, history_ttl, max_age, drain, ttl;
	/* bytes */
	int64_t history_bytes, max_lag, max_message, request_memory, journal_bytes;
	int64_t history_count, max_streams, max_streams_per_uid, max_connections_per_ip, workers; /* 0 = by the machine */
	int64_t socket_mode; /* of unix sockets; 0 = by the umask */
	enum log_level log_level;
	enum log_format log_format;
	enum journal_sync sync; /* of --fsync, */
	int64_t sync_interval;  /* ... in ms */
};

enum options_result { OPTIONS_SERVE, OPTIONS_TOKEN, OPTIONS_HEALTH, OPTIONS_JOURNAL, OPTIONS_HELP, OPTIONS_VERSION, OPTIONS_WRONG };

/*
 * Reads environment and arguments into *o, as the table has them: options_check.h has the rest. OPTIONS_WRONG: one line in
 * `error` names the option and what is wrong with it. OPTIONS_JOURNAL: argv[2] is check or repair, argv[3] a directory. OPTIONS_TOKEN: `*uid` is the argument of
 * the subcommand. Strings point into argv and the environment.
 */
enum options_result options_read(struct options *o, int argc, char **argv, const char **uid, char *error, size_t size);
/* "15s" in ms, as options take it. False when it is nothing like that, or out of bounds. */
bool options_duration(const char *text, int64_t least, int64_t most, int64_t *ms);
/* Writes --help to stdout. */
void options_help(void);

#endif
