/* The state machine of the client on a virtual clock. The faults of the tutorial's SDK that a
 * native client can have are tested by their numbers in FAULTS.md. */
#include "client_rig.h"

#include <errno.h>

#include "../../tools/client/backoff.h"

/* --- A life in good order -------------------------------------------------------------------- */

static void login_message_logout(void **state)
{
	struct rig rig;
	struct message message;

	rig_begin(&rig);
	rig_login(&rig);
	rig_expect(&rig, "CONNECTING:ok");
	rig_open(&rig);
	rig_expect(&rig, "CONNECTED:ok");
	rig_text(&rig, "hi -- FROM alice");
	rig_expect(&rig, "<hi -- FROM alice>");
	assert_int_equal(orders_send_text(&rig.login, "hello", 5), TG_OK);
	orders_log_out(&rig.login, rig.now_ms);
	rig_expect(&rig, "CLOSING:ok");
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_TEXT);
	assert_int_equal(message.len, 5);
	assert_memory_equal(message.data, "hello", 5);
	rig_expect_sent_close(&rig, 1000);
	rig_close(&rig, 1000, "");
	rig_expect(&rig, "CLOSED:ok");
	assert_int_not_equal(wire_wanted_line(&rig.login), 0);
	rig_eof(&rig);
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);
}

static void the_request_is_that_of_the_protocol(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig_login(&rig);
	wire_opened(&rig.login, wire_wanted_line(&rig.login), rig.now_ms);
	rig_pull(&rig);
	rig.sent[rig.sent_len] = '\0';
	const char *request = (const char *)rig.sent;
	assert_ptr_equal(strstr(request, "GET /?user=bob HTTP/1.1\r\n"), request);
	assert_non_null(strstr(request, "\r\nHost: gate:8000\r\n"));
	assert_non_null(strstr(request, "\r\nUpgrade: websocket\r\n"));
	assert_non_null(strstr(request, "\r\nConnection: Upgrade\r\n"));
	assert_non_null(strstr(request, "\r\nSec-WebSocket-Version: 13\r\n"));
	assert_null(strstr(request, "Extensions"));
	assert_string_equal(request + strlen(request) - 4, "\r\n\r\n");
	rig_end(&rig);
}

static void each_line_has_a_key_of_its_own(void **state)
{
	struct rig rig;
	char first[ACCEPT_KEY_LEN + 1];

	rig_begin_connected(&rig);
	memcpy(first, rig.key, sizeof(first));
	rig_eof(&rig);
	rig_pass(&rig, rig.delay_ms);
	rig_connect(&rig);
	assert_string_not_equal(first, rig.key);
	rig_end(&rig);
}

/* --- heartbeat and silence ------------------------------------------------------------------- */

static void a_ping_every_50_s_and_nothing_else(void **state)
{
	struct rig rig;
	struct message message;

	rig_begin_connected(&rig);
	for (unsigned beat = 1; beat <= 20; beat++) {
		rig_pass(&rig, 49999);
		assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
		rig_pass(&rig, 1);
		assert_int_equal(rig_sent(&rig, &message), MESSAGE_PING);
		rig_frame(&rig, FRAME_PONG, message.data, message.len);
		assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
		assert_int_equal(rig.login.stats.pongs, beat);
	}
	rig_expect(&rig, "");
	rig_end(&rig);
}

static void three_silent_intervals_end_the_line(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig.notes_events = true;
	rig_pass(&rig, 149999);
	rig_expect(&rig, "ping=1 ping=2");
	rig_pass(&rig, 1);
	rig_expect(&rig, "error:io-timeout hangup=0 RECONNECTING:io-timeout retry");
	/* Fault 4: the old line is gone at once. */
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);
}

