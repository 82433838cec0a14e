/* The state machine of the client on a virtual clock. The faults of the tutorial's SDK that a
 * native client can have are tested by their numbers in FAULTS.md. */
#include "client_bench.h"

#include <errno.h>

/* ---- A life in good order. */

static void login_message_logout(void **state)
{
	struct bench bench;
	struct message message;

	bench_begin(&bench);
	bench_login(&bench);
	bench_expect(&bench, "CONNECTING:ok");
	bench_open(&bench);
	bench_expect(&bench, "CONNECTED:ok");
	bench_text(&bench, "hi -- FROM alice");
	bench_expect(&bench, "<hi -- FROM alice>");
	assert_int_equal(core_send_text(bench.core, "hello", 5), TG_OK);
	core_logout(bench.core, bench.now_ms);
	bench_expect(&bench, "CLOSING:ok");
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_TEXT);
	assert_int_equal(message.len, 5);
	assert_memory_equal(message.data, "hello", 5);
	bench_expect_sent_close(&bench, 1000);
	bench_close(&bench, 1000, "");
	bench_expect(&bench, "CLOSED:ok");
	assert_int_not_equal(core_wanted_line(bench.core), 0);
	bench_eof(&bench);
	assert_int_equal(core_wanted_line(bench.core), 0);
	bench_end(&bench);
}

static void the_request_is_that_of_the_protocol(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench_login(&bench);
	core_transport_opened(bench.core, core_wanted_line(bench.core), bench.now_ms);
	bench_pull(&bench);
	bench.sent[bench.sent_len] = '\0';
	const char *request = (const char *)bench.sent;
	assert_ptr_equal(strstr(request, "GET /?user=bob HTTP/1.1\r\n"), request);
	assert_non_null(strstr(request, "\r\nHost: gate:8000\r\n"));
	assert_non_null(strstr(request, "\r\nUpgrade: websocket\r\n"));
	assert_non_null(strstr(request, "\r\nConnection: Upgrade\r\n"));
	assert_non_null(strstr(request, "\r\nSec-WebSocket-Version: 13\r\n"));
	assert_null(strstr(request, "Extensions"));
	assert_string_equal(request + strlen(request) - 4, "\r\n\r\n");
	bench_end(&bench);
}

static void each_line_has_a_key_of_its_own(void **state)
{
	struct bench bench;
	char first[ACCEPT_KEY_LEN + 1];

	bench_begin_connected(&bench);
	memcpy(first, bench.key, sizeof first);
	bench_eof(&bench);
	bench_pass(&bench, bench.delay_ms);
	bench_connect(&bench);
	assert_string_not_equal(first, bench.key);
	bench_end(&bench);
}

/* ---- Heartbeat and silence. */

static void a_ping_every_50_s_and_nothing_else(void **state)
{
	struct bench bench;
	struct message message;

	bench_begin_connected(&bench);
	for (unsigned beat = 1; beat <= 20; beat++) {
		bench_pass(&bench, 49999);
		assert_int_equal(bench_sent(&bench, &message), MESSAGE_MORE);
		bench_pass(&bench, 1);
		assert_int_equal(bench_sent(&bench, &message), MESSAGE_PING);
		bench_frame(&bench, FRAME_PONG, message.data, message.len);
		assert_int_equal(bench_sent(&bench, &message), MESSAGE_MORE);
		assert_int_equal(core_stats(bench.core)->pongs, beat);
	}
	bench_expect(&bench, "");
	bench_end(&bench);
}

static void three_silent_intervals_end_the_line(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench.notes_events = true;
	bench_pass(&bench, 149999);
	bench_expect(&bench, "ping=1 ping=2");
	bench_pass(&bench, 1);
	bench_expect(&bench, "error:io-timeout hangup=0 RECONNECTING:io-timeout retry");
	/* Fault 4: the old line is gone at once. */
	assert_int_equal(core_wanted_line(bench.core), 0);
	bench_end(&bench);
}

