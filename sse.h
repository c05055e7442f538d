/*
 * sse.h: a message as an event block of text/event-stream (HTML standard 9.2.5, 9.2.6) and as JSON for a long-poll.
 *
 * Pure: no allocation, no I/O, any thread.
 */
#ifndef SSE_H
#define SSE_H

#include <stdint.h>

#include "buffer.h"
#include "slice.h"

enum {
	EPOCH_SIZE = 6,   /* bytes of an epoch */
	CURSOR_MAX = 40,  /* bytes of a cursor that is looked at; a longer one is of no epoch of ours */
	EVENT_MAX = 128   /* bytes of an event name */
};

/* An event name that a publisher may use: no CR, LF or NUL, UTF-8, and none of open, error, pushsse.* */
bool sse_event_is_valid(struct slice event);

/*
 * An event block is written in two steps, since its id is known last: the fields after the id first, which may be
 * long, at SSE_ID_MAX bytes into the room for it; then, when the message got its place, the id right before them.
 */
enum { SSE_ID_MAX = CURSOR_MAX + 5 }; /* bytes of "id: <cursor>\n" */

/* Bytes that sse_write_fields() will write, or a few more. */
size_t sse_fields_max(struct slice event, struct slice data);
/*
 * Writes event (left out when it is empty or "message"), a data line for each line of the data (which end at CRLF,
 * CR or LF: nothing in it can forge a field) and the empty line that dispatches. Answers the bytes written.
 */
size_t sse_write_fields(char *out, struct slice event, struct slice data);
/* Bytes of the id line of this seq, at most SSE_ID_MAX. */
size_t sse_id_size(uint64_t seq);
/* Writes the id line so that it ends at `end`. Answers its length. */
size_t sse_write_id_before(char *end, const char epoch[EPOCH_SIZE], uint64_t seq);
/* Appends a whole block as {"id":..,"event":..,"data":..}; line ends are LF in it. */
void sse_add_json(struct buffer *out, struct slice block);

/* The id of a whole block: its message's cursor. */
struct slice sse_block_id(struct slice block);

/* Writes "<epoch>-<seq>"; answers the bytes written, at most CURSOR_MAX. No NUL. */
size_t cursor_write(char *out, const char epoch[EPOCH_SIZE], uint64_t seq);
/* Reads a cursor of this epoch into *seq. False for anything else, in whatever way. */
bool cursor_read(struct slice cursor, const char epoch[EPOCH_SIZE], uint64_t *seq);

#endif
