#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "split.h"

enum {
	FIN = 0x80
};

static const uint8_t mask[4] = {0xa1, 0x02, 0xf3, 0x44};

static const struct message_rules server_rules = {.max_message = 65536, .peer_masks = true};
static const struct message_rules client_rules = {.max_message = 65536, .peer_masks = false};

/* ---- A stream of frames. */

static struct {
	uint8_t data[1 << 18];
	size_t len;
	bool masked;
} stream;

/* Adds a header whose first byte, FIN to opcode, is `first`. */
static void put_header(uint8_t first, uint64_t len)
{
	assert_true(stream.len + FRAME_HEADER_MAX <= sizeof stream.data);
	uint8_t *header = stream.data + stream.len;
	stream.len += frame_header_write(header, 0, len, stream.masked ? mask : NULL);
	header[0] = first;
}

static void put_bytes(const void *data, size_t len)
{
	assert_true(stream.len + len <= sizeof stream.data);
	memcpy(stream.data + stream.len, data, len);
	stream.len += len;
}

static void put_frame(uint8_t first, const void *payload, size_t len)
{
	put_header(first, len);
	put_bytes(payload, len);
	if (stream.masked) {
		frame_mask(stream.data + stream.len - len, len, mask, 0);
	}
}

static void put_text(uint8_t first, const char *text)
{
	put_frame(first, text, strlen(text));
}

/* ---- What must come out of it. */

struct expectation {
	enum message_kind kind;
	enum close_reason broken;
	size_t len;
	uint8_t data[512];
};

static struct expectation expected[64];
static size_t expected_count;
static uint32_t expected_frames; /* whole ones */

static void begin(bool masked)
{
	stream.len = 0;
	stream.masked = masked;
	expected_count = 0;
	expected_frames = 0;
}

static void expect(enum message_kind kind, const void *data, size_t len)
{
	struct expectation *next = &expected[expected_count++];
	assert_true(len <= sizeof next->data);
	next->kind = kind;
	next->broken = CLOSE_REASON_NONE;
	next->len = len;
	memcpy(next->data, data, len);
}

static void expect_text(enum message_kind kind, const char *text)
{
	expect(kind, text, strlen(text));
}

static void expect_broken(enum close_reason reason)
{
	expect(MESSAGE_BROKEN, "", 0);
	expected[expected_count - 1].broken = reason;
}

static void meet(const struct message *message, const struct expectation *next)
{
	assert_int_equal(message->kind, next->kind);
	assert_int_equal(message->broken, next->broken);
	if (message->kind != MESSAGE_BROKEN) {
		assert_int_equal(message->len, next->len);
		assert_memory_equal(message->data, next->data, next->len);
		assert_true(message->headroom <= FRAME_HEADER_MAX);
		/* Headroom is the caller's, and so is the payload. */
		memset(message->data - message->headroom, 0xff, message->headroom + message->len);
	}
}

/* Feeds a piece, meets what comes out of it and returns how many messages it were. */
static size_t feed_piece(struct message_reader *reader, const uint8_t *data, size_t len, size_t met)
{
	uint8_t *piece = split_copy(data, len);
	struct message message;
	size_t count = 0;

	message_reader_feed(reader, piece, len);
	while (message_reader_next(reader, &message) != MESSAGE_MORE) {
		assert_true(met + count < expected_count);
		meet(&message, &expected[met + count++]);
		if (message.kind == MESSAGE_BROKEN) {
			break;
		}
	}
	free(piece);
	return count;
}

static struct message_reader *create_reader(const struct message_rules *rules)
{
	struct message_reader *reader = NULL;
	assert_int_equal(message_reader_create(rules, &reader), 0);
	return reader;
}

static void replay_split(const struct message_rules *rules, size_t split)
{
	struct message_reader *reader = create_reader(rules);
	const size_t footprint = message_reader_footprint(reader);
	uint32_t frames = 0;
	size_t met = 0;

	for (size_t fed = 0; fed < stream.len;) {
		const size_t piece = split_piece(split, fed, stream.len);
		met += feed_piece(reader, stream.data + fed, piece, met);
		frames += message_reader_take_frames(reader);
		fed += piece;
		if (met == expected_count && met > 0 && expected[met - 1].kind == MESSAGE_BROKEN) {
			message_reader_destroy(&reader);
			return;
		}
	}
	assert_int_equal(met, expected_count);
	assert_int_equal(frames, expected_frames);
	assert_true(message_reader_is_idle(reader));
	assert_int_equal(message_reader_footprint(reader), footprint);
	message_reader_destroy(&reader);
}

