/* The native client against tests/vectors.json, which the web SDK is held against too. */
#include "client_rig.h"

#include "../../proto/client_handshake.h"
#include "../../proto/close_reason.h"
#include "../../proto/packet.h"
#include "../../tools/client/backoff.h"
#include "../../tools/client/verdict.h"
#include "vectors.h"

/* null is BACKOFF_NO_RETRY. */
static int32_t retry_of(json_t *row, const char *key)
{
	json_t *number = json_object_get(row, key);
	return json_is_null(number) ? BACKOFF_NO_RETRY : (int32_t)json_integer_value(number);
}

/* --- packets --------------------------------------------------------------------------------- */

struct heard {
	char text[256];
	size_t len;
	bool has_text;
	int64_t packet; /* command of what was heard or passed over; -1: none */
};

static void hear(struct rig *rig, enum notice_kind kind, const void *told)
{
	struct heard *heard = rig->data;
	if (kind == NOTICE_MESSAGE) {
		const struct tg_message *message = told;
		assert_true(message->len <= sizeof(heard->text));
		memcpy(heard->text, message->data, message->len);
		heard->len = message->len;
		heard->has_text = true;
		heard->packet = message->command;
	} else if (kind == NOTICE_EVENT) {
		const struct tg_event *event = told;
		if (event->kind == TG_EVENT_PACKET) {
			heard->packet = (int64_t)event->value;
		}
	}
}

static void packets_are_taken(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("packets"), index, row)
	{
		const char *does = vectors_text(row, "client");
		struct heard heard = {.packet = -1};
		struct rig rig;
		uint8_t bytes[256];
		const size_t len = vectors_bytes(row, "hex", bytes);

		rig_begin_connected(&rig);
		rig.inside = hear;
		rig.data = &heard;
		rig_frame(&rig, FRAME_BINARY, bytes, len);
		if (strcmp(does, "close 4002") == 0) {
			rig_expect(&rig, "error:packet CLOSED:packet");
			rig_expect_sent_close(&rig, 4002);
			assert_false(heard.has_text);
		} else if (strcmp(does, "ignore") != 0 && strcmp(does, "pong") != 0) {
			uint8_t text[256];
			const size_t text_len = vectors_bytes(row, "payload", text);
			assert_true(heard.has_text);
			assert_int_equal(heard.packet, vectors_number(row, "command"));
			assert_int_equal(heard.len, text_len);
			assert_memory_equal(heard.text, text, text_len);
			assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
		} else {
			assert_int_equal(heard.packet, vectors_number(row, "command"));
			assert_false(heard.has_text);
			rig_expect(&rig, "");
			assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
		}
		rig_end(&rig);
	}
}

static void packets_are_sent(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("packets"), index, row)
	{
		const bool is_refused = strcmp(vectors_text(row, "client"), "close 4002") == 0;
		struct rig rig;
		struct message message;
		uint8_t bytes[256];
		uint8_t payload[256];

		if (!json_is_true(json_object_get(row, "valid"))) {
			continue;
		}
		const size_t len = vectors_bytes(row, "hex", bytes);
		const size_t payload_len = vectors_bytes(row, "payload", payload);
		rig_begin_connected(&rig);
		const enum tg_status status = orders_send_packet(
			&rig.login, (uint16_t)vectors_number(row, "command"), payload, payload_len);
		if (is_refused) {
			assert_int_equal(status, TG_ERR_UTF8);
			assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
		} else {
			assert_int_equal(status, TG_OK);
			assert_int_equal(rig_sent(&rig, &message), MESSAGE_BINARY);
			assert_int_equal(message.len, len);
			assert_memory_equal(message.data, bytes, len);
		}
		rig_end(&rig);
	}
}

/* --- packets of tidegate.v1 ------------------------------------------------------------------ */

/* A member of what a packet says; of a string the length may be told too. */
static const char *said_text(json_t *said, const char *key, size_t *ret_len)
{
	json_t *text = json_object_get(said, key);
	*ret_len = json_string_length(text);
	return vectors_text(said, key);
}

