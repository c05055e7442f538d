/*
 * store_fixture.h: a hub with a journal in a directory of its own, opened, closed, crashed and opened again, on a disk
 * that fails, is full or stands still when a test says so. Words as in hub_fixture.h; the wall clock is f.now + skew.
 */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "hub_fixture.h"
#include "journal_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

#include "hub_state.h"

enum { SKIP = 1 << 20 /* seqs that a start leaves out behind the last that was recorded */, MINUTE = 60 * 1000 };

struct store {
	struct fixture f;
	int64_t skew;
	uint64_t max_bytes;
	enum journal_sync sync;
	int64_t interval_ms; /* of JOURNAL_EVERY */
};

/* ---- the disk */

static atomic_bool writes_fail, syncs_fail; /* writes: but those of a header */
static atomic_bool one_sync_fails;
static atomic_bool measuring;               /* the directory, after each write; the largest was: */
static uint64_t largest;
static pthread_mutex_t disk = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t disk_goes_on = PTHREAD_COND_INITIALIZER;
static bool stalled, waiting; /* under `disk`: syncs are to wait; one does */

/* Bytes of all files in the directory. */
static inline uint64_t directory_bytes(void)
{
	DIR *names = opendir(directory);
	char path[PATH_SIZE];
	struct stat status;
	uint64_t bytes = 0;

	for (const struct dirent *entry; names && (entry = readdir(names));) {
		path_of(path, entry->d_name);
		if (entry->d_name[0] != '.' && stat(path, &status) == 0)
			bytes += (uint64_t)status.st_size;
	}
	(void)closedir(names);
	return bytes;
}

static inline ssize_t disk_write(int fd, const void *bytes, size_t len)
{
	ssize_t n;

	if (atomic_load(&writes_fail) && len != SEGMENT_HEADER) {
		(void)!write(fd, bytes, len / 2);
		errno = ENOSPC;
		return -1;
	}
	n = write(fd, bytes, len);
	if (atomic_load(&measuring)) {
		uint64_t now = directory_bytes();

		largest = now > largest ? now : largest;
	}
	return n;
}

static inline int disk_sync(int fd)
{
	pthread_mutex_lock(&disk);
	waiting = true;
	pthread_cond_broadcast(&disk_goes_on);
	while (stalled)
		pthread_cond_wait(&disk_goes_on, &disk);
	waiting = false;
	pthread_mutex_unlock(&disk);
	errno = EIO;
	(void)fd; /* nothing here outlives the machine */
	return atomic_load(&syncs_fail) || atomic_exchange(&one_sync_fails, false) ? -1 : 0;
}

static inline int disk_open(int at, const char *name, int flags, mode_t mode)
{
	return openat(at, name, flags, mode);
}

/* The next sync does not end before release_disk(). */
static inline void stall_disk(void)
{
	pthread_mutex_lock(&disk);
	stalled = true;
	waiting = false;
	pthread_mutex_unlock(&disk);
}

static inline void await_stall(void)
{
	pthread_mutex_lock(&disk);
	while (!waiting)
		pthread_cond_wait(&disk_goes_on, &disk);
	pthread_mutex_unlock(&disk);
}

static inline void release_disk(void)
{
	pthread_mutex_lock(&disk);
	stalled = false;
	pthread_cond_broadcast(&disk_goes_on);
	pthread_mutex_unlock(&disk);
}

static inline int prepare(void **state)
{
	atomic_store(&writes_fail, false);
	atomic_store(&syncs_fail, false);
	atomic_store(&one_sync_fails, false);
	atomic_store(&measuring, false);
	largest = 0;
	return make_directory(state);
}

/* ---- opening and closing */

static inline uint32_t newest_segment(struct journal *j)
{
	uint32_t number;

	pthread_mutex_lock(&j->lock);
	number = j->segments ? j->segment[j->segments - 1].number : 0;
	pthread_mutex_unlock(&j->lock);
	return number;
}

static inline uint32_t newest_file(void)
{
	DIR *names = opendir(directory);
	uint32_t newest = 0;

	for (const struct dirent *entry; names && (entry = readdir(names));) {
		uint32_t number = segment_read_name(entry->d_name);

		newest = number > newest ? number : newest;
	}
	if (names)
		(void)closedir(names);
	return newest;
}