static void replay(const struct message_rules *rules)
{
	for (size_t split = 0; split <= stream.len; split++) {
		replay_split(rules, split);
	}
}

/* The stream is refused, whatever its pieces, and for no other reason. */
static void replay_broken(enum close_reason reason)
{
	expect_broken(reason);
	replay(stream.masked ? &server_rules : &client_rules);
}

/* ---- Messages. */

static void joins_the_examples_of_the_rfc(void **state)
{
	for (int masked = 0; masked <= 1; masked++) {
		begin(masked);
		put_text(FIN | FRAME_TEXT, "Hello");
		expect_text(MESSAGE_TEXT, "Hello");
		put_text(FRAME_TEXT, "Hel");
		put_text(FIN | FRAME_CONTINUATION, "lo");
		expect_text(MESSAGE_TEXT, "Hello");
		put_text(FIN | FRAME_PING, "Hello");
		expect_text(MESSAGE_PING, "Hello");
		put_text(FIN | FRAME_PONG, "Hello");
		expect_text(MESSAGE_PONG, "Hello");
		expected_frames = 5;
		replay(masked ? &server_rules : &client_rules);
	}
}

static void takes_empty_messages(void **state)
{
	begin(true);
	put_text(FIN | FRAME_TEXT, "");
	expect_text(MESSAGE_TEXT, "");
	put_text(FIN | FRAME_BINARY, "");
	expect_text(MESSAGE_BINARY, "");
	put_text(FIN | FRAME_PING, "");
	expect_text(MESSAGE_PING, "");
	put_text(FRAME_TEXT, "");
	put_text(FRAME_CONTINUATION, "");
	put_text(FIN | FRAME_CONTINUATION, "");
	expect_text(MESSAGE_TEXT, "");
	put_text(FRAME_BINARY, "");
	put_text(FIN | FRAME_CONTINUATION, "ab");
	expect_text(MESSAGE_BINARY, "ab");
	expected_frames = 8;
	replay(&server_rules);
}

static void takes_control_frames_between_fragments(void **state)
{
	uint8_t longest[FRAME_CONTROL_PAYLOAD_MAX];
	memset(longest, 'p', sizeof longest);

	begin(true);
	put_text(FRAME_TEXT, "one ");
	put_frame(FIN | FRAME_PING, longest, sizeof longest);
	expect(MESSAGE_PING, longest, sizeof longest);
	put_text(FRAME_CONTINUATION, "two ");
	put_text(FIN | FRAME_PONG, "");
	expect_text(MESSAGE_PONG, "");
	put_text(FIN | FRAME_PING, "again");
	expect_text(MESSAGE_PING, "again");
	put_text(FIN | FRAME_CONTINUATION, "three");
	expect_text(MESSAGE_TEXT, "one two three");
	expected_frames = 6;
	replay(&server_rules);
}

static void takes_a_text_cut_inside_characters(void **state)
{
	static const char text[] = "\xe6\xbd\xae\xf0\x9f\x8c\x8a\xc3\xa9";

	for (size_t cut = 0; cut < sizeof text; cut++) {
		begin(true);
		put_frame(FRAME_TEXT, text, cut);
		put_text(FIN | FRAME_PING, "\xff");
		expect_text(MESSAGE_PING, "\xff");
		put_frame(FIN | FRAME_CONTINUATION, text + cut, sizeof text - 1 - cut);
		expect_text(MESSAGE_TEXT, text);
		expected_frames = 3;
		replay(&server_rules);
	}
}

static void takes_what_is_no_text_as_binary(void **state)
{
	begin(true);
	put_text(FIN | FRAME_BINARY, "\xff\xc0\x80");
	expect_text(MESSAGE_BINARY, "\xff\xc0\x80");
	put_text(FRAME_BINARY, "\xed");
	put_text(FIN | FRAME_CONTINUATION, "\xa0");
	expect_text(MESSAGE_BINARY, "\xed\xa0");
	expected_frames = 3;
	replay(&server_rules);
}

