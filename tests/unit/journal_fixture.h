/*
 * journal_fixture.h: a directory for each test, entries that are waited for, and what a replay yields as text.
 */
#ifndef JOURNAL_FIXTURE_H
#define JOURNAL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "journal.h"
#include "journal_state.h"

enum { PATH_SIZE = 512, PATIENCE_MS = 10000 /* a wait that takes longer has failed */ };

static char directory[PATH_SIZE];

struct job {
	struct journal_entry entry; /* first */
	bool answered, stored;
	bool holds;                 /* it holds its segment when it is stored */
	struct journal *journal;
};

static pthread_mutex_t jobs = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t job_answered = PTHREAD_COND_INITIALIZER;

static inline void answered(struct journal_entry *entry, bool stored)
{
	struct job *job = (struct job *)(void *)entry;

	if (stored && job->holds)
		journal_hold(job->journal, entry->segment);
	pthread_mutex_lock(&jobs);
	job->answered = true;
	job->stored = stored;
	pthread_cond_broadcast(&job_answered);
	pthread_mutex_unlock(&jobs);
}

static inline bool wait_for(struct job *job)
{
	bool stored;

	pthread_mutex_lock(&jobs);
	while (!job->answered)
		pthread_cond_wait(&job_answered, &jobs);
	stored = job->stored;
	pthread_mutex_unlock(&jobs);
	return stored;
}

/* Appends the text, holds it, and answers whether it was stored. */
static inline bool append(struct journal *j, const char *text)
{
	struct job job = {.entry = {.body = slice_of(text), .done = answered}, .holds = true, .journal = j};

	journal_append(j, &job.entry);
	journal_flush(j);
	return wait_for(&job);
}

static inline void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

/* ---- files */

static inline void path_of(char path[PATH_SIZE], const char *name)
{
	assert_true(snprintf(path, PATH_SIZE, "%s/%s", directory, name) < PATH_SIZE);
}

static inline void segment_path(char path[PATH_SIZE], uint32_t number)
{
	char name[SEGMENT_NAME];

	segment_write_name(name, number);
	path_of(path, name);
}

static inline bool segment_exists(uint32_t number)
{
	char path[PATH_SIZE];

	segment_path(path, number);
	return access(path, F_OK) == 0;
}

static inline void read_segment(uint32_t number, struct buffer *file)
{
	char path[PATH_SIZE];
	FILE *in;

	segment_path(path, number);
	in = fopen(path, "rb");
	assert_non_null(in);
	file->len = 0;
	assert_true(buffer_reserve(file, 1 << 20));
	file->len = fread(file->at, 1, 1 << 20, in);
	(void)fclose(in);
}

static inline void write_segment(uint32_t number, const char *bytes, size_t len)
{
	char path[PATH_SIZE];
	FILE *out;

	segment_path(path, number);
	out = fopen(path, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(bytes, 1, len, out), len);
	assert_int_equal(fclose(out), 0);
}

/* Takes away every file in the directory. */
static inline void empty_directory(void)
{
	DIR *names = opendir(directory);
	char path[PATH_SIZE];

	if (!names)
		return;
	for (const struct dirent *entry; (entry = readdir(names));) {
		if (entry->d_name[0] == '.')
			continue;
		path_of(path, entry->d_name);
		(void)unlink(path);
	}
	(void)closedir(names);
}

static inline int make_directory(void **state)
{
	(void)state;
	(void)snprintf(directory, sizeof directory, "/tmp/test_journal.XXXXXX");
	return mkdtemp(directory) ? 0 : -1;
}

static inline int remove_directory(void **state)
{
	(void)state;
	empty_directory();
	return rmdir(directory);
}

/* ---- opening */

static const char fixture_epoch[JOURNAL_EPOCH] = {'e', 'p', 'o', 'c', 'h', '1'};
static char last_error[1024];
static uint64_t last_lost;
static char last_epoch[JOURNAL_EPOCH];

static struct journal *opened;

/* Collects "text text ", and holds it all. What a repair took out is nothing to collect. */
static inline bool collect(void *context, struct slice body, uint32_t segment)
{
	struct buffer *replayed = context;

	if (!body.at)
		return true;
	journal_hold(opened, segment);
	buffer_add_slice(replayed, body);
	buffer_add_text(replayed, " ");
	return true;
}

/* Not started. NULL when it is refused. */
static inline struct journal *reopen(enum journal_sync sync, uint64_t max_bytes, struct buffer *replayed)
{
	struct journal_options options = {.directory = directory, .sync = sync, .interval_ms = 100000,
	                                  .max_bytes = max_bytes, .opened = &opened};

	memcpy(last_epoch, fixture_epoch, JOURNAL_EPOCH);
	last_lost = 0;
	last_error[0] = '\0';
	replayed->len = 0;
	return journal_open(&options, last_epoch, collect, replayed, &last_lost, last_error, sizeof last_error);
}

static inline struct journal *start(enum journal_sync sync, uint64_t max_bytes)
{
	struct buffer replayed = {0};
	struct journal *j = reopen(sync, max_bytes, &replayed);

	if (!j)
		fail_msg("%s", last_error);
	assert_true(journal_start(j));
	buffer_free(&replayed);
	return j;
}

/* What a start would replay; the journal is not changed by it. */
static inline void assert_replayed(const char *expected)
{
	struct buffer replayed = {0};
	struct journal *j = reopen(JOURNAL_NEVER, 0, &replayed);

	if (!j)
		fail_msg("%s", last_error);
	buffer_add(&replayed, "", 1);
	assert_string_equal(replayed.at, expected);
	buffer_free(&replayed);
	journal_close(j);
}

/* Appends each of the numbers from..to as text, one batch each; its text in `expected` as a replay yields it. */
static inline void append_numbers(struct journal *j, int from, int to, struct buffer *expected)
{
	char text[32];

	for (int i = from; i <= to; i++) {
		(void)snprintf(text, sizeof text, "record-%d", i);
		assert_true(append(j, text));
		buffer_printf(expected, "%s ", text);
	}
	buffer_add(expected, "", 1);
	expected->len--;
}

#endif
