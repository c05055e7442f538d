/*
 * fuzz_record.c: what the hub writes into the journal. What is taken for a record lies within its bytes, and is the
 * same again.
 */
#include "fuzz.h"
#include "hub_record.h"

static void check_names(const struct record *r)
{
	struct buffer again = {0};
	struct slice names = r->names, name;
	enum audience_kind kind;
	size_t count = 0;

	while (record_next_name(&names, &kind, &name)) {
		must(within(name, r->names.at, r->names.len), "names are of the record");
		record_add_name(&again, kind, name);
		count++;
	}
	must(count == r->targets && slice_equal(contents(&again), r->names), "as many as it says, and the same again");
	buffer_free(&again);
}

static void check_again(const struct record *r)
{
	struct buffer out = {0};
	struct record again;

	record_write(&out, r);
	must(record_read(contents(&out), &again), "what was read can be read again");
	must(again.kind == r->kind && again.seq == r->seq && again.time == r->time && again.written == r->written &&
	     again.expires == r->expires && again.transient == r->transient && again.keyed == r->keyed &&
	     again.key.word[0] == r->key.word[0] && again.key.word[1] == r->key.word[1], "with its numbers");
	must(again.targets == r->targets && slice_equal(again.names, r->names) && slice_equal(again.text, r->text),
	     "with its names and its text");
	record_set_seq(out.at, ~r->seq);
	must(record_read(contents(&out), &again) && again.seq == ~r->seq, "and with the seq that it is given");
	buffer_free(&out);
}

void fuzz(struct slice input)
{
	char *copy = copy_of(input);
	struct record r;

	if (record_read((struct slice){copy, input.len}, &r)) {
		must(within(r.names, copy, input.len) && within(r.text, copy, input.len), "it lies within its bytes");
		check_names(&r);
		check_again(&r);
	}
	free(copy);
}
