#include "talk_rig.h"

#include "../../server/conn/reader.h"
#include "../../server/node/newcomers.h"

static void post(struct rig *rig, uint32_t worker, enum serving_mail kind, struct mail *mail)
{
	mail->kind = kind;
	mailbox_post(rig->node.fanout.mailboxes[worker], mail);
}

static void post_change(struct rig *rig, uint32_t worker, enum serving_mail kind)
{
	struct serving_change *change = calloc(1, sizeof(*change));
	assert_non_null(change);
	change->config = rig->config;
	change->drain_ms = rig->config.drain * 1000;
	rig->node.changes_pending++;
	post(rig, worker, kind, &change->mail);
}

/* Hands over a newcomer. Returns its end. */
static int post_socket(struct rig *rig, uint32_t worker)
{
	int fds[2];
	struct socket_batch *batch = calloc(1, sizeof(*batch) + sizeof(batch->sockets[0]));
	assert_non_null(batch);
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	batch->count = 1;
	batch->sockets[0].fd = fds[0];
	post(rig, worker, SERVING_MAIL_SOCKETS, &batch->mail);
	return fds[1];
}

static void test_a_reload_reaches_those_who_are_there(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	rig_login(rig, 1, "b");
	rig->config.read_deadline = 10;
	rig->config.max_message = 125;
	rig->config.tx_queue_limit = 4096;
	post_change(rig, 0, SERVING_MAIL_RELOAD);
	rig_run(rig);
	assert_int_equal(rig->node.changes_pending, 0);
	assert_int_equal(rig_conns(rig, 0)->limits.max_message, 125);
	assert_int_equal(rig_conns(rig, 0)->limits.queue_limit, 4096);
	rig_pass(rig, loop_ticks(10000) + 3);
	rig_run(rig);
	expect_close(a, 3008, "i/o timeout");
	/* The other worker was not told. */
	assert_int_equal(rig_ends(rig, CLOSE_REASON_READ_TIMEOUT), 1);
}

static void test_a_drain_sends_everybody_away(void **state)
{
	struct rig *rig = *state;
	struct client *clients[4];
	char name[8];
	for (uint32_t i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		clients[i] = rig_login(rig, i % 2, name);
	}
	post_change(rig, 0, SERVING_MAIL_DRAIN);
	post_change(rig, 1, SERVING_MAIL_DRAIN);
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DRAIN), 2); /* the first of each worker */
	rig_pass(rig, loop_ticks(rig->config.drain * 1000));
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_DRAIN), 4);
	for (uint32_t i = 0; i < 4; i++) {
		expect_close(clients[i], 1012, "retry_ms=");
	}
	struct client *late = rig_connect(rig, 0, 0, false);
	client_request(late, "/?user=late");
	rig_run(rig);
	assert_int_equal(client_status(late), 503);
}

static void test_a_turn_hands_out_one_slice(void **state)
{
	struct rig *rig = *state;
	const _Atomic uint64_t *deliveries = &rig->workers[0].stats.deliveries;
	char name[8];
	for (uint32_t i = 0; i < SERVING_OF_ALL_MAX + 10; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		rig_login(rig, 0, name);
	}
	client_text(rig_login(rig, 1, "s"), "hello");
	rig_turn(rig, 1);
	assert_true(rig_turn(rig, 0));
	assert_int_equal(stats_read(deliveries), SERVING_OF_ALL_MAX);
	rig_turn(rig, 0);
	assert_int_equal(stats_read(deliveries), SERVING_OF_ALL_MAX + 10);
}

/* Who talks to some does so apart from who talks to others: nothing would be gathered for those
 * that are left. */
static void test_a_turn_hands_out_to_all_of_a_room(void **state)
{
	struct rig *rig = *state;
	const _Atomic uint64_t *deliveries = &rig->workers[0].stats.deliveries;
	char name[8];
	for (uint32_t i = 0; i < SERVING_OF_ALL_MAX + 10; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		v1_join_as(rig, v1_login(rig, 0, name), 0, "r", i + 1);
	}
	struct client *speaker = v1_login(rig, 1, "s");
	v1_join_as(rig, speaker, 0, "r", SERVING_OF_ALL_MAX + 11);
	v1_say(speaker, 0, "#r", "hello");
	rig_turn(rig, 1);
	rig_turn(rig, 0);
	assert_int_equal(stats_read(deliveries), SERVING_OF_ALL_MAX + 10);
}

