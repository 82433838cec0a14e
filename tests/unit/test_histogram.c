#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bench/histogram.h"

enum {
	MEASUREMENTS = 100000,
};

static struct histogram one;
static struct histogram other;

static int setup(void **state)
{
	(void)state;
	memset(&one, 0, sizeof(one));
	memset(&other, 0, sizeof(other));
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a;
	uint64_t right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

/* From nanoseconds to minutes, each size as likely. */
static uint64_t random_value(void)
{
	uint64_t bits = (uint64_t)random() << 31 ^ (uint64_t)random();
	return bits >> (64 - 41 + random() % 41) & ((UINT64_C(1) << 41) - 1);
}

static void test_buckets_follow_each_other(void **state)
{
	(void)state;
	uint64_t bottom = 0;
	for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t top = histogram_bucket_top(i);
		assert_true(top >= bottom);
		assert_int_equal(histogram_bucket(bottom), i);
		assert_int_equal(histogram_bucket(top), i);
		bottom = top + 1;
	}
	assert_true(bottom == UINT64_C(1) << HISTOGRAM_VALUE_BITS);
}

static void test_error_is_bounded(void **state)
{
	(void)state;
	for (int i = 0; i < MEASUREMENTS; i++) {
		uint64_t value = random_value();
		uint64_t top = histogram_bucket_top(histogram_bucket(value));
		assert_true(top >= value);
		assert_true(top - value <= value >> HISTOGRAM_FINE_BITS);
	}
}

static void test_empty(void **state)
{
	(void)state;
	assert_int_equal(histogram_percentile(&one, 99), 0);
	assert_true(histogram_mean(&one) == 0);
	histogram_merge(&one, &other);
	histogram_reset(&one);
	assert_int_equal(one.count, 0);
	assert_int_equal(one.high, 0);
}

static void test_one_value(void **state)
{
	(void)state;
	histogram_record(&one, 123456789, 1);
	assert_int_equal(histogram_percentile(&one, 0), 123456789);
	assert_int_equal(histogram_percentile(&one, 50), 123456789);
	assert_int_equal(histogram_percentile(&one, 100), 123456789);
}

static void test_enormous_values_are_kept(void **state)
{
	(void)state;
	histogram_record(&one, UINT64_MAX, 1);
	assert_int_equal(one.count, 1);
	assert_true(one.max == UINT64_MAX);
	assert_int_equal(one.buckets[HISTOGRAM_BUCKETS - 1], 1);
}

/* Against the sorted values themselves. */
static void test_percentiles(void **state)
{
	static const double percents[] = {1, 10, 50, 90, 99, 99.9, 99.99, 100};
	static uint64_t values[MEASUREMENTS];
	(void)state;
	for (int i = 0; i < MEASUREMENTS; i++) {
		values[i] = random_value();
		histogram_record(&one, values[i], 1);
	}
	qsort(values, MEASUREMENTS, sizeof(values[0]), compare);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		size_t rank = (size_t)(percents[i] / 100 * MEASUREMENTS + 0.5);
		uint64_t wanted = values[rank - 1];
		uint64_t got = histogram_percentile(&one, percents[i]);
		assert_true(got >= wanted);
		assert_true(got - wanted <= wanted >> HISTOGRAM_FINE_BITS);
	}
	assert_true(histogram_percentile(&one, 100) == values[MEASUREMENTS - 1]);
}

static void test_many_at_once_are_many(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		histogram_record(&one, 5000, 1);
	}
	histogram_record(&other, 5000, 1000);
	assert_memory_equal(&one, &other, sizeof(one));
}

static void test_merged_is_as_if_recorded_together(void **state)
{
	static struct histogram together;
	(void)state;
	memset(&together, 0, sizeof(together));
	for (int i = 0; i < MEASUREMENTS; i++) {
		uint64_t value = random_value();
		histogram_record(i % 3 ? &one : &other, value, 1);
		histogram_record(&together, value, 1);
	}
	histogram_merge(&one, &other);
	assert_int_equal(one.count, together.count);
	assert_int_equal(one.low, together.low);
	assert_int_equal(one.high, together.high);
	assert_true(one.max == together.max);
	assert_memory_equal(one.buckets, together.buckets, sizeof(one.buckets));
}

static void test_reset_leaves_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < MEASUREMENTS; i++) {
		histogram_record(&one, random_value(), 1);
	}
	histogram_reset(&one);
	assert_memory_equal(&one, &other, sizeof(one));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_buckets_follow_each_other, setup),
		cmocka_unit_test_setup(test_error_is_bounded, setup),
		cmocka_unit_test_setup(test_empty, setup),
		cmocka_unit_test_setup(test_one_value, setup),
		cmocka_unit_test_setup(test_enormous_values_are_kept, setup),
		cmocka_unit_test_setup(test_percentiles, setup),
		cmocka_unit_test_setup(test_many_at_once_are_many, setup),
		cmocka_unit_test_setup(test_merged_is_as_if_recorded_together, setup),
		cmocka_unit_test_setup(test_reset_leaves_nothing, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
