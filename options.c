/* options.c: the table of options and its three readers: the environment, the command line, --help. */
#include "options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

extern char **environ;

enum kind { TEXT, FLAG, LIST, DURATION, SIZE, COUNT, MODE };

/* Where an option shows in --help and may be used. */
enum group { LISTENING, KEYS, STREAMS, HISTORY, PUBLISHING, RUNNING, TOKEN };

static const char *const group_title[] = {
	[LISTENING] = "Listening", [KEYS] = "Keys",           [STREAMS] = "Streams and long-polls",
	[HISTORY] = "History",     [PUBLISHING] = "Requests", [RUNNING] = "Running",
	[TOKEN] = "pushsse token",
};

struct option {
	const char *name;
	const char *argument; /* its word in --help */
	enum kind kind;
	enum group group;
	size_t offset;        /* in struct options */
	int64_t least, most;  /* of a number: ms, bytes or a count */
	const char *standard; /* the default as one would write it; NULL: none */
	const char *help;
};

#define AT(member) offsetof(struct options, member)

#define YEAR (INT64_C(366) * DAY)
#define TERA (INT64_C(1) << 40)
#define BACKLOG_MOST (INT64_C(32) << 30) /* what is kept and what one may be behind, together: LOG_MAX_BYTES */

enum { SECOND = 1000, DAY = 24 * 60 * 60 * SECOND, KILO = 1024, MEGA = 1024 * KILO };

enum { MESSAGE_MOST = 64 * MEGA };
_Static_assert(7 * MESSAGE_MOST <= JOURNAL_RECORD_MAX - MEGA, "a record holds one of line ends alone, and its names");