static void any_frame_ends_a_silence_but_no_part_of_one(void **state)
{
	static const struct {
		uint8_t opcode;
		const char *payload;
	} frames[] = {{FRAME_TEXT, "x"}, {FRAME_PING, ""}, {FRAME_PONG, "unasked"}};

	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		struct bench bench;
		bench_begin_connected(&bench);
		bench_pass(&bench, 149000);
		bench_frame(&bench, frames[i].opcode, frames[i].payload, strlen(frames[i].payload));
		bench_pass(&bench, 149999);
		assert_int_equal(core_state(bench.core), TG_STATE_CONNECTED);
		bench_pass(&bench, 1);
		assert_int_equal(core_state(bench.core), TG_STATE_RECONNECTING);
		bench_end(&bench);
	}

	struct bench bench;
	bench_begin_connected(&bench);
	bench_pass(&bench, 149000);
	bench_feed(&bench, "\x81\x05hel", 5);
	bench_pass(&bench, 1000);
	assert_int_equal(core_state(bench.core), TG_STATE_RECONNECTING);
	bench_end(&bench);
}

static void heartbeat_and_deadline_can_be_off(void **state)
{
	struct bench bench;
	struct message message;

	bench_begin(&bench);
	bench.options.heartbeat_ms = 0;
	bench.options.read_deadline_ms = 0;
	bench_login(&bench);
	bench_open(&bench);
	assert_true(core_next_deadline(bench.core) == CORE_NEVER);
	bench_pass(&bench, 1000000);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_MORE);
	assert_int_equal(core_state(bench.core), TG_STATE_CONNECTED);
	bench_end(&bench);
}

static void a_round_trip_is_measured_for_the_newest_ping_only(void **state)
{
	struct bench bench;
	struct message message;
	uint8_t first[16];

	bench_begin_connected(&bench);
	bench.notes_events = true;
	bench_pass(&bench, 50000);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_PING);
	const size_t len = message.len;
	assert_true(len <= sizeof first);
	memcpy(first, message.data, len);
	bench_pass(&bench, 50000);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_PING);
	bench_forget(&bench);
	bench_frame(&bench, FRAME_PONG, first, len);
	bench_expect(&bench, "");
	bench_pass(&bench, 70);
	bench_frame(&bench, FRAME_PONG, message.data, message.len);
	bench_expect(&bench, "pong=70");
	assert_int_equal(core_stats(bench.core)->rtt_ms, 70);
	bench_end(&bench);
}

static void pings_are_answered(void **state)
{
	struct bench bench;
	struct message message;

	bench_begin_connected(&bench);
	bench_frame(&bench, FRAME_PING, "abc", 3);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_PONG);
	assert_int_equal(message.len, 3);
	assert_memory_equal(message.data, "abc", 3);
	/* Of two that come before anything can be sent, the newer one. */
	bench_frame(&bench, FRAME_PING, "1", 1);
	bench_frame(&bench, FRAME_PING, "2", 1);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_PONG);
	assert_memory_equal(message.data, "2", 1);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_MORE);
	bench_end(&bench);
}

/* ---- Sleep: fault 13 in its native form. */

static void a_sleep_is_followed_by_a_probe(void **state)
{
	struct bench bench;
	struct message message;

	bench_begin_connected(&bench);
	bench.notes_events = true;
	bench_sleep(&bench, 3600000);
	bench_expect(&bench, "probe=5000 ping=1");
	assert_int_equal(core_state(bench.core), TG_STATE_CONNECTED);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_PING);
	bench_pass(&bench, 4999);
	bench_frame(&bench, FRAME_PONG, message.data, message.len);
	bench_expect(&bench, "pong=4999");
	bench_pass(&bench, 45000);
	bench_expect(&bench, "");
	bench_pass(&bench, 1);
	bench_expect(&bench, "ping=2");
	bench_end(&bench);
}

static void a_line_that_does_not_answer_a_probe_is_given_up(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench_sleep(&bench, 3600000);
	bench_pass(&bench, 4999);
	assert_int_equal(core_state(bench.core), TG_STATE_CONNECTED);
	bench_pass(&bench, 1);
	bench_expect(&bench, "error:io-timeout RECONNECTING:io-timeout");
	bench_end(&bench);
}

