/* Who gets what of the batches of a turn, when the walks over receivers and the looks of a receiver
 * are cut short: by speakers whose texts come in a row, by marks and chains, by the one session
 * that a user had. Whatever is spared, everybody gets all that is his, once, and in the order in
 * which it was said. */
#include "talk_rig.h"

enum {
	ROOMS = 4,
	SAID_MAX = 320,
};

/* Who speaks is on worker 0, so that all is in one order. */
static const struct {
	const char *user;
	const char *device;
	uint32_t worker;
} people[] = {
	{"a", "", 0},
	{"b", "", 0},
	{"c", "", 1},
	{"d", "x", 0},
	{"d", "y", 0},
	{"e", "", 1},
	{"f", "", 1},
	{"g", "", 0},
	{"f", "z", 0},
};

enum {
	PEOPLE = sizeof(people) / sizeof(people[0]),
};

/* What is said, and who is to have what of it. */
struct crowd {
	struct rig *rig;
	uint32_t random;
	struct client *clients[PEOPLE];
	bool is_in[PEOPLE][ROOMS];
	int said; /* so far */
	int due[PEOPLE][SAID_MAX];
	int due_count[PEOPLE];
};

static uint32_t roll(struct crowd *crowd, uint32_t sides)
{
	crowd->random = crowd->random * 1664525 + 1013904223;
	return (crowd->random >> 16) % sides;
}

static bool is_same_user(uint32_t p, uint32_t q)
{
	return strcmp(people[p].user, people[q].user) == 0;
}

static struct crowd *crowd_in(struct rig *rig, uint32_t seed)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	assert_non_null(crowd);
	crowd->rig = rig;
	crowd->random = seed;
	for (uint32_t p = 0; p < PEOPLE; p++) {
		crowd->clients[p] =
			v1_login_device(rig, people[p].worker, people[p].user, people[p].device);
	}
	return crowd;
}

/* Without letting anybody hand out. */
static void join(struct crowd *crowd, uint32_t p, uint32_t room)
{
	char name[8];
	snprintf(name, sizeof(name), "r%u", room);
	v1_ask_to_join(crowd->clients[p], 7, 0, name);
	rig_events(crowd->rig, people[p].worker);
	expect_packet(crowd->clients[p], PACKET_ANSWER);
	crowd->is_in[p][room] = true;
}

static void owe(struct crowd *crowd, uint32_t p)
{
	crowd->due[p][crowd->due_count[p]++] = crowd->said;
}

/* The next text of a speaker; `whom` is its audience, and `has` says who it is for. */
static void speak(struct crowd *crowd, uint32_t speaker, const char *whom,
	bool (*has)(const struct crowd *crowd, uint32_t speaker, uint32_t p, uint32_t other),
	uint32_t other)
{
	char text[16];
	assert_in_range(crowd->said, 0, SAID_MAX - 1);
	snprintf(text, sizeof(text), "%d", crowd->said);
	v1_say(crowd->clients[speaker], 0, whom, text);
	rig_events(crowd->rig, people[speaker].worker);
	for (uint32_t p = 0; p < PEOPLE; p++) {
		if (p != speaker && has(crowd, speaker, p, other)) {
			owe(crowd, p);
		}
	}
	crowd->said++;
}

static bool room_has(const struct crowd *crowd, uint32_t speaker, uint32_t p, uint32_t room)
{
	return crowd->is_in[p][room];
}

static void speak_in_room(struct crowd *crowd, uint32_t speaker, uint32_t room)
{
	char whom[8];
	if (!crowd->is_in[speaker][room]) {
		join(crowd, speaker, room);
	}
	snprintf(whom, sizeof(whom), "#r%u", room);
	speak(crowd, speaker, whom, room_has, room);
}

/* He himself is shown it where else he is. */
static bool user_has(const struct crowd *crowd, uint32_t speaker, uint32_t p, uint32_t other)
{
	return is_same_user(p, other) || is_same_user(p, speaker);
}

static void speak_to_user(struct crowd *crowd, uint32_t speaker, uint32_t other)
{
	char whom[8];
	snprintf(whom, sizeof(whom), "@%s", people[other].user);
	speak(crowd, speaker, whom, user_has, other);
}

