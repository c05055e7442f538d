/* clock.c: see clock.h. Neither call fails with these clocks and a good pointer (POSIX clock_gettime). */
#include "clock.h"

#include <time.h>

static int64_t milliseconds(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_monotonic(void)
{
	return milliseconds(CLOCK_MONOTONIC) + 1;
}

int64_t clock_microseconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000 + 1;
}

int64_t clock_today(void)
{
	return milliseconds(CLOCK_REALTIME);
}