static void a_client_that_always_ticks_late_still_finds_a_dead_line(void **state)
{
	struct bench bench;
	unsigned ticks = 0;

	bench_begin_connected(&bench);
	while (core_state(bench.core) == TG_STATE_CONNECTED && ticks < 10) {
		bench_sleep(&bench, 400000);
		ticks++;
	}
	assert_int_equal(ticks, 2);
	bench_end(&bench);
}

static void a_tick_somewhat_late_is_no_sleep(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench.notes_events = true;
	bench_sleep(&bench, 100000);
	bench_expect(&bench, "ping=1");
	bench_end(&bench);
}

static void the_application_can_ask_for_a_probe(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench.notes_events = true;
	core_probe(bench.core, bench.now_ms);
	bench_expect(&bench, "probe=5000 ping=1");
	bench_pass(&bench, 3000);
	core_probe(bench.core, bench.now_ms); /* gives it no more time */
	bench_expect(&bench, "");
	bench_pass(&bench, 2000);
	bench_expect(&bench, "error:io-timeout hangup=0 RECONNECTING:io-timeout retry");
	const uint64_t before = core_next_deadline(bench.core);
	core_probe(bench.core, bench.now_ms);
	assert_true(core_next_deadline(bench.core) < before);
	assert_true(core_next_deadline(bench.core) <= bench.now_ms + 1000);
	bench_end(&bench);

	bench_begin(&bench);
	core_probe(bench.core, bench.now_ms);
	bench_expect(&bench, "");
	assert_true(core_next_deadline(bench.core) == CORE_NEVER);
	bench_end(&bench);
}

/* ---- The line comes back. */

static void a_lost_line_comes_back(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench_pass(&bench, 6000);
	bench_eof(&bench);
	bench_expect(&bench, "error:lost RECONNECTING:lost");
	assert_in_range(bench.delay_ms, 2000, 10000);
	bench_pass(&bench, bench.delay_ms - 1);
	assert_int_equal(core_wanted_line(bench.core), 0);
	bench_pass(&bench, 1);
	assert_int_not_equal(core_wanted_line(bench.core), 0);
	bench_open(&bench);
	bench_expect(&bench, "CONNECTED:ok");
	bench_end(&bench);
}

/* Fault 1: success is not the opening of a line. */
static void a_server_that_accepts_and_closes_is_not_hammered(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench_login(&bench);
	const uint64_t until = bench.now_ms + 3000;
	while (bench.now_ms < until && core_state(bench.core) != TG_STATE_CLOSED) {
		if (core_wanted_line(bench.core) != 0) {
			bench_open(&bench);
			bench_eof(&bench);
		}
		bench_pass(&bench, 1);
	}
	assert_in_range(core_stats(bench.core)->dials, 1, 3);

	/* And it is not dialed for ever. */
	while (core_state(bench.core) != TG_STATE_CLOSED) {
		if (core_wanted_line(bench.core) != 0) {
			bench_open(&bench);
			bench_eof(&bench);
		}
		bench_pass(&bench, 100);
	}
	assert_int_equal(core_stats(bench.core)->dials, 11);
	bench_end(&bench);
}

static void a_server_that_asks_for_0_ms_each_time_is_not_hammered(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench_close(&bench, 1012, "retry_ms=0");
	assert_int_equal(bench.delay_ms, 0);
	bench_pass(&bench, 0);
	for (unsigned attempt = 2; attempt <= 10; attempt++) {
		bench_open(&bench);
		bench_close(&bench, 1012, "retry_ms=0");
		assert_in_range(bench.delay_ms, 2000, 9999);
		bench_pass(&bench, bench.delay_ms);
	}
	bench_end(&bench);
}

/* Fault 2. */
static void a_kick_is_final(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench_close(&bench, 4001, "kicked");
	bench_expect(&bench, "error:kicked CLOSED:kicked");
	bench_expect_sent_close(&bench, 4001);
	bench_pass(&bench, 10000000);
	assert_int_equal(core_stats(bench.core)->dials, 1);
	assert_int_equal(core_wanted_line(bench.core), 0);
	assert_true(core_next_deadline(bench.core) == CORE_NEVER);
	bench_end(&bench);
}

