#include "scripted_handshake.h"

#include "../../server/conn/reader.h"
#include "../../server/conn/timeouts.h"
#include "../../server/conn/transport_pack.h"

enum {
	SEATS = 8,
	CROWD = 100,
	TICKS_PER_S = 1000 / LOOP_TICK_MS,
};

static int setup(void **state)
{
	int err = rig_setup(state);
	scripted_init(*state, SEATS);
	return err;
}

static int teardown(void **state)
{
	scripted_finish(*state);
	return rig_teardown(state);
}

static size_t held(struct rig *rig)
{
	return rig_held_as(rig, BUDGET_POOLS);
}

static void expect_end(struct rig *rig, struct client *client, enum close_reason reason)
{
	assert_null(client_conn(rig, client));
	assert_int_equal(rig_ends(rig, reason), 1);
}

/* --- it opens ----------------------------------------------------------------------------------
 */

static void a_line_opens(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_connect(rig, 0);
	client_say(client, SAY_ANSWER, 'a');
	rig_run(rig);
	expect_bytes(client, "A", 1);
	assert_int_equal(tls_quota_halves(&rig->node.tls_quota), 1);
	assert_int_equal(held(rig), TLS_HANDSHAKE_COST);
	client_say(client, SAY_DONE, 'a');
	rig_run(rig);
	assert_int_equal(tls_quota_halves(&rig->node.tls_quota), 0);
	assert_int_equal(held(rig), 0);
	assert_int_equal(scripted.alive, 0);
	client_request(client, "/?user=aaa");
	rig_run(rig);
	assert_int_equal(client_status(client), 101);
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_done), 1);
}

static bool is_watched(int epoll_fd, int fd)
{
	return epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, NULL) == 0;
}

/* By the worker's epoll once it is in: who comes for TLS is never in it before. */
static void a_newcomer_is_watched_at_the_door_alone(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	const struct remote remote = {.is_inet = false};
	for (int is_tls = 0; is_tls <= 1; is_tls++) {
		int fds[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		struct client *client =
			rig_add_from(rig, 0, fds[0], fds[1], &remote, false, false, is_tls);
		assert_int_equal(is_watched(rig->loops[0].epoll_fd, fds[0]), !is_tls);
		tls_door_open(conns, client_conn(rig, client));
		assert_false(is_watched(rig->loops[0].epoll_fd, fds[0]));
		assert_true(is_watched(conns->tls->porch.epoll_fd, fds[0]));
	}
}

/* The end of the handshake, the request and a first text in one segment, cut at every byte. */
static void what_lies_behind_is_the_open_lines(void **state)
{
	struct rig *rig = *state;
	uint8_t all[1024];
	size_t len = make_record(SAY_ANSWER, 'a', all);
	len += make_record(SAY_DONE, 'a', all + len);
	len += make_request("/?user=aaa", (char *)all + len);
	len += make_frame(all + len, FRAME_TEXT, "hi", 2);
	for (size_t cut = 0; cut <= len; cut++) {
		struct client *client = scripted_connect(rig, 0);
		client_write(client, all, cut);
		rig_run(rig);
		client_write(client, all + cut, len - cut);
		rig_run(rig);
		expect_bytes(client, "A", 1);
		assert_int_equal(client_status(client), 101);
		assert_int_equal(stats_read(&rig->workers[0].stats.messages_in), cut + 1);
		client_leave(client);
		rig_run(rig);
	}
	assert_int_equal(scripted.made, len + 1);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), len + 1);
}

/* Another hello is asked for: it takes a turn of its own, and has a seat by then. */
static void a_second_hello_waits_for_its_turn(void **state)
{
	struct rig *rig = *state;
	rig->node.tls_quota.halves_max = 1;
	struct client *client = scripted_connect(rig, 0);
	client_say(client, SAY_AGAIN, 'a');
	rig_run(rig);
	expect_bytes(client, "R", 1);
	struct client *other = scripted_connect(rig, 0);
	client_say(other, SAY_ANSWER, 'b');
	rig_run(rig);
	client_say(client, SAY_ANSWER, 'a');
	rig_run(rig);
	expect_bytes(client, "A", 1);
	expect_nothing(other);
	client_say(client, SAY_DONE, 'a');
	rig_run(rig);
	expect_bytes(other, "A", 1);
	assert_string_equal(scripted.names, "aaab");
}

/* What the socket does not take of our answer is written on. */
static void an_answer_that_is_not_taken_goes_on(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_enter(rig, rig_connect(rig, 0, 4096, false));
	client->deaf = true;
	client_say(client, SAY_LONG, 'a');
	rig_run(rig);
	assert_true(transport_is_pending(client_conn(rig, client)));
	client->deaf = false;
	rig_run(rig);
	assert_false(transport_is_pending(client_conn(rig, client)));
	assert_int_equal(client->in_len, SAY_LONG_LEN);
	client->in_at = client->in_len;
	client_say(client, SAY_DONE, 'a');
	client_request(client, "/?user=aaa");
	rig_run(rig);
	assert_int_equal(client_status(client), 101);
}