static bool all_have(const struct crowd *crowd, uint32_t speaker, uint32_t p, uint32_t other)
{
	return !is_same_user(p, speaker);
}

static void speak_to_all(struct crowd *crowd, uint32_t speaker)
{
	speak(crowd, speaker, "", all_have, 0);
}

/* A slice at a time; in between somebody may be caught up ahead of the walk. */
static void hand_out(struct crowd *crowd, uint32_t slice)
{
	struct rig *rig = crowd->rig;
	fanout_publish(rig->workers[0].fanout);
	for (uint32_t worker = 0; worker < 2; worker++) {
		rig_mail(rig, worker);
		while (fanout_step(rig->workers[worker].fanout, slice)) {
			const uint32_t p = roll(crowd, PEOPLE);
			if (people[p].worker == worker && roll(crowd, 3) == 0) {
				client_packet(crowd->clients[p], PACKET_PING, NULL, 0);
				rig_events(rig, worker);
			}
		}
	}
	rig_run(rig);
}

/* The next text of somebody's, answers to pings left out; -1: there is none. */
static int next_text(struct client *client)
{
	struct seen_frame frame = {0};
	struct message_packet message;
	struct packet packet;
	char text[8];
	while (client_frame(client, &frame)) {
		if (frame.opcode == FRAME_TEXT) {
			return atoi((const char *)frame.data);
		}
		assert_int_equal(packet_decode(frame.data, frame.len, &packet), 0);
		if (packet.command == PACKET_MESSAGE) {
			assert_int_equal(
				message_packet_decode(packet.payload, packet.payload_len, &message),
				0);
			/* Behind it there is whatever the client has read before. */
			snprintf(text, sizeof(text), "%.*s", (int)message.text.len,
				message.text.data);
			return atoi(text);
		}
		assert_true(packet.command == PACKET_PONG || packet.command == PACKET_ANSWER);
	}
	return -1;
}

static void check(struct crowd *crowd)
{
	for (uint32_t p = 0; p < PEOPLE; p++) {
		for (int i = 0; i < crowd->due_count[p]; i++) {
			assert_int_equal(next_text(crowd->clients[p]), crowd->due[p][i]);
		}
		assert_int_equal(next_text(crowd->clients[p]), -1);
		crowd->due_count[p] = 0;
	}
	crowd->said = 0;
}

/* --- in rooms ----------------------------------------------------------------------------------
 */

/* The walk over a room is for all that was said there in a row, by whomever; who has spoken himself
 * gets what is of the others, and nothing of another room is taken for what goes on. */
static void test_in_a_row(void **state)
{
	static const struct {
		uint8_t speaker;
		uint8_t room;
	} rows[][8] = {
		{{0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}},
		{{0, 0}, {0, 0}, {0, 1}, {0, 1}, {0, 0}, {0, 1}, {0, 0}, {0, 0}},
		{{0, 0}, {1, 0}, {0, 0}, {0, 0}, {1, 0}, {1, 0}, {1, 1}, {0, 1}},
		{{3, 0}, {4, 0}, {4, 0}, {3, 0}, {3, 1}, {1, 1}, {1, 1}, {3, 0}},
	};
	struct crowd *crowd = crowd_in(*state, 1);
	for (uint32_t p = 0; p < PEOPLE; p++) {
		join(crowd, p, 0);
		if (p % 2 == 1 || p == 0) {
			join(crowd, p, 1);
		}
	}
	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		for (uint32_t slice = 1; slice < 20; slice += 6) {
			for (uint32_t i = 0; i < 8; i++) {
				speak_in_room(crowd, rows[row][i].speaker, rows[row][i].room);
			}
			hand_out(crowd, slice);
			check(crowd);
		}
	}
	free(crowd);
}

/* Of a row who comes to the room in the middle of it gets the rest. */
static void come_in_the_middle(struct crowd *crowd, uint32_t p, uint32_t before, uint32_t behind)
{
	for (uint32_t i = 0; i < before; i++) {
		speak_in_room(crowd, 0, 0);
	}
	join(crowd, p, 0);
	for (uint32_t i = 0; i < behind; i++) {
		speak_in_room(crowd, 0, 0);
	}
	hand_out(crowd, 3);
	check(crowd);
}

