/* api.c: the API but for publishing, which is in publisher.c. See api.h. */
#include "api.h"

#include <stdlib.h>

#include "answer.h"
#include "clock.h"
#include "cors.h"
#include "fields.h"
#include "subscriber.h"
#include "worker.h"

enum { ONLINE_PAGE = 100 }; /* uids of a page when it is not said how many */

bool api_admit(struct conn *c)
{
	const struct keyring *keys = c->worker->api_keys;
	struct slice key = http_bearer(http_header(c->exchange->request, "Authorization"));
	bool open = c->worker->server->options->api_open;
	enum refusal refusal = REFUSED_ORIGIN_NOT_ALLOWED;

	if (open ? !cors_is_foreign(c) : key.at && keyring_has(keys, key))
		return true;
	if (!open)
		refusal = answer_unauthorized(c, key.at ? REFUSED_KEY_INVALID : REFUSED_KEY_MISSING);
	if (slice_is(c->exchange->request->path, "/"))
		answer_refused(c, refusal, "text/html; charset=utf-8", slice_of("fail"), NULL);
	else
		answer_error(c, refusal);
	return false;
}

static void add_newest(struct buffer *out, const struct conn *c)
{
	buffer_add_text(out, "\"lastEventId\":\"");
	answer_add_cursor(out, c, hub_seq(hub_of(c)));
	buffer_add_text(out, "\"");
}

/* ---- /online */

static void add_count(struct buffer *out, bool first, struct slice uid, uint32_t streams)
{
	if (!first)
		buffer_add_text(out, ",");
	json_add_string(out, uid);
	buffer_printf(out, ":%lu", (unsigned long)streams);
}

static void answer_page(struct conn *c)
{
	const struct online_page *page = c->exchange->page;
	struct hub_presence presence = hub_presence(hub_of(c));
	size_t shown = page->count < page->limit ? page->count : page->limit - 1; /* one more is looked for than is shown */
	struct buffer body = {0};

	buffer_printf(&body, "{\"users\":%lu,\"streams\":%lu,\"online\":{", (unsigned long)presence.users,
	              (unsigned long)presence.streams);
	for (size_t i = 0; i < shown; i++)
		add_count(&body, i == 0, (struct slice){page->uid[i]->name, page->uid[i]->len}, page->uid[i]->streams);
	buffer_add_text(&body, "},\"next\":");
	if (page->count > shown)
		json_add_string(&body, (struct slice){page->uid[shown - 1]->name, page->uid[shown - 1]->len});
	else
		buffer_add_text(&body, "null");
	buffer_add_text(&body, ",");
	add_newest(&body, c);
	buffer_add_text(&body, "}");
	answer_fresh(c, &body);
}

/* All uids are to be looked at, which are many: some in a turn. */
static void find_page(struct conn *c, struct slice after, size_t limit)
{
	struct exchange *x = c->exchange;

	x->page = online_page_new(after, limit + 1);
	x->settle = answer_page;
	if (!x->page)
		answer_error(c, REFUSED_NO_MEMORY);
	else if (!exchange_charge(c))
		answer_error(c, REFUSED_TOO_MANY_REQUESTS);
	else
		api_finish(c);
}

