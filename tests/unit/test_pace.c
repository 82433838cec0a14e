/* What sessions may say in a second: read no faster, refused, ended. The time passes when a case
 * says so. */
#include "talk_rig.h"

#include "../../server/conn/pace.h"

enum {
	SECOND = 1000 / LOOP_TICK_MS, /* ticks */
	WORD = 100,                   /* bytes of a text */
	FRAME = WORD + 6,             /* and of what is sent for it */
	LOOKED_AT = 256 / FRAME + 1,  /* texts that may come by a look, at most */
};

static void limit(struct rig *rig, uint32_t message_rate, uint32_t byte_rate)
{
	struct conns_limits limits = rig_conns(rig, 0)->limits;
	limits.message_rate = message_rate;
	limits.byte_rate = byte_rate;
	conns_set_limits(rig_conns(rig, 0), &limits);
}

/* `count` texts in one go, numbered from `first`. */
static void say_many(struct client *client, unsigned first, unsigned count)
{
	char *bytes = malloc((size_t)count * (WORD + FRAME_HEADER_MAX));
	size_t len = 0;
	assert_non_null(bytes);
	for (unsigned i = first; i < first + count; i++) {
		char text[WORD + 1];
		snprintf(text, sizeof(text), "%0*u", WORD, i);
		len += make_frame((uint8_t *)bytes + len, FRAME_TEXT, text, WORD);
	}
	client_write(client, bytes, len);
	free(bytes);
}

/* The texts that have come, which are those from *next on, in order. Returns how many. */
static unsigned hear(struct client *client, unsigned *next)
{
	struct seen_frame frame;
	unsigned count = 0;
	for (; client_frame(client, &frame); count++) {
		char text[WORD + 1];
		snprintf(text, sizeof(text), "%0*u", WORD, (*next)++);
		assert_int_equal(frame.opcode, FRAME_TEXT);
		assert_memory_equal(frame.data, text, WORD);
	}
	return count;
}

static void run_for(struct rig *rig, uint32_t ticks)
{
	for (uint32_t i = 0; i < ticks; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
}

static uint64_t pauses(struct rig *rig)
{
	return stats_read(&rig->workers[0].stats.rate_pauses);
}

static uint64_t refusals(struct rig *rig)
{
	return stats_read(&rig->workers[0].stats.rate_refusals);
}

/* --- without a limit ---------------------------------------------------------------------------
 */

static void test_without_a_limit_nothing_is_kept(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	unsigned next = 0;
	say_many(a, 0, 500);
	rig_run(rig);
	assert_int_equal(hear(b, &next), 500);
	assert_null(conn_extra_of(client_conn(rig, a)));
	assert_int_equal(pauses(rig), 0);
}

/* --- read no faster ----------------------------------------------------------------------------
 */

static void test_texts_come_at_their_rate_and_none_is_lost(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	unsigned next = 0;
	limit(rig, 4, 0);
	say_many(a, 0, 100);
	rig_run(rig);
	assert_in_range(hear(b, &next), 20, 20 + LOOKED_AT);
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	for (unsigned seconds = 1; next < 100; seconds++) {
		assert_in_range(seconds, 1, 20);
		run_for(rig, SECOND);
		hear(b, &next);
		assert_in_range(next, 20 + 3 * seconds < 100 ? 20 + 3 * seconds : 100,
			20 + 4 * seconds + LOOKED_AT);
	}
	/* It has said all, and has time to save up again. */
	run_for(rig, 10 * SECOND);
	assert_false(client_conn(rig, a)->flags & CONN_PACED);
	say_many(a, 100, 20);
	rig_run(rig);
	assert_int_equal(hear(b, &next), 20);
}

/* Others are not held back for it, and neither is what it gets. */
static void test_only_who_says_too_much_waits(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	limit(rig, 1, 0);
	say_many(a, 0, 50);
	rig_run(rig);
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	client_text(b, "hello");
	client_packet(b, PACKET_PING, NULL, 0);
	rig_run(rig);
	expect_text(a, "hello -- FROM b");
	assert_false(client_conn(rig, b)->flags & CONN_PACED);
	limit(rig, 0, 0);
	run_for(rig, SECOND + 1);
	assert_false(client_conn(rig, a)->flags & CONN_PACED);
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), 52);
}

