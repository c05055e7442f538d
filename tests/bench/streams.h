/*
 * streams.h: the readers: N streams that are opened, read and checked by one thread on one epoll.
 *
 * Every message is looked for in what arrives, compared with what was published to the byte, its latency counted,
 * and entered in its stream's tally. What each stream should have got is told by streams_owe(); streams_check()
 * compares. Of a chunked body only this is asked: that a message is not cut by a chunk's end.
 */
#ifndef STREAMS_H
#define STREAMS_H

#include <netinet/in.h>

#include "histogram.h"
#include "mark.h"
#include "request.h"

enum {
	STREAMS_MAX = 19900,      /* what 20,000 descriptors leave */
	STREAMS_OPENING = 256,    /* asked for and not yet answered: stays far below any listen() backlog */
	STREAMS_BATCH = 64,       /* events between two looks at the publishers */
	STREAMS_RECEIVE = 65536,  /* bytes of one recv() */
	STREAMS_REMAINDER = 16384 /* bytes of head, hello and pings that may stand before a message */
};

enum stream_state {
	STREAM_NONE,
	STREAM_ASKED, /* its request is sent */
	STREAM_OPEN,  /* the head was a 200 */
	STREAM_GONE   /* the server closed it: a failure */
};

struct stream {
	int fd;
	enum stream_state state;
	size_t rest_len; /* bytes of an incomplete block */
	char *rest;
	struct tally got, owed; /* owed: to this stream alone, beside what is owed to everyone */
};

struct streams {
	int epoll;
	size_t count;  /* wanted */
	size_t asked, open, gone;
	struct stream *all;
	struct tally everyone;  /* owed to each stream */
	uint64_t owed, got;     /* messages, over all streams */
	uint64_t torn;          /* marks whose message was not what was published */
	uint64_t reads, bytes;  /* of recv() */
	struct histogram *latency;
	char *block;            /* what each message looks like: "data: " content "\n\n" */
	size_t block_len;
	char *buffer;
	char fault[256];        /* why a stream was not opened or went away; "" */
};

struct streams_result {
	uint64_t lost, doubled, other; /* messages; streams with the right number of wrong messages */
};

/* False, with the reason in fault, when memory or descriptors are out. */
bool streams_init(struct streams *streams, size_t count, size_t content);
void streams_free(struct streams *streams);
/* Opens all of them, a window at a time. False with the reason in fault. */
bool streams_open(struct streams *streams, const struct sockaddr_in *address, const struct templates *templates);
/* Also wakes streams_receive() when fd is readable, and leaves it alone. */
bool streams_watch(struct streams *streams, int fd);
/* Waits for at most timeout nanoseconds and reads what has arrived; at most STREAMS_BATCH streams. */
void streams_receive(struct streams *streams, int64_t timeout);
/* Notes that message `number` was published, to one stream or (SIZE_MAX) to all. */
void streams_owe(struct streams *streams, size_t stream, uint32_t number);
struct streams_result streams_check(const struct streams *streams);

#endif
