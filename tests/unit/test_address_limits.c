#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/base/address_limits.h"
#include "split.h"

static const uint64_t SECOND = 1000000000;
static const uint64_t START = 1000000000000;

struct rig {
	struct budget budget;
	struct address_limits limits;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_int_equal(budget_init(&rig->budget, 1), 0);
	assert_int_equal(address_limits_init(&rig->limits, &rig->budget), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(address_limits_set(&rig->limits, 0, 0), 0);
	assert_int_equal(budget_held(&rig->budget, BUDGET_ADDRESSES), 0);
	address_limits_finish(&rig->limits);
	address_limits_finish(&rig->limits);
	budget_finish(&rig->budget);
	free(rig);
	return 0;
}

static struct remote at(const char *text)
{
	struct remote remote;
	struct ip_address address;
	assert_true(ip_address_read(slice_of(text), &address));
	remote_from_ip(&remote, &address);
	return remote;
}

static struct address_entry enter(struct rig *rig, const char *text)
{
	struct remote remote = at(text);
	return address_limits_enter(&rig->limits, &remote, START);
}

static void leave(struct rig *rig, const char *text, enum address_hold hold)
{
	struct remote remote = at(text);
	address_limits_leave(&rig->limits, &remote, hold);
}

static void expect(struct rig *rig, const char *text, enum address_verdict verdict,
	enum address_hold hold, bool is_flood)
{
	struct address_entry entry = enter(rig, text);
	assert_int_equal(entry.verdict, verdict);
	assert_int_equal(entry.hold, hold);
	assert_int_equal(entry.is_flood, is_flood);
}

static void expect_welcome(struct rig *rig, const char *text)
{
	expect(rig, text, ADDRESS_WELCOME, ADDRESS_HOLD_ADMITTED, false);
}

static void expect_refused(struct rig *rig, const char *text)
{
	expect(rig, text, ADDRESS_TOO_MANY, ADDRESS_HOLD_REFUSED, false);
}

static void expect_flood(struct rig *rig, const char *text)
{
	expect(rig, text, ADDRESS_TOO_MANY, ADDRESS_HOLD_NONE, true);
}

static void test_without_limits(void **state)
{
	struct rig *rig = *state;
	assert_false(address_limits_are_on(&rig->limits));
	expect(rig, "192.0.2.1", ADDRESS_WELCOME, ADDRESS_HOLD_NONE, false);
	assert_int_equal(budget_held(&rig->budget, BUDGET_ADDRESSES), 0);
}

/* --- connections -------------------------------------------------------------------------------
 */

static void test_connections_are_counted_exactly(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(address_limits_set(&rig->limits, 2, 0), 0);
	assert_true(address_limits_are_on(&rig->limits));
	expect_welcome(rig, "192.0.2.1");
	expect_welcome(rig, "::ffff:192.0.2.1");
	expect_refused(rig, "192.0.2.1");
	expect_refused(rig, "192.0.2.1");
	expect_flood(rig, "192.0.2.1");
	expect_welcome(rig, "192.0.2.2");
	/* Those who are refused take nobody's place. */
	leave(rig, "192.0.2.1", ADDRESS_HOLD_ADMITTED);
	expect_welcome(rig, "192.0.2.1");
	expect_flood(rig, "192.0.2.1");
	leave(rig, "192.0.2.1", ADDRESS_HOLD_REFUSED);
	expect_refused(rig, "192.0.2.1");
	for (int i = 0; i < 2; i++) {
		leave(rig, "192.0.2.1", ADDRESS_HOLD_ADMITTED);
		leave(rig, "192.0.2.1", ADDRESS_HOLD_REFUSED);
	}
	leave(rig, "192.0.2.2", ADDRESS_HOLD_ADMITTED);
}

static void test_ipv6_by_its_64(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(address_limits_set(&rig->limits, 1, 0), 0);
	expect_welcome(rig, "2001:db8:0:1::1");
	expect_refused(rig, "2001:db8:0:1:ffff::2");
	expect_welcome(rig, "2001:db8:0:2::1");
	expect_welcome(rig, "::1");
	expect_welcome(rig, "0.0.0.1");
	leave(rig, "2001:db8:0:1::7", ADDRESS_HOLD_ADMITTED);
	leave(rig, "2001:db8:0:1::7", ADDRESS_HOLD_REFUSED);
	leave(rig, "2001:db8:0:2::1", ADDRESS_HOLD_ADMITTED);
	leave(rig, "::1", ADDRESS_HOLD_ADMITTED);
	leave(rig, "0.0.0.1", ADDRESS_HOLD_ADMITTED);
}

static void test_and_its_48(void **state)
{
	struct rig *rig = *state;
	char text[40];
	assert_int_equal(address_limits_set(&rig->limits, 2, 0), 0);
	for (int i = 0; i < 32; i++) {
		snprintf(text, sizeof(text), "2001:db8:5:%x::1", i);
		expect_welcome(rig, text);
	}
	/* A 33rd, however few its own /64 has; what it was counted there is taken back. */
	expect_refused(rig, "2001:db8:5:ffff::1");
	leave(rig, "2001:db8:5:ffff::1", ADDRESS_HOLD_REFUSED);
	expect_welcome(rig, "2001:db8:6:1::1");
	leave(rig, "2001:db8:6:1::1", ADDRESS_HOLD_ADMITTED);
	leave(rig, "2001:db8:5:0::1", ADDRESS_HOLD_ADMITTED);
	expect_welcome(rig, "2001:db8:5:ffff::1");
	leave(rig, "2001:db8:5:ffff::1", ADDRESS_HOLD_ADMITTED);
	for (int i = 1; i < 32; i++) {
		snprintf(text, sizeof(text), "2001:db8:5:%x::1", i);
		leave(rig, text, ADDRESS_HOLD_ADMITTED);
	}
}

static void test_unix_sockets_have_no_address(void **state)
{
	struct rig *rig = *state;
	struct remote local = {.is_inet = false};
	assert_int_equal(address_limits_set(&rig->limits, 1, 1), 0);
	for (int i = 0; i < 10; i++) {
		struct address_entry entry = address_limits_enter(&rig->limits, &local, START);
		assert_int_equal(entry.verdict, ADDRESS_WELCOME);
		assert_int_equal(entry.hold, ADDRESS_HOLD_NONE);
	}
	assert_int_equal(address_limits_adopt(&rig->limits, &local, ADDRESS_HOLD_ADMITTED),
		ADDRESS_HOLD_NONE);
}

static void test_limits_that_change(void **state)
{
	struct rig *rig = *state;
	struct remote remote = at("192.0.2.1");
	assert_int_equal(address_limits_adopt(&rig->limits, &remote, ADDRESS_HOLD_ADMITTED),
		ADDRESS_HOLD_NONE);
	assert_int_equal(address_limits_set(&rig->limits, 2, 0), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(address_limits_adopt(&rig->limits, &remote, ADDRESS_HOLD_ADMITTED),
			ADDRESS_HOLD_ADMITTED);
	}
	expect_refused(rig, "192.0.2.1");
	assert_int_equal(address_limits_set(&rig->limits, 4, 0), 0);
	expect_welcome(rig, "192.0.2.1");
	assert_int_equal(address_limits_set(&rig->limits, 1, 0), 0);
	expect_flood(rig, "192.0.2.1");
	assert_int_equal(address_limits_set(&rig->limits, 0, 0), 0);
	expect(rig, "192.0.2.1", ADDRESS_WELCOME, ADDRESS_HOLD_NONE, false);
	for (int i = 0; i < 4; i++) {
		leave(rig, "192.0.2.1", ADDRESS_HOLD_ADMITTED);
	}
	leave(rig, "192.0.2.1", ADDRESS_HOLD_REFUSED);
}

/* As many slots as addresses that are connected, whatever has been. */
static void test_memory_goes_with_the_connected(void **state)
{
	struct rig *rig = *state;
	char text[40];
	assert_int_equal(address_limits_set(&rig->limits, 1, 0), 0);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 20000; i++) {
			snprintf(text, sizeof(text), "10.%d.%d.%d", round, i / 256, i % 256);
			expect_welcome(rig, text);
		}
		/* 32 bytes each, in tables that are three eighths to three quarters full. */
		assert_in_range(
			budget_held(&rig->budget, BUDGET_ADDRESSES), 20000 * 32, 60000 * 32);
		for (int i = 0; i < 20000; i++) {
			snprintf(text, sizeof(text), "10.%d.%d.%d", round, i / 256, i % 256);
			leave(rig, text, ADDRESS_HOLD_ADMITTED);
		}
		assert_int_equal(budget_held(&rig->budget, BUDGET_ADDRESSES), 0);
	}
}