static void any_frame_ends_a_silence_but_no_part_of_one(void **state)
{
	static const struct {
		uint8_t opcode;
		const char *payload;
	} frames[] = {{FRAME_TEXT, "x"}, {FRAME_PING, ""}, {FRAME_PONG, "unasked"}};

	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct rig rig;
		rig_begin_connected(&rig);
		rig_pass(&rig, 149000);
		rig_frame(&rig, frames[i].opcode, frames[i].payload, strlen(frames[i].payload));
		rig_pass(&rig, 149999);
		assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
		rig_pass(&rig, 1);
		assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
		rig_end(&rig);
	}

	struct rig rig;
	rig_begin_connected(&rig);
	rig_pass(&rig, 149000);
	rig_feed(&rig, "\x81\x05hel", 5);
	rig_pass(&rig, 1000);
	assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
	rig_end(&rig);
}

static void heartbeat_and_deadline_can_be_off(void **state)
{
	struct rig rig;
	struct message message;

	rig_begin(&rig);
	rig.options.heartbeat_ms = 0;
	rig.options.read_deadline_ms = 0;
	rig_login(&rig);
	rig_open(&rig);
	assert_true(clock_next_deadline(&rig.login) == MOMENT_NEVER);
	rig_pass(&rig, 1000000);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
	assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
	rig_end(&rig);
}

static void a_round_trip_is_measured_for_the_newest_ping_only(void **state)
{
	struct rig rig;
	struct message message;
	uint8_t first[16];

	rig_begin_connected(&rig);
	rig.notes_events = true;
	rig_pass(&rig, 50000);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_PING);
	const size_t len = message.len;
	assert_true(len <= sizeof(first));
	memcpy(first, message.data, len);
	rig_pass(&rig, 50000);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_PING);
	rig_forget(&rig);
	rig_frame(&rig, FRAME_PONG, first, len);
	rig_expect(&rig, "");
	rig_pass(&rig, 70);
	rig_frame(&rig, FRAME_PONG, message.data, message.len);
	rig_expect(&rig, "pong=70");
	assert_int_equal(rig.login.stats.rtt_ms, 70);
	rig_end(&rig);
}

static void pings_are_answered(void **state)
{
	struct rig rig;
	struct message message;

	rig_begin_connected(&rig);
	rig_frame(&rig, FRAME_PING, "abc", 3);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_PONG);
	assert_int_equal(message.len, 3);
	assert_memory_equal(message.data, "abc", 3);
	/* Of two that come before anything can be sent, the newer one. */
	rig_frame(&rig, FRAME_PING, "1", 1);
	rig_frame(&rig, FRAME_PING, "2", 1);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_PONG);
	assert_memory_equal(message.data, "2", 1);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
	rig_end(&rig);
}

/* --- sleep: fault 13 in its native form ------------------------------------------------------ */

static void a_sleep_is_followed_by_a_probe(void **state)
{
	struct rig rig;
	struct message message;

	rig_begin_connected(&rig);
	rig.notes_events = true;
	rig_sleep(&rig, 3600000);
	rig_expect(&rig, "probe=5000 ping=1");
	assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_PING);
	rig_pass(&rig, 4999);
	rig_frame(&rig, FRAME_PONG, message.data, message.len);
	rig_expect(&rig, "pong=4999");
	rig_pass(&rig, 45000);
	rig_expect(&rig, "");
	rig_pass(&rig, 1);
	rig_expect(&rig, "ping=2");
	rig_end(&rig);
}

static void a_line_that_does_not_answer_a_probe_is_given_up(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_sleep(&rig, 3600000);
	rig_pass(&rig, 4999);
	assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
	rig_pass(&rig, 1);
	rig_expect(&rig, "error:io-timeout RECONNECTING:io-timeout");
	rig_end(&rig);
}

static void a_client_that_always_ticks_late_still_finds_a_dead_line(void **state)
{
	struct rig rig;
	unsigned ticks = 0;

	rig_begin_connected(&rig);
	while (rig.login.state == TG_STATE_CONNECTED && ticks < 10) {
		rig_sleep(&rig, 400000);
		ticks++;
	}
	assert_int_equal(ticks, 2);
	rig_end(&rig);
}

