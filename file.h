/*
 * file.h: opening, reading and syncing files, where a signal may interrupt and a read may give less than was asked for.
 */
#ifndef FILE_H
#define FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* openat(); AT_FDCWD for a name by itself. -1 with errno. */
int file_open(int directory, const char *name, int flags, mode_t mode);
/*
 * The same to read what is a regular file: opening or reading anything else, a pipe or a device, may wait for ever. Tells
 * its status, unless that is NULL. -1 with errno, which is 0 for such a one.
 */
int file_open_regular(int directory, const char *name, int flags, struct stat *status);
/* Reads until the end or until `len` bytes are there. Answers the bytes, or -1 with errno. */
ssize_t file_read(int fd, void *at, size_t len);
/* fsync(). False with errno. */
bool file_sync(int fd);

#endif
