#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/events.h"
#include "no_memory.h"
#include "payloads.h"

struct rig {
	struct budget budget;
	struct events *events;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	assert_int_equal(budget_init(&rig->budget, 1), 0);
	rig->budget.limit = SIZE_MAX;
	assert_int_equal(events_create(&rig->budget, &rig->events), 0);
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	events_destroy(&rig->events);
	assert_null(rig->events);
	events_destroy(&rig->events);
	assert_int_equal(budget_held(&rig->budget, BUDGET_EVENTS), 0);
	budget_finish(&rig->budget);
	free(rig);
	return 0;
}

static uint64_t add(struct rig *rig, const char *user, const char *device)
{
	/* Of which the ring keeps a copy. */
	char names[128];
	snprintf(names, sizeof(names), "%s%s", user, device);
	const struct event event = {
		.kind = EVENT_ONLINE,
		.epoch = events_next(rig->events) * 10,
		.name = {names, strlen(user)},
		.device = {names + strlen(user), strlen(device)},
	};
	uint64_t seq = events_add(rig->events, &event);
	memset(names, 'x', sizeof(names));
	return seq;
}

static void expect(struct rig *rig, uint64_t seq, const char *user, const char *device)
{
	const struct event event = events_at(rig->events, seq);
	assert_int_equal(event.kind, EVENT_ONLINE);
	assert_int_equal(event.epoch, seq * 10);
	assert_slice(event.name, user);
	assert_slice(event.device, device);
}

static void expect_kept(struct rig *rig, uint64_t first, uint64_t next)
{
	assert_int_equal(events_first(rig->events), first);
	assert_int_equal(events_next(rig->events), next);
}

static void test_events_are_numbered_from_1(void **state)
{
	struct rig *rig = *state;
	expect_kept(rig, 1, 1);
	assert_int_equal(add(rig, "alice", "phone"), 1);
	assert_int_equal(add(rig, "bob", ""), 2);
	expect_kept(rig, 1, 3);
	expect(rig, 1, "alice", "phone");
	expect(rig, 2, "bob", "");
	assert_true(budget_held(&rig->budget, BUDGET_EVENTS) > 0);
}

static void test_the_oldest_go(void **state)
{
	struct rig *rig = *state;
	for (uint64_t i = 1; i <= EVENTS_MAX + 3; i++) {
		char user[32];
		snprintf(user, sizeof(user), "%llu", (unsigned long long)i);
		assert_int_equal(add(rig, user, "d"), i);
	}
	expect_kept(rig, 4, EVENTS_MAX + 4);
	expect(rig, 4, "4", "d");
	expect(rig, EVENTS_MAX + 3, "65539", "d");
}

/* Of the node's memory they may have a part: then the oldest go before the ring is full. */
static void test_memory_is_bounded(void **state)
{
	struct rig *rig = *state;
	const size_t most = 200000;
	rig->budget.limit = most * EVENTS_MEMORY_PART;
	for (uint64_t i = 1; i <= 10000; i++) {
		assert_int_equal(add(rig, "somebody", "device"), i);
		assert_true(budget_held(&rig->budget, BUDGET_EVENTS) <= most);
	}
	assert_true(budget_held(&rig->budget, BUDGET_EVENTS) > most - 1000);
	assert_in_range(events_first(rig->events), 2, 10000);
	expect(rig, events_first(rig->events), "somebody", "device");
	/* However little that is, some may. */
	rig->budget.limit = 0;
	assert_int_equal(add(rig, "last", ""), 10001);
	expect(rig, 10001, "last", "");
	assert_true(budget_held(&rig->budget, BUDGET_EVENTS) <= EVENTS_MEMORY_MIN);
}

/* Numbers have no gaps: who asks for what is gone is told so. */
static void test_one_without_memory_is_gone(void **state)
{
	struct rig *rig = *state;
	add(rig, "alice", "");
	has_no_memory = true;
	uint64_t seq = add(rig, "bob", "");
	has_no_memory = false;
	assert_int_equal(seq, 2);
	expect_kept(rig, 3, 3);
	assert_int_equal(budget_held(&rig->budget, BUDGET_EVENTS), 0);
	assert_int_equal(add(rig, "carol", ""), 3);
	expect_kept(rig, 3, 4);
	expect(rig, 3, "carol", "");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_events_are_numbered_from_1),
		CASE(test_the_oldest_go),
		CASE(test_memory_is_bounded),
		CASE(test_one_without_memory_is_gone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