static void a_tick_somewhat_late_is_no_sleep(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig.notes_events = true;
	rig_sleep(&rig, 100000);
	rig_expect(&rig, "ping=1");
	rig_end(&rig);
}

static void the_application_can_ask_for_a_probe(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig.notes_events = true;
	orders_probe(&rig.login, rig.now_ms);
	rig_expect(&rig, "probe=5000 ping=1");
	rig_pass(&rig, 3000);
	orders_probe(&rig.login, rig.now_ms); /* gives it no more time */
	rig_expect(&rig, "");
	rig_pass(&rig, 2000);
	rig_expect(&rig, "error:io-timeout hangup=0 RECONNECTING:io-timeout retry");
	const uint64_t before = clock_next_deadline(&rig.login);
	orders_probe(&rig.login, rig.now_ms);
	assert_true(clock_next_deadline(&rig.login) < before);
	assert_true(clock_next_deadline(&rig.login) <= rig.now_ms + 1000);
	rig_end(&rig);

	rig_begin(&rig);
	orders_probe(&rig.login, rig.now_ms);
	rig_expect(&rig, "");
	assert_true(clock_next_deadline(&rig.login) == MOMENT_NEVER);
	rig_end(&rig);
}

/* --- the line comes back --------------------------------------------------------------------- */

static void a_lost_line_comes_back(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_pass(&rig, 6000);
	rig_eof(&rig);
	rig_expect(&rig, "error:lost RECONNECTING:lost");
	assert_in_range(rig.delay_ms, 2000, 10000);
	rig_pass(&rig, rig.delay_ms - 1);
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_pass(&rig, 1);
	assert_int_not_equal(wire_wanted_line(&rig.login), 0);
	rig_open(&rig);
	rig_expect(&rig, "CONNECTED:ok");
	rig_end(&rig);
}

/* Fault 1: success is not the opening of a line. */
static void a_server_that_accepts_and_closes_is_not_hammered(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig_login(&rig);
	const uint64_t until = rig.now_ms + 3000;
	while (rig.now_ms < until && rig.login.state != TG_STATE_CLOSED) {
		if (wire_wanted_line(&rig.login) != 0) {
			rig_open(&rig);
			rig_eof(&rig);
		}
		rig_pass(&rig, 1);
	}
	assert_in_range(rig.login.stats.dials, 1, 3);

	/* And it is not dialed for ever. */
	while (rig.login.state != TG_STATE_CLOSED) {
		if (wire_wanted_line(&rig.login) != 0) {
			rig_open(&rig);
			rig_eof(&rig);
		}
		rig_pass(&rig, 100);
	}
	assert_int_equal(rig.login.stats.dials, 11);
	rig_end(&rig);
}

static void a_server_that_asks_for_0_ms_each_time_is_not_hammered(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_close(&rig, 1012, "retry_ms=0");
	assert_in_range(rig.delay_ms, 0, 7999);
	rig_pass(&rig, rig.delay_ms);
	for (unsigned attempt = 2; attempt <= 10; attempt++) {
		rig_open(&rig);
		rig_close(&rig, 1012, "retry_ms=0");
		assert_in_range(rig.delay_ms, 2000, 9999);
		rig_pass(&rig, rig.delay_ms);
	}
	rig_end(&rig);
}

/* Fault 2. */
static void a_kick_is_final(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_close(&rig, 4001, "kicked");
	rig_expect(&rig, "error:kicked CLOSED:kicked");
	rig_expect_sent_close(&rig, 4001);
	rig_pass(&rig, 10000000);
	assert_int_equal(rig.login.stats.dials, 1);
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	assert_true(clock_next_deadline(&rig.login) == MOMENT_NEVER);
	rig_end(&rig);
}

static void nothing_is_heard_after_a_logout(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	orders_log_out(&rig.login, rig.now_ms);
	rig_text(&rig, "late");
	rig_expect(&rig, "CLOSING:ok");
	rig_close(&rig, 1000, "");
	rig_expect(&rig, "CLOSED:ok");
	rig_end(&rig);
}