static void takes_valid_closes(void **state)
{
	static const struct {
		const char *payload;
		size_t len;
	} closes[] = {
		{"", 0},
		{"\x03\xe8", 2},             /* 1000 */
		{"\x03\xe9 going away", 13}, /* 1001 */
		{"\x03\xf6", 2},             /* 1014 */
		{"\x0b\xb8", 2},             /* 3000 */
		{"\x13\x87", 2},             /* 4999 */
		{"\x03\xe8\xe6\xbd\xae", 5},
	};

	for (size_t i = 0; i < sizeof closes / sizeof closes[0]; i++) {
		begin(true);
		put_frame(FIN | FRAME_CLOSE, closes[i].payload, closes[i].len);
		expect(MESSAGE_CLOSE, closes[i].payload, closes[i].len);
		expected_frames = 1;
		replay(&server_rules);
	}
}

/* ---- Rules. */

static void refuses_bad_closes(void **state)
{
	static const struct {
		const char *payload;
		size_t len;
		enum close_reason reason;
	} closes[] = {
		{"\x03", 1, CLOSE_REASON_PROTOCOL_ERROR},
		{"\x00\x00", 2, CLOSE_REASON_PROTOCOL_ERROR},
		{"\x03\xe7", 2, CLOSE_REASON_PROTOCOL_ERROR}, /* 999 */
		{"\x03\xec", 2, CLOSE_REASON_PROTOCOL_ERROR}, /* 1004 */
		{"\x03\xed", 2, CLOSE_REASON_PROTOCOL_ERROR}, /* 1005 */
		{"\x03\xee", 2, CLOSE_REASON_PROTOCOL_ERROR}, /* 1006 */
		{"\x03\xf7", 2, CLOSE_REASON_PROTOCOL_ERROR}, /* 1015 */
		{"\x0b\xb7", 2, CLOSE_REASON_PROTOCOL_ERROR}, /* 2999 */
		{"\x13\x88", 2, CLOSE_REASON_PROTOCOL_ERROR}, /* 5000 */
		{"\xff\xff", 2, CLOSE_REASON_PROTOCOL_ERROR},
		{"\x03\xe8\xff", 3, CLOSE_REASON_INVALID_UTF8},
		{"\x03\xe8\xe6\xbd", 4, CLOSE_REASON_INVALID_UTF8},
		{"\x03\xed\xff", 3, CLOSE_REASON_PROTOCOL_ERROR}, /* the code is judged first */
	};

	for (size_t i = 0; i < sizeof closes / sizeof closes[0]; i++) {
		begin(true);
		put_frame(FIN | FRAME_CLOSE, closes[i].payload, closes[i].len);
		replay_broken(closes[i].reason);
	}
}

static void refuses_reserved_bits(void **state)
{
	for (uint8_t rsv = 1; rsv <= 7; rsv++) {
		begin(true);
		put_text((uint8_t)(FIN | rsv << 4 | FRAME_TEXT), "text");
		replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
		begin(false);
		put_text((uint8_t)(FIN | rsv << 4 | FRAME_PING), "");
		replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
	}
}

static void refuses_reserved_opcodes(void **state)
{
	for (uint8_t opcode = 0; opcode <= 0xf; opcode++) {
		const bool reserved = (opcode >= 3 && opcode <= 7) || opcode >= 0xb;
		if (reserved) {
			begin(true);
			put_text(FIN | opcode, "");
			replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
			/* Not inside a message either. */
			begin(true);
			put_text(FRAME_TEXT, "text");
			put_text(FIN | opcode, "text");
			replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
		}
	}
}

static void refuses_the_wrong_mask_direction(void **state)
{
	for (int masked = 0; masked <= 1; masked++) {
		begin(masked);
		put_text(FIN | FRAME_TEXT, "text");
		expect_broken(CLOSE_REASON_PROTOCOL_ERROR);
		replay(masked ? &client_rules : &server_rules);
		begin(masked);
		put_text(FIN | FRAME_PING, "");
		expect_broken(CLOSE_REASON_PROTOCOL_ERROR);
		replay(masked ? &client_rules : &server_rules);
	}
}

