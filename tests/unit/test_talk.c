#include "../../server/fanout/memberships.h"
#include "../../server/fanout/telling.h"
#include "split.h"
#include "talk_rig.h"

/* --- who speaks what ---------------------------------------------------------------------------
 */

static void test_a_classic_client_gets_none_of_it(void **state)
{
	struct rig *rig = *state;
	struct client *classic = rig_login(rig, 0, "old");
	struct client *a = v1_login(rig, 1, "a");
	struct client *b = v1_login(rig, 0, "b");
	/* Its packets of that version are of a newer client. */
	v1_ask_to_join(classic, 1, 0, "room");
	v1_say(classic, 2, "@a", "hello");
	rig_run(rig);
	expect_nothing(classic);
	expect_nothing(a);
	assert_int_equal(stats_read(&rig->workers[0].stats.unknown_commands), 2);
	/* To everybody both say the same, and hear the same. */
	client_text(classic, "text");
	rig_run(rig);
	expect_text(a, "text -- FROM old");
	expect_text(b, "text -- FROM old");
	v1_say(a, 3, "", "said");
	client_text(a, "text");
	rig_run(rig);
	v1_expect_answer(a, 3, PACKET_DONE, 2);
	expect_text(classic, "said -- FROM a");
	expect_text(classic, "text -- FROM a");
	expect_text(b, "said -- FROM a");
	expect_text(b, "text -- FROM a");
	/* To him alone he gets a text. */
	v1_say(a, 4, "@old", "psst");
	rig_run(rig);
	v1_expect_answer(a, 4, PACKET_DONE, 1);
	expect_text(classic, "psst -- FROM a");
	expect_nothing(classic);
	expect_nothing(b);
}

/* --- to a user ---------------------------------------------------------------------------------
 */

static void test_to_a_user(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *c = v1_login(rig, 0, "c");
	v1_say(a, 1, "@b", "to b");
	v1_say(a, 0, "@c", "to c");
	v1_say(a, 2, "@nobody", "hello?");
	v1_say(a, 0, "@nobody", "hello?");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_DONE, 1);
	v1_expect_answer(a, 2, PACKET_NOBODY_THERE, 0);
	v1_expect_answer(a, 0, PACKET_NOBODY_THERE, 0);
	expect_nothing(a);
	v1_expect_message(b, "a", "@b", "to b");
	expect_nothing(b);
	v1_expect_message(c, "a", "@c", "to c");
	expect_nothing(c);
}

/* All sessions of the other one, and one's own others, of which the classic ones get nothing. */
static void test_to_all_devices(void **state)
{
	struct rig *rig = *state;
	struct client *desk = v1_login_device(rig, 0, "a", "desk");
	struct client *phone = v1_login_device(rig, 1, "a", "phone");
	struct client *plain = rig_login(rig, 0, "a");
	struct client *b = v1_login_device(rig, 1, "b", "x");
	struct client *b2 = v1_login_device(rig, 0, "b", "y");
	struct client *b3 = rig_login(rig, 1, "b");
	v1_say(desk, 1, "@b", "hi");
	rig_run(rig);
	v1_expect_answer(desk, 1, PACKET_DONE, 3);
	v1_expect_message(phone, "a", "@b", "hi");
	v1_expect_message(b, "a", "@b", "hi");
	v1_expect_message(b2, "a", "@b", "hi");
	expect_text(b3, "hi -- FROM a");
	expect_nothing(plain);
	expect_nothing(desk);
	/* To himself: to his others. */
	v1_say(phone, 2, "@a", "note");
	rig_run(rig);
	v1_expect_answer(phone, 2, PACKET_DONE, 2);
	v1_expect_message(desk, "a", "@a", "note");
	expect_text(plain, "note -- FROM a");
	expect_nothing(phone);
	expect_nothing(b);
	/* To everybody: to nobody of his own, who do not count either. */
	v1_say(phone, 3, "", "all");
	rig_run(rig);
	v1_expect_answer(phone, 3, PACKET_DONE, 3);
	expect_text(b2, "all -- FROM a");
	expect_nothing(desk);
}

/* One of them goes while the message is being handed out: the others get it. */
static void test_a_device_goes_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *one = v1_login_device(rig, 1, "b", "one");
	struct client *two = v1_login_device(rig, 1, "b", "two");
	struct client *three = v1_login_device(rig, 1, "b", "three");
	v1_say(a, 1, "@b", "hi");
	rig_turn(rig, 0);
	v1_expect_answer(a, 1, PACKET_DONE, 3);
	rig_mail(rig, 1);
	assert_true(fanout_step(rig->workers[1].fanout, 1));
	client_leave(one);
	rig_events(rig, 1);
	rig_run(rig);
	v1_expect_message(two, "a", "@b", "hi");
	v1_expect_message(three, "a", "@b", "hi");
}

/* --- to a room ---------------------------------------------------------------------------------
 */

