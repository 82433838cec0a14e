#include "conn_rig.h"

static void number_text(char *ret_text, size_t size, const char *name, int number)
{
	snprintf(ret_text, size, "%s-%d", name, number);
}

static void expect_from(struct client *client, const char *text, const char *user)
{
	char line[256];
	snprintf(line, sizeof(line), "%s -- FROM %s", text, user);
	expect_text(client, line);
}

static void test_both_kinds_reach_everybody_else(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	struct client *c = rig_login(rig, 1, "c");
	client_text(a, "one");
	client_packet(a, PACKET_TEXT, "two", 3);
	client_text(a, "");
	rig_run(rig);
	expect_nothing(a);
	for (int i = 0; i < 2; i++) {
		struct client *client = i ? c : b;
		expect_from(client, "one", "a");
		expect_frame(client, FRAME_BINARY, "\0\x66\0\0\0\x0dtwo -- FROM a", 6 + 13);
		expect_from(client, "", "a");
		expect_nothing(client);
	}
	assert_int_equal(stats_read(&rig->workers[0].stats.deliveries), 3);
	assert_int_equal(stats_read(&rig->workers[1].stats.deliveries), 3);
}

/* By user and not by connection: a text still under way must not come back to the successor of the
 * session that sent it. */
static void test_sender_is_excluded_by_user(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(a, "last words");
	rig_events(rig, 0);
	/* Encoded, not yet on its way: the successor is there before the batch. */
	struct client *same = rig_connect(rig, 0, 0, false);
	client_request(same, "/?user=a");
	rig_events(rig, 0);
	fanout_publish(rig->workers[0].fanout);
	/* In the mailbox of the worker to which the next successor goes. */
	struct client *other = rig_connect(rig, 1, 0, false);
	client_request(other, "/?user=a");
	rig_events(rig, 1);
	rig_run(rig);
	assert_int_equal(client_status(same), 101);
	assert_int_equal(client_status(other), 101);
	expect_nothing(other);
	expect_close(same, 4001, "kicked");
	expect_close(a, 4001, "kicked");
	expect_from(b, "last words", "a");
	expect_nothing(b);
}

/* A worker that serves nobody is not woken; whoever comes to it is owed nothing from before. */
static void test_workers_without_receivers_sleep_on(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	rig_has_rung(rig, 1);
	client_text(a, "one");
	rig_turn(rig, 0);
	assert_false(rig_has_rung(rig, 1));
	assert_int_equal(rig_mail(rig, 1), 0);
	expect_from(b, "one", "a");
	struct client *c = rig_login(rig, 1, "c");
	client_text(a, "two");
	rig_run(rig);
	expect_from(b, "two", "a");
	expect_from(c, "two", "a");
	client_leave(c);
	rig_run(rig);
	rig_has_rung(rig, 1);
	client_text(a, "three");
	rig_turn(rig, 0);
	assert_false(rig_has_rung(rig, 1));
	expect_from(b, "three", "a");
}

/* Without any receiver, as before the first login, what a backend says is counted and gone. */
static void test_to_nobody_at_all(void **state)
{
	struct rig *rig = *state;
	uint64_t receivers = 7;
	assert_int_equal(fanout_announce(rig->workers[0].fanout, FRAME_TEXT, (const uint8_t *)"x",
				 1, &receivers),
		0);
	assert_int_equal(receivers, 0);
	assert_int_equal(rig->node.fanout.backlog, 0);
	assert_false(fanout_step(rig->workers[0].fanout, 10));
	assert_int_equal(rig_mail(rig, 1), 0);
	assert_int_equal(stats_read(&rig->workers[0].stats.fanout_messages), 1);
}

