/* message.c: see message.h */
#include "message.h"

#include <stdlib.h>

struct message *message_new(size_t audiences, size_t room)
{
	struct message *m = malloc(sizeof *m + audiences * sizeof m->retained[0] + room);

	if (!m)
		return NULL;
	*m = (struct message){.references = 1, .audiences = (uint16_t)audiences};
	for (size_t i = 0; i < audiences; i++)
		m->retained[i] = (struct retained){0};
	return m;
}

void message_release(struct message *m)
{
	if (atomic_fetch_sub_explicit(&m->references, 1, memory_order_acq_rel) == 1)
		free(m);
}
