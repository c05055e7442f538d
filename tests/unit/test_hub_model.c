/*
 * test_hub_model.c: random use of a small hub by one thread, against a model: a list of all that was ever published.
 *
 * The model knows no log, no chain and no position. It says for each reader which messages it must get, which it may
 * miss and which it must not see, and everything that the hub answers is compared with it. Not more is fixed than is
 * promised: what history must still hold is what none of its bounds can have dropped.
 *
 * HUB_MODEL_SEED and HUB_MODEL_STEPS say where it begins and how long it goes on. A failure names the step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hub_state.h"

enum {
	UIDS = 12, BUSY_UIDS = 7, KICKED_UIDS = 3, CHANNELS = 4,
	EVERYONE = UIDS + CHANNELS, AUDIENCES = EVERYONE + 1, /* bits of a mask: uids, channels, everyone */
	READERS = 24, INBOXES = 3, KEYS = 16, LINGERS = 64,
	STREAMS_MAX = 20, STREAMS_PER_UID = 4,
	HISTORY_TTL = 3000, HISTORY_COUNT = 12, HISTORY_BYTES = 16384, MAX_LAG = 6000,
	BLOCK_MAX = 6000
};

struct message_model {
	uint32_t audiences;              /* mask of whom it is for */
	uint32_t size;                   /* of its block */
	uint64_t cost_before;            /* what history would be charged for all before it, had it no bounds */
	uint32_t ordinal[AUDIENCES];     /* how many were retained for that audience before it */
	int64_t expires;                 /* 0: transient */
};

struct reader_model {
	struct reader reader;
	bool attached, poll, waits;      /* waits: something came since its worker last visited it */
	bool visited;                    /* by the hub_take() under way */
	int uid, inbox, cid;
	uint32_t audiences;
	uint64_t seen;                   /* everything up to this seq was sent or rightly left out */
	uint64_t passed;                 /* the same, less what was left out before a block that was begun */
	uint64_t since;                  /* newest seq when it attached */
	int64_t since_time;
	uint64_t since_cost;             /* charged up to then */
	uint32_t since_ordinal[AUDIENCES];
	bool complete;                   /* it was told that nothing is missing */
	uint32_t offset;                 /* bytes of the block after `seen` that were sent */
	unsigned verdict;
	uint64_t order;                  /* of attaching */
};

struct key_model {
	uint64_t seq;
	uint32_t streams;
	bool offline;
	int64_t expires;
};

struct model {
	struct hub *hub;
	struct inbox inbox[INBOXES];
	int woken[INBOXES];
	struct message_model *message;   /* by seq, from 1 */
	uint64_t seq, room, cost;
	uint32_t ordinal[AUDIENCES];
	struct reader_model reader[READERS];
	int64_t linger[UIDS][LINGERS];   /* until when, newest last */
	int lingers[UIDS];
	int64_t barred[UIDS], today;
	struct key_model key[KEYS];
	uint64_t behind[INBOXES][URGENCIES], round[INBOXES][URGENCIES];
	uint64_t behind_messages[INBOXES][URGENCIES], round_messages[INBOXES][URGENCIES];
	uint64_t attaches;
	int64_t now;
	uint64_t random, step;
};

/* ---- chance */

