#include "conn_rig.h"

#include "../../server/conn/reader.h"

static void test_frames_right_behind_the_head(void **state)
{
	struct rig *rig = *state;
	struct client *b = rig_login(rig, 0, "b");
	struct client *a = rig_connect(rig, 0, 0, false);
	char bytes[1024];
	size_t len = make_request("/?user=a", bytes);
	len += make_frame((uint8_t *)bytes + len, FRAME_PING, "1", 1);
	len += make_frame((uint8_t *)bytes + len, FRAME_TEXT, "at once", 7);
	client_write(a, bytes, len);
	rig_run(rig);
	assert_int_equal(client_status(a), 101);
	expect_frame(a, FRAME_PONG, "1", 1);
	expect_text(b, "at once -- FROM a");
}

/* Head and frames together, at every split and byte by byte. */
static void test_every_split(void **state)
{
	struct rig *rig = *state;
	struct client *b = rig_login(rig, 0, "b");
	uint8_t bytes[1024];
	size_t len = make_request("/?user=a", (char *)bytes);
	len += make_frame(bytes + len, FRAME_TEXT, "first", 5);
	len += make_frame(bytes + len, FRAME_PING, "2", 1);
	len += make_frame(bytes + len, FRAME_CLOSE, "\x03\xe8", 2);
	for (size_t split = 0; split <= len; split++) {
		struct client *a = rig_connect(rig, 0, 0, false);
		for (size_t at = 0; split == 0 && at < len; at++) {
			client_write(a, bytes + at, 1);
			rig_turn(rig, 0);
		}
		client_write(a, bytes, split);
		rig_run(rig);
		client_write(a, bytes + split, split ? len - split : 0);
		rig_run(rig);
		assert_int_equal(client_status(a), 101);
		expect_frame(a, FRAME_PONG, "2", 1);
		expect_close(a, 1000, "");
		expect_nothing(a);
		expect_text(b, "first -- FROM a");
		expect_nothing(b);
		assert_null(client_conn(rig, a));
		if (split != 0) {
			assert_int_equal(rig_held(rig), 0);
		}
		client_leave(a);
	}
}

/* After its FIN a peer may still read: what it has sent is answered first. */
static void test_half_close(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_connect_tcp(rig, 0);
	client_request(a, "/?user=a");
	client_packet(a, PACKET_PING, "x", 1);
	shutdown(a->fd, SHUT_WR);
	rig_run(rig);
	assert_int_equal(client_status(a), 101);
	expect_frame(a, FRAME_BINARY, "\0\x65\0\0\0\x01x", 7);
	assert_true(a->at_end);
	assert_null(client_conn(rig, a));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), 1);
	/* A Close and a FIN together are a clean end. */
	struct client *b = rig_connect_tcp(rig, 0);
	client_request(b, "/?user=b");
	client_send(b, FRAME_CLOSE, "\x03\xe8", 2);
	shutdown(b->fd, SHUT_WR);
	rig_run(rig);
	assert_int_equal(client_status(b), 101);
	expect_close(b, 1000, "");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_CLOSE), 1);
}

static void test_reset_in_mid_frame(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_connect_tcp(rig, 0);
	client_request(a, "/?user=a");
	client_write(a, "\x82\xfe\xff\xff\0\0\0\0....", 12);
	rig_run(rig);
	assert_int_equal(client_status(a), 101);
	/* What it has declared is not held, only what has come. */
	assert_in_range(rig_held_as(rig, BUDGET_MESSAGES), 1, 16384);
	client_reset(a);
	rig_run(rig);
	assert_null(client_conn(rig, a));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_RESET), 1);
	assert_int_equal(rig_held(rig), 0);
	assert_int_equal(user_table_count(rig->node.users), 0);
}

