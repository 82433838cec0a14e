#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/base/duration.h"

static void check(uint64_t ms, const char *expected)
{
	char text[DURATION_TEXT_MAX];
	duration_text(ms, text);
	assert_string_equal(text, expected);
}

static void test_the_two_largest_units(void **state)
{
	check(0, "0s");
	check(999, "0s");
	check(1000, "1s");
	check(59999, "59s");
	check(60000, "1m0s");
	check(192000, "3m12s");
	check(3599999, "59m59s");
	check(3600000, "1h0m");
	check(3600000 + 59 * 60000, "1h59m");
	check(86399999, "23h59m");
	check(86400000, "1d0h");
	check(3 * UINT64_C(86400000) - 1, "2d23h");
	check(UINT64_MAX, "213503982334d14h");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_two_largest_units),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
