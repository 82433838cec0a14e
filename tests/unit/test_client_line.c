/* What a gateway may and may not send, and what the client makes of it, whatever the pieces. */
#include "client_bench.h"

#include "../../proto/client_handshake.h"

/* ---- Streams, whole, byte by byte and at every split. */

struct stream {
	uint8_t data[70000];
	size_t len;
};

static void add_frame(struct stream *stream, uint8_t opcode, const void *payload, size_t len)
{
	assert_true(stream->len + len + FRAME_HEADER_MAX <= sizeof stream->data);
	stream->len += bench_write_frame(stream->data + stream->len, opcode, payload, len);
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
	assert_true(stream->len + len <= sizeof stream->data);
	memcpy(stream->data + stream->len, data, len);
	stream->len += len;
}

/* Feeds a stream behind a new request, cut as `split` says. */
static void play(struct bench *bench, const struct stream *stream, size_t split)
{
	for (size_t at = 0, step; at < stream->len; at += step) {
		step = split_piece(split, at, stream->len);
		bench_feed(bench, stream->data + at, step);
	}
}

static void a_session_is_the_same_however_it_is_cut(void **state)
{
	char answer[256];

	for (size_t split = 0;; split++) {
		struct stream stream = {.len = 0};
		struct bench bench;
		struct message message;

		bench_begin(&bench);
		bench_login(&bench);
		bench_connect(&bench);
		add_bytes(&stream, answer, bench_answer(&bench, answer, sizeof answer));
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
		play(&bench, &stream, split);
		bench_expect(&bench,
			"CONNECTING:ok CONNECTED:ok <one \xe4\xb8\xad> <two> <three> <> "
			"error:restart RECONNECTING:restart");
		assert_int_equal(bench.delay_ms, 1234);
		assert_int_equal(bench_sent(&bench, &message), MESSAGE_PONG);
		assert_memory_equal(message.data, "p", 1);
		bench_expect_sent_close(&bench, 1012);
		bench_end(&bench);
		if (split == stream.len) {
			break;
		}
	}
}

/* ---- Wrong frames. */

struct wrong {
	const char *name;
	const char *bytes;
	size_t len;
	uint16_t code; /* that the client sends */
};

#define WRONG(name, bytes, code)                                                                   \
	{                                                                                          \
		name, bytes, sizeof(bytes) - 1, code                                               \
	}

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
	WRONG("a message over the limit", "\x81\x7f\0\0\0\0\0\1\0\x81", 1009),
	WRONG("fragments over the limit", "\x01\x01x\x80\x7f\0\0\0\0\0\1\0\x80", 1009),
	WRONG("a packet that is none", "\x82\x03xyz", 4002),
	WRONG("a packet with a text not UTF-8", "\x82\x07\0\x66\0\0\0\1\xff", 4002),
};

static void wrong_frames_fail_the_line(void **state)
{
	for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
		for (size_t split = 0; split <= wrongs[i].len; split++) {
			const char *diary = wrongs[i].code == 4002
						    ? "error:packet CLOSED:packet"
						    : "error:protocol CLOSED:protocol";
			struct stream stream = {.len = 0};
			struct bench bench;

			add_bytes(&stream, wrongs[i].bytes, wrongs[i].len);
			bench_begin_connected(&bench);
			assert_int_equal(core_send_text(bench.core, "waits", 5), TG_OK);
			play(&bench, &stream, split);
			if (strncmp(bench.diary, diary, strlen(diary)) != 0) {
				print_error("%s\n", wrongs[i].name);
			}
			bench_expect(&bench, diary);
			/* What had not begun makes way for the Close. */
			struct message message;
			assert_int_equal(bench_sent(&bench, &message), MESSAGE_CLOSE);
			assert_int_equal(load_be16(message.data), wrongs[i].code);

			/* The Close has its time, and then the line is gone. */
			assert_int_not_equal(core_wanted_line(bench.core), 0);
			bench_text(&bench, "passed over");
			bench_pass(&bench, 1500);
			assert_int_equal(core_wanted_line(bench.core), 0);
			bench_pass(&bench, 1000000);
			bench_expect(&bench, "");
			bench_end(&bench);
		}
	}
}

