/* Ids of requests and which of them wait, around the ends of the window and of the numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../tools/client/requests.h"
#include "split.h"

static uint32_t begin(struct requests *requests)
{
	const uint32_t id = requests_next(requests);
	if (id != 0) {
		requests_begin(requests, id);
	}
	return id;
}

static void each_is_answered_once(void **state)
{
	struct requests requests = {0};

	assert_false(requests_end(&requests, 1));
	assert_int_equal(begin(&requests), 1);
	assert_int_equal(begin(&requests), 2);
	assert_int_equal(begin(&requests), 3);
	assert_false(requests_end(&requests, 0));
	assert_false(requests_end(&requests, 4));
	assert_false(requests_end(&requests, UINT32_C(0x80000001)));
	assert_true(requests_end(&requests, 2));
	assert_false(requests_end(&requests, 2));
	assert_true(requests_end(&requests, 1));
	assert_false(requests_end(&requests, 1));
	assert_true(requests_end(&requests, 3));
	assert_int_equal(requests.count, 0);
	assert_int_equal(begin(&requests), 4);
}

static void an_id_that_is_not_taken_is_given_again(void **state)
{
	struct requests requests = {0};

	assert_int_equal(requests_next(&requests), 1);
	assert_int_equal(requests_next(&requests), 1);
	assert_false(requests_end(&requests, 1));
}

/* The oldest holds the window, whoever was answered behind it. */
static void as_many_wait_as_may(void **state)
{
	struct requests requests = {0};

	for (unsigned i = 1; i <= REQUESTS_MAX; i++) {
		assert_int_equal(begin(&requests), i);
	}
	assert_int_equal(begin(&requests), 0);
	for (unsigned i = 2; i <= REQUESTS_MAX; i++) {
		assert_true(requests_end(&requests, i));
	}
	assert_int_equal(begin(&requests), 0);
	assert_false(requests_take_writable(&requests));
	assert_true(requests_end(&requests, 1));
	assert_int_equal(begin(&requests), REQUESTS_MAX + 1);
}

static void who_was_refused_may_go_on_at_half(void **state)
{
	struct requests requests = {0};
	unsigned id = 0;

	assert_false(requests_take_writable(&requests));
	while (begin(&requests) != 0) {
	}
	while (!requests_take_writable(&requests)) {
		assert_true(requests_end(&requests, ++id));
	}
	assert_int_equal(id, REQUESTS_MAX - REQUESTS_SLOTS / 2);
	assert_false(requests_take_writable(&requests));
}

static void those_that_wait_are_given_up_in_order(void **state)
{
	struct requests requests = {0};

	for (unsigned i = 1; i <= 5; i++) {
		begin(&requests);
	}
	requests_end(&requests, 1);
	requests_end(&requests, 4);
	assert_int_equal(requests_give_up(&requests), 2);
	assert_int_equal(requests_give_up(&requests), 3);
	assert_int_equal(requests_give_up(&requests), 5);
	assert_int_equal(requests_give_up(&requests), 0);
	begin(&requests);
	requests_clear(&requests);
	assert_int_equal(requests_give_up(&requests), 0);
	assert_int_equal(begin(&requests), 7); /* no id comes again */
}

/* Against a list, with answers in any order, across the end of the numbers. */
static void numbers_begin_again_at_their_end(void **state)
{
	struct requests requests = {.newest = REQUESTS_ID_MAX - 2000};
	uint32_t waiting[REQUESTS_MAX];
	uint32_t random = 1;
	unsigned count = 0;

	for (unsigned step = 0; step < 20000; step++) {
		if (split_random(&random) % 100 < 52) {
			const uint32_t id = begin(&requests);
			if (id != 0) {
				assert_true(id <= REQUESTS_ID_MAX);
				assert_true(count < REQUESTS_MAX);
				waiting[count++] = id;
			}
		} else if (count > 0) {
			/* Mostly the oldest ones, so that the window moves on. */
			const unsigned at = split_random(&random) % (count < 8 ? count : 8);
			assert_true(requests_end(&requests, waiting[at]));
			assert_false(requests_end(&requests, waiting[at]));
			memmove(&waiting[at], &waiting[at + 1],
				(--count - at) * sizeof(waiting[0]));
		}
		assert_int_equal(requests.count, count);
	}
	assert_true(requests.newest < REQUESTS_ID_MAX / 2);
	for (unsigned i = 0; i < count; i++) {
		assert_int_equal(requests_give_up(&requests), waiting[i]);
	}
	assert_int_equal(requests_give_up(&requests), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_answered_once),
		cmocka_unit_test(an_id_that_is_not_taken_is_given_again),
		cmocka_unit_test(as_many_wait_as_may),
		cmocka_unit_test(who_was_refused_may_go_on_at_half),
		cmocka_unit_test(those_that_wait_are_given_up_in_order),
		cmocka_unit_test(numbers_begin_again_at_their_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