static void all_come_in_the_middle(struct rig *rig, uint32_t before, uint32_t behind)
{
	struct crowd *crowd = crowd_in(rig, 2);
	join(crowd, 0, 0);
	join(crowd, 1, 0);
	for (uint32_t p = 2; p < PEOPLE; p++) {
		come_in_the_middle(crowd, p, before, behind);
	}
	free(crowd);
}

static void test_a_member_comes_in_the_middle_of_a_row(void **state)
{
	all_come_in_the_middle(*state, 5, 3);
}

/* Of so many that their batch has chains. */
static void test_a_member_comes_in_the_middle_of_a_long_row(void **state)
{
	all_come_in_the_middle(*state, 30, 10);
}

static void test_a_member_comes_ahead_of_the_last_of_a_long_row(void **state)
{
	all_come_in_the_middle(*state, 30, 1);
}

/* Around the words of a batch's set, and around as many as a batch has. */
static void test_a_member_comes_anywhere_in_a_row_as_long_as_a_batch(void **state)
{
	static const uint32_t rows[PEOPLE - 2][2] = {
		{63, 1}, {64, 1}, {65, 63}, {191, 3}, {254, 1}, {255, 1}, {255, 2}};
	struct crowd *crowd = crowd_in(*state, 4);
	join(crowd, 0, 0);
	join(crowd, 1, 0);
	for (uint32_t p = 2; p < PEOPLE; p++) {
		come_in_the_middle(crowd, p, rows[p - 2][0], rows[p - 2][1]);
	}
	free(crowd);
}

/* A row of more than a batch without chains has room for, between other talk. */
static void test_long_rows(void **state)
{
	struct crowd *crowd = crowd_in(*state, 3);
	for (uint32_t p = 0; p < PEOPLE; p++) {
		join(crowd, p, p % 2);
	}
	for (uint32_t length = 14; length < 40; length++) {
		speak_in_room(crowd, 1, 1);
		for (uint32_t i = 0; i < length; i++) {
			speak_in_room(crowd, 0, 0);
		}
		speak_to_user(crowd, 0, 2);
		speak_in_room(crowd, 0, 0);
		hand_out(crowd, 16);
		check(crowd);
	}
	free(crowd);
}

/* --- to users ----------------------------------------------------------------------------------
 */

/* The one session that a user had when it was said is another one when it is handed out. */
static void test_the_one_session_has_been_replaced(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 0, "b");
	v1_say(a, 1, "@b", "hi");
	rig_events(rig, 0);
	v1_expect_answer(a, 1, PACKET_DONE, 1);
	struct client *successor = v1_ask(rig, 0, "b", "");
	rig_events(rig, 0);
	rig_run(rig);
	expect_close(b, 4001, "kicked");
	v1_expect_greeting(successor, "b", "");
	v1_expect_message(successor, "a", "@b", "hi");
	expect_nothing(successor);
}

/* Another one has come, and is in as well. */
static void test_the_one_session_is_one_of_two(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login_device(rig, 0, "b", "x");
	v1_say(a, 1, "@b", "hi");
	rig_events(rig, 0);
	struct client *second = v1_ask(rig, 0, "b", "y");
	rig_events(rig, 0);
	rig_run(rig);
	v1_expect_answer(a, 1, PACKET_DONE, 1);
	v1_expect_greeting(second, "b", "y");
	v1_expect_message(b, "a", "@b", "hi");
	v1_expect_message(second, "a", "@b", "hi");
	/* And when one of the two is left, what is said to him is for that one. */
	client_leave(b);
	rig_run(rig);
	v1_say(a, 2, "@b", "still there?");
	rig_run(rig);
	v1_expect_answer(a, 2, PACKET_DONE, 1);
	v1_expect_message(second, "a", "@b", "still there?");
	expect_nothing(second);
}

