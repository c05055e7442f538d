/*
 * test_journal_damage.c: a torn tail is cut off, damage is refused, found and repaired, wherever it is.
 */
#include "journal_fixture.h"

#include <fcntl.h>

#include "crc32c.h"
#include "little.h"

enum { RECORDS = 12 };

/* Where each record of the segment begins, and where the last ends. */
static size_t find_records(const struct buffer *file, size_t at[RECORDS + 1])
{
	struct segment_reader reader = {.file = {file->at, file->len}, .at = SEGMENT_HEADER};
	struct segment_header h;
	struct slice body;
	size_t records = 0;

	assert_int_equal(segment_read_header(reader.file, &h, &reader.sum), SEGMENT_SOUND);
	at[0] = reader.at;
	while (segment_next(&reader, &body) == SEGMENT_RECORD)
		at[++records] = reader.at;
	assert_int_equal(reader.at, file->len);
	return records;
}

/* "record-1 record-2 " up to `to`, without `without`; 0: with all. */
static const char *expect(struct buffer *text, int to, int without)
{
	text->len = 0;
	for (int i = 1; i <= to; i++)
		if (i != without)
			buffer_printf(text, "record-%d ", i);
	buffer_add(text, "", 1);
	return text->at;
}

/* One segment of RECORDS records, each a batch of its own. */
static void write_records(struct buffer *file, size_t at[RECORDS + 1])
{
	struct journal *j = start(JOURNAL_ALWAYS, 0);
	struct buffer expected = {0};

	append_numbers(j, 1, RECORDS, &expected);
	journal_close(j);
	buffer_free(&expected);
	read_segment(1, file);
	assert_int_equal(find_records(file, at), RECORDS);
}

/* What a check says, which is on stdout. */
static int check(bool repair, struct buffer *said)
{
	FILE *out = tmpfile();
	int stdout_before, result;

	assert_non_null(out);
	assert_int_equal(fflush(stdout), 0);
	stdout_before = dup(STDOUT_FILENO);
	assert_true(stdout_before >= 0 && dup2(fileno(out), STDOUT_FILENO) >= 0);
	result = journal_check(directory, repair);
	(void)fflush(stdout);
	(void)dup2(stdout_before, STDOUT_FILENO);
	(void)close(stdout_before);
	rewind(out);
	said->len = 0;
	assert_true(buffer_reserve(said, 8192));
	said->len = fread(said->at, 1, 8191, out);
	said->at[said->len] = '\0';
	(void)fclose(out);
	return result;
}

static void assert_refused_at(uint32_t segment, size_t offset)
{
	struct buffer replayed = {0};
	char where[64], name[SEGMENT_NAME];

	assert_null(reopen(JOURNAL_ALWAYS, 0, &replayed));
	segment_write_name(name, segment);
	(void)snprintf(where, sizeof where, "/%s: damaged at offset %zu:", name, offset);
	assert_non_null(strstr(last_error, where));
	assert_non_null(strstr(last_error, "pushsse journal repair"));
	buffer_free(&replayed);
}

/* Repairs; then all but one record are there, and a check finds nothing. */
static void assert_repaired(int without, int records)
{
	struct buffer said = {0}, expected = {0};
	char aside[PATH_SIZE];

	assert_int_equal(check(true, &said), 0);
	assert_replayed(expect(&expected, records, without));
	assert_int_equal(last_lost, 0);
	assert_memory_equal(last_epoch, fixture_epoch, JOURNAL_EPOCH);
	assert_int_equal(check(false, &said), 0);
	path_of(aside, "0000000001.segment.damaged");
	assert_int_equal(unlink(aside), 0);
	buffer_free(&said);
	buffer_free(&expected);
}

static void a_segment_cut_at_any_byte_keeps_the_whole_records_before(void **state)
{
	struct buffer file = {0}, expected = {0}, said = {0};
	size_t at[RECORDS + 1];
	int whole = RECORDS;

	(void)state;
	write_records(&file, at);
	for (size_t len = file.len; len > at[RECORDS - 3]; len--) {
		if (len < at[whole])
			whole--;
		write_segment(1, file.at, len);
		assert_replayed(expect(&expected, whole, 0));
		assert_int_equal(last_lost, len - at[whole]);
		assert_int_equal(check(false, &said), len == at[whole] ? 0 : 1);
		assert_true((strstr(said.at, "torn at offset") != NULL) == (len != at[whole]));
	}
	buffer_free(&file);
	buffer_free(&expected);
	buffer_free(&said);
}

