/*
 * random.h: random bytes from the system, good enough for keys. Blocks: for start.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* Fills `out`. False with errno when /dev/urandom is not to be had. */
bool random_read(void *out, size_t len);

#endif
