/*
 * pushsse.c: main: options, keys, listeners, workers, signals. Nothing else knows the command line or prints to the
 * user.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "demo.h"
#include "file.h"
#include "footprint.h"
#include "health.h"
#include "keys.h"
#include "listeners.h"
#include "options_check.h"
#include "random.h"
#include "secrecy.h"
#include "token.h"
#include "user.h"
#include "version.h"
#include "worker.h"

enum { EXIT_USAGE = 2 };

/* The line goes to the one who started it; answers the status to end with. */
static int complain(int status, const char *error)
{
	(void)fprintf(stderr, "pushsse: %s\n", error);
	return status;
}

/* ---- pushsse token */

static int print_token(const struct options *o, const char *uid)
{
	char error[512];
	struct keyring *secrets;
	struct buffer token = {0};
	bool good = name_is_valid(slice_of(uid));

	for (size_t i = 0; i < o->channel.count; i++)
		good &= name_is_valid(o->channel.at[i]);
	if (!good)
		return complain(EXIT_USAGE, "token: UID and channels are 1 to 128 bytes of UTF-8 without control bytes");
	secrets = keys_load_secrets(o, error, sizeof error);
	keys_forget(o);
	if (!secrets)
		return complain(EXIT_USAGE, error);
	token_sign(&token, secrets, slice_of(uid), o->channel.at, o->channel.count, clock_today(), o->ttl);
	keyring_release(secrets);
	if (token.failed)
		return complain(EXIT_USAGE, "token: more channels than 8 KiB hold");
	(void)printf("%.*s\n", (int)token.len, token.at);
	buffer_free(&token);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : complain(EXIT_FAILURE, "cannot write to stdout");
}

/* ---- start */

static bool raise_descriptor_limit(struct server *s, char *error, size_t size)
{
	struct rlimit limit;
	bool known = getrlimit(RLIMIT_NOFILE, &limit) == 0;

	if (known) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* what it is afterwards counts */
		known = getrlimit(RLIMIT_NOFILE, &limit) == 0;
	}
	if (!known) {
		(void)snprintf(error, size, "cannot tell how many descriptors there may be: %s", strerror(errno));
		return false;
	}
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > UINT32_MAX / 2)
		limit.rlim_cur = UINT32_MAX / 2;
	s->max_connections = (unsigned)limit.rlim_cur;
	s->max_connections -= s->max_connections > 2 * SERVER_RESERVE ? SERVER_RESERVE : s->max_connections / 2;
	return true;
}

/* Streams leave some connections to publishers and to those who ask for a page. */
static unsigned most_streams(const struct server *s)
{
	unsigned spare = s->max_connections / 32 > 8 ? s->max_connections / 32 : 8;
	unsigned most = s->max_connections > 2 * spare ? s->max_connections - spare : (s->max_connections + 1) / 2;

	return s->options->max_streams && s->options->max_streams < most ? (unsigned)s->options->max_streams : most;
}

static unsigned count_cores(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	return cores < 1 ? 1 : cores > OPTIONS_MAX_WORKERS ? OPTIONS_MAX_WORKERS : (unsigned)cores;
}

static bool read_seed(void *seed, size_t len, char *error, size_t size)
{
	if (random_read(seed, len))
		return true;
	(void)snprintf(error, size, "cannot read /dev/urandom: %s", strerror(errno));
	return false;
}

static bool open_hub(struct server *s, char *error, size_t size)
{
	const struct options *o = s->options;
	struct hub_limits limits = {
		.history_ttl = o->history_ttl,
		.history_count = (uint32_t)o->history_count,
		.history_bytes = (uint64_t)o->history_bytes,
		.max_lag = (uint64_t)o->max_lag,
		.max_streams = most_streams(s),
		.max_streams_per_uid = (uint32_t)o->max_streams_per_uid,
	};
	unsigned char seed[32];

	return read_seed(seed, sizeof seed, error, size) && (s->hub = hub_open(&limits, seed)) != NULL;
}

