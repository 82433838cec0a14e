#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/cluster/clocks.h"

static bool is_off(const int64_t *ahead_ms, size_t count, bool was_off)
{
	int64_t copy[8];
	for (size_t i = 0; i < count; i++) {
		copy[i] = ahead_ms[i];
	}
	return clocks_own_is_off(copy, count, was_off);
}

static void test_the_median_judges(void **state)
{
	static const int64_t year = INT64_C(365) * 86400 * 1000;
	assert_false(is_off((int64_t[]){0, 10000}, 2, false));
	assert_true(is_off((int64_t[]){61000, 61000}, 2, false));
	assert_true(is_off((int64_t[]){-61000, -70000}, 2, false));
	/* One that is off does not make the others doubt theirs. */
	assert_false(is_off((int64_t[]){0, year}, 2, false));
	assert_false(is_off((int64_t[]){-year, 0}, 2, false));
	assert_false(is_off((int64_t[]){year, 0, 0}, 3, false));
	assert_true(is_off((int64_t[]){year, 0, year}, 3, false));
	assert_false(is_off((int64_t[]){-year, 20, 30, year}, 4, false));
}

static void test_of_two_nobody_judges(void **state)
{
	assert_false(is_off((int64_t[]){999999}, 1, false));
	assert_false(is_off(NULL, 0, true));
	assert_true(is_off((int64_t[]){999999}, 1, true)); /* but who was off is not right yet */
	assert_false(is_off((int64_t[]){100}, 1, true));
}

static void test_it_takes_a_minute_and_less_to_be_right(void **state)
{
	assert_false(clocks_other_is_off(60000, false));
	assert_true(clocks_other_is_off(60001, false));
	assert_true(clocks_other_is_off(-60001, false));
	assert_true(clocks_other_is_off(59500, true));
	assert_false(clocks_other_is_off(59000, true));
}

static void test_epochs_too_far_ahead(void **state)
{
	const uint64_t wall_ms = UINT64_C(1700000000000);
	assert_false(clocks_epoch_is_ahead(0, wall_ms));
	assert_false(clocks_epoch_is_ahead((wall_ms + 60000) << EPOCH_PER_MS_BITS, wall_ms));
	assert_true(clocks_epoch_is_ahead((wall_ms + 60001) << EPOCH_PER_MS_BITS, wall_ms));
	assert_true(clocks_epoch_is_ahead(UINT64_MAX, wall_ms));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_median_judges),
		cmocka_unit_test(test_of_two_nobody_judges),
		cmocka_unit_test(test_it_takes_a_minute_and_less_to_be_right),
		cmocka_unit_test(test_epochs_too_far_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