void api_online(struct conn *c)
{
	struct slice query = c->exchange->request->query, after = {NULL, 0};
	struct fields fields;
	struct body_field f;
	struct buffer body = {0};
	long long limit = ONLINE_PAGE;
	size_t uids = 0;
	int got;

	(void)fields_open(&fields, (struct slice){NULL, 0}, (char *)(uintptr_t)query.at,
	                  query.len); /* urlencoded: cannot fail */
	buffer_add_text(&body, "{\"online\":{");
	while ((got = fields_next(&fields, &f)) > 0) {
		const char *wrong = f.wrong;

		if (slice_is(f.name, "after"))
			after = f.value;
		else if (slice_is(f.name, "limit") && (limit = slice_number(f.value, HUB_MAX_PAGE)) < 1)
			wrong = "not 1 to 1000";
		else if (slice_is(f.name, "uid") && (!name_is_valid(f.value) || uids == HUB_MAX_TARGETS))
			wrong = "not a uid, or more than 1000";
		else if (slice_is(f.name, "uid"))
			add_count(&body, uids++ == 0, f.value, hub_online(hub_of(c), f.value));
		else if (!slice_is(f.name, "limit"))
			wrong = NULL; /* of no concern */
		if (wrong) {
			answer_field_error(c, f.name, wrong);
			buffer_free(&body);
			return;
		}
	}
	buffer_add_text(&body, "},");
	add_newest(&body, c);
	buffer_add_text(&body, "}");
	if (got < 0)
		answer_error(c, REFUSED_MALFORMED_QUERY);
	else if (uids)
		answer_fresh(c, &body);
	else
		find_page(c, after, (size_t)limit);
	buffer_free(&body);
}

/* ---- /disconnect */

int api_open_body(const struct conn *c, struct fields *f)
{
	const struct exchange *x = c->exchange;
	struct slice coding = http_header(x->request, "Content-Encoding");
	bool coded = coding.len != strlen("identity") || !slice_starts_with_any_case(coding, "identity");

	if (coding.len && coded)
		return 415;
	return fields_open(f, http_header(x->request, "Content-Type"), x->in.at + x->head, x->body);
}

/* Reads uid and reason. False: answered. */
static bool read_kick(struct conn *c, struct slice *uid, struct slice *reason)
{
	struct fields fields;
	struct body_field f;
	int got = 0, status = api_open_body(c, &fields);

	while (status == 0 && (got = fields_next(&fields, &f)) > 0) {
		bool is_uid = slice_is(f.name, "uid"), is_reason = slice_is(f.name, "reason");

		if (!is_uid && !is_reason)
			continue;
		if (f.wrong || f.element || (is_uid || f.value.len ? !name_is_valid(f.value) : false)) {
			answer_field_error(c, f.name, "not one text of 1 to 128 bytes of UTF-8 without control bytes");
			return false;
		}
		*(is_uid ? uid : reason) = f.value;
	}
	if (status || got < 0)
		answer_error(c, status == 415 ? REFUSED_UNSUPPORTED_MEDIA_TYPE : REFUSED_MALFORMED_BODY);
	else if (!uid->at)
		answer_field_error(c, slice_of("uid"), "missing");
	return status == 0 && got == 0 && uid->at;
}

static void answer_kicked(struct conn *c)
{
	const struct publishing *p = &c->exchange->publishing;
	struct buffer body = {0};

	if (p->result != HUB_OK) {
		answer_error(c, p->result == HUB_FULL ? REFUSED_TOO_MANY_KICKED : api_failure(p->result));
		return;
	}
	buffer_printf(&body, "{\"status\":\"ok\",\"streams\":%lu}", (unsigned long)p->streams);
	answer_fresh(c, &body);
}

void api_disconnect(struct conn *c)
{
	struct slice uid = {NULL, 0}, reason = {"", 0};
	struct buffer bye = {0};

	if (!read_kick(c, &uid, &reason))
		return;
	buffer_add_text(&bye, "{\"reason\":");
	json_add_string(&bye, reason);
	buffer_add_text(&bye, "}");
	if (bye.failed) {
		answer_error(c, api_failure(HUB_NO_MEMORY));
	} else {
		hub_kick(hub_of(c), uid, (struct slice){bye.at, bye.len}, clock_today(), c->worker->now,
		         api_begin(c, answer_kicked));
		api_finish(c);
	}
	buffer_free(&bye);
}

/* ---- /healthz */

void api_healthz(struct conn *c)
{
	const struct server *s = c->worker->server;
	const char *wrong = atomic_load(&s->draining)                ? "draining"
	                    : hub_journal_figures(s->hub).failing ? "storage failing"
	                                                          : NULL;

	answer_bytes(c, wrong ? 503 : 200, "text/plain", slice_of(wrong ? wrong : "ok"), "Cache-Control: no-store\r\n");
}
