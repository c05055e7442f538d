/*
 * meter.h: what a server costs, seen from outside: CPU time and memory of its processes.
 *
 * CPU is the scheduler's own count in nanoseconds, user and system, over all threads; not the ticks of
 * /proc/PID/stat, which are too coarse for runs of a second. Memory is Pss of smaps_rollup: everything resident, with
 * pages that several processes share counted once. Kernel memory (socket buffers) is not in it.
 */
#ifndef METER_H
#define METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum { METER_MAX = 32 }; /* processes; a server with more is not for this machine */

struct meter {
	size_t count;
	pid_t pid[METER_MAX];
	clockid_t clock[METER_MAX];
};

/* False when there is no such process or no room. */
bool meter_add(struct meter *meter, pid_t pid);
/* Sums over all processes; -1 when one of them is gone. */
int64_t meter_cpu_ns(const struct meter *meter);
int64_t meter_memory(const struct meter *meter);
/* The most that was ever resident; pages that processes share count for each. */
int64_t meter_peak(const struct meter *meter);
/* The same for this process. */
int64_t meter_own_cpu_ns(void);

#endif