/* The shortest of frames: more of them lie in a read than may be said, and are owed for. */
static void test_the_shortest_messages(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	rig_login(rig, 0, "b")->deaf = false;
	static uint8_t flood[6 * 20000];
	size_t len = 0;
	while (len + 6 <= sizeof(flood)) {
		len += make_frame(flood + len, FRAME_TEXT, NULL, 0);
	}
	limit(rig, 100, 0);
	client_write(a, flood, len);
	rig_run(rig);
	const uint64_t at_once = stats_read(&rig->workers[0].stats.messages_in);
	assert_in_range(at_once, 500, 1500);
	run_for(rig, 20 * SECOND);
	const uint64_t later = stats_read(&rig->workers[0].stats.messages_in) - at_once;
	assert_in_range(later, 1000, 2500);
}

static void test_bytes_have_a_rate_too(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	static char large[8001];
	struct seen_frame frame;
	memset(large, 'x', sizeof(large) - 1);
	limit(rig, 0, 1000);
	/* As much as 5 s are worth is left, and of a message that has begun nothing is held back.
	 */
	client_text(a, large);
	rig_run(rig);
	assert_true(client_frame(b, &frame));
	assert_int_equal(frame.len, 8000 + strlen(" -- FROM a"));
	/* Of the next nothing is read for 3 s, but for the looks. */
	client_text(a, large);
	run_for(rig, 2 * SECOND);
	assert_false(client_frame(b, &frame));
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	run_for(rig, 2 * SECOND);
	assert_true(client_frame(b, &frame));
}

/* --- heartbeats --------------------------------------------------------------------------------
 */

static void test_heartbeats_are_free(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	limit(rig, 1, 100);
	for (int i = 0; i < 100; i++) {
		client_send(a, FRAME_PING, "?", 1);
		client_packet(a, PACKET_PING, "?", 1);
	}
	rig_run(rig);
	for (int i = 0; i < 100; i++) {
		expect_frame(a, FRAME_PONG, "?", 1);
		expect_frame(a, FRAME_BINARY, "\0\x65\0\0\0\x01?", 7);
	}
	assert_null(conn_extra_of(client_conn(rig, a)));
	assert_int_equal(pauses(rig), 0);
}

static void test_a_heartbeat_is_seen_within_a_second(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	static char large[60001];
	memset(large, 'x', sizeof(large) - 1);
	limit(rig, 0, 1000);
	client_text(a, large); /* for which it owes a minute */
	rig_run(rig);
	for (int i = 0; i < 20; i++) {
		client_send(a, FRAME_PING, "1", 1);
		rig_run(rig);
		run_for(rig, SECOND);
		expect_frame(a, FRAME_PONG, "1", 1);
	}
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), 1);
}

/* Who is not listened to is not silent, whatever he sends. */
static void test_the_read_deadline_waits(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	static char large[60001];
	memset(large, 'x', sizeof(large) - 1);
	limit(rig, 0, 100);
	client_text(a, large);
	rig_run(rig);
	client_text(a, large); /* of which no frame is complete for long */
	run_for(rig, 200 * SECOND);
	assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), 1);
}

/* --- tidegate.v1 -------------------------------------------------------------------------------
 */

static void test_a_say_too_many_is_refused_at_once(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = v1_login(rig, 0, "b");
	limit(rig, 2, 0);
	for (uint32_t id = 1; id <= 30; id++) {
		v1_say(a, id, "@b", "hello, this is a say like any other");
	}
	rig_run(rig);
	for (uint32_t id = 1; id <= 30; id++) {
		v1_expect_answer(a, id, id <= 10 ? PACKET_DONE : PACKET_BUSY, id <= 10 ? 1 : 0);
	}
	for (int i = 0; i < 10; i++) {
		v1_expect_message(b, "a", "@b", "hello, this is a say like any other");
	}
	expect_nothing(b);
	assert_int_equal(refusals(rig), 20);
	/* What was refused did not count: after a second it may say two. */
	run_for(rig, SECOND);
	for (uint32_t id = 31; id <= 33; id++) {
		v1_say(a, id, "@b", "hi");
	}
	rig_run(rig);
	v1_expect_answer(a, 31, PACKET_DONE, 1);
	v1_expect_answer(a, 32, PACKET_DONE, 1);
	v1_expect_answer(a, 33, PACKET_BUSY, 0);
}