static inline bool try_open(struct store *s)
{
	static const struct journal_system system = {disk_open, disk_write, disk_sync, ftruncate};
	struct journal_options options = {.directory = directory, .sync = s->sync, .interval_ms = s->interval_ms,
	                                  .max_bytes = s->max_bytes};
	int64_t now = s->f.now ? s->f.now : 1000;
	uint32_t newest = newest_file();

	open_hub(&s->f);
	s->f.now = now;
	if (!hub_use_journal(s->f.hub, &options, now, s->skew, &last_lost, last_error, sizeof last_error)) {
		hub_close(s->f.hub);
		return false;
	}
	while (newest_segment(s->f.hub->journal) == newest)
		pause_ms(1);
	/* The writer thread has begun its segment and sleeps: it looks at this after it has taken the lock again. */
	journal_use_system(s->f.hub->journal, &system);
	return true;
}

static inline void open_store(struct store *s)
{
	if (!try_open(s))
		fail_msg("%s", last_error);
}

static inline void close_store(struct store *s)
{
	hub_close(s->f.hub);
}

static inline void reopen_store(struct store *s)
{
	close_store(s);
	open_store(s);
}

/* Copies a file; one that has gone meanwhile is left out. */
static inline void copy_file(const char *from, const char *to)
{
	char bytes[4096];
	int in = open(from, O_RDONLY), out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC, S_IRUSR | S_IWUSR);
	ssize_t n;

	if (in < 0)
		return;
	assert_true(out >= 0);
	while ((n = read(in, bytes, sizeof bytes)) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	(void)close(in);
	(void)close(out);
}

static inline void copy_directory(const char *from, const char *to)
{
	DIR *names = opendir(from);
	char source[2 * PATH_SIZE], target[2 * PATH_SIZE];

	assert_non_null(names);
	for (const struct dirent *entry; (entry = readdir(names));) {
		if (entry->d_name[0] == '.')
			continue;
		assert_true(snprintf(source, sizeof source, "%s/%s", from, entry->d_name) < (int)sizeof source);
		assert_true(snprintf(target, sizeof target, "%s/%s", to, entry->d_name) < (int)sizeof target);
		copy_file(source, target);
	}
	(void)closedir(names);
}

/* What is on the disk now is all that is left. Readers have to be detached. */
static inline void end_by_crash(struct store *s)
{
	char original[PATH_SIZE], copy[PATH_SIZE];

	memcpy(original, directory, sizeof original);
	assert_true(snprintf(copy, sizeof copy, "%.400s.copy", directory) > 0);
	assert_int_equal(mkdir(copy, S_IRWXU), 0);
	copy_directory(directory, copy);
	close_store(s);
	empty_directory();
	copy_directory(copy, directory);
	memcpy(directory, copy, sizeof directory);
	empty_directory();
	assert_int_equal(rmdir(copy), 0);
	memcpy(directory, original, sizeof directory);
}

static inline void crash_store(struct store *s)
{
	end_by_crash(s);
	open_store(s);
}

/* Writes the newest segment anew as if it had been begun before the machine was started. */
static inline void start_machine(void)
{
	uint32_t number = newest_file();
	struct segment_reader reader = {.at = SEGMENT_HEADER};
	struct buffer file = {0}, aged = {0};
	struct segment_header h;
	char header[SEGMENT_HEADER], frame[SEGMENT_FRAME];
	struct slice body;

	read_segment(number, &file);
	reader.file = (struct slice){file.at, file.len};
	assert_int_equal(segment_read_header(reader.file, &h, &reader.sum), SEGMENT_SOUND);
	h.begun = 1;
	buffer_add(&aged, header, sizeof header);
	for (uint32_t sum = segment_write_header(aged.at, &h); segment_next(&reader, &body) == SEGMENT_RECORD;) {
		segment_write_frame(frame, sum, (uint32_t)aged.len, body);
		buffer_add(&aged, frame, sizeof frame);
		buffer_add_slice(&aged, body);
	}
	write_segment(number, aged.at, aged.len);
	buffer_free(&file);
	buffer_free(&aged);
}

/* ---- publishing, which ends later */

struct ticket {
	struct publishing op;
	bool done;
};

static inline void ticket_done(struct publishing *op)
{
	struct ticket *t = op->context;

	pthread_mutex_lock(&jobs);
	t->done = true;
	pthread_cond_broadcast(&job_answered);
	pthread_mutex_unlock(&jobs);
}

static inline bool is_done(struct ticket *t)
{
	bool done;

	pthread_mutex_lock(&jobs);
	done = t->done;
	pthread_mutex_unlock(&jobs);
	return done;
}