static void refuses_fragments_out_of_order(void **state)
{
	/* A continuation of nothing. */
	begin(true);
	put_text(FIN | FRAME_CONTINUATION, "text");
	replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
	begin(true);
	put_text(FRAME_CONTINUATION, "");
	replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
	/* A continuation of what is done. */
	begin(true);
	put_text(FRAME_TEXT, "te");
	put_text(FIN | FRAME_CONTINUATION, "xt");
	expect_text(MESSAGE_TEXT, "text");
	put_text(FIN | FRAME_CONTINUATION, "text");
	replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
	/* A message inside another. */
	begin(true);
	put_text(FRAME_TEXT, "te");
	put_text(FIN | FRAME_TEXT, "xt");
	replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
	begin(true);
	put_text(FRAME_BINARY, "");
	put_text(FRAME_BINARY, "");
	replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
}

static void refuses_long_and_fragmented_control_frames(void **state)
{
	static const uint8_t opcodes[] = {FRAME_CLOSE, FRAME_PING, FRAME_PONG};
	uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX + 1];
	memset(payload, 'p', sizeof payload);

	for (size_t i = 0; i < sizeof opcodes; i++) {
		begin(true);
		put_frame(FIN | opcodes[i], payload, sizeof payload);
		replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
		begin(true);
		put_text(opcodes[i], "");
		replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
	}
}

static void refuses_lengths_that_are_not_minimal(void **state)
{
	static const uint8_t in_16_bits[] = {0x81, 0x7e, 0x00, 0x04, 't', 'e', 'x', 't'};
	static const uint8_t in_64_bits[] = {
		0x81, 0x7f, 0, 0, 0, 0, 0, 0, 0, 4, 't', 'e', 'x', 't'};

	begin(false);
	put_bytes(in_16_bits, sizeof in_16_bits);
	replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
	begin(false);
	put_bytes(in_64_bits, sizeof in_64_bits);
	replay_broken(CLOSE_REASON_PROTOCOL_ERROR);
}

static void refuses_invalid_text(void **state)
{
	static const char *const texts[] = {"\xff", "abc\x80", "\xe6\xbd", "\xed\xa0\x80",
		"\xc0\xaf", "\xf4\x90\x80\x80",
		"a long enough text to fill some blocks of the check \xc3"};

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		begin(true);
		put_text(FIN | FRAME_TEXT, texts[i]);
		replay_broken(CLOSE_REASON_INVALID_UTF8);
		begin(true);
		put_text(FRAME_TEXT, "");
		put_text(FRAME_CONTINUATION, texts[i]);
		put_text(FIN | FRAME_CONTINUATION, "");
		replay_broken(CLOSE_REASON_INVALID_UTF8);
	}
}

static void refuses_invalid_text_at_its_first_part(void **state)
{
	struct message_reader *reader = create_reader(&server_rules);

	begin(true);
	put_header(FRAME_TEXT, 1000);
	memcpy(stream.data + stream.len, "ab\xed\xa0", 4);
	frame_mask(stream.data + stream.len, 4, mask, 0);
	/* 0xed may begin a character, 0xa0 cannot follow it. */
	assert_int_equal(feed_piece(reader, stream.data, stream.len + 3, 0), 0);
	expect_broken(CLOSE_REASON_INVALID_UTF8);
	assert_int_equal(feed_piece(reader, stream.data + stream.len + 3, 1, 0), 1);
	message_reader_destroy(&reader);
}

/* ---- Limits and memory. */

