/* A client's login on a virtual clock, a scripted gateway at its other end, and a diary of what the
 * application was told. */
#ifndef TIDEGATE_TESTS_CLIENT_RIG_H
#define TIDEGATE_TESTS_CLIENT_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/accept.h"
#include "../../proto/bytes.h"
#include "../../proto/close_reason.h"
#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "../../proto/packet.h"
#include "../../tools/client/clock.h"
#include "../../tools/client/orders.h"
#include "../../tools/client/wire.h"
#include "split.h"

enum {
	RIG_DIARY_MAX = 16384,
	RIG_SENT_MAX = 1 << 20,
	RIG_START_MS = 1000000,
};

static const struct login_options rig_defaults = {
	.heartbeat_ms = 50000,
	.read_deadline_ms = 150000,
	.connect_timeout_ms = 5000,
	.close_timeout_ms = 1500,
	.probe_timeout_ms = 5000,
	.reconnect_attempts = 10,
	.reconnect_min_ms = 2000,
	.reconnect_max_ms = 10000,
	.min_uptime_ms = 5000,
	.send_queue_limit = 262144,
};

struct rig {
	struct login login;
	struct login_options options;
	struct listener listener;
	uint64_t now_ms;
	uint32_t random; /* state of the numbers the login draws */
	char key[ACCEPT_KEY_LEN + 1];

	bool takes_v1; /* the gateway takes tidegate.v1, if that is offered */

	/* "STATE:status" for a state, "error:status", "event:NAME=value", "<text>" for a message;
	 * of tidegate.v1 "<audience from: text>", "session:user/device", "id=status/count" for an
	 * answer, with " room" behind that of a join, "room:count+user" for members, and
	 * "id:user,user..." for a page, with "..." where others follow, "id: bytes" for a reply and
	 * "gap=batches". Ids of joins are "joinN".
	 * "token:login", "token:session" or "token:refused" when one is asked for.
	 */
	char diary[RIG_DIARY_MAX];
	size_t diary_len;
	bool notes_events;

	/* What the client has sent and was not looked at. */
	uint8_t *sent;
	size_t sent_len;
	struct message_reader *reader; /* as the gateway has it */
	size_t read_len;               /* bytes of `sent` it was given */

	/* Called inside of each callback, after it was noted. */
	void (*inside)(struct rig *rig, enum notice_kind kind, const void *told);
	unsigned calls; /* of `inside` */
	void *data;
	bool has_token; /* what `auth` says */
	unsigned auth_count;
	uint32_t delay_ms; /* of the newest retry */
};

static inline const char *rig_status_name(enum tg_status status)
{
	switch (status) {
	case TG_OK:
		return "ok";
	case TG_ERR_ABORTED:
		return "aborted";
	case TG_ERR_RESOLVE:
		return "resolve";
	case TG_ERR_UNREACHABLE:
		return "unreachable";
	case TG_ERR_CONNECT_TIMEOUT:
		return "connect-timeout";
	case TG_ERR_HANDSHAKE:
		return "handshake";
	case TG_ERR_REFUSED:
		return "refused";
	case TG_ERR_LOST:
		return "lost";
	case TG_ERR_IO_TIMEOUT:
		return "io-timeout";
	case TG_ERR_PROTOCOL:
		return "protocol";
	case TG_ERR_PACKET:
		return "packet";
	case TG_ERR_BLAMED:
		return "blamed";
	case TG_ERR_CLOSED:
		return "closed";
	case TG_ERR_POLICY:
		return "policy";
	case TG_ERR_AUTH:
		return "auth";
	case TG_ERR_BAD_LOGIN:
		return "bad-login";
	case TG_ERR_KICKED:
		return "kicked";
	case TG_ERR_RESTART:
		return "restart";
	case TG_ERR_OVERLOADED:
		return "overloaded";
	case TG_ERR_SERVER:
		return "server";
	case TG_ERR_NOT_SPOKEN:
		return "not-spoken";
	case TG_ERR_NO_TOKEN:
		return "no-token";
	case TG_ERR_NOBODY_THERE:
		return "nobody";
	case TG_ERR_TOO_MANY_ROOMS:
		return "too-many";
	case TG_ERR_BUSY:
		return "busy";
	case TG_ERR_UNKNOWN:
		return "unknown";
	default:
		return tg_status_text(status);
	}
}