/* Fault 3. */
static void a_login_after_long_idling_makes_one_line(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	orders_log_out(&rig.login, rig.now_ms);
	rig_close(&rig, 1000, "");
	rig_eof(&rig);
	rig_pass(&rig, 10000000);
	rig_login(&rig);
	rig_open(&rig);
	rig_pass(&rig, 10000);
	assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
	assert_int_equal(rig.login.stats.dials, 2);
	rig_end(&rig);
}

/* Fault 5. */
static void old_timers_do_not_outlive_their_line(void **state)
{
	struct rig rig;
	struct message message;

	rig_begin_connected(&rig);
	for (unsigned drop = 0; drop < 4; drop++) {
		rig_eof(&rig);
		rig_pass(&rig, rig.delay_ms);
		rig_open(&rig);
	}
	const uint64_t before = rig.login.stats.pings;
	for (unsigned beat = 0; beat < 10; beat++) {
		rig_pass(&rig, 50000);
		while (rig_sent(&rig, &message) == MESSAGE_PING) {
			rig_frame(&rig, FRAME_PONG, message.data, message.len);
		}
	}
	assert_int_equal(rig.login.stats.pings - before, 10);
	rig_end(&rig);
}

/* Fault 6. */
static void late_events_of_an_older_line_are_passed_over(void **state)
{
	struct rig rig;
	uint8_t text[] = "\x81\x04late";
	uint8_t kick[] = "\x88\x02\x0f\xa1";

	rig_begin_connected(&rig);
	const uint32_t old = wire_wanted_line(&rig.login);
	rig_eof(&rig);
	rig_pass(&rig, rig.delay_ms);
	rig_open(&rig);
	rig_forget(&rig);
	wire_feed(&rig.login, old, text, sizeof(text) - 1, rig.now_ms);
	wire_feed(&rig.login, old, kick, sizeof(kick) - 1, rig.now_ms);
	wire_ended(&rig.login, old, rig.now_ms);
	wire_failed(&rig.login, old, TG_ERR_LOST, 104, NULL, rig.now_ms);
	wire_opened(&rig.login, old, rig.now_ms);
	wire_trying(&rig.login, old, rig.now_ms);
	wire_advance(&rig.login, old, 1);
	rig_expect(&rig, "");
	assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
	rig_end(&rig);
}

/* Fault 7. */
static void an_error_and_an_end_make_one_attempt(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	const uint32_t line = wire_wanted_line(&rig.login);
	wire_failed(&rig.login, line, TG_ERR_LOST, 104, NULL, rig.now_ms);
	wire_ended(&rig.login, line, rig.now_ms);
	rig_expect(&rig, "error:lost RECONNECTING:lost");
	rig_pass(&rig, rig.delay_ms);
	assert_int_equal(rig.login.stats.dials, 2);
	rig_end(&rig);
}

/* Fault 8. */
static void a_logout_while_waiting_is_not_undone(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_eof(&rig);
	rig_forget(&rig);
	orders_log_out(&rig.login, rig.now_ms);
	rig_expect(&rig, "CLOSING:ok CLOSED:ok");
	rig_pass(&rig, 10000000);
	rig_expect(&rig, "");
	assert_int_equal(rig.login.stats.dials, 1);
	rig_end(&rig);
}

