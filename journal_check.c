/*
 * journal_check.c: what `pushsse journal check|repair` does; see journal.h.
 *
 * The server never repairs: it does not start on what is damaged. Here a person has asked, and reads what is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "journal.h"

enum { NAME_SIZE = SEGMENT_NAME + 16 /* with ".damaged" behind it */ };

struct check {
	struct directory directory;
	struct segment_list list;
	bool repair;
	struct buffer bytes;  /* of the segment that is read */
	struct buffer anew;   /* the same without what is damaged */
	unsigned damaged;     /* segments, of those that are not repaired */
	uint64_t records;
	char error[1024];
};

static bool fail(struct check *c, const char *name)
{
	(void)snprintf(c->error, sizeof c->error, "%s/%s: %s", c->directory.path, name, strerror(errno));
	return false;
}

static bool write_file(int fd, const char *at, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		}
	}
	return fsync(fd) == 0;
}

/* Writes `anew` to a file of this name, which is made, or made empty before. */
static bool write_anew(struct check *c, const char *name)
{
	int fd = openat(c->directory.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
	bool written;

	if (fd < 0)
		return false;
	written = write_file(fd, c->anew.at, c->anew.len);
	(void)close(fd); /* it was synced, or it is given up */
	return written;
}

/* Puts `anew` in the segment's place, or nothing when there is none, and keeps the old file beside it. */
static bool replace(struct check *c, const struct segment_file *f)
{
	int directory = c->directory.fd;
	char name[SEGMENT_NAME], part[NAME_SIZE], aside[NAME_SIZE];

	segment_write_name(name, f->number);
	(void)snprintf(part, sizeof part, "%s.part", name);
	(void)snprintf(aside, sizeof aside, "%s.damaged", name);
	if (c->anew.len && !write_anew(c, part))
		return fail(c, part);
	/* A link, so that at no moment there is neither the old one nor the new one. */
	if (linkat(directory, name, directory, aside, 0) != 0)
		return fail(c, aside);
	if ((c->anew.len ? renameat(directory, part, directory, name) : unlinkat(directory, name, 0)) != 0)
		return fail(c, name);
	if (fsync(directory) != 0)
		return fail(c, ".");
	printf("%s: %s; the damaged one is kept as %s\n", name, c->anew.len ? "written anew" : "taken away", aside);
	return true;
}

/* Adds a sound record to the segment that is written anew. */
static void keep(struct check *c, const struct segment_file *f, struct slice body)
{
	char frame[SEGMENT_FRAME];

	segment_write_frame(frame, f->sum, (uint32_t)c->anew.len, body);
	buffer_add(&c->anew, frame, sizeof frame);
	buffer_add_slice(&c->anew, body);
}

/* The header that the new one gets says how long it is; with that its sum changes, so it comes before the records. */
static void begin_anew(struct check *c, struct segment_file *f, size_t len)
{
	char header[SEGMENT_HEADER];

	f->header.length = (uint32_t)len;
	f->sum = segment_write_header(header, &f->header);
	c->anew.len = 0;
	buffer_add(&c->anew, header, sizeof header);
}

static const char *plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}

/* What a walk through a segment finds. */
struct findings {
	uint64_t records, bytes; /* sound */
	unsigned faults;
};

/* Goes through a segment's records, says what is damaged, and keeps the sound ones when `kept` is to be filled. */
static struct findings walk(struct check *c, const struct segment_file *f, struct segment_reader reader, bool keeping)
{
	struct findings found = {0};
	struct slice body;
	enum segment_next next;
	char name[SEGMENT_NAME];

	segment_write_name(name, f->number);
	while ((next = segment_next(&reader, &body)) != SEGMENT_END) {
		size_t at = reader.at;
		bool more;

		if (next == SEGMENT_RECORD) {
			found.records++;
			found.bytes += SEGMENT_FRAME + body.len;
			if (keeping)
				keep(c, f, body);
			continue;
		}
		found.faults++;
		more = segment_seek(&reader);
		if (keeping)
			continue; /* it was said before */
		if (more || !f->last || f->header.length)
			printf("%s: damaged at offset %zu: %zu bytes cannot be read\n", name, at, reader.at - at);
		else
			printf("%s: torn at offset %zu: %zu bytes of a record that was never finished, or is damaged\n", name, at,
			       reader.at - at);
	}
	return found;
}

