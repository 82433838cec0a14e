#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../../server/base/timer_wheel.h"

enum {
	START = 1,
	ENTRIES = 300,
	STEPS = 20000,
};

/* --- small cases ---------------------------------------------------------------------------------
 */

/* Visits in the order they came. */
struct record {
	struct timer_wheel *wheel;
	uint32_t visited[ENTRIES];
	size_t count;
	uint32_t answer;  /* what each visit returns */
	uint32_t victim;  /* if not 0, unlinked by each visit */
	uint32_t protege; /* if not 0, linked by each visit to the tick of `answer` */
};

static uint32_t visit_and_record(void *context, uint32_t index)
{
	struct record *record = context;

	assert_false(timer_wheel_is_linked(record->wheel, index));
	assert_true(record->count < ENTRIES);
	record->visited[record->count++] = index;
	if (record->victim > 0 && record->victim != index) {
		timer_wheel_unlink(record->wheel, record->victim);
	}
	if (record->protege > 0 && record->protege != index) {
		timer_wheel_link(record->wheel, record->protege, record->answer);
	}
	return record->answer;
}

static void setup_record(struct record *record)
{
	memset(record, 0, sizeof(*record));
	assert_int_equal(timer_wheel_create(START, &record->wheel), 0);
	assert_int_equal(timer_wheel_reserve(record->wheel, ENTRIES), 0);
}

static bool advance(struct record *record, uint32_t now, uint32_t visits_max)
{
	record->count = 0;
	return timer_wheel_advance(record->wheel, now, visits_max, visit_and_record, record);
}

static void test_comes_up_at_its_tick_and_once(void **state)
{
	struct record record;
	setup_record(&record);

	timer_wheel_link(record.wheel, 5, 10);
	assert_true(timer_wheel_is_linked(record.wheel, 5));
	assert_true(advance(&record, 9, UINT32_MAX));
	assert_int_equal(record.count, 0);
	assert_int_equal(timer_wheel_next(record.wheel), 10);
	assert_true(advance(&record, 10, UINT32_MAX));
	assert_int_equal(record.count, 1);
	assert_int_equal(record.visited[0], 5);
	assert_false(timer_wheel_is_linked(record.wheel, 5));
	assert_true(advance(&record, 10 + TIMER_WHEEL_SLOTS, UINT32_MAX));
	assert_int_equal(record.count, 0);
	timer_wheel_destroy(&record.wheel);
	assert_null(record.wheel);
	timer_wheel_destroy(&record.wheel);
}

static void test_earlier_ticks_come_first(void **state)
{
	struct record record;
	setup_record(&record);

	for (uint32_t i = 0; i < 100; i++) {
		timer_wheel_link(record.wheel, i, 200 - i);
	}
	assert_true(advance(&record, 300, UINT32_MAX));
	assert_int_equal(record.count, 100);
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(record.visited[i], 99 - i);
	}
	timer_wheel_destroy(&record.wheel);
}

static void test_link_moves_and_unlink_takes_out(void **state)
{
	struct record record;
	setup_record(&record);

	timer_wheel_unlink(record.wheel, 3); /* is not in */
	timer_wheel_link(record.wheel, 3, 20);
	timer_wheel_link(record.wheel, 3, 12);
	timer_wheel_link(record.wheel, 4, 12);
	timer_wheel_unlink(record.wheel, 4);
	timer_wheel_unlink(record.wheel, 4);
	assert_false(timer_wheel_is_linked(record.wheel, 4));
	assert_true(advance(&record, 12, UINT32_MAX));
	assert_int_equal(record.count, 1);
	assert_int_equal(record.visited[0], 3);
	assert_true(advance(&record, 30, UINT32_MAX));
	assert_int_equal(record.count, 0);
	timer_wheel_destroy(&record.wheel);
}

static void test_beyond_the_horizon_asks_early(void **state)
{
	struct record record;
	setup_record(&record);
	uint32_t horizon = timer_wheel_next(record.wheel) + TIMER_WHEEL_SLOTS - 1;

	timer_wheel_link(record.wheel, 1, horizon);
	timer_wheel_link(record.wheel, 2, horizon + 1);
	timer_wheel_link(record.wheel, 3, UINT32_MAX);
	assert_true(advance(&record, horizon - 1, UINT32_MAX));
	assert_int_equal(record.count, 0);
	assert_true(advance(&record, horizon, UINT32_MAX));
	assert_int_equal(record.count, 3);
	timer_wheel_destroy(&record.wheel);
}