/* Fault 9, in each phase of the login. */
static void a_logout_during_login_wins(void **state)
{
	for (unsigned phase = 0; phase < 3; phase++) {
		struct rig rig;
		rig_begin(&rig);
		rig_login(&rig);
		rig_forget(&rig);
		const uint32_t line = wire_wanted_line(&rig.login);
		char answer[256] = "";
		if (phase >= 1) {
			rig_connect(&rig);
		}
		size_t len = rig_answer(&rig, answer, sizeof(answer));
		if (phase >= 2) {
			rig_feed(&rig, answer, len - 1);
		}
		orders_log_out(&rig.login, rig.now_ms);
		rig_expect(&rig, "CLOSING:ok CLOSED:aborted");
		assert_int_equal(wire_wanted_line(&rig.login), 0);
		wire_feed(&rig.login, line, (uint8_t *)answer, len, rig.now_ms);
		wire_opened(&rig.login, line, rig.now_ms);
		rig_pass(&rig, 1000000);
		rig_expect(&rig, "");
		assert_int_equal(rig.login.stats.dials, 1);
		rig_end(&rig);
	}
}

/* Fault 10. */
static void logins_at_a_time_share_one_line(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig_login(&rig);
	rig_login(&rig);
	rig_login(&rig);
	rig_open(&rig);
	rig_login(&rig);
	rig_expect(&rig, "CONNECTING:ok CONNECTED:ok");
	assert_int_equal(rig.login.stats.dials, 1);
	rig_end(&rig);
}

/* Fault 11. */
static void a_login_out_of_time_leaves_nothing_running(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig_login(&rig);
	rig_pass(&rig, 4999);
	assert_false(rig.login.wants_next_address);
	rig_pass(&rig, 1);
	rig_expect(&rig, "CONNECTING:ok error:connect-timeout CLOSED:connect-timeout");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);

	/* Connected, but without an answer. */
	rig_begin(&rig);
	rig_login(&rig);
	rig_pass(&rig, 4000);
	rig_connect(&rig);
	rig_pass(&rig, 4999);
	assert_int_equal(rig.login.state, TG_STATE_CONNECTING);
	rig_pass(&rig, 1);
	rig_expect(&rig, "CONNECTING:ok error:connect-timeout CLOSED:connect-timeout");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);
}

static void each_address_has_its_time(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig_login(&rig);
	for (unsigned address = 0; address < 3; address++) {
		rig.now_ms += 5000;
		clock_tick(&rig.login, rig.now_ms);
		assert_true(rig.login.wants_next_address);
		assert_true(clock_next_deadline(&rig.login) == MOMENT_NEVER);
		wire_trying(&rig.login, wire_wanted_line(&rig.login), rig.now_ms);
		assert_false(rig.login.wants_next_address);
		assert_true(clock_next_deadline(&rig.login) == rig.now_ms + 5000);
	}
	rig_open(&rig);
	rig_expect(&rig, "CONNECTING:ok CONNECTED:ok");
	rig_end(&rig);
}

/* Fault 15: nothing is left to wait for. */
static void nothing_is_left_after_a_logout(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	orders_log_out(&rig.login, rig.now_ms);
	assert_true(clock_next_deadline(&rig.login) == rig.now_ms + 1500);
	rig_pass(&rig, 1499);
	rig_expect(&rig, "CLOSING:ok");
	rig_pass(&rig, 1);
	rig_expect(&rig, "CLOSED:ok");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	assert_true(clock_next_deadline(&rig.login) == MOMENT_NEVER);
	rig_end(&rig);
}

/* --- attempts -------------------------------------------------------------------------------- */

static void ten_attempts_and_no_more(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_eof(&rig);
	for (unsigned attempt = 1; attempt <= 10; attempt++) {
		assert_int_equal(rig.login.stats.attempt, attempt);
		assert_in_range(rig.delay_ms, 2000, 9999);
		rig_forget(&rig);
		rig_pass(&rig, rig.delay_ms);
		rig_fail(&rig, TG_ERR_UNREACHABLE, 111);
	}
	rig_expect(&rig, "error:unreachable CLOSED:unreachable");
	assert_string_equal(rig.login.detail, "Connection refused");
	assert_int_equal(rig.login.stats.dials, 11);
	rig_pass(&rig, 10000000);
	rig_expect(&rig, "");
	rig_end(&rig);
}

