#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../server/base/holders.h"
#include "split.h"

enum {
	WORKERS = 3,
	CONNS = 200,
	STEPS = 20000,
};

struct rig {
	struct budget budget;
	struct holders holders[WORKERS];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_int_equal(budget_init(&rig->budget, WORKERS), 0);
	for (uint8_t i = 0; i < WORKERS; i++) {
		holders_init(&rig->holders[i], &rig->budget, i);
	}
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	for (int kind = 0; kind < BUDGET_KINDS; kind++) {
		assert_int_equal(budget_held(&rig->budget, (enum budget_kind)kind), 0);
	}
	assert_int_equal(rig->budget.leaving, 0);
	assert_true(rig->budget.counted == 0);
	for (int i = 0; i < WORKERS; i++) {
		holders_finish(&rig->holders[i]);
	}
	budget_finish(&rig->budget);
	free(rig);
	return 0;
}

static void note(struct rig *rig, uint32_t worker, uint32_t *slot, uint32_t whose, size_t bytes)
{
	const struct holding now = {.held[BUDGET_QUEUES] = bytes};
	assert_int_equal(holders_note(&rig->holders[worker], slot, whose, &now), 0);
}

static size_t published(struct rig *rig, uint32_t worker)
{
	holders_publish(&rig->holders[worker]);
	return rig->budget.gauges[worker].largest;
}

static void test_nothing_costs_nothing(void **state)
{
	struct rig *rig = *state;
	uint32_t slot = HOLDER_NONE;
	note(rig, 0, &slot, 7, 0);
	assert_int_equal(slot, HOLDER_NONE);
	assert_null(rig->holders[0].slots);
	assert_int_equal(published(rig, 0), 0);
	assert_int_equal(budget_worker_of_largest(&rig->budget), BUDGET_NOBODY);
}

static void test_all_kinds_are_charged(void **state)
{
	struct rig *rig = *state;
	uint32_t slot = HOLDER_NONE;
	const struct holding all = {
		.held = {[BUDGET_HEADS] = 1, [BUDGET_MESSAGES] = 20, [BUDGET_QUEUES] = 300},
		.shared = 4000,
	};
	assert_int_equal(holders_note(&rig->holders[1], &slot, 7, &all), 0);
	assert_int_equal(budget_held(&rig->budget, BUDGET_HEADS), 1);
	assert_int_equal(budget_held(&rig->budget, BUDGET_MESSAGES), 20);
	assert_int_equal(budget_held(&rig->budget, BUDGET_QUEUES), 300);
	assert_int_equal(budget_used(&rig->budget), 321); /* who made the rest is charged */
	assert_int_equal(published(rig, 1), 4321);
	assert_int_equal(holders_largest(&rig->holders[1]), 7);
	note(rig, 1, &slot, 7, 0);
	assert_int_equal(published(rig, 1), 0);
}

/* Who only shares has nothing of his own, and may hold the most. */
static void test_shared_bytes_rank(void **state)
{
	struct rig *rig = *state;
	uint32_t slots[2] = {HOLDER_NONE, HOLDER_NONE};
	const struct holding reader = {.held[BUDGET_QUEUES] = 100, .shared = 100000};
	note(rig, 0, &slots[0], 1, 50000);
	assert_int_equal(holders_note(&rig->holders[0], &slots[1], 2, &reader), 0);
	assert_int_equal(published(rig, 0), 100100);
	assert_int_equal(holders_largest(&rig->holders[0]), 2);
	note(rig, 0, &slots[0], 1, 0);
	note(rig, 0, &slots[1], 2, 0);
}

static void test_closing_counts_as_gone(void **state)
{
	struct rig *rig = *state;
	uint32_t slots[2] = {HOLDER_NONE, HOLDER_NONE};
	struct holding closing = {
		.held[BUDGET_QUEUES] = 900, .shared = 500, .alone = 50, .is_leaving = true};
	rig->budget.limit = 1050;
	budget_change(&rig->budget, BUDGET_BATCHES, 50);
	note(rig, 0, &slots[0], 1, 900);
	note(rig, 0, &slots[1], 2, 200);
	assert_true(budget_is_exceeded(&rig->budget));
	assert_int_equal(published(rig, 0), 900);
	assert_int_equal(holders_note(&rig->holders[0], &slots[0], 1, &closing), 0);
	assert_int_equal(budget_used(&rig->budget), 200);
	assert_false(budget_is_exceeded(&rig->budget));
	assert_true(budget_has_room(&rig->budget, 850));
	assert_false(budget_has_room(&rig->budget, 851));
	assert_int_equal(published(rig, 0), 200);
	assert_int_equal(holders_largest(&rig->holders[0]), 2);
	/* What is left of it in the end is gone for good. */
	budget_change(&rig->budget, BUDGET_BATCHES, -50);
	note(rig, 0, &slots[0], 1, 0);
	assert_int_equal(budget_used(&rig->budget), 200);
	assert_int_equal(rig->budget.leaving, 0);
	note(rig, 0, &slots[1], 2, 0);
}

