#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/admin/rate.h"

static int taken(struct admin_rate *rate, uint64_t per_second, uint64_t now_ms, int asked)
{
	int count = 0;
	for (int i = 0; i < asked; i++) {
		count += admin_rate_take(rate, per_second, now_ms) == 0;
	}
	return count;
}

static void test_a_rate(void **state)
{
	struct admin_rate rate = {0};
	assert_int_equal(taken(&rate, 100, 5000, 1000), 100);
	assert_int_equal(admin_rate_take(&rate, 100, 5000), 10);
	assert_int_equal(taken(&rate, 100, 5009, 10), 0);
	assert_int_equal(taken(&rate, 100, 5010, 10), 1);
	assert_int_equal(taken(&rate, 100, 5510, 1000), 50);
	/* No more than a second's worth is saved. */
	assert_int_equal(taken(&rate, 100, 1000000, 1000), 100);
	assert_int_equal(taken(&rate, 0, 1000000, 1000), 1000);
}

static void test_slow_and_fast_rates(void **state)
{
	struct admin_rate rate = {0};
	assert_int_equal(taken(&rate, 1, 7, 3), 1);
	assert_int_equal(admin_rate_take(&rate, 1, 8), 999);
	assert_int_equal(admin_rate_take(&rate, 1, 1007), 0);
	rate = (struct admin_rate){0};
	assert_int_equal(taken(&rate, 1000000, 0, 1000001), 1000000);
	assert_int_equal(taken(&rate, 1000000, 1, 2000), 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_rate),
		cmocka_unit_test(test_slow_and_fast_rates),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