static void test_to_a_room(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *c = v1_login(rig, 0, "c");
	struct client *d = v1_login(rig, 1, "d");
	v1_say(a, 1, "#r", "before");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_NOT_A_MEMBER, 0);
	v1_join(rig, a, "r", 1);
	v1_say(a, 2, "#r", "alone");
	rig_run(rig);
	v1_expect_answer(a, 2, PACKET_NOBODY_THERE, 0);
	v1_join(rig, b, "r", 2);
	v1_join(rig, c, "r", 3);
	v1_join(rig, d, "other", 1);
	v1_say(a, 3, "#r", "hello");
	rig_run(rig);
	v1_expect_answer(a, 3, PACKET_DONE, 2);
	v1_expect_message(b, "a", "#r", "hello");
	v1_expect_message(c, "a", "#r", "hello");
	v1_ask_to_leave(b, 4, "r");
	v1_ask_to_leave(d, 5, "r");
	rig_run(rig);
	v1_expect_answer(b, 4, PACKET_DONE, 2);
	v1_expect_answer(d, 5, PACKET_NOT_A_MEMBER, 0);
	v1_say(c, 6, "#r", "still");
	rig_run(rig);
	v1_expect_answer(c, 6, PACKET_DONE, 1);
	v1_expect_message(a, "c", "#r", "still");
	for (int i = 0; i < 4; i++) {
		expect_nothing(((struct client *[]){a, b, c, d})[i]);
	}
	assert_int_equal(rooms_count(rig->node.fanout.rooms), 2);
	client_leave(a);
	client_leave(c);
	rig_run(rig);
	assert_int_equal(rooms_count(rig->node.fanout.rooms), 1);
}

/* Nothing that was said before a join is heard, however late it is handed out. */
static void test_a_member_hears_from_his_answer_on(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *c = v1_login(rig, 1, "c");
	v1_join(rig, a, "r", 1);
	v1_join(rig, b, "r", 2);
	/* Worker 1 lets it lie in its mailbox while c comes in. */
	v1_say(a, 1, "#r", "early");
	rig_turn(rig, 0);
	v1_ask_to_join(c, 2, 0, "r");
	rig_events(rig, 1);
	v1_expect_answer(a, 1, PACKET_DONE, 1);
	rig_run(rig);
	v1_expect_answer(c, 2, PACKET_DONE, 3);
	expect_nothing(c);
	v1_expect_message(b, "a", "#r", "early");
	/* The same on one worker, within one turn. */
	v1_say(b, 3, "#r", "one turn");
	struct client *d = v1_login(rig, 1, "d");
	v1_expect_answer(b, 3, PACKET_DONE, 2);
	v1_expect_message(c, "b", "#r", "one turn");
	v1_expect_message(a, "b", "#r", "one turn");
	expect_nothing(d);
}

/* Nor anything of a room that had the name before, when all its members are gone. */
static void test_a_new_room_hears_nothing_of_the_old_one(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *c = v1_login(rig, 1, "c");
	v1_join(rig, a, "r", 1);
	v1_join(rig, b, "r", 2);
	/* Worker 1 lets it lie in its mailbox meanwhile. */
	v1_say(a, 1, "#r", "of the old room");
	rig_turn(rig, 0);
	v1_ask_to_leave(a, 2, "r");
	rig_events(rig, 0);
	v1_ask_to_leave(b, 3, "r");
	rig_events(rig, 1);
	assert_int_equal(rooms_count(rig->node.fanout.rooms), 0);
	v1_ask_to_join(c, 4, 0, "r");
	rig_events(rig, 1);
	rig_run(rig);
	v1_expect_answer(c, 4, PACKET_DONE, 1);
	expect_nothing(c);
}

/* A room's own workers are woken, and nobody else is looked at. */
static void test_others_are_left_alone(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	for (int i = 0; i < 50; i++) {
		char name[16];
		snprintf(name, sizeof(name), "u%d", i);
		rig_login(rig, 2, name);
	}
	v1_join(rig, a, "r", 1);
	v1_join(rig, b, "r", 2);
	uint64_t before = stats_read(&rig->workers[1].stats.deliveries);
	v1_say(a, 1, "#r", "hello");
	rig_turn(rig, 0);
	assert_true(rig_has_rung(rig, 1));
	assert_false(rig_has_rung(rig, 2));
	rig_run(rig);
	v1_expect_message(b, "a", "#r", "hello");
	assert_int_equal(stats_read(&rig->workers[1].stats.deliveries), before + 1);
	assert_int_equal(stats_read(&rig->workers[2].stats.deliveries), 0);
	/* It is none of the messages that many receive. */
	assert_int_equal(stats_read(&rig->workers[0].stats.fanout_receivers.sum), 0);
}

/* However fast somebody comes and goes, those who stay get it. */
static void test_handed_out_while_others_come_and_go(void **state)
{
	enum {
		MEMBERS = 400,
		TURNS = 400,
	};
	struct rig *rig = *state;
	struct client *restless = v1_login(rig, 0, "restless");
	struct client *a = v1_login(rig, 0, "a");
	char name[16];
	v1_join(rig, a, "r", 1);
	for (uint32_t i = 1; i < MEMBERS; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		v1_join(rig, v1_login(rig, 0, name), "r", i + 1);
	}
	v1_say(a, 1, "#r", "hello");
	for (int turn = 0; turn < TURNS; turn++) {
		v1_ask_to_join(restless, 0, 0, "r");
		v1_ask_to_leave(restless, 0, "r");
		rig_turn(rig, 0);
	}
	assert_int_equal(stats_read(&rig->workers[0].stats.deliveries), MEMBERS - 1);
}

