/*
 * test_journal_faults.c: a disk that is full, fails, or goes: what is answered as stored is there after the next start,
 * what is not is not, and the journal goes on by itself once the disk does.
 */
#include "journal_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>

enum { NEVER = 1 << 30 };

/* The calls until one fails; 0: now and from now on, until it is set again. NEVER: none. */
static atomic_int writes_left, syncs_left, opens_left;
static atomic_bool once;             /* only that one call fails */
static atomic_bool truncating_fails;
static atomic_bool whole_is_written; /* by a write() that fails: its bytes get to the file; else half of them */
static atomic_bool fitful;           /* calls are interrupted, writes are short */

static bool fails(atomic_int *left)
{
	int before = atomic_load(left);

	if (before == NEVER)
		return false;
	if (before > 0) {
		atomic_store(left, before - 1);
		return false;
	}
	if (atomic_load(&once))
		atomic_store(left, NEVER);
	return true;
}

/* Every other call. */
static bool is_interrupted(void)
{
	static atomic_int calls;

	errno = EINTR;
	return atomic_load(&fitful) && atomic_fetch_add(&calls, 1) % 2 == 0;
}

static int faulty_open(int at, const char *name, int flags, mode_t mode)
{
	if (is_interrupted())
		return -1;
	errno = ENOSPC;
	return fails(&opens_left) ? -1 : openat(at, name, flags, mode);
}

static ssize_t faulty_write(int fd, const void *bytes, size_t len)
{
	if (is_interrupted())
		return -1;
	if (fails(&writes_left)) {
		(void)!write(fd, bytes, atomic_load(&whole_is_written) ? len : len / 2);
		errno = atomic_load(&whole_is_written) ? EIO : ENOSPC;
		return -1;
	}
	return write(fd, bytes, atomic_load(&fitful) && len > 7 ? 7 : len);
}

static int faulty_sync(int fd)
{
	if (is_interrupted())
		return -1;
	errno = EIO;
	return fails(&syncs_left) ? -1 : fdatasync(fd);
}

static int faulty_truncate(int fd, off_t length)
{
	if (is_interrupted())
		return -1;
	errno = EIO;
	return atomic_load(&truncating_fails) ? -1 : ftruncate(fd, length);
}

static const struct journal_system faulty = {faulty_open, faulty_write, faulty_sync, faulty_truncate};

static void heal(void)
{
	atomic_store(&writes_left, NEVER);
	atomic_store(&syncs_left, NEVER);
	atomic_store(&opens_left, NEVER);
	atomic_store(&once, false);
	atomic_store(&truncating_fails, false);
	atomic_store(&whole_is_written, false);
	atomic_store(&fitful, false);
}

static struct journal *start_faulty(enum journal_sync sync)
{
	struct buffer replayed = {0};
	struct journal *j = reopen(sync, 0, &replayed);

	assert_non_null(j);
	buffer_free(&replayed);
	journal_use_system(j, &faulty);
	assert_true(journal_start(j));
	return j;
}

/* Appends a text that was not there before; it joins `expected` when it is stored. */
static bool append_next(struct journal *j, struct buffer *expected)
{
	static int number;
	char text[32];

	(void)snprintf(text, sizeof text, "text-%d", ++number);
	if (!append(j, text))
		return false;
	buffer_printf(expected, "%s ", text);
	return true;
}

static void assert_there(struct buffer *expected)
{
	buffer_add(expected, "", 1);
	assert_replayed(expected->at);
	expected->len--;
}

static void wait_until_begun(struct journal *j)
{
	struct journal_figures figures = journal_figures(j);

	for (int waited = 0; waited < PATIENCE_MS && (figures.failing || !figures.segments); waited += 5) {
		pause_ms(5);
		figures = journal_figures(j);
	}
	assert_true(figures.segments > 0 && !figures.failing);
}

static void short_and_interrupted_calls_are_gone_on_with(void **state)
{
	struct buffer expected = {0};
	struct journal *j;

	(void)state;
	heal();
	atomic_store(&fitful, true);
	j = start_faulty(JOURNAL_ALWAYS);
	for (int i = 0; i < 50; i++)
		assert_true(append_next(j, &expected));
	assert_int_equal(journal_figures(j).failures, 0);
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
}

