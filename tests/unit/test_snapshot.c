#include "snapshot_rig.h"

enum {
	MANY = 600, /* lines: more than two messages take */
	SLOW_BUFFER = 4096,
	LONG = 30000, /* bytes of a text that the slow ones queue */
};

static uint64_t sessions_of(struct rig *rig)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		total += stats_read(&rig->workers[i].stats.sessions);
	}
	return total;
}

static struct client *client_at(struct snapshot_rig *rig, uint32_t index)
{
	return &rig->taker.clients[index];
}

/* --- what moves --------------------------------------------------------------------------------
 */

static void test_nobody(void **state)
{
	struct snapshot_rig *rig = *state;
	snapshot_rig_hand_over(rig);
	assert_int_equal(rig->taking.totals.lines, 0);
	assert_int_equal(snapshot_lost(&rig->taking), 0);
}

static void test_sessions_talk_on(void **state)
{
	struct snapshot_rig *rig = *state;
	for (uint32_t i = 0; i < 3; i++) {
		static const char *const names[] = {"a", "b", "c"};
		rig_login(&rig->giver, i, names[i]);
	}
	snapshot_rig_hand_over(rig);
	assert_int_equal(rig->taking.totals.lines, 3);
	assert_int_equal(sessions_of(&rig->giver), 0);
	assert_int_equal(user_table_count(rig->giver.node.users), 0);
	assert_int_equal(sessions_of(&rig->taker), 3);
	assert_int_equal(user_table_count(rig->taker.node.users), 3);
	/* Dealt out: the fewest first. */
	assert_in_range(rig->taker.workers[0].load, 1, 2);
	assert_in_range(rig->taker.workers[1].load, 1, 2);
	client_text(client_at(rig, 0), "hello");
	rig_run(&rig->taker);
	expect_nothing(client_at(rig, 0));
	expect_text(client_at(rig, 1), "hello -- FROM a");
	expect_text(client_at(rig, 2), "hello -- FROM a");
}

/* What was counted goes on, and nothing was counted for the move. */
static void test_figures_go_on(void **state)
{
	struct snapshot_rig *rig = *state;
	rig_login(&rig->giver, 0, "a");
	struct client *gone = rig_login(&rig->giver, 1, "b");
	client_leave(gone);
	rig_run(&rig->giver);
	const uint64_t epoch = rig->giver.node.epochs.last;
	snapshot_rig_hand_over(rig);
	assert_int_equal(rig->taker.workers[0].stats.accepted, 2);
	assert_int_equal(rig->taker.workers[0].stats.logins, 2);
	assert_int_equal(rig_ends(&rig->taker, CLOSE_REASON_PEER_EOF), 1);
	assert_int_equal(rig->taker.node.places.taken, 1);
	assert_int_equal(rig->giver.node.places.taken, 0);
	assert_true(rig->taker.node.epochs.last == epoch);
}

/* Who was silent before is silent for as long. */
static void test_deadlines_go_on(void **state)
{
	struct snapshot_rig *rig = *state;
	const uint32_t deadline = loop_ticks(rig->giver.config.read_deadline * 1000);
	rig_login(&rig->giver, 0, "a");
	rig_pass(&rig->giver, deadline / 2);
	rig_pass(&rig->taker, deadline / 2);
	rig_run(&rig->taker);
	snapshot_rig_hand_over(rig);
	rig_pass(&rig->taker, deadline / 2 - 1);
	rig_run(&rig->taker);
	expect_nothing(client_at(rig, 0));
	rig_pass(&rig->taker, 4);
	rig_run(&rig->taker);
	expect_close(client_at(rig, 0), 3008, "i/o timeout");
}

static void test_rooms_are_kept(void **state)
{
	struct snapshot_rig *rig = *state;
	v1_join(&rig->giver, v1_login(&rig->giver, 0, "a"), "lobby", 1);
	v1_join(&rig->giver, v1_login(&rig->giver, 1, "b"), "lobby", 2);
	v1_login(&rig->giver, 2, "c");
	snapshot_rig_hand_over(rig);
	assert_int_equal(rooms_count(rig->taker.node.fanout.rooms), 1);
	v1_say(client_at(rig, 0), 1, "#lobby", "still here");
	rig_run(&rig->taker);
	v1_expect_message(client_at(rig, 1), "a", "#lobby", "still here");
	expect_nothing(client_at(rig, 2));
}