static void test_many_in_one_turn_take_several_batches(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	struct client *c = rig_login(rig, 1, "c");
	char text[32];
	static uint8_t from_a[700 * 32];
	static uint8_t from_b[700 * 32];
	size_t len_a = 0;
	size_t len_b = 0;
	for (int i = 0; i < 700; i++) {
		number_text(text, sizeof(text), "n", i);
		len_a += make_frame(from_a + len_a, FRAME_TEXT, text, strlen(text));
		if (i % 3 == 0) {
			len_b += make_frame(from_b + len_b, FRAME_TEXT, text, strlen(text));
		}
	}
	client_write(a, from_a, len_a);
	client_write(b, from_b, len_b);
	rig_run(rig);
	struct seen_frame frame = {0};
	int next_a = 0;
	int next_b = 0;
	while (client_frame(c, &frame)) {
		bool is_from_a = frame.data[frame.len - 1] == 'a';
		int number = atoi((const char *)frame.data + 2);
		assert_int_equal(number, is_from_a ? next_a : next_b);
		next_a += is_from_a;
		next_b += is_from_a ? 0 : 3;
	}
	assert_int_equal(next_a, 700);
	assert_int_equal(next_b, 702);
	for (int i = 0; i < 700; i++) {
		number_text(text, sizeof(text), "n", i);
		expect_from(b, text, "a");
		if (i % 3 == 0) {
			expect_from(a, text, "b");
		}
	}
	expect_nothing(a);
	expect_nothing(b);
}

static void test_large_messages(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	static char text[65537];
	static const size_t sizes[] = {1, 16370, 16384, 65536, 2, 40000, 100};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(text, 'a' + (int)i, sizes[i]);
		client_send(a, FRAME_TEXT, text, sizes[i]);
		rig_run(rig); /* the socket between holds less than all of them */
		struct seen_frame frame = {0};
		assert_true(client_frame(b, &frame));
		assert_int_equal(frame.len, sizes[i] + strlen(" -- FROM a"));
		assert_memory_equal(frame.data, text, sizes[i]);
		assert_memory_equal(frame.data + sizes[i], " -- FROM a", 10);
	}
	expect_nothing(b);
}

static void test_batches_are_used_again(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	size_t pooled = 0;
	for (int i = 0; i < 300; i++) {
		char text[32];
		number_text(text, sizeof(text), "t", i);
		client_text(a, text);
		rig_run(rig);
		expect_from(b, text, "a");
		if (i == 0) {
			pooled = rig_held_as(rig, BUDGET_POOLS);
			assert_true(pooled > 0);
		}
		assert_int_equal(rig_held_as(rig, BUDGET_POOLS), pooled);
		assert_int_equal(rig_held(rig), 0); /* as nobody waits for anything */
	}
	assert_int_equal(rig->node.fanout.backlog, 0);
}

/* Who comes in the middle of a pass starts with what is posted from then on; who leaves takes
 * nobody's turn away. */
static void test_joining_and_leaving_during_a_pass(void **state)
{
	struct rig *rig = *state;
	struct fanout *fanout = rig->workers[0].fanout;
	for (uint32_t step = 0; step <= 8; step++) {
		for (uint32_t leaver = 0; leaver < 8; leaver++) {
			struct client *receivers[8];
			char name[8];
			for (int i = 0; i < 8; i++) {
				snprintf(name, sizeof(name), "r%d", i);
				receivers[i] = rig_login(rig, 0, name);
			}
			struct client *sender = rig_login(rig, 1, "s");
			client_text(sender, "before");
			rig_turn(rig, 1);
			rig_mail(rig, 0);
			fanout_step(fanout, step);
			client_leave(receivers[leaver]);
			rig_events(rig, 0);
			fanout_step(fanout, step % 3);
			struct client *joiner = rig_connect(rig, 0, 0, false);
			client_request(joiner, "/?user=j");
			rig_events(rig, 0);
			client_text(sender, "after");
			rig_run(rig);
			assert_int_equal(client_status(joiner), 101);
			expect_from(joiner, "after", "s");
			expect_nothing(joiner);
			for (uint32_t i = 0; i < 8; i++) {
				if (i != leaver) {
					expect_from(receivers[i], "before", "s");
					expect_from(receivers[i], "after", "s");
					expect_nothing(receivers[i]);
					client_leave(receivers[i]);
				}
			}
			client_leave(joiner);
			client_leave(sender);
			rig_run(rig);
			assert_int_equal(rig->node.fanout.backlog, 0);
		}
	}
}

