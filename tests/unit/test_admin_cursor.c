#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/cursor.h"
#include "../../server/base/handle.h"

static void test_there_and_back(void **state)
{
	static const uint32_t indexes[] = {0, 1, 255, 1000000, HANDLE_INDEX_MAX};
	for (uint32_t worker = 0; worker < HANDLE_WORKERS_MAX; worker += 127) {
		for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
			char cursor[ADMIN_CURSOR_MAX];
			uint8_t ret_worker = 0;
			uint32_t ret_index = 0;
			admin_cursor_write((uint8_t)worker, indexes[i], cursor);
			assert_int_equal(
				admin_cursor_read(cursor, worker + 1, &ret_worker, &ret_index), 0);
			assert_int_equal(ret_worker, worker);
			assert_int_equal(ret_index, indexes[i]);
			assert_int_equal(admin_cursor_read(cursor, worker, &ret_worker, &ret_index),
				-EINVAL);
		}
	}
}

static void test_what_is_no_cursor(void **state)
{
	static const char *const bad[] = {"", ".", "0", "0.", ".0", "0.0.0", "-1.0", "0.-1", "+0.0",
		" 0.0", "0x0.0", "0.16777216", "0.4294967296", "0.99999999999999999999", "9.0",
		"0,0"};
	uint8_t worker;
	uint32_t index;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(admin_cursor_read(bad[i], 2, &worker, &index), -EINVAL);
	}
}

static void test_of_a_walk(void **state)
{
	static const struct rcu_walk walks[] = {
		{0, 0}, {1, 0}, {77, 3}, {RCU_WALK_POSITION_MAX, UINT32_MAX}};
	static const char *const bad[] = {
		"", "1", "1.", ".1", "1.1.1", "-1.0", "4294967297.0", "0.4294967296", "0x1.0"};
	struct rcu_walk walk;
	(void)state;
	for (size_t i = 0; i < sizeof(walks) / sizeof(walks[0]); i++) {
		char cursor[ADMIN_CURSOR_MAX];
		admin_cursor_write_walk(&walks[i], cursor);
		assert_int_equal(admin_cursor_read_walk(cursor, &walk), 0);
		assert_int_equal(walk.position, walks[i].position);
		assert_int_equal(walk.skip, walks[i].skip);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(admin_cursor_read_walk(bad[i], &walk), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_what_is_no_cursor),
		cmocka_unit_test(test_of_a_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
