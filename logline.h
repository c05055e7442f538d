/*
 * logline.h: one line of the log: keys with values, as key=value or as a JSON object. Pure.
 *
 * Whatever bytes a value has, the line is one line, and can be read back: in JSON, bytes that are no UTF-8 become
 * U+FFFD, in key=value \xHH. A value is cut after LOG_VALUE_MAX bytes, a key that finds no room is left out.
 */
#ifndef LOGLINE_H
#define LOGLINE_H

#include <stdint.h>

#include "slice.h"

enum {
	LOG_LINE_MAX = 4096, /* bytes of a line */
	LOG_VALUE_MAX = 256  /* bytes of a value, before they are escaped */
};

enum log_format { LOG_TEXT, LOG_JSON };

struct log_line {
	enum log_format format;
	bool full; /* the key under way has found no room */
	size_t len;
	char at[LOG_LINE_MAX];
};

/* Keys are plain words. */
void log_line_begin(struct log_line *line, enum log_format format);
void log_line_text(struct log_line *line, const char *key, struct slice value);
void log_line_number(struct log_line *line, const char *key, int64_t value);
/* Its last byte is a newline then. */
void log_line_end(struct log_line *line);

#endif
