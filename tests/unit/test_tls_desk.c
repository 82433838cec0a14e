#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../server/conn/tls_desk.h"

enum {
	NEWCOMERS = 16,
	NOW_MS = 1000000,
};

/* Two workers' desks under one quota, and lines without sockets. */
struct desks {
	struct budget budget;
	struct tls_quota quota;
	struct tls_desk desk;
	struct tls_desk other;
	struct tls_newcomer newcomers[NEWCOMERS];
};

static void desks_init(struct desks *desks, uint32_t seats)
{
	*desks = (struct desks){.quota.halves_max = seats};
	desks->quota.budget = &desks->budget;
	desks->desk.quota = desks->other.quota = &desks->quota;
}

/* Its turn has come, and it awaits its client from now on. */
static void begin_handshake(struct desks *desks, struct tls_newcomer *newcomer, uint64_t now_ms)
{
	assert_true(tls_desk_seat(&desks->desk, newcomer, now_ms));
	tls_desk_await(&desks->desk, newcomer);
}

static void first_come_first_served(void **state)
{
	struct desks desks;
	desks_init(&desks, NEWCOMERS);
	assert_null(tls_desk_next(&desks.desk, NOW_MS));
	for (int i = 0; i < 3; i++) {
		tls_desk_wait(&desks.desk, &desks.newcomers[i], NOW_MS);
	}
	for (int i = 0; i < 3; i++) {
		assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS + 499), &desks.newcomers[i]);
		begin_handshake(&desks, &desks.newcomers[i], NOW_MS);
	}
	assert_null(tls_desk_next(&desks.desk, NOW_MS));
}

/* Once one has waited for half a second, and until nobody has any more. */
static void in_a_crowd_the_newest_comes_first(void **state)
{
	struct desks desks;
	desks_init(&desks, NEWCOMERS);
	tls_desk_wait(&desks.desk, &desks.newcomers[0], NOW_MS);
	for (int i = 1; i < 4; i++) {
		tls_desk_wait(&desks.desk, &desks.newcomers[i], NOW_MS + 100);
	}
	assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS + 500), &desks.newcomers[3]);
	begin_handshake(&desks, &desks.newcomers[3], NOW_MS + 500);
	assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS + 500), &desks.newcomers[2]);
	tls_desk_leave(&desks.desk, &desks.newcomers[0]);
	assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS + 599), &desks.newcomers[1]);
	assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS + 600), &desks.newcomers[2]);
}

/* 80 KiB each, for which no connection has to go. */
static void seats_are_charged(void **state)
{
	struct desks desks;
	desks_init(&desks, 1);
	begin_handshake(&desks, &desks.newcomers[0], NOW_MS);
	assert_false(tls_desk_seat(&desks.desk, &desks.newcomers[1], NOW_MS));
	assert_int_equal(budget_held(&desks.budget, BUDGET_POOLS), 81920);
	assert_int_equal(budget_used(&desks.budget), 0);
	tls_desk_leave(&desks.desk, &desks.newcomers[0]);
	assert_int_equal(budget_held(&desks.budget, BUDGET_POOLS), 0);
}

static void whoever_leaves_is_in_no_list(void **state)
{
	/* From the front, the middle and the end. */
	for (int gone = 0; gone < 3; gone++) {
		struct desks desks;
		desks_init(&desks, NEWCOMERS);
		for (int i = 0; i < 3; i++) {
			tls_desk_wait(&desks.desk, &desks.newcomers[i], NOW_MS);
		}
		tls_desk_leave(&desks.desk, &desks.newcomers[gone]);
		tls_desk_leave(&desks.desk, &desks.newcomers[gone]); /* twice is fine */
		assert_int_equal(tls_quota_waiting(&desks.quota), 2);
		for (int i = 0; i < 3; i++) {
			if (i != gone) {
				assert_ptr_equal(
					tls_desk_next(&desks.desk, NOW_MS), &desks.newcomers[i]);
				tls_desk_leave(&desks.desk, &desks.newcomers[i]);
			}
		}
		assert_null(tls_desk_next(&desks.desk, NOW_MS));
		assert_null(tls_desk_too_old(&desks.desk, NOW_MS + TLS_DESK_PATIENCE_MS));
		assert_int_equal(tls_quota_waiting(&desks.quota), 0);
		assert_int_equal(tls_quota_halves(&desks.quota), 0);
	}
}

