/* segment.c: see segment.h */
#include "segment.h"

#include <stdio.h>

#include "crc32c.h"
#include "little.h"

static const char magic[8] = {'P', 'U', 'S', 'H', 'S', 'S', 'E', 'J'};

/* Where the header's fields are: bytes from its start. */
enum { VERSION = 8, LAZY = 9, EPOCH = 10, NUMBER = 16, PREVIOUS = 20, BEGUN = 24, LENGTH = 32, SUM = 36 };

void segment_write_name(char name[SEGMENT_NAME], uint32_t number)
{
	(void)snprintf(name, SEGMENT_NAME, "%010lu.segment", (unsigned long)number); /* fits */
}

uint32_t segment_read_name(const char *name)
{
	char again[SEGMENT_NAME];
	uint64_t number = 0;

	for (const char *at = name; at < name + 10 && *at >= '0' && *at <= '9'; at++)
		number = number * 10 + (uint64_t)(*at - '0');
	segment_write_name(again, (uint32_t)number);
	return number <= UINT32_MAX && strcmp(name, again) == 0 ? (uint32_t)number : 0;
}

uint32_t segment_write_header(char out[SEGMENT_HEADER], const struct segment_header *h)
{
	uint32_t sum;

	memcpy(out, magic, sizeof magic);
	out[VERSION] = SEGMENT_VERSION;
	out[LAZY] = (char)h->lazy;
	memcpy(out + EPOCH, h->epoch, JOURNAL_EPOCH);
	put32(out + NUMBER, h->number);
	put32(out + PREVIOUS, h->previous);
	put64(out + BEGUN, h->begun);
	put32(out + LENGTH, h->length);
	sum = crc32c(0, out, SUM);
	put32(out + SUM, sum);
	return sum;
}

enum segment_fault segment_read_header(struct slice file, struct segment_header *h, uint32_t *sum)
{
	if (file.len < SEGMENT_HEADER || memcmp(file.at, magic, sizeof magic) != 0)
		return SEGMENT_DAMAGED;
	*sum = crc32c(0, file.at, SUM);
	if (get32(file.at + SUM) != *sum)
		return SEGMENT_DAMAGED;
	memcpy(h->epoch, file.at + EPOCH, JOURNAL_EPOCH);
	h->number = get32(file.at + NUMBER);
	h->previous = get32(file.at + PREVIOUS);
	h->begun = get64(file.at + BEGUN);
	h->length = get32(file.at + LENGTH);
	h->lazy = file.at[LAZY] != 0;
	return file.at[VERSION] == SEGMENT_VERSION ? SEGMENT_SOUND : SEGMENT_UNKNOWN;
}

bool segment_mend_header(char header[SEGMENT_HEADER])
{
	struct segment_header h;
	uint32_t sum;

	for (int bit = 0; bit < SEGMENT_HEADER * 8; bit++) {
		char was = header[bit / 8];

		header[bit / 8] = (char)(was ^ 1 << bit % 8);
		if (segment_read_header((struct slice){header, SEGMENT_HEADER}, &h, &sum) == SEGMENT_SOUND)
			return true;
		header[bit / 8] = was;
	}
	return false;
}

/* Of where a record is and how long it is: so a length can be believed before its body was read. */
static uint32_t head_sum(uint32_t sum, uint64_t offset, uint64_t length)
{
	char place[8];

	put32(place, (uint32_t)offset);
	put32(place + 4, (uint32_t)length);
	return crc32c(sum, place, sizeof place);
}

void segment_write_frame(char out[SEGMENT_FRAME], uint32_t sum, uint32_t offset, struct slice body)
{
	uint32_t head = head_sum(sum, offset, body.len);

	put32(out, (uint32_t)body.len);
	put32(out + 4, head);
	put32(out + 8, crc32c(head, body.at, body.len));
}

enum segment_next segment_next(struct segment_reader *r, struct slice *body)
{
	size_t left = r->file.len > r->at ? r->file.len - r->at : 0;
	const char *frame = r->file.at + r->at;
	uint64_t length;
	uint32_t head;

	if (left == 0)
		return SEGMENT_END;
	if (left < SEGMENT_FRAME)
		return SEGMENT_BAD;
	length = get32(frame);
	if (length == 0 || length > JOURNAL_RECORD_MAX || length > left - SEGMENT_FRAME)
		return SEGMENT_BAD;
	head = head_sum(r->sum, r->at, length);
	if (get32(frame + 4) != head || get32(frame + 8) != crc32c(head, frame + SEGMENT_FRAME, (size_t)length))
		return SEGMENT_BAD;
	*body = (struct slice){frame + SEGMENT_FRAME, (size_t)length};
	r->at += SEGMENT_FRAME + (size_t)length;
	return SEGMENT_RECORD;
}

bool segment_again(struct segment_reader *r, struct slice *body)
{
	if (r->at >= r->file.len)
		return false;
	*body = (struct slice){r->file.at + r->at + SEGMENT_FRAME, get32(r->file.at + r->at)};
	r->at += SEGMENT_FRAME + body->len;
	return true;
}

bool segment_seek(struct segment_reader *r)
{
	struct slice body;

	/* Cheap at each byte: a body is read only when the sum before it says that there is one. */
	while (r->at < r->file.len) {
		size_t at = ++r->at;

		if (segment_next(r, &body) == SEGMENT_RECORD) {
			r->at = at;
			return true;
		}
	}
	return false;
}