static void test_readers_are_lent(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	client_send(a, FRAME_PONG, NULL, 0);
	client_send(b, FRAME_PONG, NULL, 0);
	rig_run(rig);
	assert_int_equal(conns->reading.pool.spare_count, 1); /* one served both */
	assert_null(client_conn(rig, a)->rx);
	assert_int_equal(rig_held(rig), 0);
	client_write(a, "\x81\x85\0\0\0\0he", 8);
	client_write(b, "\x81", 1);
	rig_run(rig);
	assert_non_null(client_conn(rig, a)->rx);
	assert_non_null(client_conn(rig, b)->rx);
	assert_true(rig_held_as(rig, BUDGET_MESSAGES) > 0);
	client_write(a, "llo", 3);
	client_write(b, "\x80\0\0\0\0", 5);
	rig_run(rig);
	expect_text(a, " -- FROM b");
	expect_text(b, "hello -- FROM a");
	assert_null(client_conn(rig, a)->rx);
	assert_int_equal(client_conn(rig, a)->holder, HOLDER_NONE);
	assert_int_equal(client_conn(rig, b)->holder, HOLDER_NONE);
	assert_int_equal(rig_held_as(rig, BUDGET_MESSAGES), 0);
	assert_int_equal(conns->reading.pool.spare_count, 2);
}

/* Over the node's limit: who is in mid-message is sent away, and what it held is free at once. */
static void test_memory_limit_of_unfinished_messages(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct client *b = rig_login(rig, 0, "b");
	static uint8_t part[20000] = {0x82, 0xfe, 0xff, 0xff};
	rig->node.budget.limit = 15000;
	client_write(a, part, sizeof(part));
	rig_run(rig);
	expect_close(a, 1013, "retry_ms=");
	assert_false(budget_is_exceeded(&rig->node.budget));
	/* So that the next one does not pay for it. */
	client_write(b, part, 10);
	rig_run(rig);
	expect_nothing(b);
	assert_int_equal(client_conn(rig, b)->state, CONN_LIVE);
	rig->node.budget.limit = SIZE_MAX;
	assert_int_equal(rig_ends(rig, CLOSE_REASON_OVERLOADED), 1);
}

static void test_broken_frames_end_in_their_code(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *bytes;
		size_t len;
		uint16_t code;
	} cases[] = {
		{"\x81\x01x", 3, 1002},        /* not masked */
		{"\xc1\x80\0\0\0\0", 6, 1002}, /* reserved bit */
		{"\x83\x80\0\0\0\0", 6, 1002}, /* reserved opcode */
		{"\x80\x80\0\0\0\0", 6, 1002}, /* continues nothing */
		{"\x09\x80\0\0\0\0", 6, 1002}, /* fragmented Ping */
		{"\x81\x81\0\0\0\0\xff", 7, 1007},
		{"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0", 14, 1009},
		{"\x82\xff\0\0\0\0\0\x01\0\x01\0\0\0\0", 14, 1009}, /* 65537 */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client *a = rig_connect_tcp(rig, 0);
		client_request(a, "/?user=a");
		client_write(a, cases[i].bytes, cases[i].len);
		client_text(a, "more");
		rig_run(rig);
		assert_int_equal(client_status(a), 101);
		expect_close(a, cases[i].code, "");
		expect_nothing(a);
		/* Its FIN follows; what still comes is thrown away and no reset provoked. */
		assert_true(a->at_end && !a->was_reset);
		static const char junk[100000];
		client_write(a, junk, sizeof(junk));
		rig_run(rig);
		assert_non_null(client_conn(rig, a));
		client_leave(a);
		rig_run(rig);
		assert_null(client_conn(rig, a));
	}
	assert_int_equal(rig_held(rig), 0);
}

/* A full read buffer is no end: the ready list goes on, at most so many each time. */
static void test_flooders_take_turns(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *clients[5];
	char name[8];
	static uint8_t frame[65536 + 14];
	static uint8_t payload[65536];
	int big = 4 << 20;
	size_t len = make_frame(frame, FRAME_PING, payload, 125);
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		clients[i] = rig_login(rig, 0, name);
		setsockopt(clients[i]->fd, SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	}
	/* More than one read takes, in large pieces, of frames that ask for nothing. */
	size_t count = sizeof(frame) / len;
	frame[0] = 0x80 | FRAME_PONG;
	for (size_t i = 1; i < count; i++) {
		memcpy(frame + i * len, frame, len);
	}
	size_t sent[5] = {0};
	for (int i = 0; i < 5; i++) {
		ssize_t step;
		while (sent[i] < 2 * CONN_READ_BUFFER &&
			(step = send(clients[i]->fd, frame, count * len, MSG_DONTWAIT)) > 0) {
			assert_int_equal(step, count * len);
			sent[i] += (size_t)step;
		}
	}
	assert_true(sent[0] > CONN_READ_BUFFER);
	rig_events(rig, 0);
	assert_true(reader_read_ready(conns, 2));
	/* One that dies while it waits there is let go of, not looked for. */
	struct conn *dying = conn_table_at(conns->table, conns->reading.ready.head);
	assert_true(dying->flags & CONN_READY);
	uint32_t dead_index = dying->index;
	conn_visit_begin(conns, dying);
	conn_vanish(conns, dying, CLOSE_REASON_PEER_RESET);
	conn_visit_end(conns, dying);
	conns_reap(conns);
	/* Its record is not free as long as the list leads through it. */
	struct client *late = rig_connect(rig, 0, 0, false);
	assert_int_not_equal(handle_index(late->handle), dead_index);
	rig_run(rig);
	assert_int_equal(conns->reading.ready.head, CONN_NONE);
	struct client *later = rig_connect(rig, 0, 0, false);
	assert_int_equal(handle_index(later->handle), dead_index);
	uint64_t total = 0;
	for (int i = 0; i < 5; i++) {
		total += sent[i];
	}
	assert_in_range(stats_read(&rig->workers[0].stats.bytes_in), total - 3 * CONN_READ_BUFFER,
		total + 5 * 512);
}

