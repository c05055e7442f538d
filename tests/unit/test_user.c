/*
 * test_user.c: who "NAME[:GROUP]" is, by files as one finds them, and what is refused. Becoming somebody takes root:
 * tests/system/privilege.test.js does that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "user.h"

static char directory[] = "/tmp/pushsse-user-XXXXXX";
static char passwd[64], group[64];
static const struct user_files files = {passwd, group};

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_files(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(passwd, sizeof passwd, "%s/passwd", directory);
	(void)snprintf(group, sizeof group, "%s/group", directory);
	write_file(passwd, "root:x:0:0:root:/root:/bin/bash\n"
	                   "toor:x:0:0::/root:/bin/sh\n"
	                   "+::::::\n"
	                   "# a comment\n"
	                   "\n"
	                   "short:x\n"
	                   "three:x:7\n"
	                   "letters:x:seven:8::/:\n"
	                   "minus:x:-1:-1::/:\n"
	                   "huge:x:4294967295:1::/:\n"
	                   "push:x:990:991:Push, Server:/nonexistent:/usr/sbin/nologin\n"
	                   "push:x:1:1:the second of that name::\n"
	                   "last:x:4294967294:12");
	write_file(group, "root:x:0:\nwww-data:x:33:a,b,c\nbare:x:44\nbad:x:y:\nlast:x:55:");
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	return unlink(passwd) | unlink(group) | rmdir(directory);
}

static void found(const char *text, unsigned long uid, unsigned long gid)
{
	struct user u = {0};
	char error[256] = "";

	if (!user_find(&u, text, &files, error, sizeof error))
		fail_msg("%s: %s", text, error);
	assert_int_equal(u.uid, uid);
	assert_int_equal(u.gid, gid);
}

static void refused(const char *text, const char *mention)
{
	struct user u = {0};
	char error[256] = "";

	if (user_find(&u, text, &files, error, sizeof error))
		fail_msg("%s is taken for %lu:%lu", text, (unsigned long)u.uid, (unsigned long)u.gid);
	if (!strstr(error, mention) || strchr(error, '\n'))
		fail_msg("%s: %s", text, error);
}

static void names_and_numbers_are_found(void **state)
{
	(void)state;
	found("push", 990, 991);
	found("990", 990, 991);
	found("push:www-data", 990, 33);
	found("push:bare", 990, 44);
	found("push:last", 990, 55);
	found("push:77", 990, 77);
	found("12345:www-data", 12345, 33);
	found("65532:65532", 65532, 65532);
	found("last", 4294967294, 12);
}

static void what_is_nobody_is_refused(void **state)
{
	(void)state;
	refused("nobody-here", "no user 'nobody-here'");
	refused("pus", "no user");
	refused("push:nobody-here", "no group 'nobody-here'");
	refused("push:", "no group ''");
	refused("", "no user ''");
	refused(":www-data", "no user ''");
	refused("12345", "give a group");
	refused("push:bad", "no group");
	for (const char *const *name = (const char *const[]){"short", "three", "letters", "minus", "huge", "+", "# a comment", NULL}; *name; name++)
		refused(*name, "no user");
	refused("4294967295:1", "no user");
	refused("-1:1", "no user");
	refused("99999999999999999999:1", "no user");
}

static void root_is_refused(void **state)
{
	(void)state;
	refused("root", "is root");
	refused("0", "is root");
	refused("00:33", "is root");
	refused("toor:www-data", "is root");
}

static void without_files_numbers_do(void **state)
{
	static const struct user_files none = {"/nonexistent/passwd", "/nonexistent/group"};
	struct user u = {0};
	char error[256] = "";

	(void)state;
	assert_true(user_find(&u, "65532:65531", &none, error, sizeof error));
	assert_int_equal(u.uid, 65532);
	assert_int_equal(u.gid, 65531);
	assert_false(user_find(&u, "push", &none, error, sizeof error));
	assert_non_null(strstr(error, "/nonexistent/passwd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_numbers_are_found),
		cmocka_unit_test(what_is_nobody_is_refused),
		cmocka_unit_test(root_is_refused),
		cmocka_unit_test(without_files_numbers_do),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
