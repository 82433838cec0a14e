/* What a login says and hears of tidegate.v1, on a virtual clock. The bytes of each packet are held
 * against the vectors in test_client_vectors.c. */
#include "client_rig.h"

#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"

/* --- the gateway's side ---------------------------------------------------------------------- */

static struct slice text_of(const char *text)
{
	return (struct slice){text, strlen(text)};
}

static void answer(struct rig *rig, uint32_t id, enum packet_result result, uint32_t count)
{
	const struct answer_packet packet = {id, (uint8_t)result, count};
	uint8_t payload[ANSWER_PACKET_LEN];

	answer_packet_write(payload, &packet);
	rig_packet(rig, PACKET_ANSWER, payload, sizeof(payload));
}

static void push(struct rig *rig, const char *audience, const char *from, const char *text)
{
	const struct message_packet message = {.sent_ms = 1700000000123,
		.from = text_of(from),
		.audience = text_of(audience),
		.text = text_of(text)};
	uint8_t payload[512];
	const uint8_t *end = message_packet_write(payload, &message);

	rig_packet(rig, PACKET_MESSAGE, payload, (size_t)(end - payload));
}

static void tell_members(struct rig *rig, const char *room, uint32_t count,
	enum members_change change, const char *user)
{
	const struct members_packet members = {
		text_of(room), count, (uint8_t)change, text_of(user)};
	uint8_t payload[512];
	const uint8_t *end = members_packet_write(payload, &members);

	rig_packet(rig, PACKET_MEMBERS, payload, (size_t)(end - payload));
}

/* The next message of the client is a packet of that command. Borrowed. */
static struct packet take_packet(struct rig *rig, uint16_t command)
{
	static uint8_t kept[512];
	struct message message;
	struct packet packet;

	assert_int_equal(rig_sent(rig, &message), MESSAGE_BINARY);
	assert_true(message.len <= sizeof(kept));
	memcpy(kept, message.data, message.len);
	assert_int_equal(packet_decode(kept, message.len, &packet), 0);
	assert_int_equal(packet.command, command);
	return packet;
}

/* It asks for a room. Returns the id. */
static uint32_t take_join(struct rig *rig, const char *room, bool is_told)
{
	const struct packet packet = take_packet(rig, PACKET_JOIN);
	struct join_packet join;

	assert_int_equal(join_packet_decode(packet.payload, packet.payload_len, &join), 0);
	assert_int_equal(join.room.len, strlen(room));
	assert_memory_equal(join.room.data, room, join.room.len);
	assert_int_equal(join.flags, is_told ? JOIN_TELL_MEMBERS : 0);
	return join.id;
}

static uint32_t take_say(struct rig *rig, const char *audience, const char *text)
{
	const struct packet packet = take_packet(rig, PACKET_SAY);
	struct say_packet say;

	assert_int_equal(say_packet_decode(packet.payload, packet.payload_len, &say), 0);
	assert_int_equal(say.flags, 0);
	assert_true(slice_equals(say.audience, text_of(audience)));
	assert_true(slice_equals(say.text, text_of(text)));
	return say.id;
}

static void expect_nothing_sent(struct rig *rig)
{
	struct message message;
	assert_int_equal(rig_sent(rig, &message), MESSAGE_MORE);
}

static enum tg_status say(struct rig *rig, const char *audience, const char *text, uint32_t *ret_id)
{
	return orders_say(&rig->login, audience, text, strlen(text), ret_id);
}

/* --- the offer ------------------------------------------------------------------------------- */

static void nothing_is_offered_unless_asked_for(void **state)
{
	struct rig rig;
	uint32_t id = 7;

	rig_begin(&rig);
	rig.takes_v1 = true;
	rig_login(&rig);
	rig_open(&rig);
	rig_expect(&rig, "CONNECTING:ok CONNECTED:ok");
	assert_false(login_speaks_v1(&rig.login));
	assert_int_equal(say(&rig, "@bob", "hi", &id), TG_ERR_NOT_SPOKEN);
	assert_int_equal(orders_join(&rig.login, "dev", true, &id), TG_ERR_NOT_SPOKEN);
	assert_int_equal(orders_list(&rig.login, "dev", "", &id), TG_ERR_NOT_SPOKEN);
	assert_int_equal(id, 7);
	/* Nor is it listened to. */
	push(&rig, "@bob", "alice", "hi");
	tell_members(&rig, "dev", 1, MEMBERS_CAME, "alice");
	rig_expect(&rig, "");
	expect_nothing_sent(&rig);
	rig_end(&rig);
}