static inline enum hub_result await(struct ticket *t)
{
	pthread_mutex_lock(&jobs);
	while (!t->done)
		pthread_cond_wait(&job_answered, &jobs);
	pthread_mutex_unlock(&jobs);
	return t->op.result;
}

/* The event and the data are slices, the rest is words. */
static inline void submit_event(struct store *s, struct ticket *t, const char *words, const char *event,
                                struct slice data)
{
	struct words w = read_words(words);
	struct publication p = {.uid = w.uid, .channel = w.channel, .uids = w.uids, .channels = w.channels,
	                        .event = slice_of(event), .data = data, .key = w.key, .ttl = w.ttl};

	*t = (struct ticket){.op = {.done = ticket_done, .context = t}};
	hub_publish(s->f.hub, &p, s->f.now, &t->op);
	hub_flush(s->f.hub);
}

static inline void submit(struct store *s, struct ticket *t, const char *words, const char *data)
{
	submit_event(s, t, words, "", slice_of(data));
}

/* Waits for what came of it. */
static inline struct publishing try_store(struct store *s, const char *words, const char *data)
{
	struct ticket t;

	submit(s, &t, words, data);
	(void)await(&t);
	return t.op;
}

/* Answers the seq of what has to be accepted. */
static inline uint64_t store(struct store *s, const char *words, const char *data)
{
	struct publishing op = try_store(s, words, data);

	assert_int_equal(op.result, HUB_OK);
	return op.seq;
}

static inline enum hub_result bar(struct store *s, const char *uid, int64_t today)
{
	struct ticket t = {.op = {.done = ticket_done, .context = &t}};

	hub_kick(s->f.hub, slice_of(uid), slice_of("{\"reason\":\"go\"}"), today, s->f.now, &t.op);
	hub_flush(s->f.hub);
	return await(&t);
}

/* Nothing is under way any more: what comes after all that was appended is answered. */
static inline void settle_store(struct store *s)
{
	struct job job = {.entry = {.done = answered}};

	journal_append(s->f.hub->journal, &job.entry);
	journal_flush(s->f.hub->journal);
	(void)wait_for(&job);
	job.answered = false; /* once more: what that one's turn appended */
	journal_append(s->f.hub->journal, &job.entry);
	journal_flush(s->f.hub->journal);
	(void)wait_for(&job);
}

/* The newest seq that a record on the disk tells of. */
static inline uint64_t position_of(struct store *s)
{
	uint64_t position;

	settle_store(s);
	pthread_mutex_lock(&s->f.hub->lock);
	position = s->f.hub->position;
	pthread_mutex_unlock(&s->f.hub->lock);
	return position;
}

/* As a worker does once in a tick. */
static inline void sweep(struct store *s, int64_t now)
{
	hub_sweep(s->f.hub, now);
	hub_flush(s->f.hub);
}

/* Sweeps until a condition holds; the time stands still. */
#define SWEEP_UNTIL(s, condition) \
	for (int turn_ = 0; !(condition); turn_++) { \
		assert_true(turn_ < PATIENCE_MS); \
		sweep(s, (s)->f.now); \
		pause_ms(1); \
	}

/* ---- reading */

/* What a new reader gets that comes back with that position. */
static inline void assert_returns(struct store *s, const char *words, uint64_t from, enum reset reset,
                                  const char *expected)
{
	struct reader r;
	struct hub_position at;
	char all[256];

	(void)snprintf(all, sizeof all, "%s from=000000-%llu", words, (unsigned long long)from);
	at = attach(&s->f, &r, all);
	assert_int_equal(at.reset, reset);
	assert_reads(&s->f, &r, expected);
	hub_unsubscribe(s->f.hub, &r, false, s->f.now);
}

static inline enum reset reset_of(struct store *s, const char *words, uint64_t from)
{
	struct reader r;
	struct hub_position at;
	char all[128];

	(void)snprintf(all, sizeof all, "%s from=000000-%llu", words, (unsigned long long)from);
	at = attach(&s->f, &r, all);
	hub_unsubscribe(s->f.hub, &r, false, s->f.now);
	return at.reset;
}

static inline void assert_retained(struct store *s, const char *words, const char *expected)
{
	struct reader r;
	char all[256];

	(void)snprintf(all, sizeof all, "%s from=earliest", words);
	(void)attach(&s->f, &r, all);
	assert_reads(&s->f, &r, expected);
	hub_unsubscribe(s->f.hub, &r, false, s->f.now);
}

#endif
