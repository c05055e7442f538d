/*
 * test_journal.c: what is appended is answered in order, is there after a start, and goes when nobody needs it.
 */
#include "journal_fixture.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/wait.h>

static void what_was_stored_is_replayed_in_order(void **state)
{
	static const enum journal_sync modes[] = {JOURNAL_ALWAYS, JOURNAL_EVERY, JOURNAL_NEVER};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct buffer expected = {0};

		empty_directory();
		for (int round = 0; round < 3; round++) {
			struct journal *j = start(modes[i], 0);

			append_numbers(j, round * 20 + 1, round * 20 + 20, &expected);
			journal_close(j);
			assert_replayed(expected.at);
			assert_int_equal(last_lost, 0);
		}
		buffer_free(&expected);
	}
}

static void bodies_of_any_bytes_and_any_size(void **state)
{
	static const size_t sizes[] = {1, 2, 255, 65523, 65524, 65525, 65536, 300000, 3000000};
	struct buffer replayed = {0}, expected = {0};
	struct journal *j = start(JOURNAL_ALWAYS, 0);

	(void)state;
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char *bytes = malloc(sizes[i]);
		struct job job = {.entry = {.body = {bytes, sizes[i]}, .done = answered}};

		assert_non_null(bytes);
		for (size_t k = 0; k < sizes[i]; k++)
			bytes[k] = (char)(k * 31 + i);
		journal_append(j, &job.entry);
		journal_flush(j);
		assert_true(wait_for(&job));
		buffer_add(&expected, bytes, sizes[i]);
		buffer_add_text(&expected, " ");
		free(bytes);
	}
	journal_close(j);
	j = reopen(JOURNAL_ALWAYS, 0, &replayed);
	assert_non_null(j);
	assert_int_equal(replayed.len, expected.len);
	assert_memory_equal(replayed.at, expected.at, expected.len);
	journal_close(j);
	buffer_free(&replayed);
	buffer_free(&expected);
}

static void the_epoch_is_that_of_the_first_start(void **state)
{
	struct journal *j = start(JOURNAL_ALWAYS, 0);
	struct buffer replayed = {0};
	struct journal_options options = {.directory = directory, .opened = &opened};
	char epoch[JOURNAL_EPOCH] = {'o', 't', 'h', 'e', 'r', '2'};

	(void)state;
	journal_close(j);
	for (int i = 0; i < 3; i++) {
		j = journal_open(&options, epoch, collect, &replayed, &last_lost, last_error, sizeof last_error);
		assert_non_null(j);
		assert_memory_equal(epoch, fixture_epoch, JOURNAL_EPOCH);
		assert_true(journal_start(j));
		assert_true(append(j, "one"));
		journal_close(j);
	}
	buffer_free(&replayed);
}

/* Nothing holds anything here: of all the starts only the last segment stays. */
static void starts_leave_no_empty_segments(void **state)
{
	struct journal_figures figures = {0};

	(void)state;
	for (int i = 0; i < 10; i++)
		journal_close(start(JOURNAL_ALWAYS, 0));

	struct journal *j = start(JOURNAL_ALWAYS, 0);

	for (int waited = 0; waited < PATIENCE_MS && (figures = journal_figures(j)).segments != 1; waited += 10)
		pause_ms(10);
	assert_int_equal(figures.segments, 1);
	journal_close(j);
}

struct numbered {
	struct journal_entry entry; /* first */
	int number;
	bool stored;
};

static int order[2000], ordered;

static void note_order(struct journal_entry *entry, bool stored)
{
	struct numbered *n = (struct numbered *)(void *)entry;

	n->stored = stored;
	order[ordered++] = n->number; /* only the writer thread does it */
}

static void answers_come_in_the_order_of_appending(void **state)
{
	static struct numbered all[2000];
	struct journal *j = start(JOURNAL_ALWAYS, 0);

	(void)state;
	ordered = 0;
	for (int i = 0; i < 2000; i++) {
		all[i] = (struct numbered){.entry.done = note_order, .number = i};
		/* Every third has no body: it is not written, and still waits for its turn. */
		if (i % 3)
			all[i].entry.body = slice_of("body");
		journal_append(j, &all[i].entry);
		journal_flush(j);
	}
	journal_close(j);
	assert_int_equal(ordered, 2000);
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(order[i], i);
		assert_true(all[i].stored);
		assert_int_equal(all[i].entry.segment, 1);
	}
}

/* ---- group commit */

static atomic_int syncs;

static int slow_sync(int fd)
{
	atomic_fetch_add(&syncs, 1);
	pause_ms(20); /* long enough for most of the threads to come, on a busy machine too */
	return fdatasync(fd);
}

static int plain_open(int at, const char *name, int flags, mode_t mode)
{
	return openat(at, name, flags, mode);
}

