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

bool clock_condition(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;
	bool made;

	if (pthread_condattr_init(&attributes) != 0)
		return false;
	made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 && pthread_cond_init(condition, &attributes) == 0;
	(void)pthread_condattr_destroy(&attributes); /* cannot fail with a good one */
	return made;
}

int64_t clock_today(void)
{
	return milliseconds(CLOCK_REALTIME);
}