static const struct option table[] = {
	{"listen", "ADDRESS", TEXT, LISTENING, AT(listen), 0, 0, "0.0.0.0:2120",
	 "for browsers: host:port, [ipv6]:port or unix:/path"},
	{"api-listen", "ADDRESS", TEXT, LISTENING, AT(api_listen), 0, 0, "127.0.0.1:2121",
	 "for the website: publish, online, stats"},
	{"socket-mode", "MODE", MODE, LISTENING, AT(socket_mode), 0, 0, NULL,
	 "who may connect to unix sockets, such as 660 [by the umask]"},
	{"cors-origin", "ORIGIN", LIST, LISTENING, AT(cors_origin), 0, 0, NULL,
	 "pages of this origin may connect; repeatable; * = any"},
	{"max-connections-per-ip", "N", COUNT, LISTENING, AT(max_connections_per_ip), 1, 10000000, NULL,
	 "of one client's address on --listen [a quarter of all]"},
	{"trusted-proxy", "ADDRESS", LIST, LISTENING, AT(trusted_proxy), 0, 0, NULL,
	 "its X-Forwarded-For is believed: ip, ip/bits or unix; repeatable"},
	{"secret-file", "FILE", TEXT, KEYS, AT(secret_file), 0, 0, NULL,
	 "signs tokens, one secret a line, all are tried (required)"},
	{"api-key-file", "FILE", TEXT, KEYS, AT(api_key_file), 0, 0, NULL,
	 "opens the API, one key a line (required, or --api-open)"},
	{"api-open", NULL, FLAG, KEYS, AT(api_open), 0, 0, NULL,
	 "no key for the API; only on loopback or a unix socket"},
	{"heartbeat", "TIME", DURATION, STREAMS, AT(heartbeat), 10, DAY, "15s",
	 "a ping to a stream that was silent for so long"},
	{"first-ping", "TIME", DURATION, STREAMS, AT(first_ping), 10, DAY, "1s",
	 "the same for the first one"},
	{"retry", "TIME", DURATION, STREAMS, AT(retry), 1, DAY, "3s",
	 "what browsers wait to reconnect, jittered by a third"},
	{"send-timeout", "TIME", DURATION, STREAMS, AT(send_timeout), 10, DAY, "30s",
	 "closes a reader that takes nothing for so long"},
	{"max-lag", "SIZE", SIZE, STREAMS, AT(max_lag), 16 * KILO, BACKLOG_MOST, "4M",
	 "closes a reader that is so far behind"},
	{"max-age", "TIME", DURATION, STREAMS, AT(max_age), 0, YEAR, NULL,
	 "closes a stream at that age, less or more a fifth [never]"},
	{"max-streams", "N", COUNT, STREAMS, AT(max_streams), 1, 10000000, NULL,
	 "streams and parked polls [by the descriptor limit]"},
	{"max-streams-per-uid", "N", COUNT, STREAMS, AT(max_streams_per_uid), 1, 10000000, "32",
	 "the oldest gives way to one more"},
	{"history-ttl", "TIME", DURATION, HISTORY, AT(history_ttl), 0, YEAR, "1h",
	 "keeps messages for those who are away"},
	{"history-count", "N", COUNT, HISTORY, AT(history_count), 0, 10000000, "1000",
	 "messages kept for each uid and channel"},
	{"history-bytes", "SIZE", SIZE, HISTORY, AT(history_bytes), 0, BACKLOG_MOST, "256M",
	 "of all kept messages, the oldest go first"},
	{"data-dir", "DIR", TEXT, HISTORY, AT(data_dir), 0, 0, NULL,
	 "keeps a journal there: what was answered 200 outlives the process"},
	{"fsync", "WHEN", TEXT, HISTORY, AT(fsync), 0, 0, "always",
	 "always, every=TIME or never: see below"},
	{"journal-bytes", "SIZE", SIZE, HISTORY, AT(journal_bytes), 64 * MEGA, TERA, "1G",
	 "of the journal's files, the oldest go first; >= 64 x max-message"},
	{"max-message", "SIZE", SIZE, PUBLISHING, AT(max_message), 1, MESSAGE_MOST, "1M",
	 "of a message's content, at most 64M; 413 above"},
	{"request-memory", "SIZE", SIZE, PUBLISHING, AT(request_memory), MEGA, TERA, "256M",
	 "of requests and answers under way; 503 above; >= 8 x max-message"},
	{"request-timeout", "TIME", DURATION, PUBLISHING, AT(request_timeout), 10, DAY, "10s",
	 "for a request to arrive whole"},
	{"idle-timeout", "TIME", DURATION, PUBLISHING, AT(idle_timeout), 10, DAY, "75s",
	 "closes a kept connection without a request"},
	{"user", "NAME[:GROUP]", TEXT, RUNNING, AT(user), 0, 0, NULL,
	 "becomes that user when it was started by root"},
	{"workers", "N", COUNT, RUNNING, AT(workers), 1, OPTIONS_MAX_WORKERS, NULL,
	 "threads, at most 64 [as many as cores]"},
	{"drain", "TIME", DURATION, RUNNING, AT(drain), 0, DAY, "5s",
	 "over which SIGTERM spreads the closing of streams"},
	{"www", "DIR", TEXT, RUNNING, AT(www), 0, 0, NULL,
	 "pages from there instead of the built-in ones"},
	{"log-level", "LEVEL", TEXT, RUNNING, AT(log_level_name), 0, 0, "info",
	 "error, warn, info or debug, to stderr"},
	{"log-format", "FORMAT", TEXT, RUNNING, AT(log_format_name), 0, 0, "text",
	 "text (key=value) or json, a line an event"},
	{"core-dumps", NULL, FLAG, RUNNING, AT(core_dumps), 0, 0, NULL,
	 "allows them, and debuggers: there are keys and messages in them"},
	{"demo", NULL, FLAG, RUNNING, AT(demo), 0, 0, NULL,
	 "makes up secret and key, prints a URL to open and a curl line to paste"},
	{"selftest", NULL, FLAG, RUNNING, AT(selftest), 0, 0, NULL,
	 "serves /selftest, a page that tests the proxies; part of --demo"},
	{"ttl", "TIME", DURATION, TOKEN, AT(ttl), 1, YEAR, "1h",
	 "how long the token is good"},
	{"channel", "NAME", LIST, TOKEN, AT(channel), 0, 0, NULL,
	 "a channel that its holder may read; repeatable"},
};

