#include "../../server/session/echo.h"
#include "conn_rig.h"

static handle_t whereabouts(struct rig *rig, const char *user)
{
	struct user_session found[USER_SESSIONS_MAX];
	return user_table_find(rig->node.users, user, strlen(user), found) ? found[0].handle : 0;
}

/* Sends the request without letting anybody work. */
static struct client *ask(struct rig *rig, uint32_t worker, const char *user)
{
	char target[128];
	snprintf(target, sizeof(target), "/?user=%s", user);
	struct client *client = rig_connect(rig, worker, 0, false);
	client_request(client, target);
	return client;
}

static void expect_kicked(struct rig *rig, struct client *client)
{
	assert_int_equal(client_status(client), 101);
	expect_close(client, 4001, "kicked");
	expect_nothing(client);
	client_send(client, FRAME_CLOSE, "\x0f\xa1", 2);
	rig_run(rig);
	assert_null(client_conn(rig, client));
}

static void expect_kicked_now(struct client *client)
{
	expect_close(client, 4001, "kicked");
	expect_nothing(client);
}

static void test_newest_login_wins(void **state)
{
	struct rig *rig = *state;
	struct client *first = ask(rig, 0, "a");
	rig_events(rig, 0);
	assert_int_equal(whereabouts(rig, "a"), first->handle);
	struct client *second = ask(rig, 1, "a");
	rig_events(rig, 1);
	/* In one step, before the old one knows. */
	assert_int_equal(whereabouts(rig, "a"), second->handle);
	assert_int_equal(client_conn(rig, first)->state, CONN_LIVE);
	rig_run(rig);
	expect_kicked(rig, first);
	assert_int_equal(whereabouts(rig, "a"), second->handle);
	assert_int_equal(user_table_count(rig->node.users), 1);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 1);
	client_leave(second);
	rig_run(rig);
	assert_int_equal(whereabouts(rig, "a"), 0);
}

/* Three logins before any kick is delivered, in all orders of delivery. */
static void test_chain_of_logins(void **state)
{
	struct rig *rig = *state;
	static const uint32_t orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (int i = 0; i < 6; i++) {
		struct client *clients[4];
		for (uint32_t k = 0; k < 4; k++) {
			clients[k] = ask(rig, k % 3, "a");
			rig_events(rig, k % 3);
		}
		for (int k = 0; k < 3; k++) {
			rig_turn(rig, orders[i][k]);
		}
		assert_int_equal(whereabouts(rig, "a"), clients[3]->handle);
		rig_run(rig);
		for (int k = 0; k < 3; k++) {
			expect_kicked(rig, clients[k]);
		}
		assert_int_equal(client_conn(rig, clients[3])->state, CONN_LIVE);
		assert_int_equal(user_table_count(rig->node.users), 1);
		client_leave(clients[3]);
		rig_run(rig);
		assert_int_equal(user_table_count(rig->node.users), 0);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 18);
}

/* Accepted, and nothing said yet. */
static void say_who(struct client *client, const char *user)
{
	char target[128];
	snprintf(target, sizeof(target), "/?user=%s", user);
	client_request(client, target);
}

/* Whose request waited while a newer one was read. */
static void test_read_later_is_not_newer(void **state)
{
	struct rig *rig = *state;
	struct client *early = rig_connect(rig, 0, 0, false);
	struct client *late = rig_login(rig, 1, "a");
	say_who(early, "a");
	rig_run(rig);
	assert_int_equal(client_status(early), 101);
	expect_close(early, 1013, "retry_ms=1000");
	expect_nothing(early);
	expect_nothing(late);
	assert_int_equal(whereabouts(rig, "a"), late->handle);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SUPERSEDED), 1);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 0);
	assert_int_equal(stats_read(&rig->workers[0].stats.logins), 0);
	/* It comes back, as it was told, and is the newest then. */
	struct client *again = rig_login(rig, 0, "a");
	expect_kicked_now(late);
	assert_int_equal(whereabouts(rig, "a"), again->handle);
}