static inline void rig_note(struct rig *rig, const char *format, ...)
{
	const size_t space = sizeof(rig->diary) - rig->diary_len;
	va_list arguments;

	va_start(arguments, format);
	const int len = vsnprintf(rig->diary + rig->diary_len, space, format, arguments);
	va_end(arguments);
	assert_true(len >= 0 && (size_t)len < space);
	rig->diary_len += (size_t)len;
}

static inline void rig_inside(struct rig *rig, enum notice_kind kind, const void *told)
{
	rig->calls++;
	if (rig->inside) {
		rig->inside(rig, kind, told);
	}
}

static inline void rig_on_state(void *data, const struct tg_state_change *change)
{
	struct rig *rig = data;
	rig_note(rig, "%s:%s ", tg_state_name(change->to), rig_status_name(change->status));
	rig_inside(rig, NOTICE_STATE, change);
}

static inline void rig_on_message(void *data, const struct tg_message *message)
{
	struct rig *rig = data;
	if (message->audience) {
		rig_note(rig, "<%.*s %.*s: ", (int)message->audience_len, message->audience,
			(int)message->from_len, message->from);
	} else {
		rig_note(rig, "<");
	}
	rig_note(rig, "%.*s> ", (int)message->len, message->data);
	rig_inside(rig, NOTICE_MESSAGE, message);
}

static inline void rig_on_session(void *data, const struct tg_session *session)
{
	struct rig *rig = data;
	rig_note(rig, "session:%.*s/%.*s ", (int)session->user.len, session->user.data,
		(int)session->device.len, session->device.data);
	rig_inside(rig, NOTICE_SESSION, session);
}

static inline void rig_on_answer(void *data, const struct tg_answer *answer)
{
	struct rig *rig = data;
	const bool is_join = answer->id >= ROOMS_ID_MIN;
	rig_note(rig, "%s%u=%s/%u ", is_join ? "join" : "",
		is_join ? answer->id - ROOMS_ID_MIN : answer->id, rig_status_name(answer->status),
		answer->count);
	if (answer->room.len > 0) {
		rig_note(rig, "%.*s ", (int)answer->room.len, answer->room.data);
	}
	rig_inside(rig, NOTICE_ANSWER, answer);
}

static inline void rig_on_members(void *data, const struct tg_members *members)
{
	struct rig *rig = data;
	rig_note(rig, "%.*s:%u%c%.*s ", (int)members->room.len, members->room.data, members->count,
		"=+-!"[members->change], (int)members -> user.len, members->user.data);
	rig_inside(rig, NOTICE_MEMBERS, members);
}

static inline void rig_on_page(void *data, const struct tg_page *page)
{
	struct rig *rig = data;
	rig_note(rig, "%u:", page->id);
	for (size_t i = 0; i < page->count; i++) {
		rig_note(rig, "%.*s,", (int)page->users[i].len, page->users[i].data);
	}
	rig_note(rig, "%s ", page->is_last ? "" : "...");
	rig_inside(rig, NOTICE_PAGE, page);
}

static inline void rig_on_reply(void *data, const struct tg_reply *reply)
{
	struct rig *rig = data;
	rig_note(rig, "%u: %.*s ", reply->id, (int)reply->len, reply->data);
	rig_inside(rig, NOTICE_REPLY, reply);
}