static void takes_messages_up_to_the_limit(void **state)
{
	static const struct message_rules rules = {.max_message = 200, .peer_masks = true};
	uint8_t payload[201];
	memset(payload, 'x', sizeof payload);

	begin(true);
	put_frame(FIN | FRAME_BINARY, payload, 200);
	expect(MESSAGE_BINARY, payload, 200);
	put_frame(FRAME_TEXT, payload, 150);
	put_frame(FRAME_CONTINUATION, payload, 50);
	put_frame(FIN | FRAME_CONTINUATION, payload, 0);
	expect(MESSAGE_TEXT, payload, 200);
	expected_frames = 4;
	replay(&rules);

	begin(true);
	put_frame(FIN | FRAME_BINARY, payload, 201);
	expect_broken(CLOSE_REASON_MESSAGE_TOO_BIG);
	replay(&rules);

	begin(true);
	put_frame(FRAME_TEXT, payload, 150);
	put_frame(FRAME_CONTINUATION, payload, 50);
	put_frame(FIN | FRAME_CONTINUATION, payload, 1);
	expect_broken(CLOSE_REASON_MESSAGE_TOO_BIG);
	replay(&rules);

	/* Control frames do not count. */
	begin(true);
	put_frame(FRAME_TEXT, payload, 150);
	put_frame(FIN | FRAME_PING, payload, 125);
	expect(MESSAGE_PING, payload, 125);
	put_frame(FIN | FRAME_CONTINUATION, payload, 50);
	expect(MESSAGE_TEXT, payload, 200);
	expected_frames = 3;
	replay(&rules);
}

static void refuses_a_declared_length_at_once(void **state)
{
	static const uint64_t lens[] = {65537, 1 << 20, 1ULL << 32, (1ULL << 32) + 5, INT64_MAX};

	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		begin(true);
		put_header(FIN | FRAME_BINARY, lens[i]);
		replay_broken(CLOSE_REASON_MESSAGE_TOO_BIG);
		/* Nor does the sum over fragments overflow. */
		begin(true);
		put_text(FRAME_TEXT, "text");
		put_header(FIN | FRAME_CONTINUATION, lens[i]);
		replay_broken(CLOSE_REASON_MESSAGE_TOO_BIG);
	}
}

static void memory_grows_with_what_arrived(void **state)
{
	enum {
		DECLARED = 16 << 20,
		SLACK = 1024
	};
	static const struct message_rules rules = {.max_message = DECLARED, .peer_masks = false};
	static uint8_t payload[1000];
	struct message_reader *reader = create_reader(&rules);
	const size_t empty = message_reader_footprint(reader);

	begin(false);
	put_header(FRAME_BINARY, DECLARED);
	feed_piece(reader, stream.data, stream.len, 0);
	assert_in_range(message_reader_footprint(reader), empty, empty + SLACK);

	for (size_t arrived = sizeof payload; arrived < 1 << 20; arrived += sizeof payload) {
		feed_piece(reader, payload, sizeof payload, 0);
		assert_in_range(message_reader_footprint(reader), empty + arrived,
			empty + 2 * arrived + SLACK);
	}
	assert_false(message_reader_is_idle(reader));
	message_reader_destroy(&reader);
}

static void memory_stops_at_the_limit(void **state)
{
	static const struct message_rules rules = {.max_message = 5000, .peer_masks = false};
	static uint8_t payload[5000];
	struct message_reader *reader = create_reader(&rules);
	const size_t empty = message_reader_footprint(reader);
	struct message message;

	begin(false);
	put_frame(FRAME_BINARY, payload, 4999);
	put_frame(FIN | FRAME_CONTINUATION, payload, 1);
	message_reader_feed(reader, stream.data, stream.len);
	assert_int_equal(message_reader_next(reader, &message), MESSAGE_BINARY);
	assert_int_equal(message.len, 5000);
	assert_in_range(
		message_reader_footprint(reader), empty + 5000, empty + 5000 + FRAME_HEADER_MAX);

	/* While the message is lent, its reader may not be lent to another. */
	assert_false(message_reader_is_idle(reader));
	assert_int_equal(message_reader_next(reader, &message), MESSAGE_MORE);
	assert_true(message_reader_is_idle(reader));
	assert_int_equal(message_reader_footprint(reader), empty);
	message_reader_destroy(&reader);
}