/* Of equals the one that has held as much for longest. */
static void test_the_oldest_of_equals(void **state)
{
	struct rig *rig = *state;
	uint32_t slots[5] = {HOLDER_NONE};
	for (uint32_t i = 0; i < 5; i++) {
		note(rig, 0, &slots[i], i, 8192);
	}
	note(rig, 0, &slots[0], 0, 100); /* and comes back to the end */
	note(rig, 0, &slots[0], 0, 8192);
	static const uint32_t order[] = {1, 2, 3, 4, 0};
	for (int i = 0; i < 5; i++) {
		assert_int_equal(published(rig, 0), 8192);
		assert_int_equal(holders_largest(&rig->holders[0]), order[i]);
		note(rig, 0, &slots[order[i]], order[i], 0);
	}
}

static void test_the_largest_of_several_workers(void **state)
{
	struct rig *rig = *state;
	uint32_t slots[WORKERS] = {HOLDER_NONE};
	static const size_t sizes[WORKERS] = {5000, 7000, 7000};
	for (uint32_t i = 0; i < WORKERS; i++) {
		note(rig, i, &slots[i], i, sizes[i]);
		published(rig, i);
	}
	assert_int_equal(budget_worker_of_largest(&rig->budget), 1); /* the first of equals */
	note(rig, 1, &slots[1], 1, 0);
	published(rig, 1);
	assert_int_equal(budget_worker_of_largest(&rig->budget), 2);
	note(rig, 2, &slots[2], 2, 4999);
	published(rig, 2);
	assert_int_equal(budget_worker_of_largest(&rig->budget), 0);
	note(rig, 0, &slots[0], 0, 0);
	note(rig, 2, &slots[2], 2, 0);
	published(rig, 0);
	published(rig, 2);
	assert_int_equal(budget_worker_of_largest(&rig->budget), BUDGET_NOBODY);
}

/* Sizes at random; with few of about the largest size it is exact. */
static void test_against_a_model(void **state)
{
	struct rig *rig = *state;
	uint32_t random = 4711;
	uint32_t slots[CONNS] = {HOLDER_NONE};
	size_t sizes[CONNS] = {0};
	for (int step = 0; step < STEPS; step++) {
		uint32_t whose = split_random(&random) % CONNS;
		size_t size =
			split_random(&random) % 3 ? (size_t)1 << split_random(&random) % 20 : 0;
		size = size > 0 ? size + split_random(&random) % size : 0;
		note(rig, 0, &slots[whose], whose, size);
		sizes[whose] = size;
		size_t largest = 0;
		size_t sum = 0;
		for (int i = 0; i < CONNS; i++) {
			largest = sizes[i] > largest ? sizes[i] : largest;
			sum += sizes[i];
		}
		assert_int_equal(published(rig, 0), largest);
		assert_int_equal(budget_used(&rig->budget), sum);
		if (largest > 0) {
			assert_int_equal(sizes[holders_largest(&rig->holders[0])], largest);
		}
	}
	assert_in_range(rig->holders[0].capacity, 1, 2 * CONNS); /* slots are used again */
	for (uint32_t i = 0; i < CONNS; i++) {
		note(rig, 0, &slots[i], i, 0);
	}
}

/* With very many of one size the look ends: it is one of about the largest size. */
static void test_very_many_of_one_size(void **state)
{
	struct rig *rig = *state;
	static uint32_t slots[10000];
	for (uint32_t i = 0; i < 10000; i++) {
		note(rig, 0, &slots[i], i, 4096 + i % 4000);
	}
	for (uint32_t left = 10000; left > 0; left--) {
		assert_in_range(published(rig, 0), 4096, 8191);
		uint32_t whose = holders_largest(&rig->holders[0]);
		note(rig, 0, &slots[whose], whose, 0);
	}
	assert_int_equal(published(rig, 0), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_costs_nothing),
		CASE(test_all_kinds_are_charged),
		CASE(test_shared_bytes_rank),
		CASE(test_closing_counts_as_gone),
		CASE(test_the_oldest_of_equals),
		CASE(test_the_largest_of_several_workers),
		CASE(test_against_a_model),
		CASE(test_very_many_of_one_size),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