static void a_message_at_the_limit_is_taken(void **state)
{
	const size_t len = 65536 + 128;
	struct stream stream = {.len = 0};
	struct bench bench;
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, 'x', len);
	add_frame(&stream, FRAME_TEXT, text, len);
	bench_begin_connected(&bench);
	bench.listener.message = NULL; /* too long for the diary */
	play(&bench, &stream, 0);
	assert_int_equal(core_stats(bench.core)->messages_received, 1);
	assert_int_equal(core_state(bench.core), TG_STATE_CONNECTED);
	bench_end(&bench);
	free(text);
}

static void a_close_is_echoed_with_its_code(void **state)
{
	static const uint16_t codes[] = {
		1000, 1001, 1011, 1012, 3000, 3008, 4000, 4001, 4999, 1005};

	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
		struct bench bench;
		bench_begin_connected(&bench);
		bench_close(&bench, codes[i], "why");
		bench_expect_sent_close(&bench, codes[i] == 1005 ? 0 : codes[i]);
		bench_eof(&bench);
		assert_int_equal(core_wanted_line(bench.core), 0);
		bench_end(&bench);
	}
}

/* ---- Wrong handshakes. */

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
	for (size_t i = 0; i < sizeof handshakes / sizeof handshakes[0]; i++) {
		for (size_t split = 0;; split++) {
			struct stream stream = {.len = 0};
			struct bench bench;
			struct message message;
			char accept[ACCEPT_LEN + 1];
			char answer[512];

			bench_begin(&bench);
			bench_login(&bench);
			bench_connect(&bench);
			bench_forget(&bench);
			accept_of_key(bench.key, accept);
			const char *hole = strstr(handshakes[i].answer, "%s");
			const int head = hole ? (int)(hole - handshakes[i].answer)
					      : (int)strlen(handshakes[i].answer);
			const int len = snprintf(answer, sizeof answer, "%.*s%s%s", head,
				handshakes[i].answer, hole ? accept : "", hole ? hole + 2 : "");
			add_bytes(&stream, answer, (size_t)len);
			play(&bench, &stream, split);
			bench_expect(&bench, handshakes[i].diary);
			assert_int_equal(bench_sent(&bench, &message), MESSAGE_MORE);
			assert_int_equal(core_wanted_line(bench.core), 0);
			bench_end(&bench);
			if (split == stream.len) {
				break;
			}
		}
	}
}

static void a_head_without_end_is_refused(void **state)
{
	struct bench bench;
	static const char start[] = "HTTP/1.1 101 X\r\nA: ";
	char line[1000];

	bench_begin(&bench);
	bench_login(&bench);
	bench_connect(&bench);
	bench_forget(&bench);
	bench_feed(&bench, start, sizeof start - 1);
	memset(line, 'a', sizeof line);
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(core_state(bench.core), TG_STATE_CONNECTING);
		bench_feed(&bench, line, sizeof line);
	}
	bench_feed(&bench, line, sizeof line);
	bench_expect(&bench, "error:handshake CLOSED:handshake");
	bench_end(&bench);
}

static void retry_after_is_honoured(void **state)
{
	static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 7\r\n\r\n";
	struct bench bench;

	bench_begin(&bench);
	bench_login(&bench);
	bench_connect(&bench);
	bench_forget(&bench);
	bench_feed(&bench, answer, sizeof answer - 1);
	bench_expect(&bench, "error:refused RECONNECTING:refused");
	assert_int_equal(bench.delay_ms, 7000);
	assert_string_equal(core_detail(bench.core), "HTTP 503");
	bench_pass(&bench, 7000);
	bench_open(&bench);
	bench_expect(&bench, "CONNECTED:ok");
	bench_end(&bench);
}

static void a_line_lost_in_the_opening_is_told(void **state)
{
	struct bench bench;

	bench_begin(&bench);
	bench_login(&bench);
	bench_connect(&bench);
	bench_forget(&bench);
	bench_feed(&bench, "HTTP/1.1 1", 10);
	bench_eof(&bench);
	bench_expect(&bench, "error:lost CLOSED:lost");
	bench_end(&bench);
}

/* ---- Sending. */

static void messages_are_masked_anew(void **state)
{
	struct bench bench;
	struct message message;
	uint8_t masks[2][4];

	bench_begin_connected(&bench);
	for (unsigned i = 0; i < 2; i++) {
		bench_forget_sent(&bench);
		assert_int_equal(core_send_text(bench.core, "secret", 6), TG_OK);
		bench_pull(&bench);
		assert_int_equal(bench.sent_len, 2 + 4 + 6);
		assert_int_equal(bench.sent[1], 0x80 | 6);
		memcpy(masks[i], bench.sent + 2, 4);
		assert_null(memmem(bench.sent, bench.sent_len, "secret", 6));
		assert_int_equal(bench_sent(&bench, &message), MESSAGE_TEXT);
		assert_memory_equal(message.data, "secret", 6);
		assert_int_equal(bench_sent(&bench, &message), MESSAGE_MORE);
	}
	assert_memory_not_equal(masks[0], masks[1], 4);
	bench_end(&bench);
}