enum { OPTIONS = sizeof table / sizeof table[0] };

static const struct unit {
	enum kind kind;
	const char *name;
	int64_t factor;
} units[] = {
	{DURATION, "", SECOND},       {DURATION, "ms", 1},            {DURATION, "s", SECOND},
	{DURATION, "m", 60 * SECOND}, {DURATION, "h", 3600 * SECOND}, {DURATION, "d", DAY},
	{SIZE, "", 1},                {SIZE, "K", KILO},              {SIZE, "k", KILO},
	{SIZE, "M", MEGA},            {SIZE, "G", (int64_t)KILO * MEGA}, {COUNT, "", 1},
};

enum { UNITS = sizeof units / sizeof units[0] };

/* "15s" in ms, "4M" in bytes, "32". False when it is nothing like that or out of bounds. */
static bool read_number(const struct option *option, const char *text, int64_t *value)
{
	int64_t number = 0;
	const char *unit = text;

	while (*unit >= '0' && *unit <= '9' && number <= option->most)
		number = number * 10 + (*unit++ - '0');
	if (unit == text)
		return false;
	for (size_t i = 0; i < UNITS; i++) {
		if (units[i].kind != option->kind || strcmp(units[i].name, unit) != 0)
			continue;
		if (number > option->most / units[i].factor || number * units[i].factor < option->least)
			return false;
		*value = number * units[i].factor;
		return true;
	}
	return false;
}

bool options_duration(const char *text, int64_t least, int64_t most, int64_t *ms)
{
	return read_number(&(struct option){.kind = DURATION, .least = least, .most = most}, text, ms);
}

static bool read_mode(const char *text, int64_t *mode)
{
	char *end;

	*mode = strtol(text, &end, 8);
	return *text >= '0' && *text <= '7' && !*end && *mode > 0 && *mode <= 0777;
}

/* Adds a value to a list. False when it is full. */
static bool add(struct text_list *list, struct slice value)
{
	if (list->count == OPTIONS_MAX_LIST)
		return false;
	list->at[list->count++] = value;
	return true;
}

/* A list in the environment is parted by blanks or commas. */
static bool add_words(struct text_list *list, const char *text)
{
	for (size_t len; *text; text += len) {
		text += strspn(text, " ,");
		len = strcspn(text, " ,");
		if (len && !add(list, (struct slice){text, len}))
			return false;
	}
	return true;
}

/* A bound as one would write it: in the largest unit that leaves no rest. */
static const char *write_bound(enum kind kind, int64_t bound, char out[32])
{
	const struct unit *unit = NULL;

	for (size_t i = 0; i < UNITS; i++)
		if (units[i].kind == kind && (!unit || (bound >= units[i].factor && bound % units[i].factor == 0)))
			unit = &units[i];
	(void)snprintf(out, 32, "%" PRId64 "%s", unit ? bound / unit->factor : bound, unit ? unit->name : "");
	return out;
}

static void say_wrong(const struct option *option, const char *shown, const char *text, char *error, size_t size)
{
	static const char *const expected[] = {
		[DURATION] = "time such as 500ms, 15s, 5m, 1h or 7d", [SIZE] = "size such as 64k, 4M or 1G",
		[COUNT] = "whole number",
	};
	char least[32], most[32];

	if (option->kind == LIST)
		(void)snprintf(error, size, "%s: more than %d of them", shown, OPTIONS_MAX_LIST);
	else if (option->kind == MODE)
		(void)snprintf(error, size, "%s: '%s' is not a file mode such as 660", shown, text);
	else
		(void)snprintf(error, size, "%s: '%s' is not a %s, from %s to %s", shown, text, expected[option->kind],
		               write_bound(option->kind, option->least, least), write_bound(option->kind, option->most, most));
}

