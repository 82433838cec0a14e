/* What is an event and what is none, with a real user table and a clock that moves when the test
 * says so. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/event_rules.h"
#include "no_memory.h"
#include "payloads.h"

enum {
	GRACE_MS = 5000,
	USERS_MANY = 1000,
};

struct rig {
	struct budget budget;
	struct user_table *users;
	struct event_rules rules;
	uint64_t now_ms;
	uint64_t seen;  /* events that were looked at */
	uint64_t noted; /* the last number that was told */
	uint32_t missed;
	const char *elsewhere; /* a user who has a session on another node; NULL: nobody */
	uint64_t elsewhere_epoch;
};

static bool is_elsewhere(void *context, struct slice user, struct slice device, uint64_t epoch)
{
	const struct rig *rig = context;
	return rig->elsewhere && slice_equals(user, slice_of(rig->elsewhere)) &&
	       epoch < rig->elsewhere_epoch;
}

static void on_noted(void *context, const struct event *event, uint64_t seq)
{
	struct rig *rig = context;
	assert_int_equal(seq, rig->noted + 1);
	rig->noted = seq;
}

static void on_missed(void *context)
{
	((struct rig *)context)->missed++;
}

static const struct event_rules_ops ops = {
	.is_elsewhere = is_elsewhere, .noted = on_noted, .missed = on_missed};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	user_table_thread_begin();
	assert_int_equal(budget_init(&rig->budget, 1), 0);
	rig->budget.limit = SIZE_MAX;
	assert_int_equal(user_table_create(16, 4, NULL, &rig->users), 0);
	assert_int_equal(event_rules_init(&rig->rules, &rig->budget, rig->users, &ops, rig), 0);
	rig->rules.grace_ms = GRACE_MS;
	rig->now_ms = 1000000;
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	event_rules_finish(&rig->rules);
	user_table_destroy(&rig->users);
	assert_int_equal(budget_held(&rig->budget, BUDGET_EVENTS), 0);
	budget_finish(&rig->budget);
	user_table_thread_end();
	free(rig);
	return 0;
}

/* --- what happens ------------------------------------------------------------------------------
 */

static struct presence *make(
	enum presence_change change, const char *user, const char *device, uint64_t epoch)
{
	struct presence *presence =
		calloc(1, sizeof(*presence) + strlen(user) + strlen(device) + 1);
	assert_non_null(presence);
	presence->change = (uint8_t)change;
	presence->reason = CLOSE_REASON_PEER_EOF;
	presence->epoch = epoch;
	presence->wall_ms = epoch;
	presence->name_len = (uint8_t)strlen(user);
	presence->device_len = (uint8_t)strlen(device);
	sprintf(presence->names, "%s%s", user, device);
	return presence;
}

static void tell(struct rig *rig, struct presence *presence)
{
	event_rules_on_presence(&rig->rules, &presence, rig->now_ms);
	assert_null(presence);
}

static void tell_came(struct rig *rig, const char *user, const char *device, uint64_t epoch)
{
	tell(rig, make(PRESENCE_CAME, user, device, epoch));
}

static void tell_replaces(struct rig *rig, const char *user, uint64_t epoch)
{
	struct presence *presence = make(PRESENCE_CAME, user, "", epoch);
	presence->replaces = true;
	tell(rig, presence);
}

static void tell_gone(struct rig *rig, const char *user, const char *device, uint64_t epoch)
{
	tell(rig, make(PRESENCE_GONE, user, device, epoch));
}

/* In the table, which nobody has been told. Returns what it is taken out by. */
static struct user_entry *put_in(
	struct rig *rig, const char *user, const char *device, uint64_t epoch)
{
	const struct user_identity identity = {
		.name = user,
		.device = device,
		.name_len = (uint8_t)strlen(user),
		.device_len = (uint8_t)strlen(device),
	};
	struct user_entry *entry;
	assert_int_equal(user_entry_create(rig->users, &identity, epoch, epoch, &entry), 0);
	struct user_login login = user_table_login(rig->users, entry, 1, true);
	assert_int_equal(login.result, USER_LOGIN_IN);
	if (login.replaced) {
		user_entry_kick(login.replaced, 1);
		user_entry_retire(rig->users, &login.replaced);
	}
	return entry;
}

static void take_out(struct rig *rig, struct user_entry *entry)
{
	assert_true(user_table_logout(rig->users, &entry));
}

static struct user_entry *log_in(
	struct rig *rig, const char *user, const char *device, uint64_t epoch)
{
	struct user_entry *entry = put_in(rig, user, device, epoch);
	tell_came(rig, user, device, epoch);
	return entry;
}

