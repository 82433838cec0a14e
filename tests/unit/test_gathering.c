#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/fanout/gathering.h"

enum {
	START = 5000000, /* us */
};

/* A pass of so many texts that took so long; returns when it ended. */
static uint64_t pass(struct gathering *gathering, uint32_t texts, uint32_t took_us)
{
	gathering_pass_begins(gathering, START);
	gathering_pass_ends(gathering, texts, START + took_us);
	return START + took_us;
}

static void test_the_first_pass_begins_at_once(void **state)
{
	struct gathering gathering = {0};
	assert_int_equal(gathering_wait_us(&gathering, 1, START), 0);
}

static void test_who_just_talks_never_waits(void **state)
{
	struct gathering gathering = {0};
	for (uint32_t texts = 1; texts < 4; texts++) {
		uint64_t now = pass(&gathering, texts, 800);
		assert_int_equal(gathering_wait_us(&gathering, 1, now), 0);
	}
}

static void test_after_a_dense_pass_half_its_time_is_waited(void **state)
{
	struct gathering gathering = {0};
	uint64_t now = pass(&gathering, 32, 800);
	assert_int_equal(gathering_wait_us(&gathering, 1, now), 400);
	assert_int_equal(gathering_wait_us(&gathering, 32, now + 150), 250);
	assert_int_equal(gathering_wait_us(&gathering, 33, now + 400), 0);
	/* And two milliseconds at most. */
	now = pass(&gathering, 32, 100000);
	assert_int_equal(gathering_wait_us(&gathering, 1, now + 10), 2000);
	assert_int_equal(gathering_wait_us(&gathering, 1, now + 2010), 0);
}

static void test_enough_begins_at_once(void **state)
{
	struct gathering gathering = {0};
	uint64_t now = pass(&gathering, 32, 800);
	assert_int_equal(gathering_wait_us(&gathering, 48, now), 0);
	assert_int_equal(gathering_wait_us(&gathering, 47, now), 400);
	assert_int_equal(gathering_wait_us(&gathering, 48, now + 1), 0);
}

static void test_talk_that_begins_anew_does_not_wait(void **state)
{
	struct gathering gathering = {0};
	uint64_t now = pass(&gathering, 32, 800);
	assert_int_equal(gathering_wait_us(&gathering, 1, now + 4 * 800 + 1), 0);
	assert_int_equal(gathering_wait_us(&gathering, 1, now + 4 * 800), 400);
}

/* One that few had anything from is not told of: the last whole one counts on. */
static void test_each_pass_has_a_wait_of_its_own(void **state)
{
	struct gathering gathering = {0};
	uint64_t now = pass(&gathering, 32, 800);
	assert_int_equal(gathering_wait_us(&gathering, 1, now + 100), 400);
	gathering_pass_begins(&gathering, now + 500);
	assert_int_equal(gathering_wait_us(&gathering, 1, now + 600), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_pass_begins_at_once),
		cmocka_unit_test(test_who_just_talks_never_waits),
		cmocka_unit_test(test_after_a_dense_pass_half_its_time_is_waited),
		cmocka_unit_test(test_enough_begins_at_once),
		cmocka_unit_test(test_talk_that_begins_anew_does_not_wait),
		cmocka_unit_test(test_each_pass_has_a_wait_of_its_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
