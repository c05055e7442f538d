/* journal.c: opening and replaying, and what other threads ask of a journal; see journal.h. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "journal_state.h"

static int open_at(int directory, const char *name, int flags, mode_t mode)
{
	return openat(directory, name, flags, mode);
}

void journal_use_system(struct journal *j, const struct journal_system *system)
{
	j->system = *system;
}

/* Segments small enough that giving up one does not give up most of what may be kept. */
static uint64_t segment_bytes(uint64_t max_bytes)
{
	uint64_t share = max_bytes / JOURNAL_SHARES;

	if (!max_bytes || share > JOURNAL_SEGMENT_BYTES)
		return JOURNAL_SEGMENT_BYTES;
	return share > JOURNAL_SEGMENT_LEAST ? share : JOURNAL_SEGMENT_LEAST;
}

static bool make_lock(struct journal *j)
{
	pthread_condattr_t attributes;
	bool made;

	if (pthread_mutex_init(&j->lock, NULL) != 0)
		return false;
	if (pthread_condattr_init(&attributes) != 0)
		goto no_condition;
	made = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) == 0 &&
	       pthread_cond_init(&j->changed, &attributes) == 0;
	(void)pthread_condattr_destroy(&attributes); /* cannot fail with a good one */
	if (made)
		return true;
no_condition:
	pthread_mutex_destroy(&j->lock);
	return false;
}

static struct journal *new_journal(const struct journal_options *options)
{
	struct journal *j = calloc(1, sizeof *j);

	if (!j)
		return NULL;
	j->path = options->directory;
	j->sync = options->sync;
	j->interval_ms = options->interval_ms;
	j->max_bytes = options->max_bytes;
	j->answered = options->answered;
	j->context = options->context;
	j->segment_bytes = segment_bytes(options->max_bytes);
	j->system = (struct journal_system){open_at, write, fdatasync, ftruncate};
	j->directory.fd = j->directory.lock = j->fd = -1;
	j->end = &j->first;
	if (make_lock(j))
		return j;
	free(j);
	return NULL;
}

static void free_journal(struct journal *j)
{
	directory_close(&j->directory);
	pthread_cond_destroy(&j->changed);
	pthread_mutex_destroy(&j->lock);
	free(j->segment);
	free(j);
}

/* ---- replay */

struct replay {
	struct journal *journal;
	journal_replay *record;
	void *context;
	struct buffer bytes; /* of the segment that is read */
	uint64_t lost;
	char *error;
	size_t size;
};

static bool damaged(const struct replay *r, uint32_t number, uint64_t offset)
{
	const char *path = r->journal->directory.path;
	char name[SEGMENT_NAME];

	segment_write_name(name, number);
	(void)snprintf(r->error, r->size,
	               "%s/%s: damaged at offset %llu: \"pushsse journal check %s\" says what is lost, \"pushsse journal "
	               "repair %s\" keeps all that is sound", path, name, (unsigned long long)offset, path, path);
	return false;
}

static bool is_readable(const struct replay *r, const struct segment_file *f)
{
	char name[SEGMENT_NAME];

	if (f->fault == SEGMENT_DAMAGED)
		return damaged(r, f->number, 0);
	if (f->fault == SEGMENT_SOUND)
		return true;
	segment_write_name(name, f->number);
	(void)snprintf(r->error, r->size, "%s/%s: written by a newer version of pushsse", r->journal->directory.path, name);
	return false;
}

/* Replays what is sound from the start on, and says where that ends. False without memory. */
static bool replay_records(struct replay *r, const struct segment_file *f, struct segment_reader *reader)
{
	struct slice body;

	while (segment_next(reader, &body) == SEGMENT_RECORD) {
		if (r->record(r->context, body, f->number))
			continue;
		(void)snprintf(r->error, r->size, "%s: no memory for what is in it, or not made by this program",
		               r->journal->directory.path);
		return false;
	}
	return true;
}

/* A record may be unfinished only where nothing sound comes after it, in the last segment. */
static bool replay_segment(struct replay *r, struct segment_file *f)
{
	struct segment_reader reader = {.sum = f->sum, .at = SEGMENT_HEADER};
	struct journal *j = r->journal;
	uint64_t end;

	if (!directory_load(&j->directory, f->number, f->trusted, &r->bytes, r->error, r->size))
		return false;
	reader.file = (struct slice){r->bytes.at, r->bytes.len};
	/* In the table before its records: they may be held. */
	j->segment[j->segments++] = (struct journal_segment){.number = f->number, .bytes = f->trusted};
	if (!replay_records(r, f, &reader))
		return false;
	if (f->header.length && !r->record(r->context, (struct slice){NULL, 0}, f->number))
		return false;
	end = reader.at;
	if (end == f->trusted)
		return true;
	if (!f->last || f->header.length || segment_seek(&reader))
		return damaged(r, f->number, end);
	r->lost = f->trusted - end;
	j->segment[j->segments - 1].bytes = f->trusted = end;
	return true;
}

/* Takes the epoch from the first segment; the others have to have the same. */
static bool check_epoch(struct replay *r, const struct segment_file *f, bool first, char epoch[JOURNAL_EPOCH])
{
	char name[SEGMENT_NAME];

	if (first)
		memcpy(epoch, f->header.epoch, JOURNAL_EPOCH);
	if (memcmp(epoch, f->header.epoch, JOURNAL_EPOCH) == 0)
		return true;
	segment_write_name(name, f->number);
	(void)snprintf(r->error, r->size, "%s/%s: belongs to another journal: move it away", r->journal->directory.path,
	               name);
	return false;
}

