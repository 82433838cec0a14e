/* What a gateway may and may not send, and what the client makes of it, whatever the pieces. */
#include "client_rig.h"

#include "../../proto/client_handshake.h"

/* --- streams, whole, byte by byte and at every split ----------------------------------------- */

struct stream {
	uint8_t data[70000];
	size_t len;
};

static void add_frame(struct stream *stream, uint8_t opcode, const void *payload, size_t len)
{
	assert_true(stream->len + len + FRAME_HEADER_MAX <= sizeof(stream->data));
	stream->len += rig_write_frame(stream->data + stream->len, opcode, payload, len);
}

/* FIN is taken from the frame added last. */
static void add_fragment(struct stream *stream, uint8_t opcode, const char *payload)
{
	const size_t at = stream->len;
	add_frame(stream, opcode, payload, strlen(payload));
	stream->data[at] &= 0x7f;
}

static void add_bytes(struct stream *stream, const void *data, size_t len)
{
	assert_true(stream->len + len <= sizeof(stream->data));
	memcpy(stream->data + stream->len, data, len);
	stream->len += len;
}

/* Feeds a stream behind a new request, cut as `split` says. */
static void play(struct rig *rig, const struct stream *stream, size_t split)
{
	for (size_t at = 0, step; at < stream->len; at += step) {
		step = split_piece(split, at, stream->len);
		rig_feed(rig, stream->data + at, step);
	}
}

static void a_session_is_the_same_however_it_is_cut(void **state)
{
	char answer[256];

	for (size_t split = 0;; split++) {
		struct stream stream = {.len = 0};
		struct rig rig;
		struct message message;

		rig_begin(&rig);
		rig_login(&rig);
		rig_connect(&rig);
		add_bytes(&stream, answer, rig_answer(&rig, answer, sizeof(answer)));
		add_frame(&stream, FRAME_TEXT, "one \xe4\xb8\xad", 7);
		add_frame(&stream, FRAME_BINARY, "\0\x66\0\0\0\3two", 9);
		add_fragment(&stream, FRAME_TEXT, "th");
		add_frame(&stream, FRAME_PING, "p", 1);
		add_fragment(&stream, FRAME_CONTINUATION, "re");
		add_frame(&stream, FRAME_CONTINUATION, "e", 1);
		add_frame(&stream, FRAME_BINARY, "\0\x65\0\0\0\0", 6);
		add_frame(&stream, FRAME_TEXT, "", 0);
		add_frame(&stream, FRAME_CLOSE, "\x03\xf4retry_ms=1234", 15);
		/* Nothing is heard behind a Close. */
		add_frame(&stream, FRAME_TEXT, "late", 4);
		play(&rig, &stream, split);
		rig_expect(&rig, "CONNECTING:ok CONNECTED:ok <one \xe4\xb8\xad> <two> <three> <> "
				 "error:restart RECONNECTING:restart");
		assert_in_range(rig.delay_ms, 1234, 1234 + 7999);
		assert_int_equal(rig_sent(&rig, &message), MESSAGE_PONG);
		assert_memory_equal(message.data, "p", 1);
		rig_expect_sent_close(&rig, 1012);
		rig_end(&rig);
		if (split == stream.len) {
			break;
		}
	}
}

/* --- wrong frames ---------------------------------------------------------------------------- */

struct wrong {
	const char *name;
	const char *bytes;
	size_t len;
	uint16_t code; /* that the client sends */
};

#define WRONG(name, bytes, code) {name, bytes, sizeof(bytes) - 1, code}

