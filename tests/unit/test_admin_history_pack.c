#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/admin/history_pack.h"

enum {
	WORKERS = 2, /* of the giver */
	WORKERS_MAX = 3,
};

static struct admin_history *history;
static struct admin_sample sample;
static uint64_t busy_us[WORKERS_MAX];

static int setup(void **state)
{
	memset(&sample, 0, sizeof(sample));
	memset(busy_us, 0, sizeof(busy_us));
	history = admin_history_create(WORKERS);
	assert_non_null(history);
	return 0;
}

static int teardown(void **state)
{
	admin_history_destroy(&history);
	return 0;
}

/* The same, for so many workers that have worked for so long by then. */
static struct admin_history *move(uint32_t worker_count, const uint64_t *worked_us)
{
	struct pack pack = PACK_EMPTY;
	struct admin_history *moved = NULL;
	admin_history_pack(history, &pack);
	assert_false(pack.failed);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(admin_history_unpack(&unpack, worker_count, worked_us, &moved), 0);
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
	return moved;
}

static void expect_equal_moments(const struct admin_moment *a, const struct admin_moment *b)
{
	assert_int_equal(a->at_ms, b->at_ms);
	assert_int_equal(a->interval_ms, b->interval_ms);
	assert_memory_equal(a->series, b->series, sizeof(a->series));
	assert_memory_equal(a->ends, b->ends, sizeof(a->ends));
}

static void expect_equal(const struct admin_history *a, const struct admin_history *b)
{
	assert_int_equal(admin_history_count(a), admin_history_count(b));
	for (uint32_t i = admin_history_first(a); i < admin_history_count(a); i++) {
		expect_equal_moments(admin_history_moment(a, i), admin_history_moment(b, i));
		for (uint32_t worker = 0; worker < WORKERS; worker++) {
			assert_int_equal(
				admin_history_busy(a, i, worker), admin_history_busy(b, i, worker));
		}
	}
}

/* A moment in which some things happen, others the next time. */
static void look(uint64_t at_ms)
{
	sample.logins += at_ms / 1000;
	sample.connections = at_ms % 777;
	sample.messages_out += 3;
	sample.memory_rooms = at_ms;
	sample.ends[CLOSE_REASON_KICKED] += 2;
	sample.turn_us.sum += 500;
	sample.turn_us.count += 5;
	sample.turn_us.counts[7] += 5;
	sample.process.resident_bytes = at_ms * 9;
	sample.process.cpu_seconds += 0.25;
	busy_us[0] += 100000;
	busy_us[1] += 200000;
	admin_history_add(history, at_ms, &sample, busy_us);
}

static void test_the_charts_are_the_same(void **state)
{
	for (uint64_t i = 0; i < 10; i++) {
		look(i * 1000);
	}
	struct admin_history *moved = move(WORKERS, busy_us);
	assert_int_equal(admin_history_count(moved), 9);
	expect_equal(history, moved);
	admin_history_destroy(&moved);
}

/* Once round, and some. */
static void test_a_whole_quarter_of_an_hour(void **state)
{
	for (uint64_t i = 0; i < ADMIN_HISTORY_MOMENTS + 100; i++) {
		look(i * 1000);
	}
	struct admin_history *moved = move(WORKERS, busy_us);
	assert_int_equal(admin_history_first(moved), 99);
	expect_equal(history, moved);
	admin_history_destroy(&moved);
}

/* The next moment grows from the last look in the other process, but for what processes and workers
 * have used, who are others. */