static inline void rig_on_gap(void *data, const struct tg_gap *gap)
{
	struct rig *rig = data;
	rig_note(rig, "gap=%u ", gap->batches);
	rig_inside(rig, NOTICE_GAP, gap);
}

static inline void rig_on_error(void *data, const struct tg_error *error)
{
	struct rig *rig = data;
	rig_note(rig, "error:%s ", rig_status_name(error->status));
	rig_inside(rig, NOTICE_ERROR, error);
}

static inline void rig_on_event(void *data, const struct tg_event *event)
{
	static const char *const names[] = {
		"dial", "ping", "pong", "probe", "retry", "close", "hangup", "packet"};
	struct rig *rig = data;
	if (event->kind == TG_EVENT_RETRY) {
		rig->delay_ms = (uint32_t)event->value;
	}
	if (rig->notes_events && event->kind == TG_EVENT_RETRY) {
		rig_note(rig, "retry ");
	} else if (rig->notes_events) {
		rig_note(rig, "%s=%llu ", names[event->kind], (unsigned long long)event->value);
	}
	rig_inside(rig, NOTICE_EVENT, event);
}

static inline void rig_on_writable(void *data)
{
	struct rig *rig = data;
	rig_note(rig, "writable ");
	rig_inside(rig, NOTICE_WRITABLE, NULL);
}

static inline void rig_on_token(void *data, enum tg_token_need need)
{
	static const char *const names[] = {"login", "session", "refused"};
	struct rig *rig = data;
	rig_note(rig, "token:%s ", names[need]);
	rig_inside(rig, NOTICE_TOKEN, &need);
}

static inline bool rig_on_auth(void *data)
{
	struct rig *rig = data;
	rig->auth_count++;
	return rig->has_token;
}

static inline int rig_random(void *data, uint8_t *ret_bytes, size_t len)
{
	struct rig *rig = data;
	for (size_t i = 0; i < len; i++) {
		ret_bytes[i] = (uint8_t)(split_random(&rig->random) >> 8);
	}
	return 0;
}

static inline void rig_begin(struct rig *rig)
{
	static const struct message_rules rules = {.max_message = 1 << 20, .peer_masks = true};

	*rig = (struct rig){
		.options = rig_defaults,
		.listener =
			{
				.state = rig_on_state,
				.message = rig_on_message,
				.session = rig_on_session,
				.answer = rig_on_answer,
				.members = rig_on_members,
				.page = rig_on_page,
				.reply = rig_on_reply,
				.gap = rig_on_gap,
				.error = rig_on_error,
				.event = rig_on_event,
				.writable = rig_on_writable,
				.token = rig_on_token,
				.auth = rig_on_auth,
				.data = rig,
			},
		.now_ms = RIG_START_MS,
		.random = 1,
		.sent = malloc(RIG_SENT_MAX),
	};
	assert_non_null(rig->sent);
	login_init(&rig->login, &rig->listener);
	rig->login.entropy.fetch = rig_random;
	rig->login.entropy.data = rig;
	assert_int_equal(message_reader_create(&rules, &rig->reader), 0);
}

static inline void rig_end(struct rig *rig)
{
	login_finish(&rig->login);
	message_reader_destroy(&rig->reader);
	free(rig->sent);
}

/* Whether that word is the diary's last. */
static inline bool rig_told_last(const struct rig *rig, const char *word)
{
	const size_t len = strlen(word) + 1; /* with the blank behind it */
	return rig->diary_len >= len &&
	       strncmp(rig->diary + rig->diary_len - len, word, len - 1) == 0;
}

/* Compares what was noted since the last time, and forgets it. */
static inline void rig_expect(struct rig *rig, const char *diary)
{
	if (rig->diary_len > 0) {
		rig->diary[--rig->diary_len] = '\0'; /* the last blank */
	}
	assert_string_equal(rig->diary, diary);
	rig->diary_len = 0;
	rig->diary[0] = '\0';
}