static const struct wrong wrongs[] = {
	WRONG("masked", "\x81\x85\1\2\3\4abcde", 1002),
	WRONG("masked, empty", "\x81\x80\1\2\3\4", 1002),
	WRONG("RSV1", "\xc1\x01x", 1002),
	WRONG("RSV2", "\xa1\x01x", 1002),
	WRONG("RSV3", "\x91\x01x", 1002),
	WRONG("opcode 3", "\x83\x00", 1002),
	WRONG("opcode 7", "\x87\x00", 1002),
	WRONG("opcode 11", "\x8b\x00", 1002),
	WRONG("opcode 15", "\x8f\x00", 1002),
	WRONG("long ping", "\x89\x7e\x00\x7e", 1002),
	WRONG("fragmented ping", "\x09\x00", 1002),
	WRONG("fragmented close", "\x08\x00", 1002),
	WRONG("continuation of nothing", "\x80\x01x", 1002),
	WRONG("a message inside of another", "\x01\x01x\x81\x01y", 1002),
	WRONG("a length not minimal, 16 bits", "\x81\x7e\x00\x05hello", 1002),
	WRONG("a length not minimal, 64 bits", "\x81\x7f\0\0\0\0\0\0\0\x05hello", 1002),
	WRONG("a negative length", "\x81\x7f\x80\0\0\0\0\0\0\0", 1002),
	WRONG("a close of one byte", "\x88\x01\x03", 1002),
	WRONG("close code 0", "\x88\x02\x00\x00", 1002),
	WRONG("close code 999", "\x88\x02\x03\xe7", 1002),
	WRONG("close code 1004", "\x88\x02\x03\xec", 1002),
	WRONG("close code 1005", "\x88\x02\x03\xed", 1002),
	WRONG("close code 1006", "\x88\x02\x03\xee", 1002),
	WRONG("close code 1015", "\x88\x02\x03\xf7", 1002),
	WRONG("close code 2999", "\x88\x02\x0b\xb7", 1002),
	WRONG("close code 5000", "\x88\x02\x13\x88", 1002),
	WRONG("a close reason not UTF-8", "\x88\x03\x03\xe8\xff", 1007),
	WRONG("a text not UTF-8", "\x81\x02\xc0\xaf", 1007),
	WRONG("a text that ends inside a character", "\x81\x02\xe4\xb8", 1007),
	WRONG("a text cut and not UTF-8", "\x01\x02\xe4\xb8\x80\x01\xff", 1007),
	WRONG("a message over the limit", "\x81\x7f\0\0\0\0\0\1\1\1", 1009),
	WRONG("fragments over the limit", "\x01\x01x\x80\x7f\0\0\0\0\0\1\1\0", 1009),
	WRONG("a packet that is none", "\x82\x03xyz", 4002),
	WRONG("a packet with a text not UTF-8", "\x82\x07\0\x66\0\0\0\1\xff", 4002),
};

static void wrong_frames_fail_the_line(void **state)
{
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		for (size_t split = 0; split <= wrongs[i].len; split++) {
			const char *diary = wrongs[i].code == 4002
						    ? "error:packet CLOSED:packet"
						    : "error:protocol CLOSED:protocol";
			struct stream stream = {.len = 0};
			struct rig rig;

			add_bytes(&stream, wrongs[i].bytes, wrongs[i].len);
			rig_begin_connected(&rig);
			assert_int_equal(orders_send_text(&rig.login, "waits", 5), TG_OK);
			play(&rig, &stream, split);
			if (strncmp(rig.diary, diary, strlen(diary)) != 0) {
				print_error("%s\n", wrongs[i].name);
			}
			rig_expect(&rig, diary);
			/* What had not begun makes way for the Close. */
			struct message message;
			assert_int_equal(rig_sent(&rig, &message), MESSAGE_CLOSE);
			assert_int_equal(load_be16(message.data), wrongs[i].code);

			/* The Close has its time, and then the line is gone. */
			assert_int_not_equal(wire_wanted_line(&rig.login), 0);
			rig_text(&rig, "passed over");
			rig_pass(&rig, 1500);
			assert_int_equal(wire_wanted_line(&rig.login), 0);
			rig_pass(&rig, 1000000);
			rig_expect(&rig, "");
			rig_end(&rig);
		}
	}
}

static void a_message_at_the_limit_is_taken(void **state)
{
	const size_t len = 65536 + 256;
	struct stream stream = {.len = 0};
	struct rig rig;
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, 'x', len);
	add_frame(&stream, FRAME_TEXT, text, len);
	rig_begin_connected(&rig);
	rig.listener.message = NULL; /* too long for the diary */
	play(&rig, &stream, 0);
	assert_int_equal(rig.login.stats.messages_received, 1);
	assert_int_equal(rig.login.state, TG_STATE_CONNECTED);
	rig_end(&rig);
	free(text);
}

static void a_close_is_echoed_with_its_code(void **state)
{
	static const uint16_t codes[] = {
		1000, 1001, 1011, 1012, 3000, 3008, 4000, 4001, 4999, 1005};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct rig rig;
		rig_begin_connected(&rig);
		rig_close(&rig, codes[i], "why");
		rig_expect_sent_close(&rig, codes[i] == 1005 ? 0 : codes[i]);
		rig_eof(&rig);
		assert_int_equal(wire_wanted_line(&rig.login), 0);
		rig_end(&rig);
	}
}

/* --- wrong handshakes ------------------------------------------------------------------------ */

