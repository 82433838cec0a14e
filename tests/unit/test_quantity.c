#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../proto/quantity.h"

static void check(const char *text, enum quantity kind, uint64_t expected)
{
	uint64_t amount = 0;
	int err = quantity_parse(text, kind, &amount);
	if (err || amount != expected) {
		fail_msg("%s: %d, %" PRIu64, text, err, amount);
	}
}

/* Refused, and nothing is set. */
static void check_refused(const char *text, enum quantity kind, int err)
{
	uint64_t amount = 4711;
	int got = quantity_parse(text, kind, &amount);
	if (got != err || amount != 4711) {
		fail_msg("\"%s\": %d, not %d; %" PRIu64, text, got, err, amount);
	}
}

static void test_times(void **state)
{
	check("0", QUANTITY_SECONDS, 0);
	check("120", QUANTITY_SECONDS, 120);
	check("0120s", QUANTITY_SECONDS, 120);
	check("5m", QUANTITY_SECONDS, 300);
	check("2h", QUANTITY_SECONDS, 7200);
	check("1d", QUANTITY_SECONDS, 86400);
	check("1m30s", QUANTITY_SECONDS, 90);
	check("1d2h3m4s", QUANTITY_SECONDS, 86400 + 2 * 3600 + 3 * 60 + 4);
	check("2000ms", QUANTITY_SECONDS, 2);
	check("1s1000ms", QUANTITY_SECONDS, 2);
	check("120", QUANTITY_MS, 120);
	check("500ms", QUANTITY_MS, 500);
	check("1s500ms", QUANTITY_MS, 1500);
	check("18446744073709551615", QUANTITY_MS, UINT64_MAX);
}

static void test_parts_of_a_second_are_told_apart(void **state)
{
	check_refused("500ms", QUANTITY_SECONDS, -EDOM);
	check_refused("1s1ms", QUANTITY_SECONDS, -EDOM);
}

static void test_sizes(void **state)
{
	check("0", QUANTITY_BYTES, 0);
	check("64K", QUANTITY_BYTES, 65536);
	check("64k", QUANTITY_BYTES, 65536);
	check("8M", QUANTITY_BYTES, 8 << 20);
	check("1G", QUANTITY_BYTES, 1 << 30);
	check("1T", QUANTITY_BYTES, UINT64_C(1) << 40);
	check("18446744073709551615", QUANTITY_BYTES, UINT64_MAX);
	check("16777215T", QUANTITY_BYTES, UINT64_MAX - (UINT64_C(1) << 40) + 1);
}

static void test_counts(void **state)
{
	check("0", QUANTITY_COUNT, 0);
	check("18446744073709551615", QUANTITY_COUNT, UINT64_MAX);
	check_refused("5K", QUANTITY_COUNT, -EINVAL);
	check_refused("5s", QUANTITY_COUNT, -EINVAL);
}

static void test_what_is_no_amount(void **state)
{
	static const char *const junk[] = {"", " ", "-1", "+5", " 5", "5 ", "0x10", "1.5", "1e3",
		"abc", "K", "s", "5q", "5,", "5\n", "\xc2\xb2"};
	static const char *const no_times[] = {"5M", "5K", "5S", "5sec", "5mss", "30s1m", "5m5m",
		"1m30", "1m 30s", "1m-30s", "m5"};
	static const char *const no_sizes[] = {"64KB", "64KiB", "5s", "5B", "1K1K", "1M64K"};

	for (size_t i = 0; i < sizeof(junk) / sizeof(junk[0]); i++) {
		check_refused(junk[i], QUANTITY_COUNT, -EINVAL);
		check_refused(junk[i], QUANTITY_SECONDS, -EINVAL);
		check_refused(junk[i], QUANTITY_MS, -EINVAL);
		check_refused(junk[i], QUANTITY_BYTES, -EINVAL);
	}
	for (size_t i = 0; i < sizeof(no_times) / sizeof(no_times[0]); i++) {
		check_refused(no_times[i], QUANTITY_SECONDS, -EINVAL);
		check_refused(no_times[i], QUANTITY_MS, -EINVAL);
	}
	for (size_t i = 0; i < sizeof(no_sizes) / sizeof(no_sizes[0]); i++) {
		check_refused(no_sizes[i], QUANTITY_BYTES, -EINVAL);
	}
}

static void test_what_is_too_large(void **state)
{
	check_refused("18446744073709551616", QUANTITY_COUNT, -ERANGE);
	check_refused("99999999999999999999999", QUANTITY_BYTES, -ERANGE);
	check_refused("16777216T", QUANTITY_BYTES, -ERANGE);
	check_refused("17179869184G", QUANTITY_BYTES, -ERANGE);
	check_refused("18446744073709551615", QUANTITY_SECONDS, -ERANGE);
	check_refused("18446744073709551615s1ms", QUANTITY_MS, -ERANGE);
	check_refused("213503982334d99999999999h", QUANTITY_MS, -ERANGE);
}

static void check_written(uint64_t amount, enum quantity kind, const char *expected)
{
	char text[QUANTITY_TEXT_MAX];
	quantity_write(amount, kind, text);
	assert_string_equal(text, expected);
	check(text, kind, amount);
}

static void test_what_is_written_reads_as_the_same(void **state)
{
	check_written(0, QUANTITY_BYTES, "0");
	check_written(1023, QUANTITY_BYTES, "1023");
	check_written(65536, QUANTITY_BYTES, "64K");
	check_written(65537, QUANTITY_BYTES, "65537");
	check_written(3 << 20, QUANTITY_BYTES, "3M");
	check_written(UINT64_C(1) << 40, QUANTITY_BYTES, "1T");
	check_written(UINT64_C(1) << 50, QUANTITY_BYTES, "1024T");
	check_written(UINT64_MAX, QUANTITY_BYTES, "18446744073709551615");
	check_written(65536, QUANTITY_COUNT, "65536");
	check_written(7200, QUANTITY_SECONDS, "7200");
	check_written(UINT64_MAX, QUANTITY_MS, "18446744073709551615");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_parts_of_a_second_are_told_apart),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_what_is_no_amount),
		cmocka_unit_test(test_what_is_too_large),
		cmocka_unit_test(test_what_is_written_reads_as_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
