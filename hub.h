/*
 * hub.h: audiences and their logs, who reads them, and who is there. It knows no socket, no HTTP and no clock, but that
 * it notes when what a round begins with was accepted.
 *
 * Three nouns. An audience is whom a message can be for: a uid, a channel, everyone (audience.h); its log holds
 * what was published to it (log.h). A message is rendered once and never changed (message.h). A reader is a
 * position in the logs of its audiences (reader.h).
 *
 * The hub is what the workers share, and it has the one lock. Every function here may be called by any thread, but
 * a reader only by the thread of its inbox. Nothing is sent, rendered or waited for under the lock. `now` is
 * monotonic time in milliseconds, greater than 0.
 *
 * Publishing marks: each reader of a uid in its inbox, a channel or everyone as one roster for each worker. A
 * worker takes the marks (hub_take) and visits the readers: reader_gather(), send, reader_advance().
 */
#ifndef HUB_H
#define HUB_H

#include "inbox.h"
#include "journal.h"
#include "sse.h"

enum {
	HUB_MAX_INBOXES = 64,     /* workers */
	HUB_MAX_TARGETS = 1000,   /* uids and channels of one publish */
	HUB_PRESS_BYTES = 64 * 1024, /* more under way to a reader brings it nothing sooner, and all others less */
	HUB_LINGER_MS = 5000,     /* for which one who polled still counts as there, until the next poll */
	HUB_MAX_BARS = 1000000,   /* uids that were kicked: their bars stand as long as the process */
	HUB_MAX_REASON = 128,     /* bytes of the reason of a kick */
	HUB_MAX_PAGE = 1000       /* uids of one page of who is online */
};

struct hub;

struct hub_limits {
	int64_t history_ttl;       /* ms that a message is kept when its publisher does not say */
	uint32_t history_count;    /* messages in each log */
	uint64_t history_bytes;    /* of all retained messages */
	uint64_t max_lag;          /* bytes that a reader may be behind */
	uint32_t max_streams;      /* readers in all */
	uint32_t max_streams_per_uid;
};

/* NULL without memory. `seed`: 32 random bytes, for the epoch and the hash table. */
struct hub *hub_open(const struct hub_limits *limits, const unsigned char seed[32]);
/* After all readers have gone. */
void hub_close(struct hub *hub);

const char *hub_epoch(const struct hub *hub); /* EPOCH_SIZE bytes, no NUL */
/* The seq of the newest message; all that was published up to it is in the logs. */
uint64_t hub_seq(const struct hub *hub);

/*
 * Makes it keep what it is told in a journal, and takes in what that holds: before any reader or publisher. For
 * `skew` see hub_set_skew(). False with one line in `error`; `lost` gets the bytes of a torn tail that was cut off.
 */
bool hub_use_journal(struct hub *hub, const struct journal_options *options, int64_t now, int64_t skew, uint64_t *lost,
                     char *error, size_t size);
/*
 * The day's time less monotonic time (ms): what is kept on disk runs out by the day's time. From time to time, by any
 * thread, since clocks are set and machines sleep.
 */
void hub_set_skew(struct hub *hub, int64_t skew);
/* Its figures, all 0 without one. */
struct journal_figures hub_journal_figures(const struct hub *hub);

/* ---- inboxes: how a worker hears of what it has to do */

/* Before any other thread runs. The inbox is the caller's and lives as long as the hub. False beyond the bound. */
bool hub_add_inbox(struct hub *hub, struct inbox *inbox, void (*wake)(void *), void *context);
/*
 * Takes the marks of that urgency and calls ready() for each reader: under the lock when URGENT, so it has to be
 * brief. It may not call the hub, nor detach a reader. It begins a round, which ends (hub_round_done) when each of
 * these readers has got what it is owed, or is blocked.
 */
void hub_take(struct hub *hub, struct inbox *inbox, enum urgency urgency, void (*ready)(void *, struct reader *));
/* Answers when the first message of a round of FANOUT was accepted (clock_microseconds()); 0: it had none, or was URGENT. */
int64_t hub_round_done(struct hub *hub, struct inbox *inbox, enum urgency urgency);

/* ---- readers */

struct subscribe_request {
	struct inbox *inbox;
	struct slice uid;
	const struct slice *channel;
	size_t channels;        /* at most READER_MAX_CHANNELS; repeated ones count once */
	struct slice cursor;    /* the position asked for: absent = now, "earliest", or anything */
	struct slice cid;       /* the client's own id; absent or empty for none */
	int64_t issued;         /* iat of the token, ms since 1970: a bar refuses what is older */
	bool poll;
};

enum hub_result {
	HUB_OK,
	HUB_BARRED,    /* kicked, and the token is older than that */
	HUB_FULL,      /* of what is bounded: max_streams readers, IDEMPOTENCY_MAX keys, HUB_MAX_BARS bars */
	HUB_NO_MEMORY,
	HUB_STORAGE    /* the journal could not store it */
};