/* One journal in which the nth call of a kind fails, once. Answers how many appends were refused. */
static int with_one_fault(enum journal_sync sync, atomic_int *left, int nth)
{
	struct buffer expected = {0};
	struct journal *j;
	int refused = 0;

	empty_directory();
	atomic_store(left, nth);
	atomic_store(&once, true);
	j = start_faulty(sync);
	for (int i = 0; i < 8; i++)
		refused += !append_next(j, &expected);
	atomic_store(left, NEVER);
	assert_true(append_next(j, &expected));
	assert_true(append_next(j, &expected));
	assert_false(journal_figures(j).failing);
	journal_close(j);
	assert_there(&expected);

	/* And once more, with another start behind it. */
	j = start_faulty(sync);
	assert_true(append_next(j, &expected));
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
	return refused;
}

static void one_fault_refuses_one_append_and_nothing_of_it_comes_back(void **state)
{
	static const enum journal_sync modes[] = {JOURNAL_ALWAYS, JOURNAL_EVERY, JOURNAL_NEVER};
	int refused;

	(void)state;
	for (int variant = 0; variant < 12; variant++)
		for (int nth = 0; nth < 9; nth++) {
			heal();
			atomic_store(&truncating_fails, variant & 1);
			atomic_store(&whole_is_written, variant & 2);
			/* The first write is that of a header: that may be tried again before the first append, or with it. */
			refused = with_one_fault(modes[variant / 4], &writes_left, nth);
			assert_true(nth == 0 ? refused <= 1 : refused == 1);
		}
}

static void a_failed_sync_refuses_what_it_was_for(void **state)
{
	(void)state;
	for (int variant = 0; variant < 2; variant++)
		for (int nth = 1; nth < 9; nth++) {
			heal();
			atomic_store(&truncating_fails, variant);
			assert_int_equal(with_one_fault(JOURNAL_ALWAYS, &syncs_left, nth), 1);
		}
}

/* Answered when it was written, lost with the sync that failed: what this mode can lose, and no more than that. */
static void every_loses_what_a_failed_sync_was_for(void **state)
{
	struct buffer expected = {0}, lost = {0};
	struct journal *j;

	(void)state;
	heal();
	j = start_faulty(JOURNAL_EVERY);
	assert_true(append_next(j, &expected));
	journal_close(j);
	j = start_faulty(JOURNAL_EVERY);
	assert_true(append_next(j, &lost));
	atomic_store(&syncs_left, 0);
	journal_close(j);
	atomic_store(&syncs_left, NEVER);
	assert_there(&expected);
	buffer_free(&expected);
	buffer_free(&lost);
}

/* While `left` is 0 nothing is stored; then it goes on by itself, in the same journal. */
static void with_a_disk_that_fails_for_a_while(enum journal_sync sync, atomic_int *left)
{
	struct buffer expected = {0};
	struct journal *j;

	empty_directory();
	j = start_faulty(sync);
	wait_until_begun(j);
	for (int round = 0; round < 3; round++) {
		assert_true(append_next(j, &expected));
		assert_false(journal_figures(j).failing);
		atomic_store(left, 0);
		for (int i = 0; i < 5; i++) {
			/* A file that is open needs no openat(): it ends with the segment. */
			if (left == &opens_left) {
				atomic_store(&once, true);
				atomic_store(&writes_left, 0);
			}
			assert_false(append_next(j, &expected));
			assert_true(journal_figures(j).failing);
			atomic_store(&once, false);
			atomic_store(left, 0);
		}
		assert_true(journal_figures(j).error != 0);
		atomic_store(left, NEVER);
		atomic_store(&writes_left, NEVER);
		assert_true(append_next(j, &expected));
		assert_false(journal_figures(j).failing);
		assert_true(journal_figures(j).failures >= 5);
	}
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
}

static void it_goes_on_when_the_disk_does(void **state)
{
	(void)state;
	for (int variant = 0; variant < 4; variant++) {
		heal();
		atomic_store(&truncating_fails, variant & 1);
		atomic_store(&whole_is_written, variant & 2);
		with_a_disk_that_fails_for_a_while(JOURNAL_ALWAYS, &writes_left);
		with_a_disk_that_fails_for_a_while(JOURNAL_EVERY, &writes_left);
		with_a_disk_that_fails_for_a_while(JOURNAL_NEVER, &writes_left);
		with_a_disk_that_fails_for_a_while(JOURNAL_ALWAYS, &syncs_left);
		with_a_disk_that_fails_for_a_while(JOURNAL_ALWAYS, &opens_left);
	}
}

