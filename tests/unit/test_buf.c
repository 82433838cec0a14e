#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/buf.h"

enum {
	THREADS = 4,
	ROUNDS = 20000,
	CAPACITY = 1000,
};

/* As fan-out has it: its own struct in front of the data. */
struct broadcast {
	struct buf buf;
	uint64_t sender;
};

static struct broadcast *create_broadcast(struct budget *budget, uint32_t capacity)
{
	struct buf *buf = NULL;
	assert_int_equal(
		buf_create(budget, BUDGET_BATCHES, sizeof(struct broadcast), capacity, &buf), 0);
	assert_non_null(buf);
	return (struct broadcast *)buf;
}

static void test_prefix_and_data_lie_apart(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct broadcast *broadcast = create_broadcast(&budget, CAPACITY);
	struct buf *buf = &broadcast->buf;

	assert_int_equal(buf->capacity, CAPACITY);
	assert_int_equal(buf->len, 0);
	assert_true(buf->data >= (uint8_t *)(broadcast + 1));
	broadcast->sender = UINT64_MAX;
	memset(buf->data, 0, CAPACITY); /* the sanitizer watches its end */
	assert_true(broadcast->sender == UINT64_MAX);
	buf_unref(&buf);
}

static void test_budget_counts_what_is_held(void **state)
{
	struct budget budget = {.limit = 2 * CAPACITY};
	struct buf *first = &create_broadcast(&budget, CAPACITY)->buf;
	size_t one = budget_used(&budget);

	assert_true(one >= sizeof(struct broadcast) + CAPACITY);
	assert_int_equal(one, first->footprint);
	assert_int_equal(budget_held(&budget, BUDGET_BATCHES), one);
	assert_false(budget_is_exceeded(&budget));
	struct buf *second = &create_broadcast(&budget, CAPACITY)->buf;
	assert_int_equal(budget_used(&budget), one + second->footprint);
	assert_true(budget_is_exceeded(&budget));
	buf_unref(&second);
	assert_null(second);
	assert_int_equal(budget_used(&budget), one);
	buf_unref(&first);
	assert_int_equal(budget_used(&budget), 0);
}

static void test_empty_buf(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct buf *buf = &create_broadcast(&budget, 0)->buf;

	assert_int_equal(buf->capacity, 0);
	buf_unref(&buf);
	assert_int_equal(budget_used(&budget), 0);
	buf_unref(&buf); /* NULL by now */
}

/* The sanitizers' allocators would end the process instead of returning NULL. */
const char *__asan_default_options(void);
const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_too_much_is_refused(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct buf *buf = NULL;

	/* More than an address space; a prefix stands in for it, as capacity has 32 bits. */
	assert_int_equal(buf_create(&budget, BUDGET_POOLS, SIZE_MAX / 4, 0, &buf), -ENOMEM);
	assert_null(buf);
	assert_int_equal(budget_used(&budget), 0);
}

static void test_exclusive_only_with_one_reference(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct buf *buf = &create_broadcast(&budget, CAPACITY)->buf;

	assert_true(buf_is_exclusive(buf));
	struct buf *other = buf_ref(buf);
	assert_ptr_equal(other, buf);
	assert_false(buf_is_exclusive(buf));
	buf_unref(&other);
	assert_true(buf_is_exclusive(buf));
	assert_true(budget_used(&budget) > 0);
	buf_unref(&buf);
	assert_int_equal(budget_used(&budget), 0);
}

/* Gives back the reference it is given, after many of its own. Returns what it read. */
static void *hold_and_give_back(void *argument)
{
	struct buf *buf = argument;
	uintptr_t sum = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct buf *mine = buf_ref(buf);
		sum += mine->data[i % CAPACITY];
		buf_unref(&mine);
	}
	buf_unref(&buf);
	return (void *)sum;
}

static void test_last_of_many_threads_frees(void **state)
{
	struct budget budget = {.limit = SIZE_MAX};
	struct buf *buf = &create_broadcast(&budget, CAPACITY)->buf;
	pthread_t threads[THREADS];

	memset(buf->data, 1, CAPACITY);
	for (size_t i = 0; i < THREADS; i++) {
		assert_int_equal(
			pthread_create(&threads[i], NULL, hold_and_give_back, buf_ref(buf)), 0);
	}
	buf_unref(&buf);
	for (size_t i = 0; i < THREADS; i++) {
		void *sum;
		assert_int_equal(pthread_join(threads[i], &sum), 0);
		assert_int_equal((uintptr_t)sum, ROUNDS);
	}
	assert_int_equal(
		budget_used(&budget), 0); /* and the sanitizer sees no leak and no late read */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix_and_data_lie_apart),
		cmocka_unit_test(test_budget_counts_what_is_held),
		cmocka_unit_test(test_empty_buf),
		cmocka_unit_test(test_too_much_is_refused),
		cmocka_unit_test(test_exclusive_only_with_one_reference),
		cmocka_unit_test(test_last_of_many_threads_frees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