/* Returns what the turn says of its next one. */
static int pass(struct rig *rig, uint64_t ms)
{
	rig->now_ms += ms;
	return event_rules_turn(&rig->rules, rig->now_ms);
}

/* --- what is told ------------------------------------------------------------------------------
 */

static struct event expect(
	struct rig *rig, enum event_kind kind, const char *user, const char *device, uint64_t epoch)
{
	assert_true(rig->noted > rig->seen);
	const struct event event = events_at(rig->rules.events, ++rig->seen);
	assert_int_equal(event.kind, kind);
	assert_slice(event.name, user);
	assert_slice(event.device, device);
	assert_int_equal(event.epoch, epoch);
	return event;
}

static void expect_nothing(struct rig *rig)
{
	assert_int_equal(rig->noted, rig->seen);
}

static void test_online_and_offline(void **state)
{
	struct rig *rig = *state;
	struct user_entry *alice = log_in(rig, "alice", "phone", 10);
	struct event event = expect(rig, EVENT_ONLINE, "alice", "phone", 10);
	assert_null(event.reason);
	assert_int_equal(pass(rig, GRACE_MS * 2), -1);
	take_out(rig, alice);
	tell_gone(rig, "alice", "phone", 10);
	assert_int_equal(pass(rig, 0), GRACE_MS);
	assert_int_equal(pass(rig, GRACE_MS - 1), 1);
	expect_nothing(rig);
	assert_int_equal(pass(rig, 1), -1);
	event = expect(rig, EVENT_OFFLINE, "alice", "phone", 10);
	assert_string_equal(event.reason, close_reason_counter(CLOSE_REASON_PEER_EOF));
	assert_int_equal(event.wall_ms, 10);
	expect_nothing(rig);
}

static void test_who_comes_back_in_time_has_moved(void **state)
{
	struct rig *rig = *state;
	take_out(rig, log_in(rig, "alice", "", 10));
	expect(rig, EVENT_ONLINE, "alice", "", 10);
	tell_gone(rig, "alice", "", 10);
	pass(rig, GRACE_MS - 1);
	struct user_entry *again = log_in(rig, "alice", "", 11);
	expect(rig, EVENT_MOVED, "alice", "", 11);
	assert_int_equal(pass(rig, GRACE_MS), -1);
	expect_nothing(rig);
	/* Behind it the grace begins anew. */
	take_out(rig, again);
	tell_gone(rig, "alice", "", 11);
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "alice", "", 11);
	take_out(rig, log_in(rig, "alice", "", 12));
	expect(rig, EVENT_ONLINE, "alice", "", 12);
	expect_nothing(rig);
}

static void test_a_kick_is_no_offline(void **state)
{
	struct rig *rig = *state;
	log_in(rig, "alice", "", 10);
	expect(rig, EVENT_ONLINE, "alice", "", 10);
	struct user_entry *fresh = put_in(rig, "alice", "", 11);
	tell_replaces(rig, "alice", 11);
	expect(rig, EVENT_MOVED, "alice", "", 11);
	pass(rig, GRACE_MS * 2);
	expect_nothing(rig);
	take_out(rig, fresh);
}

/* By a worker that was slower, after the one that has replaced it. */
static void test_what_is_told_late_is_old(void **state)
{
	struct rig *rig = *state;
	put_in(rig, "alice", "", 10);
	struct user_entry *fresh = put_in(rig, "alice", "", 11);
	tell_replaces(rig, "alice", 11);
	expect(rig, EVENT_MOVED, "alice", "", 11);
	tell_came(rig, "alice", "", 10);
	expect_nothing(rig);
	/* Even when that has gone too by then. */
	take_out(rig, fresh);
	tell_gone(rig, "alice", "", 11);
	tell_came(rig, "alice", "", 10);
	expect_nothing(rig);
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "alice", "", 11);
	expect_nothing(rig);
}

/* Of a device that another one has displaced its end may be told before its begin. */
static void test_an_end_before_its_begin(void **state)
{
	struct rig *rig = *state;
	tell_gone(rig, "alice", "phone", 10);
	tell_came(rig, "alice", "phone", 10);
	expect(rig, EVENT_ONLINE, "alice", "phone", 10);
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "alice", "phone", 10);
	expect_nothing(rig);
}

/* Who was here for a moment was here. */
static void test_gone_before_it_was_looked_at(void **state)
{
	struct rig *rig = *state;
	tell_came(rig, "alice", "", 10);
	tell_gone(rig, "alice", "", 10);
	expect(rig, EVENT_ONLINE, "alice", "", 10);
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "alice", "", 10);
}

