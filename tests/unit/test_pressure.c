#include "talk_rig.h"

enum {
	FLOOD = 65536, /* what an account may hold before it is a flood's; see pressure.c */
};

/* Says so much that its account is a flood's, with `ping` behind each text. */
static void flood(struct rig *rig, struct client *client, bool ping)
{
	static char text[3001];
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 30; i++) {
		client_text(client, text);
		if (ping) {
			client_packet(client, PACKET_PING, NULL, 0);
		}
		rig_run(rig);
	}
}

static bool is_paused(struct rig *rig, const struct client *client)
{
	return client_conn(rig, client)->flags & CONN_PAUSED;
}

/* As if another worker were so far behind, or had caught up. */
static void add_backlog(struct rig *rig, size_t bytes)
{
	rig->node.fanout.backlog += bytes;
	for (uint32_t i = 0; i < rig->worker_count; i++) {
		rig_turn(rig, i);
	}
}

static void take_backlog(struct rig *rig, size_t bytes)
{
	add_backlog(rig, 0 - bytes);
}

static void test_whatever_it_says_in_between(void **state)
{
	struct rig *rig = *state;
	struct client *feeder = rig_login(rig, 0, "feeder");
	struct client *talker = rig_login(rig, 0, "talker");
	flood(rig, feeder, true);
	assert_true(client_conn(rig, feeder)->fed_bytes > FLOOD);
	size_t over = rig->node.fanout.backlog_limit + 1;
	add_backlog(rig, over);
	client_packet(feeder, PACKET_PING, NULL, 0);
	client_text(talker, "a word");
	rig_turn(rig, 0);
	assert_true(is_paused(rig, feeder));
	assert_false(is_paused(rig, talker));
	take_backlog(rig, over);
	rig_run(rig);
	assert_false(is_paused(rig, feeder));
}

static void test_accounts_are_halved_each_second(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	flood(rig, a, false);
	struct conn *conn = client_conn(rig, a);
	uint32_t fed = conn->fed_bytes;
	rig_pass(rig, 3000 / LOOP_TICK_MS);
	client_text(a, "");
	rig_run(rig);
	assert_in_range(conn->fed_bytes, fed / 8, fed / 8 + 20);
	/* When nothing is left it is nobody to look at any more. */
	rig_pass(rig, 40000 / LOOP_TICK_MS);
	client_packet(a, PACKET_PING, NULL, 0);
	rig_run(rig);
	assert_int_equal(conn->fed_bytes, 0);
	assert_false(conn->flags & CONN_FEEDER);
}

/* An empty text costs each receiver the suffix. */
static void test_bytes_count_as_they_go_out(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	client_text(a, "");
	rig_run(rig);
	assert_int_equal(client_conn(rig, a)->fed_bytes, 2 + strlen(" -- FROM a"));
}

/* Who does not read slows down floods, to a trickle for all of them, and talk not at all. */
static void test_a_lagging_receiver_slows_down_floods(void **state)
{
	struct rig *rig = *state;
	rig->workers[0].conns.outbox->queue_limit = 100000;
	struct client *deaf = rig_login_with(rig, 1, "deaf", 4096);
	struct client *reader = rig_login(rig, 0, "reader");
	struct client *feeders[2] = {rig_login(rig, 0, "f0"), rig_login(rig, 0, "f1")};
	struct client *talker = rig_login(rig, 0, "talker");
	rig_conns(rig, 1)->outbox->queue_limit = 100000;
	deaf->deaf = true;
	for (int i = 0; i < 4; i++) {
		flood(rig, feeders[i % 2], false);
	}
	assert_int_equal(rig_conns(rig, 1)->outbox->lagging_count, 1);
	assert_true(is_paused(rig, feeders[1]));
	uint64_t before = stats_read(&rig->workers[0].stats.messages_in);
	client_text(talker, "passes");
	rig_run(rig);
	assert_false(is_paused(rig, talker));
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), before + 1);
	/* A new tick, a new trickle; in the end it is given up on, and the flood goes on. */
	for (int i = 0; i < 16; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	assert_int_equal(rig_conns(rig, 1)->outbox->lagging_count, 0);
	assert_false(is_paused(rig, feeders[0]));
	assert_false(is_paused(rig, feeders[1]));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SLOW_READER), 0);
	client_text(talker, "the last straw");
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SLOW_READER), 1);
	assert_int_equal(client_conn(rig, reader)->state, CONN_LIVE);
}

/* --- in rooms ----------------------------------------------------------------------------------
 */

