/* Events, graces and ids of requests on their way to another process. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/node/event_pack.h"
#include "../../server/node/repeats_pack.h"

enum {
	GRACE_MS = 5000,
	NOW_MS = 1000000,
	SECOND = 1, /* the process that goes on */
};

static const struct event_source source = {"gw-1", {.wall_ms = 7, .random = 8}};

struct side {
	struct budget budget;
	struct user_table *users;
	struct event_rules rules;
};

struct rig {
	struct side sides[2];
	struct pack pack;
};

static int setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	user_table_thread_begin();
	for (int i = 0; i < 2; i++) {
		struct side *side = &rig->sides[i];
		assert_int_equal(budget_init(&side->budget, 1), 0);
		side->budget.limit = SIZE_MAX;
		assert_int_equal(user_table_create(16, 4, NULL, &side->users), 0);
		assert_int_equal(
			event_rules_init(&side->rules, &side->budget, side->users, NULL, NULL), 0);
		side->rules.grace_ms = GRACE_MS;
	}
	*state = rig;
	return 0;
}

static int teardown(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < 2; i++) {
		struct side *side = &rig->sides[i];
		event_rules_finish(&side->rules);
		user_table_destroy(&side->users);
		assert_int_equal(budget_held(&side->budget, BUDGET_EVENTS), 0);
		budget_finish(&side->budget);
	}
	pack_finish(&rig->pack);
	user_table_thread_end();
	free(rig);
	return 0;
}

/* --- what there is -----------------------------------------------------------------------------
 */

static void tell_gone(struct side *side, const char *user, const char *device, uint64_t now_ms)
{
	struct presence *gone = calloc(1, sizeof(*gone) + strlen(user) + strlen(device) + 1);
	assert_non_null(gone);
	gone->change = PRESENCE_GONE;
	gone->reason = CLOSE_REASON_PEER_EOF;
	gone->epoch = now_ms * 3;
	gone->wall_ms = now_ms;
	gone->remote = (struct remote){.address = {[15] = 1}, .port = htons(4711), .is_inet = true};
	gone->speaks_v1 = true;
	gone->name_len = (uint8_t)strlen(user);
	gone->device_len = (uint8_t)strlen(device);
	sprintf(gone->names, "%s%s", user, device);
	event_rules_on_presence(&side->rules, &gone, now_ms);
}

/* Of each kind. */
static void note_all(struct side *side)
{
	const struct incarnation peer = {.wall_ms = 3, .random = UINT64_MAX};
	const struct event online = {
		.kind = EVENT_ONLINE,
		.wall_ms = NOW_MS,
		.epoch = UINT64_MAX,
		.name = SLICE("alice"),
		.device = SLICE("phone"),
		.remote = {.address = {0x20, 1}, .port = htons(443), .is_inet = true},
	};
	const struct event offline = {
		.kind = EVENT_OFFLINE,
		.name = SLICE("bob"),
		.reason = close_reason_counter(CLOSE_REASON_KICKED),
	};
	event_rules_on_node(&side->rules, EVENT_NODE_UP, SLICE("gw-2"), &peer, NOW_MS);
	events_add(side->rules.events, &online);
	events_add(side->rules.events, &offline);
	event_rules_resync(&side->rules, EVENT_NO_MEMORY, NOW_MS + 1);
	event_rules_resync(&side->rules, EVENT_LINES_LOST, NOW_MS + 2);
	event_rules_on_node(&side->rules, EVENT_NODE_DOWN, SLICE("gw-2"), &peer, NOW_MS + 3);
}

static size_t text_of(const struct side *side, uint64_t seq, char text[EVENT_JSON_MAX])
{
	const struct event event = events_at(side->rules.events, seq);
	return event_write(&event, &source, seq, text);
}

static void expect_same_events(const struct rig *rig)
{
	const struct events *first = rig->sides[0].rules.events;
	const struct events *second = rig->sides[SECOND].rules.events;
	assert_int_equal(events_first(first), events_first(second));
	assert_int_equal(events_next(first), events_next(second));
	for (uint64_t seq = events_first(first); seq < events_next(first); seq++) {
		char before[EVENT_JSON_MAX];
		char after[EVENT_JSON_MAX];
		const size_t len = text_of(&rig->sides[0], seq, before);
		assert_int_equal(text_of(&rig->sides[SECOND], seq, after), len);
		assert_memory_equal(before, after, len);
	}
}