static void test_devices_are_apart(void **state)
{
	struct rig *rig = *state;
	struct user_entry *phone = log_in(rig, "alice", "phone", 10);
	struct user_entry *desktop = log_in(rig, "alice", "desktop", 11);
	expect(rig, EVENT_ONLINE, "alice", "phone", 10);
	expect(rig, EVENT_ONLINE, "alice", "desktop", 11);
	take_out(rig, phone);
	tell_gone(rig, "alice", "phone", 10);
	pass(rig, 1);
	take_out(rig, desktop);
	tell_gone(rig, "alice", "desktop", 11);
	pass(rig, GRACE_MS - 1);
	expect(rig, EVENT_OFFLINE, "alice", "phone", 10);
	expect_nothing(rig);
	pass(rig, 1);
	expect(rig, EVENT_OFFLINE, "alice", "desktop", 11);
}

/* Names are not put together: "a" from "bc" is not "ab" from "c". */
static void test_names_are_apart(void **state)
{
	struct rig *rig = *state;
	tell_gone(rig, "a", "bc", 1);
	tell_gone(rig, "ab", "c", 2);
	tell_gone(rig, "abc", "", 3);
	tell_came(rig, "ab", "c", 4);
	expect(rig, EVENT_MOVED, "ab", "c", 4);
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "a", "bc", 1);
	expect(rig, EVENT_OFFLINE, "abc", "", 3);
	expect_nothing(rig);
}

static void test_who_is_elsewhere_is_not_offline(void **state)
{
	struct rig *rig = *state;
	tell_gone(rig, "alice", "", 10);
	tell_gone(rig, "bob", "", 11);
	/* Which nobody has told of by name. */
	rig->elsewhere = "alice";
	rig->elsewhere_epoch = 9;
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "bob", "", 11);
	expect_nothing(rig);
	/* Who comes from there has moved. */
	take_out(rig, log_in(rig, "alice", "", 12));
	expect(rig, EVENT_MOVED, "alice", "", 12);
}

/* The node that he has gone to tells of his end there, even if that comes soon. */
static void test_who_goes_elsewhere_is_not_offline_here(void **state)
{
	struct rig *rig = *state;
	tell_gone(rig, "alice", "", 10);
	pass(rig, GRACE_MS / 2);
	event_rules_on_elsewhere(&rig->rules, slice_of("alice"), slice_of("phone"), 11);
	event_rules_on_elsewhere(&rig->rules, slice_of("alice"), slice_of(""), 9);
	assert_int_equal(graces_count(rig->rules.graces), 1);
	event_rules_on_elsewhere(&rig->rules, slice_of("alice"), slice_of(""), 11);
	assert_int_equal(graces_count(rig->rules.graces), 0);
	/* As a kick for a login there does it. */
	rig->elsewhere = "bob";
	rig->elsewhere_epoch = 13;
	tell_gone(rig, "bob", "", 12);
	rig->elsewhere = NULL;
	pass(rig, GRACE_MS);
	expect_nothing(rig);
	/* Where he has come from tells nothing that counts. */
	rig->elsewhere = "bob";
	rig->elsewhere_epoch = 13;
	tell_gone(rig, "bob", "", 14);
	rig->elsewhere = NULL;
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "bob", "", 14);
	expect_nothing(rig);
}

/* He has come from another node, where his kick is under way, and is gone again. */
static void test_who_leaves_before_the_kick_elsewhere_is_offline(void **state)
{
	struct rig *rig = *state;
	rig->rules.grace_ms = 0;
	rig->elsewhere = "alice";
	rig->elsewhere_epoch = 9;
	tell_gone(rig, "alice", "", 10);
	tell_gone(rig, "bob", "", 11);
	assert_in_range(pass(rig, 0), 1, INT_MAX);
	expect(rig, EVENT_OFFLINE, "bob", "", 11);
	expect_nothing(rig);
	assert_int_equal(event_rules_untold(&rig->rules), 1);
	/* Another one's end, and one of his that leaves him one. */
	event_rules_on_left(&rig->rules, user_table_hash(rig->users, "bob", 3));
	event_rules_on_left(&rig->rules, user_table_hash(rig->users, "alice", 5));
	expect_nothing(rig);
	rig->elsewhere = NULL;
	event_rules_on_left(&rig->rules, user_table_hash(rig->users, "bob", 3));
	expect_nothing(rig);
	event_rules_on_left(&rig->rules, user_table_hash(rig->users, "alice", 5));
	expect(rig, EVENT_OFFLINE, "alice", "", 10);
	assert_int_equal(event_rules_untold(&rig->rules), 0);
	assert_int_equal(pass(rig, GRACE_MS), -1);
	expect_nothing(rig);
}

