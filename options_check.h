/*
 * options_check.h: what the table of options cannot say of one alone: words, addresses, and what several say together.
 *
 * For main, at start. Looks at --www on the disk.
 */
#ifndef OPTIONS_CHECK_H
#define OPTIONS_CHECK_H

#include "options.h"

/*
 * Checks what was read for a command, and fills in what words stand for (log_level, sync, proxies). False with one line
 * in `error` that names the option. Nothing to do for a command that takes no options.
 */
bool options_check(struct options *o, enum options_result asked, char *error, size_t size);

#endif