static void attempts_can_be_without_end_or_none(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig.options.reconnect_attempts = TG_ATTEMPTS_INFINITE;
	rig_login(&rig);
	rig_open(&rig);
	rig_eof(&rig);
	for (unsigned attempt = 0; attempt < 1000; attempt++) {
		rig_forget(&rig);
		rig_pass(&rig, rig.delay_ms);
		rig_fail(&rig, TG_ERR_UNREACHABLE, 111);
	}
	assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
	rig_end(&rig);

	rig_begin(&rig);
	rig.options.reconnect_attempts = 0;
	rig_login(&rig);
	rig_open(&rig);
	rig_forget(&rig);
	rig_eof(&rig);
	rig_expect(&rig, "error:lost CLOSED:lost");
	rig_end(&rig);
}

static void the_count_starts_anew_after_5_s(void **state)
{
	for (unsigned uptime_ms = 4999; uptime_ms <= 5000; uptime_ms++) {
		struct rig rig;
		rig_begin_connected(&rig);
		rig_eof(&rig);
		rig_pass(&rig, rig.delay_ms);
		rig_fail(&rig, TG_ERR_UNREACHABLE, 111);
		rig_pass(&rig, rig.delay_ms);
		rig_open(&rig);
		rig_pass(&rig, uptime_ms);
		rig_eof(&rig);
		assert_int_equal(rig.login.stats.attempt, uptime_ms < 5000 ? 3 : 1);
		rig_end(&rig);
	}
}

/* A herd that was told the same does not come back together. */
static void delays_that_were_asked_for_are_spread_as_well(void **state)
{
	unsigned buckets[8] = {0};
	struct rig rig;

	rig_begin_connected(&rig);
	for (unsigned line = 0; line < 8000; line++) {
		rig_pass(&rig, 5000); /* so that it is a first attempt each time */
		rig_forget(&rig);
		rig_close(&rig, 1013, "retry_ms=5000");
		assert_int_equal(rig.login.stats.attempt, 1);
		assert_in_range(rig.delay_ms, 5000, 12999);
		buckets[(rig.delay_ms - 5000) / 1000]++;
		rig_pass(&rig, rig.delay_ms);
		rig_open(&rig);
	}
	for (size_t i = 0; i < 8; i++) {
		assert_in_range(buckets[i], 850, 1150);
	}
	rig_end(&rig);
}

/* Whatever the application has heard of the network. */
static void nobody_comes_back_before_he_was_asked_to(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_close(&rig, 1013, "retry_ms=20000");
	rig_pass(&rig, 5000);
	orders_probe(&rig.login, rig.now_ms);
	assert_in_range(clock_next_deadline(&rig.login), rig.now_ms + 15000, rig.now_ms + 16000);
	rig_pass(&rig, 16000);
	rig_open(&rig);
	/* What was asked for holds once. */
	rig_eof(&rig);
	orders_probe(&rig.login, rig.now_ms);
	assert_in_range(clock_next_deadline(&rig.login), rig.now_ms, rig.now_ms + 1000);
	rig_end(&rig);

	/* Ten minutes at most. */
	rig_begin_connected(&rig);
	rig_close(&rig, 1012, "retry_ms=4294967295");
	assert_in_range(rig.delay_ms, 600000, 607999);
	rig_end(&rig);
}

/* A range that leaves no number for what comes on top. */
static void a_delay_cannot_run_over(void **state)
{
	assert_int_equal(
		backoff_delay_ms(0, UINT32_MAX, UINT32_MAX, UINT32_MAX, 600000), UINT32_MAX);
	assert_int_equal(
		backoff_delay_ms(UINT32_MAX, UINT32_MAX, UINT32_MAX, 2, 600000), UINT32_MAX);
}

