#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/cluster/numbers.h"
#include "split.h"

static void expect_all(
	struct numbers *numbers, uint64_t number, enum numbers_verdict verdict, uint64_t lost)
{
	uint64_t got;
	assert_int_equal(numbers_on_all(numbers, number, &got), verdict);
	assert_int_equal(got, lost);
}

static void expect_alone(struct numbers *numbers, uint64_t all_number, uint64_t number,
	enum numbers_verdict verdict, uint64_t lost)
{
	uint64_t got;
	assert_int_equal(numbers_on_alone(numbers, all_number, number, &got), verdict);
	assert_int_equal(got, lost);
}

static void what_comes_in_order_is_taken(void **state)
{
	struct numbers numbers = {0};
	expect_all(&numbers, 40, NUMBERS_IN_ORDER, 0); /* where this node comes in */
	expect_all(&numbers, 41, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 41, 1, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 41, 2, NUMBERS_IN_ORDER, 0);
	expect_all(&numbers, 42, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 42, 3, NUMBERS_IN_ORDER, 0);
}

static void what_is_missing_is_counted(void **state)
{
	struct numbers numbers = {0};
	expect_all(&numbers, 1, NUMBERS_IN_ORDER, 0);
	expect_all(&numbers, 5, NUMBERS_GAP, 3);
	expect_all(&numbers, 6, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 6, 3, NUMBERS_GAP, 2);
	expect_alone(&numbers, 6, 4, NUMBERS_IN_ORDER, 0);
}

/* The first one to this node alone is number 1: its loss is seen too. */
static void the_first_one_alone_may_be_missing(void **state)
{
	struct numbers numbers = {0};
	expect_alone(&numbers, 9, 2, NUMBERS_GAP, 1);
	expect_all(&numbers, 10, NUMBERS_IN_ORDER, 0);
}

/* What went to all in front of it is missed at once. */
static void one_alone_tells_of_those_to_all(void **state)
{
	struct numbers numbers = {0};
	expect_all(&numbers, 1, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 3, 1, NUMBERS_GAP, 2);
	expect_all(&numbers, 4, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 6, 4, NUMBERS_GAP, 2 + 2);
}

/* Where two subjects are not one way, as between clusters of NATS, one to all may be overtaken. It
 * has been counted as lost then, and what it tells may be older than what is known. */
static void what_was_overtaken_is_dropped(void **state)
{
	struct numbers numbers = {0};
	expect_all(&numbers, 1, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 2, 1, NUMBERS_GAP, 1);
	expect_all(&numbers, 2, NUMBERS_SEEN, 0);
	expect_all(&numbers, 3, NUMBERS_IN_ORDER, 0);
	/* And the other way round it is only late. */
	expect_alone(&numbers, 2, 2, NUMBERS_IN_ORDER, 0);
}

static void what_came_before_is_dropped(void **state)
{
	struct numbers numbers = {0};
	expect_all(&numbers, 7, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 7, 1, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 7, 2, NUMBERS_IN_ORDER, 0);
	for (uint64_t number = 0; number <= 7; number++) {
		expect_all(&numbers, number, NUMBERS_SEEN, 0);
	}
	for (uint64_t number = 0; number <= 2; number++) {
		expect_alone(&numbers, 100, number, NUMBERS_SEEN, 0);
	}
	/* Nothing of that has been learned from it. */
	expect_all(&numbers, 8, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 8, 3, NUMBERS_IN_ORDER, 0);
}

static void the_last_one_is_missed_by_a_heartbeat(void **state)
{
	struct numbers numbers = {0};
	expect_all(&numbers, 1, NUMBERS_IN_ORDER, 0);
	expect_alone(&numbers, 1, 1, NUMBERS_IN_ORDER, 0);
	assert_int_equal(numbers_on_sent(&numbers, 1), 0);
	assert_int_equal(numbers_on_sent(&numbers, 4), 3);
	assert_int_equal(numbers_on_sent(&numbers, 4), 0); /* counted once */
	assert_int_equal(numbers_on_sent(&numbers, 2), 0);
	expect_alone(&numbers, 1, 4, NUMBERS_SEEN, 0);
	expect_alone(&numbers, 1, 5, NUMBERS_IN_ORDER, 0);
}

/* A source that has lost its mind hurts nobody but itself. */
static void the_highest_numbers_do_not_go_round(void **state)
{
	struct numbers numbers = {0};
	expect_all(&numbers, 0, NUMBERS_IN_ORDER, 0);
	expect_all(&numbers, UINT64_MAX, NUMBERS_GAP, UINT64_MAX - 1);
	expect_all(&numbers, 0, NUMBERS_SEEN, 0);
	expect_alone(&numbers, UINT64_MAX, UINT64_MAX, NUMBERS_GAP, UINT64_MAX - 1);
	expect_alone(&numbers, 0, 1, NUMBERS_SEEN, 0);

	struct numbers both = {.has_all = true};
	expect_alone(&both, UINT64_MAX, UINT64_MAX, NUMBERS_GAP, UINT64_MAX);
	assert_int_equal(numbers_on_sent(&both, UINT64_MAX), 0);
}

/* Some of what a source publishes is lost: all of it is counted, and none twice. */
static void each_loss_is_counted_once(void **state)
{
	uint32_t random = 7;
	for (unsigned round = 0; round < 200; round++) {
		struct numbers numbers = {0};
		uint64_t all = 0;
		uint64_t alone = 0;
		uint64_t lost = 0;
		uint64_t counted = 0;
		uint64_t got;
		for (unsigned i = 0; i < 100; i++) {
			const bool is_lost = i > 0 && split_random(&random) % 4 == 0;
			const bool is_to_all = i == 0 || split_random(&random) % 2;
			enum numbers_verdict verdict;
			*(is_to_all ? &all : &alone) += 1;
			if (is_lost) {
				lost++;
				continue;
			}
			verdict = is_to_all ? numbers_on_all(&numbers, all, &got)
					    : numbers_on_alone(&numbers, all, alone, &got);
			assert_int_equal(verdict, got > 0 ? NUMBERS_GAP : NUMBERS_IN_ORDER);
			counted += got;
		}
		/* A heartbeat at the end. */
		assert_int_not_equal(numbers_on_all(&numbers, all + 1, &got), NUMBERS_SEEN);
		counted += got + numbers_on_sent(&numbers, alone);
		assert_int_equal(counted, lost);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_comes_in_order_is_taken),
		cmocka_unit_test(what_is_missing_is_counted),
		cmocka_unit_test(the_first_one_alone_may_be_missing),
		cmocka_unit_test(one_alone_tells_of_those_to_all),
		cmocka_unit_test(what_was_overtaken_is_dropped),
		cmocka_unit_test(what_came_before_is_dropped),
		cmocka_unit_test(the_last_one_is_missed_by_a_heartbeat),
		cmocka_unit_test(the_highest_numbers_do_not_go_round),
		cmocka_unit_test(each_loss_is_counted_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