/* --- openings ----------------------------------------------------------------------------------
 */

/* How many of `tries` are welcome, told, and cut. */
static void open_many(
	struct rig *rig, const char *text, uint64_t now_ns, int tries, unsigned ret_counts[3])
{
	struct remote remote = at(text);
	memset(ret_counts, 0, 3 * sizeof(ret_counts[0]));
	for (int i = 0; i < tries; i++) {
		struct address_entry entry = address_limits_enter(&rig->limits, &remote, now_ns);
		assert_true(entry.verdict == ADDRESS_WELCOME || entry.verdict == ADDRESS_TOO_OFTEN);
		ret_counts[entry.verdict == ADDRESS_WELCOME ? 0 : 1 + entry.is_flood]++;
		address_limits_leave(&rig->limits, &remote, entry.hold);
	}
}

static void expect_counts(struct rig *rig, const char *text, uint64_t now_ns, unsigned welcome,
	unsigned told, unsigned cut)
{
	unsigned counts[3];
	open_many(rig, text, now_ns, 100, counts);
	assert_int_equal(counts[0], welcome);
	assert_int_equal(counts[1], told);
	assert_int_equal(counts[2], cut);
}

static void test_openings(void **state)
{
	struct rig *rig = *state;
	assert_int_equal(address_limits_set(&rig->limits, 0, 5), 0);
	expect_counts(rig, "192.0.2.1", START, 10, 10, 80);
	expect_counts(rig, "192.0.2.2", START, 10, 10, 80);
	expect_counts(rig, "192.0.2.1", START + SECOND, 5, 5, 90);
	expect_counts(rig, "192.0.2.1", START + 60 * SECOND, 10, 10, 80);
	/* With a limit of connections as well, nobody stays counted. */
	assert_int_equal(address_limits_set(&rig->limits, 1, 5), 0);
	expect_counts(rig, "192.0.2.1", START + 120 * SECOND, 10, 10, 80);
}