static const struct {
	const char *answer; /* %s: the right accept */
	const char *diary;
} handshakes[] = {
	{"HTTP/1.1 400 Bad Request\r\n\r\n", "error:refused CLOSED:refused"},
	{"HTTP/1.1 503 Service Unavailable\r\n\r\n", "error:refused CLOSED:refused"},
	{"HTTP/1.0 404 Not Found\r\nContent-Length: 5\r\n\r\nhello",
		"error:refused CLOSED:refused"},
	{"HTTP/1.1 302\r\nLocation: /\r\n\r\n", "error:refused CLOSED:refused"},
	{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	 "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n",
		"error:handshake CLOSED:handshake"},
	{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		"error:handshake CLOSED:handshake"},
	{"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		"error:handshake CLOSED:handshake"},
	{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		"error:handshake CLOSED:handshake"},
	{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	 "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		"error:handshake CLOSED:handshake"},
	{"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	 "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		"error:handshake CLOSED:handshake"},
	{"SSH-2.0-OpenSSH_9.2\r\n", "error:handshake CLOSED:handshake"},
	{"\x16\x03\x01", "error:handshake CLOSED:handshake"},
	{"HTTP/1.1 101 X\nUpgrade: websocket\n\n", "error:handshake CLOSED:handshake"},
};

static void wrong_handshakes_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++) {
		for (size_t split = 0;; split++) {
			struct stream stream = {.len = 0};
			struct rig rig;
			struct message message;
			char accept[ACCEPT_LEN + 1];
			char answer[512];

			rig_begin(&rig);
			rig_login(&rig);
			rig_connect(&rig);
			rig_forget(&rig);
			accept_of_key(rig.key, accept);
			const char *hole = strstr(handshakes[i].answer, "%s");
			const int head = hole ? (int)(hole - handshakes[i].answer)
					      : (int)strlen(handshakes[i].answer);
			const int len = snprintf(answer, sizeof(answer), "%.*s%s%s", head,
				handshakes[i].answer, hole ? accept : "", hole ? hole + 2 : "");
			add_bytes(&stream, answer, (size_t)len);
			play(&rig, &stream, split);
			rig_expect(&rig, handshakes[i].diary);
			assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
			assert_int_equal(wire_wanted_line(&rig.login), 0);
			rig_end(&rig);
			if (split == stream.len) {
				break;
			}
		}
	}
}

static void a_head_without_end_is_refused(void **state)
{
	struct rig rig;
	static const char start[] = "HTTP/1.1 101 X\r\nA: ";
	char line[1000];

	rig_begin(&rig);
	rig_login(&rig);
	rig_connect(&rig);
	rig_forget(&rig);
	rig_feed(&rig, start, sizeof(start) - 1);
	memset(line, 'a', sizeof(line));
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(rig.login.state, TG_STATE_CONNECTING);
		rig_feed(&rig, line, sizeof(line));
	}
	rig_feed(&rig, line, sizeof(line));
	rig_expect(&rig, "error:handshake CLOSED:handshake");
	rig_end(&rig);
}

static void retry_after_is_honoured(void **state)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n";
	struct rig rig;

	rig_begin(&rig);
	rig_login(&rig);
	rig_connect(&rig);
	rig_forget(&rig);
	rig_feed(&rig, answer, sizeof(answer) - 1);
	rig_expect(&rig, "error:refused RECONNECTING:refused");
	assert_in_range(rig.delay_ms, 7000, 7000 + 7999);
	assert_string_equal(rig.login.detail, "HTTP 503");
	rig_pass(&rig, rig.delay_ms);
	rig_open(&rig);
	rig_expect(&rig, "CONNECTED:ok");
	rig_end(&rig);
}

static void a_line_lost_in_the_opening_is_told(void **state)
{
	struct rig rig;

	rig_begin(&rig);
	rig_login(&rig);
	rig_connect(&rig);
	rig_forget(&rig);
	rig_feed(&rig, "HTTP/1.1 1", 10);
	rig_eof(&rig);
	rig_expect(&rig, "error:lost CLOSED:lost");
	rig_end(&rig);
}

/* --- sending --------------------------------------------------------------------------------- */

static void messages_are_masked_anew(void **state)
{
	struct rig rig;
	struct message message;
	uint8_t masks[2][4];

	rig_begin_connected(&rig);
	for (unsigned i = 0; i < 2; i++) {
		rig_forget_sent(&rig);
		assert_int_equal(orders_send_text(&rig.login, "secret", 6), TG_OK);
		rig_pull(&rig);
		assert_int_equal(rig.sent_len, 2 + 4 + 6);
		assert_int_equal(rig.sent[1], 0x80 | 6);
		memcpy(masks[i], rig.sent + 2, 4);
		assert_null(memmem(rig.sent, rig.sent_len, "secret", 6));
		assert_int_equal(rig_sent(&rig, &message), MESSAGE_TEXT);
		assert_memory_equal(message.data, "secret", 6);
		assert_int_equal(rig_sent(&rig, &message), MESSAGE_MORE);
	}
	assert_memory_not_equal(masks[0], masks[1], 4);
	rig_end(&rig);
}