/* Says so many texts of 3,000 bytes to somebody. */
static void say_much(struct rig *rig, struct client *client, const char *audience, int count)
{
	static char text[3001];
	static uint8_t payload[4096];
	memset(text, 'x', sizeof(text) - 1);
	const struct say_packet say = {.audience = slice_of(audience), .text = slice_of(text)};
	for (int i = 0; i < count; i++) {
		client_packet(client, PACKET_SAY, payload,
			(uint32_t)(say_packet_write(payload, &say) - payload));
		rig_run(rig);
	}
}

/* So much that its account is a flood's. */
static void flood_to(struct rig *rig, struct client *client, const char *audience)
{
	say_much(rig, client, audience, 30);
}

static struct client *v1_login_deaf(struct rig *rig, uint32_t worker, const char *user)
{
	char target[64];
	char request[512];
	struct client *client = rig_connect(rig, worker, 4096, false);
	snprintf(target, sizeof(target), "/?user=%s", user);
	client_write(client, request,
		make_request_with(target, "Sec-WebSocket-Protocol: tidegate.v1\r\n", request));
	rig_run(rig);
	v1_expect_greeting(client, user, "");
	client->deaf = true;
	return client;
}

static struct client *member(
	struct rig *rig, uint32_t worker, const char *user, const char *room, uint32_t count)
{
	struct client *client = v1_login(rig, worker, user);
	v1_join(rig, client, room, count);
	return client;
}

/* A room where `deaf` lags for what `sick` says there, and one where all is well. */
struct two_rooms {
	struct client *deaf;
	struct client *sick;
	struct client *well;
	struct client *reader;
};

static void begin_two_rooms(struct rig *rig, struct two_rooms *two)
{
	two->deaf = v1_login_deaf(rig, 1, "deaf");
	v1_ask_to_join(two->deaf, 0, 0, "sick");
	two->sick = member(rig, 0, "s", "sick", 2);
	two->well = member(rig, 0, "w", "well", 1);
	two->reader = member(rig, 1, "r", "well", 2);
	rig_conns(rig, 1)->outbox->queue_limit = 100000;
	flood_to(rig, two->sick, "#sick");
	flood_to(rig, two->sick, "#sick");
	assert_int_equal(rig_conns(rig, 1)->outbox->lagging_count, 1);
	assert_true(is_paused(rig, two->sick));
}

/* Who does not read in one room slows down those who feed that room, and nobody in another one. */
static void test_a_lagging_room_slows_down_its_own_floods(void **state)
{
	struct rig *rig = *state;
	struct two_rooms two;
	begin_two_rooms(rig, &two);
	uint64_t before = stats_read(&rig->workers[0].stats.messages_in);
	for (int i = 0; i < 3; i++) {
		flood_to(rig, two.well, "#well");
	}
	assert_true(client_conn(rig, two.well)->fed_bytes > FLOOD);
	assert_false(is_paused(rig, two.well));
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), before + 3 * 30);
	/* To the sick room he is one of its floods, and again not when he is back in his own. */
	v1_join(rig, two.well, "sick", 3);
	say_much(rig, two.well, "#sick", 3);
	assert_true(is_paused(rig, two.well));
	say_much(rig, two.well, "#well", 3);
	for (int tick = 0; tick < 2; tick++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	flood_to(rig, two.well, "#well");
	assert_false(is_paused(rig, two.well));
	assert_int_equal(rig_conns(rig, 1)->outbox->lagging_count, 1);
}

