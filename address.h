/*
 * address.h: where to listen: "host:port", "[ipv6]:port" with numbers for hosts, or "unix:/path".
 *
 * For start and end; blocks at most for a look at a unix socket.
 */
#ifndef ADDRESS_H
#define ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/time.h>
#include <sys/types.h>

enum { ADDRESS_TEXT = 160 }; /* bytes that any address takes as text */

/*
 * Opens a listening, non-blocking socket at a good address. -1 with one line in `error` that names the address.
 * `text` gets what it is bound to, with the port that the system chose for port 0. [::] takes IPv4 as well. A unix
 * socket that nobody listens on any more is replaced; its file gets `mode`, or what the umask leaves when that is 0.
 */
int address_listen(const char *address, mode_t mode, char text[ADDRESS_TEXT], char *error, size_t size);
/*
 * The same for a socket that somebody else has bound, and that listens: sees to it that it does not block. False with
 * an error when it is something else.
 */
bool address_adopt(int fd, char text[ADDRESS_TEXT], char *error, size_t size);
/* Connects to who listens at a good address; each call waits so long at most. -1 with errno. */
int address_connect(const char *address, const struct timeval *patience);
/* Is it of one of these forms? */
bool address_is_good(const char *address);
bool address_is_unix(const char *address);
/* Removes the file of a unix socket; does nothing for others. */
void address_remove(const char *address);
/* Is it reached from this machine alone? */
bool address_is_local(const char *address);

#endif
