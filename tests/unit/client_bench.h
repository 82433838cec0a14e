/* A client's core on a virtual clock, a scripted gateway at its other end, and a diary of what the
 * application was told. */
#ifndef TIDEGATE_TESTS_CLIENT_BENCH_H
#define TIDEGATE_TESTS_CLIENT_BENCH_H

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
#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "../../tools/client/core.h"
#include "split.h"

enum {
	BENCH_DIARY_MAX = 16384,
	BENCH_SENT_MAX = 1 << 20,
	BENCH_START_MS = 1000000,
};

static const struct core_options bench_defaults = {
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

struct bench {
	struct core *core;
	struct core_options options;
	struct listener listener;
	uint64_t now_ms;
	uint32_t random; /* state of the numbers the core draws */
	char key[ACCEPT_KEY_LEN + 1];

	/* "STATE:status" for a state, "error:status", "event:NAME=value", "<text>" for a message.
	 */
	char diary[BENCH_DIARY_MAX];
	size_t diary_len;
	bool notes_events;

	/* What the core has sent and was not looked at. */
	uint8_t *sent;
	size_t sent_len;
	struct message_reader *reader; /* as the gateway has it */
	size_t read_len;               /* bytes of `sent` it was given */

	/* Called inside of each callback, after it was noted. */
	void (*inside)(struct bench *bench, enum notice_kind kind, const void *told);
	unsigned calls; /* of `inside` */
	void *data;
	bool has_token; /* what `auth` says */
	unsigned auth_count;
	uint32_t delay_ms; /* of the newest retry */
};

static inline const char *bench_status_name(enum tg_status status)
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
	default:
		return tg_status_text(status);
	}
}

static inline void bench_note(struct bench *bench, const char *format, ...)
{
	const size_t room = sizeof bench->diary - bench->diary_len;
	va_list arguments;

	va_start(arguments, format);
	const int len = vsnprintf(bench->diary + bench->diary_len, room, format, arguments);
	va_end(arguments);
	assert_true(len >= 0 && (size_t)len < room);
	bench->diary_len += (size_t)len;
}

static inline void bench_inside(struct bench *bench, enum notice_kind kind, const void *told)
{
	bench->calls++;
	if (bench->inside) {
		bench->inside(bench, kind, told);
	}
}

static inline void bench_on_state(void *data, const struct tg_state_change *change)
{
	struct bench *bench = data;
	bench_note(bench, "%s:%s ", tg_state_name(change->to), bench_status_name(change->status));
	bench_inside(bench, NOTICE_STATE, change);
}

static inline void bench_on_message(void *data, const struct tg_message *message)
{
	struct bench *bench = data;
	bench_note(bench, "<%.*s> ", (int)message->len, message->data);
	bench_inside(bench, NOTICE_MESSAGE, message);
}

static inline void bench_on_error(void *data, const struct tg_error *error)
{
	struct bench *bench = data;
	bench_note(bench, "error:%s ", bench_status_name(error->status));
	bench_inside(bench, NOTICE_ERROR, error);
}

static inline void bench_on_event(void *data, const struct tg_event *event)
{
	static const char *const names[] = {
		"dial", "ping", "pong", "probe", "retry", "close", "hangup", "packet"};
	struct bench *bench = data;
	if (event->kind == TG_EVENT_RETRY) {
		bench->delay_ms = (uint32_t)event->value;
	}
	if (bench->notes_events && event->kind == TG_EVENT_RETRY) {
		bench_note(bench, "retry ");
	} else if (bench->notes_events) {
		bench_note(bench, "%s=%llu ", names[event->kind], (unsigned long long)event->value);
	}
	bench_inside(bench, NOTICE_EVENT, event);
}

static inline void bench_on_writable(void *data)
{
	struct bench *bench = data;
	bench_note(bench, "writable ");
	bench_inside(bench, NOTICE_WRITABLE, NULL);
}

static inline bool bench_on_auth(void *data)
{
	struct bench *bench = data;
	bench->auth_count++;
	return bench->has_token;
}

