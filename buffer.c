/*
 * buffer.c: growing by doubling, so that n bytes cost O(n) however they come; and one sticky failure.
 */
#include "buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "wipe.h"

enum {
	FIRST_SIZE = 256,  /* bytes of the first allocation: most answers fit */
	PRINTF_SIZE = 1024 /* bytes that one buffer_printf() may make, its NUL included */
};

/*
 * A size that holds `need` and is at least twice the old one, but not above the bound (which need respects).
 * Doubling keeps a buffer that grows byte by byte at some twenty allocations for a megabyte.
 */
static size_t grown(const struct buffer *b, size_t need)
{
	size_t size = b->cap > SIZE_MAX / 2 ? need : b->cap * 2;

	if (size < FIRST_SIZE)
		size = FIRST_SIZE;
	if (size < need)
		size = need;
	if (b->max != 0 && size > b->max)
		size = b->max;
	return size;
}

static void give_back(const struct buffer *b)
{
	if (b->at != NULL)
		wipe(b->at, b->secret < b->cap ? b->secret : b->cap);
	free(b->at);
}

/* The same bytes with more room; NULL without memory. realloc() would leave a copy behind where it moves. */
static char *moved(const struct buffer *b, size_t size)
{
	char *at = b->secret == 0 ? realloc(b->at, size) : malloc(size);

	if (at == NULL || b->secret == 0)
		return at;
	if (b->len != 0)
		memcpy(at, b->at, b->len);
	give_back(b);
	return at;
}

bool buffer_reserve(struct buffer *b, size_t more)
{
	size_t bound = b->max != 0 ? b->max : SIZE_MAX;

	if (b->failed)
		return false;
	/* Subtracted, not added: b->len + more may not fit a size_t. */
	if (b->len > bound || more > bound - b->len) {
		b->failed = true;
		return false;
	}
	if (b->cap - b->len >= more)
		return true;

	size_t size = grown(b, b->len + more);
	char *at = moved(b, size);

	if (at == NULL) { /* what was there stays there, and is freed with the buffer */
		b->failed = true;
		return false;
	}
	b->at = at;
	b->cap = size;
	return true;
}

void buffer_add(struct buffer *b, const void *bytes, size_t len)
{
	/* memcpy() must not see the NULL of an empty buffer or of an absent slice, not even for 0 bytes. */
	if (!buffer_reserve(b, len) || len == 0)
		return;
	memcpy(b->at + b->len, bytes, len);
	b->len += len;
}

void buffer_add_slice(struct buffer *b, struct slice text)
{
	buffer_add(b, text.at, text.len);
}

void buffer_add_number(struct buffer *b, uint64_t number)
{
	char digits[20];
	size_t at = sizeof digits;

	do
		digits[--at] = (char)('0' + number % 10);
	while (number /= 10);
	buffer_add(b, digits + at, sizeof digits - at);
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	char text[PRINTF_SIZE];
	va_list arguments;

	va_start(arguments, format);
	int len = vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);

	/* Cut-off text is worse than none: a header or an id that lost its end would still look like one. */
	if (len < 0 || (size_t)len >= sizeof text)
		b->failed = true;
	else
		buffer_add(b, text, (size_t)len);
}

void buffer_remove(struct buffer *b, size_t from, size_t n)
{
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->at + from, b->at + from + n, b->len - from);
	if (b->secret != 0) /* what has moved up is still there too, perhaps behind what is wiped in the end */
		wipe(b->at + b->len, n);
}

void buffer_consume(struct buffer *b, size_t n)
{
	buffer_remove(b, 0, n);
}

void buffer_free(struct buffer *b)
{
	give_back(b);
	*b = (struct buffer){.max = b->max, .secret = b->secret};
}
