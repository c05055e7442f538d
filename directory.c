/* directory.c: see directory.h */
#include "directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static const char lock_name[] = "lock";

/* Whose it is, and that nobody else may write it. `name` is NULL for the directory itself. */
static bool is_private(const struct stat *status, const char *path, const char *name, char *error, size_t size)
{
	const char *slash = name ? "/" : "", *file = name ? name : "";

	if (status->st_uid != geteuid())
		(void)snprintf(error, size, "%s%s%s: belongs to another user: chown it to the one that pushsse runs as", path,
		               slash, file);
	else if (status->st_mode & (S_IWGRP | S_IWOTH))
		(void)snprintf(error, size, "%s%s%s: others may write it: chmod go-w it", path, slash, file);
	else
		return true;
	return false;
}

static bool fail(const char *path, const char *name, char *error, size_t size)
{
	(void)snprintf(error, size, "%s%s%s: %s", path, name ? "/" : "", name ? name : "", strerror(errno));
	return false;
}

/*
 * Makes its name in the directory above last, whoever made it and whenever: what is in a directory that is gone is gone
 * with it.
 */
static bool sync_parent(const struct directory *d)
{
	int parent = file_open(d->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	struct stat status;
	bool synced;

	if (parent < 0)
		return errno == EACCES; /* not ours to read: then it was not made just now, or the system has to do */
	/* A file system of its own is found by whoever mounts it. */
	synced = fstat(parent, &status) == 0 && (status.st_dev != d->device || file_sync(parent));
	(void)close(parent); /* nothing was written through it */
	return synced;
}

static bool lock(struct directory *d, bool make, char *error, size_t size)
{
	struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (make ? O_CREAT : 0);
	struct stat status;

	d->lock = file_open(d->fd, lock_name, flags, S_IRUSR | S_IWUSR);
	if (d->lock < 0 && errno == ENOENT && !make)
		return true; /* nobody was ever in it */
	if (d->lock < 0 || fstat(d->lock, &status) != 0)
		return fail(d->path, lock_name, error, size);
	if (!is_private(&status, d->path, lock_name, error, size))
		return false;
	if (fcntl(d->lock, F_SETLK, &whole) == 0)
		return true;
	if (errno != EACCES && errno != EAGAIN)
		return fail(d->path, lock_name, error, size);
	if (fcntl(d->lock, F_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
		(void)snprintf(error, size, "%s: in use by process %ld", d->path, (long)whole.l_pid);
	else
		(void)snprintf(error, size, "%s: in use by another process", d->path);
	return false;
}

bool directory_open(struct directory *d, const char *path, bool make, bool make_lock, char *error, size_t size)
{
	struct stat status;

	*d = (struct directory){.path = strdup(path), .fd = -1, .lock = -1};
	if (!d->path) {
		(void)snprintf(error, size, "%s: no memory", path);
		return false;
	}
	if (make && mkdir(path, S_IRWXU) != 0 && errno != EEXIST)
		goto failed;
	d->fd = file_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	if (d->fd < 0 || fstat(d->fd, &status) != 0)
		goto failed;
	d->device = status.st_dev;
	d->inode = status.st_ino;
	if (!is_private(&status, path, NULL, error, size))
		goto refused;
	if (make_lock && !sync_parent(d))
		goto failed;
	if (lock(d, make_lock, error, size))
		return true;
	goto refused;
failed:
	(void)fail(path, NULL, error, size);
refused:
	directory_close(d);
	return false;
}

void directory_close(struct directory *d)
{
	/* Neither was written through. */
	if (d->lock >= 0)
		(void)close(d->lock);
	if (d->fd >= 0)
		(void)close(d->fd);
	free(d->path);
	*d = (struct directory){.fd = -1, .lock = -1};
}

bool directory_is_there(const struct directory *d)
{
	struct stat status;

	return d->path && stat(d->path, &status) == 0 && status.st_dev == d->device && status.st_ino == d->inode &&
	       fstat(d->lock, &status) == 0 && status.st_nlink > 0;
}

static int by_number(const void *a, const void *b)
{
	const struct segment_file *one = a, *other = b;

	return (one->number > other->number) - (one->number < other->number);
}

/* Adds a segment of this number. False without memory. */
static bool add(struct segment_list *list, uint32_t number)
{
	/* Powers of two: grown when the count is one. */
	if ((list->count & (list->count - 1)) == 0) {
		size_t room = list->count ? list->count * 2 : 1;
		struct segment_file *grown = realloc(list->file, room * sizeof *grown);

		if (!grown)
			return false;
		list->file = grown;
	}
	list->file[list->count++] = (struct segment_file){.number = number};
	return true;
}

static bool list_numbers(const struct directory *d, struct segment_list *list, char *error, size_t size)
{
	int fd = file_open(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;
	bool listed;

	if (!names) {
		if (fd >= 0)
			(void)close(fd); /* was only read */
		return fail(d->path, NULL, error, size);
	}
	for (;;) {
		const struct dirent *entry;
		uint32_t number;

		errno = 0; /* how an error is told from the end */
		entry = readdir(names);
		if (!entry)
			break;
		number = segment_read_name(entry->d_name);
		if (number && !add(list, number)) {
			errno = ENOMEM;
			break;
		}
	}
	listed = !errno || fail(d->path, NULL, error, size);
	(void)closedir(names); /* was only read */
	if (list->count > 1)
		qsort(list->file, list->count, sizeof *list->file, by_number);
	return listed;
}

/* Opens a segment to read, which has to be a file of this user's. -1 with the error said. */
static int open_segment(const struct directory *d, uint32_t number, uint64_t *len, char *error, size_t size)
{
	char name[SEGMENT_NAME];
	struct stat status;
	int fd;

	segment_write_name(name, number);
	fd = file_open_regular(d->fd, name, O_NOFOLLOW, &status);
	if (fd < 0 && errno)
		(void)fail(d->path, name, error, size);
	else if (fd < 0)
		(void)snprintf(error, size, "%s/%s: not a file", d->path, name);
	else if (status.st_size > (off_t)UINT32_MAX)
		(void)snprintf(error, size, "%s/%s: longer than any segment", d->path, name);
	else if (is_private(&status, d->path, name, error, size)) {
		*len = (uint64_t)status.st_size;
		return fd;
	}
	if (fd >= 0)
		(void)close(fd); /* nothing was done with it */
	return -1;
}

/* Reads `limit` bytes, or up to the end. False with errno. */
static bool read_bytes(int fd, struct buffer *file, size_t limit)
{
	ssize_t len;

	errno = ENOMEM;
	file->len = 0;
	if (!buffer_reserve(file, limit) || (len = file_read(fd, file->at, limit)) < 0)
		return false;
	file->len = (size_t)len;
	return true;
}

static bool load(const struct directory *d, uint32_t number, uint64_t limit, struct buffer *file, uint64_t *len,
                 char *error, size_t size)
{
	int fd = open_segment(d, number, len, error, size);
	bool loaded;

	if (fd < 0)
		return false;
	if (limit > *len)
		limit = *len;
	loaded = read_bytes(fd, file, (size_t)limit);
	if (!loaded) {
		char name[SEGMENT_NAME];

		segment_write_name(name, number);
		(void)fail(d->path, name, error, size);
	}
	(void)close(fd); /* was only read */
	return loaded;
}

bool directory_load(const struct directory *d, uint32_t number, uint64_t limit, struct buffer *file, char *error,
                    size_t size)
{
	uint64_t len;

	return load(d, number, limit, file, &len, error, size);
}

/* Takes over what a good header says, of its own segment and of the one before. */
static void use_header(struct segment_list *list, size_t i)
{
	struct segment_file *f = &list->file[i], *before = i ? f - 1 : NULL;

	f->readable = true;
	if (f->header.length)
		f->trusted = f->header.length;
	if (before && before->number == f->number - 1 && f->header.previous && !(before->readable && before->header.length))
		before->trusted = f->header.previous;
}

static bool read_headers(const struct directory *d, struct segment_list *list, char *error, size_t size)
{
	struct buffer head = {0};
	bool read = true;

	for (size_t i = 0; read && i < list->count; i++) {
		struct segment_file *f = &list->file[i];

		read = load(d, f->number, SEGMENT_HEADER, &head, &f->size, error, size);
		if (!read)
			break;
		f->trusted = f->size;
		f->fault = segment_read_header((struct slice){head.at, head.len}, &f->header, &f->sum);
		if (f->fault == SEGMENT_SOUND && f->header.number != f->number)
			f->fault = SEGMENT_DAMAGED;
		if (f->fault == SEGMENT_SOUND)
			use_header(list, i);
	}
	buffer_free(&head);
	return read;
}

bool directory_mend(const struct directory *d, struct segment_list *list, char *error, size_t size)
{
	struct buffer head = {0};
	bool read = true;

	for (size_t i = 0; read && i < list->count; i++) {
		struct segment_file *f = &list->file[i];

		if (f->fault != SEGMENT_DAMAGED)
			continue;
		read = directory_load(d, f->number, SEGMENT_HEADER, &head, error, size);
		if (!read || head.len < SEGMENT_HEADER || !segment_mend_header(head.at))
			continue;
		(void)segment_read_header((struct slice){head.at, head.len}, &f->header, &f->sum); /* it was mended */
		if (f->header.number == f->number)
			use_header(list, i);
	}
	buffer_free(&head);
	return read;
}

bool directory_list(const struct directory *d, struct segment_list *list, char *error, size_t size)
{
	struct segment_file *end;

	*list = (struct segment_list){0};
	if (!list_numbers(d, list, error, size) || !read_headers(d, list, error, size)) {
		directory_free_list(list);
		return false;
	}
	if (!list->count)
		return true;
	end = &list->file[list->count - 1];
	/* No record follows: it was being begun when the machine or the process went. */
	if (end->fault == SEGMENT_DAMAGED && end->size <= SEGMENT_HEADER) {
		list->unfinished = end->number;
		list->count--;
	}
	if (list->count)
		list->file[list->count - 1].last = true;
	return true;
}

void directory_free_list(struct segment_list *list)
{
	free(list->file);
	*list = (struct segment_list){0};
}