/* Within a second or so of the disk being well again, without a publish that has to fail first. */
static void it_is_well_again_without_anybody_appending(void **state)
{
	struct buffer expected = {0};
	struct journal *j;

	(void)state;
	heal();
	j = start_faulty(JOURNAL_ALWAYS);
	assert_true(append_next(j, &expected));
	atomic_store(&writes_left, 0);
	assert_false(append_next(j, &expected));
	atomic_store(&writes_left, NEVER);
	wait_until_begun(j);
	assert_false(journal_figures(j).failing);
	assert_true(append_next(j, &expected));
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
}

/* The appends that wait while the disk fails are refused together, and what has no body is not. */
static void what_needs_no_disk_is_not_refused(void **state)
{
	struct buffer expected = {0};
	struct journal *j;
	struct job empty[3], full[3];

	(void)state;
	heal();
	j = start_faulty(JOURNAL_ALWAYS);
	assert_true(append_next(j, &expected));
	atomic_store(&writes_left, 0);
	for (int i = 0; i < 3; i++) {
		full[i] = (struct job){.entry = {.body = slice_of("full"), .done = answered}, .journal = j};
		empty[i] = (struct job){.entry = {.done = answered}, .journal = j};
		journal_append(j, &full[i].entry);
		journal_append(j, &empty[i].entry);
		journal_flush(j);
	}
	for (int i = 0; i < 3; i++) {
		assert_false(wait_for(&full[i]));
		assert_true(wait_for(&empty[i]));
	}
	atomic_store(&writes_left, NEVER);
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
}

/* Segments that were cut nowhere but in the next one's header: that one may not go before them. */
static void a_header_that_says_where_another_ends_outlives_it(void **state)
{
	struct buffer expected = {0};
	struct journal *j;

	(void)state;
	heal();
	atomic_store(&truncating_fails, true);
	atomic_store(&whole_is_written, true);
	j = start_faulty(JOURNAL_ALWAYS);
	assert_true(append_next(j, &expected)); /* holds segment 1 */
	for (int i = 0; i < 3; i++) {
		atomic_store(&once, true);
		atomic_store(&writes_left, 0);
		assert_false(append_next(j, &expected));
		wait_until_begun(j);
	}
	assert_true(segment_exists(1) && segment_exists(2));
	journal_close(j);
	assert_there(&expected);
	j = start_faulty(JOURNAL_ALWAYS);
	wait_until_begun(j);
	assert_true(append_next(j, &expected));
	assert_true(segment_exists(1) && segment_exists(2));
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
}

/* ---- a directory that goes */

static void a_directory_that_is_away_for_a_while(void **state)
{
	struct buffer expected = {0};
	char away[PATH_SIZE + 8];
	struct journal *j;

	(void)state;
	heal();
	(void)snprintf(away, sizeof away, "%s.away", directory);
	j = start_faulty(JOURNAL_ALWAYS);
	for (int round = 0; round < 3; round++) {
		assert_true(append_next(j, &expected));
		assert_int_equal(rename(directory, away), 0);
		for (int i = 0; i < 3; i++)
			assert_false(append_next(j, &expected));
		assert_true(journal_figures(j).failing);
		assert_int_equal(rename(away, directory), 0);
		assert_true(append_next(j, &expected));
		assert_false(journal_figures(j).failing);
	}
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
}

/* What was in it is lost; what comes after is not. */
static void a_directory_that_is_deleted_and_made_again(void **state)
{
	struct buffer before = {0}, expected = {0};
	struct journal *j;

	(void)state;
	heal();
	j = start_faulty(JOURNAL_ALWAYS);
	assert_true(append_next(j, &before));
	empty_directory();
	assert_int_equal(rmdir(directory), 0);
	assert_false(append_next(j, &expected));
	assert_false(append_next(j, &expected));
	assert_true(journal_figures(j).failing);
	assert_int_equal(mkdir(directory, 0700), 0);
	assert_true(append_next(j, &expected));
	/* And its files alone, the lock among them. */
	empty_directory();
	expected.len = 0;
	assert_false(append_next(j, &expected));
	assert_true(append_next(j, &expected));
	journal_close(j);
	assert_there(&expected);
	assert_memory_equal(last_epoch, fixture_epoch, JOURNAL_EPOCH);
	buffer_free(&before);
	buffer_free(&expected);
}

