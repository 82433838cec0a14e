#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/shared_bufs.h"

enum {
	MANY = 5000,
};

static struct buf *make_buf(struct budget *budget, uint32_t capacity)
{
	struct buf *buf = NULL;
	assert_int_equal(buf_create(budget, BUDGET_BATCHES, sizeof(struct buf), capacity, &buf), 0);
	return buf;
}

static void test_a_buf_has_one_number(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct shared_bufs *shared = NULL;
	struct buf *a = make_buf(&budget, 10);
	struct buf *b = make_buf(&budget, 10);
	uint32_t number = 99;
	assert_int_equal(shared_bufs_create(&shared), 0);
	assert_int_equal(shared_bufs_number(shared, a, &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(shared_bufs_number(shared, b, &number), 0);
	assert_int_equal(number, 1);
	assert_int_equal(shared_bufs_number(shared, a, &number), 0);
	assert_int_equal(number, 0);
	assert_int_equal(shared_bufs_count(shared), 2);
	/* A number stands for as long as it is known: its memory is nobody else's meanwhile. */
	assert_int_equal(a->refs, 2);
	shared_bufs_destroy(&shared);
	assert_null(shared);
	assert_int_equal(a->refs, 1);
	buf_unref(&a);
	buf_unref(&b);
	assert_int_equal(budget_used(&budget), 0);
}

static void test_each_is_to_be_sent_once(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct shared_bufs *shared = NULL;
	struct buf *bufs[3];
	uint32_t number = 99;
	assert_int_equal(shared_bufs_create(&shared), 0);
	assert_null(shared_bufs_next(shared, &number));
	for (uint32_t i = 0; i < 3; i++) {
		bufs[i] = make_buf(&budget, 10);
	}
	assert_int_equal(shared_bufs_number(shared, bufs[1], &number), 0);
	assert_int_equal(shared_bufs_number(shared, bufs[0], &number), 0);
	assert_ptr_equal(shared_bufs_next(shared, &number), bufs[1]);
	assert_int_equal(number, 0);
	assert_ptr_equal(shared_bufs_next(shared, &number), bufs[0]);
	assert_int_equal(number, 1);
	assert_null(shared_bufs_next(shared, &number));
	assert_int_equal(shared_bufs_number(shared, bufs[1], &number), 0);
	assert_null(shared_bufs_next(shared, &number));
	assert_int_equal(shared_bufs_number(shared, bufs[2], &number), 0);
	assert_ptr_equal(shared_bufs_next(shared, &number), bufs[2]);
	shared_bufs_destroy(&shared);
	for (uint32_t i = 0; i < 3; i++) {
		buf_unref(&bufs[i]);
	}
}

static void test_many(void **state)
{
	static struct buf *bufs[MANY];
	struct budget budget = {.limit = SIZE_MAX};
	struct shared_bufs *shared = NULL;
	uint32_t number;
	assert_int_equal(shared_bufs_create(&shared), 0);
	for (uint32_t round = 0; round < 2; round++) {
		for (uint32_t i = 0; i < MANY; i++) {
			bufs[i] = round == 0 ? make_buf(&budget, 1) : bufs[i];
			assert_int_equal(shared_bufs_number(shared, bufs[i], &number), 0);
			assert_int_equal(number, i);
		}
	}
	for (uint32_t i = 0; i < MANY; i++) {
		assert_ptr_equal(shared_bufs_get(shared, i), bufs[i]);
		buf_unref(&bufs[i]);
	}
	shared_bufs_destroy(&shared);
	assert_int_equal(budget_used(&budget), 0);
}

static void test_the_taker_makes_them_again(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct shared_bufs *shared = NULL;
	assert_int_equal(shared_bufs_create(&shared), 0);
	assert_int_equal(shared_bufs_put(shared, &budget, BUDGET_BATCHES, 1, SLICE("b")), -EINVAL);
	assert_int_equal(shared_bufs_put(shared, &budget, BUDGET_BATCHES, 0, SLICE("aa")), 0);
	assert_int_equal(shared_bufs_put(shared, &budget, BUDGET_BATCHES, 0, SLICE("b")), -EINVAL);
	assert_int_equal(shared_bufs_put(shared, &budget, BUDGET_BATCHES, 1, SLICE("")), 0);
	assert_null(shared_bufs_get(shared, 2));
	struct buf *buf = shared_bufs_get(shared, 0);
	assert_non_null(buf);
	assert_int_equal(buf->len, 2);
	assert_memory_equal(buf->data, "aa", 2);
	assert_int_equal(shared_bufs_get(shared, 1)->len, 0);
	assert_true(budget_held(&budget, BUDGET_BATCHES) > 0);
	/* A queue that has it keeps it. */
	buf = buf_ref(buf);
	shared_bufs_destroy(&shared);
	assert_true(buf_is_exclusive(buf));
	buf_unref(&buf);
	assert_int_equal(budget_held(&budget, BUDGET_BATCHES), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_buf_has_one_number),
		cmocka_unit_test(test_each_is_to_be_sent_once),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_the_taker_makes_them_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
