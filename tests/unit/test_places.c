#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/conn/places.h"
#include "../../server/conn/places_pack.h"

enum {
	LEAST_S = 2,
	SLOTS = 9,
	HERD = 900,
};

static void test_a_place_then_beyond_then_none(void **state)
{
	struct places places = {.max = 2, .refusals_max = 1};
	assert_true(places_take(&places));
	assert_true(places_take(&places));
	assert_false(places_take(&places));
	assert_true(places_take_refusal(&places));
	assert_false(places_take_refusal(&places));
	places_give(&places, true);
	assert_true(places_take_refusal(&places));
	places_give(&places, false);
	assert_true(places_take(&places));
	assert_int_equal(places.taken, 2);
	assert_int_equal(places.refusals, 1);
}

static void test_who_waits_takes_what_becomes_free(void **state)
{
	struct places places = {.max = 1, .taken = 1, .refusals = 1};
	assert_false(places_promote(&places));
	assert_int_equal(places.refusals, 1);
	places_give(&places, false);
	assert_true(places_promote(&places));
	assert_int_equal(places.taken, 1);
	assert_int_equal(places.refusals, 0);
}

/* A reload has lowered the limit: nobody comes in until enough have gone. */
static void test_more_taken_than_there_are(void **state)
{
	struct places places = {.max = 1, .taken = 3};
	assert_false(places_take(&places));
	places_give(&places, false);
	places_give(&places, false);
	assert_false(places_take(&places));
	places_give(&places, false);
	assert_true(places_take(&places));
}

static unsigned openings_at(struct places *places, uint64_t now_us)
{
	unsigned count = 0;
	while (count < 1000 && places_take_opening(places, now_us)) {
		count++;
	}
	return count;
}

static void test_openings_a_second(void **state)
{
	const uint64_t start_us = 5000000;
	struct places places = {.openings = 0};
	assert_int_equal(openings_at(&places, start_us), 1000);
	places.openings = 50;
	assert_int_equal(openings_at(&places, start_us), 50);
	assert_int_equal(openings_at(&places, start_us), 0);
	assert_int_equal(openings_at(&places, start_us + 19999), 0);
	assert_int_equal(openings_at(&places, start_us + 20000), 1);
	assert_int_equal(openings_at(&places, start_us + 520000), 25);
	assert_int_equal(openings_at(&places, start_us + 60000000), 50);
	/* It may change at once. */
	places.openings = 0;
	assert_int_equal(openings_at(&places, start_us + 60000000), 1000);
}

static void *take_all(void *context)
{
	struct places *places = context;
	uintptr_t count = 0;
	for (int i = 0; i < 100000; i++) {
		count += places_take(places);
	}
	return (void *)count;
}

/* Neither more than there are, nor anybody refused while there is one. */
static void test_threads_share_them(void **state)
{
	struct places places = {.max = 150000};
	pthread_t threads[2];
	uintptr_t total = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, take_all, &places), 0);
	}
	for (int i = 0; i < 2; i++) {
		void *count;
		pthread_join(threads[i], &count);
		total += (uintptr_t)count;
	}
	assert_int_equal(total, 150000);
	assert_int_equal(places.taken, 150000);
}

static void expect_even(const struct places *places, uint64_t now_ms, uint32_t least_s)
{
	/* As two workers and an acceptor refuse side by side. */
	struct spread spreads[3] = {spread_begin(0), spread_begin(1), spread_begin(255)};
	unsigned counts[SLOTS] = {0};
	for (int i = 0; i < HERD; i++) {
		uint32_t retry_s = places_retry_s(places, &spreads[i % 3], now_ms);
		assert_in_range(retry_s, least_s, least_s + SLOTS - 1);
		counts[retry_s - least_s]++;
	}
	for (int slot = 0; slot < SLOTS; slot++) {
		assert_in_range(counts[slot], HERD / SLOTS * 9 / 10, HERD / SLOTS * 11 / 10);
	}
}

static void test_refusals_are_spread(void **state)
{
	struct places places = {.max = 0};
	struct spread spread = spread_begin(0);
	uint32_t before = 0;
	expect_even(&places, 123456, LEAST_S);
	/* Neighbours lie apart. */
	for (int i = 0; i < 20; i++) {
		uint32_t retry_s = places_retry_s(&places, &spread, 0);
		assert_int_not_equal(retry_s, before);
		before = retry_s;
	}
}

static void test_nobody_comes_back_before_the_end_of_a_drain(void **state)
{
	struct places places = {.max = 0};
	places_set_back_ms(&places, 70000);
	expect_even(&places, 10000, 60);
	expect_even(&places, 10001, 60);
	expect_even(&places, 9999, 61);
	expect_even(&places, 69999, 1);
	expect_even(&places, 70000, 1);
	expect_even(&places, 500000, 1);
}

/* Whoever comes too fast does so in the next process, too. */
static void test_openings_go_on_elsewhere(void **state)
{
	struct places giver = {.openings = 3};
	struct places taker = {.openings = 3};
	struct pack pack = PACK_EMPTY;
	const uint64_t now_us = 5000000;
	while (places_take_opening(&giver, now_us)) {
	}
	places_pack(&giver, &pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(places_unpack(&taker, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	assert_false(places_take_opening(&taker, now_us));
	assert_true(places_take_opening(&taker, now_us + 1000000));
	unpack = unpack_of(pack.bytes, pack.len - 1);
	assert_int_equal(places_unpack(&taker, &unpack), -EINVAL);
	pack_finish(&pack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_place_then_beyond_then_none),
		cmocka_unit_test(test_who_waits_takes_what_becomes_free),
		cmocka_unit_test(test_more_taken_than_there_are),
		cmocka_unit_test(test_openings_a_second),
		cmocka_unit_test(test_openings_go_on_elsewhere),
		cmocka_unit_test(test_threads_share_them),
		cmocka_unit_test(test_refusals_are_spread),
		cmocka_unit_test(test_nobody_comes_back_before_the_end_of_a_drain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