static void a_gateway_of_before_is_told_of(void **state)
{
	struct rig rig;
	uint32_t id;

	rig_begin(&rig);
	rig.options.offers = SUBPROTOCOL_V1;
	assert_int_equal(orders_join(&rig.login, "dev", false, &id), TG_OK);
	rig_login(&rig);
	rig_open(&rig);
	rig_expect(&rig, "CONNECTING:ok error:not-spoken CONNECTED:ok");
	expect_nothing_sent(&rig);
	assert_int_equal(say(&rig, "", "hi", &id), TG_ERR_NOT_SPOKEN);
	rig_text(&rig, "hi -- FROM bob");
	rig_expect(&rig, "<hi -- FROM bob>");
	/* The room waits for a line that speaks it. */
	rig.takes_v1 = true;
	rig_open_anew(&rig);
	rig_expect(&rig, "error:lost RECONNECTING:lost CONNECTED:ok");
	assert_true(login_speaks_v1(&rig.login));
	assert_int_equal(take_join(&rig, "dev", false), id);
	rig_end(&rig);
}

/* --- say ------------------------------------------------------------------------------------- */

static void what_is_said_is_answered(void **state)
{
	struct rig rig;
	uint32_t first;
	uint32_t second;

	rig_begin_talking(&rig);
	assert_int_equal(say(&rig, "@bob", "hi", &first), TG_OK);
	assert_int_equal(say(&rig, "#dev", "all", &second), TG_OK);
	assert_int_equal(orders_say(&rig.login, "", "quiet", 5, NULL), TG_OK);
	assert_int_equal(take_say(&rig, "@bob", "hi"), first);
	assert_int_equal(take_say(&rig, "#dev", "all"), second);
	assert_int_equal(take_say(&rig, "", "quiet"), 0);
	assert_int_equal(first, 1);
	assert_int_equal(second, 2);
	answer(&rig, second, PACKET_DONE, 3);
	answer(&rig, first, PACKET_NOBODY_THERE, 0);
	answer(&rig, first, PACKET_DONE, 9); /* nobody waits for that */
	answer(&rig, 0, PACKET_BUSY, 0);
	answer(&rig, 3, PACKET_DONE, 9);
	rig_expect(&rig, "2=ok/3 1=nobody/0 0=busy/0");
	assert_int_equal(rig.login.stats.messages_sent, 3);
	rig_end(&rig);
}

static void results_have_their_statuses(void **state)
{
	static const enum tg_status statuses[] = {TG_OK, TG_ERR_NOBODY_THERE, TG_ERR_NOT_ALLOWED,
		TG_ERR_BUSY, TG_ERR_NOT_A_MEMBER, TG_ERR_BAD_NAME, TG_ERR_TOO_MANY_ROOMS,
		TG_ERR_NODE, TG_ERR_UNKNOWN, TG_ERR_UNKNOWN};
	struct rig rig;
	char wanted[96];
	uint32_t id;

	rig_begin_talking(&rig);
	for (unsigned result = 0; result < sizeof(statuses) / sizeof(statuses[0]); result++) {
		assert_int_equal(say(&rig, "@bob", "hi", &id), TG_OK);
		answer(&rig, id, (enum packet_result)result, result);
		snprintf(wanted, sizeof(wanted), "%u=%s/%u", id, rig_status_name(statuses[result]),
			result);
		rig_expect(&rig, wanted);
		for (unsigned other = 0; other < result; other++) {
			assert_true(statuses[other] == statuses[result] ||
				    strcmp(tg_status_text(statuses[other]),
					    tg_status_text(statuses[result])) != 0);
		}
	}
	rig_end(&rig);
}