/* Whoever he speaks to, what he says later comes later. */
static void test_one_order_for_all_audiences(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	v1_join(rig, a, "r", 1);
	v1_join(rig, b, "r", 2);
	for (int round = 0; round < 300; round++) {
		v1_say(a, 0, "#r", "room");
		v1_say(a, 0, "", "all");
		v1_say(a, 0, "@b", "user");
		client_text(a, "text");
		if (round % 7 == 0) {
			rig_turn(rig, (uint32_t)round % 2);
		}
	}
	rig_run(rig);
	for (int round = 0; round < 300; round++) {
		v1_expect_message(b, "a", "#r", "room");
		expect_text(b, "all -- FROM a");
		v1_expect_message(b, "a", "@b", "user");
		expect_text(b, "text -- FROM a");
	}
	expect_nothing(b);
}

/* One of many, and whom he hears. */
struct listener {
	struct client *client;
	char name[4];
	int heard[2]; /* texts for rooms, for users */
};

enum {
	SPEAKERS = 6,
	ROOMS_OF_MANY = 3,
	TEXTS = 40,
};

/* Takes all that has come; each sender's numbers go up in each audience. */
static void hear_all(struct listener *listener)
{
	struct seen_frame frame;
	int next[SPEAKERS][2] = {{0}};
	while (client_frame(listener->client, &frame)) {
		struct packet packet;
		struct message_packet message;
		assert_int_equal(packet_decode(frame.data, frame.len, &packet), 0);
		assert_int_equal(packet.command, PACKET_MESSAGE);
		assert_int_equal(
			message_packet_decode(packet.payload, packet.payload_len, &message), 0);
		const int from = message.from.data[1] - '0';
		const bool is_private = message.audience.data[0] == '@';
		assert_int_equal(atoi(message.text.data), next[from][is_private]);
		next[from][is_private]++;
		listener->heard[is_private]++;
	}
}

/* More than is looked at one by one: a batch knows which of its messages may be for whom. */
static void test_many_audiences_in_one_turn(void **state)
{
	struct rig *rig = *state;
	struct listener many[SPEAKERS + 1] = {{0}};
	char text[16];
	for (int i = 0; i <= SPEAKERS; i++) {
		struct listener *its = &many[i];
		/* The last one is another device of the first user, in no room. */
		snprintf(its->name, sizeof(its->name), "u%d", i % SPEAKERS);
		its->client =
			v1_login_device(rig, (uint32_t)i % 2, its->name, i < SPEAKERS ? "" : "b");
		for (int n = 0; n < 2 && i < SPEAKERS; n++) {
			snprintf(text, sizeof(text), "r%d", (i + n) % ROOMS_OF_MANY);
			v1_ask_to_join(its->client, 0, 0, text);
		}
	}
	rig_run(rig);
	for (int n = 0; n < TEXTS; n++) {
		for (int i = 0; i < SPEAKERS; i++) {
			char audience[8];
			snprintf(text, sizeof(text), "%d ", n);
			snprintf(audience, sizeof(audience), "#r%d", i % ROOMS_OF_MANY);
			v1_say(many[i].client, 0, audience, text);
			snprintf(audience, sizeof(audience), "@u%d", (i + 1) % SPEAKERS);
			v1_say(many[i].client, 0, audience, text);
		}
	}
	rig_run(rig);
	for (int i = 0; i <= SPEAKERS; i++) {
		hear_all(&many[i]);
	}
	for (int i = 0; i < SPEAKERS; i++) {
		/* Two speak in each of his rooms, of whom he may be one. */
		assert_int_equal(many[i].heard[0], 3 * TEXTS);
		assert_int_equal(many[i].heard[1], TEXTS);
	}
	/* What is for the user and what the user says. */
	assert_int_equal(many[SPEAKERS].heard[0], 0);
	assert_int_equal(many[SPEAKERS].heard[1], 2 * TEXTS);
}

/* --- who comes and goes ------------------------------------------------------------------------
 */

static void test_those_who_ask_are_told(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *quiet = v1_login(rig, 1, "q");
	struct client *b = v1_login_device(rig, 1, "b", "one");
	struct client *b2 = v1_login_device(rig, 0, "b", "two");
	v1_join_as(rig, a, JOIN_TELL_MEMBERS, "r", 1);
	v1_join(rig, quiet, "r", 2);
	v1_expect_members(a, "r", 2, MEMBERS_CAME, "q");
	/* Users, not sessions. */
	v1_join(rig, b, "r", 3);
	v1_expect_members(a, "r", 3, MEMBERS_CAME, "b");
	v1_join_as(rig, b2, JOIN_TELL_MEMBERS, "r", 3);
	v1_ask_to_leave(b, 1, "r");
	rig_run(rig);
	v1_expect_answer(b, 1, PACKET_DONE, 3);
	expect_nothing(a);
	client_leave(b2);
	rig_run(rig);
	v1_expect_members(a, "r", 2, MEMBERS_WENT, "b");
	/* No more, and again. */
	v1_join_as(rig, a, 0, "r", 2);
	v1_join(rig, b, "r", 3);
	expect_nothing(a);
	v1_join_as(rig, a, JOIN_TELL_MEMBERS, "r", 3);
	client_leave(quiet);
	rig_run(rig);
	v1_expect_members(a, "r", 2, MEMBERS_WENT, "q");
	expect_nothing(a);
	expect_nothing(b);
}