/* Ends of a connection that is not read from. */
static void test_paused_ones_can_end(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *clients[3];
	struct conn *records[3];
	char name[8];
	rig->node.fanout.backlog_limit = 100;
	for (int i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		clients[i] = rig_login(rig, 0, name);
		records[i] = client_conn(rig, clients[i]);
		client_text(clients[i], ".");
	}
	rig_run(rig);
	rig->node.fanout.backlog = 1000; /* as if another worker were far behind */
	rig_turn(rig, 0);
	for (int i = 0; i < 3; i++) {
		client_text(clients[i], "held back");
	}
	rig_turn(rig, 0);
	for (int i = 0; i < 3; i++) {
		assert_true(records[i]->flags & CONN_PAUSED);
	}
	/* One is kicked, and answers although nobody listens; one is kicked and does not answer. */
	for (int i = 0; i < 2; i++) {
		conn_visit_begin(conns, records[i]);
		conn_close(conns, records[i], CLOSE_REASON_KICKED, 0);
		conn_visit_end(conns, records[i]);
	}
	client_send(clients[0], FRAME_CLOSE, "\x0f\xa1", 2);
	rig_turn(rig, 0);
	rig_pass(rig, loop_ticks(5000) + 3);
	rig_turn(rig, 0);
	assert_null(client_conn(rig, clients[0]));
	assert_null(client_conn(rig, clients[1]));
	/* Their records are still on the list. */
	struct client *fresh = rig_connect(rig, 0, 0, false);
	assert_int_equal(handle_index(fresh->handle), 3);
	rig->node.fanout.backlog = 0;
	rig_run(rig);
	assert_false(records[2]->flags & CONN_PAUSED);
	assert_int_equal(records[2]->state, CONN_LIVE);
	fresh = rig_connect(rig, 0, 0, false);
	assert_in_range(handle_index(fresh->handle), 0, 1);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 2);
	assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), 5);
}

/* A kicked one that was paused is listened to again: its Close ends it, not the deadline. */
static void test_paused_ones_that_are_closing_are_heard(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	client_text(a, ".");
	rig_run(rig);
	rig->node.fanout.backlog_limit = 100;
	rig->node.fanout.backlog = 1000;
	rig_turn(rig, 0);
	client_text(a, "held back");
	rig_turn(rig, 0);
	assert_true(client_conn(rig, a)->flags & CONN_PAUSED);
	rig_login(rig, 0, "a");
	expect_close(a, 4001, "kicked");
	client_send(a, FRAME_CLOSE, "\x0f\xa1", 2);
	rig_run(rig);
	rig->node.fanout.backlog = 0;
	assert_null(client_conn(rig, a));
	client_pump(a);
	assert_true(a->at_end);
}

#define CASE(name) RIG_CASE(name, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_frames_right_behind_the_head),
		CASE(test_every_split),
		CASE(test_half_close),
		CASE(test_reset_in_mid_frame),
		CASE(test_readers_are_lent),
		CASE(test_memory_limit_of_unfinished_messages),
		CASE(test_broken_frames_end_in_their_code),
		CASE(test_flooders_take_turns),
		CASE(test_paused_ones_can_end),
		CASE(test_paused_ones_that_are_closing_are_heard),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
