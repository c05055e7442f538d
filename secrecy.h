/*
 * secrecy.h: keeps the process's memory, with its keys and messages, to itself.
 */
#ifndef SECRECY_H
#define SECRECY_H

/*
 * No core dumps; and on Linux nobody but root may trace it or look into it. For main, at start, and again after a change
 * of user, which may undo it.
 */
void secrecy_begin(void);

#endif
