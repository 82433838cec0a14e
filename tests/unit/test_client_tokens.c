/* Tokens of a login: asked for, shown, shown anew, refused. */
#include "client_rig.h"

#include "../../proto/say_packets.h"

static void begin(struct rig *rig)
{
	rig_begin(rig);
	rig->options.offers = SUBPROTOCOL_V1;
	rig->options.asks_for_tokens = true;
	rig->takes_v1 = true;
}

static void give(struct rig *rig, const char *token)
{
	assert_int_equal(orders_give_token(&rig->login, token, rig->now_ms), TG_OK);
}

/* The transport is connected, and the request shows that token; NULL: none. */
static void connect_with(struct rig *rig, const char *token)
{
	static const char name[] = "Authorization:";
	char field[256];

	wire_opened(&rig->login, wire_wanted_line(&rig->login), rig->now_ms);
	rig_forget_sent(rig);
	rig_pull(rig);
	snprintf(field, sizeof(field), "\r\nAuthorization: Bearer %s\r\n", token ? token : "");
	assert_int_equal(!memmem(rig->sent, rig->sent_len, name, sizeof(name) - 1), !token);
	assert_true(!token || memmem(rig->sent, rig->sent_len, field, strlen(field)));
	/* Nor is it anywhere else in the request. */
	assert_null(memmem(rig->sent, rig->sent_len, "token=", 6));
	const char *key = memmem(rig->sent, rig->sent_len, "Sec-WebSocket-Key: ", 19);
	assert_non_null(key);
	memcpy(rig->key, key + 19, ACCEPT_KEY_LEN);
	rig_forget_sent(rig);
}

/* The gateway says 104. */
static void tell_session(struct rig *rig, uint8_t result, uint32_t seconds_left)
{
	uint8_t payload[64];
	const struct session_packet session = {.result = result,
		.seconds_left = seconds_left,
		.user = SLICE("bob"),
		.device = SLICE("")};
	rig_packet(rig, PACKET_SESSION, payload,
		(size_t)(session_packet_write(payload, &session) - payload));
}

/* A session that stands with the token "one", for so many seconds. */
static void begin_session(struct rig *rig, uint32_t seconds)
{
	begin(rig);
	rig_login(rig);
	give(rig, "one");
	connect_with(rig, "one");
	rig_accept(rig);
	tell_session(rig, PACKET_DONE, seconds);
	rig_forget(rig);
}

static enum message_kind sent_but_heartbeats(struct rig *rig, struct message *ret_message)
{
	enum message_kind kind;
	do {
		kind = rig_sent(rig, ret_message);
	} while (kind == MESSAGE_PING || kind == MESSAGE_PONG);
	return kind;
}

/* The next thing the client has sent is packet 103 with that token; NULL: nothing was sent but
 * Pings. */
static void expect_shown(struct rig *rig, const char *token)
{
	struct message message;
	struct packet packet;
	const enum message_kind kind = sent_but_heartbeats(rig, &message);
	if (!token) {
		assert_int_equal(kind, MESSAGE_MORE);
		return;
	}
	assert_int_equal(kind, MESSAGE_BINARY);
	assert_int_equal(packet_decode(message.data, message.len, &packet), 0);
	assert_int_equal(packet.command, 103);
	assert_int_equal(packet.payload_len, strlen(token));
	assert_memory_equal(packet.payload, token, packet.payload_len);
	assert_int_equal(sent_but_heartbeats(rig, &message), MESSAGE_MORE);
}

/* The gateway is heard now and then, so that the line is not given up. */
static void pass(struct rig *rig, uint64_t ms)
{
	while (ms > 0) {
		const uint64_t step = ms < 1000 ? ms : 1000;
		rig_pass(rig, step);
		rig_frame(rig, FRAME_PING, NULL, 0);
		ms -= step;
	}
}

