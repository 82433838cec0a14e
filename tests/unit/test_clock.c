#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/base/clock.h"

enum {
	SKIP_US = 5000000,
	SKIP_MS = SKIP_US / 1000,
};

/* All clocks at a moment. */
struct moment {
	int64_t us;
	int64_t ms;
	int64_t boot_ms;
	int64_t machine_us;
	int64_t wall_ms;
};

static struct moment look(void)
{
	return (struct moment){
		.us = (int64_t)clock_us(),
		.ms = (int64_t)clock_ms(),
		.boot_ms = (int64_t)clock_boot_ms(),
		.machine_us = (int64_t)clock_machine_us(),
		.wall_ms = (int64_t)clock_wall_ms(),
	};
}

/* However long the test is held up, by the machine's clock, which was looked at last, it is nearly
 * as long. */
static void test_what_is_skipped_has_not_been(void **state)
{
	(void)state;
	const struct moment a = look();
	clock_skip(SKIP_US);
	const struct moment b = look();
	const int64_t most_us = (int64_t)clock_machine_us() - a.machine_us + 1000;
	assert_true(b.us + SKIP_US >= a.us);
	assert_true(b.us + SKIP_US <= a.us + most_us);
	assert_true(b.ms + SKIP_MS >= a.ms);
	assert_true(b.ms + SKIP_MS <= a.ms + most_us / 1000 + 1);
	assert_true(b.boot_ms + SKIP_MS >= a.boot_ms);
	assert_true(b.boot_ms + SKIP_MS <= a.boot_ms + most_us / 1000 + 1);
	/* These go on. */
	assert_true(b.machine_us >= a.machine_us);
	assert_true(b.wall_ms - a.wall_ms > -SKIP_MS / 2);
}

/* What a successor does with the sum: it and this process say the same. */
static void test_skips_add_up(void **state)
{
	(void)state;
	const uint64_t skipped_us = clock_skipped_us();
	clock_skip(0);
	clock_skip(1);
	clock_skip(2);
	assert_int_equal(clock_skipped_us(), skipped_us + 3);
	const uint64_t before_us = clock_machine_us();
	const uint64_t us = clock_us();
	const uint64_t after_us = clock_machine_us();
	assert_true(us + clock_skipped_us() >= before_us);
	assert_true(us + clock_skipped_us() <= after_us);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_skipped_has_not_been),
		cmocka_unit_test(test_skips_add_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
