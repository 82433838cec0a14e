#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../server/conn/conn_table.h"

enum {
	MANY = 3000, /* several chunks */
};

static int setup(void **state)
{
	return conn_table_create(9, (struct conn_table **)state);
}

static int teardown(void **state)
{
	struct conn_table *table = *state;
	conn_table_destroy(&table);
	assert_null(table);
	conn_table_destroy(&table);
	return 0;
}

static struct conn *take(struct conn_table *table)
{
	struct conn *conn;
	assert_int_equal(conn_table_take(table, &conn), 0);
	return conn;
}

static void test_a_fresh_record(void **state)
{
	struct conn_table *table = *state;
	assert_true(sizeof(struct conn) <= 128);
	assert_int_equal(conn_table_size(table), 0);
	for (int i = 0; i < 2; i++) {
		struct conn *conn = take(table);
		assert_int_equal(conn->state, CONN_OPENING);
		assert_int_equal(conn->fd, -1);
		assert_int_equal(conn->flags, 0);
		assert_int_equal(conn->reason, CLOSE_REASON_NONE);
		assert_int_equal(conn->receiver_pos, CONN_NONE);
		assert_null(conn->rx);
		assert_null(conn->tx);
		assert_null(conn->user);
		assert_int_equal((uintptr_t)conn % 128, 0);
		/* What it was before does not show. */
		conn->flags = 0xffff;
		conn->reason = CLOSE_REASON_KICKED;
		conn->receiver_pos = 5;
		conn->user = (void *)conn;
		conn_table_give(table, conn);
	}
	assert_int_equal(conn_table_size(table), 1);
}

static void test_handles_outlive_their_connections(void **state)
{
	struct conn_table *table = *state;
	struct conn *conn = take(table);
	handle_t first = conn_table_handle(table, conn);
	assert_int_equal(handle_worker(first), 9);
	assert_ptr_equal(conn_table_find(table, first), conn);
	conn->state = CONN_LIVE;
	assert_ptr_equal(conn_table_find(table, first), conn);
	conn->state = CONN_CLOSING;
	assert_ptr_equal(conn_table_find(table, first), conn);
	conn->state = CONN_DEAD;
	assert_null(conn_table_find(table, first));
	conn_table_give(table, conn);
	assert_null(conn_table_find(table, first));
	assert_ptr_equal(take(table), conn);
	handle_t second = conn_table_handle(table, conn);
	assert_int_equal(handle_index(second), handle_index(first));
	assert_int_not_equal(second, first);
	assert_null(conn_table_find(table, first));
	assert_ptr_equal(conn_table_find(table, second), conn);
	/* Another worker's, an index beyond the table, the listeners' own. */
	assert_null(conn_table_find(
		table, handle_make(8, handle_index(second), handle_generation(second))));
	assert_null(conn_table_find(table, handle_make(9, 1, 1)));
	assert_null(conn_table_find(table, handle_make(9, HANDLE_INDEX_MAX, 1)));
	assert_null(conn_table_find(table, handle_make(HANDLE_WORKER_RESERVED, 0, 0)));
}

static void test_records_stay_where_they_are(void **state)
{
	struct conn_table *table = *state;
	static struct conn *conns[MANY];
	for (uint32_t i = 0; i < MANY; i++) {
		conns[i] = take(table);
		assert_int_equal(conns[i]->index, i);
		conns[i]->fd = (int)i;
	}
	assert_int_equal(conn_table_size(table), MANY);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_ptr_equal(conn_table_at(table, i), conns[i]);
		assert_int_equal(conns[i]->fd, i);
	}
	for (uint32_t i = 0; i < MANY; i += 3) {
		conn_table_give(table, conns[i]);
	}
	/* Given back ones first, each once; only then does the table grow. */
	static char is_taken[MANY];
	for (uint32_t i = 0; i < MANY; i += 3) {
		struct conn *conn = take(table);
		assert_int_equal(conn->index % 3, 0);
		assert_false(is_taken[conn->index]);
		is_taken[conn->index] = 1;
		assert_int_equal(conn->generation, 2);
	}
	assert_int_equal(take(table)->index, MANY);
	assert_int_equal(conn_table_size(table), MANY + 1);
}

static void test_generations_wrap(void **state)
{
	struct conn_table *table = *state;
	struct conn *conn = take(table);
	conn->generation = UINT32_MAX;
	handle_t last = conn_table_handle(table, conn);
	conn_table_give(table, conn);
	assert_ptr_equal(take(table), conn);
	assert_null(conn_table_find(table, last));
	assert_ptr_equal(conn_table_find(table, conn_table_handle(table, conn)), conn);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_fresh_record),
		CASE(test_handles_outlive_their_connections),
		CASE(test_records_stay_where_they_are),
		CASE(test_generations_wrap),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