/* The time passes until a token is asked for, which must be within `ms`. */
static void pass_until_asked(struct rig *rig, uint64_t ms)
{
	for (uint64_t passed = 0; !rig->login.tokens.is_asked; passed += 1000) {
		assert_in_range(passed, 0, ms);
		pass(rig, 1000);
	}
}

/* --- at the login ------------------------------------------------------------------------------
 */

static void a_dial_waits_for_its_token(void **state)
{
	struct rig rig;
	begin(&rig);
	rig_login(&rig);
	rig_expect(&rig, "CONNECTING:ok token:login");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	assert_int_equal(rig.login.stats.dials, 0);
	rig_pass(&rig, 9000);
	give(&rig, "one");
	connect_with(&rig, "one");
	rig_accept(&rig);
	rig_expect(&rig, "CONNECTED:ok");
	/* Each line asks anew. */
	rig_eof(&rig);
	rig_pass(&rig, 10000);
	rig_expect(&rig, "error:lost RECONNECTING:lost token:login");
	give(&rig, "two");
	connect_with(&rig, "two");
	rig_end(&rig);
}

static void answer_inside(struct rig *rig, enum notice_kind kind, const void *told)
{
	if (kind == NOTICE_TOKEN) {
		give(rig, "inside");
	}
}

static void it_may_be_answered_inside_of_the_callback(void **state)
{
	struct rig rig;
	begin(&rig);
	rig.inside = answer_inside;
	rig_login(&rig);
	rig_expect(&rig, "CONNECTING:ok token:login");
	connect_with(&rig, "inside");
	rig_end(&rig);
}

static void without_a_token_a_first_login_ends(void **state)
{
	struct rig rig;
	begin(&rig);
	rig_login(&rig);
	give(&rig, NULL);
	rig_expect(&rig, "CONNECTING:ok token:login error:no-token CLOSED:no-token");
	assert_true(clock_next_deadline(&rig.login) == MOMENT_NEVER);
	rig_login(&rig);
	rig_pass(&rig, 9999);
	rig_expect(&rig, "CONNECTING:ok token:login");
	rig_pass(&rig, 1);
	rig_expect(&rig, "error:no-token CLOSED:no-token");
	assert_string_equal(rig.login.detail, "no answer in time");
	/* Whoever answers late answers for the next one. */
	give(&rig, "late");
	rig_expect(&rig, "");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);
}

static void without_a_token_a_later_dial_is_a_failed_attempt(void **state)
{
	struct rig rig;
	begin_session(&rig, TG_SESSION_WITHOUT_END);
	rig.notes_events = true;
	rig_eof(&rig);
	rig_forget(&rig);
	rig_pass(&rig, 10000);
	rig_expect(&rig, "token:login");
	give(&rig, NULL);
	rig_expect(&rig, "error:no-token retry");
	assert_in_range(rig.delay_ms, 2000, 10000);
	assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
	rig_pass(&rig, 10000);
	rig_expect(&rig, "token:login");
	give(&rig, "two");
	connect_with(&rig, "two");
	rig_end(&rig);
}

static void who_logs_out_waits_for_none(void **state)
{
	struct rig rig;
	begin(&rig);
	rig_login(&rig);
	orders_log_out(&rig.login, rig.now_ms);
	rig_expect(&rig, "CONNECTING:ok token:login CLOSING:ok CLOSED:aborted");
	assert_true(clock_next_deadline(&rig.login) == MOMENT_NEVER);
	give(&rig, "late");
	assert_int_equal(wire_wanted_line(&rig.login), 0);
	rig_end(&rig);
}

static void who_asks_for_none_shows_what_was_set(void **state)
{
	struct rig rig;
	rig_begin(&rig);
	rig_login(&rig);
	connect_with(&rig, NULL);
	rig_end(&rig);
	rig_begin(&rig);
	assert_int_equal(login_set_token(&rig.login, "set"), 0);
	assert_int_equal(
		orders_log_in(&rig.login, &rig.options, "/", "gate", "given", rig.now_ms), TG_OK);
	connect_with(&rig, "given");
	rig_end(&rig);
}

