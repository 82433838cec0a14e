#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../server/base/stats_pack.h"

/* What workers have counted, zeroed. */
static struct stats *make(void)
{
	struct stats *stats = aligned_alloc(_Alignof(struct stats), sizeof(*stats));
	assert_non_null(stats);
	*stats = (struct stats){0};
	return stats;
}

static void test_what_rises_goes_on(void **state)
{
	struct stats *giver[2] = {make(), make()};
	struct stats *taker = make();
	struct pack pack = PACK_EMPTY;
	stats_add(&giver[0]->logins, 5);
	stats_add(&giver[1]->logins, 7);
	stats_add(&giver[1]->answers, 3);
	stats_add(&giver[0]->ends[CLOSE_REASON_KICKED], 2);
	stats_add(&giver[1]->ends[CLOSE_REASON_KICKED], 4);
	stats_add(&giver[1]->upgraded_ends[CLOSE_REASON_KICKED], 1);
	stats_note(&giver[0]->turn_us, 100, 3);
	stats_note(&giver[1]->turn_us, 100, 2);
	stats_note(&giver[1]->turn_us, 1, 1);
	stats_add(&taker->logins, 1000);
	stats_pack((const struct stats *const *)giver, 2, &pack);
	assert_false(pack.failed);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(stats_unpack(taker, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	assert_int_equal(taker->logins, 1012);
	assert_int_equal(taker->answers, 3);
	assert_int_equal(taker->ends[CLOSE_REASON_KICKED], 6);
	assert_int_equal(taker->ends[CLOSE_REASON_DRAIN], 0);
	assert_int_equal(taker->upgraded_ends[CLOSE_REASON_KICKED], 1);
	assert_int_equal(taker->turn_us.sum, 501);
	assert_int_equal(taker->turn_us.counts[stats_bucket(100)], 5);
	assert_int_equal(taker->turn_us.counts[stats_bucket(1)], 1);
	/* The giver goes on counting if nothing comes of it. */
	assert_int_equal(giver[0]->logins, 5);
	pack_finish(&pack);
	free(giver[0]);
	free(giver[1]);
	free(taker);
}

static void test_what_there_is_now_does_not(void **state)
{
	struct stats *giver = make();
	struct stats *taker = make();
	struct pack pack = PACK_EMPTY;
	stats_add(&giver->connections, 5);
	stats_add(&giver->sessions, 4);
	stats_add(&giver->memberships, 3);
	stats_note(&giver->room_users, 2, 1);
	stats_pack((const struct stats *const *)&giver, 1, &pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(stats_unpack(taker, &unpack), 0);
	assert_int_equal(taker->connections, 0);
	assert_int_equal(taker->sessions, 0);
	assert_int_equal(taker->memberships, 0);
	assert_int_equal(taker->room_users.sum, 0);
	assert_int_equal(taker->room_users.counts[stats_bucket(2)], 0);
	pack_finish(&pack);
	free(giver);
	free(taker);
}

/* Of another version: a figure more, one less, in another order, a histogram with other bounds. */
static void test_names_count_and_not_places(void **state)
{
	struct stats *taker = make();
	struct pack pack = PACK_EMPTY;
	pack_u16(&pack, 4);
	pack_slice(&pack, SLICE("of_another_version"));
	pack_u8(&pack, 2);
	pack_u64(&pack, 1);
	pack_u64(&pack, 2);
	pack_slice(&pack, SLICE("ends.drain"));
	pack_u8(&pack, 1);
	pack_u64(&pack, 9);
	pack_slice(&pack, SLICE("turn_us.counts"));
	pack_u8(&pack, 1);
	pack_u64(&pack, 77);
	pack_slice(&pack, SLICE("logins"));
	pack_u8(&pack, 1);
	pack_u64(&pack, 11);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(stats_unpack(taker, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	assert_int_equal(taker->ends[CLOSE_REASON_DRAIN], 9);
	assert_int_equal(taker->logins, 11);
	assert_int_equal(taker->turn_us.counts[0], 0);
	pack_finish(&pack);
	free(taker);
}

static void test_half_of_it_counts_nothing(void **state)
{
	struct stats *giver = make();
	struct stats *taker = make();
	struct pack pack = PACK_EMPTY;
	stats_add(&giver->joins_refused, 5); /* the first of all */
	stats_pack((const struct stats *const *)&giver, 1, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		assert_int_equal(stats_unpack(taker, &unpack), -EINVAL);
		assert_int_equal(taker->joins_refused, 0);
	}
	pack_finish(&pack);
	free(giver);
	free(taker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_rises_goes_on),
		cmocka_unit_test(test_what_there_is_now_does_not),
		cmocka_unit_test(test_names_count_and_not_places),
		cmocka_unit_test(test_half_of_it_counts_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
