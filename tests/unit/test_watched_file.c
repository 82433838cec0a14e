#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/watched_file.h"

/* A file that the test writes.
 * Owner: the case. */
struct rig {
	struct watched_file file;
	char folder[32];
	char path[48];
	char other[48];
};

static void write_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int setup(void **state)
{
	static struct rig rig;
	rig = (struct rig){.folder = "/tmp/tidegate-watch-XXXXXX"};
	assert_non_null(mkdtemp(rig.folder));
	snprintf(rig.path, sizeof(rig.path), "%s/file", rig.folder);
	snprintf(rig.other, sizeof(rig.other), "%s/other", rig.folder);
	write_file(rig.path, "one");
	watched_file_note(&rig.file, rig.path);
	*state = &rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	unlink(rig->path);
	unlink(rig->other);
	return rmdir(rig->folder);
}

static bool look(struct rig *rig)
{
	return watched_file_has_changed(&rig->file, rig->path);
}

static void test_one_that_stays(void **state)
{
	for (int i = 0; i < 5; i++) {
		assert_false(look(*state));
	}
}

static void test_it_is_told_once_when_it_has_settled(void **state)
{
	struct rig *rig = *state;
	write_file(rig->path, "more");
	assert_false(look(rig));
	assert_true(look(rig));
	assert_false(look(rig));
	assert_false(look(rig));
}

static void test_not_while_it_is_written(void **state)
{
	struct rig *rig = *state;
	char content[16] = "";
	for (int i = 0; i < 10; i++) {
		strcat(content, "x");
		write_file(rig->path, content);
		assert_false(look(rig));
	}
	assert_true(look(rig));
}

static void test_another_in_its_place(void **state)
{
	struct rig *rig = *state;
	write_file(rig->other, "two");
	assert_int_equal(rename(rig->other, rig->path), 0);
	assert_false(look(rig));
	assert_true(look(rig));
}

static void test_permissions(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(chmod(rig->path, 0400), 0);
	assert_false(look(rig));
	assert_true(look(rig));
}

static void test_one_that_goes_and_comes_back(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(rename(rig->path, rig->other), 0);
	assert_false(look(rig));
	assert_true(look(rig));
	assert_false(look(rig));
	assert_int_equal(rename(rig->other, rig->path), 0);
	assert_false(look(rig));
	assert_true(look(rig));
}

static void test_what_was_read_anew_is_known(void **state)
{
	struct rig *rig = *state;
	write_file(rig->path, "more");
	assert_false(look(rig));
	watched_file_note(&rig->file, rig->path);
	assert_false(look(rig));
	assert_false(look(rig));
}

static void test_whether_it_is_known(void **state)
{
	struct rig *rig = *state;
	assert_true(watched_file_is_known(&rig->file, rig->path));
	write_file(rig->path, "more");
	assert_false(watched_file_is_known(&rig->file, rig->path));
	assert_false(watched_file_is_known(&rig->file, rig->path));
	watched_file_note(&rig->file, rig->path);
	assert_true(watched_file_is_known(&rig->file, rig->path));
	unlink(rig->path);
	assert_false(watched_file_is_known(&rig->file, rig->path));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_one_that_stays),
		TEST(test_it_is_told_once_when_it_has_settled),
		TEST(test_not_while_it_is_written),
		TEST(test_another_in_its_place),
		TEST(test_permissions),
		TEST(test_one_that_goes_and_comes_back),
		TEST(test_what_was_read_anew_is_known),
		TEST(test_whether_it_is_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