/* Each look at the clock takes 150 us, so that a part of a turn is over at the second one. */
static void make_slow(struct rig *rig)
{
	rig->loops[0].look_us = 150;
}

static uint64_t messages(struct rig *rig)
{
	return stats_read(&rig->workers[0].stats.messages_in);
}

/* What one wait has told of is not done in one turn; the rest comes before a new wait, in order. */
static void test_events_are_taken_in_slices(void **state)
{
	struct rig *rig = *state;
	struct client *clients[40];
	char name[8];
	for (uint32_t i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		clients[i] = rig_login(rig, 0, name);
	}
	uint64_t before = messages(rig);
	for (uint32_t i = 0; i < 40; i++) {
		client_packet(clients[i], PACKET_PING, NULL, 0);
	}
	make_slow(rig);
	for (uint64_t done = 2 * READER_VISITS; done < 40; done += 2 * READER_VISITS) {
		assert_true(rig_turn(rig, 0));
		assert_int_equal(messages(rig) - before, done);
		assert_true(serving_has_events(&rig->workers[0]));
	}
	rig_turn(rig, 0);
	assert_int_equal(messages(rig) - before, 40);
	assert_false(serving_has_events(&rig->workers[0]));
	for (uint32_t i = 0; i < 40; i++) {
		expect_frame(clients[i], FRAME_BINARY, "\0\x65\0\0\0\0", 6);
	}
}

/* One text to many goes on while others flood packets for nobody: both get their part. */
static void test_a_text_passes_a_flood(void **state)
{
	struct rig *rig = *state;
	static uint8_t flood[16384];
	struct client *flooders[20];
	size_t len = 0;
	char name[8];
	while (len < sizeof(flood) - 16) {
		len += make_frame(flood + len, FRAME_BINARY, "\0\xc7\0\0\0\0", 6);
	}
	for (uint32_t i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		flooders[i] = rig_login(rig, 0, name);
	}
	struct client *talker = rig_login(rig, 1, "talker");
	client_text(talker, "now");
	rig_turn(rig, 1);
	for (uint32_t i = 0; i < 20; i++) {
		client_write(flooders[i], flood, len);
	}
	make_slow(rig);
	uint64_t unread = 20 * (len / 12);
	uint64_t before = messages(rig);
	rig_turn(rig, 0);
	assert_true(messages(rig) - before < unread / 2);
	assert_int_equal(stats_read(&rig->workers[0].stats.deliveries), 20);
}

/* The clock is read again within a turn: what is heard late in it is not noted as heard early. */
static void test_no_deadline_comes_early(void **state)
{
	struct rig *rig = *state;
	struct client *clients[2 * READER_VISITS];
	char name[8];
	for (uint32_t i = 0; i < 2 * READER_VISITS; i++) {
		snprintf(name, sizeof(name), "u%u", i);
		clients[i] = rig_login(rig, 0, name);
	}
	uint32_t began = rig->loops[0].now_tick;
	for (uint32_t i = 0; i < 2 * READER_VISITS; i++) {
		client_packet(clients[i], PACKET_PING, NULL, 0);
	}
	rig->loops[0].look_us = 3 * LOOP_TICK_MS * 1000; /* as if the process had been stopped */
	while (rig_turn(rig, 0)) {
	}
	uint32_t latest = 0;
	for (uint32_t i = 0; i < 2 * READER_VISITS; i++) {
		uint32_t heard = client_conn(rig, clients[i])->last_read_tick;
		latest = heard > latest ? heard : latest;
	}
	assert_true(latest >= began + 3);
}