static inline int bench_random(void *data, uint8_t *ret_bytes, size_t len)
{
	struct bench *bench = data;
	for (size_t i = 0; i < len; i++) {
		ret_bytes[i] = (uint8_t)(split_random(&bench->random) >> 8);
	}
	return 0;
}

static inline void bench_begin(struct bench *bench)
{
	static const struct message_rules rules = {.max_message = 1 << 20, .peer_masks = true};

	*bench = (struct bench){
		.options = bench_defaults,
		.listener = {bench_on_state, bench_on_message, bench_on_error, bench_on_event,
			bench_on_writable, bench_on_auth, bench},
		.now_ms = BENCH_START_MS,
		.random = 1,
		.sent = malloc(BENCH_SENT_MAX),
	};
	assert_non_null(bench->sent);
	assert_int_equal(core_create(&bench->listener, &bench->core), 0);
	core_entropy(bench->core)->fetch = bench_random;
	core_entropy(bench->core)->data = bench;
	assert_int_equal(message_reader_create(&rules, &bench->reader), 0);
}

static inline void bench_end(struct bench *bench)
{
	core_destroy(&bench->core);
	message_reader_destroy(&bench->reader);
	free(bench->sent);
}

/* Compares what was noted since the last time, and forgets it. */
static inline void bench_expect(struct bench *bench, const char *diary)
{
	if (bench->diary_len > 0) {
		bench->diary[--bench->diary_len] = '\0'; /* the last blank */
	}
	assert_string_equal(bench->diary, diary);
	bench->diary_len = 0;
	bench->diary[0] = '\0';
}

static inline void bench_forget(struct bench *bench)
{
	bench->diary_len = 0;
	bench->diary[0] = '\0';
}

static inline void bench_login(struct bench *bench)
{
	assert_int_equal(
		core_login(bench->core, &bench->options, "/?user=bob", "gate:8000", bench->now_ms),
		TG_OK);
}

/* Takes all that the core wants to send. */
static inline void bench_pull(struct bench *bench)
{
	const uint8_t *data;
	size_t len;

	while ((len = core_peek(bench->core, &data)) > 0) {
		assert_true(bench->sent_len + len <= BENCH_SENT_MAX);
		memcpy(bench->sent + bench->sent_len, data, len);
		bench->sent_len += len;
		core_advance(bench->core, core_wanted_line(bench->core), len);
	}
}

static inline void bench_forget_sent(struct bench *bench)
{
	bench->sent_len = 0;
	bench->read_len = 0;
}

/* The transport is connected, and the request is there. */
static inline void bench_connect(struct bench *bench)
{
	static const char field[] = "Sec-WebSocket-Key: ";

	core_transport_opened(bench->core, core_wanted_line(bench->core), bench->now_ms);
	bench_forget_sent(bench);
	bench_pull(bench);
	const char *key = memmem(bench->sent, bench->sent_len, field, sizeof field - 1);
	assert_non_null(key);
	memcpy(bench->key, key + sizeof field - 1, ACCEPT_KEY_LEN);
	bench_forget_sent(bench);
}

/* Bytes of the gateway, from memory of their very size. */
static inline void bench_feed(struct bench *bench, const void *data, size_t len)
{
	uint8_t *copy = split_copy(data, len);
	core_feed(bench->core, core_wanted_line(bench->core), copy, len, bench->now_ms);
	free(copy);
}

/* Writes the 101 that answers the request. Returns its length. */
static inline size_t bench_answer(const struct bench *bench, char *ret_answer, size_t size)
{
	char accept[ACCEPT_LEN + 1];

	accept_of_key(bench->key, accept);
	return (size_t)snprintf(ret_answer, size,
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		accept);
}

/* The gateway answers the request. */
static inline void bench_accept(struct bench *bench)
{
	char answer[256];

	bench_feed(bench, answer, bench_answer(bench, answer, sizeof answer));
	assert_int_equal(core_state(bench->core), TG_STATE_CONNECTED);
}

