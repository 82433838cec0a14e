#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/base/rate.h"

enum {
	SECOND = 1000000,
};

static const uint64_t start_us = UINT64_C(100) * SECOND;

/* Takes one at a time until nothing is left. Returns how many that were. */
static unsigned take_all(struct rate *rate, uint64_t per_s, uint64_t now_us)
{
	unsigned taken = 0;
	while (rate_is_clear(rate, per_s, now_us)) {
		rate_take(rate, per_s, 1, now_us);
		taken++;
	}
	return taken;
}

static void no_limit_takes_nothing(void **state)
{
	struct rate rate = {0};
	rate_take(&rate, 0, UINT64_MAX, start_us);
	assert_true(rate_is_clear(&rate, 0, start_us));
	assert_true(rate_left(&rate, 0, start_us) == RATE_LEFT_MAX);
	assert_true(rate.clear_us == 0);
	/* Whoever owes from before is free when the limit is gone. */
	rate_take(&rate, 1, 1000, start_us);
	assert_false(rate_is_clear(&rate, 1, start_us));
	assert_true(rate_is_clear(&rate, 0, start_us));
}

static void five_seconds_are_saved(void **state)
{
	static const uint64_t rates[] = {1, 7, 100, 999983, 1 << 30};
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct rate rate = {0};
		assert_true(rate_left(&rate, rates[i], start_us) == rates[i] * 5);
		/* And no more, however long it is quiet. */
		assert_true(rate_left(&rate, rates[i], start_us * 50) == rates[i] * 5);
	}
	struct rate rate = {0};
	assert_int_equal(take_all(&rate, 10, start_us), 50);
	assert_int_equal(rate_left(&rate, 10, start_us), 0);
	assert_int_equal(take_all(&rate, 10, start_us), 0);
}

static void it_comes_back_with_the_time(void **state)
{
	struct rate rate = {0};
	uint64_t now_us = start_us;
	take_all(&rate, 10, now_us);
	assert_int_equal(take_all(&rate, 10, now_us + SECOND / 100), 1); /* a part of one will do */
	assert_int_equal(take_all(&rate, 10, now_us + SECOND / 10), 0);
	/* The part is owed: over the seconds it is ten in each, and one. */
	unsigned taken = 1;
	for (unsigned step = 1; step <= 4000; step++) {
		now_us += SECOND / 40;
		taken += take_all(&rate, 10, now_us);
	}
	assert_in_range(taken, 1000, 1001);
}

static void a_large_one_is_paid_for_in_full(void **state)
{
	struct rate rate = {0};
	rate_take(&rate, 1000, 65536, start_us);
	assert_false(rate_is_clear(&rate, 1000, start_us + UINT64_C(60) * SECOND));
	assert_true(rate_is_clear(&rate, 1000, start_us + UINT64_C(61) * SECOND));
	/* What comes meanwhile adds nothing: as much is owed already. */
	const uint64_t before_us = rate.clear_us;
	rate_take(&rate, 1000, 65536, start_us);
	assert_true(rate.clear_us == before_us);
}

static void no_more_is_owed_than_could_be_saved(void **state)
{
	struct rate rate = {0};
	take_all(&rate, 10, start_us);
	for (unsigned i = 0; i < 100000; i++) {
		rate_take(&rate, 10, 1, start_us);
	}
	assert_true(rate.clear_us == start_us + UINT64_C(5) * SECOND);
	assert_false(rate_is_clear(&rate, 10, start_us + UINT64_C(5) * SECOND));
	assert_true(rate_left(&rate, 10, start_us + UINT64_C(10) * SECOND) == 50);
}

/* As right behind the start of a machine. */
static void the_first_seconds_of_a_clock(void **state)
{
	struct rate rate = {0};
	assert_int_equal(rate_left(&rate, 10, 0), 0);
	assert_int_equal(rate_left(&rate, 10, SECOND), 10);
	assert_int_equal(take_all(&rate, 10, SECOND), 10);
}

static void the_largest_message_at_the_largest_rate(void **state)
{
	struct rate rate = {0};
	rate_take(&rate, 1, 1 << 24, start_us);
	assert_true(rate.clear_us == start_us + ((UINT64_C(1) << 24) - 5) * SECOND);
	rate = (struct rate){0};
	rate_take(&rate, 1 << 30, 1, start_us); /* no less than a microsecond */
	assert_true(rate.clear_us == start_us - UINT64_C(5) * SECOND + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_limit_takes_nothing),
		cmocka_unit_test(five_seconds_are_saved),
		cmocka_unit_test(it_comes_back_with_the_time),
		cmocka_unit_test(a_large_one_is_paid_for_in_full),
		cmocka_unit_test(no_more_is_owed_than_could_be_saved),
		cmocka_unit_test(the_first_seconds_of_a_clock),
		cmocka_unit_test(the_largest_message_at_the_largest_rate),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