/* Another server's is not taken over, nor one that others may write. */
static void a_directory_that_comes_back_unsafe_is_not_used(void **state)
{
	struct buffer expected = {0};
	struct journal *j;

	(void)state;
	heal();
	j = start_faulty(JOURNAL_ALWAYS);
	assert_true(append_next(j, &expected));
	empty_directory();
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
	assert_int_equal(chmod(directory, 0777), 0);
	assert_false(append_next(j, &expected));
	assert_false(append_next(j, &expected));
	assert_int_equal(chmod(directory, 0700), 0);
	expected.len = 0;
	assert_true(append_next(j, &expected));
	journal_close(j);
	assert_there(&expected);
	buffer_free(&expected);
}

/* An attempt to begin a segment has left a file behind, whole or not, when the directory goes. */
static void a_directory_that_is_away_while_the_disk_fails(void **state)
{
	struct buffer expected = {0};
	char away[PATH_SIZE + 8];
	struct journal *j;

	(void)state;
	(void)snprintf(away, sizeof away, "%s.away", directory);
	for (int whole = 0; whole < 2; whole++) {
		heal();
		atomic_store(&whole_is_written, whole);
		j = start_faulty(JOURNAL_ALWAYS);
		assert_true(append_next(j, &expected));
		atomic_store(&writes_left, 0);
		for (int i = 0; i < 2; i++)
			assert_false(append_next(j, &expected));
		assert_int_equal(rename(directory, away), 0);
		assert_false(append_next(j, &expected));
		atomic_store(&writes_left, NEVER);
		assert_int_equal(rename(away, directory), 0);
		assert_true(append_next(j, &expected));
		journal_close(j);
		assert_there(&expected);
	}
	buffer_free(&expected);
}

/* A backup of another one, put in the place of this one: nothing of it is deleted, nothing added. */
static void a_directory_of_another_journal_is_not_used(void **state)
{
	struct segment_header h = {.number = 1, .epoch = {'o', 't', 'h', 'e', 'r', '2'}};
	struct buffer expected = {0}, file = {0};
	char away[PATH_SIZE + 8], header[SEGMENT_HEADER];
	struct journal *j;

	(void)state;
	heal();
	(void)snprintf(away, sizeof away, "%s.away", directory);
	(void)segment_write_header(header, &h);
	j = start_faulty(JOURNAL_ALWAYS);
	assert_true(append_next(j, &expected));
	assert_int_equal(rename(directory, away), 0);
	assert_int_equal(mkdir(directory, 0700), 0);
	write_segment(1, header, sizeof header);
	journal_release(j, 1); /* as if all in it had run out: it may be deleted, were it this one's */
	for (int i = 0; i < 3; i++)
		assert_false(append_next(j, &expected));
	assert_true(journal_figures(j).failing && segment_exists(1) && !segment_exists(2));
	read_segment(1, &file);
	assert_memory_equal(file.at, header, sizeof header);
	empty_directory();
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(rename(away, directory), 0);
	assert_true(append_next(j, &expected));
	journal_close(j);
	buffer_free(&file);
	buffer_free(&expected);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(short_and_interrupted_calls_are_gone_on_with),
		IN_DIRECTORY(one_fault_refuses_one_append_and_nothing_of_it_comes_back),
		IN_DIRECTORY(a_failed_sync_refuses_what_it_was_for),
		IN_DIRECTORY(every_loses_what_a_failed_sync_was_for),
		IN_DIRECTORY(it_goes_on_when_the_disk_does),
		IN_DIRECTORY(it_is_well_again_without_anybody_appending),
		IN_DIRECTORY(what_needs_no_disk_is_not_refused),
		IN_DIRECTORY(a_header_that_says_where_another_ends_outlives_it),
		IN_DIRECTORY(a_directory_that_is_away_for_a_while),
		IN_DIRECTORY(a_directory_that_is_away_while_the_disk_fails),
		IN_DIRECTORY(a_directory_that_is_deleted_and_made_again),
		IN_DIRECTORY(a_directory_that_comes_back_unsafe_is_not_used),
		IN_DIRECTORY(a_directory_of_another_journal_is_not_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