static void no_more_begin_than_there_are_seats(void **state)
{
	struct desks desks;
	desks_init(&desks, 2);
	for (int i = 0; i < 4; i++) {
		tls_desk_wait(&desks.desk, &desks.newcomers[i], NOW_MS);
	}
	begin_handshake(&desks, tls_desk_next(&desks.desk, NOW_MS), NOW_MS);
	begin_handshake(&desks, tls_desk_next(&desks.desk, NOW_MS), NOW_MS);
	assert_null(tls_desk_next(&desks.desk, NOW_MS));
	assert_false(tls_desk_seat(&desks.desk, &desks.newcomers[2], NOW_MS));
	assert_int_equal(tls_quota_waiting(&desks.quota), 2);
	tls_desk_leave(&desks.desk, &desks.newcomers[0]);
	assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS), &desks.newcomers[2]);
}

static void seats_are_the_nodes(void **state)
{
	struct desks desks;
	desks_init(&desks, 1);
	tls_desk_wait(&desks.desk, &desks.newcomers[0], NOW_MS);
	tls_desk_wait(&desks.other, &desks.newcomers[1], NOW_MS);
	begin_handshake(&desks, &desks.newcomers[0], NOW_MS);
	assert_null(tls_desk_next(&desks.other, NOW_MS));
	/* For whom another desk has to make room. */
	assert_ptr_equal(
		tls_desk_late(&desks.desk, NOW_MS + TLS_DESK_ANSWER_MS), &desks.newcomers[0]);
	tls_desk_leave(&desks.desk, &desks.newcomers[0]);
	assert_ptr_equal(tls_desk_next(&desks.other, NOW_MS), &desks.newcomers[1]);
}

/* Its second hello, after we asked for another key. */
static void who_has_a_seat_goes_first_and_in_order(void **state)
{
	struct desks desks;
	desks_init(&desks, 2);
	begin_handshake(&desks, &desks.newcomers[0], NOW_MS);
	begin_handshake(&desks, &desks.newcomers[1], NOW_MS);
	tls_desk_wait(&desks.desk, &desks.newcomers[2], NOW_MS);
	tls_desk_wait(&desks.desk, &desks.newcomers[1], NOW_MS);
	tls_desk_wait(&desks.desk, &desks.newcomers[0], NOW_MS);
	assert_int_equal(tls_quota_waiting(&desks.quota), 1);
	assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS), &desks.newcomers[1]);
	tls_desk_await(&desks.desk, &desks.newcomers[1]);
	assert_ptr_equal(tls_desk_next(&desks.desk, NOW_MS), &desks.newcomers[0]);
	tls_desk_await(&desks.desk, &desks.newcomers[0]);
	assert_null(tls_desk_next(&desks.desk, NOW_MS));
}

static void who_has_waited_too_long_is_found(void **state)
{
	struct desks desks;
	desks_init(&desks, 0);
	tls_desk_wait(&desks.desk, &desks.newcomers[0], NOW_MS);
	tls_desk_wait(&desks.desk, &desks.newcomers[1], NOW_MS + 500);
	assert_null(tls_desk_too_old(&desks.desk, NOW_MS + 2999));
	assert_ptr_equal(tls_desk_too_old(&desks.desk, NOW_MS + 3000), &desks.newcomers[0]);
	tls_desk_leave(&desks.desk, &desks.newcomers[0]);
	assert_null(tls_desk_too_old(&desks.desk, NOW_MS + 3499));
	assert_ptr_equal(tls_desk_too_old(&desks.desk, NOW_MS + 3500), &desks.newcomers[1]);
}

static void who_lets_us_wait_gives_way_to_others_only(void **state)
{
	struct desks desks;
	desks_init(&desks, 2);
	begin_handshake(&desks, &desks.newcomers[0], NOW_MS);
	tls_desk_wait(&desks.desk, &desks.newcomers[1], NOW_MS + 5000);
	assert_null(tls_desk_late(&desks.desk, NOW_MS + 5000)); /* there is a seat */
	begin_handshake(&desks, &desks.newcomers[1], NOW_MS + 5000);
	assert_null(tls_desk_late(&desks.desk, NOW_MS + 5000)); /* nobody waits */
	tls_desk_wait(&desks.desk, &desks.newcomers[2], NOW_MS + 5000);
	assert_ptr_equal(tls_desk_late(&desks.desk, NOW_MS + 5000), &desks.newcomers[0]);
	tls_desk_leave(&desks.desk, &desks.newcomers[0]);
	begin_handshake(&desks, &desks.newcomers[2], NOW_MS + 5000);
	tls_desk_wait(&desks.desk, &desks.newcomers[3], NOW_MS + 5000);
	assert_null(tls_desk_late(&desks.desk, NOW_MS + 6499));
	assert_ptr_equal(tls_desk_late(&desks.desk, NOW_MS + 6500), &desks.newcomers[1]);
}

