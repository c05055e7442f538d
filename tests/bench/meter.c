#include "meter.h"

#include <stdio.h>

static int64_t read_clock(clockid_t clock)
{
	struct timespec t;

	if (clock_gettime(clock, &t) != 0)
		return -1;
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Of a line "Name: 123 kB" in /proc/PID/file, in bytes; format has the name. */
static int64_t read_memory(pid_t pid, const char *name, const char *format)
{
	char path[64], line[256];
	long kilobytes = -1;
	FILE *file;

	(void)snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name); /* fits */
	file = fopen(path, "r");
	if (!file)
		return -1;
	while (kilobytes < 0 && fgets(line, sizeof(line), file))
		(void)sscanf(line, format, &kilobytes); /* other lines leave it alone */
	(void)fclose(file); /* only read from */
	return kilobytes < 0 ? -1 : (int64_t)kilobytes * 1024;
}

bool meter_add(struct meter *meter, pid_t pid)
{
	if (pid <= 0 || meter->count == METER_MAX || clock_getcpuclockid(pid, &meter->clock[meter->count]) != 0)
		return false;
	meter->pid[meter->count++] = pid;
	return true;
}

int64_t meter_cpu_ns(const struct meter *meter)
{
	int64_t sum = 0;

	for (size_t i = 0; i < meter->count; i++) {
		int64_t one = read_clock(meter->clock[i]);

		if (one < 0)
			return -1;
		sum += one;
	}
	return sum;
}

static int64_t sum_of(const struct meter *meter, const char *name, const char *format)
{
	int64_t sum = 0;

	for (size_t i = 0; i < meter->count; i++) {
		int64_t one = read_memory(meter->pid[i], name, format);

		if (one < 0)
			return -1;
		sum += one;
	}
	return sum;
}

int64_t meter_memory(const struct meter *meter)
{
	return sum_of(meter, "smaps_rollup", "Pss: %ld kB");
}

int64_t meter_peak(const struct meter *meter)
{
	return sum_of(meter, "status", "VmHWM: %ld kB");
}

int64_t meter_own_cpu_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}
