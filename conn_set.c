/* conn_set.c: see conn_set.h */
#include "conn_set.h"

#include <stdlib.h>

#include "conn.h"

bool conn_set_reserve(struct conn_set *set, bool polled, size_t count)
{
	size_t capacity = set->capacity ? set->capacity : 64;
	void *more;

	while (capacity < count)
		capacity *= 2;
	if (capacity == set->capacity)
		return true;
	more = realloc(set->conn, capacity * sizeof(struct conn *));
	if (!more)
		return false;
	set->conn = more;
	if (polled) {
		more = realloc(set->poll, capacity * sizeof(struct pollfd));
		if (!more)
			return false;
		set->poll = more;
	}
	set->capacity = capacity;
	return true;
}

void conn_set_remove(struct conn_set *set, bool polled, struct conn *c)
{
	size_t last = --set->count;

	if (c->slot != last) {
		set->conn[c->slot] = set->conn[last];
		set->conn[c->slot]->slot = c->slot;
		if (polled)
			set->poll[c->slot] = set->poll[last];
	}
	c->slot = NO_SLOT;
}

bool conn_set_poll(struct conn_set *set, size_t count, int timeout)
{
	if (poll(set->poll, (nfds_t)count, timeout) > 0)
		return true;
	for (size_t i = 0; i < count; i++)
		set->poll[i].revents = 0; /* after EINTR they are not defined */
	return false;
}