/* A room that was asked for is asked for once: it counts, and is not refused. */
static void test_rooms_are_not_refused(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	char room[16];
	limit(rig, 1, 0);
	for (uint32_t id = 1; id <= 20; id++) {
		snprintf(room, sizeof(room), "room%u", id);
		v1_ask_to_join(a, id, 0, room);
	}
	rig_run(rig);
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	run_for(rig, 10 * SECOND);
	for (uint32_t id = 1; id <= 20; id++) {
		v1_expect_answer(a, id, PACKET_DONE, 1);
	}
	assert_int_equal(refusals(rig), 0);
}

/* What cannot be refused is held back as it is for a classic session. */
static void test_texts_of_v1_have_their_rate(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	unsigned next = 0;
	limit(rig, 4, 0);
	say_many(a, 0, 300);
	rig_run(rig);
	assert_in_range(hear(b, &next), 20, 20 + 1024 / FRAME + LOOKED_AT);
	for (unsigned seconds = 1; seconds <= 20; seconds++) {
		run_for(rig, SECOND);
		hear(b, &next);
		assert_in_range(next, 0, 20 + (4 + LOOKED_AT) * seconds + 1024 / FRAME + LOOKED_AT);
	}
}

static void test_refusals_have_a_rate_too(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	static uint8_t flood[2500 * 64];
	size_t len = 0;
	for (uint32_t id = 1; len + 64 <= sizeof(flood); id++) {
		uint8_t packet[64];
		const struct say_packet say = {
			.id = id, .audience = SLICE("@a"), .text = SLICE("hello, this is a say")};
		uint8_t *end = say_packet_write(packet + PACKET_HEADER_LEN, &say);
		packet_header_write(
			packet, PACKET_SAY, (uint32_t)(end - packet) - PACKET_HEADER_LEN);
		len += make_frame(flood + len, FRAME_BINARY, packet, (size_t)(end - packet));
	}
	limit(rig, 1, 0);
	client_write(a, flood, len);
	rig_run(rig);
	assert_in_range(refusals(rig), 245, 450);
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	const uint64_t before = refusals(rig);
	run_for(rig, 10 * SECOND);
	assert_in_range(refusals(rig) - before, 100, 1000);
}

/* --- ends --------------------------------------------------------------------------------------
 */

/* Limits messages to 1000 bytes: more than that in the kernel is too much. */
static void limit_messages(struct rig *rig)
{
	struct conns_limits limits = rig_conns(rig, 0)->limits;
	limits.max_message = 1000;
	conns_set_limits(rig_conns(rig, 0), &limits);
	limit(rig, 1, 0);
}

static void test_who_never_listens_is_sent_away(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	limit_messages(rig);
	say_many(a, 0, 400);
	rig_run(rig);
	run_for(rig, 59 * SECOND);
	assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
	run_for(rig, 3 * SECOND);
	expect_close(a, 1013, "retry_ms=");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVER_RATE), 1);
	client_send(a, FRAME_CLOSE, "\x03\xf5", 2);
	rig_run(rig);
	assert_null(client_conn(rig, a));
}

/* A minute in one go, not one in pieces. */
static void test_who_stops_in_time_stays(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	limit_messages(rig);
	for (int i = 0; i < 4; i++) {
		say_many(a, 0, 40);
		rig_run(rig);
		run_for(rig, 50 * SECOND);
		assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
		run_for(rig, (i % 2) * 30 * SECOND);
	}
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), 160);
}

static void test_one_that_waits_can_end(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_connect_tcp(rig, 0);
	limit(rig, 1, 0);
	client_request(b, "/?user=b");
	rig_run(rig);
	say_many(a, 0, 30);
	say_many(b, 0, 30);
	rig_run(rig);
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	assert_true(client_conn(rig, b)->flags & CONN_PACED);
	/* A kicked one is listened to again: its Close ends it, not the deadline. */
	rig_login(rig, 0, "a");
	struct seen_frame frame = {0};
	while (frame.opcode != FRAME_CLOSE) {
		assert_true(client_frame(a, &frame));
	}
	client_send(a, FRAME_CLOSE, "\x0f\xa1", 2);
	rig_run(rig);
	assert_null(client_conn(rig, a));
	/* Who is gone is gone when what he said is out. */
	client_reset(b);
	run_for(rig, 30 * SECOND);
	assert_null(client_conn(rig, b));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 1);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_RESET), 1);
}