enum reset { RESET_NONE, RESET_RESTART, RESET_GAP };

struct hub_position {
	uint64_t seq;      /* where the reader starts: nothing after it that is retained was left out */
	enum reset reset;
};

/* Attaches a zeroed reader, at its position, in one step: nothing falls between the logs and what comes next. */
enum hub_result hub_subscribe(struct hub *hub, const struct subscribe_request *s, int64_t now, struct reader *r,
                              struct hub_position *position);
/* Detaches it. With `linger` its uid counts as there for HUB_LINGER_MS more. Harmless on one that is not attached. */
void hub_unsubscribe(struct hub *hub, struct reader *r, bool linger, int64_t now);
/* Is it further behind than it may be? */
bool hub_lags(const struct hub *hub, struct reader *r);
/* Is it so far behind, by HUB_PRESS_BYTES or a quarter of that, that publishers have to wait for it when it reads? */
bool hub_presses(const struct hub *hub, struct reader *r);
/* Lets publishers wait for one more of the inbox's readers, or for one less. */
void hub_press(struct hub *hub, struct inbox *inbox, bool presses);

/* ---- publishing: asynchronous, though in memory it completes at once */

struct publication {
	const struct slice *uid, *channel; /* none of either: everyone. Repeated ones count once */
	size_t uids, channels;             /* together at most HUB_MAX_TARGETS */
	struct slice event, data;          /* valid UTF-8 */
	struct slice key;                  /* idempotency key, absent for none */
	int64_t ttl;                       /* ms; 0 = only who is there now; less = the default */
};

/* One publish under way; the caller's, from hub_publish() until done(). */
struct publishing {
	void (*done)(struct publishing *); /* called once, by any thread, without the lock */
	void *context;
	struct inbox *inbox; /* is woken when that was later than hub_publish(); NULL: nobody is */
	enum hub_result result;
	uint64_t seq;
	uint32_t streams;  /* that it reaches */
	bool offline;      /* it named uids, and none of them is there */
};

void hub_publish(struct hub *hub, const struct publication *p, int64_t now, struct publishing *op);
/* Lets the journal begin with what was handed over since: once for all of it, before the thread waits for anything. */
void hub_flush(struct hub *hub);
/*
 * Do publishers have to wait? They do while there are readers that read and press (hub_press), and while readers that
 * are not blocked are behind by more than half of max_lag, or by more than one visit gives them, what those who
 * waited will send next included: waiting sooner costs no throughput, and a message arrives within some one round.
 */
bool hub_is_congested(const struct hub *hub);
/*
 * For a publisher that has to wait, once: asks that all workers be woken when that ends, at once, when it has ended
 * already. It has when hub_calms() differs from the answer: whoever waited then is done, whatever has come since.
 */
unsigned hub_await_calm(struct hub *hub);
unsigned hub_calms(const struct hub *hub);

/* ---- who is there */

struct hub_presence {
	uint32_t users, streams; /* uids that are there; their streams and polls, those between two polls too */
};

struct hub_presence hub_presence(const struct hub *hub);
/* Readers that are attached. */
uint32_t hub_readers(const struct hub *hub);
/* Streams of one uid, with those who polled a moment ago. */
uint32_t hub_online(struct hub *hub, struct slice uid);

struct online_uid {
	char name[256];
	unsigned char len;
	uint32_t streams;
};

/* A page of who is there: the first `limit` uids behind the name `after`, in the order of their bytes. */
struct online_page {
	struct slice after; /* the caller's */
	size_t limit, count;
	size_t bucket;      /* where the hub goes on looking */
	struct online_uid *uid[]; /* the first `count`, in this same memory */
};

/* One with nobody in it yet, for the caller to free(); NULL without memory. */
struct online_page *online_page_new(struct slice after, size_t limit);
size_t online_page_size(size_t limit);
/* Looks at some of all uids; the next call goes on. True when the page is whole. */
bool hub_find_online(struct hub *hub, struct online_page *page);

/*
 * Closes all streams of a uid and refuses tokens issued up to `today` (ms since 1970), at once; op is done when that is
 * stored, with the number of streams. `reason` is JSON text for the pushsse.bye event. HUB_FULL: too many bars.
 */
void hub_kick(struct hub *hub, struct slice uid, struct slice reason, int64_t today, int64_t now,
              struct publishing *op);
/* The reason of the last kick of a reader's uid, as JSON text. */
void hub_bye(struct hub *hub, struct reader *r, struct buffer *out);

/* ---- time and figures */

/* Forgets what has run out: a part of it at each call. One worker calls it, some times a second. */
void hub_sweep(struct hub *hub, int64_t now);

struct hub_figures {
	struct hub_presence presence;
	uint64_t seq, audiences, retained, retained_bytes, publishes, keys;
	struct hub_limits limits;
};

struct hub_figures hub_figures(struct hub *hub);

#endif
