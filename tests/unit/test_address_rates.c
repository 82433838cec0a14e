#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/address_rates.h"

static const uint64_t SECOND = 1000000000;
static const uint64_t START = 1000000000000;

/* How many come through of those who come at once. */
static unsigned burst(uint64_t *full_ns, uint32_t per_s, uint64_t now_ns)
{
	unsigned count = 0;
	while (address_rates_may(*full_ns, per_s, now_ns)) {
		address_rates_take(full_ns, per_s, now_ns);
		count++;
	}
	return count;
}

static void test_a_bucket(void **state)
{
	static const uint32_t rates[] = {1, 2, 5, 50, 1000, 16000000};
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		uint64_t full_ns = 0;
		const uint32_t rate = rates[i];
		/* Two seconds' worth at once, then as many as time gives. */
		assert_in_range(burst(&full_ns, rate, START), 2 * rate, 2 * rate + rate / 4);
		assert_int_equal(burst(&full_ns, rate, START), 0);
		assert_in_range(
			burst(&full_ns, rate, START + SECOND), rate - 1, rate + rate / 8 + 1);
		/* No more is saved up. */
		assert_in_range(
			burst(&full_ns, rate, START + 100 * SECOND), 2 * rate, 2 * rate + rate / 4);
	}
}

static void test_refusals_cost_nothing(void **state)
{
	uint64_t full_ns = 0;
	burst(&full_ns, 4, START);
	for (int i = 0; i < 1000; i++) {
		assert_false(address_rates_may(full_ns, 4, START + SECOND / 8));
	}
	assert_true(address_rates_may(full_ns, 4, START + SECOND / 4));
}

static void test_the_idle_one_goes(void **state)
{
	struct address_rate_set set = {{{0}}};
	for (uint64_t i = 1; i <= ADDRESS_RATES_WAYS; i++) {
		struct address_rate *rate = address_rates_find(&set, i * 100);
		assert_int_equal(rate->admitted_ns, 0);
		rate->admitted_ns = START + (i == 3 ? 0 : i * SECOND);
	}
	for (uint64_t i = 1; i <= ADDRESS_RATES_WAYS; i++) {
		assert_true(address_rates_find(&set, i * 100)->admitted_ns >= START);
	}
	assert_int_equal(address_rates_find(&set, 900)->admitted_ns, 0);
	address_rates_find(&set, 900)->admitted_ns = START + 9 * SECOND;
	assert_true(address_rates_find(&set, 100)->admitted_ns > 0);
	assert_true(address_rates_find(&set, 200)->admitted_ns > 0);
	assert_true(address_rates_find(&set, 400)->admitted_ns > 0);
	/* That was the third's; it begins anew, in the place of the first. */
	assert_int_equal(address_rates_find(&set, 300)->admitted_ns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_bucket),
		cmocka_unit_test(test_refusals_cost_nothing),
		cmocka_unit_test(test_the_idle_one_goes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
