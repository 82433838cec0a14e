#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../server/admin/best.h"

static int compare(const void *a, const void *b)
{
	const int *left = a;
	const int *right = b;
	return (*left > *right) - (*left < *right);
}

static void expect(struct admin_best *best, uint32_t count, int first, int step)
{
	admin_best_settle(best);
	assert_int_equal(best->count, count);
	for (uint32_t i = 0; i < count; i++) {
		assert_int_equal(((const int *)best->items)[i], first + (int)i * step);
	}
}

/* All of 0 to 999, each once, in an order that is neither. */
static void offer_all(struct admin_best *best)
{
	for (int i = 0; i < 1000; i++) {
		int value = i * 7 % 1000;
		admin_best_offer(best, &value);
	}
}

static void test_the_first_and_the_last(void **state)
{
	(void)state;
	static const uint32_t limits[] = {1, 2, 50, 999, 1000, 1001};
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		uint32_t count = limits[i] < 1000 ? limits[i] : 1000;
		int *items = malloc(2 * limits[i] * sizeof(*items));
		struct admin_best best;
		struct admin_order order = {compare, compare, false};
		admin_best_init(&best, items, sizeof(*items), limits[i], &order);
		offer_all(&best);
		assert_int_equal(best.offered, 1000);
		expect(&best, count, 0, 1);
		order.is_descending = true;
		admin_best_init(&best, items, sizeof(*items), limits[i], &order);
		offer_all(&best);
		expect(&best, count, 999, -1);
		free(items);
	}
}

static void test_more_after_a_look(void **state)
{
	(void)state;
	int items[6];
	int lower = -1;
	int higher = 3;
	struct admin_best best;
	struct admin_order order = {compare, compare, false};
	admin_best_init(&best, items, sizeof(items[0]), 3, &order);
	expect(&best, 0, 0, 0);
	offer_all(&best);
	expect(&best, 3, 0, 1);
	admin_best_offer(&best, &higher);
	admin_best_offer(&best, &lower);
	expect(&best, 3, -1, 1);
}

static int compare_tens(const void *a, const void *b)
{
	const int *left = a;
	const int *right = b;
	return (*left / 10 > *right / 10) - (*left / 10 < *right / 10);
}

static void test_equals_keep_their_order_either_way(void **state)
{
	(void)state;
	int items[20];
	struct admin_best best;
	struct admin_order order = {compare_tens, compare, true};
	admin_best_init(&best, items, sizeof(items[0]), 10, &order);
	offer_all(&best);
	expect(&best, 10, 990, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_and_the_last),
		cmocka_unit_test(test_more_after_a_look),
		cmocka_unit_test(test_equals_keep_their_order_either_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
