/* logger.c: see logger.h */
#include "logger.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"

struct logger {
	enum log_level level;
	enum log_format format;
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

struct logger *logger_open(enum log_level level, enum log_format format)
{
	struct logger *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->level = level;
	l->format = format;
	if (pthread_mutex_init(&l->lock, NULL) != 0)
		goto no_lock;
	if (!clock_condition(&l->changed))
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
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
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

/* Begins a line with the time, as 2026-01-31T12:34:56.789Z, level and event. */
static void begin(const struct logger *l, struct log_line *line, enum log_level level, const char *event)
{
	static const char *const names[] = {"error", "warn", "info", "debug"};
	int64_t now = clock_today();
	time_t seconds = (time_t)(now / 1000);
	struct tm utc;
	char time[40];
	size_t len;

	(void)gmtime_r(&seconds, &utc);
	len = strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &utc);
	(void)snprintf(time + len, sizeof time - len, ".%03dZ", (int)(now % 1000));
	log_line_begin(line, l->format);
	log_line_text(line, "time", slice_of(time));
	log_line_text(line, "level", slice_of(names[level]));
	log_line_text(line, "event", slice_of(event));
}

/* Under the lock: says how many lines were dropped, when there is room for that and `more` bytes. */
static void push_dropped(struct logger *l, size_t more)
{
	struct log_line line;

	if (!l->dropped || LOGGER_RING - l->count < sizeof line.at + more)
		return;
	begin(l, &line, LOG_WARN, "log_dropped");
	log_line_number(&line, "lines", (int64_t)l->dropped);
	log_line_end(&line);
	push(l, line.at, line.len);
	l->dropped = 0;
}

void logger_write(struct logger *l, enum log_level level, const char *event, const struct log_field *field)
{
	struct log_line line;

	if (!logger_wants(l, level))
		return;
	begin(l, &line, level, event);
	for (; field && field->key; field++) {
		if (field->text.at)
			log_line_text(&line, field->key, field->text);
		else
			log_line_number(&line, field->key, field->number);
	}
	log_line_end(&line);

	pthread_mutex_lock(&l->lock);
	push_dropped(l, line.len);
	if (!l->dropped && LOGGER_RING - l->count >= line.len)
		push(l, line.at, line.len);
	else
		l->dropped++;
	pthread_cond_signal(&l->changed);
	pthread_mutex_unlock(&l->lock);
}