/* Takes in what the journal holds. */
static bool open_journal(struct server *s, char *error, size_t size)
{
	const struct options *o = s->options;
	struct journal_options options = {.directory = o->data_dir, .sync = o->sync, .interval_ms = o->sync_interval,
	                                  .max_bytes = (uint64_t)o->journal_bytes};
	int64_t now = clock_monotonic();
	uint64_t lost = 0;
	struct hub_figures f;

	if (!o->data_dir)
		return true;
	if (!hub_use_journal(s->hub, &options, now, clock_today() - now, &lost, error, size))
		return false;
	f = hub_figures(s->hub);
	if (lost)
		logger_write(s->logger, LOG_WARN, "journal_tail_cut", LOG_FIELDS(log_number("bytes", (int64_t)lost)));
	logger_write(s->logger, LOG_INFO, "journal_read",
	             LOG_FIELDS(log_number("retained", (int64_t)f.retained), log_number("bytes", (int64_t)f.retained_bytes),
	                        log_number("ms", clock_monotonic() - now)));
	return true;
}

/* SIGHUP will read them as the user that this is now. */
static void look_at_key_file(const struct server *s, const char *file)
{
	if (file && access(file, R_OK) != 0)
		logger_write(s->logger, LOG_WARN, "key_file_unreadable",
		             LOG_FIELDS(log_text("file", file), log_text("reason", strerror(errno))));
}

/*
 * With --user: what needs root has been done, ports are bound and keys are read. Unix sockets and the journal are made by
 * the user.
 */
static bool leave_root(const struct server *s, char *error, size_t size)
{
	static const struct user_files files = {"/etc/passwd", "/etc/group"};
	const struct options *o = s->options;
	struct user user;

	if (!o->user)
		return true;
	if (!user_find(&user, o->user, &files, error, size) ||
	    (o->data_dir && !user_make_directory(&user, o->data_dir, error, size)) || !user_become(&user, error, size))
		return false;
	if (!o->core_dumps)
		secrecy_begin();
	logger_write(s->logger, LOG_INFO, "user",
	             LOG_FIELDS(log_number("process_uid", (int64_t)user.uid), log_number("process_gid", (int64_t)user.gid)));
	look_at_key_file(s, o->secret_file);
	look_at_key_file(s, o->api_key_file);
	return true;
}

/* One address leaves three quarters to the others: a flood from there does not keep them out. */
static unsigned most_of_one_address(const struct server *s)
{
	int64_t asked = s->options->max_connections_per_ip;

	return asked ? (unsigned)asked : s->max_connections / 4 + 1;
}

static bool open_peers(struct server *s, char *error, size_t size)
{
	uint64_t key[2];

	return read_seed(key, sizeof key, error, size) &&
	       (s->peers = peers_open(most_of_one_address(s), s->max_connections, key, s->logger)) != NULL;
}

static void log_started(const struct server *s, listeners_text text)
{
	static const char *const names[LISTENERS] = {"public", "api"};
	struct footprint f = footprint_of(s);

	logger_write(s->logger, LOG_INFO, "started",
	             LOG_FIELDS(log_text("version", PUSHSSE_VERSION), log_number("workers", s->workers),
	                        log_number("max_connections", s->max_connections),
	                        log_number("max_streams", most_streams(s))));
	if (s->options->max_streams > most_streams(s))
		logger_write(s->logger, LOG_WARN, "max_streams_lowered",
		             LOG_FIELDS(log_number("asked", s->options->max_streams), log_text("reason", "descriptor limit")));
	if (geteuid() == 0)
		logger_write(s->logger, LOG_WARN, "running_as_root", LOG_FIELDS(log_text("reason", "no --user was given")));
	logger_write(s->logger, LOG_INFO, "memory_bound",
	             LOG_FIELDS(log_number("bytes", (int64_t)f.all), log_number("connections", (int64_t)f.connections),
	                        log_number("requests", (int64_t)f.requests), log_number("history", (int64_t)f.history)));
	for (int i = 0; i < LISTENERS; i++)
		logger_write(s->logger, LOG_INFO, "listening",
		             LOG_FIELDS(log_text("listener", names[i]), log_text("address", text[i])));
}

