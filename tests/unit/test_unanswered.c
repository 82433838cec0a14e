#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/session/unanswered.h"

enum {
	SESSIONS = 3000,
};

static handle_t session(uint32_t i)
{
	return handle_make((uint8_t)(i % 3), i, 7 + i / 2);
}

static void test_each_session_has_its_own_limits(void **state)
{
	(void)state;
	struct unanswered unanswered = {.count = 0};
	for (uint32_t i = 0; i < UNANSWERED_IDS_MAX; i++) {
		assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_ID), 0);
	}
	assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_ID), -EBUSY);
	for (uint32_t i = 0; i < UNANSWERED_REQUESTS_MAX; i++) {
		assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_REQUEST), 0);
	}
	assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_REQUEST), -EBUSY);
	assert_int_equal(unanswered_take(&unanswered, session(2), UNANSWERED_ID), 0);
	unanswered_give_back(&unanswered, session(1), UNANSWERED_ID);
	assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_ID), 0);
	assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_ID), -EBUSY);
	unanswered_give_back(&unanswered, session(1), UNANSWERED_REQUEST);
	assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_REQUEST), 0);
	assert_int_equal(unanswered.count, 2);
	unanswered_finish(&unanswered);
}

static void test_what_was_never_taken(void **state)
{
	(void)state;
	struct unanswered unanswered = {.count = 0};
	unanswered_give_back(&unanswered, session(1), UNANSWERED_ID);
	assert_int_equal(unanswered_take(&unanswered, session(1), UNANSWERED_ID), 0);
	unanswered_give_back(&unanswered, session(1), UNANSWERED_REQUEST);
	unanswered_give_back(&unanswered, session(2), UNANSWERED_ID);
	unanswered_give_back(&unanswered, session(1), UNANSWERED_NOTHING);
	assert_int_equal(unanswered.count, 1);
	unanswered_give_back(&unanswered, session(1), UNANSWERED_ID);
	assert_int_equal(unanswered.count, 0);
	unanswered_finish(&unanswered);
}

/* Whoever comes and goes in between, each has as many as it has taken. */
static void test_many_come_and_go(void **state)
{
	(void)state;
	static uint16_t taken[SESSIONS];
	struct unanswered unanswered = {.count = 0};
	uint32_t waiting = 0;
	uint32_t random = 9;
	for (int step = 0; step < 200000; step++) {
		random = random * 1664525 + 1013904223;
		const uint32_t at = (random >> 8) % SESSIONS;
		if (random >> 31 && taken[at] < UNANSWERED_IDS_MAX) {
			assert_int_equal(
				unanswered_take(&unanswered, session(at), UNANSWERED_ID), 0);
			waiting += taken[at]++ == 0;
		} else if (taken[at] > 0) {
			unanswered_give_back(&unanswered, session(at), UNANSWERED_ID);
			waiting -= --taken[at] == 0;
		}
		assert_int_equal(unanswered.count, waiting);
	}
	for (uint32_t i = 0; i < SESSIONS; i++) {
		for (uint16_t more = taken[i]; more < UNANSWERED_IDS_MAX; more++) {
			assert_int_equal(
				unanswered_take(&unanswered, session(i), UNANSWERED_ID), 0);
		}
		assert_int_equal(unanswered_take(&unanswered, session(i), UNANSWERED_ID), -EBUSY);
	}
	for (uint32_t i = 0; i < SESSIONS; i++) {
		for (uint32_t n = 0; n < UNANSWERED_IDS_MAX; n++) {
			unanswered_give_back(&unanswered, session(i), UNANSWERED_ID);
		}
	}
	assert_int_equal(unanswered.count, 0);
	unanswered_finish(&unanswered);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_session_has_its_own_limits),
		cmocka_unit_test(test_what_was_never_taken),
		cmocka_unit_test(test_many_come_and_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