static void nothing_is_heard_after_a_logout(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	core_logout(bench.core, bench.now_ms);
	bench_text(&bench, "late");
	bench_expect(&bench, "CLOSING:ok");
	bench_close(&bench, 1000, "");
	bench_expect(&bench, "CLOSED:ok");
	bench_end(&bench);
}

/* Fault 3. */
static void a_login_after_long_idling_makes_one_line(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	core_logout(bench.core, bench.now_ms);
	bench_close(&bench, 1000, "");
	bench_eof(&bench);
	bench_pass(&bench, 10000000);
	bench_login(&bench);
	bench_open(&bench);
	bench_pass(&bench, 10000);
	assert_int_equal(core_state(bench.core), TG_STATE_CONNECTED);
	assert_int_equal(core_stats(bench.core)->dials, 2);
	bench_end(&bench);
}

/* Fault 5. */
static void old_timers_do_not_outlive_their_line(void **state)
{
	struct bench bench;
	struct message message;

	bench_begin_connected(&bench);
	for (unsigned drop = 0; drop < 4; drop++) {
		bench_eof(&bench);
		bench_pass(&bench, bench.delay_ms);
		bench_open(&bench);
	}
	const uint64_t before = core_stats(bench.core)->pings;
	for (unsigned beat = 0; beat < 10; beat++) {
		bench_pass(&bench, 50000);
		while (bench_sent(&bench, &message) == MESSAGE_PING) {
			bench_frame(&bench, FRAME_PONG, message.data, message.len);
		}
	}
	assert_int_equal(core_stats(bench.core)->pings - before, 10);
	bench_end(&bench);
}

/* Fault 6. */
static void late_events_of_an_older_line_are_passed_over(void **state)
{
	struct bench bench;
	uint8_t text[] = "\x81\x04late";
	uint8_t kick[] = "\x88\x02\x0f\xa1";

	bench_begin_connected(&bench);
	const uint32_t old = core_wanted_line(bench.core);
	bench_eof(&bench);
	bench_pass(&bench, bench.delay_ms);
	bench_open(&bench);
	bench_forget(&bench);
	core_feed(bench.core, old, text, sizeof text - 1, bench.now_ms);
	core_feed(bench.core, old, kick, sizeof kick - 1, bench.now_ms);
	core_transport_ended(bench.core, old, bench.now_ms);
	core_transport_failed(bench.core, old, TG_ERR_LOST, 104, bench.now_ms);
	core_transport_opened(bench.core, old, bench.now_ms);
	core_transport_trying(bench.core, old, bench.now_ms);
	core_advance(bench.core, old, 1);
	bench_expect(&bench, "");
	assert_int_equal(core_state(bench.core), TG_STATE_CONNECTED);
	bench_end(&bench);
}

/* Fault 7. */
static void an_error_and_an_end_make_one_attempt(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	const uint32_t line = core_wanted_line(bench.core);
	core_transport_failed(bench.core, line, TG_ERR_LOST, 104, bench.now_ms);
	core_transport_ended(bench.core, line, bench.now_ms);
	bench_expect(&bench, "error:lost RECONNECTING:lost");
	bench_pass(&bench, bench.delay_ms);
	assert_int_equal(core_stats(bench.core)->dials, 2);
	bench_end(&bench);
}

/* Fault 8. */
static void a_logout_while_waiting_is_not_undone(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench_eof(&bench);
	bench_forget(&bench);
	core_logout(bench.core, bench.now_ms);
	bench_expect(&bench, "CLOSING:ok CLOSED:ok");
	bench_pass(&bench, 10000000);
	bench_expect(&bench, "");
	assert_int_equal(core_stats(bench.core)->dials, 1);
	bench_end(&bench);
}