/* A kicked session leaves its rooms; its successor is in none until it joins. */
static void test_a_kick_leaves_the_rooms(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	v1_join_as(rig, a, JOIN_TELL_MEMBERS, "r", 1);
	v1_join(rig, b, "r", 2);
	v1_expect_members(a, "r", 2, MEMBERS_CAME, "b");
	struct client *next = v1_login(rig, 2, "b");
	expect_close(b, 4001, "kicked");
	v1_expect_members(a, "r", 1, MEMBERS_WENT, "b");
	v1_say(a, 1, "#r", "?");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_NOBODY_THERE, 0);
	v1_join(rig, next, "r", 2);
	v1_expect_members(a, "r", 2, MEMBERS_CAME, "b");
	expect_nothing(next);
}

/* Who comes at two workers at once may be told in either order: the number is put right. */
static void test_the_last_number_is_right(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *c = v1_login(rig, 2, "c");
	v1_join_as(rig, a, JOIN_TELL_MEMBERS, "r", 1);
	v1_ask_to_join(b, 1, 0, "r");
	rig_events(rig, 1);
	v1_ask_to_join(c, 2, 0, "r");
	rig_events(rig, 2);
	serving_before_mail(&rig->workers[2]);
	rig_run(rig);
	v1_expect_members(a, "r", 3, MEMBERS_CAME, "c");
	v1_expect_members(a, "r", 2, MEMBERS_CAME, "b");
	expect_nothing(a);
	rig_pass(rig, 5);
	rig_run(rig);
	v1_expect_members(a, "r", 3, MEMBERS_COUNTED, "");
	/* Once, and not for one that comes alone. */
	struct client *d = v1_login(rig, 1, "d");
	rig_pass(rig, 5);
	v1_join(rig, d, "r", 4);
	v1_expect_members(a, "r", 4, MEMBERS_CAME, "d");
	rig_pass(rig, 10);
	rig_run(rig);
	expect_nothing(a);
}

/* In a large room only the number is told, and once a second. */
static void test_many_are_told_by_their_number(void **state)
{
	enum {
		MANY = 1000,
	};
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *others[MANY];
	char name[16];
	v1_join_as(rig, a, JOIN_TELL_MEMBERS, "r", 1);
	for (uint32_t i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		others[i] = v1_login(rig, i % 3, name);
		v1_ask_to_join(others[i], 0, 0, "r");
	}
	rig_run(rig);
	uint32_t singles = 0;
	struct seen_frame frame;
	uint32_t last = 1;
	while (client_frame(a, &frame)) {
		struct packet packet;
		struct members_packet members;
		packet_decode(frame.data, frame.len, &packet);
		assert_int_equal(
			members_packet_decode(packet.payload, packet.payload_len, &members), 0);
		singles += members.change == MEMBERS_CAME;
		assert_true(members.count > last);
		last = members.count;
	}
	assert_in_range(singles, 190, 200);
	for (int i = 0; i < 12; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	v1_expect_members(a, "r", MANY + 1, MEMBERS_COUNTED, "");
	expect_nothing(a);
	/* After a quiet second the first one is told at once. */
	client_leave(others[0]);
	rig_run(rig);
	v1_expect_members(a, "r", MANY, MEMBERS_COUNTED, "");
	client_leave(others[1]);
	rig_run(rig);
	rig_pass(rig, 4);
	rig_run(rig);
	expect_nothing(a);
	rig_pass(rig, 1);
	rig_run(rig);
	v1_expect_members(a, "r", MANY - 1, MEMBERS_COUNTED, "");
	expect_nothing(a);
}

/* What has come last, of 122. */
static uint32_t last_number(struct client *client)
{
	struct seen_frame frame;
	struct members_packet members = {.count = 0};
	while (client_frame(client, &frame)) {
		struct packet packet;
		assert_int_equal(packet_decode(frame.data, frame.len, &packet), 0);
		assert_int_equal(packet.command, PACKET_MEMBERS);
		assert_int_equal(
			members_packet_decode(packet.payload, packet.payload_len, &members), 0);
	}
	return members.count;
}

/* Nor if everybody has asked to be told. Who comes as one of the first 200 is told to those who are
 * there before: 200 * 199 / 2 deliveries. From then on a number is told to all there are, once in
 * TELLING_TICKS. Each of them told to each would be n * (n - 1) / 2. */
static void test_a_crowd_costs_counts(void **state)
{
	enum {
		CROWD = 1000,
		SINGLES = 200,
		OF_A_TICK = 50, /* who come in it */
		/* From the first that is told by a number until all has been told. */
		TICKS = (CROWD - SINGLES) / OF_A_TICK + 2 * TELLING_TICKS,
		NUMBERS = TICKS / TELLING_TICKS + 1,
	};
	struct rig *rig = *state;
	struct client *crowd[CROWD];
	uint64_t deliveries = 0;
	char name[16];
	for (uint32_t i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		crowd[i] = v1_ask(rig, i % RIG_WORKERS, name, "");
	}
	rig_run(rig);
	for (uint32_t i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		v1_expect_greeting(crowd[i], name, "");
		v1_ask_to_join(crowd[i], 0, JOIN_TELL_MEMBERS, "r");
		rig_turn(rig, i % RIG_WORKERS);
		rig_pass(rig, i % OF_A_TICK == 0);
	}
	for (int i = 0; i < 2 * TELLING_TICKS; i++) {
		rig_run(rig);
		rig_pass(rig, 1);
	}
	rig_run(rig);
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		deliveries += stats_read(&rig->workers[i].stats.deliveries);
	}
	assert_in_range(deliveries, SINGLES * (SINGLES - 1) / 2,
		SINGLES * (SINGLES - 1) / 2 + NUMBERS * CROWD);
	for (uint32_t i = 0; i < CROWD; i++) {
		assert_int_equal(last_number(crowd[i]), CROWD);
	}
}

