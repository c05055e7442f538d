/*
 * health.h: `pushsse health`: is a server well? For containers, which have no curl.
 */
#ifndef HEALTH_H
#define HEALTH_H

/*
 * Asks the public listener at a good address for /healthz, and prints what it says, or what is wrong. 0: it is well, 1: it
 * is not, or does not answer within some seconds.
 */
int health_check(const char *address);

#endif