static void what_cannot_be_said_is_refused_here(void **state)
{
	static const char *const nobodies[] = {"bob", "@", "#", "@bob ", "!x", "@a\x01", "# "};
	char *text = malloc(LINE_MESSAGE_MAX);
	const size_t most = 65524 - strlen("@bob") - 1;
	char name[70] = "@";
	struct rig rig;
	uint32_t id = 7;

	assert_non_null(text);
	memset(text, 'a', LINE_MESSAGE_MAX);
	memset(name + 1, 'n', 65);
	rig_begin_talking(&rig);
	for (size_t i = 0; i < sizeof(nobodies) / sizeof(nobodies[0]); i++) {
		assert_int_equal(say(&rig, nobodies[i], "hi", &id), TG_ERR_BAD_NAME);
	}
	assert_int_equal(say(&rig, name, "hi", &id), TG_ERR_BAD_NAME);
	assert_int_equal(say(&rig, "@bob", "\xff", &id), TG_ERR_UTF8);
	assert_int_equal(orders_say(&rig.login, "@bob", text, most + 2, &id), TG_ERR_TOO_BIG);
	assert_int_equal(id, 7);
	expect_nothing_sent(&rig);
	assert_int_equal(orders_say(&rig.login, "@bob", text, most + 1, &id), TG_OK);
	struct message message;
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_BINARY);
	assert_int_equal(message.len, LINE_MESSAGE_MAX);
	assert_int_equal(id, 1);
	rig_eof(&rig);
	assert_int_equal(say(&rig, "@bob", "hi", &id), TG_ERR_NOT_CONNECTED);
	rig_end(&rig);
	free(text);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void as_many_wait_for_answers_as_may(void **state)
{
	struct rig rig;
	uint32_t id = 0;
	uint32_t answered = 0;

	rig_begin_talking(&rig);
	while (say(&rig, "@bob", "hi", &id) == TG_OK) {
		rig_pull(&rig);
	}
	assert_int_equal(say(&rig, "@bob", "hi", &id), TG_ERR_WOULD_BLOCK);
	assert_int_equal(id, REQUESTS_MAX);
	/* Without an id nothing is counted. */
	assert_int_equal(orders_say(&rig.login, "@bob", "hi", 2, NULL), TG_OK);
	while (answered < REQUESTS_MAX && !rig_told_last(&rig, "writable")) {
		rig_forget(&rig);
		answer(&rig, ++answered, PACKET_DONE, 1);
	}
	assert_int_equal(answered, REQUESTS_MAX - REQUESTS_SLOTS / 2);
	assert_int_equal(say(&rig, "@bob", "hi", &id), TG_OK);
	assert_int_equal(id, REQUESTS_MAX + 1);
	rig_end(&rig);
}

/* Who was refused hears of room however the requests before it end. */
static void there_is_room_again_behind_pages_and_replies(void **state)
{
	struct rig rig;

	for (unsigned is_page = 0; is_page < 2; is_page++) {
		uint32_t id = 0;
		uint32_t ended = 0;
		rig_begin_talking(&rig);
		while ((is_page ? orders_list(&rig.login, "dev", "", &id)
				: orders_request(&rig.login, "x", 1, &id)) == TG_OK) {
			rig_pull(&rig);
		}
		assert_int_equal(id, REQUESTS_MAX);
		while (ended < REQUESTS_MAX && !rig_told_last(&rig, "writable")) {
			uint8_t packet[8] = {0};
			ended++;
			packet[2] = (uint8_t)(ended >> 8);
			packet[3] = (uint8_t)ended;
			rig_forget(&rig);
			rig_packet(&rig, is_page ? PACKET_PAGE : PACKET_REPLY, packet,
				is_page ? sizeof(packet) : 5);
		}
		assert_int_equal(ended, REQUESTS_MAX - REQUESTS_SLOTS / 2);
		rig_end(&rig);
	}
}

static void a_full_queue_takes_nothing_and_loses_nothing(void **state)
{
	char text[1024];
	struct rig rig;
	uint32_t id = 0;
	uint32_t leave_id;

	memset(text, 'a', sizeof(text));
	rig_begin_talking(&rig);
	rig.login.options.send_queue_limit = TG_SEND_QUEUE_MIN;
	rig_open_anew(&rig);
	assert_int_equal(orders_join(&rig.login, "in", false, NULL), TG_OK);
	while (orders_say(&rig.login, "#in", text, sizeof(text), &id) == TG_OK) {
	}
	const uint32_t said = id;
	while (say(&rig, "#in", "", &id) == TG_OK) {
	}
	assert_int_equal(orders_join(&rig.login, "other", true, &id), TG_ERR_WOULD_BLOCK);
	assert_int_equal(orders_join(&rig.login, "in", true, &id), TG_ERR_WOULD_BLOCK);
	assert_int_equal(orders_leave(&rig.login, "in", &leave_id), TG_ERR_WOULD_BLOCK);
	assert_true(id > said);
	/* The room is wanted as it was, the other is not. */
	rig_forget(&rig);
	rig_open_anew(&rig);
	take_join(&rig, "in", false);
	expect_nothing_sent(&rig);
	rig_end(&rig);
}