static void whole_messages_stay_where_they_are(void **state)
{
	static uint8_t payload[60000];
	struct message_reader *reader = create_reader(&server_rules);
	const size_t empty = message_reader_footprint(reader);
	struct message message;

	memset(payload, 'x', sizeof payload);
	begin(true);
	put_frame(FIN | FRAME_TEXT, payload, sizeof payload);
	put_frame(FIN | FRAME_PING, payload, 3);
	message_reader_feed(reader, stream.data, stream.len);

	assert_int_equal(message_reader_next(reader, &message), MESSAGE_TEXT);
	assert_ptr_equal(message.data, stream.data + 8);
	assert_int_equal(message.headroom, 8);
	assert_int_equal(message.len, sizeof payload);
	assert_memory_equal(message.data, payload, sizeof payload);
	assert_int_equal(message_reader_footprint(reader), empty);

	assert_int_equal(message_reader_next(reader, &message), MESSAGE_PING);
	assert_ptr_equal(message.data, stream.data + 8 + sizeof payload + 6);
	assert_int_equal(message.headroom, 6);
	message_reader_destroy(&reader);
}

/* So that an answer fits in front, whatever its header. */
static void assembled_messages_have_headroom_for_any_header(void **state)
{
	struct message_reader *reader = create_reader(&server_rules);
	struct message message;

	begin(true);
	put_text(FRAME_TEXT, "te");
	put_text(FIN | FRAME_CONTINUATION, "xt");
	message_reader_feed(reader, stream.data, stream.len);
	assert_int_equal(message_reader_next(reader, &message), MESSAGE_TEXT);
	assert_int_equal(message.headroom, FRAME_HEADER_MAX);
	memset(message.data - message.headroom, 0, message.headroom);
	assert_int_equal(message_reader_next(reader, &message), MESSAGE_MORE);

	begin(true);
	put_text(FIN | FRAME_PING, "ping");
	message_reader_feed(reader, stream.data, stream.len - 1);
	assert_int_equal(message_reader_next(reader, &message), MESSAGE_MORE);
	message_reader_feed(reader, stream.data + stream.len - 1, 1);
	assert_int_equal(message_reader_next(reader, &message), MESSAGE_PING);
	assert_int_equal(message.headroom, FRAME_HEADER_MAX);
	memset(message.data - message.headroom, 0, message.headroom);
	assert_int_equal(message_reader_next(reader, &message), MESSAGE_MORE);
	message_reader_destroy(&reader);
}

/* ---- Deadlines and lending. */

static void counts_whole_frames_only(void **state)
{
	struct message_reader *reader = create_reader(&server_rules);

	begin(true);
	put_text(FRAME_TEXT, "te");
	const size_t fragment_len = stream.len;
	put_text(FIN | FRAME_CONTINUATION, "xt");
	expect_text(MESSAGE_TEXT, "text");

	assert_int_equal(message_reader_take_frames(reader), 0);
	feed_piece(reader, stream.data, fragment_len - 1, 0);
	assert_int_equal(message_reader_take_frames(reader), 0);
	feed_piece(reader, stream.data + fragment_len - 1, 1, 0);
	assert_int_equal(message_reader_take_frames(reader), 1);
	assert_int_equal(message_reader_take_frames(reader), 0);
	feed_piece(reader, stream.data + fragment_len, stream.len - fragment_len, 0);
	assert_int_equal(message_reader_take_frames(reader), 1);
	message_reader_destroy(&reader);
}

static void is_idle_between_messages_only(void **state)
{
	struct message_reader *reader = create_reader(&server_rules);

	begin(true);
	put_text(FRAME_TEXT, "te");
	put_text(FIN | FRAME_CONTINUATION, "xt");
	expect_text(MESSAGE_TEXT, "text");
	assert_true(message_reader_is_idle(reader));
	for (size_t fed = 0; fed < stream.len; fed++) {
		feed_piece(reader, stream.data + fed, 1, 0);
		assert_int_equal(message_reader_is_idle(reader), fed + 1 == stream.len);
	}
	message_reader_destroy(&reader);
}

static void destroys_a_reader_in_the_middle(void **state)
{
	struct message_reader *nothing = NULL;
	message_reader_destroy(&nothing);
	assert_null(nothing);

	begin(true);
	put_text(FRAME_TEXT, "text");
	put_text(FIN | FRAME_CONTINUATION, "more");
	for (size_t len = 0; len < stream.len; len++) {
		struct message_reader *reader = create_reader(&server_rules);
		feed_piece(reader, stream.data, len, 0);
		message_reader_destroy(&reader);
		assert_null(reader);
	}
}