static inline void rig_forget(struct rig *rig)
{
	rig->diary_len = 0;
	rig->diary[0] = '\0';
}

static inline void rig_login(struct rig *rig)
{
	assert_int_equal(orders_log_in(&rig->login, &rig->options, "/?user=bob", "gate:8000", NULL,
				 rig->now_ms),
		TG_OK);
}

/* Takes all that the client wants to send. */
static inline void rig_pull(struct rig *rig)
{
	const uint8_t *data;
	size_t len;

	while ((len = wire_peek(&rig->login, &data)) > 0) {
		assert_true(rig->sent_len + len <= RIG_SENT_MAX);
		memcpy(rig->sent + rig->sent_len, data, len);
		rig->sent_len += len;
		wire_advance(&rig->login, wire_wanted_line(&rig->login), len);
	}
}

static inline void rig_forget_sent(struct rig *rig)
{
	rig->sent_len = 0;
	rig->read_len = 0;
}

/* The transport is connected, and the request is there. */
static inline void rig_connect(struct rig *rig)
{
	static const char field[] = "Sec-WebSocket-Key: ";

	wire_opened(&rig->login, wire_wanted_line(&rig->login), rig->now_ms);
	rig_forget_sent(rig);
	rig_pull(rig);
	const char *key = memmem(rig->sent, rig->sent_len, field, sizeof(field) - 1);
	assert_non_null(key);
	memcpy(rig->key, key + sizeof(field) - 1, ACCEPT_KEY_LEN);
	rig_forget_sent(rig);
}

/* Bytes of the gateway, from memory of their very size. */
static inline void rig_feed(struct rig *rig, const void *data, size_t len)
{
	uint8_t *copy = split_copy(data, len);
	wire_feed(&rig->login, wire_wanted_line(&rig->login), copy, len, rig->now_ms);
	free(copy);
}

/* Writes the 101 that answers the request. Returns its length. */
static inline size_t rig_answer(const struct rig *rig, char *ret_answer, size_t size)
{
	char accept[ACCEPT_LEN + 1];

	accept_of_key(rig->key, accept);
	return (size_t)snprintf(ret_answer, size,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s\r\n",
		accept,
		rig->takes_v1 && rig->options.offers == SUBPROTOCOL_V1
			? "Sec-WebSocket-Protocol: tidegate.v1\r\n"
			: "");
}

/* The gateway answers the request. */
static inline void rig_accept(struct rig *rig)
{
	char answer[256];

	rig_feed(rig, answer, rig_answer(rig, answer, sizeof(answer)));
	assert_int_equal(rig->login.state, TG_STATE_CONNECTED);
}

/* The line is opened. */
static inline void rig_open(struct rig *rig)
{
	rig_connect(rig);
	rig_accept(rig);
}

/* A session that stands, with an empty diary. */
static inline void rig_begin_connected(struct rig *rig)
{
	rig_begin(rig);
	rig_login(rig);
	rig_open(rig);
	rig_forget(rig);
}

/* Likewise, that speaks tidegate.v1. */
static inline void rig_begin_talking(struct rig *rig)
{
	rig_begin(rig);
	rig->options.offers = SUBPROTOCOL_V1;
	rig->takes_v1 = true;
	rig_login(rig);
	rig_open(rig);
	rig_forget(rig);
}

/* The line is lost, and the next one stands. */
static inline void rig_open_anew(struct rig *rig)
{
	wire_ended(&rig->login, wire_wanted_line(&rig->login), rig->now_ms);
	rig->now_ms += rig->delay_ms;
	clock_tick(&rig->login, rig->now_ms);
	rig_open(rig);
}

/* Writes a frame of the gateway. Returns its length. */
static inline size_t rig_write_frame(
	uint8_t *ret_frame, uint8_t opcode, const void *payload, size_t len)
{
	const size_t header_len = frame_header_write(ret_frame, opcode, len, NULL);
	if (len > 0) {
		memcpy(ret_frame + header_len, payload, len);
	}
	return header_len + len;
}