static void assert_name(struct tg_name name, json_t *said, const char *key)
{
	size_t len;
	const char *text = said_text(said, key, &len);
	assert_int_equal(name.len, len);
	assert_memory_equal(name.data, text, len);
}

static json_t *said_now;
static unsigned compared;

static void compare_said(struct rig *rig, enum notice_kind kind, const void *told)
{
	json_t *users = json_object_get(said_now, "users");

	if (kind == NOTICE_SESSION) {
		const struct tg_session *session = told;
		assert_int_equal(session->status, TG_OK);
		assert_int_equal(vectors_number(said_now, "result"), 0);
		assert_int_equal(session->seconds_left, vectors_number(said_now, "seconds"));
		assert_name(session->user, said_now, "user");
		assert_name(session->device, said_now, "device");
	} else if (kind == NOTICE_ANSWER) {
		const struct tg_answer *answer = told;
		const int64_t result = vectors_number(said_now, "result");
		assert_int_equal(answer->id, vectors_number(said_now, "id"));
		assert_int_equal(answer->status, result == 0 ? 0 : 50 + result);
		/* A refusal in the place of a page or a reply counts nothing. */
		const json_t *count = json_object_get(said_now, "count");
		assert_int_equal(answer->count, count ? json_integer_value(count) : 0);
	} else if (kind == NOTICE_MESSAGE) {
		const struct tg_message *message = told;
		assert_name((struct tg_name){message->from, message->from_len}, said_now, "from");
		assert_name((struct tg_name){message->audience, message->audience_len}, said_now,
			"audience");
		assert_name((struct tg_name){message->data, message->len}, said_now, "text");
		assert_int_equal(message->text_len, message->len);
		assert_int_equal(message->sent_ms, vectors_number(said_now, "ms"));
		assert_int_equal(message->command, 112);
	} else if (kind == NOTICE_MEMBERS) {
		const struct tg_members *members = told;
		assert_name(members->room, said_now, "room");
		assert_int_equal(members->count, vectors_number(said_now, "count"));
		assert_int_equal(members->change, vectors_number(said_now, "change"));
		assert_name(members->user, said_now, "user");
	} else if (kind == NOTICE_PAGE) {
		const struct tg_page *page = told;
		assert_int_equal(page->id, vectors_number(said_now, "id"));
		assert_int_equal(page->is_last, vectors_number(said_now, "last"));
		assert_int_equal(page->count, json_array_size(users));
		for (size_t i = 0; i < page->count; i++) {
			const char *user = json_string_value(json_array_get(users, i));
			assert_int_equal(page->users[i].len, strlen(user));
			assert_memory_equal(page->users[i].data, user, strlen(user));
		}
	} else if (kind == NOTICE_REPLY) {
		const struct tg_reply *reply = told;
		uint8_t bytes[256];
		assert_int_equal(vectors_number(said_now, "result"), 0);
		assert_int_equal(reply->id, vectors_number(said_now, "id"));
		assert_int_equal(reply->len, vectors_bytes(said_now, "payload", bytes));
		assert_memory_equal(reply->data, bytes, reply->len);
	} else if (kind == NOTICE_GAP) {
		const struct tg_gap *gap = told;
		assert_int_equal(gap->batches, vectors_number(said_now, "batches"));
	} else {
		return;
	}
	compared++;
}

static bool comes_from_gateway(int64_t command)
{
	return command == 104 || command == 105 || command == 111 || command == 112 ||
	       command == 122 || command == 124 || command == 131;
}

static void packets_of_v1_are_taken(void **state)
{
	size_t index;
	json_t *row;
	unsigned bad = 0;

	compared = 0;
	json_array_foreach(vectors_section("packets"), index, row)
	{
		struct rig rig;
		uint8_t bytes[256];
		json_t *said = json_object_get(row, "v1");

		if (!said || !comes_from_gateway(vectors_number(row, "command"))) {
			continue;
		}
		const size_t len = vectors_bytes(row, "hex", bytes);
		const unsigned before = compared;
		json_t *id = json_object_get(said, "id");
		rig_begin_talking(&rig);
		if (id) {
			rig.login.requests =
				(struct requests){.newest = (uint32_t)json_integer_value(id) - 1};
			requests_begin(&rig.login.requests, (uint32_t)json_integer_value(id));
		}
		said_now = said;
		rig.inside = compare_said;
		rig_frame(&rig, FRAME_BINARY, bytes, len);
		if (json_is_null(said)) {
			rig_expect(&rig, "error:packet CLOSED:packet");
			rig_expect_sent_close(&rig, 4002);
			bad++;
		} else {
			assert_int_equal(compared, before + 1);
			assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
		}
		rig_end(&rig);
	}
	assert_true(compared >= 5 && bad >= 5);
}

