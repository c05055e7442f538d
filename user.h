/*
 * user.h: becoming another user than root, for good.
 *
 * For main, at start. Names are looked up in /etc/passwd and /etc/group by hand: getpwnam() of a static binary loads
 * libraries at run time, or does not work at all.
 */
#ifndef USER_H
#define USER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct user {
	uid_t uid; /* never 0 */
	gid_t gid;
};

/* Where names are looked up. */
struct user_files {
	const char *passwd, *group;
};

/*
 * "NAME[:GROUP]", each a name or a number; without a group it is the user's own. False with one line in `error`: there is
 * none of that name, its number is no number, or it is root.
 */
bool user_find(struct user *u, const char *text, const struct user_files *files, char *error, size_t size);
/* Makes the directory, 0700 and theirs, when there is none; one that is there stays as it is. */
bool user_make_directory(const struct user *u, const char *path, char *error, size_t size);
/*
 * Becomes that user, without any other group, and sees to it that there is no way back. Nothing to do for a process that
 * is that user already. False with an error: it goes on as root then, and should end.
 */
bool user_become(const struct user *u, char *error, size_t size);

#endif