static void delays_are_spread_over_the_whole_range(void **state)
{
	unsigned buckets[8] = {0};
	struct rig rig;

	rig_begin(&rig);
	rig.options.reconnect_attempts = TG_ATTEMPTS_INFINITE;
	rig_login(&rig);
	rig_open(&rig);
	rig_eof(&rig);
	for (unsigned attempt = 0; attempt < 8000; attempt++) {
		assert_in_range(rig.delay_ms, 2000, 9999);
		buckets[(rig.delay_ms - 2000) / 1000]++;
		rig_forget(&rig);
		rig_pass(&rig, rig.delay_ms);
		rig_fail(&rig, TG_ERR_UNREACHABLE, 111);
	}
	for (size_t i = 0; i < 8; i++) {
		assert_in_range(buckets[i], 850, 1150);
	}
	rig_end(&rig);
}

static void a_first_attempt_is_repeated_when_asked_for(void **state)
{
	static const enum tg_status wants[] = {
		TG_ERR_RESOLVE, TG_ERR_UNREACHABLE, TG_ERR_CONNECT_TIMEOUT, TG_ERR_LOST};

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		struct rig rig;
		rig_begin(&rig);
		rig.options.retry_login = true;
		rig_login(&rig);
		rig_fail(&rig, wants[i], 0);
		assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
		rig_pass(&rig, rig.delay_ms);
		rig_open(&rig);
		rig_end(&rig);
	}
}

/* The gateway is there and says when: whether a line ever stood for long makes no difference. */
static void a_first_login_is_put_off_like_a_later_one(void **state)
{
	static const uint16_t codes[] = {1012, 1013};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct rig rig;
		char refusal[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 700\r\n\r\n";
		rig_begin(&rig);
		rig_login(&rig);
		rig_open(&rig);
		rig_close(&rig, codes[i], "retry_ms=700000");
		assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
		assert_in_range(rig.delay_ms, 600000, 607999); /* ten minutes and the jitter */
		rig_pass(&rig, rig.delay_ms);
		rig_open(&rig);
		rig_end(&rig);

		rig_begin(&rig);
		rig_login(&rig);
		rig_connect(&rig);
		rig_feed(&rig, refusal, sizeof(refusal) - 1);
		assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
		assert_in_range(rig.delay_ms, 600000, 607999);
		rig_end(&rig);
	}
}

/* --- A token --------------------------------------------------------------------------------- */

static void a_token_is_asked_for_once(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig.has_token = true;
	rig_close(&rig, 3000, "");
	rig_expect(&rig, "error:auth RECONNECTING:auth");
	assert_int_equal(rig.delay_ms, 0);
	rig_pass(&rig, 0);
	rig_open(&rig);
	rig_pass(&rig, 4999);
	rig_forget(&rig);
	rig_close(&rig, 3000, "");
	rig_expect(&rig, "error:auth CLOSED:auth");
	assert_int_equal(rig.auth_count, 1);
	rig_end(&rig);
}

static void a_token_is_asked_for_again_after_a_success(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig.has_token = true;
	for (unsigned round = 1; round <= 3; round++) {
		rig_pass(&rig, 5000);
		rig_close(&rig, 3000, "");
		assert_int_equal(rig.auth_count, round);
		rig_pass(&rig, 0);
		rig_open(&rig);
	}
	rig_end(&rig);
}

/* Between the Close and the change of state that follows. */
static void send_on_close(struct rig *rig, enum notice_kind kind, const void *told)
{
	const struct tg_event *event = told;
	if (kind == NOTICE_EVENT && event->kind == TG_EVENT_CLOSE) {
		assert_int_equal(rig->login.state, TG_STATE_CONNECTED);
		assert_int_equal(orders_send_text(&rig->login, "x", 1), TG_ERR_NOT_CONNECTED);
		orders_probe(&rig->login, rig->now_ms);
	}
}

static void nothing_is_sent_while_a_token_is_asked_for(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig.has_token = true;
	rig.inside = send_on_close;
	rig_close(&rig, 3000, "");
	rig_expect(&rig, "error:auth RECONNECTING:auth");
	rig_expect_sent_close(&rig, 3000);
	rig_end(&rig);
}