static const struct journal_system slow = {plain_open, write, slow_sync, ftruncate};

static void *publish(void *context)
{
	for (int i = 0; i < 20; i++)
		if (!append(context, "a message that sixty-three others are written with"))
			return context;
	return NULL;
}

static void sixty_four_publishers_share_their_syncs(void **state)
{
	struct buffer replayed = {0};
	struct journal *j = reopen(JOURNAL_ALWAYS, 0, &replayed);
	pthread_t thread[64];
	void *failed;

	(void)state;
	assert_non_null(j);
	atomic_store(&syncs, 0);
	journal_use_system(j, &slow);
	assert_true(journal_start(j));
	for (int i = 0; i < 64; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, publish, j), 0);
	for (int i = 0; i < 64; i++) {
		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(journal_figures(j).records, 64 * 20);
	assert_true(atomic_load(&syncs) < 64 * 20 / 8);
	journal_close(j);
	buffer_free(&replayed);
}

static void every_interval_is_synced_without_anybody_asking(void **state)
{
	struct journal_options options = {.directory = directory, .sync = JOURNAL_EVERY, .interval_ms = 20,
	                                  .opened = &opened};
	char epoch[JOURNAL_EPOCH] = {0};
	struct buffer replayed = {0};
	struct journal *j = journal_open(&options, epoch, collect, &replayed, &last_lost, last_error, sizeof last_error);

	(void)state;
	assert_non_null(j);
	assert_true(journal_start(j));
	for (uint64_t round = 1; round <= 3; round++) {
		assert_true(append(j, "one"));
		for (int waited = 0; waited < PATIENCE_MS && timing_count(journal_figures(j).sync) < round; waited += 5)
			pause_ms(5);
		assert_int_equal(timing_count(journal_figures(j).sync), round);
	}
	journal_close(j);
}

static void never_is_synced_only_when_a_segment_ends(void **state)
{
	struct journal *j = start(JOURNAL_NEVER, 0);

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_true(append(j, "one"));
	assert_int_equal(timing_count(journal_figures(j).sync), 0);
	journal_close(j);
}

/* ---- retention */

/* Appends records of 100 bytes that hold their segment, until there are as many segments. */
static void fill_segments(struct journal *j, size_t segments, uint32_t *held)
{
	char text[101];

	memset(text, 'x', 100);
	text[100] = '\0';
	while (journal_figures(j).segments < segments) {
		struct job job = {.entry = {.body = slice_of(text), .done = answered}, .holds = true, .journal = j};

		journal_append(j, &job.entry);
		journal_flush(j);
		assert_true(wait_for(&job));
		held[job.entry.segment]++;
	}
}

static void assert_goes(uint32_t segment)
{
	for (int waited = 0; waited < PATIENCE_MS && segment_exists(segment); waited += 5)
		pause_ms(5);
	assert_false(segment_exists(segment));
}

static void let_go(struct journal *j, uint32_t *held, uint32_t segment)
{
	for (; held[segment]; held[segment]--)
		journal_release(j, segment);
}

static void segments_that_nobody_holds_go(void **state)
{
	struct journal *j = start(JOURNAL_NEVER, 32768);
	uint32_t held[64] = {0};

	(void)state;
	fill_segments(j, 5, held);
	for (uint32_t segment = 1; segment <= 5; segment++)
		assert_true(segment_exists(segment));
	for (; held[2] > 1; held[2]--)
		journal_release(j, 2);
	assert_true(append(j, "a turn of the writer's"));
	assert_true(segment_exists(2)); /* one of its records is held yet */
	let_go(j, held, 2);
	assert_goes(2);
	let_go(j, held, 1);
	assert_goes(1);
	/* The one that is written stays, whoever lets go of it. */
	let_go(j, held, 5);
	assert_true(append(j, "another turn"));
	assert_true(segment_exists(5));
	assert_int_equal(journal_figures(j).segments, 3);
	journal_close(j);

	/* With a hole in the numbers it is as good as before. */
	j = start(JOURNAL_NEVER, 32768);
	assert_true(append(j, "after"));
	journal_close(j);
}

static void the_directory_stays_within_its_bytes(void **state)
{
	enum { MAX = 65536 };
	struct journal *j = start(JOURNAL_NEVER, MAX);
	static uint32_t held[1024];
	char text[101];
	uint32_t over = 0, last = 0;

	(void)state;
	memset(text, 'x', 100);
	text[100] = '\0';
	memset(held, 0, sizeof held);
	for (int i = 0; i < 5000; i++) {
		struct job job = {.entry = {.body = slice_of(text), .done = answered}, .holds = true, .journal = j};

		journal_append(j, &job.entry);
		journal_flush(j);
		assert_true(wait_for(&job));
		held[job.entry.segment]++;
		over = journal_over(j);
		assert_true(over == 0 || over == last + 1);
		if (over) {
			let_go(j, held, over);
			last = over;
			assert_int_equal(journal_over(j), 0);
			assert_goes(over);
		}
		assert_true(journal_figures(j).bytes <= MAX);
	}
	assert_true(last > 20);
	assert_true(journal_figures(j).segments >= 5);
	journal_close(j);
}