/* --- refused -----------------------------------------------------------------------------------
 */

static void a_refused_one_is_replaced_once(void **state)
{
	struct rig rig;
	begin_session(&rig, 100);
	rig_close(&rig, 3000, "bad token");
	rig_expect(&rig, "error:auth RECONNECTING:auth");
	rig_pass(&rig, 0);
	rig_expect(&rig, "token:refused");
	give(&rig, "two");
	connect_with(&rig, "two");
	rig_accept(&rig);
	rig_close(&rig, 3000, "bad token");
	rig_expect(&rig, "CONNECTED:ok error:auth CLOSED:auth");
	rig_end(&rig);
}

static void the_same_one_again_is_a_failure(void **state)
{
	struct rig rig;
	begin_session(&rig, 100);
	rig_close(&rig, 3000, "expired");
	rig_pass(&rig, 0);
	give(&rig, "one");
	rig_expect(&rig, "error:auth RECONNECTING:auth token:refused error:auth CLOSED:auth");
	assert_null(strstr(rig.login.detail, "one "));
	rig_end(&rig);
}

/* Whoever has had his session for a while may be refused again. */
static void a_line_that_stood_counts_anew(void **state)
{
	struct rig rig;
	char token[16];
	begin_session(&rig, TG_SESSION_WITHOUT_END);
	for (int i = 0; i < 5; i++) {
		pass(&rig, 5000);
		rig_close(&rig, 3000, "expired");
		rig_pass(&rig, 0);
		rig_expect(&rig, "error:auth RECONNECTING:auth token:refused");
		snprintf(token, sizeof(token), "token%d", i);
		give(&rig, token);
		connect_with(&rig, token);
		rig_accept(&rig);
		rig_expect(&rig, "CONNECTED:ok");
	}
	rig_end(&rig);
}

/* --- in the session ----------------------------------------------------------------------------
 */

static void it_is_shown_anew_in_time(void **state)
{
	uint64_t sooner = UINT64_MAX;
	uint64_t latest = 0;
	for (uint32_t random = 1; random <= 40; random++) {
		struct rig rig;
		begin(&rig);
		rig.random = random;
		rig_login(&rig);
		give(&rig, "one");
		connect_with(&rig, "one");
		rig_accept(&rig);
		tell_session(&rig, PACKET_DONE, 1000);
		rig_forget(&rig);
		const uint64_t due_ms = rig.login.tokens.due_at - rig.now_ms;
		assert_in_range(due_ms, 700000, 900000);
		sooner = due_ms < sooner ? due_ms : sooner;
		latest = due_ms > latest ? due_ms : latest;
		rig_end(&rig);
	}
	assert_true(latest - sooner > 50000); /* and not all at once */

	struct rig rig;
	begin_session(&rig, 100);
	pass(&rig, 69000);
	rig_expect(&rig, "");
	pass_until_asked(&rig, 21000);
	rig_expect(&rig, "token:session");
	rig_forget_sent(&rig);
	give(&rig, "two");
	expect_shown(&rig, "two");
	tell_session(&rig, PACKET_DONE, 200);
	rig_expect(&rig, "session:bob/");
	pass(&rig, 139000);
	rig_expect(&rig, "");
	pass_until_asked(&rig, 41000);
	rig_expect(&rig, "token:session");
	/* A line that is lost meanwhile has the same answer. */
	rig_eof(&rig);
	rig_pass(&rig, rig.delay_ms);
	rig_expect(&rig, "error:lost RECONNECTING:lost");
	give(&rig, "three");
	connect_with(&rig, "three");
	rig_end(&rig);
}

static void without_an_end_nothing_is_asked(void **state)
{
	struct rig rig;
	begin_session(&rig, TG_SESSION_WITHOUT_END);
	pass(&rig, 1000000);
	rig_expect(&rig, "");
	rig_end(&rig);
}

