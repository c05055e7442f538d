/*
 * wipe.h: overwriting what was secret, for good. Pure, any thread.
 */
#ifndef WIPE_H
#define WIPE_H

#include <stddef.h>

/* Zeros, that no compiler leaves out as it may leave out a memset() before free(). */
void wipe(void *secret, size_t len);

#endif