/* It is cut off, the journal goes on, and what comes next is not mixed up with it. */
static void after_a_torn_tail_it_goes_on(void **state)
{
	struct buffer file = {0}, expected = {0};
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	for (size_t len = at[RECORDS - 1] + 1; len < file.len; len++) {
		struct journal *j;

		empty_directory();
		write_segment(1, file.at, len);
		j = start(JOURNAL_ALWAYS, 0);
		assert_int_equal(last_lost, len - at[RECORDS - 1]);
		expected.len = 0;
		(void)expect(&expected, RECORDS - 1, 0);
		expected.len--;
		append_numbers(j, 100, 103, &expected);
		journal_close(j);
		assert_replayed(expected.at);
		assert_int_equal(last_lost, 0);
	}
	buffer_free(&file);
	buffer_free(&expected);
}

static void a_flipped_bit_in_a_record_is_refused_found_and_repaired(void **state)
{
	enum { BAD = 5 };
	struct buffer file = {0}, said = {0};
	size_t at[RECORDS + 1];
	char where[64];

	(void)state;
	write_records(&file, at);
	(void)snprintf(where, sizeof where, "damaged at offset %zu: %zu bytes", at[BAD - 1], at[BAD] - at[BAD - 1]);
	for (size_t i = at[BAD - 1]; i < at[BAD]; i++) {
		file.at[i] = (char)(file.at[i] ^ 1 << i % 8);
		write_segment(1, file.at, file.len);
		assert_refused_at(1, at[BAD - 1]);
		assert_int_equal(check(false, &said), 1);
		assert_non_null(strstr(said.at, where));
		assert_repaired(BAD, RECORDS);
		file.at[i] = (char)(file.at[i] ^ 1 << i % 8);
	}
	buffer_free(&file);
	buffer_free(&said);
}

static void a_flipped_bit_in_the_header_is_refused_found_and_repaired(void **state)
{
	struct buffer file = {0}, said = {0};
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	for (size_t i = 0; i < SEGMENT_HEADER; i++) {
		file.at[i] = (char)(file.at[i] ^ 1 << i % 8);
		write_segment(1, file.at, file.len);
		assert_refused_at(1, 0);
		assert_int_equal(check(false, &said), 1);
		assert_repaired(0, RECORDS);
		file.at[i] = (char)(file.at[i] ^ 1 << i % 8);
	}
	buffer_free(&file);
	buffer_free(&said);
}

/* Every bit of a file that holds a few records: there is none that a check does not miss when it changes. */
static void every_bit_is_found(void **state)
{
	struct buffer file = {0}, said = {0};
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	for (size_t bit = 0; bit < file.len * 8; bit++) {
		file.at[bit / 8] = (char)(file.at[bit / 8] ^ 1 << bit % 8);
		write_segment(1, file.at, file.len);
		assert_int_equal(check(false, &said), 1);
		file.at[bit / 8] = (char)(file.at[bit / 8] ^ 1 << bit % 8);
	}
	buffer_free(&file);
	buffer_free(&said);
}

/* A header of which more than a bit is gone takes its segment with it, and no other. */
static void a_header_beyond_repair_is_put_aside(void **state)
{
	struct buffer file = {0}, expected = {0}, said = {0};
	size_t at[RECORDS + 1];
	struct journal *j;

	(void)state;
	write_records(&file, at);
	j = start(JOURNAL_ALWAYS, 0);
	append_numbers(j, 50, 55, &expected);
	journal_close(j);
	memset(file.at + 20, 'x', 10);
	write_segment(1, file.at, file.len);
	assert_refused_at(1, 0);
	assert_int_equal(check(true, &said), 0);
	assert_replayed(expected.at);
	assert_int_equal(check(false, &said), 0);
	buffer_free(&file);
	buffer_free(&expected);
	buffer_free(&said);
}

/* Only the last may be torn: of the others the next one says how long they were. */
static void a_segment_before_the_last_that_is_cut_is_damaged(void **state)
{
	struct buffer file = {0}, said = {0};
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	journal_close(start(JOURNAL_ALWAYS, 0));
	for (int whole = RECORDS; whole > RECORDS - 2; whole--)
		for (size_t len = at[whole] - 1; len >= at[whole - 1]; len--) {
			write_segment(1, file.at, len);
			assert_refused_at(1, at[whole - 1]);
			assert_int_equal(check(false, &said), 1);
			assert_non_null(strstr(said.at, "missing at its end"));
		}
	assert_repaired(0, RECORDS - 2);
	buffer_free(&file);
	buffer_free(&said);
}

/* A message that holds the bytes of sound records does not make a torn tail look like damage. */
static void records_in_a_record_are_none(void **state)
{
	struct buffer file = {0}, expected = {0};
	size_t at[RECORDS + 1];
	struct journal *j;

	(void)state;
	write_records(&file, at);
	j = start(JOURNAL_ALWAYS, 0);
	struct job job = {.entry = {.body = {file.at, file.len}, .done = answered}, .holds = true, .journal = j};
	journal_append(j, &job.entry);
	journal_flush(j);
	assert_true(wait_for(&job));
	journal_close(j);
	read_segment(2, &file);
	write_segment(2, file.at, file.len - 1);
	assert_replayed(expect(&expected, RECORDS, 0));
	assert_int_equal(last_lost, file.len - 1 - SEGMENT_HEADER);
	buffer_free(&file);
	buffer_free(&expected);
}

