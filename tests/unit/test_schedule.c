#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../bench/schedule.h"

#define START UINT64_C(1234567890123)

static void test_the_first_is_due_at_the_start(void **state)
{
	(void)state;
	struct schedule schedule = schedule_make(START, 1000, 0, 1, UINT64_MAX);
	assert_int_equal(schedule_due(&schedule, START - 1), 0);
	assert_int_equal(schedule_due(&schedule, START), 1);
	assert_int_equal(schedule_due(&schedule, START + 999999), 1);
	assert_int_equal(schedule_due(&schedule, START + 1000000), 2);
	assert_int_equal(schedule_due(&schedule, START + NS_PER_S), 1001);
}

/* Of all rates, odd ones included: never early, never late by a nanosecond. */
static void test_due_agrees_with_at(void **state)
{
	static const double rates[] = {0.3, 7, 360, 9999, 1e6 / 3, 7777777, 1e9};
	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct schedule schedule = schedule_make(START, rates[i], 0, 1, UINT64_MAX);
		for (uint64_t n = 0; n < 3000000; n += n / 7 + 1) {
			uint64_t at_ns = schedule_at(&schedule, n);
			assert_true(schedule_due(&schedule, at_ns) >= n + 1);
			assert_true(n == 0 || schedule_due(&schedule, at_ns - 1) <= n);
		}
	}
}

static void test_the_count_ends_it(void **state)
{
	(void)state;
	struct schedule schedule = schedule_make(START, 1000, 0, 1, 5);
	assert_int_equal(schedule_due(&schedule, START + NS_PER_S), 5);
}

static void test_without_a_rate_all_are_due_at_once(void **state)
{
	(void)state;
	struct schedule schedule = schedule_make(START, 0, 0, 1, 18000);
	assert_int_equal(schedule_due(&schedule, START - 1), 0);
	assert_int_equal(schedule_due(&schedule, START), 18000);
	assert_int_equal(schedule_at(&schedule, 17999), START);
}

/* Threads share a rate: together they are due as one would be. */
static void test_parts_interleave(void **state)
{
	(void)state;
	for (uint32_t parts = 1; parts <= 7; parts++) {
		struct schedule whole = schedule_make(START, 1000, 0, 1, UINT64_MAX);
		for (uint64_t n = 0; n < 1000; n++) {
			uint64_t at_ns = schedule_at(&whole, n) + 1;
			uint64_t sum = 0;
			for (uint32_t part = 0; part < parts; part++) {
				struct schedule its =
					schedule_make(START, 1000, part, parts, UINT64_MAX);
				sum += schedule_due(&its, at_ns);
			}
			assert_int_equal(sum, n + 1);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_is_due_at_the_start),
		cmocka_unit_test(test_due_agrees_with_at),
		cmocka_unit_test(test_the_count_ends_it),
		cmocka_unit_test(test_without_a_rate_all_are_due_at_once),
		cmocka_unit_test(test_parts_interleave),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
