#include "conn_rig.h"

#include "../../server/conn/reader.h"

enum {
	BIG = 40000, /* bytes of a text that fills the small buffers used here */
};

static char *big_text(size_t len, char fill)
{
	char *text = malloc(len + 1);
	assert_non_null(text);
	memset(text, fill, len);
	text[len] = '\0';
	return text;
}

/* What a peer that did not read gets in the end: whole frames of `opcode`, then one more. */
static struct seen_frame last_frame(struct client *client, uint8_t opcode, int *ret_count)
{
	struct seen_frame frame = {0};
	*ret_count = 0;
	while (client_frame(client, &frame) && frame.opcode == opcode) {
		(*ret_count)++;
	}
	return frame;
}

static void expect_last_close(struct client *client, uint16_t code, int frames_before)
{
	int count;
	struct seen_frame frame = last_frame(client, FRAME_TEXT, &count);
	assert_int_equal(frame.opcode, FRAME_CLOSE);
	assert_int_equal(frame.data[0] << 8 | frame.data[1], code);
	assert_int_equal(count, frames_before);
	expect_nothing(client);
}

static void send_big(struct rig *rig, struct client *from, int count)
{
	char *text = big_text(BIG, 'x');
	for (int i = 0; i < count; i++) {
		client_text(from, text);
		rig_run(rig);
	}
	free(text);
}

static void test_close_follows_the_frame_under_way(void **state)
{
	struct rig *rig = *state;
	struct client *slow = rig_login_with(rig, 0, "slow", 4096);
	struct client *b = rig_login(rig, 0, "b");
	slow->deaf = true;
	send_big(rig, b, 5);
	struct conn *conn = client_conn(rig, slow);
	assert_true(conn->tx->bytes > 4 * BIG);
	rig_login(rig, 0, "slow"); /* kicks it */
	assert_int_equal(conn->state, CONN_CLOSING);
	assert_in_range(conn->tx->bytes, 10, BIG + 100);
	slow->deaf = false;
	rig_run(rig);
	expect_last_close(slow, 4001, 1);
	assert_null(conn->tx);
	/* It answers, and is gone. */
	client_send(slow, FRAME_CLOSE, "\x0f\xa1", 2);
	rig_run(rig);
	assert_null(client_conn(rig, slow));
	assert_true(slow->at_end);
	assert_false(slow->was_reset);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 1);
}

/* One frame can be larger than what may be queued: what is left of it is, and the Close behind it.
 */
static void test_close_behind_a_frame_over_the_limit(void **state)
{
	struct rig *rig = *state;
	rig_conns(rig, 0)->outbox->queue_limit = 8192;
	struct client *slow = rig_login_with(rig, 0, "slow", 4096);
	struct client *b = rig_login(rig, 0, "b");
	slow->deaf = true;
	/* However much is said in one pass: nobody is slow who was not waited for. */
	send_big(rig, b, 1);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SLOW_READER), 0);
	give_up_on(rig, slow, b);
	client_text(b, "the last straw");
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SLOW_READER), 1);
	slow->deaf = false;
	rig_run(rig);
	expect_last_close(slow, 1013, 1);
}

/* One that has been cut off is no receiver any more, and nobody to wait for. */
static void test_closing_ones_hold_nobody_back(void **state)
{
	struct rig *rig = *state;
	rig_conns(rig, 0)->outbox->queue_limit = 100000;
	struct client *slow = rig_login_with(rig, 0, "slow", 4096);
	struct client *b = rig_login(rig, 0, "b");
	struct client *c = rig_login(rig, 0, "c");
	slow->deaf = true;
	send_big(rig, b, 1); /* more than a quarter of the limit */
	assert_int_equal(rig_conns(rig, 0)->outbox->lagging_count, 1);
	client_send(slow, FRAME_BINARY, "?", 1); /* bad packet */
	client_leave(c);
	rig_run(rig);
	assert_int_equal(client_conn(rig, slow)->state, CONN_CLOSING);
	assert_non_null(client_conn(rig, slow)->tx);
	/* Only b is left to receive: a pong shows that it is read from. */
	client_packet(b, PACKET_PING, "1", 1);
	rig_run(rig);
	expect_frame(b, FRAME_BINARY,
		"\0\x65\0\0\0\x01"
		"1",
		7);
}