/* Three lines, accepted one after the other on three workers, read in every order. */
static void test_all_orders_of_reading(void **state)
{
	struct rig *rig = *state;
	static const uint32_t orders[6][3] = {
		{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	for (int i = 0; i < 6; i++) {
		struct client *clients[3];
		uint32_t newest = 0;
		bool has_lost[3] = {false};
		for (uint32_t k = 0; k < 3; k++) {
			clients[k] = rig_connect(rig, k, 0, false);
		}
		for (int k = 0; k < 3; k++) {
			uint32_t which = orders[i][k];
			say_who(clients[which], "a");
			rig_events(rig, which);
			has_lost[which] = which < newest;
			newest = which > newest ? which : newest;
			assert_int_equal(whereabouts(rig, "a"), clients[newest]->handle);
		}
		rig_run(rig);
		for (uint32_t k = 0; k < 3; k++) {
			assert_int_equal(client_status(clients[k]), 101);
			if (has_lost[k]) {
				expect_close(clients[k], 1013, "retry_ms=1000");
			} else if (k < 2) {
				expect_close(clients[k], 4001, "kicked");
			}
			expect_nothing(clients[k]);
		}
		assert_int_equal(whereabouts(rig, "a"), clients[2]->handle);
		assert_int_equal(user_table_count(rig->node.users), 1);
		for (uint32_t k = 0; k < 3; k++) {
			client_leave(clients[k]);
		}
		rig_run(rig);
	}
}

static void test_who_has_hung_up_kicks_nobody(void **state)
{
	struct rig *rig = *state;
	struct client *in = rig_login(rig, 0, "a");
	struct client *gone = ask(rig, 1, "a");
	client_leave(gone);
	struct client *broken = rig_connect_tcp(rig, 1);
	say_who(broken, "a");
	client_reset(broken);
	/* One that only has no more to say is told. */
	struct client *half = rig_connect_tcp(rig, 1);
	say_who(half, "a");
	client_text(half, "one last word");
	shutdown(half->fd, SHUT_WR);
	rig_run(rig);
	assert_int_equal(client_status(half), 101);
	expect_close(half, 1013, "retry_ms=1000");
	assert_true(half->at_end);
	expect_nothing(in);
	assert_int_equal(whereabouts(rig, "a"), in->handle);
	assert_int_equal(
		rig_ends(rig, CLOSE_REASON_PEER_EOF) + rig_ends(rig, CLOSE_REASON_PEER_RESET), 3);
	assert_int_equal(stats_read(&rig->workers[1].stats.logins), 0);
	assert_int_equal(user_table_count(rig->node.users), 1);
}

/* Who says it all at once and hangs up is heard, where it replaces nobody. */
static void test_one_shot(void **state)
{
	struct rig *rig = *state;
	struct client *b = rig_login(rig, 0, "b");
	struct client *shot = rig_connect_tcp(rig, 1);
	say_who(shot, "a");
	client_text(shot, "backup done");
	shutdown(shot->fd, SHUT_WR);
	rig_run(rig);
	assert_int_equal(client_status(shot), 101);
	expect_text(b, "backup done -- FROM a");
	assert_true(shot->at_end);
}

/* Two that take no kick for an answer, on two workers. Returns who is in. */
static struct client *duel(struct rig *rig, struct client *in, int kicks)
{
	for (int i = 0; i < kicks; i++) {
		struct client *next = rig_login(rig, (in->worker + 1) % 2, "a");
		expect_kicked_now(in);
		client_leave(in);
		in = next;
	}
	return in;
}

static uint32_t expect_braked(struct rig *rig, uint32_t worker)
{
	struct client *client = rig_login(rig, worker, "a");
	struct seen_frame frame = {0};
	assert_true(client_frame(client, &frame));
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.data[0] << 8 | frame.data[1], 1013);
	char reason[64] = "";
	memcpy(reason, frame.data + 2, frame.len - 2);
	assert_memory_equal(reason, "retry_ms=", 9);
	expect_nothing(client);
	client_leave(client);
	return (uint32_t)atoi(reason + 9);
}

static void duel_of_others(struct rig *rig)
{
	struct client *old = rig_login(rig, 0, "b");
	struct client *fresh = rig_login(rig, 1, "b");
	expect_kicked_now(old);
	expect_nothing(fresh);
}

static void test_a_duel_is_braked(void **state)
{
	struct rig *rig = *state;
	user_table_set_kick_limit(rig->node.users, 20);
	struct client *in = duel(rig, rig_login(rig, 0, "a"), 20);
	uint32_t seen_ms[8];
	bool differ = false;
	for (uint32_t i = 0; i < 8; i++) {
		seen_ms[i] = expect_braked(rig, i % 3);
		assert_in_range(seen_ms[i], 2000, 10000);
		differ |= seen_ms[i] != seen_ms[0];
	}
	assert_true(differ);
	/* Near the end of the brake it still is 2 s, for nobody counts milliseconds. */
	rig_pass(rig, loop_ticks(9500));
	rig_run(rig);
	assert_in_range(expect_braked(rig, 1), 2000, 10000);
	expect_nothing(in);
	assert_int_equal(whereabouts(rig, "a"), in->handle);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICK_DUEL), 9);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 20);
	/* Others come and go meanwhile. */
	duel_of_others(rig);
	/* Then they may go on: as often as before, and no more. */
	rig_pass(rig, loop_ticks(500));
	rig_run(rig);
	in = duel(rig, in, 20);
	expect_braked(rig, 0);
	/* A line that was silent for 15 s can be replaced. */
	rig_pass(rig, loop_ticks(15000));
	rig_run(rig);
	duel(rig, in, 1);
}

