/*
 * logger.h: one line an event, key=value, to stderr, by a thread of its own.
 *
 * A worker never waits for whoever reads stderr: lines go into a ring of LOGGER_RING bytes, and when that is full
 * they are dropped and counted, which the next line that fits says. Any thread may log. Nothing secret may be given
 * to it: a stream is named by its uid and the first 8 hex digits of its token's SHA-256.
 */
#ifndef LOGGER_H
#define LOGGER_H

#include "slice.h"

enum {
	LOGGER_RING = 256 * 1024, /* bytes waiting to be written */
	LOGGER_LINE = 1024        /* bytes of a line; a longer one is cut */
};

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct logger;

/* NULL without memory or thread. */
struct logger *logger_open(enum log_level level);
/* Writes what waits, for a second at most when nobody reads, and frees it. NULL is allowed. */
void logger_close(struct logger *l);
bool logger_wants(const struct logger *l, enum log_level level);
/* The line's time and level come before the text, which is `event=name key=value ...`. */
void logger_write(struct logger *l, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum { LOG_VALUE_MAX = 4 * 256 + 3 };
/* Makes a value of any bytes: as they are when they are plain, else in quotes with escapes. Answers `out`. */
const char *log_value(char out[LOG_VALUE_MAX], struct slice text);

#endif
