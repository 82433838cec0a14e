#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../bench/sequence.h"

static void test_in_order(void **state)
{
	struct sequence sequence = {0};
	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(sequence_take(&sequence, i, 1000), SEQUENCE_NEXT);
	}
	assert_int_equal(sequence_missing(&sequence, 1000), 0);
	assert_int_equal(sequence_take(&sequence, 1000, 1000), SEQUENCE_IMPOSSIBLE);
	assert_int_equal(sequence_take(&sequence, 999, 1000), SEQUENCE_DUPLICATE);
	assert_int_equal(sequence_take(&sequence, 0, 1000), SEQUENCE_DUPLICATE);
}

static void test_wraps(void **state)
{
	struct sequence sequence = {.next = UINT32_MAX - 1};
	(void)state;
	assert_int_equal(sequence_take(&sequence, UINT32_MAX - 1, 3), SEQUENCE_NEXT);
	assert_int_equal(sequence_take(&sequence, 0, 3), SEQUENCE_AHEAD);
	assert_int_equal(sequence_take(&sequence, UINT32_MAX, 3), SEQUENCE_LATE);
	assert_int_equal(sequence_take(&sequence, 1, 3), SEQUENCE_NEXT);
	assert_int_equal(sequence_take(&sequence, 2, 3), SEQUENCE_NEXT);
	assert_int_equal(sequence_missing(&sequence, 3), 0);
	sequence_restart(&sequence, 0, false);
}

static void test_lost_ones_are_missing(void **state)
{
	struct sequence sequence = {0};
	(void)state;
	assert_int_equal(sequence_take(&sequence, 0, 20), SEQUENCE_NEXT);
	assert_int_equal(sequence_take(&sequence, 5, 20), SEQUENCE_AHEAD);
	assert_int_equal(sequence_take(&sequence, 6, 20), SEQUENCE_NEXT);
	assert_int_equal(sequence_take(&sequence, 10, 20), SEQUENCE_AHEAD);
	assert_int_equal(sequence_missing(&sequence, 11), 4 + 3);
	assert_int_equal(sequence_missing(&sequence, 20), 4 + 3 + 9);
	assert_int_equal(sequence_take(&sequence, 3, 20), SEQUENCE_LATE);
	assert_int_equal(sequence_take(&sequence, 3, 20), SEQUENCE_DUPLICATE);
	assert_int_equal(sequence_take(&sequence, 1, 20), SEQUENCE_LATE);
	assert_int_equal(sequence_missing(&sequence, 11), 2 + 3);
	sequence_restart(&sequence, 0, false);
}

/* Who joins does not know the first number, only one that it is at the latest. */
static void test_floating_start(void **state)
{
	struct sequence sequence = {0};
	(void)state;
	sequence_restart(&sequence, 7, true);
	assert_int_equal(sequence_take(&sequence, 5, 20), SEQUENCE_NEXT);
	assert_int_equal(sequence_take(&sequence, 6, 20), SEQUENCE_NEXT);
	assert_int_equal(sequence_take(&sequence, 5, 20), SEQUENCE_DUPLICATE);

	sequence_restart(&sequence, 7, true);
	assert_int_equal(sequence_take(&sequence, 7, 20), SEQUENCE_NEXT);
	assert_int_equal(sequence_take(&sequence, 7, 20), SEQUENCE_DUPLICATE);

	sequence_restart(&sequence, 7, true);
	assert_int_equal(sequence_take(&sequence, 9, 20), SEQUENCE_AHEAD);
	assert_int_equal(sequence_missing(&sequence, 10), 2);
	sequence_restart(&sequence, 0, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order),
		cmocka_unit_test(test_wraps),
		cmocka_unit_test(test_lost_ones_are_missing),
		cmocka_unit_test(test_floating_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
