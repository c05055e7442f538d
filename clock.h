/*
 * clock.h: the two clocks, in milliseconds where nothing else is said. Any thread.
 *
 * All timing is monotonic, so that a jump of the day's time moves no deadline. The day's time is for tokens and log
 * lines.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

int64_t clock_monotonic(void); /* greater than 0 */
int64_t clock_today(void);     /* since 1970, UTC */
/* Monotonic time in microseconds, greater than 0: for figures alone, no deadline is in them. */
int64_t clock_microseconds(void);

/*
 * A condition whose timed waits count by the monotonic clock, so that nobody waits for an hour when the day's is set
 * back. False as pthread_cond_init() fails.
 */
bool clock_condition(pthread_cond_t *condition);

#endif
