/* reader.c: see reader.h. The merge: of the next messages in its logs, the one with the least seq, once. */
#include "reader.h"

/*
 * Steps `at` past the next message and answers it, NULL when there is none up to bound. A message that is for several
 * audiences lies in several logs and is stepped over in all of them. From the same place to the same bound it always
 * answers the same, whatever time it is: so a block that was begun is the one that is gone on with.
 */
static const struct message *step(const struct reader *r, struct node **at, uint64_t bound)
{
	unsigned n = reader_subscriptions(r);

	for (;;) {
		const struct message *least = NULL;

		for (unsigned i = 0; i < n; i++) {
			if (!node_next(at[i]) || at[i]->message->seq > bound)
				continue;
			if (!least || at[i]->message->seq < least->seq)
				least = at[i]->message;
		}
		if (!least)
			return NULL;
		for (unsigned i = 0; i < n; i++) {
			struct node *next = node_next(at[i]);

			if (next && at[i]->message == least)
				at[i] = next;
		}
		if (least->seq > r->attached || least->expires > r->since)
			return least;
	}
}

static void copy_positions(struct reader *r, struct node **at)
{
	for (unsigned i = 0; i < reader_subscriptions(r); i++)
		at[i] = reader_subscription(r, i)->at;
}

static void move_to(struct reader *r, struct node *const *at)
{
	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		struct subscription *s = reader_subscription(r, i);

		if (s->at == at[i])
			continue;
		struct node *before = s->at;
		s->at = node_hold(at[i]);
		node_release(before);
	}
}

bool reader_gather(struct reader *r, uint64_t bound, struct gather *g)
{
	size_t offset = r->offset;
	const struct message *m;

	g->blocks = g->bytes = 0;
	g->bound = bound;
	copy_positions(r, g->after);
	while (g->blocks < GATHER_MAX_BLOCKS && g->bytes < GATHER_MAX_BYTES && (m = step(r, g->after, bound))) {
		/* iovec has no const; sendmsg() only reads. */
		g->block[g->blocks].iov_base = (char *)(uintptr_t)message_block(m) + offset;
		g->block[g->blocks++].iov_len = m->size - offset;
		g->bytes += m->size - offset;
		offset = 0;
	}
	/* Without blocks there may still have been some to step over. */
	if (!g->blocks)
		move_to(r, g->after);
	return g->blocks > 0;
}

void reader_advance(struct reader *r, struct gather *g, size_t sent)
{
	struct node *at[2 + READER_MAX_CHANNELS];
	size_t i = 0;

	if (sent == g->bytes) {
		r->offset = 0;
		move_to(r, g->after);
		return;
	}
	copy_positions(r, at);
	while (sent >= g->block[i].iov_len) {
		sent -= g->block[i++].iov_len;
		(void)step(r, at, g->bound); /* the same that gather found */
		r->offset = 0;
	}
	r->offset += (uint32_t)sent;
	move_to(r, at);
}

bool reader_replays(struct reader *r)
{
	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		struct node *at = reader_subscription(r, i)->at;

		if (node_next(at) && at->message->seq <= r->attached)
			return true;
	}
	return false;
}

uint64_t reader_lag(struct reader *r)
{
	uint64_t lag = 0;

	for (unsigned i = 0; i < reader_subscriptions(r); i++) {
		const struct subscription *s = reader_subscription(r, i);

		lag += log_bytes_after(&s->audience->log, s->at);
	}
	return lag - r->offset;
}
