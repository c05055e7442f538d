/*
 * storm.h: everyone comes back at once. All streams are closed, messages are published meanwhile, then all are opened
 * again with their cursors; measured is the time from the first connect to the last message caught up with.
 */
#ifndef STORM_H
#define STORM_H

#include "trial.h"

enum { STORM_WINDOW = 1024 }; /* requests that are unanswered at a time: half of what listen() takes, at the least */

/* Gives each stream a cursor by a first message, closes all, publishes what they miss. False with the reason. */
bool storm_prepare(struct trial *trial);
/* Opens them again and reads until all is there. */
bool storm_run(struct trial *trial);

#endif