/* --- lists -------------------------------------------------------------------------------------
 */

static struct page_packet expect_page(struct client *client, struct slice *ret_users)
{
	struct page_packet page;
	struct packet packet = expect_packet(client, PACKET_PAGE);
	assert_int_equal(
		page_packet_decode(packet.payload, packet.payload_len, &page, ret_users), 0);
	return page;
}

static void test_members_are_listed(void **state)
{
	struct rig *rig = *state;
	struct slice users[PAGE_USERS_MAX];
	char name[16];
	struct client *client = NULL;
	struct client *other = NULL;
	for (uint32_t i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "u%03u", i);
		other = i == 297 ? client : other; /* of the last one's worker */
		client = v1_login(rig, i % 3, name);
		v1_join(rig, client, "r", i + 1);
	}
	v1_list(client, 1, "r", "");
	v1_list(client, 2, "r", "u255");
	v1_list(client, 3, "no such room", "");
	rig_run(rig);
	struct page_packet page = expect_page(client, users);
	assert_int_equal(page.id, 1);
	assert_int_equal(page.result, PACKET_DONE);
	assert_false(page.is_last);
	assert_int_equal(page.count, PAGE_USERS_MAX);
	assert_slice(users[0], "u000");
	assert_slice(users[255], "u255");
	page = expect_page(client, users);
	assert_int_equal(page.id, 2);
	assert_true(page.is_last);
	assert_int_equal(page.count, 44);
	assert_slice(users[43], "u299");
	page = expect_page(client, users);
	assert_int_equal(page.result, PACKET_NOT_A_MEMBER);
	assert_int_equal(page.count, 0);
	/* So much may be looked at in a tick, and then no more before the next one. */
	uint32_t done = 0;
	for (int i = 0; i < 400; i++) {
		v1_list(client, 4, "r", "");
		rig_run(rig);
		page = expect_page(client, users);
		assert_true(page.result == PACKET_DONE || page.result == PACKET_BUSY);
		done += page.result == PACKET_DONE;
	}
	assert_in_range(done, 100, 150);
	assert_int_equal(page.result, PACKET_BUSY);
	/* Who has had none lately has a share of his own. */
	v1_list(other, 6, "r", "");
	rig_run(rig);
	assert_int_equal(expect_page(other, users).result, PACKET_DONE);
	rig_pass(rig, 1);
	v1_list(client, 5, "r", "");
	rig_run(rig);
	assert_int_equal(expect_page(client, users).result, PACKET_DONE);
}

/* --- what is refused ---------------------------------------------------------------------------
 */

static void test_refusals(void **state)
{
	static const struct {
		uint16_t command;
		const char *payload;
		uint32_t len;
		uint8_t result;
	} refused[] = {
		{PACKET_SAY, "\0\0\0\1\1\2@bhi", 10, PACKET_NOT_ALLOWED},
		{PACKET_SAY, "\0\0\0\1\0\2!bhi", 10, PACKET_BAD_NAME},
		{PACKET_SAY, "\0\0\0\1\0\1@hi", 9, PACKET_BAD_NAME},
		{PACKET_SAY, "\0\0\0\1\0\3@b hi", 11, PACKET_BAD_NAME},
		{PACKET_JOIN, "\0\0\0\1\2\1r", 7, PACKET_NOT_ALLOWED},
		{PACKET_JOIN, "\0\0\0\1\0\0", 6, PACKET_BAD_NAME},
		{PACKET_JOIN, "\0\0\0\1\0\2 r", 8, PACKET_BAD_NAME},
		{PACKET_LEAVE, "\0\0\0\1\1r", 6, PACKET_NOT_A_MEMBER},
	};
	static const struct {
		uint16_t command;
		const char *payload;
		uint32_t len;
	} bad[] = {
		{PACKET_SAY, "\0\0\0\1\0", 5},
		{PACKET_SAY, "\0\0\0\1\0\5@b", 8},
		{PACKET_SAY, "\0\0\0\1\0\2@b\xff", 9},
		{PACKET_JOIN, "\0\0\0\1\0\1rx", 8},
		{PACKET_LEAVE, "\0\0\0\1", 4},
		{PACKET_LIST, "\0\0\0\1\1r", 6},
	};
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		client_packet(a, refused[i].command, refused[i].payload, refused[i].len);
		rig_run(rig);
		v1_expect_answer(a, 1, refused[i].result, 0);
	}
	/* What only the gateway sends is ignored. */
	client_packet(a, PACKET_MESSAGE, "", 0);
	client_packet(a, PACKET_ANSWER, "x", 1);
	rig_run(rig);
	expect_nothing(a);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct client *b = v1_login(rig, 1, "b");
		client_packet(b, bad[i].command, bad[i].payload, bad[i].len);
		rig_run(rig);
		expect_close(b, 4002, "bad packet");
		client_leave(b);
		rig_run(rig);
	}
}