static void a_header_of_a_proxy_comes_first(void **state)
{
	struct rig *rig = *state;
	const struct remote proxy = {.is_inet = false};
	static const char header[] = "PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n";
	uint8_t all[1024];
	size_t len = sizeof(header) - 1;
	memcpy(all, header, len);
	len += make_record(SAY_ANSWER, 'a', all + len);
	len += make_record(SAY_DONE, 'a', all + len);
	len += make_request("/?user=aaa", (char *)all + len);
	assert_int_equal(networks_add(&rig_conns(rig, 0)->limits.trusted, "unix"), 0);
	for (size_t cut = 0; cut <= len; cut++) {
		int fds[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
		struct client *client = scripted_enter(
			rig, rig_add_from(rig, 0, fds[0], fds[1], &proxy, false, true, true));
		client_write(client, all, cut);
		rig_run(rig);
		client_write(client, all + cut, len - cut);
		rig_run(rig);
		expect_bytes(client, "A", 1);
		assert_int_equal(client_status(client), 101);
		char name[REMOTE_NAME_MAX];
		remote_name(&client_conn(rig, client)->remote, name);
		assert_string_equal(name, "192.0.2.7:4711");
		client_leave(client);
		rig_run(rig);
	}
}

/* It is no end of file, as which it would be read a second time. */
static void a_proxy_may_break_off(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_connect(rig, 0);
	client_conn(rig, client)->address |= CONN_ADDRESS_DUE;
	client_reset(client);
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_PEER_RESET);
}

/* --- order -------------------------------------------------------------------------------------
 */

static void the_newest_goes_first_in_a_crowd(void **state)
{
	struct rig *rig = *state;
	rig->node.tls_quota.halves_max = 0;
	for (char name = 'a'; name <= 'e'; name++) {
		client_say(scripted_connect(rig, 0), SAY_ANSWER, name);
		rig_turn(rig, 0);
	}
	assert_int_equal(scripted.made, 0); /* no seats, no handshakes */
	rig_pass(rig, 2);
	rig->node.tls_quota.halves_max = SEATS;
	rig_run(rig);
	assert_string_equal(scripted.names, "edcba");
	for (char name = 'f'; name <= 'h'; name++) {
		client_say(scripted_connect(rig, 0), SAY_ANSWER, name);
	}
	rig_run(rig);
	assert_string_equal(scripted.names, "edcbafgh");
}

/* However many come, each turn has room for the others: 200 us of handshakes, of 150 us each. */
static void a_turn_has_few_of_them(void **state)
{
	struct rig *rig = *state;
	for (char name = 'a'; name <= 'e'; name++) {
		client_say(scripted_connect(rig, 0), SAY_ANSWER, name);
	}
	rig_events(rig, 0);
	rig->loops[0].look_us = 150;
	serving_before_mail(&rig->workers[0]);
	assert_int_equal(serving_after_mail(&rig->workers[0]), 0); /* there is more to do */
	assert_int_equal(scripted.names_len, 2);
	/* One alone while there are events of others. */
	rig->workers[0].event_count = rig->workers[0].event_at + 1;
	assert_int_equal(serving_after_mail(&rig->workers[0]), 0);
	assert_int_equal(scripted.names_len, 3);
	rig->workers[0].event_count = rig->workers[0].event_at;
	rig->loops[0].look_us = 0;
	rig_run(rig);
	assert_int_equal(scripted.names_len, 5);
}

/* Whatever has come for lines that are not open: who is in is heard in the same turn, and his turn
 * does not end with them. */
static void those_who_are_in_go_first(void **state)
{
	struct rig *rig = *state;
	struct client *alice = rig_login(rig, 0, "alice");
	rig->node.tls_quota.halves_max = CROWD;
	for (int i = 0; i < CROWD; i++) {
		client_say(scripted_connect(rig, 0), SAY_ANSWER, 'a');
	}
	client_send(alice, FRAME_PING, "here?", 5);
	rig->loops[0].look_us = 150;
	rig_turn(rig, 0);
	expect_frame(alice, FRAME_PONG, "here?", 5);
	assert_true(tls_porch_has_events(&rig_conns(rig, 0)->tls->porch));
	rig->loops[0].look_us = 0;
	rig_run(rig);
	assert_int_equal(scripted.names_len, CROWD);
	/* Once they are open they are among those who are in. */
	assert_false(tls_porch_has_events(&rig_conns(rig, 0)->tls->porch));
}