/* In whatever order others leave, who is still there hears everything. */
static void test_leaving_in_any_order(void **state)
{
	struct rig *rig = *state;
	uint32_t random = 99;
	struct client *sender = rig_login(rig, 1, "s");
	for (int round = 0; round < 20; round++) {
		struct client *receivers[9];
		char text[16];
		for (int i = 0; i < 9; i++) {
			number_text(text, sizeof(text), "r", i);
			receivers[i] = rig_login(rig, 0, text);
		}
		for (int left = 9; left > 0; left--) {
			number_text(text, sizeof(text), "left", left);
			client_text(sender, text);
			rig_run(rig);
			for (int i = 0; i < left; i++) {
				expect_from(receivers[i], text, "s");
			}
			random = random * 1664525 + 1013904223;
			uint32_t leaver = (random >> 16) % (uint32_t)left;
			client_leave(receivers[leaver]);
			receivers[leaver] = receivers[left - 1];
			rig_run(rig);
		}
	}
}

static void test_what_is_owed_comes_before_an_answer(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	client_text(b, "first");
	rig_turn(rig, 1);
	rig_mail(rig, 0);
	client_packet(a, PACKET_PING, NULL, 0);
	rig_events(rig, 0); /* before the pass has come by */
	expect_from(a, "first", "b");
	expect_frame(a, FRAME_BINARY, "\0\x65\0\0\0\0", 6);
	rig_run(rig);
	expect_nothing(a);
}

/* Catching up can end a connection, with its Close on the way: nothing may follow that. */
static void test_nothing_follows_a_close_found_in_catching_up(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *slow = rig_login_with(rig, 0, "slow", 4096);
	struct client *b = rig_login(rig, 0, "b");
	static char text[3001];
	memset(text, 'x', sizeof(text) - 1);
	slow->deaf = true;
	for (int i = 0; i < 100 && !client_conn(rig, slow)->tx; i++) {
		client_text(b, text);
		rig_run(rig);
	}
	assert_non_null(client_conn(rig, slow)->tx);
	conns->outbox->queue_limit = client_conn(rig, slow)->tx->bytes + 500;
	give_up_on(rig, slow, b);
	/* Its own texts between those of the other: each of these is a piece by itself. */
	for (int i = 0; i < 100; i++) {
		client_text(b, "............");
		rig_events(rig, 0);
		client_text(slow, "-");
		rig_events(rig, 0);
	}
	fanout_publish(rig->workers[0].fanout);
	client_packet(slow, PACKET_PING, NULL, 0);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SLOW_READER), 1);
	slow->deaf = false;
	rig_run(rig);
	struct seen_frame frame = {0};
	do {
		assert_true(client_frame(slow, &frame));
	} while (frame.opcode == FRAME_TEXT);
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.data[0] << 8 | frame.data[1], 1013);
	expect_nothing(slow);
}

/* --- pressure ----------------------------------------------------------------------------------
 */