static void test_so_many_rooms(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	char name[16];
	rig->workers[0].sessions.rooms_max = 20;
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		v1_join(rig, a, name, 1);
	}
	v1_ask_to_join(a, 1, 0, "one more");
	v1_ask_to_join(a, 2, 0, "r3"); /* where it is already */
	v1_ask_to_leave(a, 3, "r3");
	v1_ask_to_join(a, 4, 0, "one more");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_TOO_MANY_ROOMS, 0);
	v1_expect_answer(a, 2, PACKET_DONE, 1);
	v1_expect_answer(a, 3, PACKET_DONE, 0);
	v1_expect_answer(a, 4, PACKET_DONE, 1);
	assert_int_equal(stats_read(&rig->workers[0].stats.memberships), 20);
	client_leave(a);
	rig_run(rig);
	assert_int_equal(stats_read(&rig->workers[0].stats.memberships), 0);
	assert_int_equal(rooms_count(rig->node.fanout.rooms), 0);
}

/* What memberships hold is in the budget; beyond its share a join is answered, and nobody is cut
 * off for it. */
static void test_rooms_hold_so_much(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	char name[16];
	assert_int_equal(rig_held_as(rig, BUDGET_ROOMS), 0);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		v1_join(rig, a, name, 1);
	}
	/* A room of its own, with a part of its own, and a place in the list. */
	assert_in_range(rig_held_as(rig, BUDGET_ROOMS), 60 * 100, 60 * 300);
	assert_int_equal(rig_held(rig), rig_held_as(rig, BUDGET_ROOMS));
	rooms_set_limit(rig->node.fanout.rooms, rig_held(rig));
	v1_ask_to_join(b, 1, 0, "r0");
	rig_run(rig);
	v1_expect_answer(b, 1, PACKET_BUSY, 0);
	v1_ask_to_join(a, 2, 0, "r0"); /* where it is already */
	v1_ask_to_leave(a, 3, "r59");
	rig_run(rig);
	v1_expect_answer(a, 2, PACKET_DONE, 1);
	v1_expect_answer(a, 3, PACKET_DONE, 0);
	v1_ask_to_join(b, 4, 0, "r0");
	rig_run(rig);
	v1_expect_answer(b, 4, PACKET_DONE, 2);
	assert_int_equal(stats_read(&rig->workers[1].stats.joins_refused), 1);
	client_leave(a);
	client_leave(b);
	rig_run(rig);
	assert_int_equal(rig_held_as(rig, BUDGET_ROOMS), 0);
}

