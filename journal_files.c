/*
 * journal_files.c: the segment that is written: begun, sealed, and deleted in the end. All of it by the writer thread.
 *
 * A fault of any kind seals the segment: it is cut off where all before is good, and the next one's header says where
 * that was, should the cutting fail too. See journal.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "file.h"
#include "journal_state.h"

/* ---- the calls, which a signal may interrupt */

static int create(struct journal *j, const char *name)
{
	int fd;

	while ((fd = j->system.openat(j->directory.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                              S_IRUSR | S_IWUSR)) < 0 && errno == EINTR)
		;
	return fd;
}

bool journal_write_all(struct journal *j, int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = j->system.write(fd, at, len);

		if (n == 0)
			errno = EIO; /* a disk that takes nothing and says nothing */
		if (n == 0 || (n < 0 && errno != EINTR))
			return false;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return true;
}

static bool sync_file(struct journal *j, int fd)
{
	int result;

	while ((result = j->system.fdatasync(fd)) != 0 && errno == EINTR)
		;
	return result == 0;
}

/* So that what was created in it, or is gone from it, stays so. */
static bool sync_directory(struct journal *j)
{
	return file_sync(j->directory.fd);
}

static bool cut(struct journal *j, int fd, uint64_t length)
{
	int result;

	while ((result = j->system.ftruncate(fd, (off_t)length)) != 0 && errno == EINTR)
		;
	return result == 0 && sync_file(j, fd);
}

/* ---- retention */

/*
 * Under the lock: the place in the table of a segment that may go, or `segments`. The last always stays: it has the
 * epoch, and the number to go on from. One that says how much of the one before is to be trusted outlives that one.
 */
size_t journal_find_unneeded(const struct journal *j)
{
	for (size_t i = 0; i + 1 < j->segments; i++) {
		const struct journal_segment *s = &j->segment[i];

		if (!s->held && !(s->bounds && i && s[-1].number == s->number - 1))
			return i;
	}
	return j->segments;
}

/* False when there was none, or it could not be. */
static bool unlink_one(struct journal *j)
{
	char name[SEGMENT_NAME];
	size_t i;

	pthread_mutex_lock(&j->lock);
	i = journal_find_unneeded(j);
	segment_write_name(name, i < j->segments ? j->segment[i].number : 0);
	pthread_mutex_unlock(&j->lock);
	if (i == j->segments)
		return false; /* only this thread adds and takes out */
	if ((unlinkat(j->directory.fd, name, 0) != 0 && errno != ENOENT) || !sync_directory(j)) {
		j->unlink_at = clock_monotonic() + JOURNAL_RETRY_MS;
		return false;
	}
	pthread_mutex_lock(&j->lock);
	j->segments--;
	memmove(j->segment + i, j->segment + i + 1, (j->segments - i) * sizeof *j->segment);
	pthread_mutex_unlock(&j->lock);
	return true;
}

/* All of them: one that is small makes no room for the next. */
void journal_unlink_unneeded(struct journal *j)
{
	while (unlink_one(j))
		;
}

/* ---- segments */

/* Remembers a fault, which is the errno; the next attempt to begin a segment comes with the next batch, or then. */
bool journal_failed(struct journal *j, int error)
{
	j->retry_at = clock_monotonic() + JOURNAL_RETRY_MS;
	pthread_mutex_lock(&j->lock);
	j->figures.failures++;
	j->figures.failing = true;
	j->figures.error = error;
	pthread_mutex_unlock(&j->lock);
	return false;
}

/*
 * Are the segments in the directory, if there are any, this journal's? What an attempt to begin the next one has left
 * among them is found again.
 */
static bool holds_its_own(struct journal *j)
{
	char error[256]; /* nobody reads it */
	struct segment_list list;
	bool own = directory_list(&j->directory, &list, error, sizeof error);

	j->leftover = list.unfinished == j->number + 1;
	for (size_t i = 0; own && i < list.count; i++) {
		const struct segment_file *f = &list.file[i];

		own = f->readable && memcmp(f->header.epoch, j->epoch, JOURNAL_EPOCH) == 0;
		j->leftover |= f->number == j->number + 1 && f->size == SEGMENT_HEADER;
	}
	directory_free_list(&list);
	return own;
}

/*
 * A directory may go, and come back, or another in its place: then that one is checked and locked as the first was.
 * What was open of the old one is closed before: closing it later would end the lock, were it the same.
 */
static bool find_directory(struct journal *j)
{
	char error[256]; /* nobody reads it: errno has to do */

	if (directory_is_there(&j->directory))
		return true;
	directory_close(&j->directory);
	errno = ENOENT;
	if (!directory_open(&j->directory, j->path, false, true, error, sizeof error))
		return false;
	if (holds_its_own(j))
		return true;
	directory_close(&j->directory);
	errno = EEXIST;
	return false;
}

