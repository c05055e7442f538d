/*
 * utf8.h: is it UTF-8? (RFC 3629, Unicode 15 table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF)
 *
 * Pure, any thread.
 */
#ifndef UTF8_H
#define UTF8_H

#include "slice.h"

bool utf8_is_valid(struct slice text);
/* Bytes of the sequence that the text (not empty) begins with; 0 when it is ill-formed. */
size_t utf8_sequence(struct slice text);
/* Writes the code point (a scalar value) to out, 1..4 bytes; answers how many. */
size_t utf8_encode(unsigned long code_point, char out[4]);

#endif
