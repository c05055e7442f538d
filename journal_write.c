/*
 * journal_write.c: the writer thread: it takes what waits, writes it, syncs it as the mode has it, and answers. See
 * journal.h.
 */
#include <errno.h>
#include <sys/stat.h>

#include "clock.h"
#include "journal_state.h"

/* ---- batches */

static bool flush(struct journal *j)
{
	size_t len = j->gathered_len;

	j->gathered_len = 0;
	return journal_write_all(j, j->fd, j->gathered, len);
}

static bool put(struct journal *j, const char *bytes, size_t len)
{
	j->at += len;
	if (len > sizeof j->gathered - j->gathered_len && !flush(j))
		return false;
	if (len > sizeof j->gathered)
		return journal_write_all(j, j->fd, bytes, len);
	memcpy(j->gathered + j->gathered_len, bytes, len);
	j->gathered_len += len;
	return true;
}

static bool put_record(struct journal *j, struct slice body)
{
	char frame[SEGMENT_FRAME];

	if (body.len > JOURNAL_RECORD_MAX) {
		errno = EFBIG;
		return false;
	}
	segment_write_frame(frame, j->sum, (uint32_t)j->at, body);
	return put(j, frame, sizeof frame) && put(j, body.at, body.len);
}

/* What is written to a file that was deleted, or that nobody will find where it is now, is not stored. */
static bool is_linked(const struct journal *j)
{
	struct stat status;

	if (fstat(j->fd, &status) == 0 && status.st_nlink > 0 && directory_is_there(&j->directory))
		return true;
	errno = ENOENT;
	return false;
}

/* May it go into this segment? One that is longer than any segment has one of its own. */
static bool fits(const struct journal *j, struct slice body)
{
	return j->at == SEGMENT_HEADER || j->at + SEGMENT_FRAME + body.len <= j->segment_bytes;
}

/* Writes entries until the segment is full; `batch` becomes the first of those that are left. */
static bool write_entries(struct journal *j, struct journal_entry **batch, uint64_t *records)
{
	struct journal_entry *entry = *batch;
	bool good = true;

	for (; good && entry; entry = entry->next) {
		if (!entry->body.len)
			continue;
		if (!fits(j, entry->body))
			break;
		good = put_record(j, entry->body);
		++*records;
	}
	if (!good || !flush(j) || !is_linked(j))
		return journal_failed(j, errno);
	if (j->synced == j->written)
		j->written_at = clock_monotonic();
	j->written = j->at;
	*batch = entry;
	return j->sync != JOURNAL_ALWAYS || journal_sync_written(j);
}

/* Has a segment to write this to. */
static bool make_room(struct journal *j, struct slice body)
{
	if (j->fd >= 0 && !fits(j, body))
		journal_seal(j);
	return j->fd >= 0 || journal_begin(j);
}

/* Answers from `entry` up to `end`, not included. An entry without a body needs no disk. */
static void answer(const struct journal *j, struct journal_entry *entry, const struct journal_entry *end, bool stored)
{
	while (entry != end) {
		struct journal_entry *next = entry->next; /* done() may free it */

		entry->segment = j->number;
		entry->done(entry, stored || !entry->body.len);
		entry = next;
	}
	if (j->answered)
		j->answered(j->context);
}

static const struct journal_entry *first_with_body(const struct journal_entry *entry)
{
	while (entry && !entry->body.len)
		entry = entry->next;
	return entry;
}

/* After a fault all the rest is refused: what is tried again comes with another batch, in its order. */
static void commit(struct journal *j, struct journal_entry *batch)
{
	const struct journal_entry *next;

	while ((next = first_with_body(batch)) != NULL) {
		struct journal_entry *rest = batch;
		uint64_t records = 0;

		if (!make_room(j, next->body) || !write_entries(j, &rest, &records)) {
			journal_seal(j);
			answer(j, batch, NULL, false);
			return;
		}
		pthread_mutex_lock(&j->lock);
		j->segment[j->segments - 1].bytes = j->written;
		j->figures.records += records;
		pthread_mutex_unlock(&j->lock);
		answer(j, batch, rest, true);
		batch = rest;
		if (batch && clock_monotonic() >= j->unlink_at)
			journal_unlink_unneeded(j); /* a batch may be as long as many segments */
	}
	answer(j, batch, NULL, true);
}

/* ---- the thread */

static bool sync_is_due(const struct journal *j, int64_t now)
{
	return j->sync == JOURNAL_EVERY && j->fd >= 0 && j->synced < j->written && now >= j->written_at + j->interval_ms;
}

/* Under the lock: when there is something to do without anything coming, in monotonic ms. */
static int64_t deadline(const struct journal *j)
{
	int64_t at = INT64_MAX;

	if (journal_find_unneeded(j) < j->segments)
		at = j->unlink_at;
	if (j->fd < 0 && j->retry_at < at)
		at = j->retry_at;
	if (j->sync == JOURNAL_EVERY && j->fd >= 0 && j->synced < j->written && j->written_at + j->interval_ms < at)
		at = j->written_at + j->interval_ms;
	return at;
}

static void wait(struct journal *j, int64_t until)
{
	struct timespec at = {.tv_sec = (time_t)(until / 1000), .tv_nsec = until % 1000 * 1000000};

	/* A wait that ends early, or fails, costs one more turn. */
	if (until == INT64_MAX)
		(void)pthread_cond_wait(&j->changed, &j->lock);
	else
		(void)pthread_cond_timedwait(&j->changed, &j->lock, &at);
}

static void take_turn(struct journal *j, struct journal_entry *batch)
{
	int64_t now;

	if (batch)
		commit(j, batch);
	now = clock_monotonic();
	if (sync_is_due(j, now) && !journal_sync_written(j))
		journal_seal(j);
	if (j->fd < 0 && now >= j->retry_at)
		(void)journal_begin(j);
	if (now >= j->unlink_at)
		journal_unlink_unneeded(j);
}

void *journal_run(void *context)
{
	struct journal *j = context;

	journal_settle(j);
	(void)journal_begin(j); /* tried again in a second */
	pthread_mutex_lock(&j->lock);
	for (;;) {
		struct journal_entry *batch = j->first;
		int64_t until = deadline(j);

		if (!batch && j->stopping)
			break;
		if (!batch && until > clock_monotonic()) {
			wait(j, until);
			continue;
		}
		j->first = NULL;
		j->end = &j->first;
		pthread_mutex_unlock(&j->lock);
		take_turn(j, batch);
		pthread_mutex_lock(&j->lock);
	}
	pthread_mutex_unlock(&j->lock);
	journal_end(j);
	return NULL;
}