/* A read that fills its allowance and costs little is larger the next time, and the other way. */
static void test_reads_follow_what_they_cost(void **state)
{
	struct rig *rig = *state;
	struct client *a = rig_login(rig, 0, "a");
	struct conn *conn = client_conn(rig, a);
	static char text[60000];
	memset(text, 'x', sizeof(text));
	assert_int_equal(conn->read_shift, CONN_READ_SHIFT);
	for (int i = 0; i < 20; i++) {
		client_send(a, FRAME_BINARY, text, 0);
		client_send(a, FRAME_PONG, text, 100);
		rig_run(rig);
	}
	assert_int_equal(conn->read_shift, CONN_READ_SHIFT); /* never full */
	client_send(a, FRAME_PONG, text, 0);
	client_send(a, FRAME_TEXT, text, sizeof(text));
	rig_run(rig);
	assert_true(conn->read_shift > CONN_READ_SHIFT);
	rig->loops[0].look_us = 1000;
	for (int i = 0; i < 3; i++) {
		client_send(a, FRAME_TEXT, text, sizeof(text));
		client_send(a, FRAME_TEXT, text, sizeof(text));
		rig_run(rig);
	}
	assert_true(conn->read_shift <= CONN_READ_SHIFT);
}

/* Walks over the table take most of a turn's time for mail. */
static void test_a_list_weighs_more(void **state)
{
	struct rig *rig = *state;
	struct mailbox *back;
	struct mail *mail;
	assert_int_equal(mailbox_create(&back), 0);
	struct order list = {
		.mail.kind = SERVING_MAIL_ORDER, .back = back, .action = ORDER_LIST, .name = ""};
	struct order show = {
		.mail.kind = SERVING_MAIL_ORDER, .back = back, .action = ORDER_SHOW, .name = ""};
	assert_int_equal(serving_on_mail(&rig->workers[0], &list.mail), SERVING_MAIL_MAX / 4);
	assert_int_equal(serving_on_mail(&rig->workers[0], &show.mail), 1);
	while (mailbox_take(back, &mail) == MAILBOX_MAIL) {
	}
	mailbox_destroy(&back);
}

/* The clock is looked at whatever a single item weighs. */
static void test_heavy_mail_is_bounded_by_time(void **state)
{
	struct rig *rig = *state;
	struct serving *serving = &rig->workers[0];
	make_slow(rig);
	for (int weight = 1; weight <= 3 * 8; weight++) {
		int taken = 0;
		while (!serving_mail_is_over(serving, taken)) {
			taken += weight;
		}
		/* Over at the third look, which one item may put off. */
		assert_in_range(taken, 8, 3 * (8 + weight));
	}
	rig->loops[0].look_us = 0;
	int all = 0;
	while (!serving_mail_is_over(serving, all)) {
		all += 9;
	}
	assert_in_range(all, SERVING_MAIL_MAX, SERVING_MAIL_MAX + 8);
}

/* Of every kind, when nobody takes it any more; the accounts are the rig's to check. */
static void test_what_is_left_in_the_mailbox_is_freed(void **state)
{
	struct rig *rig = *state;
	struct mail stop;
	struct client *talks = rig_login(rig, 1, "talks");
	rig_login(rig, 0, "a");
	client_text(talks, "hello");
	struct client *same = rig_connect(rig, 1, 0, false);
	client_request(same, "/?user=a");
	rig_turn(rig, 1); /* the text, and the kick */
	post_change(rig, 0, SERVING_MAIL_RELOAD);
	int newcomer = post_socket(rig, 0);
	post(rig, 0, SERVING_MAIL_STOP, &stop);
	serving_end(&rig->workers[0]);
	serving_end(&rig->workers[1]);
	serving_finish(&rig->workers[0]);
	char byte;
	assert_int_equal(recv(newcomer, &byte, 1, 0), 0);
	close(newcomer);
}

static void test_a_stop_is_told(void **state)
{
	struct rig *rig = *state;
	struct mail stop;
	assert_false(rig->workers[0].is_stopping);
	post(rig, 0, SERVING_MAIL_STOP, &stop);
	rig_turn(rig, 0);
	assert_true(rig->workers[0].is_stopping);
}

#define CASE(name) RIG_CASE(name, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_a_reload_reaches_those_who_are_there),
		CASE(test_a_drain_sends_everybody_away),
		CASE(test_a_turn_hands_out_one_slice),
		CASE(test_a_turn_hands_out_to_all_of_a_room),
		CASE(test_events_are_taken_in_slices),
		CASE(test_a_text_passes_a_flood),
		CASE(test_no_deadline_comes_early),
		CASE(test_reads_follow_what_they_cost),
		CASE(test_a_list_weighs_more),
		CASE(test_heavy_mail_is_bounded_by_time),
		CASE(test_what_is_left_in_the_mailbox_is_freed),
		CASE(test_a_stop_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