static void test_feeders_are_paused_and_go_on(void **state)
{
	struct rig *rig = *state;
	static char text[2001];
	memset(text, 'x', sizeof(text) - 1);
	rig->node.fanout.backlog_limit = 4000;
	struct client *feeder = rig_login(rig, 1, "f");
	struct client *r = rig_login(rig, 0, "r");
	struct conn *conn = client_conn(rig, feeder);
	for (int i = 0; i < 10; i++) {
		client_text(feeder, text);
		rig_turn(rig, 1); /* the other worker does not come to it */
	}
	assert_true(conn->flags & CONN_PAUSED);
	assert_in_range(rig->node.fanout.backlog, 8000, 8000 + 2100);
	/* Silence that is ours is not counted against it. */
	loop_script(&rig->loops[1],
		rig->loops[1].now_us + 10 * (uint64_t)rig_conns(rig, 1)->limits.deadlines.read *
					       LOOP_TICK_MS * 1000);
	rig_turn(rig, 1);
	assert_int_equal(conn->state, CONN_LIVE);
	rig_run(rig);
	assert_false(conn->flags & CONN_PAUSED);
	assert_int_equal(rig->node.fanout.backlog, 0);
	for (int i = 0; i < 10; i++) {
		struct seen_frame frame = {0};
		assert_true(client_frame(r, &frame));
		assert_int_equal(frame.len, 2000 + 10);
	}
	rig_pass(rig, rig_conns(rig, 1)->limits.deadlines.read);
	rig_run(rig);
	assert_int_equal(conn->state, CONN_LIVE);
}

/* Workers judge the pressure each for themselves: one that finds it low enough between the marks
 * must not take away another's claim to be woken when it is low for that one as well. */
static void test_who_holds_back_is_woken(void **state)
{
	struct rig *rig = *state;
	static char text[60001];
	memset(text, 'x', sizeof(text) - 1);
	rig->node.fanout.backlog_limit = 80000;
	struct client *feeder = rig_login(rig, 1, "f");
	rig_login(rig, 0, "r");
	struct fanout *other = rig->workers[0].fanout;
	client_send(feeder, FRAME_TEXT, text, 60000);
	for (int i = 0; i < 8; i++) {
		rig_turn(rig, 1); /* it is read in pieces */
	}
	rig_mail(rig, 0);
	fanout_step(other, 0); /* a pass for the first batch alone */
	client_send(feeder, FRAME_TEXT, text, 40000);
	for (int i = 0; i < 8; i++) {
		rig_turn(rig, 1);
	}
	client_send(feeder, FRAME_TEXT, text, 1);
	rig_turn(rig, 1);
	assert_true(client_conn(rig, feeder)->flags & CONN_PAUSED);
	rig_mail(rig, 0);
	fanout_step(other, 100);
	assert_in_range(rig->node.fanout.backlog, 40001, 80000); /* between the marks */
	fanout_settle(other);
	rig_turn(rig, 1);
	assert_true(client_conn(rig, feeder)->flags & CONN_PAUSED);
	fanout_step(other, 100);
	assert_int_equal(rig->node.fanout.backlog, 0);
	fanout_settle(other);
	assert_true(rig_has_rung(rig, 1));
	rig_turn(rig, 1);
	assert_false(client_conn(rig, feeder)->flags & CONN_PAUSED);
}

static void test_most_receivers_lagging_pause_feeders_for_a_while(void **state)
{
	struct rig *rig = *state;
	rig_conns(rig, 0)->outbox->queue_limit = 40000;
	rig_conns(rig, 0)->limits.deadlines.write = 1000;
	struct client *slow[3];
	char name[8];
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		slow[i] = rig_login_with(rig, 0, name, 4096);
		slow[i]->deaf = true;
	}
	struct client *feeder = rig_login(rig, 1, "f");
	struct conn *conn = client_conn(rig, feeder);
	static char text[3001];
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 60; i++) {
		client_text(feeder, text);
		rig_run(rig);
	}
	/* Held back before anybody is cut off. */
	assert_true(conn->flags & CONN_PAUSED);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SLOW_READER), 0);
	assert_int_equal(rig_conns(rig, 0)->outbox->lagging_count, 3);
	/* But not for ever: those who do not read at all are given up on. */
	for (int i = 0; i < 20; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	client_text(feeder, text);
	rig_run(rig);
	assert_int_equal(rig_conns(rig, 0)->outbox->lagging_count, 0);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SLOW_READER), 3);
	assert_false(conn->flags & CONN_PAUSED);
}

/* Says so many texts, and has their worker send them on. */
static void say(struct rig *rig, struct client *client, int count)
{
	for (int i = 0; i < count; i++) {
		client_text(client, "text");
	}
	rig_turn(rig, client->worker);
}