static void so_many_rooms_and_no_more(void **state)
{
	struct rig rig;
	char name[16];
	uint32_t id;

	rig_begin_talking(&rig);
	for (unsigned i = 0; i < TG_ROOMS_MAX; i++) {
		snprintf(name, sizeof(name), "room %u", i);
		assert_int_equal(orders_join(&rig.login, name, true, &id), TG_OK);
		assert_int_equal(take_join(&rig, name, true), id);
	}
	assert_int_equal(orders_join(&rig.login, "one more", true, &id), TG_ERR_TOO_MANY_ROOMS);
	assert_int_equal(orders_join(&rig.login, "room 7", false, &id), TG_OK);
	assert_int_equal(take_join(&rig, "room 7", false), id);
	/* All of them fit into the smallest queue. */
	rig.login.options.send_queue_limit = TG_SEND_QUEUE_MIN;
	rig_open_anew(&rig);
	for (unsigned i = 0; i < TG_ROOMS_MAX; i++) {
		snprintf(name, sizeof(name), "room %u", i);
		take_join(&rig, name, i != 7);
	}
	expect_nothing_sent(&rig);
	rig_end(&rig);
}

/* --- rooms ----------------------------------------------------------------------------------- */

static void say_hello_to_dev(struct rig *rig, enum notice_kind kind, const void *told)
{
	const struct tg_state_change *change = told;
	if (kind == NOTICE_STATE && change->to == TG_STATE_CONNECTED) {
		assert_int_equal(orders_say(&rig->login, "#dev", "hello", 5, NULL), TG_OK);
	}
}

/* Fault of many clients: what is said from inside of the callback comes before the room is joined.
 */
static void rooms_are_joined_anew_before_anything_is_said(void **state)
{
	struct rig rig;
	uint32_t dev;
	uint32_t ops;

	rig_begin_talking(&rig);
	assert_int_equal(orders_join(&rig.login, "dev", true, &dev), TG_OK);
	assert_int_equal(orders_join(&rig.login, "ops", false, &ops), TG_OK);
	assert_int_not_equal(dev, ops);
	assert_int_equal(take_join(&rig, "dev", true), dev);
	assert_int_equal(take_join(&rig, "ops", false), ops);
	answer(&rig, dev, PACKET_DONE, 1);
	answer(&rig, ops, PACKET_DONE, 2);
	rig_expect(&rig, "join0=ok/1 dev join1=ok/2 ops");
	rig.inside = say_hello_to_dev;
	for (unsigned line = 0; line < 3; line++) {
		rig_open_anew(&rig);
		assert_int_equal(take_join(&rig, "dev", true), dev);
		assert_int_equal(take_join(&rig, "ops", false), ops);
		take_say(&rig, "#dev", "hello");
		expect_nothing_sent(&rig);
		answer(&rig, dev, PACKET_DONE, 3);
		rig_expect(&rig, "error:lost RECONNECTING:lost CONNECTED:ok join0=ok/3 dev");
	}
	rig_end(&rig);
}

static void a_room_may_be_wanted_at_any_time(void **state)
{
	struct rig rig;
	uint32_t id;
	uint32_t other = 7;

	rig_begin(&rig);
	rig.options.offers = SUBPROTOCOL_V1;
	rig.takes_v1 = true;
	assert_int_equal(orders_join(&rig.login, "", false, &id), TG_ERR_BAD_NAME);
	assert_int_equal(orders_join(&rig.login, " dev", false, &id), TG_ERR_BAD_NAME);
	assert_int_equal(orders_join(&rig.login, "dev", false, &id), TG_OK); /* INIT */
	assert_int_equal(orders_join(&rig.login, "dev", true, &other), TG_OK);
	assert_int_equal(other, id);
	assert_int_equal(orders_join(&rig.login, "gone", true, NULL), TG_OK);
	assert_int_equal(orders_leave(&rig.login, "gone", &other), TG_OK);
	assert_int_equal(other, 0);
	assert_int_equal(orders_leave(&rig.login, "never", &other), TG_OK);
	rig_login(&rig);
	rig_open(&rig);
	assert_int_equal(take_join(&rig, "dev", true), id);
	expect_nothing_sent(&rig);
	/* And stays so across a log-out. */
	orders_log_out(&rig.login, rig.now_ms);
	rig_eof(&rig);
	rig_login(&rig);
	rig_open(&rig);
	assert_int_equal(take_join(&rig, "dev", true), id);
	rig_end(&rig);
}

