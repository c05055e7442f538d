/* client.c: see client.h */
#include "client.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "json.h"

static struct expected last_kick;

struct expected client_kicked(void)
{
	struct expected kick = last_kick;

	last_kick.reading = NULL;
	return kick;
}

static uint64_t seq_of(const struct client *c, struct slice id)
{
	uint64_t seq = 0;

	must(cursor_read(id, c->epoch, &seq), "an id is a cursor of this server");
	return seq;
}

static struct slice find(struct slice text, const char *word)
{
	size_t len = strlen(word);

	for (; text.len >= len; (void)slice_take(&text, 1))
		if (memcmp(text.at, word, len) == 0)
			return text;
	return (struct slice){NULL, 0};
}

/* ---- streams */

static void begin_reading(const struct client *c, struct reading *r, uint64_t seq, bool reset)
{
	must(!r->began, "one hello");
	r->began = true;
	r->start = r->last = seq;
	r->lossless &= !reset;
	r->known = c->model->messages;
}

static void take_block(struct client *c, struct slice block)
{
	struct slice id = {NULL, 0}, event = slice_of("message"), data = {NULL, 0}, line;

	while (block.at && (line = slice_cut(&block, '\n')).len) {
		struct slice value = line, name = slice_cut(&value, ':');

		if (value.len)
			(void)slice_take(&value, 1); /* the blank */
		if (slice_is(name, "id"))
			id = value;
		else if (slice_is(name, "event"))
			event = value;
		else if (slice_is(name, "data"))
			data = value;
		else
			must(slice_is(name, "retry"), "a field of an event");
	}
	if (slice_is(event, "pushsse.hello"))
		begin_reading(c, c->stream, seq_of(c, id), !find(data, "\"reset\":null").at);
	else if (slice_is(event, "pushsse.ping"))
		model_told(c->stream, seq_of(c, id));
	else if (slice_is(event, "e"))
		model_seen(c->model, c->stream, seq_of(c, id), data);
	else if (slice_is(event, "pushsse.busy") || slice_is(event, "pushsse.bye") || slice_is(event, "pushsse.expired"))
		c->failed = true;
	else
		must(slice_is(event, "pushsse.reset") || slice_is(event, "pushsse.online") || !data.at, "an event of ours");
}

static size_t take_blocks(struct client *c)
{
	struct slice rest = {c->in.at, c->in.len}, end;

	while ((end = find(rest, "\n\n")).at)
		take_block(c, slice_take(&rest, (size_t)(end.at - rest.at) + 2));
	return (size_t)(rest.at - c->in.at);
}

/* ---- answers */

/* Reads an object's members of these names into `v`. */
static void read_members(struct slice json, const char *const *names, struct json_value *v, int count)
{
	struct json j;
	struct json_value member;
	int got = json_open(&j, (char *)(uintptr_t)json.at, json.len, '{') ? 1 : -1;

	while (got > 0 && (got = json_next(&j, &member)) > 0)
		for (int i = 0; i < count; i++)
			if (slice_is(member.name, names[i]))
				v[i] = member;
	must(got == 0, "an answer is a JSON object");
	for (int i = 0; i < count; i++)
		must(v[i].name.at != NULL, "with its members");
}

static void take_poll(struct client *c, struct reading *r, struct slice body)
{
	static const char *const names[] = {"lastEventId", "reset", "more", "events"}, *const parts[] = {"id", "data"};
	struct json_value v[4] = {0}, event, member[2];
	struct json list;
	int got;

	read_members(body, names, v, 4);
	if (!r->began) {
		begin_reading(c, r, r->start, v[1].type != JSON_NULL);
		r->known = MESSAGES;
	}
	must(json_open_value(&list, &v[3]), "events are a list");
	while ((got = json_next(&list, &event)) > 0) {
		memset(member, 0, sizeof member);
		read_members(event.text, parts, member, 2);
		model_seen(c->model, r, seq_of(c, member[0].text), member[1].text);
	}
	must(got == 0, "a list of events");
	if (r->lossless)
		model_told(r, seq_of(c, v[0].text));
}