static size_t came(struct client *client)
{
	client->in_len = 0;
	client_pump(client);
	return client->in_len;
}

/* After a pass that brought eight texts and took its time, as the clock says. */
static struct client *make_dense(struct rig *rig, uint32_t receivers, uint32_t speakers_worker)
{
	struct client *speaker = rig_login(rig, speakers_worker, "speaker");
	char name[16];
	for (uint32_t i = 0; i < receivers; i++) {
		snprintf(name, sizeof(name), "r%u", i);
		rig_login(rig, 0, name);
	}
	rig->loops[0].look_us = 100;
	say(rig, speaker, 8);
	while (rig_turn(rig, 0)) {
	}
	rig->loops[0].look_us = 0;
	return speaker;
}

static void test_after_a_dense_pass_others_are_waited_for(void **state)
{
	struct rig *rig = *state;
	struct client *speaker = make_dense(rig, 60, 1);
	struct client *last = &rig->clients[rig->client_count - 1];
	assert_true(came(last) > 0);
	say(rig, speaker, 1);
	rig_turn(rig, 0);
	assert_in_range(rig->loops[0].wait_us, 1, 2000);
	assert_int_equal(came(last), 0);
	/* The wait is over. */
	loop_script(&rig->loops[0], rig->loops[0].now_us + rig->loops[0].wait_us);
	rig_turn(rig, 0);
	assert_true(came(last) > 0);
	while (rig_turn(rig, 0)) {
	}
}

static void test_what_was_waited_for_ends_the_wait(void **state)
{
	struct rig *rig = *state;
	struct client *speaker = make_dense(rig, 60, 1);
	struct client *last = &rig->clients[rig->client_count - 1];
	assert_true(came(last) > 0);
	say(rig, speaker, 1);
	rig_turn(rig, 0);
	assert_int_equal(came(last), 0);
	say(rig, speaker, 11);
	rig_turn(rig, 0);
	assert_true(came(last) > 0);
	while (rig_turn(rig, 0)) {
	}
}

static void test_nobody_waits_while_feeders_are_held_back(void **state)
{
	struct rig *rig = *state;
	struct client *speaker = make_dense(rig, 60, 1);
	struct client *last = &rig->clients[rig->client_count - 1];
	assert_true(came(last) > 0);
	say(rig, speaker, 1);
	rig->node.fanout.backlog += 2 << 20;
	rig_turn(rig, 0);
	assert_true(came(last) > 0);
	rig->node.fanout.backlog -= 2 << 20;
	rig_run(rig);
}

static void test_a_single_worker_waits_for_nobody(void **state)
{
	struct rig *rig = *state;
	rig_finish(rig);
	rig_init(rig, 1);
	struct client *speaker = make_dense(rig, 60, 0);
	struct client *last = &rig->clients[rig->client_count - 1];
	assert_true(came(last) > 0);
	say(rig, speaker, 1);
	assert_true(came(last) > 0);
	while (rig_turn(rig, 0)) {
	}
}

static void test_memory_limit_cuts_the_largest_queue(void **state)
{
	struct rig *rig = *state;
	static char text[20001]; /* no batch for the pool */
	memset(text, 'x', sizeof(text) - 1);
	struct client *s0 = rig_login_with(rig, 0, "s0", 4096);
	struct client *feeder = rig_login(rig, 0, "f");
	struct client *s1 = rig_login_with(rig, 1, "s1", 4096);
	s1->deaf = true;
	for (int i = 0; i < 5; i++) {
		client_text(feeder, text);
		rig_run(rig);
	}
	s0->deaf = true;
	for (int i = 0; i < 3; i++) {
		client_text(feeder, text);
		rig_run(rig);
	}
	assert_true(client_conn(rig, s1)->tx->bytes > client_conn(rig, s0)->tx->bytes);
	assert_true(client_conn(rig, s0)->tx->bytes > 0);
	rig->node.budget.limit = budget_used(&rig->node.budget) - 10000;
	/* The worker with the smaller one asks the other, by its bell. */
	for (int i = 0; i < 4; i++) {
		rig_turn(rig, (uint32_t)i % 2);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVERLOADED), 1);
	assert_int_equal(client_conn(rig, s1)->state, CONN_CLOSING);
	assert_int_equal(client_conn(rig, s0)->state, CONN_LIVE);
	assert_int_equal(client_conn(rig, feeder)->state, CONN_LIVE);
	rig->node.budget.limit = SIZE_MAX;
}