/* The end of the older one may not be told, as that of a node that is down, and may take its time.
 */
static void test_an_end_elsewhere_that_is_not_told(void **state)
{
	struct rig *rig = *state;
	rig->elsewhere = "alice";
	rig->elsewhere_epoch = 9;
	tell_gone(rig, "alice", "", 10);
	int wait_ms = pass(rig, GRACE_MS);
	for (int i = 0; i < 10; i++) {
		assert_in_range(wait_ms, 1000, 10000);
		wait_ms = pass(rig, (uint64_t)wait_ms);
		expect_nothing(rig);
	}
	rig->elsewhere = NULL;
	assert_int_equal(pass(rig, (uint64_t)wait_ms), -1);
	expect(rig, EVENT_OFFLINE, "alice", "", 10);
	assert_int_equal(event_rules_untold(&rig->rules), 0);
	assert_int_equal(rig->missed, 0);
}

/* There is no memory to wait in: whoever listens is told to look. */
static void test_no_memory_for_who_is_not_settled(void **state)
{
	struct rig *rig = *state;
	rig->elsewhere = "alice";
	rig->elsewhere_epoch = 9;
	has_no_memory = true;
	tell_gone(rig, "alice", "", 10);
	has_no_memory = false;
	assert_int_equal(rig->missed, 1);
	tell_gone(rig, "alice", "", 11);
	has_no_memory = true;
	pass(rig, GRACE_MS);
	has_no_memory = false;
	assert_int_equal(rig->missed, 2);
	assert_int_equal(event_rules_untold(&rig->rules), 0);
	expect_nothing(rig);
}

/* By a worker that was slower: of one that another device had displaced, behind a later one's. */
static void test_an_end_that_is_told_late(void **state)
{
	struct rig *rig = *state;
	tell_gone(rig, "alice", "phone", 12);
	tell_gone(rig, "alice", "phone", 9);
	pass(rig, GRACE_MS);
	expect(rig, EVENT_OFFLINE, "alice", "phone", 12);
	expect_nothing(rig);
}

/* Whatever he does meanwhile. */
static void test_who_is_not_settled_comes_back(void **state)
{
	struct rig *rig = *state;
	rig->rules.grace_ms = 0;
	rig->elsewhere = "alice";
	rig->elsewhere_epoch = 9;
	tell_gone(rig, "alice", "", 10);
	pass(rig, 0);
	struct user_entry *alice = log_in(rig, "alice", "", 11);
	expect(rig, EVENT_MOVED, "alice", "", 11);
	assert_int_equal(event_rules_untold(&rig->rules), 0);
	take_out(rig, alice);
	tell_gone(rig, "alice", "", 11);
	pass(rig, 0);
	assert_int_equal(event_rules_untold(&rig->rules), 1);
	event_rules_on_elsewhere(&rig->rules, slice_of("alice"), slice_of(""), 12);
	assert_int_equal(event_rules_untold(&rig->rules), 0);
	rig->elsewhere = NULL;
	pass(rig, 2 * GRACE_MS);
	expect_nothing(rig);
}

/* What was told of his coming was lost, or is yet to come. */
static void test_who_is_in_is_not_offline(void **state)
{
	struct rig *rig = *state;
	tell_gone(rig, "alice", "", 10);
	struct user_entry *alice = put_in(rig, "alice", "", 11);
	pass(rig, GRACE_MS);
	expect_nothing(rig);
	take_out(rig, alice);
}

static void test_without_grace(void **state)
{
	struct rig *rig = *state;
	rig->rules.grace_ms = 0;
	tell_gone(rig, "alice", "", 10);
	pass(rig, 0);
	expect(rig, EVENT_OFFLINE, "alice", "", 10);
}

/* A shorter grace holds for those who have gone already. */
static void test_another_grace(void **state)
{
	struct rig *rig = *state;
	tell_gone(rig, "alice", "", 10);
	pass(rig, 1000);
	rig->rules.grace_ms = 2000;
	assert_int_equal(pass(rig, 0), 1000);
	pass(rig, 1000);
	expect(rig, EVENT_OFFLINE, "alice", "", 10);
}