static void who_left_or_was_refused_does_not_come_back(void **state)
{
	struct rig rig;
	uint32_t dev;
	uint32_t ops;
	uint32_t out;
	uint32_t left;

	rig_begin_talking(&rig);
	orders_join(&rig.login, "dev", true, &dev);
	orders_join(&rig.login, "ops", true, &ops);
	orders_join(&rig.login, "out", true, &out);
	assert_int_equal(orders_leave(&rig.login, "dev", &left), TG_OK);
	answer(&rig, dev, PACKET_DONE, 1); /* crossed with the leave */
	answer(&rig, ops, PACKET_TOO_MANY_ROOMS, 0);
	answer(&rig, out, PACKET_DONE, 5);
	answer(&rig, left, PACKET_DONE, 0);
	rig_expect(&rig, "join0=ok/1 join1=too-many/0 ops join2=ok/5 out 1=ok/0");
	tell_members(&rig, "out", 4, MEMBERS_TAKEN_OUT, "");
	rig_expect(&rig, "out:4!");
	rig_forget_sent(&rig);
	rig_open_anew(&rig);
	expect_nothing_sent(&rig);
	/* Joined again it is another join. */
	assert_int_equal(orders_join(&rig.login, "dev", true, &ops), TG_OK);
	assert_int_not_equal(ops, dev);
	rig_end(&rig);
}

static void members_and_pages_are_told(void **state)
{
	static const uint8_t page[] = "\0\0\0\1\0\0\0\2\5alice\3bob";
	static const uint8_t refusal[] = "\0\0\0\2\4\1\0\0";
	static const uint8_t stray[] = "\0\0\0\x9\0\1\0\0";
	struct rig rig;
	uint32_t id;

	rig_begin_talking(&rig);
	tell_members(&rig, "dev", 2, MEMBERS_CAME, "alice");
	tell_members(&rig, "dev", 1, MEMBERS_WENT, "alice");
	tell_members(&rig, "dev", 300, MEMBERS_COUNTED, "");
	tell_members(&rig, "dev", 7, 200, "of a later version");
	rig_expect(&rig, "dev:2+alice dev:1-alice dev:300= dev:7=of a later version");
	assert_int_equal(orders_list(&rig.login, "dev", "", &id), TG_OK);
	assert_int_equal(orders_list(&rig.login, "ops", "bob", &id), TG_OK);
	assert_int_equal(orders_list(&rig.login, "", "", &id), TG_ERR_BAD_NAME);
	assert_int_equal(orders_list(&rig.login, "ops", " ", &id), TG_ERR_BAD_NAME);
	rig_packet(&rig, PACKET_PAGE, page, sizeof(page) - 1);
	rig_packet(&rig, PACKET_PAGE, refusal, sizeof(refusal) - 1);
	rig_packet(&rig, PACKET_PAGE, stray, sizeof(stray) - 1);
	rig_expect(&rig, "1:alice,bob,... 2=not in that room/0");
	rig_end(&rig);
}

/* --- the backend ----------------------------------------------------------------------------- */