static void without_a_token_it_stays_closed(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	rig_close(&rig, 3000, "expired");
	rig_expect(&rig, "error:auth CLOSED:auth");
	assert_string_equal(rig.login.detail, "Close 3000 expired");
	rig_end(&rig);
}

/* --- many lives ------------------------------------------------------------------------------ */

/* --- A kernel without random bytes ----------------------------------------------------------- */

static int no_bytes(void *data, uint8_t *ret_bytes, size_t len)
{
	return -ENOSYS;
}

static void take_entropy_away(struct rig *rig)
{
	rig->login.entropy.fetch = no_bytes;
	rig->login.entropy.left = 0;
}

static void without_random_bytes_there_is_no_login(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	take_entropy_away(&rig);
	rig_login(&rig);
	rig_expect(&rig, "CONNECTING:ok error:a system call failed CLOSED:a system call failed");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);
}

/* A frame that cannot be masked is not sent, and the line ends as a silent one. */
static void without_random_bytes_nothing_is_sent(void **state)
{
	struct rig rig;
	struct message message;

	rig_begin_connected(&rig);
	take_entropy_away(&rig);
	assert_int_equal(orders_send_text(&rig.login, "x", 1), TG_ERR_SYSTEM);
	assert_int_equal(orders_send_packet(&rig.login, 102, "x", 1), TG_ERR_SYSTEM);
	assert_int_equal(rig.login.stats.messages_sent, 0);
	rig_frame(&rig, FRAME_PING, "abc", 3);
	rig_pass(&rig, 149999);
	assert_int_equal(rig.login.stats.pings, 0);
	assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
	rig_pass(&rig, 1);
	rig_expect(&rig, "error:io-timeout RECONNECTING:io-timeout");

	/* Each attempt fails and is followed by a wait, until the kernel has some again. */
	rig_pass(&rig, rig.delay_ms);
	assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
	assert_int_equal(rig.login.stats.attempt, 2);
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig.login.entropy.fetch = rig_random;
	rig_forget(&rig);
	while (wire_wanted_line(&rig.login) == 0) {
		rig_pass(&rig, 1);
	}
	rig_open(&rig);
	rig_expect(&rig, "CONNECTED:ok");
	rig_end(&rig);
}

static void without_random_bytes_a_logout_cuts_the_line(void **state)
{
	struct rig rig;

	rig_begin_connected(&rig);
	take_entropy_away(&rig);
	orders_log_out(&rig.login, rig.now_ms);
	rig_expect(&rig, "CLOSING:ok CLOSED:ok");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);
}

static void ten_thousand_reconnects(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig.options.reconnect_attempts = TG_ATTEMPTS_INFINITE;
	rig_login(&rig);
	for (unsigned round = 0; round < 10000; round++) {
		rig_open(&rig);
		assert_int_equal(orders_send_text(&rig.login, "x", 1), TG_OK);
		rig_forget(&rig);
		switch (round % 4) {
		case 0:
			rig_eof(&rig);
			break;
		case 1:
			rig_close(&rig, 1012, "retry_ms=100");
			break;
		case 2:
			rig_feed(&rig, "\x81\x7e", 2);
			rig_fail(&rig, TG_ERR_LOST, 104);
			break;
		default:
			rig_pass(&rig, 150000);
			break;
		}
		rig_pass(&rig, rig.delay_ms);
		while (wire_wanted_line(&rig.login) == 0) {
			rig_pass(&rig, 1);
		}
	}
	assert_int_equal(rig.login.stats.lines, 10000);
	assert_int_equal(rig.login.stats.dials, 10001);
	rig_end(&rig);
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
		cmocka_unit_test(delays_that_were_asked_for_are_spread_as_well),
		cmocka_unit_test(nobody_comes_back_before_he_was_asked_to),
		cmocka_unit_test(a_delay_cannot_run_over),
		cmocka_unit_test(a_first_attempt_is_repeated_when_asked_for),
		cmocka_unit_test(a_first_login_is_put_off_like_a_later_one),
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