static bool open_workers(struct server *s, char *error, size_t size)
{
	struct keys keys;
	bool good = keys_load(&keys, s->options, error, size);

	s->worker = good ? calloc(s->workers, sizeof *s->worker) : NULL;
	for (unsigned i = 0; s->worker && good && i < s->workers; i++) {
		good = worker_open(&s->worker[i], s, i);
		s->worker[i].secrets = keyring_hold(keys.secrets);
		s->worker[i].api_keys = keys.api ? keyring_hold(keys.api) : NULL;
		if (!good)
			(void)snprintf(error, size, "cannot make worker %u: %s", i, strerror(errno));
	}
	if (good)
		keys_look_at(&keys, s->options, s->logger);
	keys_release(&keys);
	return s->worker && good;
}

/* ---- running */

static void reload_keys(struct server *s)
{
	char error[512];
	struct keys keys;

	if (!keys_reload(&keys, s->options, error, sizeof error)) {
		logger_write(s->logger, LOG_ERROR, "reload_failed", LOG_FIELDS(log_text("reason", error)));
		return;
	}
	for (unsigned i = 0; i < s->workers; i++)
		worker_reload(&s->worker[i], keys.secrets ? keyring_hold(keys.secrets) : NULL,
		              keys.api ? keyring_hold(keys.api) : NULL);
	keys_look_at(&keys, s->options, s->logger);
	keys_release(&keys);
	logger_write(s->logger, LOG_INFO, "reloaded", NULL);
}

static bool run_workers(struct server *s)
{
	atomic_store(&s->running, s->workers);
	s->main_thread = pthread_self();
	for (unsigned i = 0; i < s->workers; i++)
		if (pthread_create(&s->worker[i].thread, NULL, worker_run, &s->worker[i]) != 0)
			return false;
	return true;
}

static void begin_drain(struct server *s, const struct supervisor *supervisor)
{
	supervisor_tell_stopping(supervisor);
	logger_write(s->logger, LOG_INFO, "draining", LOG_FIELDS(log_number("streams", hub_presence(s->hub).streams)));
	atomic_store(&s->draining, clock_monotonic());
	for (unsigned i = 0; i < s->workers; i++)
		worker_wake(&s->worker[i]);
}

/* Until the workers have drained. A second TERM or INT ends at once. */
static void serve_signals(struct server *s, const struct supervisor *supervisor, const sigset_t *signals)
{
	while (atomic_load(&s->running)) {
		int signal_number;

		if (sigwait(signals, &signal_number) != 0)
			continue;
		if (signal_number == SIGHUP) {
			supervisor_tell_reloading(supervisor);
			reload_keys(s);
			supervisor_tell_ready(supervisor);
		} else if (signal_number != SIGUSR1 && atomic_load(&s->draining)) {
			_exit(EXIT_FAILURE);
		} else if (signal_number != SIGUSR1) {
			begin_drain(s, supervisor);
		}
	}
}

/*
 * The signals that main waits for: blocked in every thread. A pipe that nobody reads is an error, not an end, and so is a
 * file that may not grow (RLIMIT_FSIZE).
 */
static void block_signals(sigset_t *signals)
{
	(void)sigemptyset(signals);
	(void)sigaddset(signals, SIGTERM);
	(void)sigaddset(signals, SIGINT);
	(void)sigaddset(signals, SIGHUP);
	(void)sigaddset(signals, SIGUSR1);
	(void)pthread_sigmask(SIG_BLOCK, signals, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN);
}

/* From here on nobody waits for signals, but what is left to do may wait for a disk: another one ends that. */
static void let_signals_end(void)
{
	sigset_t ending;

	(void)sigemptyset(&ending);
	(void)sigaddset(&ending, SIGTERM);
	(void)sigaddset(&ending, SIGINT);
	(void)pthread_sigmask(SIG_UNBLOCK, &ending, NULL);
}