static void test_close_deadline_resets(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_connect_tcp(rig, 0);
	client_request(a, "/?user=a");
	rig_run(rig);
	assert_int_equal(client_status(a), 101);
	/* So that the wheel has nothing to look at before the read deadline. */
	rig_pass(rig, 100);
	rig_run(rig);
	client_send(a, FRAME_BINARY, "?", 1);
	rig_run(rig);
	expect_close(a, 4002, "bad packet");
	rig_pass(rig, loop_ticks(5000));
	rig_run(rig);
	assert_false(a->at_end);
	rig_pass(rig, 3);
	rig_run(rig);
	client_pump(a);
	assert_true(a->was_reset);
	assert_null(client_conn(rig, a));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_BAD_PACKET), 1);
}

static void test_peer_close_is_answered_with_its_code(void **state)
{
	struct rig *rig = *state;
	static const struct {
		const char *payload;
		size_t len;
		uint16_t code;
	} cases[] = {{"", 0, 0}, {"\x03\xe8", 2, 1000},
		{"\x03\xe9"
		 "going away",
			12, 1001},
		{"\x13\x87", 2, 4999}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client *a = rig_login(rig, 0, "a");
		client_send(a, FRAME_CLOSE, cases[i].payload, cases[i].len);
		client_text(a, "after the end"); /* counts for nothing */
		rig_run(rig);
		expect_close(a, cases[i].code, "");
		expect_nothing(a);
		assert_true(a->at_end);
		assert_null(client_conn(rig, a));
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_CLOSE), 4);
	/* A Close that breaks the rules. */
	struct client *a = rig_login(rig, 0, "a");
	client_send(a, FRAME_CLOSE, "\x03", 1);
	rig_run(rig);
	expect_close(a, 1002, "");
}

static void test_peer_close_while_stalled(void **state)
{
	struct rig *rig = *state;
	struct client *slow = rig_login_with(rig, 0, "slow", 4096);
	struct client *b = rig_login(rig, 0, "b");
	slow->deaf = true;
	send_big(rig, b, 3);
	client_send(slow, FRAME_CLOSE, "\x03\xe9", 2);
	rig_run(rig);
	assert_int_equal(client_conn(rig, slow)->state, CONN_CLOSING);
	slow->deaf = false;
	rig_run(rig);
	expect_last_close(slow, 1001, 1);
	assert_true(slow->at_end);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_CLOSE), 1);
}

static void test_pong_goes_ahead_and_only_the_newest(void **state)
{
	struct rig *rig = *state;
	struct client *slow = rig_login_with(rig, 0, "slow", 4096);
	struct client *b = rig_login(rig, 0, "b");
	slow->deaf = true;
	send_big(rig, b, 3);
	size_t queued = client_conn(rig, slow)->tx->bytes;
	for (int i = 0; i < 1000; i++) {
		char number[8];
		snprintf(number, sizeof(number), "%d", i);
		client_send(slow, FRAME_PING, number, strlen(number));
		rig_run(rig);
	}
	/* However many, they cost what one costs. */
	assert_int_equal(client_conn(rig, slow)->tx->bytes, queued + 5);
	slow->deaf = false;
	rig_run(rig);
	struct seen_frame frame = {0};
	assert_true(client_frame(slow, &frame));
	assert_int_equal(frame.opcode, FRAME_TEXT);
	expect_frame(slow, FRAME_PONG, "999", 3);
	assert_true(client_frame(slow, &frame));
	assert_true(client_frame(slow, &frame));
	assert_int_equal(frame.opcode, FRAME_TEXT);
	expect_nothing(slow);
	/* With nothing queued each is answered, in order. */
	client_send(slow, FRAME_PING, "one", 3);
	client_send(slow, FRAME_PING, "two", 3);
	rig_run(rig);
	expect_frame(slow, FRAME_PONG, "one", 3);
	expect_frame(slow, FRAME_PONG, "two", 3);
}