/* Those beyond the seats wait unread, for nothing but a seat. */
static void no_more_begin_than_may(void **state)
{
	struct rig *rig = *state;
	struct client *clients[6];
	rig->node.tls_quota.halves_max = 2;
	for (int i = 0; i < 6; i++) {
		clients[i] = scripted_connect(rig, (uint32_t)i % 2);
		client_say(clients[i], SAY_ANSWER, (char)('a' + i));
	}
	rig_run(rig);
	assert_int_equal(scripted.made, 2);
	assert_int_equal(tls_quota_waiting(&rig->node.tls_quota), 4);
	assert_int_equal(held(rig), 2 * TLS_HANDSHAKE_COST);
	for (int done = 0; done < 6; done++) {
		for (int i = 0; i < 6; i++) {
			if (clients[i]->in_at < clients[i]->in_len) {
				clients[i]->in_at = clients[i]->in_len;
				client_say(clients[i], SAY_DONE, (char)('a' + i));
			}
		}
		rig_run(rig);
	}
	assert_int_equal(scripted.made, 6);
	assert_int_equal(tls_quota_waiting(&rig->node.tls_quota), 0);
}

static void a_hello_of_three_seconds_is_dropped(void **state)
{
	struct rig *rig = *state;
	rig->node.tls_quota.halves_max = 0;
	struct client *client = scripted_connect(rig, 0);
	client_say(client, SAY_ANSWER, 'a');
	rig_run(rig);
	rig_pass(rig, 3 * TICKS_PER_S - 1);
	rig_run(rig);
	assert_non_null(client_conn(rig, client));
	rig_pass(rig, 1);
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_TLS_OVERLOAD);
	expect_refusal(client);
	assert_int_equal(scripted.made, 0);
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_dropped), 1);
}

/* Among a thousand of them the turns stay short. */
static void many_are_dropped_a_few_at_a_time(void **state)
{
	struct rig *rig = *state;
	rig->node.tls_quota.halves_max = 0;
	for (int i = 0; i < 100; i++) {
		client_say(scripted_connect(rig, 0), SAY_ANSWER, 'a');
	}
	rig_run(rig);
	rig_pass(rig, 3 * TICKS_PER_S);
	rig->loops[0].look_us = 150;
	assert_int_equal(serving_after_mail(&rig->workers[0]), 0);
	const uint64_t dropped = rig_ends(rig, CLOSE_REASON_TLS_OVERLOAD);
	assert_true(dropped > 0 && dropped <= 24);
	rig->loops[0].look_us = 0;
	rig_run(rig);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_TLS_OVERLOAD), 100);
}

/* Also to one that waits at another worker. */
static void who_lets_us_wait_gives_way(void **state)
{
	struct rig *rig = *state;
	rig->node.tls_quota.halves_max = 1;
	struct client *late = scripted_connect(rig, 0);
	client_say(late, SAY_ANSWER, 'a');
	rig_run(rig);
	expect_bytes(late, "A", 1);
	rig_pass(rig, 2 * TICKS_PER_S);
	rig_run(rig);
	assert_non_null(client_conn(rig, late)); /* nobody waits */
	struct client *next = scripted_connect(rig, 1);
	client_say(next, SAY_ANSWER, 'b');
	rig_run(rig);
	expect_end(rig, late, CLOSE_REASON_TLS_OVERLOAD);
	expect_sealed_refusal(late);
	rig_run(rig);
	expect_bytes(next, "A", 1);
}

/* For as long as a client may take for its answer: byte by byte, or in records that lead nowhere.
 */
static void dawdle(struct rig *rig, struct client *client, bool in_records)
{
	static const char record[] = {22, 3, 3, 0, 4, 1};
	for (int tick = 0; tick < 6; tick++) {
		if (in_records) {
			client_say(client, SAY_NOTHING, 'a');
		} else {
			client_write(client, record + tick, 1);
		}
		rig_run(rig);
		rig_pass(rig, 1);
	}
}

static void who_says_a_little_gives_way_too(void **state)
{
	struct rig *rig = *state;
	rig->node.tls_quota.halves_max = 1;
	for (int in_records = 0; in_records < 2; in_records++) {
		struct client *late = scripted_connect(rig, 0);
		client_say(late, in_records ? SAY_AGAIN : SAY_ANSWER, 'a');
		rig_run(rig);
		dawdle(rig, late, in_records);
		assert_non_null(client_conn(rig, late));
		struct client *next = scripted_connect(rig, 1);
		client_say(next, SAY_ANSWER, 'b');
		rig_run(rig);
		assert_null(client_conn(rig, late));
		assert_int_equal(rig_ends(rig, CLOSE_REASON_TLS_OVERLOAD), in_records + 1);
		rig_run(rig);
		expect_bytes(next, "A", 1);
		client_leave(next);
		rig_run(rig);
	}
}

/* --- no TLS, and refusals ----------------------------------------------------------------------
 */