/* The machine went while the next segment was begun: at every byte of its header. */
static void a_header_that_was_never_finished_is_begun_anew(void **state)
{
	struct buffer file = {0}, next = {0}, expected = {0};
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	journal_close(start(JOURNAL_ALWAYS, 0));
	read_segment(2, &next);
	assert_int_equal(next.len, SEGMENT_HEADER);
	for (size_t len = 0; len < SEGMENT_HEADER; len++) {
		struct journal *j;

		empty_directory();
		write_segment(1, file.at, file.len);
		write_segment(2, next.at, len);
		j = start(JOURNAL_ALWAYS, 0);
		(void)expect(&expected, RECORDS, 0);
		expected.len--;
		append_numbers(j, 80, 81, &expected);
		journal_close(j);
		assert_replayed(expected.at);
		assert_false(segment_exists(3));
	}
	buffer_free(&file);
	buffer_free(&next);
	buffer_free(&expected);
}

/* Behind a hole, and before a segment that was never finished: of what is torn only the torn record goes. */
static void a_torn_tail_before_a_hole_is_cut_off(void **state)
{
	struct buffer file = {0}, expected = {0};
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	write_segment(1, file.at, file.len - 1);
	write_segment(3, file.at, SEGMENT_HEADER - 1);
	journal_close(start(JOURNAL_ALWAYS, 0));
	assert_replayed(expect(&expected, RECORDS - 1, 0));
	buffer_free(&file);
	buffer_free(&expected);
}

static void what_a_newer_version_wrote_is_refused_and_left(void **state)
{
	struct buffer file = {0}, after = {0}, said = {0}, replayed = {0};
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	file.at[8] = SEGMENT_VERSION + 1;
	put32(file.at + SEGMENT_HEADER - 4, crc32c(0, file.at, SEGMENT_HEADER - 4));
	write_segment(1, file.at, file.len);
	assert_null(reopen(JOURNAL_ALWAYS, 0, &replayed));
	assert_non_null(strstr(last_error, "/0000000001.segment: written by a newer version"));
	assert_int_equal(check(false, &said), 2);
	assert_int_equal(check(true, &said), 2);
	read_segment(1, &after);
	assert_true(after.len == file.len && memcmp(after.at, file.at, file.len) == 0);
	buffer_free(&file);
	buffer_free(&after);
	buffer_free(&said);
	buffer_free(&replayed);
}

static void two_journals_in_one_directory_are_refused(void **state)
{
	struct buffer file = {0}, said = {0};
	struct segment_header h = {.number = 2, .epoch = {'o', 't', 'h', 'e', 'r', '2'}};
	char header[SEGMENT_HEADER];
	size_t at[RECORDS + 1];

	(void)state;
	write_records(&file, at);
	(void)segment_write_header(header, &h);
	write_segment(2, header, sizeof header);
	assert_null(reopen(JOURNAL_ALWAYS, 0, &said));
	assert_non_null(strstr(last_error, "0000000002.segment: belongs to another journal"));
	assert_int_equal(check(true, &said), 2);
	buffer_free(&file);
	buffer_free(&said);
}

static void a_check_makes_nothing(void **state)
{
	struct buffer said = {0};

	(void)state;
	assert_int_equal(check(false, &said), 0);
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(check(false, &said), 2);
	assert_int_equal(check(true, &said), 2);
	assert_int_equal(access(directory, F_OK), -1);
	assert_int_equal(mkdir(directory, 0700), 0);
	buffer_free(&said);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, make_directory, remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_DIRECTORY(a_segment_cut_at_any_byte_keeps_the_whole_records_before),
		IN_DIRECTORY(after_a_torn_tail_it_goes_on),
		IN_DIRECTORY(a_flipped_bit_in_a_record_is_refused_found_and_repaired),
		IN_DIRECTORY(a_flipped_bit_in_the_header_is_refused_found_and_repaired),
		IN_DIRECTORY(every_bit_is_found),
		IN_DIRECTORY(a_header_beyond_repair_is_put_aside),
		IN_DIRECTORY(a_segment_before_the_last_that_is_cut_is_damaged),
		IN_DIRECTORY(records_in_a_record_are_none),
		IN_DIRECTORY(a_header_that_was_never_finished_is_begun_anew),
		IN_DIRECTORY(a_torn_tail_before_a_hole_is_cut_off),
		IN_DIRECTORY(what_a_newer_version_wrote_is_refused_and_left),
		IN_DIRECTORY(two_journals_in_one_directory_are_refused),
		IN_DIRECTORY(a_check_makes_nothing),
	};

	(void)umask(077); /* for the files that are written here */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