/* Its time is as long as it was, whatever of it comes in between: some of what it is to say, or a
 * turn of its own. */
static void who_says_a_little_is_no_less_late(void **state)
{
	struct desks desks;
	desks_init(&desks, 3);
	for (int i = 0; i < 3; i++) {
		begin_handshake(&desks, &desks.newcomers[i], NOW_MS + 100 * (uint64_t)i);
	}
	tls_desk_wait(&desks.desk, &desks.newcomers[3], NOW_MS + 1000);
	tls_desk_await(&desks.desk, &desks.newcomers[0]);
	tls_desk_wait(&desks.desk, &desks.newcomers[1], NOW_MS + 1000);
	tls_desk_await(&desks.desk, &desks.newcomers[1]);
	assert_null(tls_desk_late(&desks.desk, NOW_MS + 1499));
	for (int i = 0; i < 3; i++) {
		const uint64_t late_ms = NOW_MS + 1500 + 100 * (uint64_t)i;
		assert_ptr_equal(tls_desk_late(&desks.desk, late_ms), &desks.newcomers[i]);
		tls_desk_leave(&desks.desk, &desks.newcomers[i]);
		begin_handshake(&desks, &desks.newcomers[4 + i], late_ms);
	}
	/* Asked for something else it has its time anew. */
	desks.newcomers[4].asked_ms = NOW_MS + 9000;
	tls_desk_await(&desks.desk, &desks.newcomers[4]);
	assert_ptr_equal(tls_desk_late(&desks.desk, NOW_MS + 9000), &desks.newcomers[5]);
}

/* 80 KiB each, of an eighth of the limit. */
static void seats_follow_the_memory_limit(void **state)
{
	static const struct {
		uint64_t limit;
		uint32_t seats;
	} limits[] = {
		{0, 1},
		{655360 - 1, 1},
		{655360 * 2, 2},
		{UINT64_C(64) << 20, 102},
		{655360 * UINT64_C(1024), 1024},
		{UINT64_MAX, 1024},
	};
	struct budget budget = {.worker_count = 0};
	struct tls_quota quota = {.budget = &budget};
	assert_true(tls_quota_is_used_up(&quota));
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		tls_quota_set_memory(&quota, limits[i].limit);
		assert_int_equal(quota.halves_max, limits[i].seats);
	}
	/* More are there than may be: they stay, and no more come. */
	assert_true(tls_quota_take(&quota));
	assert_true(tls_quota_take(&quota));
	tls_quota_set_memory(&quota, 0);
	assert_false(tls_quota_take(&quota));
	tls_quota_give(&quota);
	assert_false(tls_quota_take(&quota));
	tls_quota_give(&quota);
	assert_true(tls_quota_take(&quota));
}

static void fifty_a_second_are_refused_by_a_handshake(void **state)
{
	struct tls_quota quota = {.halves_max = 0};
	uint64_t now_us = UINT64_C(1000) * NOW_MS;
	for (int i = 0; i < 50; i++) {
		assert_true(tls_quota_take_refusal(&quota, now_us));
	}
	assert_false(tls_quota_take_refusal(&quota, now_us));
	assert_false(tls_quota_take_refusal(&quota, now_us + 19999));
	assert_true(tls_quota_take_refusal(&quota, now_us + 20000));
	assert_false(tls_quota_take_refusal(&quota, now_us + 20000));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_come_first_served),
		cmocka_unit_test(in_a_crowd_the_newest_comes_first),
		cmocka_unit_test(seats_are_charged),
		cmocka_unit_test(whoever_leaves_is_in_no_list),
		cmocka_unit_test(no_more_begin_than_there_are_seats),
		cmocka_unit_test(seats_are_the_nodes),
		cmocka_unit_test(who_has_a_seat_goes_first_and_in_order),
		cmocka_unit_test(who_has_waited_too_long_is_found),
		cmocka_unit_test(who_lets_us_wait_gives_way_to_others_only),
		cmocka_unit_test(who_says_a_little_is_no_less_late),
		cmocka_unit_test(seats_follow_the_memory_limit),
		cmocka_unit_test(fifty_a_second_are_refused_by_a_handshake),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