static bool replay_all(struct replay *r, const struct segment_list *list, char epoch[JOURNAL_EPOCH])
{
	struct journal *j = r->journal;

	for (size_t i = 0; i < list->count; i++) {
		struct segment_file *f = &list->file[i];
		bool follows = i && f[-1].number == f->number - 1;

		if (!is_readable(r, f) || !check_epoch(r, f, i == 0, epoch) || !replay_segment(r, f))
			return false;
		j->segment[j->segments - 1].bounds = follows && f[-1].size > f[-1].trusted;
		j->number = f->number;
		j->trusted = (uint32_t)f->trusted;
		j->overlong = f->size > f->trusted;
	}
	if (list->unfinished) {
		j->leftover = true;
		if (j->number != list->unfinished - 1)
			j->trusted = 0;
		j->number = list->unfinished - 1;
	}
	return true;
}

static bool replay_directory(struct replay *r, char epoch[JOURNAL_EPOCH])
{
	struct journal *j = r->journal;
	struct segment_list list;
	bool replayed = false;

	if (!directory_list(&j->directory, &list, r->error, r->size))
		return false;
	j->room = list.count + 16;
	j->segment = malloc(j->room * sizeof *j->segment);
	if (j->segment)
		replayed = replay_all(r, &list, epoch);
	else
		(void)snprintf(r->error, r->size, "%s: no memory", j->directory.path);
	buffer_free(&r->bytes);
	directory_free_list(&list);
	return replayed;
}

/* ---- open, start, close */

struct journal *journal_open(const struct journal_options *options, char epoch[JOURNAL_EPOCH], journal_replay *replay,
                             void *context, uint64_t *lost, char *error, size_t size)
{
	struct replay r = {.journal = new_journal(options), .record = replay, .context = context,
	                   .error = error, .size = size};
	struct journal *j = r.journal;

	if (!j) {
		(void)snprintf(error, size, "%s: no memory", options->directory);
		return NULL;
	}
	if (options->opened)
		*options->opened = j;
	if (!directory_open(&j->directory, options->directory, true, true, error, size) || !replay_directory(&r, epoch)) {
		free_journal(j);
		if (options->opened)
			*options->opened = NULL;
		return NULL;
	}
	memcpy(j->epoch, epoch, JOURNAL_EPOCH);
	*lost = r.lost;
	return j;
}

bool journal_start(struct journal *j)
{
	j->started = pthread_create(&j->thread, NULL, journal_run, j) == 0;
	return j->started;
}

void journal_close(struct journal *j)
{
	if (!j)
		return;
	pthread_mutex_lock(&j->lock);
	j->stopping = true;
	pthread_cond_signal(&j->changed);
	pthread_mutex_unlock(&j->lock);
	if (j->started)
		pthread_join(j->thread, NULL);
	/* Only of one that was never started is something left. */
	for (struct journal_entry *entry = j->first, *next; entry; entry = next) {
		next = entry->next;
		entry->segment = j->number;
		entry->done(entry, entry->body.len == 0);
	}
	free_journal(j);
}

/* ---- any thread */

void journal_append(struct journal *j, struct journal_entry *entry)
{
	entry->next = NULL;
	pthread_mutex_lock(&j->lock);
	*j->end = entry;
	j->end = &entry->next;
	atomic_store(&j->unflushed, true);
	pthread_mutex_unlock(&j->lock);
}

void journal_flush(struct journal *j)
{
	/* What was appended under the lock is seen by the writer thread before it waits, or this wakes it. */
	if (atomic_load(&j->unflushed) && atomic_exchange(&j->unflushed, false))
		pthread_cond_signal(&j->changed);
}

/* Under the lock. NULL for a segment that is gone, or never was. */
static struct journal_segment *find(struct journal *j, uint32_t number)
{
	size_t low = 0, high = j->segments;

	/* Mostly it is the last. */
	if (high && j->segment[high - 1].number == number)
		return &j->segment[high - 1];
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (j->segment[middle].number == number)
			return &j->segment[middle];
		if (j->segment[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

void journal_hold(struct journal *j, uint32_t segment)
{
	struct journal_segment *s;

	pthread_mutex_lock(&j->lock);
	s = find(j, segment);
	if (s)
		s->held++;
	pthread_mutex_unlock(&j->lock);
}

void journal_release(struct journal *j, uint32_t segment)
{
	struct journal_segment *s;

	pthread_mutex_lock(&j->lock);
	s = find(j, segment);
	if (s && s->held && --s->held == 0 && s != &j->segment[j->segments - 1])
		pthread_cond_signal(&j->changed);
	pthread_mutex_unlock(&j->lock);
}

uint32_t journal_over(struct journal *j)
{
	/* Room for the next one, one that waits to be unlinked, and one that somebody is slow to let go of. */
	uint64_t bytes = 3 * j->segment_bytes;
	uint32_t over = 0;

	if (!j->max_bytes)
		return 0;
	pthread_mutex_lock(&j->lock);
	for (size_t i = j->segments; i-- > 0 && !over;) {
		const struct journal_segment *s = &j->segment[i];
		bool written = i + 1 == j->segments;

		if (!s->held && !written)
			continue; /* as good as gone */
		bytes += s->bytes;
		if (bytes > j->max_bytes && !written)
			over = s->number;
	}
	pthread_mutex_unlock(&j->lock);
	return over;
}

struct journal_figures journal_figures(struct journal *j)
{
	struct journal_figures figures;

	pthread_mutex_lock(&j->lock);
	figures = j->figures;
	figures.segments = j->segments;
	for (size_t i = 0; i < j->segments; i++)
		figures.bytes += j->segment[i].bytes;
	pthread_mutex_unlock(&j->lock);
	return figures;
}