/* What the library has no words for. */
static bool is_unspoken(int64_t command)
{
	return command == 103;
}

/* Sends what a row says, if the library ever says that. */
static bool send_said(struct rig *rig, int64_t command, json_t *said)
{
	json_t *flags = json_object_get(said, "flags");
	const int64_t id = vectors_number(said, "id");
	uint32_t got;
	uint32_t *ret_id = id ? &got : NULL;
	enum tg_status status;

	rig->login.requests.newest = (uint32_t)id - 1;
	rig->login.rooms.id_last = (uint32_t)id - 1;
	if (command == 110) {
		size_t len;
		const char *text = said_text(said, "text", &len);
		if (json_integer_value(flags) != 0) {
			return false;
		}
		status = orders_say(&rig->login, vectors_text(said, "audience"), text, len, ret_id);
	} else if (command == 120) {
		status = orders_join(&rig->login, vectors_text(said, "room"),
			json_integer_value(flags) & 1, ret_id);
	} else if (command == 121) {
		status = orders_leave(&rig->login, vectors_text(said, "room"), ret_id);
	} else if (command == 130) {
		uint8_t bytes[256];
		const size_t len = vectors_bytes(said, "payload", bytes);
		status = orders_request(&rig->login, bytes, len, ret_id);
	} else {
		assert_int_equal(command, 123);
		status = orders_list(&rig->login, vectors_text(said, "room"),
			vectors_text(said, "after"), ret_id);
	}
	assert_int_equal(status, TG_OK);
	assert_true(!ret_id || got == id);
	return true;
}

static void packets_of_v1_are_sent(void **state)
{
	size_t index;
	json_t *row;
	unsigned sent = 0;

	json_array_foreach(vectors_section("packets"), index, row)
	{
		struct rig rig;
		struct message message;
		uint8_t bytes[256];
		json_t *said = json_object_get(row, "v1");

		if (!said || json_is_null(said) ||
			comes_from_gateway(vectors_number(row, "command")) ||
			is_unspoken(vectors_number(row, "command"))) {
			continue;
		}
		const size_t len = vectors_bytes(row, "hex", bytes);
		rig_begin_talking(&rig);
		if (send_said(&rig, vectors_number(row, "command"), said)) {
			assert_int_equal(rig_sent(&rig, &message), MESSAGE_BINARY);
			assert_int_equal(message.len, len);
			assert_memory_equal(message.data, bytes, len);
			sent++;
		}
		rig_end(&rig);
	}
	assert_true(sent >= 5);
}

/* --- senders --------------------------------------------------------------------------------- */

static json_t *from_row;

static void compare_from(struct rig *rig, enum notice_kind kind, const void *told)
{
	const struct tg_message *message = told;
	json_t *from = json_object_get(from_row, "from");
	const char *text = vectors_text(from_row, "text");

	if (kind != NOTICE_MESSAGE) {
		return;
	}
	assert_int_equal(message->text_len, strlen(text));
	assert_memory_equal(message->data, text, strlen(text));
	if (json_is_null(from)) {
		assert_null(message->from);
	} else {
		assert_int_equal(message->from_len, json_string_length(from));
		assert_memory_equal(message->from, json_string_value(from), message->from_len);
	}
	rig->calls += 1000;
}

static void senders_are_found(void **state)
{
	size_t index;

	json_array_foreach(vectors_section("from"), index, from_row)
	{
		struct rig rig;
		rig_begin_connected(&rig);
		rig.calls = 0;
		rig.inside = compare_from;
		rig_text(&rig, vectors_text(from_row, "raw"));
		assert_true(rig.calls >= 1000);
		rig_end(&rig);
	}
}