/* Sets one option from its text; `shown` is how the user wrote its name. */
static bool set(struct options *o, const struct option *option, const char *shown, const char *text, bool words,
                char *error, size_t size)
{
	char *at = (char *)o + option->offset;
	struct text_list *list = (struct text_list *)(void *)at;
	int64_t number;
	bool good = true;

	switch (option->kind) {
	case TEXT:
		memcpy(at, &text, sizeof text);
		break;
	case FLAG:
		*(bool *)(void *)at = true;
		break;
	case LIST:
		good = words ? add_words(list, text) : add(list, slice_of(text));
		break;
	default:
		good = option->kind == MODE ? read_mode(text, &number) : read_number(option, text, &number);
		if (good)
			memcpy(at, &number, sizeof number);
		break;
	}
	if (!good)
		say_wrong(option, shown, text, error, size);
	return good;
}

/*
 * A value in the environment, which may be overwritten there: what getenv() answers may not (POSIX). NULL when it is empty,
 * as that of an option is none.
 */
static char *own_text(const char *start)
{
	size_t len = strlen(start);

	for (char **entry = environ; entry && *entry; entry++)
		if (strncmp(*entry, start, len) == 0 && (*entry)[len])
			return *entry + len;
	return NULL;
}

static bool read_environment(struct options *o, char *error, size_t size)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		char name[64];
		const char *value;
		size_t len = (size_t)snprintf(name, sizeof name, "PUSHSSE_%s", table[i].name);

		for (size_t k = 0; k < len; k++)
			name[k] = name[k] == '-' ? '_' : (char)toupper((unsigned char)name[k]);
		value = getenv(name);
		if (!value || !*value)
			continue;
		if (table[i].kind == FLAG && (strcmp(value, "0") == 0 || strcmp(value, "false") == 0 || strcmp(value, "no") == 0))
			continue;
		if (!set(o, &table[i], name, value, true, error, size))
			return false;
	}
	o->secret = own_text("PUSHSSE_SECRET=");
	o->api_key = own_text("PUSHSSE_API_KEY=");
	return true;
}

static const struct option *find(struct slice name, bool token)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (slice_is(name, table[i].name))
			return token || table[i].group != TOKEN ? &table[i] : NULL;
	return NULL;
}

/* Reads the option at argv[*i], with its argument after '=' or as the next word; leaves *i on its last word. */
static bool read_option(struct options *o, int argc, char **argv, int *i, bool token, char *error, size_t size)
{
	const char *word = argv[*i], *value = strchr(word, '=');
	struct slice name = {word + 2, value ? (size_t)(value - word) - 2 : strlen(word + 2)};
	const struct option *option = find(name, token);
	char shown[64];

	if (!option) {
		(void)snprintf(error, size, "unknown option '%.*s' (see --help)", (int)name.len + 2, word);
		return false;
	}
	if (option->kind == FLAG) {
		if (value) {
			(void)snprintf(error, size, "--%s takes no value", option->name);
			return false;
		}
		return set(o, option, word, "", false, error, size);
	}
	if (value) {
		value++;
	} else if (*i + 1 < argc) {
		value = argv[++*i];
	} else {
		(void)snprintf(error, size, "%s: a value is missing (see --help)", word);
		return false;
	}
	(void)snprintf(shown, sizeof shown, "--%s", option->name);
	return set(o, option, shown, value, false, error, size);
}

static bool is_health(int argc, char **argv)
{
	return argc > 1 && strcmp(argv[1], "health") == 0;
}

static bool read_arguments(struct options *o, int argc, char **argv, const char **uid, char *error, size_t size)
{
	bool token = argc > 1 && strcmp(argv[1], "token") == 0;

	for (int i = token || is_health(argc, argv) ? 2 : 1; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) == 0) {
			if (!read_option(o, argc, argv, &i, token, error, size))
				return false;
		} else if (token && !*uid && argv[i][0] != '-') {
			*uid = argv[i];
		} else {
			(void)snprintf(error, size, "unknown argument '%s' (see --help)", argv[i]);
			return false;
		}
	}
	if (token && !*uid)
		(void)snprintf(error, size, "token: for which UID? (see --help)");
	return !token || *uid;
}

static void set_standards(struct options *o)
{
	for (size_t i = 0; i < OPTIONS; i++)
		if (table[i].standard)
			(void)set(o, &table[i], table[i].name, table[i].standard, false, NULL, 0);
}

