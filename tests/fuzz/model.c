/* model.c: see model.h */
#include "model.h"

void model_add_data(const struct model *m, int number, struct buffer *out)
{
	size_t start = out->len;

	buffer_printf(out, "n=%d ", number);
	while (out->len - start < m->message[number].size)
		buffer_add(out, &"abcdefghijklmnopqrstuvwxyz"[out->len % 26], 1);
}

/* A seq is of one message, and a message has one seq: unless a key says that it was another one already. */
static void note(struct model *m, int number, uint64_t seq)
{
	struct message_seen *message = &m->message[number];

	must(!message->seq || message->seq == seq, "a message has one id");
	for (int i = 0; i < m->messages; i++)
		must(i == number || m->message[i].seq != seq, "an id is of one message");
	message->seq = seq;
}

void model_published(struct model *m, int number, uint64_t seq)
{
	const struct message_seen *message = &m->message[number];

	for (int i = 0; i < m->messages; i++)
		if (i != number && message->key && m->message[i].key == message->key && m->message[i].seq == seq)
			return;
	if (message->key)
		return; /* another one with its key may not have been seen yet */
	note(m, number, seq);
}

/* Which message that is. Its filling begins anywhere in the alphabet. */
static int number_of(const struct model *m, struct slice data)
{
	struct slice rest = data, number;
	long long n;

	must(data.len > 2 && memcmp(data.at, "n=", 2) == 0, "data as it was published");
	(void)slice_take(&rest, 2);
	number = slice_cut(&rest, ' ');
	n = slice_number(number, MESSAGES);
	must(n >= 0 && n < m->messages, "a message that was published");
	must(data.len >= m->message[n].size && data.len <= m->message[n].size + 16, "as long as it was published");
	for (size_t i = 1; i < rest.len; i++)
		must(rest.at[i] == (rest.at[i - 1] == 'z' ? 'a' : rest.at[i - 1] + 1), "with all its bytes");
	return (int)n;
}

void model_seen(struct model *m, struct reading *r, uint64_t seq, struct slice data)
{
	int number = number_of(m, data);

	must(r->began, "hello comes first");
	must(seq > r->last, "in order, and once");
	must((m->message[number].audience & r->audience) != 0, "only what is for this reader");
	must(!r->got[number], "no message twice");
	note(m, number, seq);
	r->got[number] = true;
	r->last = seq;
}

void model_told(struct reading *r, uint64_t seq)
{
	must(seq >= r->last, "a position never goes back");
	r->last = seq;
}

void model_check(const struct model *m, const struct reading *r)
{
	for (int i = 0; r->began && i < m->messages; i++) {
		const struct message_seen *message = &m->message[i];
		bool owed = r->now || (r->lossless && !message->transient) || i >= r->known;

		if (!message->seq || !(message->audience & r->audience) || r->got[i])
			continue;
		must(!owed || message->seq <= r->start || message->seq > r->last, "nothing is lost");
	}
}
