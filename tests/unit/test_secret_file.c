#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/secret_file.h"

static char folder[] = "/tmp/tidegate-secret-XXXXXX";
static char path[64];
static struct secret_text text;

static int make_folder(void **state)
{
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int remove_folder(void **state)
{
	return rmdir(folder);
}

static int teardown(void **state)
{
	secret_text_finish(&text);
	remove(path);
	return 0;
}

static void write_file(const char *content)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void check_refused(int err, const char *words)
{
	const struct secret_text before = text;
	assert_int_equal(secret_file_read(path, &text), err);
	assert_memory_equal(&text, &before, sizeof(text));
	assert_string_equal(secret_file_fault(err), words);
}

static void test_a_whole_file(void **state)
{
	write_file("correct horse\n");
	assert_int_equal(secret_file_read(path, &text), 0);
	assert_int_equal(text.len, 14);
	assert_string_equal(text.data, "correct horse\n");
	assert_int_equal(text.stat.st_size, 14);
	secret_text_finish(&text);
	assert_null(text.data);
	write_file("");
	assert_int_equal(secret_file_read(path, &text), 0);
	assert_int_equal(text.len, 0);
	assert_string_equal(text.data, "");
}

static void test_the_longest(void **state)
{
	write_file("");
	assert_int_equal(truncate(path, SECRET_FILE_MAX), 0);
	assert_int_equal(secret_file_read(path, &text), 0);
	assert_int_equal(text.len, SECRET_FILE_MAX);
	secret_text_finish(&text);
	assert_int_equal(truncate(path, SECRET_FILE_MAX + 1), 0);
	check_refused(-EFBIG, "it is too long for a file of keys");
}

static void test_what_is_no_file(void **state)
{
	check_refused(-ENOENT, "No such file or directory");
	assert_int_equal(mkdir(path, 0700), 0);
	check_refused(-EISDIR, "Is a directory");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	check_refused(-ENODEV, "this is no file");
}

static void test_who_else_may_read_or_change_it(void **state)
{
	static const mode_t closed[] = {0600, 0400, 0640, 0660, 0770};
	static const mode_t open[] = {0604, 0602, 0601, 0644, 0666};
	write_file("x");
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(chmod(path, closed[i]), 0);
		assert_int_equal(secret_file_read(path, &text), 0);
		assert_false(secret_text_is_open(&text));
		secret_text_finish(&text);
		assert_int_equal(chmod(path, open[i]), 0);
		assert_int_equal(secret_file_read(path, &text), 0);
		assert_true(secret_text_is_open(&text));
		secret_text_finish(&text);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_teardown(function, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_whole_file),
		TEST(test_the_longest),
		TEST(test_what_is_no_file),
		TEST(test_who_else_may_read_or_change_it),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