static void take_published(struct client *c, int number, struct slice body)
{
	static const char *const names[] = {"status", "id"};
	struct json_value v[2] = {0};
	uint64_t seq;

	read_members(body, names, v, 2);
	seq = seq_of(c, v[1].text);
	model_published(c->model, number, seq);
	must(c->model->message[number].key || seq > c->published, "one connection's messages keep their order");
	if (seq > c->published)
		c->published = seq;
}

static void take_answer(struct client *c, int status, struct slice body)
{
	struct expected e;

	c->failed |= status == 408;
	if (c->failed)
		return;
	must(c->expects > 0, "no answer without a request");
	e = c->expected[0];
	memmove(c->expected, c->expected + 1, (size_t)--c->expects * sizeof e);
	if (status == 401 || status == 429 || status == 503 || status == 507) {
		c->failed = e.kind == ANSWER_STREAM;
		return;
	}
	must(status == 200, "what is well formed is answered 200");
	if (e.kind == ANSWER_STREAM) {
		c->stream = e.reading;
	} else if (e.kind == ANSWER_POLL) {
		take_poll(c, e.reading, body);
	} else if (e.kind == ANSWER_PUBLISHED) {
		take_published(c, e.number, body);
	} else if (e.kind == ANSWER_KICKED) {
		last_kick = e;
	}
}

/* One answer from the front of what came; 0 when it is not whole. */
static size_t take_head(struct client *c)
{
	struct slice in = {c->in.at, c->in.len}, end = find(in, "\r\n\r\n"), head, length;
	size_t body = 0;
	int status;

	if (!end.at)
		return 0;
	head = first(in, (size_t)(end.at - in.at) + 4);
	must(head.len > 12 && memcmp(head.at, "HTTP/1.1 ", 9) == 0, "an answer of HTTP");
	status = (int)slice_number((struct slice){head.at + 9, 3}, 999);
	if (status == 100)
		return head.len;
	length = find(head, "Content-Length: ");
	if (length.at) {
		(void)slice_take(&length, strlen("Content-Length: "));
		body = (size_t)slice_number(slice_cut(&length, '\r'), 1 << 24);
	}
	if (in.len - head.len < body)
		return 0;
	take_answer(c, status, (struct slice){head.at + head.len, body});
	return head.len + body;
}

static void take_in(struct client *c)
{
	size_t used = 1;

	while (used && c->in.len && !c->failed) {
		used = c->stream ? take_blocks(c) : take_head(c);
		buffer_consume(&c->in, used);
	}
}

/* ---- bytes */

bool client_send(struct client *c, size_t most)
{
	size_t len = c->out.len < most ? c->out.len : most;
	ssize_t n;

	if (c->fd < 0 || c->halved || c->over || !len)
		return false;
	n = send(c->fd, c->out.at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0)
		buffer_consume(&c->out, (size_t)n);
	else if (errno != EAGAIN)
		c->over = true;
	return n > 0;
}

bool client_read(struct client *c, size_t most)
{
	ssize_t n;

	if (c->fd < 0 || c->over || !most)
		return false;
	must(buffer_reserve(&c->in, most), "memory");
	n = recv(c->fd, c->in.at + c->in.len, most, MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	c->over = n <= 0;
	if (n > 0)
		c->in.len += (size_t)n;
	if (c->wild)
		c->in.len = 0;
	take_in(c);
	return true;
}

void client_close(struct client *c)
{
	if (c->fd >= 0)
		(void)close(c->fd);
	buffer_free(&c->in);
	buffer_free(&c->out);
	c->fd = -1;
}

bool client_is_done(const struct client *c)
{
	return c->fd < 0 || c->over || c->wild || c->halved || c->failed || c->out.len || !c->expects ||
	       c->expected[0].kind == ANSWER_POLL;
}