/* Fault 9, in each phase of the login. */
static void a_logout_during_login_wins(void **state)
{
	for (unsigned phase = 0; phase < 3; phase++) {
		struct bench bench;
		bench_begin(&bench);
		bench_login(&bench);
		bench_forget(&bench);
		const uint32_t line = core_wanted_line(bench.core);
		char answer[256] = "";
		if (phase >= 1) {
			bench_connect(&bench);
		}
		size_t len = bench_answer(&bench, answer, sizeof answer);
		if (phase >= 2) {
			bench_feed(&bench, answer, len - 1);
		}
		core_logout(bench.core, bench.now_ms);
		bench_expect(&bench, "CLOSING:ok CLOSED:aborted");
		assert_int_equal(core_wanted_line(bench.core), 0);
		core_feed(bench.core, line, (uint8_t *)answer, len, bench.now_ms);
		core_transport_opened(bench.core, line, bench.now_ms);
		bench_pass(&bench, 1000000);
		bench_expect(&bench, "");
		assert_int_equal(core_stats(bench.core)->dials, 1);
		bench_end(&bench);
	}
}

/* Fault 10. */
static void logins_at_a_time_share_one_line(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench_login(&bench);
	bench_login(&bench);
	bench_login(&bench);
	bench_open(&bench);
	bench_login(&bench);
	bench_expect(&bench, "CONNECTING:ok CONNECTED:ok");
	assert_int_equal(core_stats(bench.core)->dials, 1);
	bench_end(&bench);
}

/* Fault 11. */
static void a_login_out_of_time_leaves_nothing_running(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench_login(&bench);
	bench_pass(&bench, 4999);
	assert_false(core_wants_next_address(bench.core));
	bench_pass(&bench, 1);
	bench_expect(&bench, "CONNECTING:ok error:connect-timeout CLOSED:connect-timeout");
	assert_int_equal(core_wanted_line(bench.core), 0);
	bench_end(&bench);

	/* Connected, but without an answer. */
	bench_begin(&bench);
	bench_login(&bench);
	bench_pass(&bench, 4000);
	bench_connect(&bench);
	bench_pass(&bench, 4999);
	assert_int_equal(core_state(bench.core), TG_STATE_CONNECTING);
	bench_pass(&bench, 1);
	bench_expect(&bench, "CONNECTING:ok error:connect-timeout CLOSED:connect-timeout");
	assert_int_equal(core_wanted_line(bench.core), 0);
	bench_end(&bench);
}

static void each_address_has_its_time(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench_login(&bench);
	for (unsigned address = 0; address < 3; address++) {
		bench.now_ms += 5000;
		core_tick(bench.core, bench.now_ms);
		assert_true(core_wants_next_address(bench.core));
		assert_true(core_next_deadline(bench.core) == CORE_NEVER);
		core_transport_trying(bench.core, core_wanted_line(bench.core), bench.now_ms);
		assert_false(core_wants_next_address(bench.core));
		assert_true(core_next_deadline(bench.core) == bench.now_ms + 5000);
	}
	bench_open(&bench);
	bench_expect(&bench, "CONNECTING:ok CONNECTED:ok");
	bench_end(&bench);
}

/* Fault 15: nothing is left to wait for. */
static void nothing_is_left_after_a_logout(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	core_logout(bench.core, bench.now_ms);
	assert_true(core_next_deadline(bench.core) == bench.now_ms + 1500);
	bench_pass(&bench, 1499);
	bench_expect(&bench, "CLOSING:ok");
	bench_pass(&bench, 1);
	bench_expect(&bench, "CLOSED:ok");
	assert_int_equal(core_wanted_line(bench.core), 0);
	assert_true(core_next_deadline(bench.core) == CORE_NEVER);
	bench_end(&bench);
}

/* ---- Attempts. */

static void ten_attempts_and_no_more(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench_eof(&bench);
	for (unsigned attempt = 1; attempt <= 10; attempt++) {
		assert_int_equal(core_stats(bench.core)->attempt, attempt);
		assert_in_range(bench.delay_ms, 2000, 9999);
		bench_forget(&bench);
		bench_pass(&bench, bench.delay_ms);
		bench_fail(&bench, TG_ERR_UNREACHABLE, 111);
	}
	bench_expect(&bench, "error:unreachable CLOSED:unreachable");
	assert_string_equal(core_detail(bench.core), "Connection refused");
	assert_int_equal(core_stats(bench.core)->dials, 11);
	bench_pass(&bench, 10000000);
	bench_expect(&bench, "");
	bench_end(&bench);
}