static void a_request_in_plain_is_answered_so(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_connect(rig, 0);
	client_request(client, "/?user=aaa");
	rig_run(rig);
	assert_int_equal(client_status(client), 400);
	static const char advice[] = "Plain HTTP on a port for TLS: use wss://.\n";
	expect_bytes(client, advice, sizeof(advice) - 1);
	client_leave(client);
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_TLS_PLAIN);
	assert_int_equal(scripted.made, 0);
}

/* What it still sends is read, or our close would be a reset that overtakes the answer. */
static void a_request_in_plain_is_read_to_its_end(void **state)
{
	struct rig *rig = *state;
	static const char body[20000] = "POST / HTTP/1.1\r\n";
	struct client *client = scripted_connect(rig, 0);
	client_write(client, body, sizeof(body));
	rig_run(rig);
	assert_int_equal(client_status(client), 400);
	assert_int_equal(transport_unread(client_conn(rig, client)), 0);
}

static void who_speaks_neither_is_closed(void **state)
{
	struct rig *rig = *state;
	static const char *const others[] = {"SSH-2.0-OpenSSH_9.2p1\r\n", "\x80\x2e\x01\x03\x01",
		"\x16\x02\x01", "\x16\x03\x01\x02\x01\x02", "\x17\x03\x03", "get / http/1.0\r\n"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct client *client = scripted_connect(rig, 0);
		client_write(client, others[i], strlen(others[i]));
		rig_run(rig);
		assert_null(client_conn(rig, client));
		client_pump(client);
		assert_true(client->at_end);
		assert_false(client->was_reset);
		assert_int_equal(client->in_len, 0);
		assert_int_equal(rig_ends(rig, CLOSE_REASON_TLS_PLAIN), i + 1);
	}
	assert_int_equal(scripted.made, 0);
}

static void who_finds_no_place_gets_an_alert(void **state)
{
	struct rig *rig = *state;
	/* The reserve is used up. */
	while (tls_quota_take_refusal(&rig->node.tls_quota, rig->loops[0].now_us)) {
	}
	struct client *client = scripted_enter(rig, rig_connect(rig, 0, 0, true));
	client_say(client, SAY_ANSWER, 'a');
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_TLS_REFUSED);
	expect_refusal(client);
	assert_int_equal(scripted.made, 0);
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_refused), 1);
}

/* One of those few whom we can tell. */
static void of_the_reserve_he_is_told_503(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_enter(rig, rig_connect(rig, 0, 0, true));
	client_say(client, SAY_ANSWER, 'a');
	client_say(client, SAY_DONE, 'a');
	client_request(client, "/?user=aaa");
	rig_run(rig);
	expect_bytes(client, "A", 1);
	assert_int_equal(client_status(client), 503);
	client_leave(client);
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_UNAVAILABLE);
}

static void a_place_may_have_become_free(void **state)
{
	struct rig *rig = *state;
	struct client *first = rig_login(rig, 0, "first");
	struct client *client = scripted_enter(rig, rig_connect(rig, 0, 0, true));
	client_leave(first);
	rig_run(rig);
	while (tls_quota_take_refusal(&rig->node.tls_quota, rig->loops[0].now_us)) {
	}
	client_say(client, SAY_ANSWER, 'a');
	client_say(client, SAY_DONE, 'a');
	client_request(client, "/?user=aaa");
	rig_run(rig);
	expect_bytes(client, "A", 1);
	assert_int_equal(client_status(client), 101);
}

static void failures_have_their_reasons(void **state)
{
	struct rig *rig = *state;
	static const struct {
		enum tls_failure failure;
		enum close_reason reason;
	} kinds[] = {
		{TLS_FAILURE_VERSION, CLOSE_REASON_TLS_VERSION},
		{TLS_FAILURE_ALERT, CLOSE_REASON_TLS_ALERT},
		{TLS_FAILURE_SHARED, CLOSE_REASON_TLS_HANDSHAKE},
		{TLS_FAILURE_OURS, CLOSE_REASON_INTERNAL_ERROR},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		scripted.failure = kinds[i].failure;
		struct client *client = scripted_enter(rig, rig_connect(rig, 0, 0, false));
		client_say(client, SAY_FAIL, 'a');
		rig_run(rig);
		expect_end(rig, client, kinds[i].reason);
		expect_bytes(client, "F", 1); /* OpenSSL's alert, and none of ours behind it */
		expect_nothing(client);
	}
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_failed), 4);
}

/* What lies behind what is at fault does not turn the end into a reset, which overtakes the alert.
 */
static void an_alert_arrives(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_connect(rig, 0);
	client_say(client, SAY_FAIL, 'a');
	client_say(client, SAY_DONE, 'a');
	rig_run(rig);
	expect_bytes(client, "F", 1);
	assert_true(client->at_end);
	assert_false(client->was_reset);
}