/* What came before the end is read to its Close, which nothing announces any more. */
static void test_one_that_waits_has_said_its_close(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_connect_tcp(rig, 0);
	limit(rig, 1, 0);
	client_request(a, "/?user=a");
	rig_run(rig);
	say_many(a, 0, 30);
	client_send(a, FRAME_CLOSE, "\x03\xe8", 2);
	rig_run(rig);
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	rig_login(rig, 0, "a");
	run_for(rig, 2);
	assert_null(client_conn(rig, a));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 1);
}

/* However much it has said, it is not there for long when it has gone. */
static void test_one_that_has_gone_goes(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_connect_tcp(rig, 0);
	limit(rig, 1, 0);
	client_request(a, "/?user=a");
	rig_run(rig);
	say_many(a, 0, 300);
	rig_run(rig);
	client_reset(a);
	run_for(rig, 59 * SECOND);
	assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
	run_for(rig, 3 * SECOND);
	assert_null(client_conn(rig, a));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVER_RATE), 1);
}

/* The looks at who says too much are no way to say more. */
static void check_low_rate(struct rig *rig, struct client *a)
{
	static uint8_t flood[6 * 10000];
	size_t len = 0;
	while (len + 6 <= sizeof(flood)) {
		len += make_frame(flood + len, FRAME_TEXT, NULL, 0);
	}
	limit(rig, 1, 0);
	client_write(a, flood, len);
	rig_run(rig);
	const uint64_t at_once = stats_read(&rig->workers[0].stats.messages_in);
	assert_in_range(at_once, 5, 100);
	run_for(rig, 20 * SECOND);
	assert_in_range(stats_read(&rig->workers[0].stats.messages_in) - at_once, 20, 200);
}

static void test_a_low_rate_is_kept(void **state)
{
	check_low_rate(*state, rig_login(*state, 0, "a"));
}

static void test_a_low_rate_is_kept_by_v1(void **state)
{
	check_low_rate(*state, v1_login(*state, 0, "a"));
}

/* Nor is what comes along with the request. */
static void test_what_lies_behind_the_head(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_connect_tcp(rig, 0);
	static uint8_t bytes[8192];
	static const char head[] = "GET /?user=a HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
				   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
				   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
	size_t len = sizeof(head) - 1;
	memcpy(bytes, head, len);
	while (len + 6 <= sizeof(bytes)) {
		len += make_frame(bytes + len, FRAME_TEXT, NULL, 0);
	}
	limit(rig, 1, 0);
	client_write(a, bytes, len);
	rig_run(rig);
	assert_in_range(stats_read(&rig->workers[0].stats.messages_in), 5, 200);
}

/* Free are those that are judged, and nobody judges here. */
static void test_tokens_without_need_count(void **state)
{
	struct rig *rig = *state;
	struct client *a = v1_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	static char large[1001];
	memset(large, 'x', sizeof(large) - 1);
	limit(rig, 0, 1000);
	for (int i = 0; i < 10; i++) {
		client_packet(a, PACKET_TOKEN, large, sizeof(large) - 1);
		client_packet(b, PACKET_TOKEN, large, sizeof(large) - 1);
	}
	rig_run(rig);
	assert_true(client_conn(rig, a)->flags & CONN_PACED);
	assert_true(client_conn(rig, b)->flags & CONN_PACED);
}

#define CASE(name) RIG_CASE(name, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_without_a_limit_nothing_is_kept),
		CASE(test_texts_come_at_their_rate_and_none_is_lost),
		CASE(test_only_who_says_too_much_waits),
		CASE(test_the_shortest_messages),
		CASE(test_bytes_have_a_rate_too),
		CASE(test_heartbeats_are_free),
		CASE(test_a_heartbeat_is_seen_within_a_second),
		CASE(test_the_read_deadline_waits),
		CASE(test_a_say_too_many_is_refused_at_once),
		CASE(test_rooms_are_not_refused),
		CASE(test_texts_of_v1_have_their_rate),
		CASE(test_refusals_have_a_rate_too),
		CASE(test_who_never_listens_is_sent_away),
		CASE(test_who_stops_in_time_stays),
		CASE(test_one_that_waits_can_end),
		CASE(test_one_that_waits_has_said_its_close),
		CASE(test_one_that_has_gone_goes),
		CASE(test_a_low_rate_is_kept),
		CASE(test_a_low_rate_is_kept_by_v1),
		CASE(test_what_lies_behind_the_head),
		CASE(test_tokens_without_need_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