static void what_cannot_be_sent_is_told(void **state)
{
	struct rig rig;
	char *big = calloc(1, 65537);

	assert_non_null(big);
	rig_begin(&rig);
	assert_int_equal(orders_send_text(&rig.login, "x", 1), TG_ERR_NOT_CONNECTED);
	rig_login(&rig);
	assert_int_equal(orders_send_text(&rig.login, "x", 1), TG_ERR_NOT_CONNECTED);
	rig_open(&rig);
	assert_int_equal(orders_send_text(&rig.login, "\xff", 1), TG_ERR_UTF8);
	assert_int_equal(orders_send_text(&rig.login, big, 65537), TG_ERR_TOO_BIG);
	assert_int_equal(orders_send_text(&rig.login, big, 65536), TG_OK);
	assert_int_equal(orders_send_packet(&rig.login, 102, big, 65531), TG_ERR_TOO_BIG);
	assert_int_equal(orders_send_packet(&rig.login, 102, big, 65530), TG_OK);
	assert_int_equal(orders_send_text(&rig.login, "", 0), TG_OK);
	orders_log_out(&rig.login, rig.now_ms);
	assert_int_equal(orders_send_text(&rig.login, "x", 1), TG_ERR_NOT_CONNECTED);
	rig_close(&rig, 1000, "");
	assert_int_equal(orders_send_packet(&rig.login, 102, "x", 1), TG_ERR_NOT_CONNECTED);
	rig_end(&rig);
	free(big);
}

static void the_queue_is_bounded_and_tells_when_to_go_on(void **state)
{
	struct rig rig;
	const uint8_t *data;
	char text[1000];
	size_t count = 0;
	size_t len;

	memset(text, 'x', sizeof(text));
	rig_begin(&rig);
	rig.options.send_queue_limit = 70000;
	rig_login(&rig);
	rig_open(&rig);
	rig_forget(&rig);
	while (orders_send_text(&rig.login, text, sizeof(text)) == TG_OK) {
		count++;
	}
	assert_int_equal(count, 70000 / 1008);
	assert_int_equal(orders_send_text(&rig.login, text, sizeof(text)), TG_ERR_WOULD_BLOCK);
	assert_int_equal(login_unsent_len(&rig.login), count * 1008);

	/* A byte at a time: it is told once, at half of the limit. */
	while ((len = wire_peek(&rig.login, &data)) > 0) {
		const bool was_over = login_unsent_len(&rig.login) > 35000;
		wire_advance(&rig.login, wire_wanted_line(&rig.login), 1);
		if (was_over && login_unsent_len(&rig.login) <= 35000) {
			rig_expect(&rig, "writable");
		}
	}
	rig_expect(&rig, "");
	assert_int_equal(orders_send_text(&rig.login, text, sizeof(text)), TG_OK);
	rig_end(&rig);
}

/* The state's change says how much was taken and never left. */
static void remember_unsent(struct rig *rig, enum notice_kind kind, const void *told)
{
	if (kind == NOTICE_STATE) {
		const struct tg_state_change *change = told;
		*(size_t *)rig->data = change->unsent_len;
	}
}

static void what_was_not_sent_is_told(void **state)
{
	struct rig rig;
	size_t unsent = 0;

	rig_begin_connected(&rig);
	rig.inside = remember_unsent;
	rig.data = &unsent;
	assert_int_equal(orders_send_text(&rig.login, "0123456789", 10), TG_OK);
	assert_int_equal(orders_send_text(&rig.login, "0123456789", 10), TG_OK);
	wire_advance(&rig.login, wire_wanted_line(&rig.login), 16);
	rig_eof(&rig);
	assert_int_equal(unsent, 16);
	rig_pass(&rig, rig.delay_ms);
	rig_open(&rig);

	assert_int_equal(orders_send_text(&rig.login, "0123456789", 10), TG_OK);
	orders_log_out(&rig.login, rig.now_ms);
	rig.now_ms += 1500;
	clock_tick(&rig.login, rig.now_ms);
	assert_int_equal(rig.login.state, TG_STATE_CLOSED);
	assert_int_equal(unsent, 16);
	rig_end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_is_the_same_however_it_is_cut),
		cmocka_unit_test(wrong_frames_fail_the_line),
		cmocka_unit_test(a_message_at_the_limit_is_taken),
		cmocka_unit_test(a_close_is_echoed_with_its_code),
		cmocka_unit_test(wrong_handshakes_are_refused),
		cmocka_unit_test(a_head_without_end_is_refused),
		cmocka_unit_test(retry_after_is_honoured),
		cmocka_unit_test(a_line_lost_in_the_opening_is_told),
		cmocka_unit_test(messages_are_masked_anew),
		cmocka_unit_test(what_cannot_be_sent_is_told),
		cmocka_unit_test(the_queue_is_bounded_and_tells_when_to_go_on),
		cmocka_unit_test(what_was_not_sent_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
