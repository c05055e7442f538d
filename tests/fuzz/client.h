/*
 * client.h: a client of a server that is fuzzed, at the other end of a socket pair. It sends what it is told in
 * pieces, reads in pieces, and tells the model what it was sent.
 */
#ifndef FUZZ_CLIENT_H
#define FUZZ_CLIENT_H

#include "model.h"
#include "sse.h"

enum { EXPECTED = 16 }; /* answers that one connection may still be owed */

enum answer_kind { ANSWER_PUBLISHED, ANSWER_STREAM, ANSWER_POLL, ANSWER_KICKED, ANSWER_OTHER };

/* An answer that is to come, in this order. */
struct expected {
	enum answer_kind kind;
	int number;               /* of the message; the uid that is kicked */
	struct reading *reading;  /* of a kick: the first that asked after it, and may stay */
};

struct client {
	struct model *model;
	char epoch[EPOCH_SIZE];
	int fd;                   /* -1: it is not connected */
	bool wild;                /* it was sent bytes of any kind: what it is answered means nothing */
	bool halved;              /* it has said that it sends no more */
	bool failed;              /* it was refused, or told that its stream ends */
	bool over;                /* the server has closed */
	bool kicked;              /* its stream has to end */
	struct buffer out, in;
	struct expected expected[EXPECTED];
	int expects;
	struct reading *stream;   /* once its head was read */
	int uid;                  /* of its stream */
	uint64_t published;       /* seq of what it published last */
};

/* Sends up to `most` bytes of what it is to send. True when some went. */
bool client_send(struct client *c, size_t most);
/* Reads up to `most` bytes and takes in what is whole. True when some came, or the end. */
bool client_read(struct client *c, size_t most);
void client_close(struct client *c);
/* All that it had to say is said. */
bool client_is_done(const struct client *c);
/* The kick that was answered by the last client_read(); without a reading: none was. */
struct expected client_kicked(void);

#endif
