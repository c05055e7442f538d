/* log.c: see log.h. What is retained is a matter of log->first alone; references do the rest. */
#include "log.h"

#include <stdlib.h>

enum { COMPACT_MIN = 64 }; /* weight: a lighter chain is not worth a walk */

bool log_open(struct log *log, uint64_t floor)
{
	struct node *empty = log_new_node();

	if (!empty)
		return false;
	*log = (struct log){.first = empty, .last = empty, .floor = floor, .last_seq = floor, .soonest = UINT32_MAX,
	                     .compact_at = COMPACT_MIN};
	return true;
}

void log_close(struct log *log)
{
	node_release(log->first);
	log->first = NULL;
	log->last = NULL;
}

struct node *log_new_node(void)
{
	struct node *node = malloc(sizeof *node);

	if (node)
		*node = (struct node){.references = 1};
	return node;
}

struct node *node_hold(struct node *node)
{
	atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed);
	return node;
}

/* A node that goes lets go of the one after it: a loop, since a chain may be long. */
void node_release(struct node *node)
{
	while (node && atomic_fetch_sub_explicit(&node->references, 1, memory_order_acq_rel) == 1) {
		struct node *next = node_next(node);

		if (node->message)
			message_release(node->message);
		free(node);
		node = next;
	}
}

static uint32_t weight_of(const struct message *m)
{
	return m->expires == EXPIRED_ALWAYS ? 1 + m->size / 1024 : 1;
}

/* Rounded down, 0 for what is before that. */
static uint32_t second_of(int64_t ms)
{
	return ms < 0 ? 0 : ms / 1000 < UINT32_MAX ? (uint32_t)(ms / 1000) : UINT32_MAX;
}

void log_append(struct log *log, struct message *m, struct node *empty)
{
	struct node *node = log->last;

	atomic_fetch_add_explicit(&m->references, 1, memory_order_relaxed);
	node->message = m;
	empty->start = node->start + (m->size + LOG_UNIT - 1) / LOG_UNIT;
	atomic_store_explicit(&log->last, empty, memory_order_release);
	log->last_seq = m->seq;
	if (log->soonest > second_of(m->expires) || node == log->first)
		log->soonest = second_of(m->expires);
	log->weight += weight_of(m);
	log->retained += m->expires != EXPIRED_ALWAYS;
	atomic_store_explicit(&node->next, empty, memory_order_release);
}

/* Says that `m` is retained no longer. What was never retained leaves no gap. */
static void let_go(struct log *log, struct message *m, log_dropped *dropped, void *context)
{
	log->weight -= weight_of(m);
	if (m->expires == EXPIRED_ALWAYS)
		return;
	log->retained--;
	if (log->floor < m->seq)
		log->floor = m->seq;
	dropped(context, m);
}

static void drop_first(struct log *log, log_dropped *dropped, void *context)
{
	struct node *first = log->first;

	let_go(log, first->message, dropped, context);
	log->first = node_hold(node_next(first));
	node_release(first);
}

static void drop_transient(struct log *log, log_dropped *dropped, void *context)
{
	while (log->first != log->last && log->first->message->expires == EXPIRED_ALWAYS)
		drop_first(log, dropped, context);
}

void log_drop_oldest(struct log *log, log_dropped *dropped, void *context)
{
	drop_transient(log, dropped, context);
	if (log->first != log->last)
		drop_first(log, dropped, context);
	drop_transient(log, dropped, context);
}

/*
 * Goes up to the first node at which a reader stands: nobody stands before it, so nobody is owed what goes. (A reader
 * moves by holding the later node before it lets the earlier one go, so a node seen without a reader, after all before
 * it were, cannot get one.)
 */
void log_compact(struct log *log, int64_t now, log_dropped *dropped, void *context)
{
	struct node *node = log->first;
	uint32_t soonest = UINT32_MAX;
	bool due = log->soonest <= second_of(now); /* else nothing has expired, and the walk is saved */

	while (due && node != log->last && atomic_load_explicit(&node->references, memory_order_acquire) == 1) {
		struct node *next = node_next(node);

		if (soonest > second_of(node->message->expires))
			soonest = second_of(node->message->expires);
		if (next == log->last)
			log->soonest = soonest;
		if (next == log->last || atomic_load_explicit(&next->references, memory_order_acquire) != 1)
			break;
		if (next->message->expires > now) {
			node = next;
			continue;
		}
		let_go(log, next->message, dropped, context);
		atomic_store_explicit(&node->next, node_hold(node_next(next)), memory_order_release);
		node_release(next);
	}
	log->compact_at = log->weight * 2 > COMPACT_MIN ? log->weight * 2 : COMPACT_MIN;
}

void log_trim(struct log *log, int64_t now, uint32_t count, log_dropped *dropped, void *context)
{
	while (log->first != log->last && (log->first->message->expires <= now || log->retained > count))
		drop_first(log, dropped, context);
	if (log->weight >= log->compact_at)
		log_compact(log, now, dropped, context);
}

struct node *log_place(struct log *log, uint64_t seq)
{
	struct node *node = seq >= log->last_seq ? log->last : log->first;

	while (node != log->last && node->message->seq <= seq)
		node = node_next(node);
	return node_hold(node);
}

bool log_has_expired_from(const struct log *log, struct node *node, int64_t now)
{
	for (; node != log->last; node = node_next(node))
		if (node->message->expires != EXPIRED_ALWAYS && node->message->expires <= now)
			return true;
	return false;
}
