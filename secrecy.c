/*
 * secrecy.c: see secrecy.h. prctl() is Linux's alone: the limit for core dumps that POSIX has does not hold for those that
 * Linux pipes to a program (core(5)), and keeps no debugger of the same user out.
 */
#include "secrecy.h"

#include <sys/resource.h>

#ifdef __linux__
#include <sys/prctl.h>

static void become_undumpable(void)
{
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* cannot fail with these */
}
#else
static void become_undumpable(void)
{
}
#endif

void secrecy_begin(void)
{
	static const struct rlimit none = {0, 0};

	(void)setrlimit(RLIMIT_CORE, &none); /* lowering a limit is always allowed */
	become_undumpable();
}