static void test_cap_resumes_inside_a_slot(void **state)
{
	struct record record;
	setup_record(&record);
	size_t visits = 0;
	unsigned seen[10] = {0};

	for (uint32_t i = 0; i < 10; i++) {
		timer_wheel_link(record.wheel, i, 5);
	}
	for (unsigned call = 0; call < 4; call++) {
		assert_true(advance(&record, 6, 3) == (call == 3));
		assert_int_equal(record.count, call == 3 ? 1 : 3);
		assert_int_equal(timer_wheel_next(record.wheel), call == 3 ? 7 : START + 1);
		visits += record.count;
		for (size_t i = 0; i < record.count; i++) {
			seen[record.visited[i]]++;
		}
	}
	assert_int_equal(visits, 10);
	for (size_t i = 0; i < 10; i++) {
		assert_int_equal(seen[i], 1);
	}
	timer_wheel_destroy(&record.wheel);
}

static void test_relinked_to_the_past_waits_for_the_next_advance(void **state)
{
	struct record record;
	setup_record(&record);

	record.answer = 1;
	timer_wheel_link(record.wheel, 1, 5);
	timer_wheel_link(record.wheel, 2, 6);
	for (uint32_t call = 0; call < 3; call++) {
		assert_true(advance(&record, 50, UINT32_MAX)); /* returns at all */
		assert_int_equal(record.count, 2);
	}
	timer_wheel_destroy(&record.wheel);
}

static void test_visit_takes_out_its_neighbour(void **state)
{
	struct record record;
	setup_record(&record);

	record.victim = 2;
	timer_wheel_link(record.wheel, 1, 5);
	timer_wheel_link(record.wheel, 2, 5);
	timer_wheel_link(record.wheel, 3, 5);
	assert_true(advance(&record, 5, UINT32_MAX));
	assert_int_equal(record.count, 2);
	assert_int_equal(record.visited[0], 1);
	assert_int_equal(record.visited[1], 3);
	timer_wheel_destroy(&record.wheel);
}

static void test_visit_moves_its_neighbour(void **state)
{
	struct record record;
	setup_record(&record);

	record.protege = 2;
	record.answer = 9;
	timer_wheel_link(record.wheel, 1, 5);
	timer_wheel_link(record.wheel, 2, 5);
	assert_true(advance(&record, 5, UINT32_MAX));
	assert_int_equal(record.count, 1);
	assert_true(advance(&record, 9, UINT32_MAX));
	assert_int_equal(record.count, 2);
	timer_wheel_destroy(&record.wheel);
}

static void test_long_sleep_visits_each_once(void **state)
{
	struct record record;
	setup_record(&record);

	for (uint32_t i = 0; i < ENTRIES; i++) {
		timer_wheel_link(record.wheel, i, 2 + i * 7 % TIMER_WHEEL_SLOTS);
	}
	record.answer = 3000000001;
	clock_t before = clock();
	assert_true(advance(&record, 3000000000, UINT32_MAX));
	assert_true(clock() - before < CLOCKS_PER_SEC / 2); /* tick by tick it takes seconds */
	assert_int_equal(record.count, ENTRIES);
	assert_int_equal(timer_wheel_next(record.wheel), 3000000001);
	record.answer = TIMER_WHEEL_NONE;
	assert_true(advance(&record, 3000000001, UINT32_MAX));
	assert_int_equal(record.count, ENTRIES);
	timer_wheel_destroy(&record.wheel);
}

static void test_reserve_keeps_what_is_linked(void **state)
{
	struct record record;
	setup_record(&record);

	timer_wheel_link(record.wheel, ENTRIES - 1, 5);
	assert_int_equal(timer_wheel_reserve(record.wheel, 100000), 0);
	timer_wheel_link(record.wheel, 99999, 5);
	assert_int_equal(timer_wheel_reserve(record.wheel, 1), 0); /* never shrinks */
	assert_true(advance(&record, 5, UINT32_MAX));
	assert_int_equal(record.count, 2);
	assert_int_equal(record.visited[0], ENTRIES - 1);
	assert_int_equal(record.visited[1], 99999);
	timer_wheel_destroy(&record.wheel);
}

/* --- against a model -----------------------------------------------------------------------------
 */

/* What the wheel promises, without a wheel: each entry with the tick at which it comes up. */
struct model {
	struct timer_wheel *wheel;
	struct {
		bool is_linked;
		uint32_t tick;   /* asked for */
		uint32_t up;     /* when it comes up: `tick`, or the horizon before it */
		uint32_t not_in; /* the advance in which it was linked to a passed tick; 0: none */
		uint32_t visit_of; /* the last advance that visited it */
	} entries[ENTRIES];
	uint32_t now;
	uint32_t call;   /* advances so far */
	uint32_t visits; /* in this advance */
};

