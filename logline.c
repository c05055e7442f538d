/* logline.c: see logline.h */
#include "logline.h"

#include <inttypes.h>
#include <stdio.h>

#include "utf8.h"

enum { ENDING = 2 }; /* bytes that are kept for what ends a line: a brace and a newline */

static void put(struct log_line *line, const char *bytes, size_t len)
{
	line->full |= len > sizeof line->at - ENDING - line->len;
	if (line->full)
		return;
	memcpy(line->at + line->len, bytes, len);
	line->len += len;
}

static void put_text(struct log_line *line, const char *text)
{
	put(line, text, strlen(text));
}

static void begin_key(struct log_line *line, const char *key)
{
	bool json = line->format == LOG_JSON, first = line->len == json;

	put_text(line, first ? "" : json ? "," : " ");
	put_text(line, json ? "\"" : "");
	put_text(line, key);
	put_text(line, json ? "\":" : "=");
}

/* Takes back what did not find room, from `start` on. */
static void end_key(struct log_line *line, size_t start)
{
	if (line->full)
		line->len = start;
	line->full = false;
}

/* A byte that is not to stand there: a control byte, or none of UTF-8. */
static void put_escaped(struct log_line *line, unsigned char byte)
{
	char text[8];

	if (line->format == LOG_TEXT)
		(void)snprintf(text, sizeof text, "\\x%02x", byte);
	else
		(void)snprintf(text, sizeof text, "\\u%04x", byte < 0x80 ? byte : 0xfffdU);
	put_text(line, text);
}

static void put_quoted(struct log_line *line, struct slice value)
{
	size_t len;

	put_text(line, "\"");
	for (size_t done = 0; done < value.len && done < LOG_VALUE_MAX; done += len ? len : 1) {
		const char *at = value.at + done;

		len = utf8_sequence((struct slice){at, value.len - done});
		if (len == 0 || (unsigned char)*at < 0x20 || *at == 0x7f) {
			put_escaped(line, (unsigned char)*at);
			continue;
		}
		put(line, "\\", *at == '"' || *at == '\\');
		put(line, at, len);
	}
	put_text(line, "\"");
}

static bool is_plain(struct slice text)
{
	static const char plain[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._:@/+-";

	for (size_t i = 0; i < text.len; i++)
		if (!text.at[i] || !strchr(plain, text.at[i]))
			return false;
	return text.len > 0 && text.len <= LOG_VALUE_MAX;
}

void log_line_begin(struct log_line *line, enum log_format format)
{
	line->format = format;
	line->full = false;
	line->len = 0;
	put_text(line, format == LOG_JSON ? "{" : "");
}

void log_line_text(struct log_line *line, const char *key, struct slice value)
{
	size_t start = line->len;

	begin_key(line, key);
	if (line->format == LOG_TEXT && is_plain(value))
		put(line, value.at, value.len);
	else
		put_quoted(line, value);
	end_key(line, start);
}

void log_line_number(struct log_line *line, const char *key, int64_t value)
{
	size_t start = line->len;
	char text[24];

	(void)snprintf(text, sizeof text, "%" PRId64, value);
	begin_key(line, key);
	put_text(line, text);
	end_key(line, start);
}

void log_line_end(struct log_line *line)
{
	if (line->format == LOG_JSON)
		line->at[line->len++] = '}';
	line->at[line->len++] = '\n';
}
