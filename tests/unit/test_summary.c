#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/summary.h"

static void check(const struct summary_counts *counts, uint64_t users, const char *expected)
{
	char text[SUMMARY_TEXT_MAX];
	summary_text(counts, users, text);
	assert_string_equal(text, expected);
}

static void test_the_line(void **state)
{
	struct summary_counts counts = {.logins = 12};
	counts.ends[CLOSE_REASON_PEER_EOF] = 2;
	counts.ends[CLOSE_REASON_READ_TIMEOUT] = 1;
	check(&counts, 1204, "12 logins, 3 ends (2 peer_eof, 1 read_timeout), 1204 users");
	check(&(struct summary_counts){.logins = 1}, 1, "1 login, 0 ends, 1 user");
	counts = (struct summary_counts){.ends[CLOSE_REASON_KICKED] = 1};
	check(&counts, 0, "0 logins, 1 end (1 kicked), 0 users");
}

/* Every reason, with the longest numbers: nothing is cut, in the line or in the log's. */
static void test_the_longest_line_fits(void **state)
{
	struct summary_counts counts = {.logins = UINT64_MAX};
	char text[SUMMARY_TEXT_MAX];
	size_t listed = 0;
	for (int reason = CLOSE_REASON_NONE + 1; reason < CLOSE_REASON_COUNT; reason++) {
		counts.ends[reason] = 9999999999;
	}
	summary_text(&counts, UINT64_MAX, text);
	for (const char *at = text; (at = strstr(at, "9999999999 ")); at++) {
		listed++;
	}
	assert_int_equal(listed, CLOSE_REASON_COUNT - 1);
	assert_non_null(strstr(text, "), 18446744073709551615 users"));
}

static void test_the_gravest_end_gives_the_level(void **state)
{
	struct summary_counts counts = {.logins = 5};
	assert_int_equal(summary_level(&counts), LOG_LEVEL_INFO);
	counts.ends[CLOSE_REASON_PEER_EOF] = 1;
	counts.ends[CLOSE_REASON_READ_TIMEOUT] = 1000;
	assert_int_equal(summary_level(&counts), LOG_LEVEL_INFO);
	counts.ends[CLOSE_REASON_SLOW_READER] = 1;
	assert_int_equal(summary_level(&counts), LOG_LEVEL_WARN);
	counts.ends[CLOSE_REASON_INTERNAL_ERROR] = 1;
	assert_int_equal(summary_level(&counts), LOG_LEVEL_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_line),
		cmocka_unit_test(test_the_longest_line_fits),
		cmocka_unit_test(test_the_gravest_end_gives_the_level),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