/* --- close codes ----------------------------------------------------------------------------- */

static const char *error_of(enum tg_status status)
{
	switch (status) {
	case TG_ERR_IO_TIMEOUT:
	case TG_ERR_CONNECT_TIMEOUT:
		return "timeout";
	case TG_ERR_POLICY:
	case TG_ERR_AUTH:
	case TG_ERR_BAD_LOGIN:
		return "auth";
	case TG_ERR_KICKED:
		return "kicked";
	case TG_ERR_BLAMED:
	case TG_ERR_PROTOCOL:
	case TG_ERR_PACKET:
		return "protocol";
	default:
		return "network";
	}
}

/* On a live line, whatever of them can be on the wire. */
static void end_with(struct rig *rig, int64_t code, const char *reason)
{
	if (code == 1006) {
		rig_eof(rig);
	} else {
		rig_close(rig, (uint16_t)code, reason);
	}
}

static void close_codes_mean_what_they_should(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("close_codes"), index, row)
	{
		const int64_t code = vectors_number(row, "code");
		const char *action = vectors_text(row, "action");
		const bool counts = json_is_true(json_object_get(row, "retry_ms"));
		struct rig rig;

		const struct verdict verdict =
			verdict_of_close((uint16_t)code, "retry_ms=70000", 14);
		if (code != 1006) {
			assert_string_equal(error_of(verdict.status), vectors_text(row, "error"));
			assert_int_equal(verdict.retry_ms, counts ? 70000 : BACKOFF_NO_RETRY);
		}
		if (code == 1015) { /* never on the wire */
			assert_int_equal(verdict.action, VERDICT_RETRY);
			continue;
		}
		rig_begin_connected(&rig);
		rig.has_token = true;
		end_with(&rig, code, "retry_ms=70000");
		assert_string_equal(error_of(rig.login.status), vectors_text(row, "error"));
		if (strcmp(action, "stay") == 0) {
			assert_int_equal(rig.login.state, TG_STATE_CLOSED);
		} else {
			assert_int_equal(rig.login.state, TG_STATE_RECONNECTING);
			if (strcmp(action, "refresh") == 0) {
				assert_int_equal(rig.delay_ms, 0);
			} else if (counts) {
				assert_in_range(rig.delay_ms, 70000, 77999);
			} else {
				assert_in_range(rig.delay_ms, 2000, 9999);
			}
		}
		assert_int_equal(rig.auth_count, strcmp(action, "refresh") == 0);
		rig_end(&rig);
	}
}

static void the_gateway_closes_as_the_client_expects(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("gateway_closes"), index, row)
	{
		unsigned reason = 1;
		uint8_t payload[CLOSE_PAYLOAD_MAX];
		const char *text = vectors_text(row, "text");
		json_t *retry = json_object_get(row, "retry_ms");

		while (strcmp(close_reason_counter(reason), vectors_text(row, "counter")) != 0) {
			reason++;
			assert_true(reason < CLOSE_REASON_COUNT);
		}
		const size_t len =
			close_reason_payload(reason, (uint32_t)json_integer_value(retry), payload);
		assert_int_equal(len, 2 + strlen(text));
		assert_int_equal(load_be16(payload), vectors_number(row, "code"));
		assert_memory_equal(payload + 2, text, strlen(text));
	}
}

static void retry_ms_is_read(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("retry_ms"), index, row)
	{
		const char *reason = vectors_text(row, "reason");
		assert_int_equal(
			backoff_read_retry_ms(reason, strlen(reason)), retry_of(row, "ms"));
	}
}

static void retry_after_is_read(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("retry_after"), index, row)
	{
		char head[256];
		struct client_handshake_answer answer;
		const int len = snprintf(head, sizeof(head),
			"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %s\r\n\r\n",
			vectors_text(row, "value"));
		client_handshake_judge(
			(struct slice){head, (size_t)len}, "", SUBPROTOCOL_NONE, &answer);
		assert_int_equal(answer.status, 503);
		assert_int_equal(
			backoff_retry_ms_of_seconds(answer.retry_after_s), retry_of(row, "ms"));
	}
}

