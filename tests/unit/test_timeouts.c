#include "conn_rig.h"

#include "../../server/conn/timeouts.h"

/* Fills the gateway's queue for a client that does not read. */
static void stall(struct rig *rig, struct client *client, struct client *sender)
{
	static char text[8192];
	memset(text, 'x', sizeof(text) - 1);
	client->deaf = true;
	for (int i = 0; i < 64 && !client_conn(rig, client)->tx; i++) {
		client_text(sender, text);
		rig_run(rig);
	}
	assert_non_null(client_conn(rig, client)->tx);
}

/* The tick after which the client has been sent anything, or been cut off. */
static uint32_t ticks_until_heard(struct rig *rig, struct client *client, uint32_t most)
{
	for (uint32_t ticks = 1; ticks <= most; ticks++) {
		rig_pass(rig, 1);
		rig_run(rig);
		if (client_pump(client) || client->in_len > client->in_at || client->at_end) {
			return ticks;
		}
	}
	return 0;
}

static void test_handshake_deadline(void **state)
{
	struct rig *rig = *state;
	struct client *silent = rig_connect(rig, 0, 0, false);
	struct client *slow = rig_connect(rig, 0, 0, false);
	client_write(slow, "GET / HT", 8);
	rig_run(rig);
	/* A tick more than five seconds at the least, two ticks at the most. */
	rig_pass(rig, loop_ticks(5000));
	rig_run(rig);
	client_pump(silent);
	assert_false(silent->at_end);
	client_write(slow, "TP", 2); /* changes nothing */
	assert_in_range(ticks_until_heard(rig, silent, 10), 1, 3);
	assert_int_equal(client_status(slow), 408);
	rig_run(rig);
	expect_nothing(silent);
	assert_true(silent->at_end);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HANDSHAKE_TIMEOUT), 2);
}

static void test_read_deadline_is_renewed_by_frames_only(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	uint32_t read = rig_conns(rig, 0)->limits.deadlines.read;

	rig_pass(rig, read - 1);
	client_send(a, FRAME_PONG, NULL, 0);
	client_write(b, "\x81", 1); /* of an unfinished frame */
	rig_run(rig);
	uint32_t ticks = ticks_until_heard(rig, b, read);
	assert_in_range(ticks, 2, 5); /* never early, within a second after */
	expect_close(b, 3008, "i/o timeout");
	ticks += ticks_until_heard(rig, a, 2 * read);
	assert_in_range(ticks, read + 1, read + 4);
	expect_close(a, 3008, "i/o timeout");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 2);
	/* Who does not answer the Close is reset after the close deadline. */
	rig_pass(rig, loop_ticks(5000));
	rig_run(rig);
	assert_non_null(client_conn(rig, a));
	rig_pass(rig, 3);
	rig_run(rig);
	assert_null(client_conn(rig, a));
}

/* After the process was stopped for a while, everybody's heartbeat waits in the sockets. */
static void test_what_waits_unread_is_heard_before_the_deadline_counts(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *a = rig_login(rig, 0, "a");
	struct client *half = rig_connect(rig, 0, 0, false);
	client_write(half, "GET /?user=h HT", 15);
	rig_run(rig);
	client_packet(a, PACKET_PING, NULL, 0);
	client_write(half, "TP/1.1\r\n", 8);
	rig_pass(rig, conns->limits.deadlines.read + 100);
	/* The wheel comes first, as it does when one wait cannot bring all events. */
	timeouts_tick(conns, 1024);
	rig_run(rig);
	expect_frame(a, FRAME_BINARY, "\0\x65\0\0\0\0", 6);
	rig_pass(rig, 1);
	rig_run(rig);
	expect_nothing(a);
	assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
	/* The head is late all the same once it has been read. */
	assert_int_equal(client_status(half), 408);
}

/* A byte of a head, and of a frame, that comes ahead of each look: it tells of no more than that
 * its peer lives on. */
static void test_bytes_timed_at_ticks_put_off_little(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *half = rig_connect(rig, 0, 0, false);
	struct client *a = rig_login(rig, 0, "a");
	uint32_t cursor = 0;
	conns->limits.deadlines.read = conns->limits.deadlines.handshake;
	assert_false(timeouts_sweep(conns, &cursor, 15));
	client_write(half, "GET /?user=", 11);
	client_write(a, "\x81\xfe\x7f\xff", 4);
	rig_run(rig);
	rig_pass(rig, conns->limits.deadlines.read);
	rig_run(rig);
	assert_int_equal(stats_read(&conns->stats->closes_out), 0);
	for (int tick = 0; tick < 8; tick++) {
		rig_pass(rig, 1);
		client_write(half, "x", 1);
		client_write(a, "x", 1);
		timeouts_tick(conns, 1024);
		rig_run(rig);
	}
	assert_int_equal(client_status(half), 408);
	expect_close(a, 3008, "i/o timeout");
}

