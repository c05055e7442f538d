/* wipe.c: see wipe.h */
#include "wipe.h"

#include <string.h>

/* Volatile: the compiler cannot know that this is memset(), and so not that nobody reads what it writes. */
static void *(*const volatile set)(void *, int, size_t) = memset;

void wipe(void *secret, size_t len)
{
	if (len != 0)
		(void)set(secret, 0, len);
}
