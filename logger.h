/*
 * logger.h: one line an event to stderr, key=value or JSON, by a thread of its own.
 *
 * A worker never waits for whoever reads stderr: lines go into a ring of LOGGER_RING bytes, and when that is full
 * they are dropped and counted, which the next line that fits says. Any thread may log. Nothing secret may be given
 * to it: a stream is named by its uid and the first 8 hex digits of its token's SHA-256.
 */
#ifndef LOGGER_H
#define LOGGER_H

#include "logline.h"

enum { LOGGER_RING = 256 * 1024 }; /* bytes waiting to be written */

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct logger;

/* What an event is told with. */
struct log_field {
	const char *key;
	struct slice text; /* NULL: it is a number */
	int64_t number;
};

static inline struct log_field log_slice(const char *key, struct slice text)
{
	return (struct log_field){key, text, 0};
}

static inline struct log_field log_text(const char *key, const char *text)
{
	return log_slice(key, slice_of(text));
}

static inline struct log_field log_number(const char *key, int64_t number)
{
	return (struct log_field){key, {NULL, 0}, number};
}

static inline struct log_field log_none(void)
{
	return (struct log_field){NULL, {NULL, 0}, 0};
}

/* The fields of one call: up to log_none(), which may stand in place of the last. */
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, log_none()})

/* NULL without memory or thread. */
struct logger *logger_open(enum log_level level, enum log_format format);
/* Writes what waits, for a second at most when nobody reads, and frees it. NULL is allowed. */
void logger_close(struct logger *l);
bool logger_wants(const struct logger *l, enum log_level level);
/* A line of time, level, event and fields (LOG_FIELDS, NULL for none). The event is one word. */
void logger_write(struct logger *l, enum log_level level, const char *event, const struct log_field *field);

#endif