static void test_kick_for_one_that_has_gone(void **state)
{
	struct rig *rig = *state;
	/* Gone, reaped and its record used again, or gone in the same turn, before the kick comes.
	 */
	for (int is_reaped = 0; is_reaped < 2; is_reaped++) {
		struct client *old = rig_login(rig, 0, "a");
		client_leave(old);
		struct client *fresh = ask(rig, 1, "a");
		rig_events(rig, 1);
		rig_events(rig, 0);
		struct client *other = NULL;
		if (is_reaped) {
			conns_reap(rig_conns(rig, 0));
			other = ask(rig, 0, "b");
			rig_events(rig, 0);
			assert_int_equal(handle_index(other->handle), handle_index(old->handle));
		}
		assert_int_equal(rig_mail(rig, 0), 1);
		rig_run(rig);
		assert_int_equal(whereabouts(rig, "a"), fresh->handle);
		if (other) {
			assert_int_equal(client_status(other), 101);
			expect_nothing(other);
			assert_int_equal(client_conn(rig, other)->state, CONN_LIVE);
		}
		client_leave(fresh);
		rig_run(rig);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 0);
}

static void test_kick_for_one_that_is_closing(void **state)
{
	struct rig *rig = *state;
	struct client *old = rig_login(rig, 0, "a");
	struct client *fresh = ask(rig, 1, "a");
	rig_events(rig, 1);
	client_send(old, FRAME_CLOSE, "\x03\xe8", 2);
	client_send(old, FRAME_TEXT, "x", 1);
	rig_events(rig, 0);
	rig_run(rig);
	expect_close(old, 1000, "");
	expect_nothing(old);
	assert_int_equal(whereabouts(rig, "a"), fresh->handle);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_CLOSE), 1);
	/* One that has not been answered yet is still there, and no less at its end. */
	client_send(fresh, FRAME_BINARY, "?", 1);
	struct client *newest = ask(rig, 2, "a");
	rig_events(rig, 2);
	rig_events(rig, 1);
	assert_int_equal(client_conn(rig, fresh)->state, CONN_CLOSING);
	rig_run(rig);
	assert_int_equal(client_status(fresh), 101);
	expect_close(fresh, 4002, "bad packet");
	expect_nothing(fresh);
	assert_int_equal(whereabouts(rig, "a"), newest->handle);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(stats_read(&rig->workers[i].stats.kicks), 0);
	}
}

