/*
 * buffer.h: bytes that grow, up to a bound.
 *
 * For one thread at a time; the owner frees it with buffer_free(). A buffer that ran out of memory or over its bound
 * says so in `failed`, once and for good: writers need not check each call, only the end result.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stdint.h>

#include "slice.h"

struct buffer {
	char *at;
	size_t len, cap; /* bytes used, bytes allocated */
	size_t max;      /* bytes it may hold; 0 = no bound of its own */
	size_t secret;   /* bytes at its front that are wiped before their memory is given back; 0 = nothing in it is secret */
	bool failed;     /* something did not fit: what it holds is not to be used */
};

/* Makes room for `more` bytes after len. False (and failed) when there is none. */
bool buffer_reserve(struct buffer *b, size_t more);
void buffer_add(struct buffer *b, const void *bytes, size_t len);
void buffer_add_slice(struct buffer *b, struct slice text);
static inline void buffer_add_text(struct buffer *b, const char *text)
{
	buffer_add(b, text, strlen(text)); /* inline: of most texts it is known when they are compiled */
}
/* In decimal digits. */
void buffer_add_number(struct buffer *b, uint64_t number);
/* Formats as printf does. One call adds at most 1,023 bytes; more sets failed. */
void buffer_printf(struct buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Forgets n bytes behind the first `from`, which are there; the rest moves up. With secrets, no other copy is left of either. */
void buffer_remove(struct buffer *b, size_t from, size_t n);
/* The same of the first n. */
void buffer_consume(struct buffer *b, size_t n);
/* Gives the memory back; the buffer is empty, sound and usable again, its bound and its secrecy kept. */
void buffer_free(struct buffer *b);

#endif