/* It has gone, and its record is somebody else's by then. */
static void test_the_one_session_has_gone(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 1, "b");
	struct client *c = v1_login(rig, 1, "c");
	v1_say(a, 1, "@b", "hi");
	rig_turn(rig, 0);
	v1_expect_answer(a, 1, PACKET_DONE, 1);
	const uint32_t index = client_conn(rig, b)->index;
	client_leave(b);
	rig_events(rig, 1);
	serving_after_mail(&rig->workers[1]);
	struct client *other = v1_ask(rig, 1, "d", "");
	rig_events(rig, 1);
	assert_int_equal(client_conn(rig, other)->index, index);
	rig_run(rig);
	v1_expect_greeting(other, "d", "");
	expect_nothing(other);
	expect_nothing(c);
}

/* Who has one session is not looked for beside it: the sender's other ones are shown what he says
 * from the moment on at which they are there, and no longer than that. */
static void test_the_senders_other_sessions(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login_device(rig, 0, "a", "x");
	struct client *b = v1_login(rig, 0, "b");
	v1_say(a, 0, "@b", "one");
	rig_run(rig);
	v1_expect_message(b, "a", "@b", "one");
	struct client *second = v1_login_device(rig, 1, "a", "y");
	v1_say(a, 0, "@b", "two");
	rig_run(rig);
	v1_expect_message(b, "a", "@b", "two");
	v1_expect_message(second, "a", "@b", "two");
	v1_say(second, 0, "@b", "three");
	rig_run(rig);
	v1_expect_message(b, "a", "@b", "three");
	v1_expect_message(a, "a", "@b", "three");
	client_leave(second);
	rig_run(rig);
	v1_say(a, 0, "@b", "four");
	rig_run(rig);
	v1_expect_message(b, "a", "@b", "four");
	expect_nothing(a);
}

/* --- all at once -------------------------------------------------------------------------------
 */

static void say_something(struct crowd *crowd)
{
	static const uint8_t speakers[] = {0, 1, 3, 4, 7};
	const uint32_t speaker = speakers[roll(crowd, sizeof(speakers))];
	switch (roll(crowd, 8)) {
	case 0:
		speak_to_all(crowd, speaker);
		break;
	case 1:
	case 2: {
		const uint32_t other = roll(crowd, PEOPLE);
		if (!is_same_user(speaker, other)) {
			speak_to_user(crowd, speaker, other);
		}
		break;
	}
	case 3:
		join(crowd, roll(crowd, PEOPLE), roll(crowd, ROOMS));
		break;
	default: {
		const uint32_t room = roll(crowd, ROOMS);
		for (uint32_t row = 1 + roll(crowd, 5); row > 0; row--) {
			speak_in_room(crowd, speaker, room);
		}
		break;
	}
	}
}

static void test_random_talk(void **state)
{
	static const uint32_t lengths[] = {2, 4, 9, 40};
	static const uint32_t slices[] = {1, 2, 5, 16, 64};
	for (uint32_t seed = 1; seed <= 60; seed++) {
		struct crowd *crowd = crowd_in(*state, seed);
		for (uint32_t round = 0; round < 6; round++) {
			const uint32_t length = lengths[roll(crowd, 4)];
			for (uint32_t i = 0; i < length; i++) {
				say_something(crowd);
			}
			hand_out(crowd, slices[roll(crowd, 5)]);
			check(crowd);
		}
		for (uint32_t p = 0; p < PEOPLE; p++) {
			client_leave(crowd->clients[p]);
		}
		rig_run(crowd->rig);
		free(crowd);
	}
}

#define CASE(name) RIG_CASE(name, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_in_a_row),
		CASE(test_a_member_comes_in_the_middle_of_a_row),
		CASE(test_a_member_comes_in_the_middle_of_a_long_row),
		CASE(test_a_member_comes_ahead_of_the_last_of_a_long_row),
		CASE(test_a_member_comes_anywhere_in_a_row_as_long_as_a_batch),
		CASE(test_long_rows),
		CASE(test_the_one_session_has_been_replaced),
		CASE(test_the_one_session_is_one_of_two),
		CASE(test_the_one_session_has_gone),
		CASE(test_the_senders_other_sessions),
		CASE(test_random_talk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