static void test_a_kick_follows_the_last_words(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	client_text(a, "last words");
	struct client *same = ask(rig, 0, "a");
	rig_run(rig);
	expect_text(b, "last words -- FROM a");
	expect_close(a, 4001, "kicked");
	assert_int_equal(client_status(same), 101);
	expect_nothing(same);
}

static void test_whoever_has_its_101_gets_what_follows(void **state)
{
	struct rig *rig = *state;
	struct client *b = rig_login(rig, 1, "b");
	struct client *a = ask(rig, 0, "a");
	rig_events(rig, 0);
	assert_int_equal(client_status(a), 101);
	client_text(b, "hello");
	rig_turn(rig, 1);
	rig_run(rig);
	expect_text(a, "hello -- FROM b");
}

static void test_packets(void **state)
{
	struct rig *rig = *state;
	struct client *b = rig_login(rig, 0, "b");
	static const struct {
		const char *packet;
		size_t len;
	} bad[] = {
		{"", 0},
		{"\0\x64\0\0\0", 5},             /* short */
		{"\0\x64\0\0\0\x01", 6},         /* less than it says */
		{"\0\x64\0\0\0\0?", 7},          /* more than it says */
		{"\0\x66\0\0\0\x02\xc3\x28", 8}, /* no UTF-8 */
		{"\0\x66\xff\xff\xff\xff?", 7},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct client *a = rig_login(rig, 0, "a");
		client_send(a, FRAME_BINARY, bad[i].packet, bad[i].len);
		client_packet(a, PACKET_PING, NULL, 0); /* counts for nothing */
		rig_run(rig);
		expect_close(a, 4002, "bad packet");
		expect_nothing(a);
	}
	struct client *a = rig_login(rig, 0, "a");
	uint8_t pong[6 + 126] = {0, 101, 0, 0, 0, 125};
	memset(pong + 6, 'p', 126);
	client_packet(a, PACKET_PONG, "ignored", 7);
	client_packet(a, 199, "newer", 5);
	client_packet(a, 65535, NULL, 0);
	client_packet(a, PACKET_PING, NULL, 0);
	client_packet(a, PACKET_PING, pong + 6, 125);
	rig_run(rig);
	expect_frame(a, FRAME_BINARY, "\0\x65\0\0\0\0", 6);
	expect_frame(a, FRAME_BINARY, pong, 6 + 125);
	expect_nothing(a);
	assert_int_equal(stats_read(&rig->workers[0].stats.unknown_commands), 2);
	client_packet(a, PACKET_PING, pong + 6, 126);
	rig_run(rig);
	expect_close(a, 4002, "bad packet");
	expect_nothing(b);
}

static void test_bad_logins(void **state)
{
	struct rig *rig = *state;
	static const char *targets[] = {
		"/", "/?user=", "/?user=a&user=b", "/?user=%00", "/?user=%ff"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		struct client *client = rig_connect(rig, 0, 0, false);
		client_request(client, targets[i]);
		rig_run(rig);
		assert_int_equal(client_status(client), 101);
		expect_close(client, 4000, "bad login");
	}
	assert_int_equal(user_table_count(rig->node.users), 0);
	assert_int_equal(stats_read(&rig->workers[0].stats.logins), 0);
}

/* Random logins, leavings, texts and turns; at every moment that is quiet the newest has the name.
 */