static void attempts_can_be_without_end_or_none(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench.options.reconnect_attempts = TG_ATTEMPTS_INFINITE;
	bench_login(&bench);
	bench_open(&bench);
	bench_eof(&bench);
	for (unsigned attempt = 0; attempt < 1000; attempt++) {
		bench_forget(&bench);
		bench_pass(&bench, bench.delay_ms);
		bench_fail(&bench, TG_ERR_UNREACHABLE, 111);
	}
	assert_int_equal(core_state(bench.core), TG_STATE_RECONNECTING);
	bench_end(&bench);

	bench_begin(&bench);
	bench.options.reconnect_attempts = 0;
	bench_login(&bench);
	bench_open(&bench);
	bench_forget(&bench);
	bench_eof(&bench);
	bench_expect(&bench, "error:lost CLOSED:lost");
	bench_end(&bench);
}

static void the_count_starts_anew_after_5_s(void **state)
{
	for (unsigned uptime_ms = 4999; uptime_ms <= 5000; uptime_ms++) {
		struct bench bench;
		bench_begin_connected(&bench);
		bench_eof(&bench);
		bench_pass(&bench, bench.delay_ms);
		bench_fail(&bench, TG_ERR_UNREACHABLE, 111);
		bench_pass(&bench, bench.delay_ms);
		bench_open(&bench);
		bench_pass(&bench, uptime_ms);
		bench_eof(&bench);
		assert_int_equal(core_stats(bench.core)->attempt, uptime_ms < 5000 ? 3 : 1);
		bench_end(&bench);
	}
}

static void delays_are_spread_over_the_whole_range(void **state)
{
	unsigned buckets[8] = {0};
	struct bench bench;

	bench_begin(&bench);
	bench.options.reconnect_attempts = TG_ATTEMPTS_INFINITE;
	bench_login(&bench);
	bench_open(&bench);
	bench_eof(&bench);
	for (unsigned attempt = 0; attempt < 8000; attempt++) {
		assert_in_range(bench.delay_ms, 2000, 9999);
		buckets[(bench.delay_ms - 2000) / 1000]++;
		bench_forget(&bench);
		bench_pass(&bench, bench.delay_ms);
		bench_fail(&bench, TG_ERR_UNREACHABLE, 111);
	}
	for (size_t i = 0; i < 8; i++) {
		assert_in_range(buckets[i], 850, 1150);
	}
	bench_end(&bench);
}

static void a_first_attempt_is_repeated_when_asked_for(void **state)
{
	static const enum tg_status wants[] = {
		TG_ERR_RESOLVE, TG_ERR_UNREACHABLE, TG_ERR_CONNECT_TIMEOUT, TG_ERR_LOST};

	for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
		struct bench bench;
		bench_begin(&bench);
		bench.options.retry_login = true;
		bench_login(&bench);
		bench_fail(&bench, wants[i], 0);
		assert_int_equal(core_state(bench.core), TG_STATE_RECONNECTING);
		bench_pass(&bench, bench.delay_ms);
		bench_open(&bench);
		bench_end(&bench);
	}
}

/* ---- A token. */

static void a_token_is_asked_for_once(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench.has_token = true;
	bench_close(&bench, 3000, "");
	bench_expect(&bench, "error:auth RECONNECTING:auth");
	assert_int_equal(bench.delay_ms, 0);
	bench_pass(&bench, 0);
	bench_open(&bench);
	bench_pass(&bench, 4999);
	bench_forget(&bench);
	bench_close(&bench, 3000, "");
	bench_expect(&bench, "error:auth CLOSED:auth");
	assert_int_equal(bench.auth_count, 1);
	bench_end(&bench);
}

