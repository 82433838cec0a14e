#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/handover_status.h"

static void test_one_at_a_time(void **state)
{
	struct handover_status status;
	struct handover_figures figures;
	handover_status_init(&status);
	assert_true(handover_status_begin(&status));
	assert_false(handover_status_begin(&status));
	handover_status_set(&status, HANDOVER_MOVING, 7);
	assert_false(handover_status_begin(&status));
	handover_status_look(&status, &figures);
	assert_int_equal(figures.state, HANDOVER_MOVING);
	assert_int_equal(figures.pid, 7);
	assert_int_equal(figures.attempts, 0);
	handover_status_refuse(&status, "no");
	handover_status_look(&status, &figures);
	assert_int_equal(figures.state, HANDOVER_NONE);
	assert_int_equal(figures.pid, 0);
	assert_int_equal(figures.attempts, 1);
	assert_int_equal(figures.refused, 1);
	assert_string_equal(figures.why, "no");
	assert_true(figures.ended_ms > 0);
	assert_true(handover_status_begin(&status));
	handover_status_finish(&status);
}

/* What the new process goes on from, and what it adds. */
static void test_over_to_the_next(void **state)
{
	struct handover_status before;
	struct handover_status behind;
	struct handover_figures figures;
	struct pack pack = PACK_EMPTY;
	handover_status_init(&before);
	handover_status_init(&behind);
	handover_status_refuse(&before, "no");
	handover_status_take(&before, 5, 2, 9);
	handover_status_pack(&before, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		assert_int_equal(handover_status_unpack(&behind, &unpack), -EINVAL);
	}
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(handover_status_unpack(&behind, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	handover_status_take(&behind, 100, 0, 1234);
	handover_status_look(&behind, &figures);
	assert_int_equal(figures.attempts, 3);
	assert_int_equal(figures.done, 1);
	assert_int_equal(figures.refused, 1);
	assert_int_equal(figures.broken, 1);
	assert_int_equal(figures.lines, 100);
	assert_int_equal(figures.lost, 2);
	assert_int_equal(figures.frozen_us, 1234);
	assert_string_equal(figures.why, "");
	pack_finish(&pack);
	handover_status_finish(&before);
	handover_status_finish(&behind);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_at_a_time),
		cmocka_unit_test(test_over_to_the_next),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
