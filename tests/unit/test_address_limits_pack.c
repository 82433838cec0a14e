#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../server/base/address_limits_pack.h"
#include "../../server/base/bucket.h"

enum {
	PER_S = 5, /* openings of an address */
};

static const uint64_t START = 1000000000000;

/* The limits of two processes. */
struct pair {
	struct budget budget;
	struct address_limits giver;
	struct address_limits taker;
};

static struct pair pair;

static int setup(void **state)
{
	assert_int_equal(budget_init(&pair.budget, 1), 0);
	assert_int_equal(address_limits_init(&pair.giver, &pair.budget), 0);
	assert_int_equal(address_limits_init(&pair.taker, &pair.budget), 0);
	assert_int_equal(address_limits_set(&pair.giver, 0, PER_S), 0);
	assert_int_equal(address_limits_set(&pair.taker, 0, PER_S), 0);
	return 0;
}

static int teardown(void **state)
{
	address_limits_finish(&pair.giver);
	address_limits_finish(&pair.taker);
	assert_int_equal(budget_held(&pair.budget, BUDGET_ADDRESSES), 0);
	budget_finish(&pair.budget);
	return 0;
}

static struct address_entry enter(struct address_limits *limits, const char *text, uint64_t now_ns)
{
	struct ip_address address;
	struct remote remote;
	assert_true(ip_address_read(slice_of(text), &address));
	remote_from_ip(&remote, &address);
	return address_limits_enter(limits, &remote, now_ns);
}

/* How many more may come from there at that moment. */
static uint32_t left(struct address_limits *limits, const char *text, uint64_t now_ns)
{
	uint32_t count = 0;
	while (enter(limits, text, now_ns).verdict == ADDRESS_WELCOME) {
		count++;
		assert_in_range(count, 0, 1000);
	}
	return count;
}

static void move(uint64_t now_ns)
{
	struct pack pack = PACK_EMPTY;
	address_limits_pack(&pair.giver, now_ns, &pack);
	assert_false(pack.failed);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(address_limits_unpack(&pair.taker, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
}

static void test_who_was_braked_still_is(void **state)
{
	const uint32_t whole = PER_S * ADDRESS_RATES_BURST_S;
	assert_int_equal(left(&pair.giver, "192.0.2.1", START), whole);
	assert_int_equal(enter(&pair.giver, "192.0.2.2", START).verdict, ADDRESS_WELCOME);
	assert_int_equal(left(&pair.giver, "2001:db8::1", START), whole);
	move(START);
	assert_int_equal(left(&pair.taker, "192.0.2.1", START), 0);
	assert_int_equal(left(&pair.taker, "192.0.2.2", START), whole - 1);
	assert_int_equal(left(&pair.taker, "192.0.2.3", START), whole);
	/* By its /64. */
	assert_int_equal(left(&pair.taker, "2001:db8::2", START), 0);
	/* A second is worth as many as ever. */
	assert_int_equal(left(&pair.taker, "192.0.2.1", START + BUCKET_SECOND_NS), PER_S);
}

static void test_so_is_who_may_not_even_be_told(void **state)
{
	left(&pair.giver, "192.0.2.1", START);
	while (!enter(&pair.giver, "192.0.2.1", START).is_flood) {
	}
	assert_false(enter(&pair.taker, "192.0.2.9", START).is_flood);
	move(START);
	assert_true(enter(&pair.taker, "192.0.2.1", START).is_flood);
}

static void test_full_buckets_are_left_out(void **state)
{
	struct pack empty = PACK_EMPTY;
	struct pack later = PACK_EMPTY;
	address_limits_pack(&pair.taker, START, &empty);
	left(&pair.giver, "192.0.2.1", START);
	address_limits_pack(
		&pair.giver, START + (ADDRESS_RATES_BURST_S + 1) * BUCKET_SECOND_NS, &later);
	assert_int_equal(later.len, empty.len);
	pack_finish(&empty);
	pack_finish(&later);
}

static void test_a_limit_that_is_gone(void **state)
{
	left(&pair.giver, "192.0.2.1", START);
	assert_int_equal(address_limits_set(&pair.taker, 0, 0), 0);
	move(START);
	assert_int_equal(enter(&pair.taker, "192.0.2.1", START).verdict, ADDRESS_WELCOME);
}

static void test_a_limit_that_is_new(void **state)
{
	assert_int_equal(address_limits_set(&pair.giver, 0, 0), 0);
	move(START);
	assert_int_equal(left(&pair.taker, "192.0.2.1", START), PER_S * ADDRESS_RATES_BURST_S);
}

static void test_what_makes_no_sense(void **state)
{
	struct pack pack = PACK_EMPTY;
	left(&pair.giver, "192.0.2.1", START);
	address_limits_pack(&pair.giver, START, &pack);
	for (size_t len = 0; len < pack.len; len++) {
		struct unpack unpack = unpack_of(pack.bytes, len);
		assert_int_equal(address_limits_unpack(&pair.taker, &unpack), -EINVAL);
	}
	assert_int_equal(left(&pair.taker, "192.0.2.1", START), PER_S * ADDRESS_RATES_BURST_S);
	/* Who is counted already would be looked for in vain by another key. */
	assert_int_equal(address_limits_set(&pair.taker, 10, PER_S), 0);
	struct address_entry entry = enter(&pair.taker, "192.0.2.7", START);
	assert_int_equal(entry.hold, ADDRESS_HOLD_ADMITTED);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(address_limits_unpack(&pair.taker, &unpack), -EINVAL);
	struct remote remote;
	struct ip_address address;
	assert_true(ip_address_read(SLICE("192.0.2.7"), &address));
	remote_from_ip(&remote, &address);
	address_limits_leave(&pair.taker, &remote, entry.hold);
	pack_finish(&pack);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_who_was_braked_still_is),
		TEST(test_so_is_who_may_not_even_be_told),
		TEST(test_full_buckets_are_left_out),
		TEST(test_a_limit_that_is_gone),
		TEST(test_a_limit_that_is_new),
		TEST(test_what_makes_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
