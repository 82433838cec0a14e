#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/address_table.h"
#include "split.h"

enum {
	KEYS = 3000,
	STEPS = 200000,
};

struct rig {
	struct budget budget;
	struct address_table table;
	uint32_t expected[KEYS];
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_int_equal(budget_init(&rig->budget, 1), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(budget_held(&rig->budget, BUDGET_ADDRESSES), 0);
	assert_null(rig->table.slots);
	budget_finish(&rig->budget);
	free(rig);
	return 0;
}

static struct address_key key_of(uint32_t number)
{
	return (struct address_key){number, 64};
}

/* Many keys have one hash, and some have the greatest there is: searches run on, and over the end.
 */
static uint32_t hash_of(uint32_t number)
{
	return number % 7 == 0 ? UINT32_MAX - number % 3 : number / 5;
}

static void add(struct rig *rig, uint32_t number)
{
	struct address_key key = key_of(number);
	struct address_slot *slot;
	assert_int_equal(
		address_table_take(&rig->table, &rig->budget, &key, hash_of(number), &slot), 0);
	assert_int_equal(slot->admitted, rig->expected[number]);
	slot->admitted++;
	rig->expected[number]++;
}

static void take_away(struct rig *rig, uint32_t number)
{
	struct address_key key = key_of(number);
	struct address_slot *slot = address_table_find(&rig->table, &key, hash_of(number));
	assert_int_equal(slot->admitted, rig->expected[number]);
	slot->admitted--;
	rig->expected[number]--;
	address_table_give(&rig->table, &rig->budget, slot);
}

static void check(struct rig *rig)
{
	uint32_t used = 0;
	for (uint32_t i = 0; i < KEYS; i++) {
		struct address_key key = key_of(i);
		if (rig->expected[i] > 0) {
			used++;
			assert_int_equal(
				address_table_find(&rig->table, &key, hash_of(i))->admitted,
				rig->expected[i]);
		}
	}
	assert_int_equal(rig->table.used, used);
	assert_int_equal(budget_held(&rig->budget, BUDGET_ADDRESSES),
		rig->table.size * sizeof(struct address_slot));
	assert_true(rig->table.size <= 16 || rig->table.size <= used * 16);
}

/* Against a list of what is to be in it. */
static void test_counts_stay_with_their_keys(void **state)
{
	struct rig *rig = *state;
	uint32_t random = 17;
	for (int step = 0; step < STEPS; step++) {
		/* It fills up, and empties again, over and over. */
		bool is_filling = step / 20000 % 2 == 0;
		uint32_t number = split_random(&random) % KEYS;
		if (split_random(&random) % 4 == 0 ? !is_filling : is_filling) {
			add(rig, number);
		} else if (rig->expected[number] > 0) {
			take_away(rig, number);
		}
		if (step % 5000 == 0) {
			check(rig);
		}
	}
	for (uint32_t i = 0; i < KEYS; i++) {
		while (rig->expected[i] > 0) {
			take_away(rig, i);
		}
	}
	check(rig);
}

static void test_a_slot_is_kept_for_either_count(void **state)
{
	struct rig *rig = *state;
	struct address_key key = key_of(1);
	struct address_slot *slot;
	add(rig, 1);
	slot = address_table_find(&rig->table, &key, hash_of(1));
	slot->refused++;
	take_away(rig, 1);
	slot = address_table_find(&rig->table, &key, hash_of(1));
	assert_int_equal(slot->refused, 1);
	slot->refused--;
	address_table_give(&rig->table, &rig->budget, slot);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_counts_stay_with_their_keys),
		TEST(test_a_slot_is_kept_for_either_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