static bool rewrite(struct check *c, struct segment_file *f, struct segment_reader reader, const struct findings *found)
{
	struct findings kept;

	begin_anew(c, f, SEGMENT_HEADER + (size_t)found->bytes);
	kept = walk(c, f, reader, true);
	if (c->anew.failed || kept.bytes != found->bytes) {
		errno = ENOMEM;
		return fail(c, "");
	}
	return replace(c, f);
}

/* One whose header says nothing: what is in it cannot be told from anything else. */
static bool check_unreadable(struct check *c, const struct segment_file *f)
{
	char name[SEGMENT_NAME];

	segment_write_name(name, f->number);
	if (f->fault == SEGMENT_UNKNOWN) {
		(void)snprintf(c->error, sizeof c->error, "%s/%s: written by a newer version of pushsse", c->directory.path,
		               name);
		return false;
	}
	printf("%s: its header is damaged beyond repair: %llu bytes cannot be read\n", name, (unsigned long long)f->size);
	c->anew.len = 0;
	if (c->repair)
		return replace(c, f);
	c->damaged++;
	return true;
}

static bool check_segment(struct check *c, struct segment_file *f)
{
	struct segment_reader reader = {.sum = f->sum, .at = SEGMENT_HEADER};
	struct findings found;
	char name[SEGMENT_NAME];

	if (!f->readable)
		return check_unreadable(c, f);
	segment_write_name(name, f->number);
	if (!directory_load(&c->directory, f->number, f->trusted, &c->bytes, c->error, sizeof c->error))
		return false;
	reader.file = (struct slice){c->bytes.at, c->bytes.len};
	if (f->fault == SEGMENT_DAMAGED)
		printf("%s: damaged at offset 0: a bit of its header, which can be put right\n", name);
	found = walk(c, f, reader, false);
	if (c->bytes.len < f->trusted)
		printf("%s: damaged at offset %zu: %llu bytes are missing at its end\n", name, c->bytes.len,
		       (unsigned long long)(f->trusted - c->bytes.len));
	if (f->size > f->trusted)
		printf("%s: %llu bytes behind its end were never answered as stored, and do not count\n", name,
		       (unsigned long long)(f->size - f->trusted));
	printf("%s: %llu record%s, %llu bytes\n", name, (unsigned long long)found.records, plural(found.records),
	       (unsigned long long)found.bytes);
	c->records += found.records;
	if (!found.faults && f->fault == SEGMENT_SOUND && c->bytes.len >= f->trusted)
		return true;
	if (c->repair)
		return rewrite(c, f, reader, &found);
	c->damaged++;
	return true;
}

/* Two journals in one directory: nobody can say which one is meant. */
static bool check_epochs(struct check *c)
{
	const struct segment_file *first = NULL;

	for (size_t i = 0; i < c->list.count; i++) {
		const struct segment_file *f = &c->list.file[i];
		char name[SEGMENT_NAME];

		if (!f->readable)
			continue;
		if (!first)
			first = f;
		if (memcmp(f->header.epoch, first->header.epoch, JOURNAL_EPOCH) == 0)
			continue;
		segment_write_name(name, f->number);
		(void)snprintf(c->error, sizeof c->error, "%s/%s: belongs to another journal: move it away", c->directory.path,
		               name);
		return false;
	}
	return true;
}

static bool check_all(struct check *c)
{
	if (!directory_list(&c->directory, &c->list, c->error, sizeof c->error) ||
	    !directory_mend(&c->directory, &c->list, c->error, sizeof c->error) || !check_epochs(c))
		return false;
	for (size_t i = 0; i < c->list.count; i++)
		if (!check_segment(c, &c->list.file[i]))
			return false;
	if (c->list.unfinished)
		printf("%010lu.segment: was being begun, and holds nothing\n", (unsigned long)c->list.unfinished);
	printf("%zu segment%s, %llu record%s: %s\n", c->list.count, plural(c->list.count), (unsigned long long)c->records,
	       plural(c->records), c->damaged ? "damaged; \"repair\" keeps what is sound" : "sound");
	return true;
}

int journal_check(const char *directory, bool repair)
{
	struct check *c = calloc(1, sizeof *c);
	int result = 2;

	if (!c) {
		printf("%s: no memory\n", directory);
		return result;
	}
	c->repair = repair;
	if (directory_open(&c->directory, directory, false, repair, c->error, sizeof c->error)) {
		if (check_all(c))
			result = c->damaged ? 1 : 0;
		directory_free_list(&c->list);
		directory_close(&c->directory);
	}
	if (result == 2)
		printf("%s\n", c->error);
	buffer_free(&c->bytes);
	buffer_free(&c->anew);
	free(c);
	return result;
}
