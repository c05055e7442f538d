/*
 * user.c: see user.h. setgroups() is the one call here that POSIX does not have, and the only way to leave root's groups
 * behind; every system that this is built on declares it under this macro.
 */
#define _DEFAULT_SOURCE /* NOLINT(bugprone-reserved-identifier): the name is the libcs' */
#include "user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_FIELD = 0, ID_FIELD = 2, GROUP_FIELD = 3, FIELDS = 4 };

/* Digits alone, and not (uid_t)-1, which means "as it is" to the system. */
static bool read_id(const char *text, unsigned long *id)
{
	char *end;

	errno = 0;
	*id = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *id < UINT32_MAX;
}

/* Cuts the line at its colons. False when it has fewer than `wanted` fields. */
static bool cut(char *line, char *field[FIELDS], int wanted)
{
	int count = 0;

	line[strcspn(line, "\n")] = '\0';
	while (line && count < FIELDS) {
		field[count++] = line;
		line = strchr(line, ':');
		if (line)
			*line++ = '\0';
	}
	return count >= wanted;
}

/* The number of that name in /etc/passwd or /etc/group, and with `group` the one of its group. */
static bool look_up(const char *path, const char *name, unsigned long *id, unsigned long *group)
{
	FILE *file = fopen(path, "r");
	char *line = NULL, *field[FIELDS];
	size_t room = 0;
	bool found = false, number = read_id(name, id);

	if (!file)
		return false;
	while (!found && getline(&line, &room, file) >= 0) {
		unsigned long its;

		found = cut(line, field, group ? FIELDS : ID_FIELD + 1) && read_id(field[ID_FIELD], &its) &&
		        (number ? its == *id : strcmp(field[NAME_FIELD], name) == 0) &&
		        (!group || read_id(field[GROUP_FIELD], group));
		if (found)
			*id = its;
	}
	free(line);
	(void)fclose(file); /* was only read */
	return found;
}

static bool find(struct user *u, char *name, const char *group, const struct user_files *files, char *error, size_t size)
{
	unsigned long uid, gid;
	bool number = read_id(name, &uid);

	if (!look_up(files->passwd, name, &uid, &gid) && !(number && group)) {
		(void)snprintf(error, size, number ? "--user: user %s is not in %s: give a group too, as %s:GROUP"
		                                   : "--user: there is no user '%s' in %s",
		               name, files->passwd, name);
		return false;
	}
	if (group && !read_id(group, &gid) && !look_up(files->group, group, &gid, NULL)) {
		(void)snprintf(error, size, "--user: there is no group '%s' in %s", group, files->group);
		return false;
	}
	if (uid == 0) {
		(void)snprintf(error, size, "--user: '%s' is root", name);
		return false;
	}
	*u = (struct user){(uid_t)uid, (gid_t)gid};
	return true;
}

bool user_find(struct user *u, const char *text, const struct user_files *files, char *error, size_t size)
{
	char *name = strdup(text), *colon;
	bool found;

	if (!name) {
		(void)snprintf(error, size, "--user: no memory");
		return false;
	}
	colon = strchr(name, ':');
	if (colon)
		*colon++ = '\0';
	found = find(u, name, colon, files, error, size);
	free(name);
	return found;
}

bool user_make_directory(const struct user *u, const char *path, char *error, size_t size)
{
	bool made = mkdir(path, S_IRWXU) == 0;
	int fd;

	if (!made && errno == EEXIST)
		return true;
	fd = made ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	made = fd >= 0 && fchown(fd, u->uid, u->gid) == 0;
	if (!made)
		(void)snprintf(error, size, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return made;
}

/* That user and nobody else: no way leads back to root. */
static bool is_only(const struct user *u)
{
	gid_t other;
	int groups = getgroups(1, &other);

	return getuid() == u->uid && geteuid() == u->uid && getgid() == u->gid && getegid() == u->gid &&
	       (groups == 0 || (groups == 1 && other == u->gid)) && /* some systems count the group itself */
	       setuid(0) != 0 && seteuid(0) != 0 && (u->gid == 0 || (setgid(0) != 0 && setegid(0) != 0));
}

bool user_become(const struct user *u, char *error, size_t size)
{
	if (geteuid() != 0) {
		if (getuid() == u->uid && geteuid() == u->uid && getegid() == u->gid)
			return true;
		(void)snprintf(error, size, "--user: only root can become user %lu, group %lu", (unsigned long)u->uid,
		               (unsigned long)u->gid);
		return false;
	}
	if (setgroups(0, NULL) != 0 || setgid(u->gid) != 0 || setuid(u->uid) != 0) {
		(void)snprintf(error, size, "--user: cannot become user %lu, group %lu: %s", (unsigned long)u->uid,
		               (unsigned long)u->gid, strerror(errno));
		return false;
	}
	if (is_only(u))
		return true;
	(void)snprintf(error, size, "--user: the system did not let go of root");
	return false;
}