static void close_server(struct server *s)
{
	listeners_close(s);
	if (s->hub)
		hub_close(s->hub);
	for (unsigned i = 0; s->worker && i < s->workers; i++)
		worker_close(&s->worker[i]);
	free(s->worker);
	peers_close(s->peers);
	logger_close(s->logger);
}

/* Root is left between what only root may do, ports and keys, and what is to be the user's. */
static bool start(struct server *s, const struct supervisor *supervisor, listeners_text text, char *error, size_t size)
{
	const struct options *o = s->options;

	s->logger = logger_open(o->log_level, o->log_format);
	return s->logger &&
	       listeners_inherit(s, supervisor, text, error, size) && /* before it opens anything */
	       raise_descriptor_limit(s, error, size) &&
	       open_peers(s, error, size) &&
	       open_hub(s, error, size) &&
	       open_workers(s, error, size) && /* with the keys */
	       listeners_open(s, false, text, error, size) &&
	       leave_root(s, error, size) &&
	       listeners_open(s, true, text, error, size) &&
	       open_journal(s, error, size) &&
	       (!o->demo || demo_print(o, text[LISTENER_PUBLIC], text[LISTENER_API]));
}

/* From the first thread to the last. */
static void run(struct server *s, const struct supervisor *supervisor, const sigset_t *signals)
{
	if (!run_workers(s)) {
		(void)complain(EXIT_FAILURE, "cannot start a thread");
		_exit(EXIT_FAILURE); /* and the threads with it */
	}
	supervisor_tell_ready(supervisor);
	serve_signals(s, supervisor, signals);
	for (unsigned i = 0; i < s->workers; i++)
		(void)pthread_join(s->worker[i].thread, NULL);
	let_signals_end();
	logger_write(s->logger, LOG_INFO, "stopped", NULL);
}

static int serve(const struct options *o)
{
	struct server s = {.options = o, .listener = {-1, -1}, .workers = o->workers ? (unsigned)o->workers : count_cores(),
	                   .started = clock_monotonic(), .born = clock_today()};
	char error[512] = "no memory, or no thread";
	listeners_text text;
	struct supervisor supervisor;
	sigset_t signals;
	bool good;

	if (!o->core_dumps)
		secrecy_begin();
	supervisor_read(&supervisor);
	block_signals(&signals);
	good = start(&s, &supervisor, text, error, sizeof error);
	keys_forget(o);
	if (good) {
		log_started(&s, text);
		run(&s, &supervisor, &signals);
	}
	close_server(&s);
	return good ? EXIT_SUCCESS : complain(EXIT_FAILURE, error);
}

/*
 * Descriptors 0 to 2 are those that they are taken for, also when whoever started this closed them. (Only then is there a
 * need for /dev/null.)
 */
static bool hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && file_open(AT_FDCWD, "/dev/null", O_RDWR, 0) != fd)
			return false;
	return true;
}

int main(int argc, char **argv)
{
	struct options o;
	struct demo_keys made;
	enum options_result asked;
	char error[512];
	const char *uid;

	if (!hold_standard_descriptors())
		return complain(EXIT_FAILURE, "cannot open /dev/null");
	asked = options_read(&o, argc, argv, &uid, error, sizeof error);
	if (asked == OPTIONS_WRONG || !options_check(&o, asked, error, sizeof error))
		return complain(EXIT_USAGE, error);
	switch (asked) {
	case OPTIONS_HELP:
		options_help();
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	case OPTIONS_VERSION:
		(void)printf("pushsse %s\n", PUSHSSE_VERSION);
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	case OPTIONS_JOURNAL:
		return journal_check(argv[3], strcmp(argv[2], "repair") == 0);
	case OPTIONS_HEALTH:
		return health_check(o.listen);
	case OPTIONS_TOKEN:
		return print_token(&o, uid);
	default:
		return o.demo && !demo_begin(&o, &made, error, sizeof error) ? complain(EXIT_USAGE, error) : serve(&o);
	}
}