/* It is not for who says something to pay for what others hold. */
static void test_who_talks_over_the_memory_limit_is_heard(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 1, "b");
	rig->node.budget.limit = 1;
	budget_change(&rig->node.budget, BUDGET_BODIES, 2);
	client_text(a, "over the limit");
	rig_run(rig);
	expect_from(b, "over the limit", "a");
	expect_nothing(a);
	assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVERLOADED), 0);
	/* Nor is anything kept to be used again. */
	assert_int_equal(rig_held_as(rig, BUDGET_POOLS), 0);
	budget_change(&rig->node.budget, BUDGET_BODIES, -2);
	rig->node.budget.limit = SIZE_MAX;
}

/* A batch is held for as long as a slow reader or another worker likes. */
static void test_batches_are_no_larger_than_what_is_in_them(void **state)
{
	struct rig *rig = *state;
	static char text[2001];
	memset(text, 'x', sizeof(text) - 1);
	struct client *a = rig_login(rig, 1, "a");
	struct client *b = rig_login(rig, 0, "b");
	size_t before = budget_used(&rig->node.budget);
	/* The other worker does not come to it. */
	for (int i = 0; i < 100; i++) {
		client_text(a, "17 bytes, or some");
		rig_turn(rig, 1);
	}
	assert_in_range(budget_used(&rig->node.budget) - before, 1, 100 * 1800 + 8000);
	rig_run(rig);
	for (int i = 0; i < 100; i++) {
		expect_from(b, "17 bytes, or some", "a");
	}
	assert_int_equal(rig_held_as(rig, BUDGET_BATCHES), 0);
	before = rig_held(rig);
	for (int i = 0; i < 100; i++) {
		client_text(a, text);
		rig_turn(rig, 1);
	}
	assert_in_range(rig_held(rig) - before, 100 * 2000, 100 * 2600);
	rig_run(rig);
	for (int i = 0; i < 100; i++) {
		struct seen_frame frame = {0};
		assert_true(client_frame(b, &frame));
		assert_int_equal(frame.len, 2000 + 10);
	}
	assert_int_equal(rig_held(rig), 0);
}

#define CASE(name) RIG_CASE(name, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_both_kinds_reach_everybody_else),
		CASE(test_sender_is_excluded_by_user),
		CASE(test_workers_without_receivers_sleep_on),
		CASE(test_to_nobody_at_all),
		CASE(test_many_in_one_turn_take_several_batches),
		CASE(test_large_messages),
		CASE(test_batches_are_used_again),
		CASE(test_joining_and_leaving_during_a_pass),
		CASE(test_leaving_in_any_order),
		CASE(test_what_is_owed_comes_before_an_answer),
		CASE(test_nothing_follows_a_close_found_in_catching_up),
		CASE(test_feeders_are_paused_and_go_on),
		CASE(test_who_holds_back_is_woken),
		CASE(test_most_receivers_lagging_pause_feeders_for_a_while),
		CASE(test_after_a_dense_pass_others_are_waited_for),
		CASE(test_what_was_waited_for_ends_the_wait),
		CASE(test_nobody_waits_while_feeders_are_held_back),
		CASE(test_a_single_worker_waits_for_nobody),
		CASE(test_memory_limit_cuts_the_largest_queue),
		CASE(test_who_talks_over_the_memory_limit_is_heard),
		CASE(test_batches_are_no_larger_than_what_is_in_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
