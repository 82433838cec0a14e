#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../server/base/journal.h"

static void name_stream(int fd, const char *behind)
{
	char stream[64];
	struct stat file;

	assert_int_equal(fstat(fd, &file), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju%s", (uintmax_t)file.st_dev,
		(uintmax_t)file.st_ino, behind);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void test_only_the_stream_that_is_named(void **state)
{
	int ends[2];
	int others[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(pipe2(others, O_CLOEXEC), 0);
	unsetenv("JOURNAL_STREAM");
	assert_false(journal_reads(ends[1]));
	name_stream(ends[1], "");
	assert_true(journal_reads(ends[1]));
	/* Redirected since, closed, or no stream's name. */
	assert_false(journal_reads(others[1]));
	assert_false(journal_reads(-1));
	name_stream(ends[1], "0");
	assert_false(journal_reads(ends[1]));
	setenv("JOURNAL_STREAM", "", 1);
	assert_false(journal_reads(ends[1]));
	for (int i = 0; i < 2; i++) {
		close(ends[i]);
		close(others[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_the_stream_that_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
