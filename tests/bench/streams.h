/*
 * streams.h: the readers: N streams that are opened, read and checked by one thread on one epoll.
 *
 * Every message is looked for in what arrives, compared with what was published to the byte, its latency counted,
 * and entered in its stream's tally. What each stream should have got is told by streams_owe(); streams_check()
 * compares. A long-poll is a stream too: its next request, with the cursor of the last answer, goes out as soon as an
 * answer is there. The last `slow` streams never read once they are open, and are owed nothing.
 */
#ifndef STREAMS_H
#define STREAMS_H

#include <netinet/in.h>

#include "histogram.h"
#include "request.h"
#include "wire.h"

enum {
	STREAMS_MAX = 19900,      /* what 20,000 descriptors leave */
	STREAMS_OPENING = 256,    /* asked for and not yet answered: stays far below any listen() backlog */
	STREAMS_BATCH = 64,       /* events between two looks at the publishers */
	STREAMS_RECEIVE = 65536,  /* bytes of one recv() */
	STREAMS_REMAINDER = 16384, /* bytes of head, hello and pings that may stand before a message */
	STREAMS_ANSWER = 1 << 19  /* bytes of a poll's answer: pushsse's have up to 256 KiB of events */
};

enum stream_state {
	STREAM_NONE,
	STREAM_ASKED, /* its request is sent */
	STREAM_OPEN,  /* the head was a 200; a poll: the first answer has come (Nchan, which gives none: asked for) */
	STREAM_GONE   /* the server closed it: a failure */
};

struct stream {
	int fd;
	enum stream_state state;
	bool slow;       /* does not read */
	uint32_t next;   /* the number after that of the last message: the next one is not below it */
	uint64_t order;  /* digest of all numbers in their order */
	size_t rest_len; /* bytes of an incomplete block or answer */
	char *rest;
	struct buffer cursor;    /* header lines for the next request; empty when none is kept */
	struct tally got, owed; /* owed: to this stream alone, beside what is owed to everyone */
};

struct streams {
	/* The caller's choice, before streams_init(). */
	enum wire_kind kind;
	size_t count, slow;    /* wanted; how many of these are slow */
	size_t window;         /* how many may be asked for and unanswered */
	bool ascending;        /* numbers have to ascend in each stream: true with one publisher */
	bool cursors;          /* of event streams too */
	const struct templates *templates;
	/* The rest is its own. */
	int epoll;
	size_t asked, open, gone;
	struct stream *all;
	struct wire wire;
	struct tally everyone;  /* owed to each stream that reads */
	uint64_t owed, got;     /* messages, over all streams */
	uint64_t torn;          /* marks whose message was not what was published */
	uint64_t disordered;    /* messages that came behind a later one */
	uint64_t reads, bytes;  /* of recv() */
	int64_t since;          /* ns: latencies count from here; 0 = from the stamps */
	struct histogram *latency;
	char *buffer;
	size_t buffer_len;
	char fault[256];        /* why a stream was not opened or went away; "" */
};

struct streams_result {
	uint64_t lost, doubled, other; /* messages; streams with the right number of wrong messages */
	uint64_t orders;               /* streams that got what all got in another order than the first; else 0 */
};

/* False, with the reason in fault, when memory or descriptors are out. content: bytes of a message. */
bool streams_init(struct streams *streams, size_t content);
void streams_free(struct streams *streams);
/* Opens those that are not open, a window at a time, with their cursors. False with the reason in fault. */
bool streams_open(struct streams *streams, const struct sockaddr_in *address);
/* Closes stream i; streams_open() opens it again. */
void streams_close(struct streams *streams, size_t i);
/* Also wakes streams_receive() when fd is readable, and leaves it alone. */
bool streams_watch(struct streams *streams, int fd);
/* Waits for at most timeout nanoseconds and reads what has arrived; at most STREAMS_BATCH streams. */
void streams_receive(struct streams *streams, int64_t timeout);
/* Notes that message `number` was published, to one stream or (SIZE_MAX) to all. */
void streams_owe(struct streams *streams, size_t stream, uint32_t number);
struct streams_result streams_check(const struct streams *streams);

#endif