static void test_without_broadcasts(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	rig->workers[0].sessions.may_broadcast = false;
	v1_say(a, 1, "", "all");
	v1_say(a, 2, "@b", "you");
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(a, 2, PACKET_DONE, 1);
	expect_text(b, "you -- FROM a");
	client_text(b, "all");
	client_text(a, "all");
	client_packet(a, PACKET_TEXT, "all", 3);
	v1_say(a, 3, "@a", "there?");
	rig_run(rig);
	expect_close(b, 1008, "not allowed");
	/* Who can be told otherwise stays. */
	v1_expect_answer(a, 0, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(a, 0, PACKET_NOT_ALLOWED, 0);
	v1_expect_answer(a, 3, PACKET_NOBODY_THERE, 0);
}

/* --- against a model ---------------------------------------------------------------------------
 */

enum {
	PLAYERS = 24, /* sessions: two devices of each user */
	ROOMS = 4,
	TO_ALL = ROOMS, /* as an audience, beside the rooms */
	TO_USER,
	TEXTS_MAX = 6000,
	TURN_MAX = 24, /* texts that one worker reads in a turn: some batches have chains */
	GAMES = 6,
};

/* What the gateway should have made of one session's doings. */
struct player {
	struct client *client;
	bool in[ROOMS];
	uint8_t due[TEXTS_MAX]; /* by their numbers */
};

enum {
	NOT_DUE,
	MAY_COME,
	DUE,
	HAS_COME
};

struct game {
	struct rig *rig;
	struct player players[PLAYERS];
	int last_of[PLAYERS][PLAYERS]; /* the number that a player got last from another */
	uint8_t sayer[TEXTS_MAX];
	uint8_t audience[TEXTS_MAX];
	struct answer_packet answer[TEXTS_MAX]; /* that is due; without an id: none is */
	int said;                               /* numbers */
	int checked;                            /* what was said before is over */
	uint32_t random;
};

static uint32_t roll(struct game *game, uint32_t below)
{
	return split_random(&game->random) % below;
}

static int user_of(int p)
{
	return p / 2;
}

/* What the worker of a client does with what it has sent, and nothing of what comes by mail. */
static void let_act(struct game *game, struct client *client)
{
	struct serving *worker = &game->rig->workers[client->worker];
	do {
		rig_events(game->rig, client->worker);
	} while (serving_has_events(worker));
	serving_before_mail(worker);
}

static void check_answer(struct game *game, int p, const struct packet *packet)
{
	struct answer_packet answer;
	assert_int_equal(answer_packet_decode(packet->payload, packet->payload_len, &answer), 0);
	assert_in_range(answer.id, 1, game->said);
	struct answer_packet *due = &game->answer[answer.id - 1];
	assert_int_equal(game->sayer[answer.id - 1], p);
	assert_int_equal(answer.id, due->id);
	assert_int_equal(answer.result, due->result);
	assert_int_equal(answer.count, due->count);
	due->id = 0;
}

static void check_number(struct game *game, int p, int number)
{
	struct player *player = &game->players[p];
	int sayer = game->sayer[number];
	if (player->due[number] != DUE && player->due[number] != MAY_COME) {
		fail_msg("player %d got %d as %d", p, number, player->due[number]);
	}
	player->due[number] = HAS_COME;
	if (number <= game->last_of[p][sayer]) {
		fail_msg("player %d got %d behind %d of %d", p, number, game->last_of[p][sayer],
			sayer);
	}
	game->last_of[p][sayer] = number;
}

/* Looks at all that has come for a player. Returns whether a Close was the end of it. */
static bool check_player(struct game *game, int p)
{
	struct seen_frame frame;
	while (client_frame(game->players[p].client, &frame)) {
		struct packet packet;
		struct message_packet message;
		if (frame.opcode == FRAME_CLOSE) {
			expect_nothing(game->players[p].client);
			return true;
		}
		if (frame.opcode == FRAME_TEXT) {
			check_number(game, p, atoi((const char *)frame.data));
			continue;
		}
		assert_int_equal(packet_decode(frame.data, frame.len, &packet), 0);
		if (packet.command == PACKET_ANSWER) {
			check_answer(game, p, &packet);
		} else if (packet.command == PACKET_MESSAGE) {
			assert_int_equal(
				message_packet_decode(packet.payload, packet.payload_len, &message),
				0);
			check_number(game, p, atoi(message.text.data));
		}
	}
	return false;
}

static void check_all(struct game *game)
{
	rig_run(game->rig);
	for (int p = 0; p < PLAYERS; p++) {
		assert_false(check_player(game, p));
		for (int number = game->checked; number < game->said; number++) {
			if (game->players[p].due[number] == DUE) {
				fail_msg("player %d did not get %d", p, number);
			}
			game->players[p].due[number] = NOT_DUE;
		}
	}
	for (int number = game->checked; number < game->said; number++) {
		assert_int_equal(game->answer[number].id, 0);
	}
	game->checked = game->said;
}

/* It is due to a session; `is_counted` in the answer. */
static void owe(struct game *game, int to, int number, bool is_counted)
{
	game->players[to].due[number] = DUE;
	game->answer[number].count += is_counted;
	game->answer[number].result = PACKET_DONE;
}

static void owe_all(struct game *game, int p, int number)
{
	for (int to = 0; to < PLAYERS; to++) {
		if (user_of(to) != user_of(p)) {
			owe(game, to, number, true);
		}
	}
}

static void owe_user(struct game *game, int p, int user, int number)
{
	for (int to = 0; to < PLAYERS; to++) {
		if (to != p && (user_of(to) == user || user_of(to) == user_of(p))) {
			owe(game, to, number, user_of(to) == user);
		}
	}
}

static void owe_room(struct game *game, int p, int room, int number)
{
	if (!game->players[p].in[room]) {
		game->answer[number].result = PACKET_NOT_A_MEMBER;
		return;
	}
	for (int to = 0; to < PLAYERS; to++) {
		if (to != p && game->players[to].in[room]) {
			owe(game, to, number, true);
		}
	}
}

static void say_one(struct game *game, int p)
{
	const int number = game->said++;
	char audience[16] = "";
	char text[16];
	int to = (int)roll(game, TO_USER + 3); /* about a third of it is to one user */
	snprintf(text, sizeof(text), "%d ", number);
	game->sayer[number] = (uint8_t)p;
	game->answer[number].id = (uint32_t)number + 1;
	game->answer[number].result = PACKET_NOBODY_THERE;
	if (to == TO_ALL) {
		owe_all(game, p, number);
	} else if (to >= TO_USER) {
		to = TO_USER;
		int user = (int)roll(game, PLAYERS / 2);
		snprintf(audience, sizeof(audience), "@u%d", user);
		owe_user(game, p, user, number);
	} else {
		snprintf(audience, sizeof(audience), "#r%d", to);
		owe_room(game, p, to, number);
	}
	game->audience[number] = (uint8_t)to;
	v1_say(game->players[p].client, game->answer[number].id, audience, text);
}

/* What he and others of his worker say, for whomever, comes in one turn. */
static void play_say(struct game *game, int p)
{
	struct client *client = game->players[p].client;
	uint32_t count = 1 + roll(game, roll(game, 16) == 0 ? TURN_MAX : 4);
	for (; count > 0 && game->said < TEXTS_MAX; count--) {
		say_one(game, p);
		const int next = (int)roll(game, PLAYERS);
		if (game->players[next].client->worker == client->worker) {
			p = next;
		}
	}
	let_act(game, client);
}

/* Who has left hears nothing of that room any more, though it was said while he was in, and all of
 * the rest. */
static void check_left(struct game *game, int p, int room)
{
	check_player(game, p);
	for (int number = game->checked; number < game->said; number++) {
		if (game->audience[number] == room) {
			game->players[p].due[number] = NOT_DUE;
		}
	}
}

static void play_room(struct game *game, int p)
{
	struct player *player = &game->players[p];
	int room = (int)roll(game, ROOMS);
	char name[16];
	snprintf(name, sizeof(name), "r%d", room);
	if (player->in[room]) {
		v1_ask_to_leave(player->client, 0, name);
		let_act(game, player->client);
		check_left(game, p, room);
	} else {
		v1_ask_to_join(player->client, 0, roll(game, 2) ? JOIN_TELL_MEMBERS : 0, name);
		let_act(game, player->client);
	}
	player->in[room] = !player->in[room];
}

static struct client *ask_to_log_in(struct game *game, int p)
{
	char name[16];
	snprintf(name, sizeof(name), "u%d", user_of(p));
	return v1_ask(game->rig, roll(game, RIG_WORKERS), name, p % 2 ? "phone" : "");
}

static void is_logged_in(struct game *game, int p, struct client *client)
{
	struct player *player = &game->players[p];
	char name[16];
	snprintf(name, sizeof(name), "u%d", user_of(p));
	v1_expect_greeting(client, name, p % 2 ? "phone" : "");
	player->client = client;
	memset(player->in, 0, sizeof(player->in));
	for (int i = 0; i < PLAYERS; i++) {
		game->last_of[p][i] = -1;
	}
}

/* Of what was said before, the successor may get what was for the user or for all, whether or not
 * the old session got it; nothing of a room, since it is in none; and nothing that the old session
 * said itself. */
static void succeed(struct game *game, struct player *player)
{
	for (int number = game->checked; number < game->said; number++) {
		const bool was_due = player->due[number] != NOT_DUE;
		const bool was_in_room = game->audience[number] < ROOMS;
		player->due[number] = was_due && !was_in_room ? MAY_COME : NOT_DUE;
	}
}

/* A new login of the same device on any worker takes its place, while much is under way. */
static void play_kick(struct game *game, int p)
{
	struct player *player = &game->players[p];
	struct client *client = ask_to_log_in(game, p);
	for (uint32_t turns = roll(game, 4); turns > 0; turns--) {
		rig_turn(game->rig, roll(game, RIG_WORKERS));
	}
	rig_run(game->rig);
	assert_true(check_player(game, p));
	client_leave(player->client);
	is_logged_in(game, p, client);
	succeed(game, player);
	check_all(game);
}

static void play(struct game *game)
{
	int p = (int)roll(game, PLAYERS);
	uint32_t what = roll(game, 400);
	if (what < 4) {
		play_kick(game, p);
	} else if (what < 80) {
		play_room(game, p);
	} else {
		play_say(game, p);
	}
	/* Some worker gets on with its mail and hands out, a slice at a time. */
	rig_turn(game->rig, roll(game, RIG_WORKERS));
}

static void play_game(uint32_t random)
{
	struct game *game = calloc(1, sizeof(*game));
	struct rig *rig = malloc(sizeof(*rig));
	assert_non_null(game);
	assert_non_null(rig);
	rig_init(rig, RIG_WORKERS);
	game->rig = rig;
	game->random = random;
	for (int p = 0; p < PLAYERS; p++) {
		struct client *client = ask_to_log_in(game, p);
		rig_run(rig);
		is_logged_in(game, p, client);
	}
	while (game->said < TEXTS_MAX) {
		play(game);
	}
	check_all(game);
	rig_finish(rig);
	free(rig);
	free(game);
}

static void test_random_games(void **state)
{
	for (uint32_t i = 1; i <= GAMES; i++) {
		play_game(4711 * i);
	}
	(void)state;
}

#define CASE(name) RIG_CASE(name, RIG_WORKERS)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_classic_client_gets_none_of_it),
		CASE(test_to_a_user),
		CASE(test_to_all_devices),
		CASE(test_a_device_goes_meanwhile),
		CASE(test_to_a_room),
		CASE(test_a_member_hears_from_his_answer_on),
		CASE(test_a_new_room_hears_nothing_of_the_old_one),
		CASE(test_others_are_left_alone),
		CASE(test_handed_out_while_others_come_and_go),
		CASE(test_one_order_for_all_audiences),
		CASE(test_many_audiences_in_one_turn),
		CASE(test_those_who_ask_are_told),
		CASE(test_the_last_number_is_right),
		CASE(test_a_kick_leaves_the_rooms),
		CASE(test_many_are_told_by_their_number),
		CASE(test_a_crowd_costs_counts),
		CASE(test_members_are_listed),
		CASE(test_refusals),
		CASE(test_so_many_rooms),
		CASE(test_rooms_hold_so_much),
		CASE(test_without_broadcasts),
		cmocka_unit_test(test_random_games),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