static void what_cannot_be_sent_is_told(void **state)
{
	struct bench bench;
	char *big = calloc(1, 65537);

	assert_non_null(big);
	bench_begin(&bench);
	assert_int_equal(core_send_text(bench.core, "x", 1), TG_ERR_NOT_CONNECTED);
	bench_login(&bench);
	assert_int_equal(core_send_text(bench.core, "x", 1), TG_ERR_NOT_CONNECTED);
	bench_open(&bench);
	assert_int_equal(core_send_text(bench.core, "\xff", 1), TG_ERR_UTF8);
	assert_int_equal(core_send_text(bench.core, big, 65537), TG_ERR_TOO_BIG);
	assert_int_equal(core_send_text(bench.core, big, 65536), TG_OK);
	assert_int_equal(core_send_packet(bench.core, 102, big, 65531), TG_ERR_TOO_BIG);
	assert_int_equal(core_send_packet(bench.core, 102, big, 65530), TG_OK);
	assert_int_equal(core_send_text(bench.core, "", 0), TG_OK);
	core_logout(bench.core, bench.now_ms);
	assert_int_equal(core_send_text(bench.core, "x", 1), TG_ERR_NOT_CONNECTED);
	bench_close(&bench, 1000, "");
	assert_int_equal(core_send_packet(bench.core, 102, "x", 1), TG_ERR_NOT_CONNECTED);
	bench_end(&bench);
	free(big);
}

static void the_queue_is_bounded_and_tells_when_to_go_on(void **state)
{
	struct bench bench;
	const uint8_t *data;
	char text[1000];
	size_t count = 0;
	size_t len;

	memset(text, 'x', sizeof text);
	bench_begin(&bench);
	bench.options.send_queue_limit = 70000;
	bench_login(&bench);
	bench_open(&bench);
	bench_forget(&bench);
	while (core_send_text(bench.core, text, sizeof text) == TG_OK) {
		count++;
	}
	assert_int_equal(count, 70000 / 1008);
	assert_int_equal(core_send_text(bench.core, text, sizeof text), TG_ERR_WOULD_BLOCK);
	assert_int_equal(core_queued_len(bench.core), count * 1008);

	/* A byte at a time: it is told once, at half of the limit. */
	while ((len = core_peek(bench.core, &data)) > 0) {
		const bool was_over = core_queued_len(bench.core) > 35000;
		core_advance(bench.core, core_wanted_line(bench.core), 1);
		if (was_over && core_queued_len(bench.core) <= 35000) {
			bench_expect(&bench, "writable");
		}
	}
	bench_expect(&bench, "");
	assert_int_equal(core_send_text(bench.core, text, sizeof text), TG_OK);
	bench_end(&bench);
}

/* The state's change says how much was taken and never left. */
static void remember_unsent(struct bench *bench, enum notice_kind kind, const void *told)
{
	if (kind == NOTICE_STATE) {
		const struct tg_state_change *change = told;
		*(size_t *)bench->data = change->unsent_len;
	}
}

static void what_was_not_sent_is_told(void **state)
{
	struct bench bench;
	size_t unsent = 0;

	bench_begin_connected(&bench);
	bench.inside = remember_unsent;
	bench.data = &unsent;
	assert_int_equal(core_send_text(bench.core, "0123456789", 10), TG_OK);
	assert_int_equal(core_send_text(bench.core, "0123456789", 10), TG_OK);
	core_advance(bench.core, core_wanted_line(bench.core), 16);
	bench_eof(&bench);
	assert_int_equal(unsent, 16);
	bench_pass(&bench, bench.delay_ms);
	bench_open(&bench);

	assert_int_equal(core_send_text(bench.core, "0123456789", 10), TG_OK);
	core_logout(bench.core, bench.now_ms);
	bench.now_ms += 1500;
	core_tick(bench.core, bench.now_ms);
	assert_int_equal(core_state(bench.core), TG_STATE_CLOSED);
	assert_int_equal(unsent, 16);
	bench_end(&bench);
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