enum options_result options_read(struct options *o, int argc, char **argv, const char **uid, char *error, size_t size)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0)
			return OPTIONS_HELP;
		if (strcmp(argv[i], "--version") == 0)
			return OPTIONS_VERSION;
	}
	*o = (struct options){0};
	*uid = NULL;
	if (argc > 1 && strcmp(argv[1], "journal") == 0) {
		if (argc == 4 && (strcmp(argv[2], "check") == 0 || strcmp(argv[2], "repair") == 0))
			return OPTIONS_JOURNAL;
		(void)snprintf(error, size, "journal: check DIR, or repair DIR (see --help)");
		return OPTIONS_WRONG;
	}
	set_standards(o);
	if (!read_environment(o, error, size) || !read_arguments(o, argc, argv, uid, error, size))
		return OPTIONS_WRONG;
	return *uid ? OPTIONS_TOKEN : is_health(argc, argv) ? OPTIONS_HEALTH : OPTIONS_SERVE;
}

static void help_table(void)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		char left[64];

		if (i == 0 || table[i].group != table[i - 1].group)
			printf("\n%s\n", group_title[table[i].group]);
		(void)snprintf(left, sizeof left, "--%s %s", table[i].name, table[i].argument ? table[i].argument : "");
		printf("  %-26s %s", left, table[i].help);
		if (table[i].standard)
			printf(" [%s]", table[i].standard);
		printf("\n");
	}
}

void options_help(void)
{
	printf("pushsse pushes messages from a website's back end to its users' browsers:\n"
	       "Server-Sent Events, and long-polling where those do not get through.\n\n"
	       "  pushsse [options]               serves\n"
	       "  pushsse --demo                  serves with a made-up secret and key, to try it\n"
	       "  pushsse token UID [options]     prints a signed token for UID\n"
	       "  pushsse health [--listen A]     asks the server there whether it is well: 0 or 1\n"
	       "  pushsse journal check DIR       tells what a --data-dir holds, and what in it is damaged\n"
	       "  pushsse journal repair DIR      keeps all of it that is sound\n"
	       "  pushsse --help | --version\n");
	help_table();
	printf("\n--fsync always: a 200 means that it is on the disk. every=200ms: a power cut loses up to 200 ms\n"
	       "of what was answered 200, a crash of pushsse nothing. never: a power cut loses what the system\n"
	       "had not written yet, up to half a minute; a crash of pushsse nothing.\n"
	       "\nMemory: at most 4k x connections (of a token with more than ten channels: 300 bytes for each)\n"
	       "+ request-memory + 32 x max-message x workers + 1.25 x history-bytes; the log says it at the start.\n"
	       "A reader that has stopped reading holds up to max-lag of what only it was sent, for send-timeout.\n"
	       "Publishers add 400 bytes for each idempotency key of 10 minutes and each disconnected uid, 200\n"
	       "for each uid and channel that was published to within history-ttl, 60 for each small message.\n"
	       "\nTimes take ms, s, m, h, d (bare: seconds), sizes k, M, G. Each option may come from the\n"
	       "environment: --secret-file as PUSHSSE_SECRET_FILE. PUSHSSE_SECRET and PUSHSSE_API_KEY may\n"
	       "stand for the two files. TERM and INT drain and end (a second one ends at once), HUP reads\n"
	       "secrets and keys again.\n\n"
	       "Fixed limits, and the answer where one is hit\n"
	       "  request target 8.5k (414); head 24k, 100 headers (431); body 3 x max-message + 64k (413)\n"
	       "  uid, channel or event name 128 bytes, idempotency key 256 (400); content (413)\n"
	       "  refused tokens and keys of one address 100, and 5 a second from then on (429)\n"
	       "  uids and channels of one publish 1000 (400); channels of one token 64, token 8k (401)\n"
	       "  idempotency keys remembered 1000000, kicked uids 1000000 (507)\n"
	       "  fields of one body 4096 (400); streams of /stats 16 (503)\n"
	       "  events of one long-poll's answer 256k (more: true)\n");
}