/* The owner of the record has gone from it while handles to it are still about. */
static void test_stale_handles_find_nothing(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	uint32_t index = handle_index(a->handle);
	client_leave(a);
	rig_run(rig);
	struct client *b = rig_login(rig, 0, "b");
	assert_int_equal(handle_index(b->handle), index);
	assert_int_not_equal(b->handle, a->handle);
	reader_on_events(rig_conns(rig, 0), a->handle, EPOLLIN | EPOLLHUP | EPOLLERR);
	assert_null(client_conn(rig, a));
	assert_int_equal(client_conn(rig, b)->state, CONN_LIVE);
}

static void test_the_first_reason_wins(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *a = rig_login(rig, 0, "a");
	struct conn *conn = client_conn(rig, a);
	conn_visit_begin(conns, conn);
	conn_close(conns, conn, CLOSE_REASON_DRAIN, 1234);
	conn_close(conns, conn, CLOSE_REASON_KICKED, 0);
	conn_overload(conns, conn, CLOSE_REASON_OVERLOADED);
	conn_answer_close(conns, conn, (const uint8_t[]){0x03, 0xe8}, 2);
	conn_vanish(conns, conn, CLOSE_REASON_PEER_RESET);
	conn_vanish(conns, conn, CLOSE_REASON_PEER_EOF);
	conn_visit_end(conns, conn);
	assert_int_equal(conn->reason, CLOSE_REASON_DRAIN);
	conns_reap(conns);
	expect_close(a, 1012, "retry_ms=1234");
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DRAIN), 1);
}

static void test_overload_spreads_the_return(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	uint32_t times[50];
	char name[8];
	for (uint32_t i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		struct client *client = rig_login(rig, 0, name);
		struct conn *conn = client_conn(rig, client);
		conn_visit_begin(conns, conn);
		conn_overload(conns, conn, CLOSE_REASON_OVERLOADED);
		conn_visit_end(conns, conn);
		struct seen_frame frame = {0};
		assert_true(client_frame(client, &frame));
		char text[32] = "";
		memcpy(text, frame.data + 2, frame.len - 2);
		times[i] = (uint32_t)atoi(text + strlen("retry_ms="));
		assert_in_range(times[i], 1000, 6000);
		for (uint32_t k = 0; k < i; k++) {
			assert_int_not_equal(times[i], times[k]);
		}
	}
}

/* Many ends at once, in every state: what is left is what was there before. */
static void test_finish_with_everything_in_the_air(void **state)
{
	struct rig *rig = *state;
	struct client *slow = rig_login_with(rig, 0, "slow", 4096);
	struct client *b = rig_login(rig, 0, "b");
	struct client *half = rig_connect(rig, 0, 0, false);
	client_write(half, "GET /", 5);
	client_write(b, "\x81\xfe", 2);
	slow->deaf = true;
	struct client *c = rig_login(rig, 0, "c");
	send_big(rig, c, 2);
	rig_login(rig, 0, "slow");
	rig_connect(rig, 0, 0, false);
	assert_true(rig_held_as(rig, BUDGET_HEADS) > 0);
	assert_true(rig_held_as(rig, BUDGET_MESSAGES) > 0);
	assert_true(rig_held_as(rig, BUDGET_QUEUES) > 0);
	struct conns *conns = rig_conns(rig, 0);
	/* Not read any more by rig_finish: the conns themselves must let go. */
	conns_finish(conns);
	conns_finish(conns);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_SHUTDOWN), 5);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_KICKED), 1);
}

#define CASE(name) RIG_CASE(name, 1)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_close_follows_the_frame_under_way),
		CASE(test_close_behind_a_frame_over_the_limit),
		CASE(test_closing_ones_hold_nobody_back),
		CASE(test_close_deadline_resets),
		CASE(test_peer_close_is_answered_with_its_code),
		CASE(test_peer_close_while_stalled),
		CASE(test_pong_goes_ahead_and_only_the_newest),
		CASE(test_stale_handles_find_nothing),
		CASE(test_the_first_reason_wins),
		CASE(test_overload_spreads_the_return),
		CASE(test_finish_with_everything_in_the_air),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