/* A node's users go all at once: a turn tells of some, and who has been told of is not kept. */
static void test_many_go_at_once(void **state)
{
	struct rig *rig = *state;
	for (uint64_t i = 0; i < USERS_MANY; i++) {
		char user[24];
		snprintf(user, sizeof(user), "u%llu", (unsigned long long)i);
		tell_gone(rig, user, "", i + 1);
	}
	assert_int_equal(graces_count(rig->rules.graces), USERS_MANY);
	rig->now_ms += GRACE_MS;
	int turns = 1;
	while (pass(rig, 0) == 0) {
		turns++;
	}
	assert_in_range(turns, 2, USERS_MANY / 2);
	assert_int_equal(graces_count(rig->rules.graces), 0);
	for (uint64_t i = 0; i < USERS_MANY; i++) {
		char user[24];
		snprintf(user, sizeof(user), "u%llu", (unsigned long long)i);
		expect(rig, EVENT_OFFLINE, user, "", i + 1);
	}
	expect_nothing(rig);
}

static void test_no_memory_for_a_grace(void **state)
{
	struct rig *rig = *state;
	struct presence *gone = make(PRESENCE_GONE, "alice", "", 10);
	has_no_memory = true;
	event_rules_on_presence(&rig->rules, &gone, rig->now_ms);
	has_no_memory = false;
	assert_null(gone);
	assert_int_equal(graces_count(rig->rules.graces), 0);
	/* It has its number at once; there was no memory for more. */
	assert_int_equal(rig->noted, 1);
	assert_int_equal(events_first(rig->rules.events), 2);
	rig->seen = 1;
}

/* Events and graces have a part of the node's memory: where a grace does not fit in, there is
 * none. */
static void test_no_room_for_a_grace(void **state)
{
	struct rig *rig = *state;
	const ptrdiff_t others = EVENTS_MEMORY_MIN - 500;
	rig->budget.limit = 0;
	budget_change(&rig->budget, BUDGET_EVENTS, others);
	uint64_t told = 0;
	for (uint64_t epoch = 1; rig->noted == 0; epoch++) {
		char user[24];
		snprintf(user, sizeof(user), "u%llu", (unsigned long long)epoch);
		tell_gone(rig, user, "", epoch);
		told++;
		assert_true(told < 10);
	}
	assert_int_equal(graces_count(rig->rules.graces), told - 1);
	assert_true(budget_held(&rig->budget, BUDGET_EVENTS) <= EVENTS_MEMORY_MIN);
	budget_change(&rig->budget, BUDGET_EVENTS, -others);
	rig->seen = rig->noted;
	pass(rig, GRACE_MS);
	for (uint64_t epoch = 1; epoch < told; epoch++) {
		char user[24];
		snprintf(user, sizeof(user), "u%llu", (unsigned long long)epoch);
		expect(rig, EVENT_OFFLINE, user, "", epoch);
	}
	expect_nothing(rig);
}

static void test_nodes_and_resyncs(void **state)
{
	struct rig *rig = *state;
	const struct incarnation incarnation = {1, 2};
	event_rules_on_node(&rig->rules, EVENT_NODE_UP, slice_of("gw-2"), &incarnation, 7);
	struct event event = expect(rig, EVENT_NODE_UP, "gw-2", "", 0);
	assert_true(incarnation_is_same(&event.peer, &incarnation));
	assert_int_equal(event.wall_ms, 7);
	event_rules_resync(&rig->rules, "no_memory", 8);
	event = expect(rig, EVENT_RESYNC, "", "", 0);
	assert_string_equal(event.reason, "no_memory");
	expect_nothing(rig);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_online_and_offline),
		CASE(test_who_comes_back_in_time_has_moved),
		CASE(test_a_kick_is_no_offline),
		CASE(test_what_is_told_late_is_old),
		CASE(test_an_end_before_its_begin),
		CASE(test_gone_before_it_was_looked_at),
		CASE(test_devices_are_apart),
		CASE(test_names_are_apart),
		CASE(test_who_is_elsewhere_is_not_offline),
		CASE(test_who_goes_elsewhere_is_not_offline_here),
		CASE(test_who_leaves_before_the_kick_elsewhere_is_offline),
		CASE(test_an_end_elsewhere_that_is_not_told),
		CASE(test_no_memory_for_who_is_not_settled),
		CASE(test_an_end_that_is_told_late),
		CASE(test_who_is_not_settled_comes_back),
		CASE(test_who_is_in_is_not_offline),
		CASE(test_without_grace),
		CASE(test_another_grace),
		CASE(test_many_go_at_once),
		CASE(test_no_memory_for_a_grace),
		CASE(test_no_room_for_a_grace),
		CASE(test_nodes_and_resyncs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