static void delays_are_drawn(void **state)
{
	size_t index;
	json_t *row;

	json_array_foreach(vectors_section("backoff"), index, row)
	{
		const double uniform = json_number_value(json_object_get(row, "uniform"));
		assert_int_equal(backoff_delay_ms((uint32_t)vectors_number(row, "base_ms"),
					 (uint32_t)vectors_number(row, "cap_ms"),
					 (uint32_t)(uniform * 4294967296.0),
					 (uint32_t)vectors_number(row, "attempt"),
					 retry_of(row, "retry_ms")),
			vectors_number(row, "delay_ms"));
	}
}

/* --- states ---------------------------------------------------------------------------------- */

static void states_have_their_numbers(void **state)
{
	json_t *states = json_object_get(vectors, "states");

	assert_int_equal(json_object_size(states), 6);
	for (enum tg_state one = TG_STATE_INIT; one <= TG_STATE_CLOSED; one++) {
		assert_int_equal(vectors_number(states, tg_state_name(one)), one);
	}
}

enum {
	PATH_MAX_LEN = 8
};

/* The states entered since it was last emptied. */
struct path {
	size_t len;
	struct tg_state_change steps[PATH_MAX_LEN];
};

static void follow(struct rig *rig, enum notice_kind kind, const void *told)
{
	struct path *path = rig->data;
	if (kind == NOTICE_STATE) {
		const struct tg_state_change *change = told;
		assert_true(path->len < PATH_MAX_LEN);
		path->steps[path->len++] = *change;
	}
}

static const char *reason_of(const struct tg_state_change *change, bool is_exhausted)
{
	switch (change->status) {
	case TG_OK:
	case TG_ERR_ABORTED:
		return change->to == TG_STATE_CONNECTING  ? "login"
		       : change->to == TG_STATE_CONNECTED ? "ready"
							  : "logout";
	default:
		break;
	}
	const char *error = error_of(change->status);
	return is_exhausted && change->to == TG_STATE_CLOSED && change->from != TG_STATE_CONNECTING
		       ? "reconnect timeout"
		       : error;
}

/* Brings a new client into a state. `attempts`: most attempts to get a line back. */
static void bring_into(struct rig *rig, const char *name, int attempts)
{
	rig_begin(rig);
	rig->options.reconnect_attempts = attempts;
	rig->has_token = true;
	if (strcmp(name, "INIT") == 0) {
		return;
	}
	rig_login(rig);
	if (strcmp(name, "CONNECTING") == 0) {
		rig_connect(rig);
		return;
	}
	rig_open(rig);
	if (strcmp(name, "RECONNECTING") == 0) {
		rig_eof(rig);
		rig_pass(rig, rig->delay_ms);
		rig_connect(rig);
	} else if (strcmp(name, "CLOSING") == 0) {
		orders_log_out(&rig->login, rig->now_ms);
	} else if (strcmp(name, "CLOSED") == 0) {
		orders_log_out(&rig->login, rig->now_ms);
		rig_close(rig, 1000, "");
		rig_eof(rig);
	}
	assert_string_equal(tg_state_name(rig->login.state), name);
}

/* What only the line of a state can bring comes of an older one in the other states. */
static void stale_event(struct rig *rig)
{
	uint8_t kick[] = "\x88\x02\x0f\xa1";
	const uint32_t stale = 4711;

	wire_opened(&rig->login, stale, rig->now_ms);
	wire_feed(&rig->login, stale, kick, sizeof(kick) - 1, rig->now_ms);
	wire_failed(&rig->login, stale, TG_ERR_LOST, 104, NULL, rig->now_ms);
	wire_ended(&rig->login, stale, rig->now_ms);
}

