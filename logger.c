/* logger.c: see logger.h */
#include "logger.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

struct logger {
	enum log_level level;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;  /* something came, or something was written, or it is to stop */
	size_t first, count;     /* of the ring: bytes waiting */
	uint64_t dropped;        /* lines, since the last that fitted */
	bool stopping, stopped;
	char ring[LOGGER_RING];
};

static void write_all(const char *at, size_t len)
{
	while (len) {
		ssize_t n = write(STDERR_FILENO, at, len);

		if (n < 0 && errno == EAGAIN)
			(void)nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL); /* whoever reads it is slow */
		else if (n < 0 && errno != EINTR)
			return; /* stderr is gone: nobody is left to be told */
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
}

static void *run(void *context)
{
	struct logger *l = context;

	pthread_mutex_lock(&l->lock);
	while (l->count || !l->stopping) {
		size_t part = l->count < LOGGER_RING - l->first ? l->count : LOGGER_RING - l->first;

		if (!part) {
			pthread_cond_wait(&l->changed, &l->lock);
			continue;
		}
		pthread_mutex_unlock(&l->lock);
		write_all(l->ring + l->first, part); /* nobody else touches what waits */
		pthread_mutex_lock(&l->lock);
		l->first = (l->first + part) % LOGGER_RING;
		l->count -= part;
	}
	l->stopped = true;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

struct logger *logger_open(enum log_level level)
{
	struct logger *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->level = level;
	if (pthread_mutex_init(&l->lock, NULL) != 0)
		goto no_lock;
	if (pthread_cond_init(&l->changed, NULL) != 0)
		goto no_condition;
	if (pthread_create(&l->thread, NULL, run, l) != 0)
		goto no_thread;
	return l;
no_thread:
	pthread_cond_destroy(&l->changed);
no_condition:
	pthread_mutex_destroy(&l->lock);
no_lock:
	free(l);
	return NULL;
}

void logger_close(struct logger *l)
{
	struct timespec until;
	bool stopped;

	if (!l)
		return;
	(void)clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec++;
	pthread_mutex_lock(&l->lock);
	l->stopping = true;
	pthread_cond_broadcast(&l->changed);
	while (!l->stopped && pthread_cond_timedwait(&l->changed, &l->lock, &until) != ETIMEDOUT)
		;
	stopped = l->stopped;
	pthread_mutex_unlock(&l->lock);
	if (!stopped)
		return; /* its thread hangs in write(): it and its memory go with the process */
	pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

bool logger_wants(const struct logger *l, enum log_level level)
{
	return level <= l->level;
}

/* Under the lock; there is room. */
static void push(struct logger *l, const char *line, size_t len)
{
	size_t at = (l->first + l->count) % LOGGER_RING;
	size_t part = len < LOGGER_RING - at ? len : LOGGER_RING - at;

	memcpy(l->ring + at, line, part);
	memcpy(l->ring, line + part, len - part);
	l->count += len;
}

/* Writes "time=2026-01-31T12:34:56.789Z level=info "; answers its length. */
static size_t write_prefix(char *line, size_t size, enum log_level level)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	int64_t now = clock_today();
	time_t seconds = (time_t)(now / 1000);
	struct tm utc;
	size_t len;

	(void)gmtime_r(&seconds, &utc);
	len = strftime(line, size, "time=%Y-%m-%dT%H:%M:%S", &utc);
	return len + (size_t)snprintf(line + len, size - len, ".%03dZ level=%s ", (int)(now % 1000), names[level]);
}

void logger_write(struct logger *l, enum log_level level, const char *format, ...)
{
	char line[LOGGER_LINE];
	size_t len;
	int text;
	va_list arguments;

	if (!logger_wants(l, level))
		return;
	len = write_prefix(line, sizeof line, level);
	va_start(arguments, format);
	text = vsnprintf(line + len, sizeof line - len - 1, format, arguments);
	va_end(arguments);
	if (text < 0)
		return;
	len = len + (size_t)text < sizeof line - 1 ? len + (size_t)text : sizeof line - 2;
	line[len++] = '\n';

	pthread_mutex_lock(&l->lock);
	if (l->dropped && LOGGER_RING - l->count >= 2 * sizeof line) {
		char note[LOGGER_LINE];
		size_t start = write_prefix(note, sizeof note, LOG_WARN);

		push(l, note, start + (size_t)snprintf(note + start, sizeof note - start, "event=log_dropped lines=%llu\n",
		                                       (unsigned long long)l->dropped));
		l->dropped = 0;
	}
	if (!l->dropped && LOGGER_RING - l->count >= len)
		push(l, line, len);
	else
		l->dropped++;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

static bool is_plain(struct slice text)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._:@/+-";

	for (size_t i = 0; i < text.len; i++)
		if (!text.at[i] || !strchr(plain, text.at[i]))
			return false;
	return true;
}

const char *log_value(char out[LOG_VALUE_MAX], struct slice text)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = text.len < 256 ? text.len : 256;
	char *to = out;

	if (text.len && is_plain(text)) {
		memcpy(out, text.at, len);
		out[len] = '\0';
		return out;
	}
	*to++ = '"';
	for (const char *at = text.at; at < text.at + len; at++) {
		unsigned char byte = (unsigned char)*at;

		if (byte == '"' || byte == '\\') {
			*to++ = '\\';
			*to++ = (char)byte;
		} else if (byte < 0x20 || byte == 0x7f) {
			*to++ = '\\';
			*to++ = 'x';
			*to++ = hex[byte >> 4];
			*to++ = hex[byte & 15];
		} else {
			*to++ = (char)byte;
		}
	}
	*to++ = '"';
	*to = '\0';
	return out;
}
