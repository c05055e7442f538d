/*
 * hash.h: SipHash-1-3 (Aumasson and Bernstein, 2012): a keyed hash, so that nobody outside can choose names that
 * collide.
 *
 * Pure, any thread.
 */
#ifndef HASH_H
#define HASH_H

#include <stdint.h>

#include "slice.h"

uint64_t hash_bytes(const uint64_t key[2], struct slice bytes);

#endif