static void without_memory_it_ends(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_connect(rig, 0);
	scripted.has_no_memory = true;
	client_say(client, SAY_ANSWER, 'a');
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_INTERNAL_ERROR);
	assert_int_equal(tls_quota_halves(&rig->node.tls_quota), 0);
}

/* --- ends --------------------------------------------------------------------------------------
 */

/* Where a line stands when it ends. */
enum moment {
	MOMENT_SILENT,
	MOMENT_PART_OF_HELLO,
	MOMENT_WAITING, /* no seat */
	MOMENT_ASKED_AGAIN,
	MOMENT_SECOND_HELLO, /* waits for its turn */
	MOMENT_ANSWERED,
	MOMENT_PART_OF_ANSWER,
	MOMENT_AWAY,
	MOMENTS,
};

static struct client *bring_to(struct rig *rig, enum moment moment)
{
	struct client *client = scripted_connect(rig, 0);
	uint8_t record[SAY_RECORD];
	make_record(SAY_ANSWER, 'a', record);
	rig->node.tls_quota.halves_max = moment == MOMENT_WAITING ? 0 : SEATS;
	scripted.is_slow = moment == MOMENT_AWAY;
	switch (moment) {
	case MOMENT_SILENT:
	case MOMENTS:
		break;
	case MOMENT_PART_OF_HELLO:
		client_write(client, record, 6);
		break;
	case MOMENT_WAITING:
	case MOMENT_AWAY:
		client_say(client, SAY_ANSWER, 'a');
		break;
	case MOMENT_ASKED_AGAIN:
		client_say(client, SAY_AGAIN, 'a');
		break;
	case MOMENT_SECOND_HELLO:
		client_say(client, SAY_AGAIN, 'a');
		rig_run(rig);
		client_say(client, SAY_ANSWER, 'a');
		rig_events(rig, 0);
		return client;
	case MOMENT_ANSWERED:
		client_say(client, SAY_ANSWER, 'a');
		break;
	case MOMENT_PART_OF_ANSWER:
		client_say(client, SAY_ANSWER, 'a');
		rig_run(rig);
		client_write(client, record, 3);
		break;
	}
	rig_run(rig);
	return client;
}

static void expect_nothing_held(struct rig *rig)
{
	while (scripted.step_count > 0) {
		scripted_do_step();
	}
	rig_run(rig);
	assert_int_equal(scripted.alive, 0);
	assert_int_equal(held(rig), 0);
	assert_int_equal(tls_quota_halves(&rig->node.tls_quota), 0);
	assert_int_equal(tls_quota_waiting(&rig->node.tls_quota), 0);
}

static void its_client_may_hang_up_at_any_moment(void **state)
{
	struct rig *rig = *state;
	for (int moment = 0; moment < MOMENTS; moment++) {
		struct client *client = bring_to(rig, (enum moment)moment);
		client_leave(client);
		rig_run(rig);
		expect_nothing_held(rig);
		assert_null(client_conn(rig, client));
	}
	/* Who has not begun is no failed handshake. */
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), 3);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_TLS_HANDSHAKE), 5);
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_failed), 5);
}

static void its_line_may_break_at_any_moment(void **state)
{
	struct rig *rig = *state;
	for (int moment = 0; moment < MOMENTS; moment++) {
		struct client *client = bring_to(rig, (enum moment)moment);
		client_reset(client);
		rig_run(rig);
		expect_nothing_held(rig);
		assert_null(client_conn(rig, client));
	}
	/* Behind bytes that were not read it is no reset yet. */
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_EOF), 2);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_TLS_HANDSHAKE), 2);
	assert_int_equal(rig_ends(rig, CLOSE_REASON_PEER_RESET), MOMENTS - 4);
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_failed), 5);
}

static void its_deadline_may_pass_at_any_moment(void **state)
{
	struct rig *rig = *state;
	for (int moment = 0; moment < MOMENTS; moment++) {
		struct client *client = bring_to(rig, (enum moment)moment);
		rig_pass(rig, 7 * TICKS_PER_S); /* of five seconds */
		rig_run(rig);
		if (moment == MOMENT_AWAY) {
			scripted_do_step();
			rig_run(rig);
		}
		if (moment == MOMENT_AWAY || moment == MOMENT_SECOND_HELLO) {
			/* It was we who had not come to it: it is looked at once more. */
			assert_non_null(client_conn(rig, client));
		}
		rig_pass(rig, 1);
		rig_run(rig);
		assert_null(client_conn(rig, client));
		expect_nothing_held(rig);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_TLS_OVERLOAD), 1); /* who waited */
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HANDSHAKE_TIMEOUT), MOMENTS - 1);
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_failed), 5);
}