/* A frame that was cut anywhere is read to its end. */
static void test_half_a_frame(void **state)
{
	static const size_t cuts[] = {1, 2, 5, 6, 9, 10};
	struct snapshot_rig *rig = *state;
	uint8_t frame[64];
	char name[8];
	size_t len = make_frame(frame, FRAME_TEXT, "hello", 5);
	struct client *ears = rig_login(&rig->giver, 0, "ears");
	for (uint32_t i = 0; i < 6; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		client_write(rig_login(&rig->giver, i % 3, name), frame, cuts[i]);
	}
	rig_run(&rig->giver);
	expect_nothing(ears);
	snapshot_rig_hand_over(rig);
	for (uint32_t i = 0; i < 6; i++) {
		char text[32];
		client_write(client_at(rig, i + 1), frame + cuts[i], len - cuts[i]);
		rig_run(&rig->taker);
		snprintf(text, sizeof(text), "hello -- FROM u%u", i);
		expect_text(client_at(rig, 0), text);
	}
}

static void test_half_a_request(void **state)
{
	struct snapshot_rig *rig = *state;
	char request[512];
	size_t len = make_request("/?user=a", request);
	struct client *fresh = rig_connect(&rig->giver, 0, 0, false);
	struct client *begun = rig_connect(&rig->giver, 1, 0, false);
	client_write(begun, request, 30);
	rig_run(&rig->giver);
	expect_nothing(fresh);
	snapshot_rig_hand_over(rig);
	client_write(client_at(rig, 1), request + 30, len - 30);
	rig_run(&rig->taker);
	assert_int_equal(client_status(client_at(rig, 1)), 101);
	client_request(client_at(rig, 0), "/?user=b");
	rig_run(&rig->taker);
	assert_int_equal(client_status(client_at(rig, 0)), 101);
	assert_int_equal(sessions_of(&rig->taker), 2);
}

/* What is not read by the giver is read by the taker, in order. */
static void test_what_lies_in_the_kernel(void **state)
{
	struct snapshot_rig *rig = *state;
	rig_login(&rig->giver, 0, "a");
	rig_login(&rig->giver, 1, "b");
	struct client *a = &rig->giver.clients[0];
	rig_run(&rig->giver);
	client_text(a, "one");
	client_text(a, "two");
	assert_int_equal(snapshot_rig_move(rig), 0);
	expect_have_all(rig);
	snapshot_rig_go(rig);
	rig_run(&rig->taker);
	expect_text(client_at(rig, 1), "one -- FROM a");
	expect_text(client_at(rig, 1), "two -- FROM a");
}

/* Those who do not read have the same bytes in their queues: once on the way, once there. */
static void test_queues_of_slow_ones(void **state)
{
	struct snapshot_rig *rig = *state;
	static char text[LONG + 1];
	static char expected[LONG + 32];
	struct client *talker = rig_login(&rig->giver, 0, "talker");
	for (uint32_t i = 0; i < 3; i++) {
		char name[8];
		snprintf(name, sizeof(name), "s%u", i);
		rig_login_with(&rig->giver, i, name, SLOW_BUFFER)->deaf = true;
	}
	for (char c = 'a'; c < 'e'; c++) {
		memset(text, c, LONG);
		client_text(talker, text);
		rig_run(&rig->giver);
	}
	size_t held = rig_held_as(&rig->giver, BUDGET_BATCHES);
	assert_true(held > 0);
	snapshot_rig_hand_over(rig);
	assert_in_range(rig->taking.totals.buffers, 1, 5);
	assert_int_equal(rig_held_as(&rig->giver, BUDGET_BATCHES), 0);
	assert_in_range(rig_held_as(&rig->taker, BUDGET_BATCHES), 1, held + 4096);
	assert_true(rig_held_as(&rig->taker, BUDGET_QUEUES) > 0);
	for (uint32_t i = 1; i < 4; i++) {
		client_at(rig, i)->deaf = false;
	}
	rig_run(&rig->taker);
	for (uint32_t i = 1; i < 4; i++) {
		for (char c = 'a'; c < 'e'; c++) {
			memset(text, c, LONG);
			snprintf(expected, sizeof(expected), "%s -- FROM talker", text);
			expect_text(client_at(rig, i), expected);
		}
		expect_nothing(client_at(rig, i));
	}
	assert_int_equal(rig_held_as(&rig->taker, BUDGET_BATCHES), 0);
}