static void a_token_is_asked_for_again_after_a_success(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench.has_token = true;
	for (unsigned round = 1; round <= 3; round++) {
		bench_pass(&bench, 5000);
		bench_close(&bench, 3000, "");
		assert_int_equal(bench.auth_count, round);
		bench_pass(&bench, 0);
		bench_open(&bench);
	}
	bench_end(&bench);
}

/* Between the Close and the change of state that follows. */
static void send_on_close(struct bench *bench, enum notice_kind kind, const void *told)
{
	const struct tg_event *event = told;
	if (kind == NOTICE_EVENT && event->kind == TG_EVENT_CLOSE) {
		assert_int_equal(core_state(bench->core), TG_STATE_CONNECTED);
		assert_int_equal(core_send_text(bench->core, "x", 1), TG_ERR_NOT_CONNECTED);
		core_probe(bench->core, bench->now_ms);
	}
}

static void nothing_is_sent_while_a_token_is_asked_for(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench.has_token = true;
	bench.inside = send_on_close;
	bench_close(&bench, 3000, "");
	bench_expect(&bench, "error:auth RECONNECTING:auth");
	bench_expect_sent_close(&bench, 3000);
	bench_end(&bench);
}

static void without_a_token_it_stays_closed(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	bench_close(&bench, 3000, "expired");
	bench_expect(&bench, "error:auth CLOSED:auth");
	assert_string_equal(core_detail(bench.core), "Close 3000 expired");
	bench_end(&bench);
}

/* ---- Many lives. */

/* ---- A kernel without random bytes. */

static int no_bytes(void *data, uint8_t *ret_bytes, size_t len)
{
	return -ENOSYS;
}

static void take_entropy_away(struct bench *bench)
{
	core_entropy(bench->core)->fetch = no_bytes;
	core_entropy(bench->core)->left = 0;
}

static void without_random_bytes_there_is_no_login(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	take_entropy_away(&bench);
	bench_login(&bench);
	bench_expect(
		&bench, "CONNECTING:ok error:a system call failed CLOSED:a system call failed");
	assert_int_equal(core_wanted_line(bench.core), 0);
	bench_end(&bench);
}

/* A frame that cannot be masked is not sent, and the line ends as a silent one. */
static void without_random_bytes_nothing_is_sent(void **state)
{
	struct bench bench;
	struct message message;

	bench_begin_connected(&bench);
	take_entropy_away(&bench);
	assert_int_equal(core_send_text(bench.core, "x", 1), TG_ERR_SYSTEM);
	assert_int_equal(core_send_packet(bench.core, 102, "x", 1), TG_ERR_SYSTEM);
	assert_int_equal(core_stats(bench.core)->messages_sent, 0);
	bench_frame(&bench, FRAME_PING, "abc", 3);
	bench_pass(&bench, 149999);
	assert_int_equal(core_stats(bench.core)->pings, 0);
	assert_int_equal(bench_sent(&bench, &message), MESSAGE_MORE);
	bench_pass(&bench, 1);
	bench_expect(&bench, "error:io-timeout RECONNECTING:io-timeout");

	/* Each attempt fails and is followed by a wait, until the kernel has some again. */
	bench_pass(&bench, bench.delay_ms);
	assert_int_equal(core_state(bench.core), TG_STATE_RECONNECTING);
	assert_int_equal(core_stats(bench.core)->attempt, 2);
	assert_int_equal(core_wanted_line(bench.core), 0);
	core_entropy(bench.core)->fetch = bench_random;
	bench_forget(&bench);
	while (core_wanted_line(bench.core) == 0) {
		bench_pass(&bench, 1);
	}
	bench_open(&bench);
	bench_expect(&bench, "CONNECTED:ok");
	bench_end(&bench);
}

static void without_random_bytes_a_logout_cuts_the_line(void **state)
{
	struct bench bench;

	bench_begin_connected(&bench);
	take_entropy_away(&bench);
	core_logout(bench.core, bench.now_ms);
	bench_expect(&bench, "CLOSING:ok CLOSED:ok");
	assert_int_equal(core_wanted_line(bench.core), 0);
	bench_end(&bench);
}