static inline void rig_frame(struct rig *rig, uint8_t opcode, const void *payload, size_t len)
{
	uint8_t *frame = malloc(FRAME_HEADER_MAX + len);
	assert_non_null(frame);
	rig_feed(rig, frame, rig_write_frame(frame, opcode, payload, len));
	free(frame);
}

/* A packet of the gateway; `len` at most 1024. */
static inline void rig_packet(struct rig *rig, uint16_t command, const uint8_t *payload, size_t len)
{
	uint8_t packet[PACKET_HEADER_LEN + 1024];

	assert_true(len <= 1024);
	packet_header_write(packet, command, (uint32_t)len);
	memcpy(packet + PACKET_HEADER_LEN, payload, len);
	rig_frame(rig, FRAME_BINARY, packet, PACKET_HEADER_LEN + len);
}

static inline void rig_text(struct rig *rig, const char *text)
{
	rig_frame(rig, FRAME_TEXT, text, strlen(text));
}

/* A Close of the gateway; CLOSE_CODE_NONE: without one. */
static inline void rig_close(struct rig *rig, uint16_t code, const char *reason)
{
	uint8_t payload[125];
	const size_t len = strlen(reason);

	store_be16(payload, code);
	memcpy(payload + 2, reason, len);
	rig_frame(rig, FRAME_CLOSE, payload, code == CLOSE_CODE_NONE ? 0 : 2 + len);
}

/* The end of file. */
static inline void rig_eof(struct rig *rig)
{
	wire_ended(&rig->login, wire_wanted_line(&rig->login), rig->now_ms);
}

static inline void rig_fail(struct rig *rig, enum tg_status status, int error)
{
	wire_failed(&rig->login, wire_wanted_line(&rig->login), status, error, NULL, rig->now_ms);
}

/* The time passes, with a tick at each deadline on the way. */
static inline void rig_pass(struct rig *rig, uint64_t ms)
{
	const uint64_t until = rig->now_ms + ms;
	uint64_t due;

	while ((due = clock_next_deadline(&rig->login)) <= until) {
		if (due > rig->now_ms) {
			rig->now_ms = due;
		}
		clock_tick(&rig->login, rig->now_ms);
		rig_pull(rig);
		if (rig->login.wants_next_address) {
			rig_fail(rig, TG_ERR_CONNECT_TIMEOUT, 110);
		}
	}
	rig->now_ms = until;
}

/* The time passes without a tick, as it does while a machine sleeps; then there is one. */
static inline void rig_sleep(struct rig *rig, uint64_t ms)
{
	rig->now_ms += ms;
	clock_tick(&rig->login, rig->now_ms);
	rig_pull(rig);
}

/* The next message of the client, as the gateway's own reader has it; MESSAGE_MORE: there is none.
 */
static inline enum message_kind rig_sent(struct rig *rig, struct message *ret_message)
{
	rig_pull(rig);
	if (rig->read_len < rig->sent_len) {
		message_reader_feed(
			rig->reader, rig->sent + rig->read_len, rig->sent_len - rig->read_len);
		rig->read_len = rig->sent_len;
	}
	return message_reader_next(rig->reader, ret_message);
}

/* The client has sent a Close of that code (0: an empty one) behind whatever else. */
static inline void rig_expect_sent_close(struct rig *rig, uint16_t code)
{
	struct message message;
	enum message_kind kind;

	while ((kind = rig_sent(rig, &message)) != MESSAGE_CLOSE) {
		assert_int_not_equal(kind, MESSAGE_MORE);
		assert_int_not_equal(kind, MESSAGE_BROKEN);
	}
	assert_int_equal(message.len >= 2 ? load_be16(message.data) : 0, code);
	assert_int_equal(rig_sent(rig, &message), MESSAGE_MORE);
}

#endif
