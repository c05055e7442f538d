/*
 * clock.h: the two clocks, in milliseconds. Any thread.
 *
 * All timing is monotonic, so that a jump of the day's time moves no deadline. The day's time is for tokens and log
 * lines.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include <stdint.h>

int64_t clock_monotonic(void); /* greater than 0 */
int64_t clock_today(void);     /* since 1970, UTC */

#endif