static void ten_thousand_reconnects(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench.options.reconnect_attempts = TG_ATTEMPTS_INFINITE;
	bench_login(&bench);
	for (unsigned round = 0; round < 10000; round++) {
		bench_open(&bench);
		assert_int_equal(core_send_text(bench.core, "x", 1), TG_OK);
		bench_forget(&bench);
		switch (round % 4) {
		case 0:
			bench_eof(&bench);
			break;
		case 1:
			bench_close(&bench, 1012, "retry_ms=100");
			break;
		case 2:
			bench_feed(&bench, "\x81\x7e", 2);
			bench_fail(&bench, TG_ERR_LOST, 104);
			break;
		default:
			bench_pass(&bench, 150000);
			break;
		}
		bench_pass(&bench, bench.delay_ms);
		while (core_wanted_line(bench.core) == 0) {
			bench_pass(&bench, 1);
		}
	}
	assert_int_equal(core_stats(bench.core)->lines, 10000);
	assert_int_equal(core_stats(bench.core)->dials, 10001);
	bench_end(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(login_message_logout),
		cmocka_unit_test(the_request_is_that_of_the_protocol),
		cmocka_unit_test(each_line_has_a_key_of_its_own),
		cmocka_unit_test(a_ping_every_50_s_and_nothing_else),
		cmocka_unit_test(three_silent_intervals_end_the_line),
		cmocka_unit_test(any_frame_ends_a_silence_but_no_part_of_one),
		cmocka_unit_test(heartbeat_and_deadline_can_be_off),
		cmocka_unit_test(a_round_trip_is_measured_for_the_newest_ping_only),
		cmocka_unit_test(pings_are_answered),
		cmocka_unit_test(a_sleep_is_followed_by_a_probe),
		cmocka_unit_test(a_line_that_does_not_answer_a_probe_is_given_up),
		cmocka_unit_test(a_client_that_always_ticks_late_still_finds_a_dead_line),
		cmocka_unit_test(a_tick_somewhat_late_is_no_sleep),
		cmocka_unit_test(the_application_can_ask_for_a_probe),
		cmocka_unit_test(a_lost_line_comes_back),
		cmocka_unit_test(a_server_that_accepts_and_closes_is_not_hammered),
		cmocka_unit_test(a_server_that_asks_for_0_ms_each_time_is_not_hammered),
		cmocka_unit_test(a_kick_is_final),
		cmocka_unit_test(nothing_is_heard_after_a_logout),
		cmocka_unit_test(a_login_after_long_idling_makes_one_line),
		cmocka_unit_test(old_timers_do_not_outlive_their_line),
		cmocka_unit_test(late_events_of_an_older_line_are_passed_over),
		cmocka_unit_test(an_error_and_an_end_make_one_attempt),
		cmocka_unit_test(a_logout_while_waiting_is_not_undone),
		cmocka_unit_test(a_logout_during_login_wins),
		cmocka_unit_test(logins_at_a_time_share_one_line),
		cmocka_unit_test(a_login_out_of_time_leaves_nothing_running),
		cmocka_unit_test(each_address_has_its_time),
		cmocka_unit_test(nothing_is_left_after_a_logout),
		cmocka_unit_test(ten_attempts_and_no_more),
		cmocka_unit_test(attempts_can_be_without_end_or_none),
		cmocka_unit_test(the_count_starts_anew_after_5_s),
		cmocka_unit_test(delays_are_spread_over_the_whole_range),
		cmocka_unit_test(a_first_attempt_is_repeated_when_asked_for),
		cmocka_unit_test(a_token_is_asked_for_once),
		cmocka_unit_test(a_token_is_asked_for_again_after_a_success),
		cmocka_unit_test(nothing_is_sent_while_a_token_is_asked_for),
		cmocka_unit_test(without_a_token_it_stays_closed),
		cmocka_unit_test(without_random_bytes_there_is_no_login),
		cmocka_unit_test(without_random_bytes_nothing_is_sent),
		cmocka_unit_test(without_random_bytes_a_logout_cuts_the_line),
		cmocka_unit_test(ten_thousand_reconnects),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