static void model_link(struct model *model, uint32_t index, uint32_t tick)
{
	uint32_t horizon = model->now + TIMER_WHEEL_SLOTS;

	model->entries[index].is_linked = true;
	model->entries[index].tick = tick;
	model->entries[index].up = tick < horizon ? tick : horizon;
	model->entries[index].not_in = tick <= model->now ? model->call : 0;
}

static uint32_t random_below(uint32_t limit)
{
	return (uint32_t)rand() % limit;
}

/* Mostly near, sometimes passed, sometimes beyond the horizon; never TIMER_WHEEL_NONE. */
static uint32_t random_tick(const struct model *model)
{
	switch (random_below(8)) {
	case 0:
		return model->now > 20 ? model->now - random_below(20) : model->now;
	case 1:
		return model->now + random_below(5000);
	default:
		return model->now + random_below(200);
	}
}

static void change_any_but(struct model *model, uint32_t visited)
{
	uint32_t index = random_below(ENTRIES);

	if (index == visited) {
		return;
	}
	if (random_below(3) == 0) {
		timer_wheel_unlink(model->wheel, index);
		model->entries[index].is_linked = false;
	} else {
		uint32_t tick = random_tick(model);
		timer_wheel_link(model->wheel, index, tick);
		model_link(model, index, tick);
	}
}

static uint32_t visit_and_compare(void *context, uint32_t index)
{
	struct model *model = context;

	assert_true(index < ENTRIES);
	assert_true(model->entries[index].is_linked);
	assert_true(model->entries[index].up <= model->now); /* never early */
	assert_true(model->entries[index].not_in != model->call);
	model->entries[index].visit_of = model->call;
	model->entries[index].is_linked = false;
	model->visits++;
	if (random_below(4) == 0) {
		change_any_but(model, index);
	}
	if (random_below(3) == 0) {
		return TIMER_WHEEL_NONE;
	}
	uint32_t tick = random_tick(model);
	model_link(model, index, tick);
	return tick;
}

static void check_nothing_is_late(const struct model *model)
{
	for (uint32_t i = 0; i < ENTRIES; i++) {
		assert_int_equal(
			timer_wheel_is_linked(model->wheel, i), model->entries[i].is_linked);
		if (model->entries[i].is_linked && model->entries[i].not_in != model->call) {
			assert_true(model->entries[i].up > model->now);
		}
	}
}

static void advance_and_compare(struct model *model)
{
	uint32_t jump = random_below(50) == 0 ? random_below(4000) : random_below(6);
	uint32_t visits_max = random_below(3) == 0 ? 1 + random_below(10) : UINT32_MAX;
	uint32_t before = timer_wheel_next(model->wheel);

	model->now += jump;
	model->call++;
	model->visits = 0;
	if (timer_wheel_advance(model->wheel, model->now, visits_max, visit_and_compare, model)) {
		assert_true(model->visits <= visits_max);
		assert_int_equal(timer_wheel_next(model->wheel), model->now + 1);
		check_nothing_is_late(model);
	} else {
		assert_int_equal(model->visits, visits_max);
		assert_int_equal(timer_wheel_next(model->wheel), before);
	}
}

static void run_model(unsigned seed)
{
	struct model model = {.now = START};

	srand(seed);
	assert_int_equal(timer_wheel_create(START, &model.wheel), 0);
	assert_int_equal(timer_wheel_reserve(model.wheel, ENTRIES), 0);
	for (size_t step = 0; step < STEPS; step++) {
		if (random_below(2) == 0) {
			change_any_but(&model, ENTRIES);
		} else {
			advance_and_compare(&model);
		}
	}
	timer_wheel_destroy(&model.wheel);
}

static void test_agrees_with_a_model(void **state)
{
	for (unsigned seed = 1; seed <= 20; seed++) {
		run_model(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_comes_up_at_its_tick_and_once),
		cmocka_unit_test(test_earlier_ticks_come_first),
		cmocka_unit_test(test_link_moves_and_unlink_takes_out),
		cmocka_unit_test(test_beyond_the_horizon_asks_early),
		cmocka_unit_test(test_cap_resumes_inside_a_slot),
		cmocka_unit_test(test_relinked_to_the_past_waits_for_the_next_advance),
		cmocka_unit_test(test_visit_takes_out_its_neighbour),
		cmocka_unit_test(test_visit_moves_its_neighbour),
		cmocka_unit_test(test_long_sleep_visits_each_once),
		cmocka_unit_test(test_reserve_keeps_what_is_linked),
		cmocka_unit_test(test_agrees_with_a_model),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