static void a_failure_is_told_and_tried_again_while_the_session_lasts(void **state)
{
	struct rig rig;
	begin_session(&rig, 100);
	pass_until_asked(&rig, 90000);
	give(&rig, NULL);
	rig_expect(&rig, "token:session error:no-token");
	assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
	pass_until_asked(&rig, 10000);
	rig_expect(&rig, "token:session");
	pass(&rig, 10000); /* no answer */
	rig_expect(&rig, "error:no-token");
	pass_until_asked(&rig, 12000);
	rig_expect(&rig, "token:session");
	give(&rig, "two");
	rig_forget_sent(&rig);
	rig_pull(&rig);
	tell_session(&rig, PACKET_DONE, 100);
	rig_expect(&rig, "session:bob/");
	assert_int_equal(rig.login.tokens.failures, 0);
	rig_end(&rig);
}

static void a_bad_one_is_told_and_not_shown_again(void **state)
{
	struct rig rig;
	begin_session(&rig, 100);
	pass_until_asked(&rig, 90000);
	rig_forget_sent(&rig);
	give(&rig, "bad");
	expect_shown(&rig, "bad");
	tell_session(&rig, PACKET_NOT_ALLOWED, 10);
	rig_expect(&rig, "token:session session:bob/ error:auth");
	pass(&rig, 5000);
	rig_expect(&rig, "");
	pass_until_asked(&rig, 6000);
	rig_expect(&rig, "token:session");
	give(&rig, "bad");
	rig_expect(&rig, "error:no-token");
	expect_shown(&rig, NULL);
	rig_end(&rig);
}

static void no_two_within_five_seconds(void **state)
{
	struct rig rig;
	begin_session(&rig, TG_SESSION_WITHOUT_END);
	rig_forget_sent(&rig);
	give(&rig, "two"); /* unasked, and the first was shown just now */
	expect_shown(&rig, NULL);
	give(&rig, "three");
	pass(&rig, 5000);
	expect_shown(&rig, NULL);
	pass(&rig, 500);
	expect_shown(&rig, "three");
	/* The gateway sees it otherwise: once more, later. */
	tell_session(&rig, PACKET_BUSY, 50);
	pass(&rig, 5000);
	expect_shown(&rig, NULL);
	pass(&rig, 7000);
	expect_shown(&rig, "three");
	rig_end(&rig);
}

static void a_classic_session_is_shown_none(void **state)
{
	struct rig rig;
	begin(&rig);
	rig.takes_v1 = false;
	rig_login(&rig);
	give(&rig, "one");
	connect_with(&rig, "one");
	rig_accept(&rig);
	rig_forget(&rig);
	give(&rig, "two");
	pass(&rig, 20000);
	expect_shown(&rig, NULL);
	rig_eof(&rig);
	rig_pass(&rig, 10000);
	rig_forget(&rig);
	give(&rig, "three");
	connect_with(&rig, "three");
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dial_waits_for_its_token),
		cmocka_unit_test(it_may_be_answered_inside_of_the_callback),
		cmocka_unit_test(without_a_token_a_first_login_ends),
		cmocka_unit_test(without_a_token_a_later_dial_is_a_failed_attempt),
		cmocka_unit_test(who_logs_out_waits_for_none),
		cmocka_unit_test(who_asks_for_none_shows_what_was_set),
		cmocka_unit_test(a_refused_one_is_replaced_once),
		cmocka_unit_test(the_same_one_again_is_a_failure),
		cmocka_unit_test(a_line_that_stood_counts_anew),
		cmocka_unit_test(it_is_shown_anew_in_time),
		cmocka_unit_test(without_an_end_nothing_is_asked),
		cmocka_unit_test(a_failure_is_told_and_tried_again_while_the_session_lasts),
		cmocka_unit_test(a_bad_one_is_told_and_not_shown_again),
		cmocka_unit_test(no_two_within_five_seconds),
		cmocka_unit_test(a_classic_session_is_shown_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