static void the_backend_is_asked_and_replies(void **state)
{
	static const char question[] = "\x01 what?\0";
	static const uint8_t reply[] = "\0\0\0\1\0that";
	static const uint8_t nothing[] = "\0\0\0\2\0";
	static const uint8_t nobody[] = "\0\0\0\3\7";
	static const uint8_t stray[] = "\0\0\0\1\0again";
	struct rig rig;
	uint32_t id;

	rig_begin_talking(&rig);
	assert_int_equal(orders_request(&rig.login, question, sizeof(question), &id), TG_OK);
	assert_int_equal(id, 1);
	const struct packet packet = take_packet(&rig, PACKET_REQUEST);
	assert_int_equal(packet.payload_len, 4 + sizeof(question));
	assert_memory_equal(packet.payload, "\0\0\0\1", 4);
	assert_memory_equal(packet.payload + 4, question, sizeof(question));
	assert_int_equal(orders_request(&rig.login, NULL, 0, &id), TG_OK);
	assert_int_equal(orders_request(&rig.login, "x", 1, &id), TG_OK);
	assert_int_equal(orders_request(&rig.login, "x", 1, &id), TG_OK);
	rig_packet(&rig, PACKET_REPLY, reply, sizeof(reply) - 1);
	rig_packet(&rig, PACKET_REPLY, nothing, sizeof(nothing) - 1);
	rig_packet(&rig, PACKET_REPLY, nobody, sizeof(nobody) - 1);
	rig_packet(&rig, PACKET_REPLY, stray, sizeof(stray) - 1);
	rig_expect(&rig, "1: that 2:  3=that node of the gateway, or the backend, cannot be asked "
			 "now/0");
	rig_eof(&rig);
	rig_expect(&rig, "error:lost 4=unknown/0 RECONNECTING:lost");
	assert_int_equal(orders_request(&rig.login, "x", 1, &id), TG_ERR_NOT_CONNECTED);
	rig_end(&rig);
}

static void a_request_has_a_size_and_takes_v1(void **state)
{
	static char much[65536];
	struct rig rig;
	uint32_t id = 0;

	rig_begin_talking(&rig);
	assert_int_equal(orders_request(&rig.login, much, 65527, &id), TG_ERR_TOO_BIG);
	assert_int_equal(id, 0);
	assert_int_equal(orders_request(&rig.login, much, 65526, &id), TG_OK);
	rig_end(&rig);
	rig_begin_connected(&rig);
	assert_int_equal(orders_request(&rig.login, "x", 1, &id), TG_ERR_NOT_SPOKEN);
	rig_end(&rig);
}

static void what_was_lost_between_nodes_is_told(void **state)
{
	static const uint8_t gap[] = "\0\1\0\0of a later version";
	struct rig rig;

	rig_begin_talking(&rig);
	rig_packet(&rig, PACKET_GAP, gap, sizeof(gap) - 1);
	rig_expect(&rig, "gap=65536");
	orders_log_out(&rig.login, rig.now_ms);
	rig_forget(&rig);
	rig_packet(&rig, PACKET_GAP, gap, sizeof(gap) - 1);
	rig_expect(&rig, "");
	rig_end(&rig);
}

/* --- the end of a line ----------------------------------------------------------------------- */

static void what_the_line_takes_with_it_is_told_before_its_end(void **state)
{
	struct rig rig;
	uint32_t id;

	rig_begin_talking(&rig);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(say(&rig, "@bob", "hi", &id), TG_OK);
	}
	orders_list(&rig.login, "dev", "", &id);
	answer(&rig, 2, PACKET_DONE, 1);
	rig_forget(&rig);
	rig_open_anew(&rig);
	rig_expect(&rig, "error:lost 1=unknown/0 3=unknown/0 4=unknown/0 5=unknown/0 "
			 "RECONNECTING:lost CONNECTED:ok");
	/* Of the line before. */
	answer(&rig, 3, PACKET_DONE, 1);
	rig_expect(&rig, "");
	assert_int_equal(say(&rig, "@bob", "hi", &id), TG_OK);
	assert_int_equal(id, 6);
	rig_close(&rig, 4001, "kicked");
	rig_expect(&rig, "error:kicked 6=unknown/0 CLOSED:kicked");
	rig_end(&rig);
}

static void answers_come_until_the_log_out_is_done(void **state)
{
	static const uint8_t page[] = "\0\0\0\3\0\1\0\1\3bob";
	struct rig rig;
	uint32_t id;

	rig_begin_talking(&rig);
	assert_int_equal(say(&rig, "@bob", "hi", &id), TG_OK);
	assert_int_equal(say(&rig, "@eve", "hi", &id), TG_OK);
	assert_int_equal(orders_list(&rig.login, "dev", "", &id), TG_OK);
	orders_log_out(&rig.login, rig.now_ms);
	push(&rig, "@me", "bob", "too late");
	tell_members(&rig, "dev", 1, MEMBERS_CAME, "alice");
	answer(&rig, 1, PACKET_DONE, 1);
	rig_packet(&rig, PACKET_PAGE, page, sizeof(page) - 1);
	rig_close(&rig, 1000, "");
	rig_expect(&rig, "CLOSING:ok 1=ok/1 3:bob, 2=unknown/0 CLOSED:ok");
	rig_end(&rig);
}

