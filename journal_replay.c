/*
 * journal_replay.c: reading a journal at the start; see journal.h. What takes time is looking for damage and taking in what
 * is sound: the one runs a segment ahead of the other, on a thread of its own.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "journal_state.h"

struct replay {
	struct journal *journal;
	journal_replay *record;
	void *context;
	uint64_t lost;
	char *error;
	size_t size;
};

/* A segment that is read, and looked through for what is sound, while the one before is taken in. */
struct ahead {
	const struct directory *directory;
	const struct segment_file *file;
	pthread_t thread;
	bool started;
	struct buffer bytes;
	size_t sound; /* bytes, up to a record that is not */
	bool loaded;
	char error[512];
};

static void *look_ahead(void *context)
{
	struct ahead *a = context;
	struct segment_reader reader = {.sum = a->file->sum, .at = SEGMENT_HEADER};
	struct slice body;

	a->loaded = directory_load(a->directory, a->file->number, a->file->trusted, &a->bytes, a->error, sizeof a->error);
	reader.file = (struct slice){a->bytes.at, a->bytes.len};
	while (a->loaded && segment_next(&reader, &body) == SEGMENT_RECORD)
		;
	a->sound = reader.at;
	return NULL;
}

static void begin_ahead(struct ahead *a, const struct segment_file *file)
{
	a->file = file;
	a->started = pthread_create(&a->thread, NULL, look_ahead, a) == 0;
}

/* Waits for it; what could not be done beside is done here. */
static void end_ahead(struct ahead *a)
{
	if (a->started)
		(void)pthread_join(a->thread, NULL); /* fails for no thread that was started and not joined */
	else
		(void)look_ahead(a);
	a->started = false;
}

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

/* Replays what is sound from the start on. False without memory. */
static bool replay_records(struct replay *r, const struct ahead *a)
{
	struct segment_reader reader = {.file = {a->bytes.at, a->sound}, .at = SEGMENT_HEADER};
	struct slice body;

	while (segment_again(&reader, &body)) {
		if (r->record(r->context, body, a->file->number))
			continue;
		(void)snprintf(r->error, r->size, "%s: no memory for what is in it, or not made by this program",
		               r->journal->directory.path);
		return false;
	}
	return true;
}

/* A record may be unfinished only where nothing sound comes after it, in the last segment. */
static bool replay_segment(struct replay *r, struct segment_file *f, const struct ahead *a)
{
	struct segment_reader rest = {.file = {a->bytes.at, a->bytes.len}, .sum = f->sum, .at = a->sound};
	struct journal *j = r->journal;

	if (!a->loaded) {
		(void)snprintf(r->error, r->size, "%s", a->error);
		return false;
	}
	/* In the table before its records: they may be held. */
	j->segment[j->segments++] = (struct journal_segment){.number = f->number, .bytes = f->trusted};
	if (!replay_records(r, a))
		return false;
	if (f->header.length && !r->record(r->context, (struct slice){NULL, 0}, f->number))
		return false;
	if (a->sound == f->trusted)
		return true;
	if (!f->last || f->header.length || segment_seek(&rest))
		return damaged(r, f->number, a->sound);
	r->lost = f->trusted - a->sound;
	j->segment[j->segments - 1].bytes = f->trusted = a->sound;
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

/*
 * Was the machine started since the last segment was begun, and that not synced with each batch? Then what was answered
 * from its end on may be gone. (At an end in good order one is begun that is not written to, and not lazy.)
 */
static bool may_lack_its_end(const struct segment_list *list)
{
	const struct segment_header *h = &list->file[list->count - 1].header;
	int64_t started = clock_today() - clock_monotonic();

	return !list->unfinished && h->lazy && (int64_t)(h->begun / 1000000) < started;
}

/* Takes in one that was looked through, while the next one is. */
static bool replay_all(struct replay *r, const struct segment_list *list, struct ahead ahead[2],
                       char epoch[JOURNAL_EPOCH])
{
	struct journal *j = r->journal;

	for (size_t i = 0; i < list->count; i++) {
		struct segment_file *f = &list->file[i];
		bool follows = i && f[-1].number == f->number - 1;

		if (i == 0)
			begin_ahead(&ahead[0], f);
		end_ahead(&ahead[i % 2]);
		if (i + 1 < list->count)
			begin_ahead(&ahead[(i + 1) % 2], f + 1);
		if (!is_readable(r, f) || !check_epoch(r, f, i == 0, epoch) || !replay_segment(r, f, &ahead[i % 2]))
			return false;
		j->segment[j->segments - 1].bounds = follows && f[-1].size > f[-1].trusted;
		j->number = f->number;
		j->trusted = (uint32_t)f->trusted;
		j->overlong = f->size > f->trusted;
	}
	j->lacking = list->count && may_lack_its_end(list);
	if (j->lacking && !r->record(r->context, (struct slice){NULL, 0}, j->number))
		return false;
	if (list->unfinished) {
		j->leftover = true;
		if (j->number != list->unfinished - 1)
			j->trusted = 0;
		j->number = list->unfinished - 1;
	}
	return true;
}

bool journal_read(struct journal *j, char epoch[JOURNAL_EPOCH], journal_replay *record, void *context, uint64_t *lost,
                  char *error, size_t size)
{
	struct replay r = {.journal = j, .record = record, .context = context, .error = error, .size = size};
	struct ahead ahead[2] = {{.directory = &j->directory}, {.directory = &j->directory}};
	struct segment_list list;
	bool replayed = false;

	if (!directory_list(&j->directory, &list, error, size))
		return false;
	j->room = list.count + 16;
	j->segment = malloc(j->room * sizeof *j->segment);
	if (j->segment)
		replayed = replay_all(&r, &list, ahead, epoch);
	else
		(void)snprintf(error, size, "%s: no memory", j->directory.path);
	for (int i = 0; i < 2; i++) {
		if (ahead[i].started)
			end_ahead(&ahead[i]);
		buffer_free(&ahead[i].bytes);
	}
	directory_free_list(&list);
	*lost = r.lost;
	return replayed;
}