static void test_ping_interval(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	conns->limits.deadlines.ping = 40;
	struct client *a = rig_login(rig, 0, "a");
	assert_in_range(ticks_until_heard(rig, a, 60), 41, 44);
	expect_frame(a, FRAME_PING, NULL, 0);
	assert_in_range(ticks_until_heard(rig, a, 60), 41, 44);
	expect_frame(a, FRAME_PING, NULL, 0);
	client_send(a, FRAME_PONG, NULL, 0);
	rig_run(rig);
	assert_in_range(ticks_until_heard(rig, a, 60), 41, 44);
	expect_frame(a, FRAME_PING, NULL, 0);
	/* The Pong has renewed the read deadline, Pings do not. */
	uint32_t left = conns->limits.deadlines.read - 42;
	for (uint32_t ticks = 0; ticks < left; ticks += 20) {
		rig_pass(rig, 20);
		rig_run(rig);
	}
	struct seen_frame frame = {0};
	while (client_frame(a, &frame) && frame.opcode == FRAME_PING) {
	}
	rig_pass(rig, 30);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 1);
}

/* A Ping of ours is due for a peer whose socket is full. */
static void test_ping_of_a_stalled_connection(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	conns->limits.deadlines.ping = 8;
	conns->limits.deadlines.write = 1000;
	struct client *a = rig_login_with(rig, 0, "a", 4096);
	struct client *b = rig_login(rig, 0, "b");
	stall(rig, a, b);
	for (int i = 0; i < 12; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	a->deaf = false;
	rig_run(rig);
	struct seen_frame frame = {0};
	int pings = 0;
	while (client_frame(a, &frame)) {
		pings += frame.opcode == FRAME_PING;
	}
	assert_int_equal(pings, 1);
	assert_null(client_conn(rig, a)->tx);
	assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
}

static void test_write_deadline(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login_with(rig, 0, "a", 4096);
	struct client *b = rig_login(rig, 0, "b");
	uint32_t write = rig_conns(rig, 0)->limits.deadlines.write;
	stall(rig, a, b);
	for (uint32_t i = 0; i <= write; i++) {
		assert_int_equal(rig_ends(rig, CLOSE_REASON_WRITE_TIMEOUT), 0);
		rig_pass(rig, 1);
		rig_run(rig);
	}
	for (uint32_t i = 0; i < 8; i++) {
		rig_pass(rig, 1);
		rig_run(rig);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_WRITE_TIMEOUT), 1);
	/* What it had begun to take, then the Close. */
	a->deaf = false;
	rig_run(rig);
	struct seen_frame frame = {0};
	do {
		assert_true(client_frame(a, &frame));
	} while (frame.opcode == FRAME_TEXT);
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.data[0] << 8 | frame.data[1], 1013);
	assert_memory_equal(frame.data + 2, "retry_ms=", 9);
	expect_nothing(a);
}

static void test_who_reads_slowly_but_reads_is_kept(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login_with(rig, 0, "a", 4096);
	struct client *b = rig_login(rig, 0, "b");
	uint32_t write = rig_conns(rig, 0)->limits.deadlines.write;
	stall(rig, a, b);
	for (int i = 0; i < 10; i++) {
		char scrap[4096];
		rig_pass(rig, write / 2);
		rig_run(rig);
		client_send(a, FRAME_PONG, NULL, 0);
		client_text(b, "more");
		ssize_t len = recv(a->fd, scrap, sizeof(scrap), MSG_DONTWAIT);
		assert_true(len > 0);
		stall(rig, a, b);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_WRITE_TIMEOUT), 0);
	assert_int_equal(client_conn(rig, a)->state, CONN_LIVE);
}

static void test_shortened_deadlines_are_swept_lengthened_ones_seen_later(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *clients[20];
	char name[8];
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "u%d", i);
		clients[i] = rig_login(rig, 0, name);
	}
	conns->limits.deadlines.read = 20;
	uint32_t cursor = 0;
	assert_true(timeouts_sweep(conns, &cursor, 15));
	assert_false(timeouts_sweep(conns, &cursor, 15));
	rig_pass(rig, 21);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 0);
	/* Lengthened before it has passed: the wheel asks again and finds the later one. */
	conns->limits.deadlines.read = 40;
	rig_pass(rig, 10);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 0);
	assert_int_equal(ticks_until_heard(rig, clients[0], 20), 42 - 31);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 20);
}

#define CASE(name) RIG_CASE(name, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_handshake_deadline),
		CASE(test_read_deadline_is_renewed_by_frames_only),
		CASE(test_what_waits_unread_is_heard_before_the_deadline_counts),
		CASE(test_bytes_timed_at_ticks_put_off_little),
		CASE(test_ping_interval),
		CASE(test_ping_of_a_stalled_connection),
		CASE(test_write_deadline),
		CASE(test_who_reads_slowly_but_reads_is_kept),
		CASE(test_shortened_deadlines_are_swept_lengthened_ones_seen_later),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
