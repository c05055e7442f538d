/*
 * hub_fixture.h: a small hub with two inboxes, spoken to in words, so that a test reads as a transcript.
 *
 *     open_hub(&f);
 *     attach(&f, &ann, "@ann #room from=earliest");
 *     publish(&f, "@ann #room ttl=0 key=k", "hello");
 *     assert_reads(&f, &ann, "1 hello");
 *
 * "@ann" is the uid ann, "#room" the channel room. Time stands still unless a test moves f.now.
 */
#ifndef HUB_FIXTURE_H
#define HUB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub.h"

enum { FIXTURE_INBOXES = 2, FIXTURE_TTL = 60000 };

struct fixture {
	struct hub_limits limits;
	struct hub *hub;
	struct inbox inbox[FIXTURE_INBOXES];
	atomic_int wakes[FIXTURE_INBOXES]; /* how often each was woken, by any thread */
	int64_t now;
};

/* Words of a request, taken apart. */
struct words {
	struct slice uid[8], channel[8], key, cid, from;
	size_t uids, channels;
	int64_t ttl, issued;
	int inbox;
	bool poll;
};

static inline void fixture_wake(void *count)
{
	atomic_fetch_add((atomic_int *)count, 1);
}

/* Opens with the limits that f->limits says, or small ones where it says nothing. */
static inline void open_hub(struct fixture *f)
{
	static const struct hub_limits small = {.history_ttl = FIXTURE_TTL, .history_count = 100,
	                                        .history_bytes = 1 << 20, .max_lag = 4096, .max_streams = 100,
	                                        .max_streams_per_uid = 3};
	static const unsigned char seed[32] = {0}; /* the epoch is 000000 */

	if (!f->limits.history_ttl)
		f->limits = small;
	f->now = 1000;
	f->hub = hub_open(&f->limits, seed);
	assert_non_null(f->hub);
	for (int i = 0; i < FIXTURE_INBOXES; i++)
		assert_true(hub_add_inbox(f->hub, &f->inbox[i], fixture_wake, &f->wakes[i]));
}

static inline bool take_prefix(struct slice *word, const char *prefix)
{
	size_t len = strlen(prefix);

	if (word->len < len || memcmp(word->at, prefix, len) != 0)
		return false;
	(void)slice_take(word, len);
	return true;
}

static inline long long number_of(struct slice word)
{
	char digits[24] = "";

	assert_true(word.len < sizeof digits);
	memcpy(digits, word.at, word.len);
	return strtoll(digits, NULL, 10);
}

static inline struct words read_words(const char *text)
{
	struct words w = {.ttl = -1, .issued = 1};
	struct slice rest = slice_of(text);

	while (rest.at) {
		struct slice word = slice_cut(&rest, ' ');

		if (take_prefix(&word, "@"))
			w.uid[w.uids++] = word;
		else if (take_prefix(&word, "#"))
			w.channel[w.channels++] = word;
		else if (take_prefix(&word, "key="))
			w.key = word;
		else if (take_prefix(&word, "cid="))
			w.cid = word;
		else if (take_prefix(&word, "from="))
			w.from = word;
		else if (take_prefix(&word, "ttl="))
			w.ttl = number_of(word);
		else if (take_prefix(&word, "iat="))
			w.issued = number_of(word);
		else if (take_prefix(&word, "inbox="))
			w.inbox = (int)number_of(word);
		else if (slice_is(word, "poll"))
			w.poll = true;
		else
			assert_int_equal(word.len, 0);
	}
	return w;
}

static inline enum hub_result try_attach(struct fixture *f, struct reader *r, const char *words,
                                         struct hub_position *at)
{
	struct words w = read_words(words);
	struct subscribe_request s = {.inbox = &f->inbox[w.inbox], .uid = w.uid[0], .channel = w.channel,
	                              .channels = w.channels, .cursor = w.from, .cid = w.cid, .issued = w.issued,
	                              .poll = w.poll};

	*r = (struct reader){0};
	return hub_subscribe(f->hub, &s, f->now, r, at);
}

static inline struct hub_position attach(struct fixture *f, struct reader *r, const char *words)
{
	struct hub_position at = {0, RESET_NONE};

	assert_int_equal(try_attach(f, r, words, &at), HUB_OK);
	return at;
}

static inline void detach(struct fixture *f, struct reader *r)
{
	hub_unsubscribe(f->hub, r, r->poll, f->now);
}

static inline void fixture_done(struct publishing *op)
{
	(*(int *)op->context)++;
}

/* Kicks a uid; the publishing tells what came of it. */
static inline struct publishing kick(struct hub *hub, struct slice uid, const char *bye, int64_t today)
{
	int done = 0;
	struct publishing op = {.done = fixture_done, .context = &done};

	hub_kick(hub, uid, slice_of(bye), today, 1, &op);
	assert_int_equal(done, 1);
	return op;
}

static inline struct publishing publish(struct fixture *f, const char *words, const char *data)
{
	struct words w = read_words(words);
	struct publication p = {.uid = w.uid, .channel = w.channel, .uids = w.uids, .channels = w.channels,
	                        .event = slice_of(""), .data = slice_of(data), .key = w.key, .ttl = w.ttl};
	int done = 0;
	struct publishing op = {.done = fixture_done, .context = &done};

	hub_publish(f->hub, &p, f->now, &op);
	assert_int_equal(done, 1);
	return op;
}

/* Writes "<seq> <first line of the data>" for each block, with ", " between them. */
static inline void transcribe_block(struct buffer *out, struct slice block)
{
	struct slice rest = block, id = slice_cut(&rest, '\n'), data = slice_cut(&rest, '\n');

	assert_true(take_prefix(&id, "id: 000000-"));
	assert_true(take_prefix(&data, "data: "));
	buffer_add_text(out, out->len ? ", " : "");
	buffer_add_slice(out, id);
	buffer_add_text(out, " ");
	buffer_add_slice(out, data);
}

/* The reader takes all that it is owed now, which is to be this. */
static inline void assert_reads(struct fixture *f, struct reader *r, const char *expected)
{
	struct buffer got = {0};
	struct gather g;

	while (reader_gather(r, hub_seq(f->hub), &g)) {
		for (size_t i = 0; i < g.blocks; i++)
			transcribe_block(&got, (struct slice){g.block[i].iov_base, g.block[i].iov_len});
		reader_advance(r, &g, g.bytes);
	}
	buffer_add(&got, "", 1);
	assert_string_equal(got.at, expected);
	buffer_free(&got);
}

/* A whole round of the sweep. */
static inline void sweep_all(struct fixture *f)
{
	for (int i = 0; i < 300; i++)
		hub_sweep(f->hub, f->now);
}

/* Closes a hub that has nobody left and says that nothing of the past is held but bars. */
static inline void close_hub(struct fixture *f)
{
	struct hub_figures end;

	f->now += 24 * 3600 * 1000;
	sweep_all(f);
	sweep_all(f);
	end = hub_figures(f->hub);
	assert_int_equal(end.retained, 0);
	assert_int_equal(end.retained_bytes, 0);
	assert_int_equal(end.keys, 0);
	assert_int_equal(end.presence.users, 0);
	assert_int_equal(end.presence.streams, 0);
	hub_close(f->hub);
}

#endif