/* What is for everybody is for whoever lags; what is for a user is for his sessions. */
static void test_other_floods_that_feed_who_lags(void **state)
{
	struct rig *rig = *state;
	struct two_rooms two;
	begin_two_rooms(rig, &two);
	struct client *to_all = rig_login(rig, 0, "to_all");
	struct client *to_deaf = v1_login(rig, 0, "to_deaf");
	struct client *to_reader = v1_login(rig, 0, "to_reader");
	flood(rig, to_all, false);
	assert_true(is_paused(rig, to_all));
	flood_to(rig, to_deaf, "@deaf");
	assert_true(is_paused(rig, to_deaf));
	flood_to(rig, to_reader, "@r");
	assert_false(is_paused(rig, to_reader));
	/* In the end it is given up on, and all go on. */
	for (int i = 0; i < 16; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	assert_int_equal(rig_conns(rig, 1)->outbox->lagging_count, 0);
	assert_false(is_paused(rig, two.sick));
	assert_false(is_paused(rig, to_all));
	assert_false(is_paused(rig, to_deaf));
}

/* Who lags takes it along from room to room. */
static void test_who_lags_comes_and_goes(void **state)
{
	struct rig *rig = *state;
	struct two_rooms two;
	begin_two_rooms(rig, &two);
	v1_ask_to_join(two.deaf, 0, 0, "well");
	v1_ask_to_leave(two.deaf, 0, "sick");
	rig_run(rig);
	flood_to(rig, two.well, "#well");
	assert_true(is_paused(rig, two.well));
	rig_pass(rig, 1);
	rig_run(rig);
	assert_false(is_paused(rig, two.sick));
	/* And out of the world. */
	client_leave(two.deaf);
	rig_run(rig);
	rig_pass(rig, 1);
	rig_run(rig);
	assert_int_equal(rig_conns(rig, 1)->outbox->lagging_count, 0);
	flood_to(rig, two.well, "#well");
	assert_false(is_paused(rig, two.well));
}

/* --- and all of them ---------------------------------------------------------------------------
 */

/* When floods wait and it is still too much, the quieter ones go on first. */
static void test_the_quieter_go_on(void **state)
{
	struct rig *rig = *state;
	struct client *loud = rig_login(rig, 0, "loud");
	struct client *quiet = rig_login(rig, 0, "quiet");
	char text[500] = "";
	memset(text, 'x', sizeof(text) - 1);
	for (int i = 0; i < 40; i++) { /* 20 KB: talk, as long as there is no hurry */
		client_text(loud, text);
	}
	client_text(quiet, "hm");
	rig_run(rig);
	size_t over = rig->node.fanout.backlog_limit + 1;
	add_backlog(rig, 2 * over);
	for (int i = 0; i < 4; i++) {
		client_text(loud, text);
		client_text(quiet, "hm");
		rig_turn(rig, 0);
		assert_true(is_paused(rig, loud));
		assert_true(is_paused(rig, quiet));
		rig_pass(rig, 1);
		rig_turn(rig, 0);
		/* For a moment they are let go. */
		take_backlog(rig, 2 * over);
		rig_run(rig);
		add_backlog(rig, 2 * over);
	}
	take_backlog(rig, over);
	client_text(loud, text);
	client_text(quiet, "hm");
	rig_turn(rig, 0);
	assert_true(is_paused(rig, loud));
	assert_false(is_paused(rig, quiet));
	take_backlog(rig, over);
	rig_run(rig);
	assert_false(is_paused(rig, loud));
}

/* Nobody's first words are read in one piece while floods wait: neither behind an opening request
 * nor from one who has not fed before. */
static void test_beginners_are_read_in_small_pieces(void **state)
{
	struct rig *rig = *state;
	static uint8_t texts[8192];
	struct client *old = rig_login(rig, 0, "old");
	struct client *fresh = rig_connect(rig, 0, 0, false);
	size_t len = 0;
	while (len < sizeof(texts) - 16) {
		len += make_frame(texts + len, FRAME_TEXT, "", 0);
	}
	size_t over = 2 * rig->node.fanout.backlog_limit + 2;
	add_backlog(rig, over);
	uint64_t before = stats_read(&rig->workers[0].stats.bytes_in);
	client_request(fresh, "/?user=fresh");
	client_write(fresh, texts, len);
	client_write(old, texts, len);
	rig_events(rig, 0);
	assert_int_equal(stats_read(&rig->workers[0].stats.bytes_in) - before, 2 * 1024);
	take_backlog(rig, over);
	rig_run(rig);
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), 2 * (len / 6));
}

/* However many begin at once, a receiver that reads is never slow. */
static void test_a_reader_is_never_cut_off(void **state)
{
	struct rig *rig = *state;
	static uint8_t texts[16000];
	struct client *beginners[60];
	struct client *reader = rig_login(rig, 1, "reader");
	size_t len = 0;
	char name[80];
	rig_conns(rig, 1)->outbox->queue_limit = 100000;
	while (len < sizeof(texts) - 16) {
		len += make_frame(texts + len, FRAME_TEXT, "", 0);
	}
	for (int i = 0; i < 60; i++) {
		beginners[i] = rig_connect(rig, 0, 0, false);
		beginners[i]->deaf = true;
		snprintf(name, sizeof(name), "/?user=%050d", i);
		client_request(beginners[i], name);
		client_write(beginners[i], texts, len);
	}
	for (int i = 0; i < 2000; i++) {
		rig_turn(rig, 0);
		rig_turn(rig, 1);
		client_pump(reader);
		rig_pass(rig, i % 10 == 0);
	}
	assert_non_null(client_conn(rig, reader));
	assert_int_equal(client_conn(rig, reader)->state, CONN_LIVE);
}

#define CASE(name) RIG_CASE(name, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_whatever_it_says_in_between),
		CASE(test_accounts_are_halved_each_second),
		CASE(test_bytes_count_as_they_go_out),
		CASE(test_a_lagging_receiver_slows_down_floods),
		CASE(test_a_lagging_room_slows_down_its_own_floods),
		CASE(test_other_floods_that_feed_who_lags),
		CASE(test_who_lags_comes_and_goes),
		CASE(test_the_quieter_go_on),
		CASE(test_beginners_are_read_in_small_pieces),
		CASE(test_a_reader_is_never_cut_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
