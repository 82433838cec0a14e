#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/user/duel.h"

enum {
	LIMIT = 20,
	WINDOW = DUEL_WINDOW_MS / LOOP_TICK_MS,
	WAIT_MIN = DUEL_WAIT_MIN_MS / LOOP_TICK_MS,
	START = 100000,
};

/* So many kicks at once. Returns whether one of them was to be logged. */
static bool kick(struct duel *duel, uint32_t now, int count)
{
	bool is_told = false;
	for (int i = 0; i < count; i++) {
		bool is_new;
		assert_int_equal(duel_wait_ticks(*duel, now), 0);
		*duel = duel_add_kick(*duel, now, LIMIT, &is_new);
		is_told |= is_new;
	}
	return is_told;
}

static void test_the_last_kick_of_a_window_brakes(void **state)
{
	struct duel duel = {0};
	assert_int_equal(duel_wait_ticks(duel, START), 0);
	assert_false(kick(&duel, START, LIMIT - 1));
	assert_true(kick(&duel, START, 1));
	for (uint32_t i = 0; i < WINDOW; i++) {
		assert_int_equal(duel_wait_ticks(duel, START + i), WINDOW - i);
	}
	assert_int_equal(duel_wait_ticks(duel, START + WINDOW), 0);
	assert_int_equal(duel_wait_ticks(duel, START + 1000000), 0);
}

/* Wherever in the window the last one comes: nobody waits less than 2 s or more than 10 s. */
static void test_the_brake_holds_for_2_to_10_s(void **state)
{
	for (uint32_t at = 0; at < WINDOW; at++) {
		struct duel duel = {0};
		kick(&duel, START, 1);
		kick(&duel, START + at, LIMIT - 1);
		uint32_t wait = duel_wait_ticks(duel, START + at);
		assert_in_range(wait, WAIT_MIN, WINDOW);
		assert_true(wait == WAIT_MIN || at + wait == WINDOW);
		/* And so a line that was silent for 15 s is never protected. */
		assert_int_equal(
			duel_wait_ticks(duel, START + at + DUEL_SILENCE_MS / LOOP_TICK_MS), 0);
	}
}

static void test_who_comes_back_in_time_is_no_duel(void **state)
{
	struct duel duel = {0};
	/* 19 in each window, for an hour. */
	for (uint32_t i = 0; i < 360; i++) {
		assert_false(kick(&duel, START + i * WINDOW, LIMIT - 1));
	}
	/* Just before the end of a window it still counts, just after not. */
	duel = (struct duel){0};
	kick(&duel, START, LIMIT - 1);
	struct duel late = duel;
	kick(&late, START + WINDOW, 1);
	assert_false(late.is_braked);
	kick(&duel, START + WINDOW - 1, 1);
	assert_true(duel.is_braked);
}

static void test_a_duel_is_told_once(void **state)
{
	struct duel duel = {0};
	uint32_t now = START;
	assert_true(kick(&duel, now, LIMIT));
	for (int i = 0; i < 100; i++) {
		now += duel_wait_ticks(duel, now) + (uint32_t)i % WINDOW;
		assert_false(kick(&duel, now, LIMIT));
		assert_true(duel.is_braked);
	}
	/* A window of peace ends it. */
	now += duel_wait_ticks(duel, now);
	kick(&duel, now, LIMIT - 1);
	assert_true(kick(&duel, now + WINDOW, LIMIT));
	now += 2 * WINDOW + WINDOW;
	assert_true(kick(&duel, now, LIMIT));
}

static void test_the_limit(void **state)
{
	struct duel duel = {0};
	bool is_new;
	for (int i = 0; i < 100000; i++) {
		duel = duel_add_kick(duel, START, 0, &is_new);
		assert_false(duel.is_braked || is_new);
	}
	/* It has been lowered below what was counted. */
	duel = (struct duel){0};
	kick(&duel, START, LIMIT - 1);
	duel = duel_add_kick(duel, START, 3, &is_new);
	assert_true(duel.is_braked && is_new);
	duel = duel_add_kick((struct duel){0}, START, 1, &is_new);
	assert_true(duel.is_braked && is_new);
}

/* Workers read their clocks at different times, and ticks wrap. */
static void test_clocks(void **state)
{
	struct duel duel = {0};
	kick(&duel, START + 1, 1);
	kick(&duel, START, LIMIT - 1);
	assert_int_equal(duel_wait_ticks(duel, START), WINDOW + 1);
	duel = (struct duel){0};
	kick(&duel, UINT32_MAX - 3, LIMIT / 2);
	kick(&duel, 4, LIMIT / 2);
	assert_int_equal(duel_wait_ticks(duel, 4), WINDOW - 8);
	assert_int_equal(duel_wait_ticks(duel, WINDOW - 4), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_last_kick_of_a_window_brakes),
		cmocka_unit_test(test_the_brake_holds_for_2_to_10_s),
		cmocka_unit_test(test_who_comes_back_in_time_is_no_duel),
		cmocka_unit_test(test_a_duel_is_told_once),
		cmocka_unit_test(test_the_limit),
		cmocka_unit_test(test_clocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