static void halt_at_the_second(struct rig *rig, enum notice_kind kind, const void *told)
{
	if (kind == NOTICE_ANSWER && rig->calls == 2) {
		notices_halt(&rig->login.notices);
	}
}

/* As tg_client_destroy() does inside of a callback. */
static void nobody_is_told_when_all_is_halted(void **state)
{
	struct rig rig;
	uint32_t id;

	rig_begin_talking(&rig);
	for (unsigned i = 0; i < 4; i++) {
		say(&rig, "@bob", "hi", &id);
	}
	rig.inside = halt_at_the_second;
	rig.calls = 0;
	orders_log_out(&rig.login, rig.now_ms);
	rig_forget(&rig);
	rig_eof(&rig);
	rig_expect(&rig, "1=unknown/0");
	rig_end(&rig);
}

/* --- what comes ------------------------------------------------------------------------------ */

static void sessions_and_messages_are_told(void **state)
{
	static const uint8_t session[] = "\0\xff\xff\xff\xff\3bob\5phone";
	struct rig rig;

	rig_begin_talking(&rig);
	rig_packet(&rig, PACKET_SESSION, session, sizeof(session) - 1);
	push(&rig, "@bob", "alice", "hi -- FROM eve");
	push(&rig, "#dev", "alice", "");
	push(&rig, "@bob", "", "of a backend");
	rig_text(&rig, "hello -- FROM alice");
	rig_expect(&rig,
		"session:bob/phone <@bob alice: hi -- FROM eve> <#dev alice: > <@bob : of a backend> <hello -- "
		"FROM alice>");
	assert_int_equal(rig.login.stats.messages_received, 4);
	rig_end(&rig);
}

static void bad_packets_end_the_line(void **state)
{
	static const struct {
		uint16_t command;
		const char *payload;
		size_t len;
	} rows[] = {
		{PACKET_ANSWER, "\0\0\0\1\0", 5},
		{PACKET_SESSION, "\0\0\0\0\1\1\xff\0", 8},
		{PACKET_MESSAGE, "\0\0\0\0\0\0\0\0\0\1a\0\xff", 13},
		{PACKET_MESSAGE, "\0\0\0\0\0\0\0\0\0\1\xff\0a", 13},
		{PACKET_MEMBERS, "\1\xff\0\0\0\1\0\0", 8},
		{PACKET_PAGE, "\0\0\0\1\0\1\0\1\1\xff", 10},
		{PACKET_PAGE, "\0\0\0\1\0\1\1\1", 8},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rig rig;
		rig_begin_talking(&rig);
		rig_packet(&rig, rows[i].command, (const uint8_t *)rows[i].payload, rows[i].len);
		rig_expect(&rig, "error:packet CLOSED:packet");
		rig_expect_sent_close(&rig, 4002);
		rig_end(&rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_offered_unless_asked_for),
		cmocka_unit_test(a_gateway_of_before_is_told_of),
		cmocka_unit_test(what_is_said_is_answered),
		cmocka_unit_test(results_have_their_statuses),
		cmocka_unit_test(what_cannot_be_said_is_refused_here),
		cmocka_unit_test(as_many_wait_for_answers_as_may),
		cmocka_unit_test(there_is_room_again_behind_pages_and_replies),
		cmocka_unit_test(a_full_queue_takes_nothing_and_loses_nothing),
		cmocka_unit_test(so_many_rooms_and_no_more),
		cmocka_unit_test(rooms_are_joined_anew_before_anything_is_said),
		cmocka_unit_test(a_room_may_be_wanted_at_any_time),
		cmocka_unit_test(who_left_or_was_refused_does_not_come_back),
		cmocka_unit_test(members_and_pages_are_told),
		cmocka_unit_test(the_backend_is_asked_and_replies),
		cmocka_unit_test(a_request_has_a_size_and_takes_v1),
		cmocka_unit_test(what_was_lost_between_nodes_is_told),
		cmocka_unit_test(what_the_line_takes_with_it_is_told_before_its_end),
		cmocka_unit_test(answers_come_until_the_log_out_is_done),
		cmocka_unit_test(nobody_is_told_when_all_is_halted),
		cmocka_unit_test(sessions_and_messages_are_told),
		cmocka_unit_test(bad_packets_end_the_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
