#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/room_pace.h"

enum {
	ROOMS = 1000,
};

struct rig {
	struct room_pace *pace;
	uint64_t now_ms;
	struct room_figures rooms[ROOMS]; /* by key */
	struct room_figures told[ROOMS];  /* the last time */
	uint32_t tellings[ROOMS];
};

static struct room_figures look(void *context, struct slice name, uint64_t key)
{
	struct rig *rig = context;
	char expected[16];
	snprintf(expected, sizeof(expected), "r%u", (unsigned)key);
	assert_true(slice_equals(name, slice_of(expected)));
	return rig->rooms[key];
}

static void tell(void *context, uint64_t key, struct room_figures figures)
{
	struct rig *rig = context;
	rig->told[key] = figures;
	rig->tellings[key]++;
}

static const struct room_pace_ops ops = {.look = look, .tell = tell};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	assert_int_equal(room_pace_create(&ops, rig, &rig->pace), 0);
	rig->now_ms = 5000;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	room_pace_destroy(&rig->pace);
	assert_null(rig->pace);
	room_pace_destroy(&rig->pace);
	free(rig);
	return 0;
}

static void change(struct rig *rig, uint64_t key, uint32_t users, bool is_watched)
{
	char name[16];
	snprintf(name, sizeof(name), "r%u", (unsigned)key);
	rig->rooms[key] = (struct room_figures){users, is_watched};
	room_pace_on_change(rig->pace, slice_of(name), key, rig->now_ms);
}

static int pass(struct rig *rig, uint64_t ms)
{
	rig->now_ms += ms;
	return room_pace_turn(rig->pace, rig->now_ms);
}

static void expect(
	const struct rig *rig, uint64_t key, uint32_t tellings, uint32_t users, bool is_watched)
{
	assert_int_equal(rig->tellings[key], tellings);
	assert_int_equal(rig->told[key].users, users);
	assert_int_equal(rig->told[key].is_watched, is_watched);
}

static void test_the_first_and_the_last_are_told_at_once(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(pass(rig, 0), -1);
	for (uint32_t i = 0; i < 3; i++) {
		change(rig, 1, 1, false);
		expect(rig, 1, 2 * i + 1, 1, false);
		change(rig, 1, 0, false);
		expect(rig, 1, 2 * i + 2, 0, false);
	}
}

/* Who joins and leaves without a pause makes no more of it than somebody who does it now and then.
 */
static void test_who_comes_and_goes_all_the_time(void **state)
{
	struct rig *rig = *state;
	for (uint32_t second = 0; second < 3; second++) {
		const uint32_t before = rig->tellings[1];
		for (uint32_t i = 0; i < 500; i++) {
			change(rig, 1, 1, false);
			change(rig, 1, 0, i % 2 == 0);
		}
		change(rig, 1, 3, true);
		assert_in_range(rig->tellings[1] - before, 1, 9);
		pass(rig, 1000);
		expect(rig, 1, rig->tellings[1], 3, true);
	}
}

static void test_others_once_a_second(void **state)
{
	struct rig *rig = *state;
	change(rig, 1, 1, false);
	for (uint32_t users = 2; users < 10; users++) {
		change(rig, 1, users, false);
		assert_int_equal(pass(rig, 100), 1000 - 100 * ((int)users - 1));
		expect(rig, 1, 1, 1, false);
	}
	assert_int_equal(pass(rig, 199), 1);
	expect(rig, 1, 1, 1, false);
	/* As it is then, not as it was. */
	rig->rooms[1].users = 77;
	assert_int_equal(pass(rig, 1), 1000);
	expect(rig, 1, 2, 77, false);
	/* Nothing more has changed: it is forgotten, and the next one is told at once. */
	assert_int_equal(pass(rig, 1000), -1);
	expect(rig, 1, 2, 77, false);
	change(rig, 1, 78, false);
	expect(rig, 1, 3, 78, false);
}

/* What has become as it was need not be told. */
static void test_there_and_back(void **state)
{
	struct rig *rig = *state;
	change(rig, 1, 5, false);
	change(rig, 1, 6, false);
	change(rig, 1, 5, false);
	pass(rig, 1000);
	expect(rig, 1, 1, 5, false);
}

static void test_who_watches_is_told_at_once(void **state)
{
	struct rig *rig = *state;
	change(rig, 1, 5, false);
	change(rig, 1, 6, true);
	expect(rig, 1, 2, 6, true);
	change(rig, 1, 7, true);
	expect(rig, 1, 2, 6, true);
	change(rig, 1, 7, false);
	expect(rig, 1, 3, 7, false);
}

static void test_many_rooms(void **state)
{
	struct rig *rig = *state;
	for (uint32_t i = 0; i < ROOMS; i++) {
		change(rig, i, 1, false);
		change(rig, i, 2, false);
		expect(rig, i, 1, 1, false);
	}
	rig->now_ms += 1000;
	int turns = 1;
	while (pass(rig, 0) == 0) {
		turns++;
	}
	assert_in_range(turns, 2, ROOMS / 2);
	for (uint32_t i = 0; i < ROOMS; i++) {
		expect(rig, i, 2, 2, false);
	}
	rig->now_ms += 1000;
	while (pass(rig, 0) == 0) {
	}
	assert_int_equal(pass(rig, 0), -1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_who_comes_and_goes_all_the_time),
		CASE(test_the_first_and_the_last_are_told_at_once),
		CASE(test_others_once_a_second),
		CASE(test_there_and_back),
		CASE(test_who_watches_is_told_at_once),
		CASE(test_many_rooms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
