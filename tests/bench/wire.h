/*
 * wire.h: what a server's answers look like, and how messages and cursors are found in them. Pure: no socket.
 *
 *     WIRE_EVENTS  a text/event-stream: "data: " content, an empty line. Chunked or not: all that is asked of chunks
 *                  is that no message is cut by a chunk's end. The cursor is the last "id: "
 *     WIRE_POLL    pushsse's long-poll: JSON with "data":"content" and "lastEventId"
 *     WIRE_NCHAN   Nchan's long-poll: the content is the body, the cursor stands in Last-Modified and Etag
 *     WIRE_SOCKET_IO  socket.io on a WebSocket: ["new_msg","content"] in a text frame; no cursor. Its frames are passed over,
 *                  and its pings, 25 s apart, are not answered: runs are shorter
 */
#ifndef WIRE_H
#define WIRE_H

#include "buffer.h"
#include "mark.h"

enum wire_kind { WIRE_EVENTS, WIRE_POLL, WIRE_NCHAN, WIRE_SOCKET_IO };

struct wire {
	enum wire_kind kind;
	char *before;      /* what stands before the mark, with the padding */
	size_t before_len;
	const char *after; /* what stands behind it */
	size_t after_len, block_len; /* bytes of the whole */
};

/* Does what the server pushes come on a connection that stays, rather than as the answer to each request? */
static inline bool wire_stays(enum wire_kind kind)
{
	return kind == WIRE_EVENTS || kind == WIRE_SOCKET_IO;
}

/* content: bytes of a message. False when memory is out. */
bool wire_init(struct wire *wire, enum wire_kind kind, size_t content);
void wire_free(struct wire *wire);
/*
 * Goes to the next message between from and end; answers where it ends, and *mark. NULL: there is none that is whole.
 * torn counts marks whose message is not what was published, to the byte.
 */
const char *wire_next(const struct wire *wire, const char *from, const char *end, struct mark *mark, uint64_t *torn);
/* How long an answer with a Content-Length is, head and body. 0: the head is not all there. */
size_t wire_answer_size(const char *at, size_t len);
/* Puts the header lines that ask for what comes after these bytes into out; without a cursor in them it stays. */
void wire_cursor(const struct wire *wire, const char *at, size_t len, struct buffer *out);

#endif