static void test_random_walk(void **state)
{
	struct rig *rig = *state;
	struct client *newest[4] = {NULL};
	char name[2] = "A";
	uint32_t random = 12345;
	for (int step = 0; step < 1000; step++) {
		random = random * 1664525 + 1013904223;
		uint32_t user = random >> 28 & 3;
		uint32_t worker = (random >> 20 & 0xff) % rig->worker_count;
		name[0] = (char)('A' + user);
		switch (random >> 16 & 7) {
		case 0:
			newest[user] = ask(rig, worker, name);
			rig_events(rig, worker);
			break;
		case 1:
			if (newest[user] && newest[user]->fd >= 0) {
				client_leave(newest[user]);
			}
			break;
		case 2:
			if (newest[user] && newest[user]->fd >= 0) {
				client_text(newest[user], name);
			}
			break;
		case 3:
			rig_mail(rig, worker);
			break;
		case 4:
			fanout_publish(rig->workers[worker].fanout);
			fanout_step(rig->workers[worker].fanout, random >> 24 & 3);
			break;
		case 5:
			rig_events(rig, worker);
			conns_reap(rig_conns(rig, worker));
			break;
		case 6:
			rig_turn(rig, worker);
			break;
		default:
			if (step % 50 == 0) {
				rig_run(rig);
			}
			break;
		}
	}
	rig_run(rig);
	size_t live = 0;
	for (uint32_t user = 0; user < 4; user++) {
		name[0] = (char)('A' + user);
		bool is_there = newest[user] && newest[user]->fd >= 0;
		assert_int_equal(whereabouts(rig, name), is_there ? newest[user]->handle : 0);
		live += is_there;
	}
	assert_int_equal(user_table_count(rig->node.users), live);
	/* Each sender's texts came to each reader whole: a stream out of step would have failed. */
	for (uint32_t i = 0; i < rig->client_count; i++) {
		struct client *client = &rig->clients[i];
		struct seen_frame frame = {0};
		if (client->fd >= 0 && client_status(client) == 101) {
			while (client_frame(client, &frame)) {
				assert_true(
					frame.opcode == FRAME_TEXT || frame.opcode == FRAME_CLOSE);
			}
			expect_nothing(client);
		}
	}
}

/* The same connections, with the manners that conformance suites need. */
static void test_echo(void **state)
{
	struct rig *rig = *state;
	static uint8_t data[1 << 16];
	static const size_t sizes[] = {0, 1, 125, 126, 1023, 1024, 1025, 40000, 60000};
	memset(data, 'e', sizeof(data));
	rig_conns(rig, 0)->ops = &echo_ops;
	struct client *client = rig_connect_tcp(rig, 0);
	client_request(client, "/no?name=needed");
	rig_run(rig);
	assert_int_equal(client_status(client), 101);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t opcode = i % 2 ? FRAME_TEXT : FRAME_BINARY;
		client_send(client, opcode, data, sizes[i]);
		rig_run(rig);
		expect_frame(client, opcode, data, sizes[i]);
	}
	/* Fragments come back as one message. */
	client_write(client, "\x01\x83\0\0\0\0abc", 9);
	client_write(client, "\x89\x81\0\0\0\0p", 7);
	client_write(client, "\x80\x83\0\0\0\0def", 9);
	rig_run(rig);
	expect_frame(client, FRAME_PONG, "p", 1);
	expect_text(client, "abcdef");
	/* A large one in fragments does not lie in the read buffer. */
	uint8_t *frame = malloc(30000 + 14);
	size_t len = make_frame(frame, FRAME_BINARY, data, 30000);
	frame[0] = FRAME_BINARY;
	client_write(client, frame, len);
	rig_run(rig);
	frame[0] = 0x80;
	client_write(client, frame, len);
	free(frame);
	rig_run(rig);
	expect_frame(client, FRAME_BINARY, data, 60000);
	assert_int_equal(user_table_count(rig->node.users), 0);
}

#define CASE(name) RIG_CASE(name, 3)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_newest_login_wins),
		CASE(test_chain_of_logins),
		CASE(test_read_later_is_not_newer),
		CASE(test_all_orders_of_reading),
		CASE(test_who_has_hung_up_kicks_nobody),
		CASE(test_one_shot),
		CASE(test_a_duel_is_braked),
		CASE(test_kick_for_one_that_has_gone),
		CASE(test_kick_for_one_that_is_closing),
		CASE(test_a_kick_follows_the_last_words),
		CASE(test_whoever_has_its_101_gets_what_follows),
		CASE(test_packets),
		CASE(test_bad_logins),
		CASE(test_random_walk),
		CASE(test_echo),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