static void test_more_than_one_message_takes(void **state)
{
	struct snapshot_rig *rig = *state;
	for (uint32_t i = 0; i < MANY; i++) {
		char target[32];
		snprintf(target, sizeof(target), "/?user=u%u", i);
		client_request(rig_connect(&rig->giver, i % 3, 0, false), target);
	}
	rig_run(&rig->giver);
	snapshot_rig_hand_over(rig);
	assert_int_equal(rig->taking.totals.lines, MANY);
	assert_int_equal(rig->taker.workers[0].load, MANY / 2);
	assert_int_equal(rig->taker.workers[1].load, MANY / 2);
	for (uint32_t i = 0; i < MANY; i++) {
		assert_int_equal(client_status(client_at(rig, i)), 101);
	}
	client_text(client_at(rig, 17), "all of you");
	rig_run(&rig->taker);
	for (uint32_t i = 0; i < MANY; i++) {
		if (i != 17) {
			expect_text(client_at(rig, i), "all of you -- FROM u17");
		}
	}
}

/* A user's sessions enter in the order in which they were accepted, whichever worker has them: the
 * taker lets one more in, and the oldest goes. */
static void test_sessions_enter_as_they_were_accepted(void **state)
{
	struct snapshot_rig *rig = *state;
	for (uint32_t i = 0; i < RIG_DEVICES; i++) {
		char device[8];
		snprintf(device, sizeof(device), "d%u", i);
		v1_login_device(&rig->giver, 2 - i % 3, "a", device);
	}
	snapshot_rig_hand_over(rig);
	struct user_device devices[USER_SESSIONS_MAX];
	assert_int_equal(user_table_devices(rig->taker.node.users, "a", 1, devices), RIG_DEVICES);
	for (uint32_t i = 0; i < RIG_DEVICES; i++) {
		assert_int_equal(devices[i].name[1], '0' + (int)i);
	}
	struct client *newest = v1_ask(&rig->taker, 0, "a", "more");
	rig_run(&rig->taker);
	v1_expect_greeting(newest, "a", "more");
	expect_close(client_at(rig, 0), 4001, "");
	for (uint32_t i = 1; i < RIG_DEVICES; i++) {
		expect_nothing(client_at(rig, i));
	}
}

/* Who is closing stays, and hears his Close to the end. */
static void test_closing_ones_stay(void **state)
{
	struct snapshot_rig *rig = *state;
	struct client *a = rig_login(&rig->giver, 0, "a");
	rig_login(&rig->giver, 0, "b");
	struct client *newer = rig_login(&rig->giver, 1, "a");
	assert_int_equal(snapshot_rig_move(rig), 0);
	assert_int_equal(rig->taking.totals.lines, 2);
	expect_have_all(rig);
	snapshot_release(rig->snapshot);
	snapshot_finish(&rig->snapshot);
	assert_int_equal(stats_read(&rig->giver.workers[0].stats.connections), 1);
	expect_close(a, 4001, "");
	expect_nothing(newer);
	client_leave(a);
	rig_run(&rig->giver);
	assert_int_equal(stats_read(&rig->giver.workers[0].stats.connections), 0);
	/* Its end was counted here and there. */
	snapshot_rig_pass_clients(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SNAPSHOT_CASE(test_nobody),
		SNAPSHOT_CASE(test_sessions_talk_on),
		SNAPSHOT_CASE(test_figures_go_on),
		SNAPSHOT_CASE(test_deadlines_go_on),
		SNAPSHOT_CASE(test_rooms_are_kept),
		SNAPSHOT_CASE(test_half_a_frame),
		SNAPSHOT_CASE(test_half_a_request),
		SNAPSHOT_CASE(test_what_lies_in_the_kernel),
		SNAPSHOT_CASE(test_queues_of_slow_ones),
		SNAPSHOT_CASE(test_more_than_one_message_takes),
		SNAPSHOT_CASE(test_sessions_enter_as_they_were_accepted),
		SNAPSHOT_CASE(test_closing_ones_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
