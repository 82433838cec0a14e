#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/base/handle.h"

static void check_parts(uint8_t worker, uint32_t index, uint32_t generation)
{
	handle_t handle = handle_make(worker, index, generation);
	assert_int_equal(handle_worker(handle), worker);
	assert_int_equal(handle_index(handle), index);
	assert_int_equal(handle_generation(handle), generation);
}

static void test_parts_come_back(void **state)
{
	static const uint32_t indexes[] = {0, 1, 0x7fffff, 0x800000, HANDLE_INDEX_MAX};
	static const uint32_t generations[] = {0, 1, INT32_MAX, 0x80000000, UINT32_MAX};

	for (unsigned worker = 0; worker <= HANDLE_WORKER_RESERVED; worker++) {
		for (size_t i = 0; i < 5; i++) {
			for (size_t g = 0; g < 5; g++) {
				check_parts((uint8_t)worker, indexes[i], generations[g]);
			}
		}
	}
}

static void test_every_part_tells_handles_apart(void **state)
{
	handle_t handle = handle_make(1, 2, 3);
	assert_true(handle != handle_make(2, 2, 3));
	assert_true(handle != handle_make(1, 3, 3));
	assert_true(handle != handle_make(1, 2, 4));
}

static void test_index_stays_out_of_the_worker(void **state)
{
	handle_t handle = handle_make(7, HANDLE_INDEX_MAX + 1U, 0);
	assert_int_equal(handle_worker(handle), 7);
	assert_int_equal(handle_index(handle), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_come_back),
		cmocka_unit_test(test_every_part_tells_handles_apart),
		cmocka_unit_test(test_index_stays_out_of_the_worker),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