/* Once it was answered it reads nothing in clear any more. */
static void who_was_answered_is_told_by_a_sealed_alert(void **state)
{
	static const enum moment moments[] = {MOMENT_ANSWERED, MOMENT_PART_OF_ANSWER, MOMENT_AWAY};
	struct rig *rig = *state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		struct client *client = bring_to(rig, moments[i]);
		if (moments[i] == MOMENT_AWAY) {
			scripted_do_step();
			rig_run(rig);
		}
		expect_bytes(client, "A", 1);
		rig_pass(rig, 7 * TICKS_PER_S);
		rig_run(rig);
		assert_null(client_conn(rig, client));
		expect_sealed_refusal(client);
		expect_nothing_held(rig);
	}
	assert_int_equal(rig_ends(rig, CLOSE_REASON_HANDSHAKE_TIMEOUT), 3);
}

/* Behind half of our answer no alert would be understood, nor ahead of an end of the client's. */
static void who_could_not_read_it_is_told_nothing(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_enter(rig, rig_connect(rig, 0, 4096, false));
	client->deaf = true;
	client_say(client, SAY_LONG, 'a');
	rig_run(rig);
	rig_pass(rig, 7 * TICKS_PER_S);
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_HANDSHAKE_TIMEOUT);
	client_pump(client);
	assert_null(memchr(client->in, SAY_SEALED, client->in_len));
	client = bring_to(rig, MOMENT_ANSWERED);
	expect_bytes(client, "A", 1);
	shutdown(client->fd, SHUT_WR);
	rig_run(rig);
	assert_null(client_conn(rig, client));
	assert_int_equal(rig_ends(rig, CLOSE_REASON_TLS_HANDSHAKE), 1);
}

/* A byte of a hello ahead of each look at the deadline. */
static void bytes_timed_at_ticks_put_off_little(void **state)
{
	struct rig *rig = *state;
	struct conns *conns = rig_conns(rig, 0);
	struct client *client = scripted_connect(rig, 0);
	client_write(client, "\x16\3\3\x10\0\1", 6); /* of 4 KiB */
	rig_run(rig);
	rig_pass(rig, 5 * TICKS_PER_S);
	rig_run(rig);
	assert_non_null(client_conn(rig, client));
	for (int tick = 0; tick < 8 && client_conn(rig, client); tick++) {
		rig_pass(rig, 1);
		client_write(client, "x", 1);
		timeouts_tick(conns, 1024);
		rig_run(rig);
	}
	expect_end(rig, client, CLOSE_REASON_HANDSHAKE_TIMEOUT);
}

/* Where memory is short, since a newcomer holds more than most who are in. */
static void nobody_is_shed_for_his_handshake(void **state)
{
	struct rig *rig = *state;
	rig->node.budget.limit = 1000;
	struct client *client = bring_to(rig, MOMENT_ANSWERED);
	rig_run(rig);
	assert_non_null(client_conn(rig, client));
	client_say(client, SAY_DONE, 'a');
	client_request(client, "/?user=aaa");
	rig_run(rig);
	client->in_at++; /* our answer */
	assert_int_equal(client_status(client), 101);
}

/* One whose client does not take our answer: no word of HTTP would be understood. */
static void who_is_shed_is_told_nothing_in_plain(void **state)
{
	struct rig *rig = *state;
	struct client *client = scripted_enter(rig, rig_connect(rig, 0, 4096, false));
	client->deaf = true;
	client_say(client, SAY_LONG, 'a');
	rig_run(rig);
	rig->node.budget.limit = 1;
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_OVERLOADED);
	client_pump(client);
	assert_null(memmem(client->in, client->in_len, "HTTP", 4));
	expect_nothing_held(rig);
}

/* Its turn comes before its end is done with. */
static void a_dead_line_has_no_turn(void **state)
{
	struct rig *rig = *state;
	struct client *client = bring_to(rig, MOMENT_WAITING);
	conn_vanish(rig_conns(rig, 0), client_conn(rig, client), CLOSE_REASON_SHUTDOWN);
	rig->node.tls_quota.halves_max = SEATS;
	rig_run(rig);
	assert_int_equal(scripted.made, 0);
	expect_nothing_held(rig);
}

static void a_drain_ends_it(void **state)
{
	struct rig *rig = *state;
	struct client *client = bring_to(rig, MOMENT_ANSWERED);
	rig_pass(rig, 1);
	drain_begin(&rig->workers[0].drain, rig_conns(rig, 0), 1000);
	rig_run(rig);
	expect_end(rig, client, CLOSE_REASON_UNAVAILABLE);
	client->in_at++;
	expect_sealed_refusal(client);
	/* And who comes now is refused ahead of a handshake. */
	while (tls_quota_take_refusal(&rig->node.tls_quota, rig->loops[0].now_us)) {
	}
	struct client *next = scripted_connect(rig, 0);
	client_say(next, SAY_ANSWER, 'b');
	rig_run(rig);
	expect_end(rig, next, CLOSE_REASON_TLS_REFUSED);
	expect_refusal(next);
}

/* --- another process ---------------------------------------------------------------------------
 */