/* splitmix64 (Vigna) */
static uint64_t chance(struct model *m)
{
	uint64_t z = (m->random += 0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t below(struct model *m, uint32_t bound)
{
	return (uint32_t)(chance(m) % bound);
}

static bool one_in(struct model *m, uint32_t n)
{
	return below(m, n) == 0;
}

/* ---- names and blocks: made from numbers, so that none has to be kept */

static struct slice name_of(int audience)
{
	static const char *const names[] = {"ann", "bob", "eve", "joe", "kim", "lea", "max", "ned", "pia",
	                                    "ron", "sue", "tom", "ann", "room", "hall", "yard"};

	return slice_of(names[audience]);
}

static size_t data_of(uint64_t seq, char *data)
{
	size_t len = (size_t)(seq * 2654435761U >> 7) % (seq % 13 ? 80 : 700);

	for (size_t i = 0; i < len; i++)
		data[i] = "abcdefgh \nij"[(seq + i * i) % 12];
	return len;
}

static bool has_event(uint64_t seq)
{
	return seq % 3 == 0;
}

/* The block as the contract has it, written the simplest way. */
static size_t block_of(const struct model *m, uint64_t seq, char *block)
{
	char data[BLOCK_MAX];
	size_t len = data_of(seq, data);
	size_t at = (size_t)sprintf(block, "id: %.6s-%llu\n%sdata: ", hub_epoch(m->hub), (unsigned long long)seq,
	                            has_event(seq) ? "event: tick\n" : "");

	for (size_t i = 0; i < len; i++) {
		block[at++] = data[i];
		if (data[i] == '\n')
			at += (size_t)sprintf(block + at, "data: ");
	}
	block[at++] = '\n';
	block[at++] = '\n';
	assert_true(at <= BLOCK_MAX);
	return at;
}

/* ---- what the model says */

static struct message_model *message(const struct model *m, uint64_t seq)
{
	return &m->message[seq];
}

static uint32_t bits(uint32_t mask)
{
	uint32_t count = 0;

	for (; mask; mask &= mask - 1)
		count++;
	return count;
}

/* Can none of history's bounds have dropped it, of those audiences, when so much had been published? */
static bool must_be_retained(const struct message_model *what, uint32_t audiences, const uint32_t *ordinal,
                             uint64_t cost, int64_t now)
{
	if (what->expires <= now || cost - what->cost_before > HISTORY_BYTES)
		return false;
	for (int a = 0; a < AUDIENCES; a++)
		if (what->audiences & audiences & 1U << a && ordinal[a] - what->ordinal[a] <= HISTORY_COUNT)
			return true;
	return false;
}

static bool must_be_replayed(const struct model *m, const struct reader_model *r, uint64_t seq)
{
	const struct message_model *what = message(m, seq);

	if (what->expires == 0 || !(what->audiences & r->audiences))
		return false;
	return r->complete ||
	       must_be_retained(what, r->audiences, r->since_ordinal, r->since_cost, r->since_time);
}

/* Checks that the reader may go on with `next` (or, past the end, with nothing): no message between was its due. */
static void check_left_out(const struct model *m, struct reader_model *r, uint64_t next)
{
	for (uint64_t seq = r->seen + 1; seq < next; seq++) {
		if (seq <= r->since)
			assert_false(must_be_replayed(m, r, seq));
		else
			assert_false(message(m, seq)->audiences & r->audiences);
	}
	r->seen = next - 1;
}

static void check_wanted(const struct model *m, const struct reader_model *r, uint64_t seq)
{
	assert_true(seq > r->seen && seq <= m->seq);
	assert_true(message(m, seq)->audiences & r->audiences);
	if (seq <= r->since)
		assert_true(message(m, seq)->expires > r->since_time);
}

static uint32_t streams_of(const struct model *m, uint32_t audiences)
{
	uint32_t streams = 0;

	for (int i = 0; i < READERS; i++)
		streams += m->reader[i].attached && m->reader[i].audiences & audiences;
	return streams;
}

static uint32_t online(const struct model *m, int uid)
{
	return streams_of(m, 1U << uid) + (uint32_t)m->lingers[uid];
}

static void check_presence(const struct model *m)
{
	struct hub_presence there = hub_presence(m->hub);
	uint32_t users = 0, streams = 0;

	for (int uid = 0; uid < UIDS; uid++) {
		users += online(m, uid) > 0;
		streams += online(m, uid);
		assert_int_equal(hub_online(m->hub, name_of(uid)), online(m, uid));
	}
	assert_int_equal(there.users, users);
	assert_int_equal(there.streams, streams);
}

/* A page of who is there has the names after one, in the order of their bytes: ours are in it by their number. */
static void check_page(struct model *m)
{
	int after = (int)below(m, UIDS);
	struct online_page *page = online_page_new(name_of(after), 1 + below(m, UIDS));
	size_t expected = 0;

	assert_true(hub_find_online(m->hub, page));
	for (int uid = after + 1; uid < UIDS && expected < page->limit; uid++) {
		const struct online_uid *found = page->uid[expected];

		if (!online(m, uid))
			continue;
		assert_true(expected++ < page->count);
		assert_true(slice_equal((struct slice){found->name, found->len}, name_of(uid)));
		assert_int_equal(found->streams, online(m, uid));
	}
	assert_int_equal(page->count, expected);
	free(page);
}

/* ---- publishing */

static void wake(void *woken)
{
	*(int *)woken = 1;
}

static void done(struct publishing *op)
{
	(*(int *)op->context)++;
}

/* Of one publish: a mask of whom it is for, and their names with repetitions. */
struct aim {
	struct slice uid[8], channel[8];
	size_t uids, channels;
	uint32_t audiences;
};

/* At times nearly all is for one channel, and transient. */
static bool is_busy_room(struct model *m)
{
	return m->seq / 256 % 8 == 0 && !one_in(m, 8);
}

static struct aim take_aim(struct model *m)
{
	struct aim aim = {.uids = 0};

	if (is_busy_room(m)) {
		aim.channel[aim.channels++] = name_of(UIDS);
		aim.audiences = 1U << UIDS;
		return aim;
	}
	/* At times nothing is for everyone, whose floor would hide all others. */
	if (m->seq / 1024 % 2 && one_in(m, 5)) {
		aim.audiences = 1U << EVERYONE;
		return aim;
	}
	aim.uids = one_in(m, 4) ? below(m, 4) : below(m, 2);
	aim.channels = one_in(m, 4) ? below(m, 4) : below(m, 2);
	if (aim.uids + aim.channels == 0)
		aim.uids = 1;
	for (size_t i = 0; i < aim.uids; i++) {
		/* Some are published to rarely: they are forgotten now and then. */
		int uid = (int)below(m, one_in(m, 50) ? UIDS : BUSY_UIDS);

		aim.uid[i] = name_of(uid);
		aim.audiences |= 1U << uid;
	}
	for (size_t i = 0; i < aim.channels; i++) {
		int channel = (int)below(m, CHANNELS);

		aim.channel[i] = name_of(UIDS + channel);
		aim.audiences |= 1U << (UIDS + channel);
	}
	return aim;
}

static void remember(struct model *m, const struct aim *aim, int64_t ttl)
{
	struct message_model *what;
	size_t targets = aim->uids + aim->channels ? aim->uids + aim->channels : 1;
	char block[BLOCK_MAX];

	if (++m->seq == m->room) {
		m->room *= 2;
		m->message = realloc(m->message, m->room * sizeof *m->message);
		assert_non_null(m->message);
	}
	what = message(m, m->seq);
	*what = (struct message_model){.audiences = aim->audiences, .size = (uint32_t)block_of(m, m->seq, block),
	                               .cost_before = m->cost, .expires = ttl ? m->now + ttl : 0};
	memcpy(what->ordinal, m->ordinal, sizeof what->ordinal);
	if (!ttl)
		return;
	m->cost += sizeof(struct message) + targets * sizeof(struct retained) + what->size;
	m->cost += bits(aim->audiences) * sizeof(struct node);
	for (int a = 0; a < AUDIENCES; a++)
		m->ordinal[a] += aim->audiences >> a & 1;
}

/* Which workers a publish concerns, and how many bytes they have to catch up with. */
static void stir(struct model *m, uint32_t audiences, bool must_wake[INBOXES])
{
	bool counted[INBOXES][URGENCIES] = {{false}};

	for (struct reader_model *r = m->reader; r < m->reader + READERS; r++) {
		if (!r->attached || !(r->audiences & audiences))
			continue;
		r->waits = must_wake[r->inbox] = true;
		counted[r->inbox][URGENT] |= (r->audiences & audiences & ((1U << UIDS) - 1)) != 0;
		counted[r->inbox][FANOUT] |= (r->audiences & audiences & ~((1U << UIDS) - 1)) != 0;
	}
	for (int i = 0; i < INBOXES; i++) {
		for (int u = 0; u < URGENCIES; u++) {
			m->behind[i][u] += counted[i][u] ? message(m, m->seq)->size : 0;
			m->behind_messages[i][u] += counted[i][u];
		}
	}
}

static void check_answer(const struct model *m, const struct aim *aim, const struct publishing *op)
{
	bool offline = aim->uids > 0;

	for (int uid = 0; uid < UIDS; uid++)
		offline &= !(aim->audiences >> uid & 1) || online(m, uid) == 0;
	assert_int_equal(op->seq, m->seq);
	assert_int_equal(op->streams, streams_of(m, aim->audiences));
	assert_int_equal(op->offline, offline);
}

static void check_bounds(const struct model *m)
{
	struct hub_figures figures = hub_figures(m->hub);

	assert_true(figures.retained_bytes <= HISTORY_BYTES);
	assert_true(figures.retained <= m->seq);
	assert_int_equal(figures.seq, m->seq);
	assert_int_equal(figures.publishes, m->seq);
}

static int64_t pick_ttl(struct model *m)
{
	if (is_busy_room(m))
		return 0;
	switch (below(m, 6)) {
	case 0:
		return 0;
	case 1:
	case 2:
		return 1 + below(m, 2000);
	default:
		return -1;
	}
}

static void publish_something(struct model *m)
{
	struct aim aim = take_aim(m);
	int key = (int)below(m, 8 * KEYS);
	char text[16], data[BLOCK_MAX];
	int64_t ttl = pick_ttl(m);
	struct publication p = {.uid = aim.uid, .uids = aim.uids, .channel = aim.channel, .channels = aim.channels,
	                        .event = slice_of(has_event(m->seq + 1) ? "tick" : ""), .ttl = ttl};
	int calls = 0;
	struct publishing op = {.done = done, .context = &calls};
	bool must_wake[INBOXES] = {false};

	p.data = (struct slice){data, data_of(m->seq + 1, data)};
	if (key < KEYS) {
		sprintf(text, "key-%d", key);
		p.key = slice_of(text);
	}
	memset(m->woken, 0, sizeof m->woken);
	hub_publish(m->hub, &p, m->now, &op);
	assert_int_equal(calls, 1);
	assert_int_equal(op.result, HUB_OK);
	if (key < KEYS && m->key[key].expires > m->now) {
		assert_int_equal(op.seq, m->key[key].seq);
		assert_int_equal(op.streams, m->key[key].streams);
		assert_int_equal(op.offline, m->key[key].offline);
		return;
	}
	remember(m, &aim, ttl < 0 ? HISTORY_TTL : ttl);
	check_answer(m, &aim, &op);
	stir(m, aim.audiences, must_wake);
	for (int i = 0; i < INBOXES; i++)
		assert_int_equal(m->woken[i], must_wake[i]);
	check_bounds(m);
	if (key < KEYS)
		m->key[key] = (struct key_model){op.seq, op.streams, op.offline, m->now + IDEMPOTENCY_MS};
}

/* ---- subscribing */

enum asked { NOW, EARLIEST, CURSOR, NONSENSE };

static enum asked pick_cursor(struct model *m, char *text, struct slice *cursor, uint64_t *seq)
{
	static const char *const nonsense[] = {"", "x", "zzzzzz-1", "garbage-1234567890123456789012345678901234567890"};
	uint64_t back = one_in(m, 20) ? below(m, 2000) : below(m, 60);
	enum asked asked = (enum asked)below(m, 12);

	*seq = m->seq > back ? m->seq - back : 0;
	switch (asked) {
	case NOW:
		return NOW;
	case EARLIEST:
		*cursor = slice_of("earliest");
		return EARLIEST;
	case CURSOR:
		*cursor = slice_of(nonsense[below(m, 4)]);
		return NONSENSE;
	case NONSENSE:
		*seq = m->seq + 1 + below(m, 10);
		break;
	default:
		break;
	}
	sprintf(text, "%.6s-%llu", hub_epoch(m->hub), (unsigned long long)*seq);
	*cursor = slice_of(text);
	return *seq > m->seq ? NONSENSE : CURSOR;
}

/* Is there nothing after seq, for anybody, that history may have let go? Then no gap may be said. */
static bool is_all_there(const struct model *m, uint64_t seq)
{
	while (++seq <= m->seq) {
		const struct message_model *what = message(m, seq);

		for (int a = 0; a < AUDIENCES && what->expires; a++)
			if (what->audiences >> a & 1 && !must_be_retained(what, 1U << a, m->ordinal, m->cost, m->now))
				return false;
	}
	return true;
}

static void check_position(const struct model *m, const struct reader_model *r, enum asked asked, uint64_t seq,
                           struct hub_position at)
{
	assert_true(at.seq <= m->seq);
	switch (asked) {
	case NOW:
		assert_int_equal(at.reset, RESET_NONE);
		assert_int_equal(at.seq, m->seq);
		return;
	case CURSOR:
		assert_int_equal(at.seq, seq);
		assert_int_not_equal(at.reset, RESET_RESTART);
		if (is_all_there(m, seq))
			assert_int_equal(at.reset, RESET_NONE);
		return;
	default:
		assert_int_equal(at.reset, asked == EARLIEST ? RESET_NONE : RESET_RESTART);
		for (uint64_t old = at.seq > 300 ? at.seq - 300 : 1; old <= at.seq; old++)
			assert_false(must_be_replayed(m, r, old));
	}
}

static void give(struct reader_model *r, unsigned verdict)
{
	r->verdict = verdict;
	r->waits = true;
}

/* Who has to go for a new reader: those of its cid, and the oldest when there are too many. */
static void displace(struct model *m, const struct reader_model *newcomer)
{
	struct reader_model *oldest = NULL;
	int staying = 0, present = 0;

	for (struct reader_model *r = m->reader; r < m->reader + READERS; r++) {
		if (!r->attached || r == newcomer || r->uid != newcomer->uid)
			continue;
		present++;
		if (newcomer->cid && r->cid == newcomer->cid && r->verdict == VERDICT_STAYS)
			give(r, VERDICT_REPLACED);
		if (r->verdict != VERDICT_STAYS)
			continue;
		staying++;
		if (!oldest || r->order < oldest->order)
			oldest = r;
	}
	if (present >= STREAMS_PER_UID && staying >= STREAMS_PER_UID)
		give(oldest, VERDICT_EVICTED);
}

/* Is there an older request of the same client, which gives way? */
static bool has_ghost(const struct model *m, const struct reader_model *newcomer)
{
	for (const struct reader_model *r = m->reader; r < m->reader + READERS; r++)
		if (r->attached && r != newcomer && r->uid == newcomer->uid && newcomer->cid && r->cid == newcomer->cid &&
		    r->verdict == VERDICT_STAYS)
			return true;
	return false;
}

static void check_verdicts(const struct model *m)
{
	for (int i = 0; i < READERS; i++)
		if (m->reader[i].attached)
			assert_int_equal(m->reader[i].reader.verdict, m->reader[i].verdict);
}

static size_t pick_channels(struct model *m, struct reader_model *r, struct slice *channel)
{
	size_t count = one_in(m, 2) ? below(m, 4) : 0;

	for (size_t i = 0; i < count; i++) {
		int which = UIDS + (int)below(m, CHANNELS);

		channel[i] = name_of(which);
		r->audiences |= 1U << which;
	}
	return count;
}

static void become_attached(struct model *m, struct reader_model *r, enum asked asked, struct hub_position at)
{
	r->attached = true;
	r->order = ++m->attaches;
	r->since = m->seq;
	r->since_time = m->now;
	r->since_cost = m->cost;
	memcpy(r->since_ordinal, m->ordinal, sizeof r->since_ordinal);
	r->seen = r->passed = at.seq;
	r->complete = asked == CURSOR && at.reset == RESET_NONE;
	if (m->lingers[r->uid])
		m->lingers[r->uid]--;
}

static void unsubscribe(struct model *m, struct reader_model *r)
{
	bool lingers = r->poll && r->verdict == VERDICT_STAYS;

	hub_unsubscribe(m->hub, &r->reader, r->poll, m->now);
	r->attached = false;
	assert_true(m->lingers[r->uid] < LINGERS);
	if (lingers)
		m->linger[r->uid][m->lingers[r->uid]++] = m->now + HUB_LINGER_MS;
}

/* Somebody comes, or leaves who is there. */
static void come_or_go(struct model *m)
{
	static const char *const cids[] = {"", "c1", "c2", "c3", "c4"};
	struct reader_model *r = &m->reader[below(m, READERS)];
	struct slice channel[4];
	char text[64];
	uint64_t seq;
	struct subscribe_request s = {.channel = channel};
	enum asked asked;
	struct hub_position at;
	enum hub_result result;

	if (r->attached) {
		unsubscribe(m, r);
		return;
	}
	*r = (struct reader_model){.uid = (int)below(m, UIDS), .inbox = (int)below(m, INBOXES),
	                           .cid = (int)below(m, 5), .poll = one_in(m, 3)};
	r->audiences = 1U << r->uid | 1U << EVERYONE;
	s.inbox = &m->inbox[r->inbox];
	s.uid = name_of(r->uid);
	s.channels = pick_channels(m, r, channel);
	s.cid = slice_of(cids[r->cid]);
	s.issued = one_in(m, 20) ? m->today - below(m, 10) : m->today;
	s.poll = r->poll;
	asked = pick_cursor(m, text, &s.cursor, &seq);
	result = hub_subscribe(m->hub, &s, m->now, &r->reader, &at);
	if (s.issued <= m->barred[r->uid]) {
		assert_int_equal(result, HUB_BARRED);
	} else if (streams_of(m, ~0U) >= STREAMS_MAX && !has_ghost(m, r)) {
		assert_int_equal(result, HUB_FULL);
	} else {
		assert_int_equal(result, HUB_OK);
		displace(m, r);
		become_attached(m, r, asked, at);
		check_position(m, r, asked, seq, at);
	}
	check_verdicts(m);
}

/* ---- reading */

/* Compares what was gathered with what the reader is owed; fills in the seq of each block. */
static void check_gathered(const struct model *m, struct reader_model *r, const struct gather *g, uint64_t *seq)
{
	struct reader_model before = *r;
	char block[BLOCK_MAX], id[16];
	size_t bytes = 0;

	for (size_t i = 0; i < g->blocks; i++) {
		struct slice got = {g->block[i].iov_base, g->block[i].iov_len};
		size_t offset = i == 0 ? before.offset : 0, size;

		if (offset) {
			seq[i] = r->seen + 1;
		} else {
			struct slice line = got;

			sprintf(id, "id: %.6s-", hub_epoch(m->hub));
			line = slice_cut(&line, '\n');
			assert_true(line.len > strlen(id) && memcmp(line.at, id, strlen(id)) == 0);
			seq[i] = strtoull(line.at + strlen(id), NULL, 10);
		}
		check_wanted(m, r, seq[i]);
		check_left_out(m, r, seq[i]);
		size = block_of(m, seq[i], block);
		assert_int_equal(got.len, size - offset);
		assert_memory_equal(got.at, block + offset, got.len);
		r->seen = seq[i];
		bytes += got.len;
	}
	assert_int_equal(g->bytes, bytes);
	r->seen = before.seen;
}

/* Sends that many bytes of it. */
static void take(const struct model *m, struct reader_model *r, struct gather *g, const uint64_t *seq, size_t sent)
{
	reader_advance(&r->reader, g, sent);
	for (size_t i = 0; i < g->blocks && sent; i++) {
		if (sent < g->block[i].iov_len) {
			check_left_out(m, r, seq[i]);
			r->offset = (i == 0 ? r->offset : 0) + (uint32_t)sent;
			return;
		}
		sent -= g->block[i].iov_len;
		r->seen = r->passed = seq[i];
		r->offset = 0;
	}
}

/* Reads a random part of what a reader is owed, or all of it. Answers whether it has everything. */
static bool read_some(struct model *m, struct reader_model *r, bool all)
{
	struct gather g;
	uint64_t seq[GATHER_MAX_BLOCKS];

	for (;;) {
		if (!reader_gather(&r->reader, m->seq, &g)) {
			assert_int_equal(r->offset, 0);
			check_left_out(m, r, m->seq + 1);
			r->passed = r->seen;
			assert_int_equal(reader_lag(&r->reader), 0);
			return true;
		}
		check_gathered(m, r, &g, seq);
		if (!all) {
			size_t sent = one_in(m, 3) ? g.bytes : below(m, (uint32_t)g.bytes + 1);

			take(m, r, &g, seq, sent);
			return false;
		}
		take(m, r, &g, seq, g.bytes);
	}
}

/* A gather may be bounded before the newest message. */
static void read_bounded(struct model *m, struct reader_model *r)
{
	struct gather g;
	uint64_t seq[GATHER_MAX_BLOCKS], bound = m->seq - below(m, 5);

	if (r->offset || m->seq < 5 || !reader_gather(&r->reader, bound, &g))
		return;
	check_gathered(m, r, &g, seq);
	assert_true(seq[g.blocks - 1] <= bound);
	take(m, r, &g, seq, below(m, (uint32_t)g.bytes + 1));
}

static struct reader_model *somebody(struct model *m)
{
	struct reader_model *r = &m->reader[below(m, READERS)];

	return r->attached ? r : NULL;
}

static void visit_somebody(struct model *m)
{
	struct reader_model *r = somebody(m);

	if (!r)
		return;
	if (hub_lags(m->hub, &r->reader)) {
		uint64_t owed = 0;

		/* Once for each of its audiences is what lag counts. */
		for (uint64_t seq = r->passed + 1; seq <= m->seq; seq++)
			owed += (message(m, seq)->size + LOG_UNIT - 1) / LOG_UNIT * LOG_UNIT *
			        bits(message(m, seq)->audiences & r->audiences);
		assert_true(owed - r->offset > MAX_LAG);
		unsubscribe(m, r);
	} else if (one_in(m, 3)) {
		read_bounded(m, r);
	} else {
		(void)read_some(m, r, one_in(m, 3));
	}
}

/* ---- workers */

static void ready(void *context, struct reader *reader)
{
	struct reader_model *r = (struct reader_model *)reader; /* its first member */

	(void)context;
	assert_true(r->attached);
	r->visited = true;
}

static bool is_congested(const struct model *m)
{
	for (int i = 0; i < INBOXES; i++)
		for (int u = 0; u < URGENCIES; u++)
			if (m->behind[i][u] > MAX_LAG / 2 || m->behind_messages[i][u] > GATHER_MAX_BLOCKS)
				return true;
	return false;
}

/* One worker's turn: whoever has something waiting is named to it. */
static void take_marks(struct model *m, int inbox)
{
	for (struct reader_model *r = m->reader; r < m->reader + READERS; r++)
		r->visited = false;
	for (int u = 0; u < URGENCIES; u++) {
		hub_take(m->hub, &m->inbox[inbox], (enum urgency)u, ready);
		m->round[inbox][u] = m->behind[inbox][u];
		m->round_messages[inbox][u] = m->behind_messages[inbox][u];
	}
	for (struct reader_model *r = m->reader; r < m->reader + READERS; r++) {
		if (!r->attached || r->inbox != inbox)
			continue;
		assert_true(r->visited || !r->waits);
		r->waits = false;
		if (r->verdict != VERDICT_STAYS)
			unsubscribe(m, r);
	}
	assert_int_equal(hub_is_congested(m->hub), is_congested(m));
}

static void end_round(struct model *m, int inbox)
{
	for (int u = 0; u < URGENCIES; u++) {
		m->behind[inbox][u] -= m->round[inbox][u];
		m->round[inbox][u] = 0;
		m->behind_messages[inbox][u] -= m->round_messages[inbox][u];
		m->round_messages[inbox][u] = 0;
		hub_round_done(m->hub, &m->inbox[inbox], (enum urgency)u);
	}
	assert_int_equal(hub_is_congested(m->hub), is_congested(m));
}

/* ---- the rest */

static void kick_somebody(struct model *m)
{
	int uid = (int)below(m, KICKED_UIDS); /* the bars of the others would keep them from being forgotten */
	int calls = 0;
	struct publishing op = {.done = done, .context = &calls};

	hub_kick(m->hub, name_of(uid), slice_of("{}"), m->today, m->now, &op);
	assert_int_equal(calls, 1);
	assert_int_equal(op.result, HUB_OK);
	assert_int_equal(op.streams, streams_of(m, 1U << uid));
	m->barred[uid] = m->today++;
	m->lingers[uid] = 0;
	for (struct reader_model *r = m->reader; r < m->reader + READERS; r++)
		if (r->attached && r->uid == uid && r->verdict == VERDICT_STAYS)
			give(r, VERDICT_KICKED);
	check_verdicts(m);
}

static void pass_time(struct model *m)
{
	if (one_in(m, 5000))
		m->now += IDEMPOTENCY_MS;
	else
		m->now += one_in(m, 50) ? below(m, 8000) : below(m, 60);
}

/* One step of the hub's sweep, or enough for a whole round. */
static void sweep(struct model *m)
{
	for (int steps = one_in(m, 8) ? 100 : 1; steps; steps--)
		hub_sweep(m->hub, m->now);
	for (int uid = 0; uid < UIDS; uid++) {
		int gone = 0;

		while (gone < m->lingers[uid] && m->linger[uid][gone] <= m->now)
			gone++;
		m->lingers[uid] -= gone;
		memmove(m->linger[uid], m->linger[uid] + gone, (size_t)m->lingers[uid] * sizeof m->linger[uid][0]);
	}
}

static bool has_entry(const struct message *what, const struct retained *entry)
{
	return entry >= what->retained && entry < what->retained + what->audiences;
}

/* Adds up what the logs hold and compares it with what the hub keeps count of. */
static void audit(const struct model *m)
{
	const struct hub *hub = m->hub;
	uint64_t entries = 0, bytes = 0, messages = 0, queued = 0, count = 0;

	for (size_t b = 0; b < hub->audiences.buckets; b++) {
		for (const struct audience *a = hub->audiences.bucket[b]; a; a = a->next) {
			uint32_t retained = 0;

			for (struct node *n = a->log.first; n != a->log.last; n = node_next(n))
				retained += n->message->expires != EXPIRED_ALWAYS;
			assert_int_equal(retained, a->log.retained);
			assert_true(retained <= HISTORY_COUNT);
			entries += retained;
			count++;
		}
	}
	for (const struct retained *r = hub->queue.next; r != &hub->queue; r = r->next) {
		const struct node *n = r->audience->log.first;

		while (n != r->audience->log.last && !has_entry(n->message, r))
			n = atomic_load(&n->next);
		assert_ptr_not_equal(n, r->audience->log.last);
		bytes += sizeof(struct node);
		queued++;
		for (const struct retained *first = n->message->retained;; first++) {
			if (!first->audience)
				continue;
			if (first == r) { /* each message once */
				bytes += message_cost(n->message);
				messages++;
			}
			break;
		}
	}
	assert_int_equal(queued, entries);
	assert_int_equal(bytes, hub->retained_bytes);
	assert_int_equal(messages, hub->retained);
	assert_int_equal(count, hub->audiences.count);
}

static void step(struct model *m)
{
	uint32_t dice = below(m, 100);

	if (dice < 30)
		publish_something(m);
	else if (dice < 36)
		come_or_go(m);
	else if (dice < 75)
		visit_somebody(m);
	else if (dice < 85)
		take_marks(m, (int)below(m, INBOXES));
	else if (dice < 90)
		end_round(m, (int)below(m, INBOXES));
	else if (dice < 93)
		sweep(m);
	else if (dice < 97)
		pass_time(m);
	else if (dice < 98)
		check_presence(m);
	else if (dice < 99)
		check_page(m);
	else if (one_in(m, 10))
		kick_somebody(m);
	else if (one_in(m, 10))
		audit(m);
}

/* Everybody reads to the end and leaves; then nothing of the past may be held but the bars. */
static void end(struct model *m)
{
	struct hub_figures figures;
	uint64_t barred = 0;

	for (struct reader_model *r = m->reader; r < m->reader + READERS; r++) {
		if (!r->attached)
			continue;
		assert_true(read_some(m, r, true));
		unsubscribe(m, r);
	}
	for (int i = 0; i < INBOXES; i++) {
		take_marks(m, i);
		end_round(m, i);
	}
	m->now += 24 * 3600 * 1000;
	for (int i = 0; i < 600; i++)
		sweep(m);
	check_presence(m);
	audit(m);
	for (int uid = 0; uid < UIDS; uid++)
		barred += m->barred[uid] != INT64_MIN;
	figures = hub_figures(m->hub);
	assert_int_equal(figures.retained, 0);
	assert_int_equal(figures.retained_bytes, 0);
	assert_int_equal(figures.keys, 0);
	assert_int_equal(figures.audiences, 1 + barred);
	assert_int_equal(m->hub->everyone->log.first->references, 1);
	hub_close(m->hub);
	free(m->message);
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 10) : otherwise;
}

static void the_hub_does_as_the_model(void **state)
{
	static const struct hub_limits limits = {.history_ttl = HISTORY_TTL, .history_count = HISTORY_COUNT,
	                                         .history_bytes = HISTORY_BYTES, .max_lag = MAX_LAG,
	                                         .max_streams = STREAMS_MAX, .max_streams_per_uid = STREAMS_PER_UID};
	static const unsigned char seed[32] = {7};
	struct model *m = *state;
	uint64_t steps = setting("HUB_MODEL_STEPS", 1000000);

	*m = (struct model){.random = setting("HUB_MODEL_SEED", 1), .now = 1, .today = 1000, .room = 1024};
	m->message = malloc(m->room * sizeof *m->message);
	m->hub = hub_open(&limits, seed);
	assert_true(m->message && m->hub);
	for (int uid = 0; uid < UIDS; uid++)
		m->barred[uid] = INT64_MIN;
	for (int i = 0; i < INBOXES; i++)
		assert_true(hub_add_inbox(m->hub, &m->inbox[i], wake, &m->woken[i]));
	while (m->step++ < steps)
		step(m);
	end(m);
}

int main(void)
{
	static struct model m;
	const struct CMUnitTest tests[] = {cmocka_unit_test_prestate(the_hub_does_as_the_model, &m)};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	if (failed)
		(void)fprintf(stderr, "at step %llu of HUB_MODEL_SEED=%llu\n", (unsigned long long)m.step,
		              (unsigned long long)setting("HUB_MODEL_SEED", 1));
	return failed;
}