static void test_openings_of_a_48(void **state)
{
	struct rig *rig = *state;
	char text[40];
	unsigned counts[3];
	unsigned welcome = 0;
	assert_int_equal(address_limits_set(&rig->limits, 0, 1), 0);
	/* One /64 alone takes nothing from its neighbours. */
	open_many(rig, "2001:db8:5:ffff::1", START, 1000, counts);
	assert_int_equal(counts[0], 2);
	for (int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "2001:db8:5:%x::1", i);
		open_many(rig, text, START, 2, counts);
		welcome += counts[0];
	}
	assert_in_range(welcome, 30, 32);
}

/* Those who are here now keep their buckets, however many have been. */
static void test_the_table_forgets_the_idle(void **state)
{
	struct rig *rig = *state;
	unsigned counts[3];
	char text[40];
	assert_int_equal(address_limits_set(&rig->limits, 0, 1), 0);
	size_t size = budget_held(&rig->budget, BUDGET_ADDRESSES);
	assert_in_range(size, 1 << 20, 2 << 20);
	for (int i = 0; i < 300000; i++) {
		snprintf(text, sizeof(text), "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		open_many(rig, text, START + (uint64_t)i * 1000, 1, counts);
		assert_int_equal(counts[0], 1);
	}
	assert_int_equal(budget_held(&rig->budget, BUDGET_ADDRESSES), size);
	open_many(rig, text, START + SECOND, 3, counts);
	assert_int_equal(counts[0], 1);
}

/* --- threads -----------------------------------------------------------------------------------
 */

enum {
	THREADS = 4,
	ROUNDS = 4000,
	ADDRESSES = 5,
	LIMIT = 3,
};

struct crowd {
	struct rig *rig;
	uint32_t seed;
	_Atomic int *inside; /* by address */
};

static void *come_and_go(void *context)
{
	struct crowd *crowd = context;
	uint32_t random = crowd->seed;
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t which = split_random(&random) % ADDRESSES;
		struct remote remote = {
			.is_inet = true, .address = {0x20, 1, 0, 0, 0, 0, 0, (uint8_t)which}};
		struct address_entry entry =
			address_limits_enter(&crowd->rig->limits, &remote, START);
		if (entry.verdict == ADDRESS_WELCOME) {
			assert_true(++crowd->inside[which] <= LIMIT);
			crowd->inside[which]--;
		}
		address_limits_leave(&crowd->rig->limits, &remote, entry.hold);
	}
	return NULL;
}

static void test_many_threads(void **state)
{
	struct rig *rig = *state;
	pthread_t threads[THREADS];
	struct crowd crowds[THREADS];
	_Atomic int inside[ADDRESSES] = {0};
	assert_int_equal(address_limits_set(&rig->limits, LIMIT, 1000000), 0);
	for (uint32_t i = 0; i < THREADS; i++) {
		crowds[i] = (struct crowd){rig, 100 + i, inside};
		assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &crowds[i]), 0);
	}
	for (int i = 0; i < 50; i++) {
		assert_int_equal(address_limits_set(&rig->limits, LIMIT, i % 2 * 1000000), 0);
	}
	for (uint32_t i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_without_limits),
		TEST(test_connections_are_counted_exactly),
		TEST(test_ipv6_by_its_64),
		TEST(test_and_its_48),
		TEST(test_unix_sockets_have_no_address),
		TEST(test_limits_that_change),
		TEST(test_memory_goes_with_the_connected),
		TEST(test_openings),
		TEST(test_openings_of_a_48),
		TEST(test_the_table_forgets_the_idle),
		TEST(test_many_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
