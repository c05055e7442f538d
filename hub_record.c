/*
 * hub_record.c: see hub_record.h. A record: kind (1 byte), flags (1), seq (8), time or written (8), expires (8), key
 * (16), targets (4), bytes of the names (4), the names (kind, length, bytes of each), the text.
 */
#include "hub_record.h"

#include "little.h"

enum { KIND = 0, FLAGS = 1, SEQ = 2, TIME = 10, EXPIRES = 18, KEY = 26, TARGETS = 42, NAMES = 46, HEAD = 50 };
enum { FLAG_KEYED = 1, FLAG_TRANSIENT = 2 };

void record_add_name(struct buffer *names, enum audience_kind kind, struct slice name)
{
	char head[2] = {(char)kind, (char)name.len};

	buffer_add(names, head, sizeof head);
	buffer_add_slice(names, name);
}

bool record_next_name(struct slice *names, enum audience_kind *kind, struct slice *name)
{
	size_t len;

	if (names->len < 2)
		return false;
	len = (unsigned char)names->at[1];
	if (names->len < 2 + len)
		return false;
	*kind = (enum audience_kind)names->at[0];
	*name = (struct slice){names->at + 2, len};
	*names = (struct slice){names->at + 2 + len, names->len - 2 - len};
	return true;
}

void record_write(struct buffer *out, const struct record *r)
{
	char head[HEAD];

	head[KIND] = (char)r->kind;
	head[FLAGS] = (char)((r->keyed ? FLAG_KEYED : 0) | (r->transient ? FLAG_TRANSIENT : 0));
	put64(head + SEQ, r->seq);
	put64(head + TIME, r->kind == RECORD_POSITION ? r->written : (uint64_t)r->time);
	put64(head + EXPIRES, (uint64_t)r->expires);
	put64(head + KEY, r->key.word[0]);
	put64(head + KEY + 8, r->key.word[1]);
	put32(head + TARGETS, (uint32_t)r->targets);
	put32(head + NAMES, (uint32_t)r->names.len);
	buffer_reserve(out, HEAD + r->names.len + r->text.len);
	buffer_add(out, head, sizeof head);
	buffer_add_slice(out, r->names);
	buffer_add_slice(out, r->text);
}

void record_set_seq(char *bytes, uint64_t seq)
{
	put64(bytes + SEQ, seq);
}

/* Are the names whole, as many as they are said to be, and of kinds that a message can be for? */
static bool names_are_sound(const struct record *r)
{
	struct slice names = r->names, name;
	enum audience_kind kind;
	size_t count = 0;

	while (record_next_name(&names, &kind, &name)) {
		count++;
		if (kind != AUDIENCE_UID && kind != AUDIENCE_CHANNEL)
			return false;
	}
	return names.len == 0 && count == r->targets;
}

bool record_read(struct slice bytes, struct record *r)
{
	size_t names;

	if (bytes.len < HEAD)
		return false;
	names = get32(bytes.at + NAMES);
	if (names > bytes.len - HEAD)
		return false;
	*r = (struct record){
		.kind = (enum record_kind)bytes.at[KIND],
		.keyed = (bytes.at[FLAGS] & FLAG_KEYED) != 0,
		.transient = (bytes.at[FLAGS] & FLAG_TRANSIENT) != 0,
		.seq = get64(bytes.at + SEQ),
		.time = (int64_t)get64(bytes.at + TIME),
		.expires = (int64_t)get64(bytes.at + EXPIRES),
		.key = {{get64(bytes.at + KEY), get64(bytes.at + KEY + 8)}},
		.targets = get32(bytes.at + TARGETS),
		.names = {bytes.at + HEAD, names},
		.text = {bytes.at + HEAD + names, bytes.len - HEAD - names},
	};
	if (r->kind == RECORD_POSITION) {
		r->written = (uint64_t)r->time;
		r->time = 0;
	}
	return r->kind >= RECORD_MESSAGE && r->kind <= RECORD_POSITION && names_are_sound(r);
}