static void give(struct rig *rig, const char *event)
{
	const enum tg_state in = rig->login.state;
	const bool opens = in == TG_STATE_CONNECTING || in == TG_STATE_RECONNECTING;
	const bool stands = in == TG_STATE_CONNECTED || in == TG_STATE_CLOSING;

	if (strcmp(event, "login") == 0) {
		rig_login(rig);
	} else if (strcmp(event, "logout") == 0) {
		orders_log_out(&rig->login, rig->now_ms);
	} else if (strcmp(event, "ready") == 0 && opens) {
		rig_accept(rig);
	} else if ((strcmp(event, "failed") == 0 || strcmp(event, "exhausted") == 0) && opens) {
		rig_fail(rig, TG_ERR_UNREACHABLE, 111);
	} else if (strcmp(event, "told") == 0 && opens) {
		static const char busy[] = "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\n\r\n";
		rig_feed(rig, busy, sizeof(busy) - 1);
	} else if (strcmp(event, "timeout") == 0 && opens) {
		rig_pass(rig, 5000);
	} else if (strcmp(event, "lost") == 0 && stands) {
		rig_eof(rig);
	} else if (strcmp(event, "exhausted") == 0 && in == TG_STATE_CONNECTED) {
		rig_eof(rig);
	} else if (strcmp(event, "silent") == 0 && in == TG_STATE_CONNECTED) {
		rig_pass(rig, 150000);
	} else if (strcmp(event, "refused") == 0 && stands) {
		rig_close(rig, 4001, "kicked");
	} else if (strcmp(event, "expired") == 0 && stands) {
		rig_close(rig, 3000, "");
	} else if (strcmp(event, "closed") == 0 && in == TG_STATE_CLOSING) {
		rig_close(rig, 1000, "");
	} else {
		stale_event(rig);
	}
}

/* A native client is CONNECTED with the 101, before which no Close can come; a browser's is with
 * the first frame. And it has logout() alone to give a login up. */
static bool can_be(const char *state_name, const char *event)
{
	const bool opens =
		strcmp(state_name, "CONNECTING") == 0 || strcmp(state_name, "RECONNECTING") == 0;
	return strcmp(event, "abort") != 0 &&
	       !(opens && (strcmp(event, "refused") == 0 || strcmp(event, "expired") == 0));
}

static void transitions_are_those_of_the_table(void **state)
{
	size_t index;
	size_t left_out = 0;
	json_t *row;

	json_array_foreach(vectors_section("transitions"), index, row)
	{
		const char *name = vectors_text(row, "state");
		const char *event = vectors_text(row, "event");
		const bool is_exhausted = strcmp(event, "exhausted") == 0;
		json_t *wanted = json_object_get(row, "path");
		struct path path = {0};
		struct rig rig;

		if (!can_be(name, event)) {
			left_out++;
			continue;
		}
		bring_into(&rig, name, !is_exhausted ? 10 : strcmp(name, "CONNECTED") == 0 ? 0 : 1);
		rig.inside = follow;
		rig.data = &path;
		give(&rig, event);
		assert_int_equal(path.len, json_array_size(wanted));
		for (size_t i = 0; i < path.len; i++) {
			json_t *step = json_array_get(wanted, i);
			assert_string_equal(tg_state_name(path.steps[i].to),
				json_string_value(json_array_get(step, 0)));
			assert_string_equal(reason_of(&path.steps[i], is_exhausted),
				json_string_value(json_array_get(step, 1)));
			/* Each begins where the one before it ended. */
			assert_string_equal(tg_state_name(path.steps[i].from),
				i == 0 ? name : tg_state_name(path.steps[i - 1].to));
		}
		rig_end(&rig);
	}
	assert_int_equal(json_array_size(vectors_section("transitions")), 6 * 13);
	assert_int_equal(left_out, 6 + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_taken),
		cmocka_unit_test(packets_are_sent),
		cmocka_unit_test(packets_of_v1_are_taken),
		cmocka_unit_test(packets_of_v1_are_sent),
		cmocka_unit_test(senders_are_found),
		cmocka_unit_test(close_codes_mean_what_they_should),
		cmocka_unit_test(the_gateway_closes_as_the_client_expects),
		cmocka_unit_test(retry_ms_is_read),
		cmocka_unit_test(retry_after_is_read),
		cmocka_unit_test(delays_are_drawn),
		cmocka_unit_test(states_have_their_numbers),
		cmocka_unit_test(transitions_are_those_of_the_table),
	};
	return cmocka_run_group_tests(tests, vectors_load, vectors_unload);
}