/* As if another had it. */
static void move(struct rig *rig, struct client *client)
{
	struct conns *conns = rig_conns(rig, 0);
	struct conn *conn = client_conn(rig, client);
	struct pack pack = PACK_EMPTY;
	transport_pack(conn, &pack);
	transport_let_go(conn);
	transport_pack_over(conns);
	expect_nothing_held(rig);
	struct unpack unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(transport_unpack(conns, conn, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	pack_finish(&pack);
	conn_visit_begin(conns, conn);
	reader_go_on(conns, conn);
	conn_visit_end(conns, conn);
}

/* Whose hello was not begun with goes on as if it had just come; and nobody else does. */
static void who_has_not_begun_may_go_on_elsewhere(void **state)
{
	struct rig *rig = *state;
	uint8_t record[SAY_RECORD];
	make_record(SAY_ANSWER, 'a', record);
	for (int moment = 0; moment < MOMENTS; moment++) {
		struct client *client = bring_to(rig, (enum moment)moment);
		const bool may = transport_may_move(client_conn(rig, client));
		assert_int_equal(may, moment <= MOMENT_WAITING);
		if (may) {
			move(rig, client);
			rig->node.tls_quota.halves_max = SEATS;
			const size_t said = moment == MOMENT_SILENT    ? 0
					    : moment == MOMENT_WAITING ? SAY_RECORD
								       : 6;
			client_write(client, record + said, SAY_RECORD - said);
			rig_run(rig);
			expect_bytes(client, "A", 1);
		}
		client_leave(client);
		rig_run(rig);
		expect_nothing_held(rig);
	}
	assert_int_equal(stats_read(&rig->workers[0].stats.tls_refused), 0);
}

/* The brake on handshakes for the refused is as far as it was. */
static void the_reserve_goes_on_elsewhere(void **state)
{
	struct rig *rig = *state;
	const uint64_t now_us = rig->loops[0].now_us;
	struct tls_quota there = {.budget = &rig->node.budget};
	struct pack pack = PACK_EMPTY;
	while (tls_quota_take_refusal(&rig->node.tls_quota, now_us)) {
	}
	tls_quota_pack(&rig->node.tls_quota, &pack);
	struct unpack unpack = unpack_of(pack.bytes, pack.len - 1);
	assert_int_equal(tls_quota_unpack(&there, &unpack), -EINVAL);
	assert_true(tls_quota_take_refusal(&there, now_us));
	unpack = unpack_of(pack.bytes, pack.len);
	assert_int_equal(tls_quota_unpack(&there, &unpack), 0);
	assert_true(unpack_is_over(&unpack));
	assert_false(tls_quota_take_refusal(&there, now_us));
	assert_true(tls_quota_take_refusal(&there, now_us + 1000000));
	pack_finish(&pack);
}

/* --- threads -----------------------------------------------------------------------------------
 */

static void what_takes_long_is_a_threads(void **state)
{
	struct rig *rig = *state;
	scripted.is_slow = true;
	struct client *client = scripted_connect(rig, 0);
	client_say(client, SAY_ANSWER, 'a');
	rig_run(rig);
	assert_int_equal(scripted.step_count, 1);
	assert_int_equal(scripted.names_len, 0);
	assert_int_equal(held(rig), TLS_HANDSHAKE_COST);
	scripted_do_step();
	rig_run(rig);
	expect_bytes(client, "A", 1);
	client_say(client, SAY_DONE, 'a');
	client_request(client, "/?user=aaa");
	rig_run(rig);
	assert_int_equal(client_status(client), 101); /* and the rest was the worker's */
	assert_int_equal(scripted.step_count, 0);
}

/* The rest of a hello in several records: the event for it found the line away. */
static void what_comes_meanwhile_is_not_forgotten(void **state)
{
	struct rig *rig = *state;
	scripted.is_slow = true;
	struct client *client = scripted_connect(rig, 0);
	client_say(client, SAY_NOTHING, 'a');
	rig_run(rig);
	client_say(client, SAY_ANSWER, 'b');
	rig_run(rig);
	scripted_do_step();
	rig_run(rig);
	assert_int_equal(scripted.step_count, 1);
	scripted_do_step();
	rig_run(rig);
	assert_string_equal(scripted.names, "ab");
	expect_bytes(client, "A", 1);
}

/* Part of a record is nothing for a thread, or it would go to and fro until the rest has come. */
static void half_a_record_is_nothing_for_a_thread(void **state)
{
	struct rig *rig = *state;
	scripted.is_slow = true;
	struct client *client = scripted_connect(rig, 0);
	uint8_t record[SAY_RECORD];
	make_record(SAY_ANSWER, 'b', record);
	client_say(client, SAY_NOTHING, 'a');
	client_write(client, record, SAY_RECORD - 1);
	rig_run(rig);
	scripted_do_step();
	rig_run(rig);
	assert_int_equal(scripted.step_count, 0);
	client_write(client, record + SAY_RECORD - 1, 1);
	rig_run(rig);
	assert_int_equal(scripted.step_count, 1);
	scripted_do_step();
	rig_run(rig);
	assert_string_equal(scripted.names, "ab");
	expect_bytes(client, "A", 1);
}

/* Nobody is taken from the desk before a thread has room, so that the order is still open. */
static void others_wait_for_a_thread(void **state)
{
	struct rig *rig = *state;
	scripted.is_slow = true;
	scripted.steps_most = 1;
	for (char name = 'a'; name <= 'd'; name++) {
		client_say(scripted_connect(rig, 0), SAY_ANSWER, name);
		rig_run(rig);
	}
	assert_int_equal(scripted.made, 1);
	scripted_do_step();
	rig_run(rig);
	rig_pass(rig, 2);
	while (scripted.step_count > 0) {
		scripted_do_step();
		rig_run(rig);
	}
	assert_string_equal(scripted.names, "abdc");
}

/* Nobody else gets the record of a line that has gone, nor what comes back for it. */
static void a_step_comes_back_to_nobody(void **state)
{
	struct rig *rig = *state;
	struct client *gone = bring_to(rig, MOMENT_AWAY);
	conn_vanish(rig_conns(rig, 0), client_conn(rig, gone), CLOSE_REASON_SHUTDOWN);
	rig_run(rig);
	scripted.is_slow = false;
	struct client *next = scripted_connect(rig, 0);
	client_say(next, SAY_ANSWER, 'b');
	rig_run(rig);
	assert_int_equal(tls_quota_halves(&rig->node.tls_quota), 2);
	scripted_do_step();
	rig_run(rig);
	assert_int_equal(tls_quota_halves(&rig->node.tls_quota), 1);
	assert_int_equal(scripted.alive, 1);
	expect_bytes(next, "A", 1);
	expect_nothing(next);
}

/* The same at the end of the gateway, where it lies in the mailbox of a worker that has gone. */
static void a_step_may_outlive_the_lines(void **state)
{
	struct rig *rig = *state;
	bring_to(rig, MOMENT_AWAY);
	scripted_do_step();
	serving_end(&rig->workers[0]);
	assert_int_equal(scripted.alive, 1);
}

static int teardown_with_mail(void **state)
{
	int err = rig_teardown(state);
	assert_int_equal(scripted.alive, 0);
	return err;
}

#define CASE(name) RIG_CASE_WITH(name, setup, teardown, 2)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_line_opens),
		CASE(a_newcomer_is_watched_at_the_door_alone),
		CASE(what_lies_behind_is_the_open_lines),
		CASE(a_second_hello_waits_for_its_turn),
		CASE(an_answer_that_is_not_taken_goes_on),
		CASE(a_header_of_a_proxy_comes_first),
		CASE(a_proxy_may_break_off),
		CASE(the_newest_goes_first_in_a_crowd),
		CASE(a_turn_has_few_of_them),
		CASE(those_who_are_in_go_first),
		CASE(no_more_begin_than_may),
		CASE(a_hello_of_three_seconds_is_dropped),
		CASE(many_are_dropped_a_few_at_a_time),
		CASE(who_lets_us_wait_gives_way),
		CASE(who_says_a_little_gives_way_too),
		CASE(a_request_in_plain_is_answered_so),
		CASE(a_request_in_plain_is_read_to_its_end),
		CASE(who_speaks_neither_is_closed),
		CASE(who_finds_no_place_gets_an_alert),
		CASE(of_the_reserve_he_is_told_503),
		CASE(a_place_may_have_become_free),
		CASE(failures_have_their_reasons),
		CASE(an_alert_arrives),
		CASE(without_memory_it_ends),
		CASE(its_client_may_hang_up_at_any_moment),
		CASE(its_line_may_break_at_any_moment),
		CASE(its_deadline_may_pass_at_any_moment),
		CASE(who_was_answered_is_told_by_a_sealed_alert),
		CASE(who_could_not_read_it_is_told_nothing),
		CASE(bytes_timed_at_ticks_put_off_little),
		CASE(nobody_is_shed_for_his_handshake),
		CASE(who_is_shed_is_told_nothing_in_plain),
		CASE(a_dead_line_has_no_turn),
		CASE(a_drain_ends_it),
		CASE(who_has_not_begun_may_go_on_elsewhere),
		CASE(the_reserve_goes_on_elsewhere),
		CASE(what_takes_long_is_a_threads),
		CASE(what_comes_meanwhile_is_not_forgotten),
		CASE(half_a_record_is_nothing_for_a_thread),
		CASE(others_wait_for_a_thread),
		CASE(a_step_comes_back_to_nobody),
		RIG_CASE_WITH(a_step_may_outlive_the_lines, setup, teardown_with_mail, 2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