/* The line is opened. */
static inline void bench_open(struct bench *bench)
{
	bench_connect(bench);
	bench_accept(bench);
}

/* A session that stands, with an empty diary. */
static inline void bench_begin_connected(struct bench *bench)
{
	bench_begin(bench);
	bench_login(bench);
	bench_open(bench);
	bench_forget(bench);
}

/* Writes a frame of the gateway. Returns its length. */
static inline size_t bench_write_frame(
	uint8_t *ret_frame, uint8_t opcode, const void *payload, size_t len)
{
	const size_t header_len = frame_header_write(ret_frame, opcode, len, NULL);
	if (len > 0) {
		memcpy(ret_frame + header_len, payload, len);
	}
	return header_len + len;
}

static inline void bench_frame(struct bench *bench, uint8_t opcode, const void *payload, size_t len)
{
	uint8_t *frame = malloc(FRAME_HEADER_MAX + len);
	assert_non_null(frame);
	bench_feed(bench, frame, bench_write_frame(frame, opcode, payload, len));
	free(frame);
}

static inline void bench_text(struct bench *bench, const char *text)
{
	bench_frame(bench, FRAME_TEXT, text, strlen(text));
}

/* A Close of the gateway. 1005: without a code. */
static inline void bench_close(struct bench *bench, uint16_t code, const char *reason)
{
	uint8_t payload[125];
	const size_t len = strlen(reason);

	store_be16(payload, code);
	memcpy(payload + 2, reason, len);
	bench_frame(bench, FRAME_CLOSE, payload, code == 1005 ? 0 : 2 + len);
}

/* The end of file. */
static inline void bench_eof(struct bench *bench)
{
	core_transport_ended(bench->core, core_wanted_line(bench->core), bench->now_ms);
}

static inline void bench_fail(struct bench *bench, enum tg_status status, int error)
{
	core_transport_failed(
		bench->core, core_wanted_line(bench->core), status, error, bench->now_ms);
}

/* The time passes, with a tick at each deadline on the way. */
static inline void bench_pass(struct bench *bench, uint64_t ms)
{
	const uint64_t until = bench->now_ms + ms;
	uint64_t due;

	while ((due = core_next_deadline(bench->core)) <= until) {
		if (due > bench->now_ms) {
			bench->now_ms = due;
		}
		core_tick(bench->core, bench->now_ms);
		bench_pull(bench);
		if (core_wants_next_address(bench->core)) {
			bench_fail(bench, TG_ERR_CONNECT_TIMEOUT, 110);
		}
	}
	bench->now_ms = until;
}

/* The time passes without a tick, as it does while a machine sleeps; then there is one. */
static inline void bench_sleep(struct bench *bench, uint64_t ms)
{
	bench->now_ms += ms;
	core_tick(bench->core, bench->now_ms);
	bench_pull(bench);
}

/* The next message of the client, as the gateway's own reader has it; MESSAGE_MORE: there is none.
 */
static inline enum message_kind bench_sent(struct bench *bench, struct message *ret_message)
{
	bench_pull(bench);
	if (bench->read_len < bench->sent_len) {
		message_reader_feed(bench->reader, bench->sent + bench->read_len,
			bench->sent_len - bench->read_len);
		bench->read_len = bench->sent_len;
	}
	return message_reader_next(bench->reader, ret_message);
}

/* The client has sent a Close of that code (0: an empty one) behind whatever else. */
static inline void bench_expect_sent_close(struct bench *bench, uint16_t code)
{
	struct message message;
	enum message_kind kind;

	while ((kind = bench_sent(bench, &message)) != MESSAGE_CLOSE) {
		assert_int_not_equal(kind, MESSAGE_MORE);
		assert_int_not_equal(kind, MESSAGE_BROKEN);
	}
	assert_int_equal(message.len >= 2 ? load_be16(message.data) : 0, code);
	assert_int_equal(bench_sent(bench, &message), MESSAGE_MORE);
}

#endif