/* ---- All of it. */

/* Adds a message in random fragments with pings between them. */
static void put_random_message(uint32_t *random)
{
	static const char pattern[] = "tide \xe6\xbd\xae\xe6\xb1\x90 \xf0\x9f\x8c\x8a";
	const uint8_t opcode = split_random(random) % 2 ? FRAME_TEXT : FRAME_BINARY;
	uint8_t payload[512];
	size_t len = 0;
	for (uint32_t i = split_random(random) % 20; i > 0; i--) {
		memcpy(payload + len, pattern, sizeof pattern - 1);
		len += sizeof pattern - 1;
	}

	size_t sent = 0;
	uint8_t next = opcode;
	while (split_random(random) % 3) {
		const size_t part = split_random(random) % (len - sent + 1);
		put_frame(next, payload + sent, part);
		sent += part;
		next = FRAME_CONTINUATION;
		expected_frames++;
		if (split_random(random) % 2) {
			put_frame(FIN | FRAME_PING, payload, part % 126);
			expect(MESSAGE_PING, payload, part % 126);
			expected_frames++;
		}
		if (expected_count > 40) {
			break;
		}
	}
	put_frame(FIN | next, payload + sent, len - sent);
	expect(opcode == FRAME_TEXT ? MESSAGE_TEXT : MESSAGE_BINARY, payload, len);
	expected_frames++;
}

static void random_messages_in_random_pieces(void **state)
{
	uint32_t random = 7;
	struct message_reader *readers[] = {
		create_reader(&client_rules), create_reader(&server_rules)};

	for (unsigned round = 0; round < 3000; round++) {
		struct message_reader *reader = readers[round % 2];
		begin(round % 2);
		for (unsigned i = 0; i < 4; i++) {
			put_random_message(&random);
		}

		size_t met = 0;
		for (size_t fed = 0; fed < stream.len;) {
			static const size_t most[] = {2, 16, 200, 10000};
			const size_t left = stream.len - fed;
			size_t piece = 1 + split_random(&random) % most[round / 2 % 4];
			piece = piece < left ? piece : left;
			met += feed_piece(reader, stream.data + fed, piece, met);
			fed += piece;
		}
		assert_int_equal(met, expected_count);
		assert_int_equal(message_reader_take_frames(reader), expected_frames);
		assert_true(message_reader_is_idle(reader));
	}
	message_reader_destroy(&readers[0]);
	message_reader_destroy(&readers[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_the_examples_of_the_rfc),
		cmocka_unit_test(takes_empty_messages),
		cmocka_unit_test(takes_control_frames_between_fragments),
		cmocka_unit_test(takes_a_text_cut_inside_characters),
		cmocka_unit_test(takes_what_is_no_text_as_binary),
		cmocka_unit_test(takes_valid_closes),
		cmocka_unit_test(refuses_bad_closes),
		cmocka_unit_test(refuses_reserved_bits),
		cmocka_unit_test(refuses_reserved_opcodes),
		cmocka_unit_test(refuses_the_wrong_mask_direction),
		cmocka_unit_test(refuses_fragments_out_of_order),
		cmocka_unit_test(refuses_long_and_fragmented_control_frames),
		cmocka_unit_test(refuses_lengths_that_are_not_minimal),
		cmocka_unit_test(refuses_invalid_text),
		cmocka_unit_test(refuses_invalid_text_at_its_first_part),
		cmocka_unit_test(takes_messages_up_to_the_limit),
		cmocka_unit_test(refuses_a_declared_length_at_once),
		cmocka_unit_test(memory_grows_with_what_arrived),
		cmocka_unit_test(memory_stops_at_the_limit),
		cmocka_unit_test(whole_messages_stay_where_they_are),
		cmocka_unit_test(assembled_messages_have_headroom_for_any_header),
		cmocka_unit_test(counts_whole_frames_only),
		cmocka_unit_test(is_idle_between_messages_only),
		cmocka_unit_test(destroys_a_reader_in_the_middle),
		cmocka_unit_test(random_messages_in_random_pieces),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