static void test_the_next_moment(void **state)
{
	uint64_t worked_us[WORKERS_MAX] = {7000000, 0, 0};
	look(0);
	look(1000);
	struct admin_history *moved = move(WORKERS_MAX, worked_us);
	sample.logins += 5;
	sample.ends[CLOSE_REASON_KICKED] += 3;
	sample.turn_us.count += 1;
	sample.turn_us.counts[9] += 1;
	sample.process.cpu_seconds = 0.5;
	worked_us[0] += 250000;
	worked_us[2] += 500000;
	admin_history_add(moved, 2000, &sample, worked_us);
	assert_int_equal(admin_history_count(moved), 2);
	const struct admin_moment *moment = admin_history_moment(moved, 1);
	assert_int_equal(moment->interval_ms, 1000);
	assert_int_equal(moment->series[ADMIN_SERIES_logins], 5);
	assert_int_equal(moment->ends[CLOSE_REASON_KICKED], 3);
	assert_in_range(moment->series[ADMIN_SERIES_turn_us_p50], (1 << 8) + 1, 1 << 9);
	assert_int_equal(moment->series[ADMIN_SERIES_cpu_us], 500000);
	assert_int_equal(admin_history_busy(moved, 1, 0), 250);
	assert_int_equal(admin_history_busy(moved, 1, 1), 0);
	assert_int_equal(admin_history_busy(moved, 1, 2), 500);
	/* Workers that were not there did nothing. */
	assert_int_equal(admin_history_busy(moved, 0, 0), 100);
	assert_int_equal(admin_history_busy(moved, 0, 1), 200);
	assert_int_equal(admin_history_busy(moved, 0, 2), 0);
	admin_history_destroy(&moved);
}

static void test_fewer_workers(void **state)
{
	look(0);
	look(1000);
	look(2000);
	struct admin_history *moved = move(1, busy_us);
	assert_int_equal(admin_history_count(moved), 2);
	assert_int_equal(admin_history_busy(moved, 0, 0), 100);
	assert_int_equal(admin_history_busy(moved, 1, 0), 100);
	expect_equal_moments(admin_history_moment(history, 1), admin_history_moment(moved, 1));
	admin_history_destroy(&moved);
}

static void test_nothing_yet(void **state)
{
	struct admin_history *moved = move(WORKERS, busy_us);
	assert_int_equal(admin_history_count(moved), 0);
	/* The first look is no moment there either. */
	admin_history_add(moved, 1000, &sample, busy_us);
	assert_int_equal(admin_history_count(moved), 0);
	admin_history_destroy(&moved);
}

/* Of another version, in another order, with names that nobody knows here. */
static void test_names_count_and_not_places(void **state)
{
	struct admin_history *moved = NULL;
	struct pack pack = PACK_EMPTY;
	pack_u16(&pack, 2);
	pack_slice(&pack, SLICE("of_another_version"));
	pack_slice(&pack, SLICE("logins"));
	pack_u16(&pack, 1);
	pack_slice(&pack, SLICE("kicked"));
	pack_u32(&pack, 1); /* worker */
	pack_u32(&pack, 1); /* moment */
	pack_u64(&pack, 5000);
	pack_u64(&pack, 1000);
	pack_u64(&pack, 111);
	pack_u64(&pack, 222);
	pack_u64(&pack, 333);
	pack_u16(&pack, 444);
	pack_u8(&pack, false);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(admin_history_unpack(&unpack, WORKERS, busy_us, &moved), 0);
	assert_true(unpack_is_over(&unpack));
	const struct admin_moment *moment = admin_history_moment(moved, 0);
	assert_int_equal(moment->at_ms, 5000);
	assert_int_equal(moment->series[ADMIN_SERIES_logins], 222);
	assert_int_equal(moment->series[ADMIN_SERIES_connections], 0);
	assert_int_equal(moment->ends[CLOSE_REASON_KICKED], 333);
	assert_int_equal(admin_history_busy(moved, 0, 0), 444);
	admin_history_destroy(&moved);
	pack_finish(&pack);
}

static void test_half_of_it_is_none(void **state)
{
	struct admin_history *moved = NULL;
	struct pack pack = PACK_EMPTY;
	look(0);
	look(1000);
	admin_history_pack(history, &pack);
	for (size_t len = 0; len < pack.len; len += len < 100 ? 1 : 97) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		assert_int_equal(admin_history_unpack(&unpack, WORKERS, busy_us, &moved), -EINVAL);
		assert_null(moved);
	}
	pack_finish(&pack);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_the_charts_are_the_same),
		TEST(test_a_whole_quarter_of_an_hour),
		TEST(test_the_next_moment),
		TEST(test_fewer_workers),
		TEST(test_nothing_yet),
		TEST(test_names_count_and_not_places),
		TEST(test_half_of_it_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
