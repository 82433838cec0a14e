#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/config/spelling.h"

static const char *const names[] = {"listen", "id", "read_deadline", "write_deadline", "echo"};

static const char *name_of(size_t index)
{
	return names[index];
}

static const char *nearest(const char *typed)
{
	return spelling_nearest(typed, sizeof(names) / sizeof(names[0]), name_of);
}

static void test_dashes_are_underscores(void **state)
{
	assert_true(spelling_is("read_deadline", "read_deadline"));
	assert_true(spelling_is("read_deadline", "read-deadline"));
	assert_false(spelling_is("read_deadline", "read_deadlin"));
	assert_false(spelling_is("read_deadlin", "read_deadline"));
	assert_false(spelling_is("read_deadline", ""));
	assert_false(spelling_is("", "x"));
}

static void test_what_was_meant(void **state)
{
	assert_string_equal(nearest("lsiten"), "listen");
	assert_string_equal(nearest("read-dedline"), "read_deadline");
	assert_string_equal(nearest("writedeadline"), "write_deadline");
	assert_string_equal(nearest("ecko"), "echo");
	assert_string_equal(nearest("ids"), "id");
}

static void test_what_resembles_nothing(void **state)
{
	char longest[100];

	assert_null(nearest("colour"));
	assert_null(nearest(""));
	assert_null(nearest("x"));
	memset(longest, 'd', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_null(nearest(longest));
	longest[32] = '\0';
	assert_null(nearest(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dashes_are_underscores),
		cmocka_unit_test(test_what_was_meant),
		cmocka_unit_test(test_what_resembles_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