/* ---- whose it is */

static void directory_and_files_are_the_owners_alone(void **state)
{
	char path[PATH_SIZE], deeper[PATH_SIZE];
	struct stat status;
	mode_t mask = umask(0);

	(void)state;
	path_of(deeper, "new");
	assert_int_equal(rmdir(directory), 0);
	journal_close(start(JOURNAL_ALWAYS, 0));
	(void)umask(mask);
	assert_int_equal(stat(directory, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	segment_path(path, 1);
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	path_of(path, "lock");
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void assert_refused(const char *file, const char *why)
{
	struct buffer replayed = {0};

	assert_null(reopen(JOURNAL_ALWAYS, 0, &replayed));
	assert_non_null(strstr(last_error, file));
	assert_non_null(strstr(last_error, why));
	assert_null(strchr(last_error, '\n'));
	buffer_free(&replayed);
}

static void what_others_may_write_is_refused(void **state)
{
	static const mode_t bad[] = {0720, 0702, 0777};
	char path[PATH_SIZE];

	(void)state;
	journal_close(start(JOURNAL_ALWAYS, 0));
	segment_path(path, 1);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(chmod(directory, bad[i]), 0);
		assert_refused(directory, "others may write it");
		assert_int_equal(chmod(directory, 0700), 0);
		assert_int_equal(chmod(path, bad[i] & 0666), 0);
		assert_refused(path, "others may write it");
		assert_int_equal(chmod(path, 0600), 0);
	}
	assert_replayed("");
}

static void a_second_server_is_refused(void **state)
{
	struct buffer replayed = {0};
	struct journal *j = reopen(JOURNAL_ALWAYS, 0, &replayed);
	int status;
	pid_t child;

	(void)state;
	assert_non_null(j);
	child = fork();
	if (child == 0) {
		bool refused = !reopen(JOURNAL_ALWAYS, 0, &replayed) && strstr(last_error, "in use by process");

		_exit(refused && journal_check(directory, true) == 2 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	journal_close(j);
	assert_replayed("");
}

static void what_is_no_directory_is_refused(void **state)
{
	(void)state;
	assert_int_equal(rmdir(directory), 0);
	FILE *file = fopen(directory, "w");
	assert_non_null(file);
	(void)fclose(file);
	assert_refused(directory, "Not a directory");
	assert_int_equal(unlink(directory), 0);
	strcat(directory, "/deeper");
	assert_refused(directory, "No such file");
	*strrchr(directory, '/') = '\0';
	assert_int_equal(mkdir(directory, 0700), 0);
}

static bool no_memory(void *context, struct slice body, uint32_t segment)
{
	(void)body;
	(void)segment;
	return --*(int *)context > 0;
}

static void a_replay_that_is_ended_ends_the_start(void **state)
{
	struct journal *j = start(JOURNAL_ALWAYS, 0);
	struct journal_options options = {.directory = directory};
	struct buffer expected = {0};
	int records = 3;

	(void)state;
	append_numbers(j, 1, 9, &expected);
	journal_close(j);
	options.opened = &j;
	assert_null(journal_open(&options, last_epoch, no_memory, &records, &last_lost, last_error, sizeof last_error));
	assert_int_equal(records, 0);
	assert_null(j);
	assert_replayed(expected.at);
	buffer_free(&expected);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(what_was_stored_is_replayed_in_order),
		IN_DIRECTORY(bodies_of_any_bytes_and_any_size),
		IN_DIRECTORY(the_epoch_is_that_of_the_first_start),
		IN_DIRECTORY(starts_leave_no_empty_segments),
		IN_DIRECTORY(answers_come_in_the_order_of_appending),
		IN_DIRECTORY(sixty_four_publishers_share_their_syncs),
		IN_DIRECTORY(every_interval_is_synced_without_anybody_asking),
		IN_DIRECTORY(never_is_synced_only_when_a_segment_ends),
		IN_DIRECTORY(segments_that_nobody_holds_go),
		IN_DIRECTORY(the_directory_stays_within_its_bytes),
		IN_DIRECTORY(directory_and_files_are_the_owners_alone),
		IN_DIRECTORY(what_others_may_write_is_refused),
		IN_DIRECTORY(a_second_server_is_refused),
		IN_DIRECTORY(what_is_no_directory_is_refused),
		IN_DIRECTORY(a_replay_that_is_ended_ends_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
