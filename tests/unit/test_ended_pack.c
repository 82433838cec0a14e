#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/session/ended_pack.h"

enum {
	WORKERS = 4,
};

/* What the workers of two processes keep. */
struct pair {
	struct ended *giver[WORKERS];
	struct ended *taker[WORKERS];
};

static struct pair pair;

static int setup(void **state)
{
	for (int i = 0; i < WORKERS; i++) {
		pair.giver[i] = calloc(1, sizeof(struct ended));
		pair.taker[i] = calloc(1, sizeof(struct ended));
		assert_non_null(pair.giver[i]);
		assert_non_null(pair.taker[i]);
	}
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < WORKERS; i++) {
		free(pair.giver[i]);
		free(pair.taker[i]);
	}
	return 0;
}

static void end(struct ended *ended, enum ended_kind kind, uint64_t at_us)
{
	struct ended_entry *entry = ended_next(ended, kind);
	*entry = (struct ended_entry){
		.ended_us = at_us,
		.age_ms = 2 * at_us,
		.remote.address = {1, 2, 3},
		.remote.port = 4711,
		.remote.is_inet = true,
		.code = 4001,
		.reason = CLOSE_REASON_KICKED,
		.worker = 3,
		.name_len = 5,
	};
	memcpy(entry->name, "alice", 5);
}

static int move(uint32_t givers, uint32_t takers)
{
	struct pack pack = PACK_EMPTY;
	ended_pack((const struct ended *const *)pair.giver, givers, &pack);
	assert_false(pack.failed);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	int err = ended_unpack(pair.taker, takers, &unpack);
	assert_true(err || unpack_is_over(&unpack));
	pack_finish(&pack);
	return err;
}

/* The one that ended at that time, or NULL. */
static const struct ended_entry *find(uint32_t takers, enum ended_kind kind, uint64_t at_us)
{
	for (uint32_t i = 0; i < takers; i++) {
		const struct ended_ring *ring = &pair.taker[i]->rings[kind];
		for (uint32_t k = 0; k < ended_count(ring); k++) {
			if (ring->entries[k].ended_us == at_us) {
				return &ring->entries[k];
			}
		}
	}
	return NULL;
}

static uint64_t lost_us(uint32_t takers, enum ended_kind kind)
{
	uint64_t lost = 0;
	for (uint32_t i = 0; i < takers; i++) {
		const uint64_t its = pair.taker[i]->rings[kind].lost_us;
		lost = its > lost ? its : lost;
	}
	return lost;
}

static void test_each_is_known_as_before(void **state)
{
	end(pair.giver[0], ENDED_OTHER, 10);
	end(pair.giver[1], ENDED_NORMAL, 20);
	assert_int_equal(move(2, 1), 0);
	const struct ended_entry *entry = find(1, ENDED_OTHER, 10);
	assert_non_null(entry);
	assert_int_equal(entry->age_ms, 20);
	assert_memory_equal(entry->remote.address, "\1\2\3\0", 4);
	assert_int_equal(entry->remote.port, 4711);
	assert_true(entry->remote.is_inet);
	assert_int_equal(entry->code, 4001);
	assert_int_equal(entry->reason, CLOSE_REASON_KICKED);
	assert_int_equal(entry->worker, 3);
	assert_int_equal(entry->name_len, 5);
	assert_memory_equal(entry->name, "alice", 5);
	assert_non_null(find(1, ENDED_NORMAL, 20));
	assert_null(find(1, ENDED_NORMAL, 10));
	assert_int_equal(lost_us(1, ENDED_OTHER), 0);
}

/* What one had no room for has some with four. */
static void test_fewer_to_more(void **state)
{
	for (uint64_t i = 1; i <= ENDED_MAX + 10; i++) {
		end(pair.giver[0], ENDED_OTHER, i);
	}
	assert_int_equal(move(1, WORKERS), 0);
	for (uint64_t i = 1; i <= ENDED_MAX + 10; i++) {
		assert_int_equal(find(WORKERS, ENDED_OTHER, i) != NULL, i > 10);
	}
	assert_int_equal(lost_us(WORKERS, ENDED_OTHER), 10);
	/* Those that end from now on push out none but the oldest, and that is known. */
	for (uint64_t i = 1000; i < 1000 + ENDED_MAX; i++) {
		end(pair.taker[0], ENDED_OTHER, i);
	}
	assert_true(lost_us(WORKERS, ENDED_OTHER) > 10);
	assert_non_null(find(WORKERS, ENDED_OTHER, 1000));
}

static void test_more_to_fewer(void **state)
{
	for (uint64_t i = 1; i <= 400; i++) {
		end(pair.giver[i % 2], ENDED_NORMAL, i);
	}
	assert_int_equal(move(2, 1), 0);
	for (uint64_t i = 1; i <= 400; i++) {
		assert_int_equal(find(1, ENDED_NORMAL, i) != NULL, i > 400 - ENDED_MAX);
	}
	assert_int_equal(lost_us(1, ENDED_NORMAL), 400 - ENDED_MAX);
}

/* Of one that has forgotten some, and another one that has not: what was lost stays so. */
static void test_what_was_lost_is_not_forgotten(void **state)
{
	end(pair.giver[1], ENDED_OTHER, 1);
	for (uint64_t i = 100; i < 100 + ENDED_MAX + 1; i++) {
		end(pair.giver[0], ENDED_OTHER, i);
	}
	assert_int_equal(move(2, 1), 0);
	assert_int_equal(lost_us(1, ENDED_OTHER), 100);
}

static void test_nobody_to_give_it_to(void **state)
{
	end(pair.giver[0], ENDED_OTHER, 1);
	assert_int_equal(move(1, 0), 0);
	assert_int_equal(move(0, 1), 0);
	assert_null(find(1, ENDED_OTHER, 1));
}

static void expect_refused(const struct pack *pack, size_t len)
{
	struct unpack unpack = unpack_of(pack->bytes, len);
	assert_int_equal(ended_unpack(pair.taker, 1, &unpack), -EINVAL);
	assert_null(find(1, ENDED_NORMAL, 1));
	assert_null(find(1, ENDED_OTHER, 2));
}

static void test_what_makes_no_sense(void **state)
{
	struct pack pack = PACK_EMPTY;
	end(pair.giver[0], ENDED_NORMAL, 1);
	end(pair.giver[0], ENDED_OTHER, 2);
	ended_pack((const struct ended *const *)pair.giver, 1, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		expect_refused(&pack, len);
	}
	/* More of them than there are bytes. */
	memset(pack.bytes + 8, 0xff, 4);
	expect_refused(&pack, pack.len);
	pack_finish(&pack);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_each_is_known_as_before),
		TEST(test_fewer_to_more),
		TEST(test_more_to_fewer),
		TEST(test_what_was_lost_is_not_forgotten),
		TEST(test_nobody_to_give_it_to),
		TEST(test_what_makes_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
