#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/base/epoch.h"

enum {
	THREADS = 4,
	EACH = 20000, /* numbers of each thread */
};

static void test_numbers_rise_whatever_the_clock_does(void **state)
{
	struct epoch_source source = {0};
	static const uint64_t clock_us[] = {5000, 5000, 5001, 3000, 0, 6999, 6999, 1000000000};
	uint64_t last = 0;
	for (size_t i = 0; i < sizeof(clock_us) / sizeof(clock_us[0]); i++) {
		uint64_t next = epoch_next(&source, clock_us[i]);
		assert_true(next > last);
		assert_true(next >= epoch_at(clock_us[i]));
		last = next;
	}
	/* As near to the clock as that allows: others' numbers are made in the same way. */
	assert_int_equal(last, (uint64_t)1000000 << EPOCH_PER_MS_BITS);
	assert_int_equal(epoch_next(&source, 1000000000), last + 1);
}

static void test_numbers_are_moments(void **state)
{
	struct epoch_source one = {0}, other = {0};
	/* Of two nodes that have not heard of each other: each microsecond is told from the next.
	 */
	for (uint64_t us = 7000000; us < 7002000; us++) {
		assert_true(epoch_next(&one, us) < epoch_next(&other, us + 1));
	}
	assert_int_equal(epoch_at(7000000), (uint64_t)7000 << EPOCH_PER_MS_BITS);
	assert_int_equal(epoch_at(7000999) >> EPOCH_PER_MS_BITS, 7000);
	assert_int_equal(epoch_at(7001000), (uint64_t)7001 << EPOCH_PER_MS_BITS);
}

static void test_numbers_follow_a_clock_that_was_far_off(void **state)
{
	struct epoch_source source = {0};
	const uint64_t year_ms = UINT64_C(365) * 86400 * 1000;
	const uint64_t ahead = epoch_next(&source, (1000 + year_ms) * 1000);
	const uint64_t back = epoch_next(&source, 1000000);
	assert_int_equal(back, (uint64_t)1000 << EPOCH_PER_MS_BITS);
	assert_true(epoch_is_after(back + 1, back));
	assert_false(epoch_is_after(back, back));
	assert_false(epoch_is_after(ahead, back)); /* its connection makes room for newcomers */
	source.last = UINT64_MAX;
	assert_int_equal(epoch_next(&source, 1000000), (uint64_t)1000 << EPOCH_PER_MS_BITS);
	/* Up to a minute the numbers go on upwards. */
	source.last = (uint64_t)61000 << EPOCH_PER_MS_BITS;
	assert_int_equal(epoch_next(&source, 1000000), ((uint64_t)61000 << EPOCH_PER_MS_BITS) + 1);
	source.last = (uint64_t)61001 << EPOCH_PER_MS_BITS;
	assert_int_equal(epoch_next(&source, 1000000), (uint64_t)1000 << EPOCH_PER_MS_BITS);
}

static void test_numbers_are_higher_than_what_others_gave(void **state)
{
	struct epoch_source source = {0};
	uint64_t mine = epoch_next(&source, 1000000);
	epoch_advance(&source, mine + 500);
	assert_int_equal(epoch_next(&source, 1000000), mine + 501);
	epoch_advance(&source, mine);
	assert_int_equal(epoch_next(&source, 1000000), mine + 502);
}

struct taker {
	pthread_t thread;
	struct epoch_source *source;
	uint64_t taken[EACH];
};

static void *take(void *context)
{
	struct taker *taker = context;
	for (uint64_t i = 0; i < EACH; i++) {
		taker->taken[i] = epoch_next(taker->source, i);
		epoch_advance(taker->source, taker->taken[i]);
	}
	return NULL;
}

static void test_no_number_is_given_twice(void **state)
{
	static struct taker takers[THREADS];
	struct epoch_source source = {0};
	size_t at[THREADS] = {0};
	uint64_t last = 0;
	for (int i = 0; i < THREADS; i++) {
		takers[i].source = &source;
		assert_int_equal(pthread_create(&takers[i].thread, NULL, take, &takers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(takers[i].thread, NULL);
	}
	/* All of them, merged. */
	for (int left = THREADS * EACH; left > 0; left--) {
		int first = -1;
		for (int i = 0; i < THREADS; i++) {
			if (at[i] < EACH && (first < 0 || takers[i].taken[at[i]] <
								  takers[first].taken[at[first]])) {
				first = i;
			}
		}
		assert_true(takers[first].taken[at[first]] > last);
		last = takers[first].taken[at[first]++];
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers_rise_whatever_the_clock_does),
		cmocka_unit_test(test_numbers_are_moments),
		cmocka_unit_test(test_numbers_follow_a_clock_that_was_far_off),
		cmocka_unit_test(test_numbers_are_higher_than_what_others_gave),
		cmocka_unit_test(test_no_number_is_given_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