/* Room for one more in the table. False without memory. */
static bool reserve(struct journal *j)
{
	size_t room = j->room * 2 + 16;
	struct journal_segment *grown;

	if (j->segments < j->room)
		return true;
	pthread_mutex_lock(&j->lock);
	grown = realloc(j->segment, room * sizeof *grown);
	if (grown) {
		j->segment = grown;
		j->room = room;
	}
	pthread_mutex_unlock(&j->lock);
	return grown != NULL;
}

static uint64_t nanoseconds(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now); /* cannot fail with this clock */
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* The new segment's file, with its header, on the disk. -1 with errno. */
static int create_segment(struct journal *j, uint32_t number, uint32_t *sum)
{
	struct segment_header h = {.number = number, .previous = j->trusted, .begun = nanoseconds(),
	                           .lazy = j->sync != JOURNAL_ALWAYS && !j->ending};
	char name[SEGMENT_NAME], header[SEGMENT_HEADER];
	int fd, error;

	memcpy(h.epoch, j->epoch, JOURNAL_EPOCH);
	*sum = segment_write_header(header, &h);
	segment_write_name(name, number);
	if (j->leftover && unlinkat(j->directory.fd, name, 0) != 0 && errno != ENOENT)
		return -1;
	fd = create(j, name);
	if (fd < 0)
		return -1;
	j->leftover = true;
	if (journal_write_all(j, fd, header, sizeof header) && sync_file(j, fd) && sync_directory(j))
		return fd;
	error = errno;
	(void)close(fd); /* it is given up */
	errno = error;
	return -1;
}

/* Begins the next segment. False when the disk does not let it. */
bool journal_begin(struct journal *j)
{
	uint32_t sum;
	int fd;

	if (!find_directory(j) || !reserve(j))
		return journal_failed(j, errno);
	fd = create_segment(j, j->number + 1, &sum);
	if (fd < 0)
		return journal_failed(j, errno);
	j->leftover = false;
	j->fd = fd;
	j->number++;
	j->sum = sum;
	j->at = j->written = j->synced = SEGMENT_HEADER;
	j->sync_failed = false;
	pthread_mutex_lock(&j->lock);
	j->segment[j->segments++] = (struct journal_segment){.number = j->number, .bytes = j->at, .bounds = j->overlong};
	j->figures.failing = false;
	pthread_mutex_unlock(&j->lock);
	return true;
}

bool journal_sync_written(struct journal *j)
{
	int64_t since = clock_microseconds();

	if (!sync_file(j, j->fd)) {
		j->sync_failed = true;
		return journal_failed(j, errno);
	}
	j->synced = j->written;
	pthread_mutex_lock(&j->lock);
	timing_add(&j->figures.sync, clock_microseconds() - since);
	pthread_mutex_unlock(&j->lock);
	return true;
}

/* Of what was answered as stored something is lost: a number that no segment has tells the next starts that. */
static void leave_hole(struct journal *j)
{
	if (!j->overlong) /* else what comes next has to say how much of this one is to be trusted */
		j->number++;
}

/* Ends the segment where all before is good; when nobody asked for a sync, that is all that was written. */
void journal_seal(struct journal *j)
{
	if (j->fd < 0)
		return;
	if (j->synced < j->written && !j->sync_failed)
		(void)journal_sync_written(j); /* then less of it is good */
	j->trusted = (uint32_t)(j->sync == JOURNAL_NEVER ? j->written : j->synced);
	j->overlong = j->at > j->trusted && !cut(j, j->fd, j->trusted);
	if (j->sync == JOURNAL_EVERY && j->trusted < j->written)
		leave_hole(j);
	(void)close(j->fd); /* all of it that counts was synced, or nobody asked for it */
	j->fd = -1;
	j->gathered_len = 0;
	pthread_mutex_lock(&j->lock);
	j->segment[j->segments - 1].bytes = j->trusted;
	pthread_mutex_unlock(&j->lock);
}

/* The last segment of before the start: its torn tail is cut off, and what was replayed of it is made to last. */
void journal_settle(struct journal *j)
{
	const struct journal_segment *last; /* only this thread changes the table */
	char name[SEGMENT_NAME];
	int fd;

	if (!j->segments)
		return;
	last = &j->segment[j->segments - 1];
	segment_write_name(name, last->number);
	fd = j->system.openat(j->directory.fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0);
	if (fd >= 0 && j->overlong)
		j->overlong = !cut(j, fd, last->bytes); /* j->trusted may be of a later number, which was never begun */
	else if (fd < 0 || !sync_file(j, fd))
		(void)journal_failed(j, errno); /* journal_begin() says what is to be trusted */
	if (fd >= 0)
		(void)close(fd); /* nothing was written through it */
	if (j->lacking)
		leave_hole(j);
}

/* An empty segment behind all tells the next start that nothing of it is missing, should the machine be started too. */
void journal_end(struct journal *j)
{
	journal_seal(j);
	j->ending = true;
	if (j->sync != JOURNAL_ALWAYS && j->synced == j->written && journal_begin(j))
		journal_seal(j);
}
