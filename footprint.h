/*
 * footprint.h: what memory the server may take at most, by its options and limits. Pure.
 *
 * These are bytes of the process; what the system keeps for sockets is its own (net.ipv4.tcp_mem).
 */
#ifndef FOOTPRINT_H
#define FOOTPRINT_H

#include "server.h"

enum {
	FOOTPRINT_CONNECTION = 4096, /* bytes of one, with the first bytes of its request; an open stream takes 400 */
	FOOTPRINT_MESSAGES = 32      /* times --max-message that a worker has while it makes one answer of it */
};

struct footprint {
	uint64_t connections; /* as many as there may be */
	uint64_t requests;    /* --request-memory, and what is in a worker's hands */
	uint64_t history;     /* --history-bytes, and a quarter for what malloc() leaves unused */
	uint64_t all;
};

struct footprint footprint_of(const struct server *s);

#endif
