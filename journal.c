/* journal.c: opening and closing, and what other threads ask of a journal; see journal.h. */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
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
	if (pthread_mutex_init(&j->lock, NULL) != 0)
		return false;
	if (clock_condition(&j->changed))
		return true;
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

/* ---- open, start, close */

struct journal *journal_open(const struct journal_options *options, char epoch[JOURNAL_EPOCH], journal_replay *replay,
                             void *context, uint64_t *lost, char *error, size_t size)
{
	struct journal *j = new_journal(options);

	if (!j) {
		(void)snprintf(error, size, "%s: no memory", options->directory);
		return NULL;
	}
	if (options->opened)
		*options->opened = j;
	if (!directory_open(&j->directory, options->directory, true, true, error, size) ||
	    !journal_read(j, epoch, replay, context, lost, error, size)) {
		free_journal(j);
		if (options->opened)
			*options->opened = NULL;
		return NULL;
	}
	memcpy(j->epoch, epoch, JOURNAL_EPOCH);
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
