/*
 * crc32c.h: CRC-32C (Castagnoli; RFC 3720 appendix B.4), by tables, 8 bytes at a time.
 *
 * Any thread: the tables are made once, with the first call.
 */
#ifndef CRC32C_H
#define CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of what `crc` is the sum of, followed by these bytes; 0 is the sum of nothing. */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t len);

#endif