static int hand_over(struct rig *rig)
{
	pack_finish(&rig->pack);
	event_rules_pack(&rig->sides[0].rules, &rig->pack);
	assert_false(rig->pack.failed);
	struct unpack unpack = unpack_of(rig->pack.bytes, rig->pack.len);
	int err = event_rules_unpack(&rig->sides[SECOND].rules, &unpack);
	assert_true(err || unpack_is_over(&unpack));
	return err;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static void test_events_are_the_same(void **state)
{
	struct rig *rig = *state;
	struct side *second = &rig->sides[SECOND];
	/* What the second one has noted by then, its own start, never was. */
	event_rules_on_node(
		&second->rules, EVENT_NODE_UP, SLICE("gw-1"), &source.incarnation, NOW_MS);
	assert_int_equal(hand_over(rig), 0);
	assert_int_equal(events_next(second->rules.events), 1);
	note_all(&rig->sides[0]);
	assert_int_equal(hand_over(rig), 0);
	expect_same_events(rig);
	event_rules_resync(&second->rules, EVENT_NO_MEMORY, NOW_MS);
	assert_int_equal(events_next(second->rules.events), 8);
}

static void test_a_full_ring(void **state)
{
	struct rig *rig = *state;
	for (int i = 0; i < EVENTS_MAX + 10; i++) {
		event_rules_resync(&rig->sides[0].rules, EVENT_NO_MEMORY, (uint64_t)i);
	}
	assert_int_equal(hand_over(rig), 0);
	assert_int_equal(events_first(rig->sides[SECOND].rules.events), 11);
	expect_same_events(rig);
	/* With less memory the oldest are gone, and the next number is the same. */
	rig->sides[SECOND].budget.limit = 1;
	assert_int_equal(hand_over(rig), 0);
	assert_true(events_first(rig->sides[SECOND].rules.events) > 11);
	assert_int_equal(events_next(rig->sides[SECOND].rules.events), EVENTS_MAX + 11);
}

/* Nobody is offline sooner or later than he would have been. */
static void test_graces_go_on(void **state)
{
	struct rig *rig = *state;
	struct side *second = &rig->sides[SECOND];
	tell_gone(&rig->sides[0], "alice", "phone", NOW_MS);
	tell_gone(&rig->sides[0], "alice", "", NOW_MS + 1000);
	tell_gone(&rig->sides[0], "bob", "", NOW_MS + 2000);
	assert_int_equal(hand_over(rig), 0);
	assert_int_equal(graces_count(second->rules.graces), 3);
	assert_int_equal(event_rules_turn(&second->rules, NOW_MS + 2500), 2500);
	assert_int_equal(events_next(second->rules.events), 1);
	assert_int_equal(event_rules_turn(&second->rules, NOW_MS + GRACE_MS), 1000);
	struct event event = events_at(second->rules.events, 1);
	assert_int_equal(event.kind, EVENT_OFFLINE);
	assert_true(slice_equals(event.name, SLICE("alice")));
	assert_true(slice_equals(event.device, SLICE("phone")));
	assert_true(event.epoch == (uint64_t)NOW_MS * 3);
	assert_int_equal(event.wall_ms, NOW_MS);
	assert_int_equal(event.remote.port, htons(4711));
	assert_string_equal(event.reason, close_reason_counter(CLOSE_REASON_PEER_EOF));
	/* Who is back in time elsewhere was never away. */
	event_rules_on_elsewhere(&second->rules, SLICE("bob"), SLICE(""), UINT64_MAX);
	assert_int_equal(event_rules_turn(&second->rules, NOW_MS + 10 * GRACE_MS), -1);
	assert_int_equal(events_next(second->rules.events), 3);
	assert_int_equal(graces_count(rig->sides[0].rules.graces), 3);
}

static bool is_older_elsewhere(
	void *context, struct slice user, struct slice device, uint64_t epoch)
{
	(void)context;
	(void)user;
	(void)device;
	return epoch == 0;
}

/* Who was waited for elsewhere is waited for still. */
static void test_what_is_not_settled_goes_on(void **state)
{
	static const struct event_rules_ops ops = {.is_elsewhere = is_older_elsewhere};
	struct rig *rig = *state;
	struct event_rules *first = &rig->sides[0].rules;
	struct event_rules *second = &rig->sides[SECOND].rules;
	first->ops = &ops;
	tell_gone(&rig->sides[0], "alice", "", NOW_MS);
	tell_gone(&rig->sides[0], "bob", "", NOW_MS + 1);
	event_rules_turn(first, NOW_MS + GRACE_MS);
	assert_int_equal(graces_count(first->unsettled), 1);
	assert_int_equal(hand_over(rig), 0);
	assert_int_equal(event_rules_untold(second), 2);
	/* Alice's grace was over, bob's was not. */
	second->ops = &ops;
	event_rules_turn(second, NOW_MS + GRACE_MS);
	assert_int_equal(graces_count(second->unsettled), 1);
	assert_int_equal(events_next(second->events), 1);
	second->ops = NULL;
	event_rules_turn(second, NOW_MS + 3 * GRACE_MS);
	assert_int_equal(events_next(second->events), 3);
}

static void test_there_is_no_room_for_graces(void **state)
{
	struct rig *rig = *state;
	char name[16];
	for (int i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		tell_gone(&rig->sides[0], name, "", NOW_MS);
	}
	rig->sides[SECOND].budget.limit = 1;
	assert_int_equal(hand_over(rig), -ENOMEM);
}

/* Cut off anywhere, and with any byte changed: refused, or another message that makes sense. */
static void test_bytes_that_make_no_sense(void **state)
{
	struct rig *rig = *state;
	note_all(&rig->sides[0]);
	tell_gone(&rig->sides[0], "alice", "phone", NOW_MS);
	tell_gone(&rig->sides[0], "bob", "", NOW_MS + 1);
	assert_int_equal(hand_over(rig), 0);
	struct event_rules *rules = &rig->sides[SECOND].rules;
	for (size_t len = 0; len < rig->pack.len; len++) {
		struct unpack unpack = unpack_of(rig->pack.bytes, len);
		assert_int_equal(event_rules_unpack(rules, &unpack), -EINVAL);
	}
	for (size_t i = 0; i < rig->pack.len; i++) {
		rig->pack.bytes[i] ^= 0xff;
		struct unpack unpack = unpack_of(rig->pack.bytes, rig->pack.len);
		int err = event_rules_unpack(rules, &unpack);
		assert_true(err == 0 || err == -EINVAL);
		rig->pack.bytes[i] ^= 0xff;
	}
}

/* --- ids of requests ---------------------------------------------------------------------------
 */

static void put(struct repeats *repeats, const char *id, uint32_t number, uint64_t now_ms)
{
	const struct repeat repeat = {
		.key = repeats_key(repeats, '@', SLICE("bob"), slice_of(id)),
		.numbers = {number, number + 1},
	};
	repeats_put(repeats, &repeat, now_ms);
}

static const struct repeat *find(struct repeats *repeats, const char *id, uint64_t now_ms)
{
	return repeats_find(repeats, repeats_key(repeats, '@', SLICE("bob"), slice_of(id)), now_ms);
}

static void test_ids_are_remembered(void **state)
{
	struct rig *rig = *state;
	struct repeats before;
	struct repeats after;
	repeats_init(&before);
	repeats_init(&after);
	put(&before, "old", 3, NOW_MS);
	put(&before, "new", 5, NOW_MS + REPEATS_MS + 1);
	repeats_pack(&before, &rig->pack);
	for (size_t len = 0; len < rig->pack.len; len++) {
		struct unpack cut = unpack_of(rig->pack.bytes, len);
		assert_int_equal(repeats_unpack(&after, &cut), -EINVAL);
	}
	struct unpack unpack = unpack_of(rig->pack.bytes, rig->pack.len);
	assert_int_equal(repeats_unpack(&after, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	for (uint64_t ms = NOW_MS + REPEATS_MS + 1; ms < NOW_MS + 4 * REPEATS_MS; ms += 10000) {
		/* Each as long as before. */
		assert_true(!find(&before, "old", ms) == !find(&after, "old", ms));
		assert_true(!find(&before, "new", ms) == !find(&after, "new", ms));
		assert_null(find(&after, "other", ms));
	}
	repeats_finish(&before);
	repeats_finish(&after);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_events_are_the_same),
		CASE(test_a_full_ring),
		CASE(test_graces_go_on),
		CASE(test_what_is_not_settled_goes_on),
		CASE(test_there_is_no_room_for_graces),
		CASE(test_bytes_that_make_no_sense),
		CASE(test_ids_are_remembered),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
