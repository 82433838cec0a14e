#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/fanout/memberships.h"
#include "split.h"

enum {
	MANY = 300,
};

/* One session, and the rooms that there are. */
struct world {
	struct budget budget;
	struct user_table *users;
	struct rooms *rooms;
	struct user_entry *owner; /* a member of all rooms, so that they stay */
	struct room *all[MANY];
	struct conn conn;
};

static void name_room(char *ret_name, int i)
{
	snprintf(ret_name, 16, "r%d", i);
}

static int setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	const struct user_identity identity = {.name = "a", .name_len = 1};
	struct room_change change;
	char name[16];
	user_table_thread_begin();
	assert_int_equal(budget_init(&world->budget, 1), 0);
	assert_int_equal(user_table_create(0, 1, NULL, &world->users), 0);
	assert_int_equal(rooms_create(0, &world->budget, NULL, &world->rooms), 0);
	assert_int_equal(user_entry_create(world->users, &identity, 1, 1, &world->owner), 0);
	for (int i = 0; i < MANY; i++) {
		name_room(name, i);
		assert_int_equal(room_enter(world->rooms, slice_of(name), 0, world->owner,
					 &world->all[i], &change),
			0);
	}
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;
	while (memberships_count(&world->conn) > 0) {
		memberships_remove(world->rooms, &world->conn, 0);
	}
	for (int i = 0; i < MANY; i++) {
		room_leave(world->rooms, world->all[i], 0, world->owner);
	}
	assert_int_equal(budget_held(&world->budget, BUDGET_ROOMS), 0);
	user_entry_discard(&world->owner);
	rooms_destroy(&world->rooms);
	user_table_destroy(&world->users);
	user_table_thread_end();
	budget_finish(&world->budget);
	free(world);
	return 0;
}

static void add(struct world *world, int room, uint32_t since, bool is_told)
{
	assert_int_equal(
		memberships_add(world->rooms, &world->conn, world->all[room], since, is_told), 0);
}

static bool hears(struct world *world, int room, uint32_t number)
{
	return memberships_hears(&world->conn, room_hash(world->all[room]),
		room_serial(world->all[room]), number, false);
}

/* None and one take no memory; several take a word each, and some that are free. */
static void test_what_they_take(void **state)
{
	struct world *world = *state;
	const size_t before = budget_held(&world->budget, BUDGET_ROOMS);
	for (int i = 0; i < MANY; i++) {
		add(world, i, 0, false);
		const size_t held = budget_held(&world->budget, BUDGET_ROOMS) - before;
		assert_int_equal(memberships_count(&world->conn), i + 1);
		if (i == 0) {
			assert_int_equal(held, 0);
		} else {
			assert_in_range(held, 8 * (size_t)(i + 1), 10 * (size_t)(i + 1) + 48);
		}
	}
	while (memberships_count(&world->conn) > 1) {
		memberships_remove(world->rooms, &world->conn, 0);
	}
	assert_int_equal(budget_held(&world->budget, BUDGET_ROOMS), before);
	assert_ptr_equal(memberships_room(&world->conn, 0), world->all[1]);
}

/* Whatever comes and goes, each is found where it is, with what was asked for. */
static void test_against_a_model(void **state)
{
	struct world *world = *state;
	bool is_in[MANY] = {false};
	bool is_told[MANY] = {false};
	uint32_t random = 4711;
	for (int step = 0; step < 20000; step++) {
		/* Few at first, then many. */
		const uint32_t among = step < 10000 ? 4 : MANY;
		const int room = (int)(split_random(&random) % among);
		char name[16];
		name_room(name, room);
		const uint16_t at = memberships_find(world->rooms, &world->conn, slice_of(name));
		assert_int_equal(at != MEMBERSHIPS_NONE, is_in[room]);
		if (!is_in[room]) {
			is_told[room] = step % 2;
			add(world, room, (uint32_t)step, is_told[room]);
			is_in[room] = true;
			continue;
		}
		assert_ptr_equal(memberships_room(&world->conn, at), world->all[room]);
		assert_int_equal(memberships_is_told(&world->conn, at), is_told[room]);
		if (split_random(&random) % 3 == 0) {
			is_told[room] = !is_told[room];
			memberships_set_told(&world->conn, at, is_told[room]);
		} else {
			memberships_remove(world->rooms, &world->conn, at);
			is_in[room] = false;
		}
	}
}

/* From its step on, and who comes and goes only if that was asked for. */
static void test_what_is_heard(void **state)
{
	struct world *world = *state;
	add(world, 0, 7, false);
	add(world, 1, 7, true);
	for (int room = 0; room < 2; room++) {
		assert_false(hears(world, room, 0));
		assert_false(hears(world, room, 7 * ROOM_STEP - 1));
		assert_true(hears(world, room, 7 * ROOM_STEP));
		assert_true(hears(world, room, 7 * ROOM_STEP + 100000));
		assert_int_equal(memberships_hears(&world->conn, room_hash(world->all[room]),
					 room_serial(world->all[room]), 7 * ROOM_STEP, true),
			room == 1);
		/* Of another room, or of one that had that name before. */
		assert_false(memberships_hears(&world->conn, room_hash(world->all[room]),
			room_serial(world->all[room]) - 1, 7 * ROOM_STEP, false));
	}
	assert_false(hears(world, 2, 7 * ROOM_STEP));
}

/* However much is said while somebody is in, he hears it, also what two workers say at once and
 * comes in another order. */
static void test_numbers_go_round(void **state)
{
	struct world *world = *state;
	const uint32_t under_way = 1 << 21;
	uint32_t number = UINT32_MAX - 5 * under_way;
	number -= number % ROOM_STEP;
	add(world, 0, number / ROOM_STEP, true);
	assert_false(hears(world, 0, number - 1));
	assert_false(hears(world, 0, number - under_way));
	for (uint64_t said = 0; said < UINT64_C(3) << 32; said += under_way / 2) {
		assert_true(hears(world, 0, number));
		if (said > 0) {
			assert_true(hears(world, 0, number - under_way / 2));
		}
		number += under_way / 2;
	}
	assert_true(memberships_is_told(&world->conn, 0));
	assert_ptr_equal(memberships_room(&world->conn, 0), world->all[0]);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_what_they_take),
		CASE(test_against_a_model),
		CASE(test_what_is_heard),
		CASE(test_numbers_go_round),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
