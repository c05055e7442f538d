/*
 * listeners.h: the sockets of the server's two listeners: made here, or passed by a supervisor. For main.
 */
#ifndef LISTENERS_H
#define LISTENERS_H

#include "address.h"
#include "server.h"
#include "supervisor.h"

typedef char listeners_text[LISTENERS][ADDRESS_TEXT]; /* what each is bound to */

/*
 * Takes over what the supervisor has passed: the sockets named "public" and "api"; others in this order. They go before
 * --listen and --api-listen. False with an error: there are too many, two for one listener, or one is not a listening
 * stream socket.
 */
bool listeners_inherit(struct server *s, const struct supervisor *from, listeners_text text, char *error, size_t size);
/* Opens what was not passed: unix sockets, or the others. False with an error that names the option. */
bool listeners_open(struct server *s, bool unix_ones, listeners_text text, char *error, size_t size);
/* Closes them, and removes the files of unix sockets that were made here. */
void listeners_close(struct server *s);

#endif
