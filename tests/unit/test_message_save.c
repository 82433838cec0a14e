#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../proto/message.h"
#include "../../proto/message_save.h"
#include "split.h"

enum {
	FIN = 0x80,
	STREAM_MAX = 300000,
	SEEN_MAX = 200,
	MESSAGE_MAX = 65536,
	EVERY_CUT_MAX = 4000, /* bytes of a stream that is cut at each of them */
	STRIDE = 251,
};

static struct message_rules rules = {.max_message = MESSAGE_MAX, .peer_masks = true};

/* --- a stream ----------------------------------------------------------------------------------
 */

static uint8_t stream[STREAM_MAX];
static size_t stream_len;
static uint32_t state; /* of keys and of random streams */

static void begin(bool masked)
{
	stream_len = 0;
	state = 12345;
	rules.peer_masks = masked;
}

static void put_raw(const void *bytes, size_t len)
{
	assert_true(stream_len + len <= STREAM_MAX);
	memcpy(stream + stream_len, bytes, len);
	stream_len += len;
}

/* A frame of its own key; `first` is the header's first byte. */
static void put_frame(uint8_t first, const void *payload, size_t len)
{
	uint8_t header[FRAME_HEADER_MAX];
	const uint32_t random = split_random(&state);
	uint8_t key[4];
	memcpy(key, &random, sizeof(key));
	const size_t header_len = frame_header_write(header, 0, len, rules.peer_masks ? key : NULL);
	header[0] = first;
	put_raw(header, header_len);
	put_raw(payload, len);
	if (rules.peer_masks) {
		frame_mask(stream + stream_len - len, len, key, 0);
	}
}

static void put_text(uint8_t first, const char *text)
{
	put_frame(first, text, strlen(text));
}

/* --- what comes out of it ----------------------------------------------------------------------
 */

struct seen {
	enum message_kind kind;
	enum close_reason broken;
	size_t len;
	uint64_t hash; /* of the payload */
};

struct log {
	struct seen seen[SEEN_MAX];
	size_t count;
	uint32_t frames;
	bool is_broken;
};

static struct log whole;

static uint64_t hash_of(const uint8_t *data, size_t len)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (size_t i = 0; i < len; i++) {
		hash = (hash ^ data[i]) * 0x100000001b3;
	}
	return hash;
}

/* Feeds a copy of its very size. */
static void feed(struct message_reader *reader, const uint8_t *data, size_t len, struct log *log)
{
	uint8_t *piece = split_copy(data, len);
	struct message message;
	message_reader_feed(reader, piece, len);
	while (!log->is_broken && message_reader_next(reader, &message) != MESSAGE_MORE) {
		assert_true(log->count < SEEN_MAX);
		log->seen[log->count++] = (struct seen){message.kind, message.broken, message.len,
			hash_of(message.data, message.len)};
		log->is_broken = message.kind == MESSAGE_BROKEN;
	}
	log->frames += message_reader_take_frames(reader);
	free(piece);
}

static struct message_reader *make_reader(void)
{
	struct message_reader *reader;
	assert_int_equal(message_reader_create(&rules, &reader), 0);
	return reader;
}

static void expect_the_same(const struct log *log)
{
	assert_int_equal(log->is_broken, whole.is_broken);
	assert_int_equal(log->count, whole.count);
	if (!whole.is_broken) {
		/* Else it is broken as soon as it can be told, which may be before its frame ends.
		 */
		assert_int_equal(log->frames, whole.frames);
	}
	for (size_t i = 0; i < log->count; i++) {
		assert_int_equal(log->seen[i].kind, whole.seen[i].kind);
		assert_int_equal(log->seen[i].broken, whole.seen[i].broken);
		assert_int_equal(log->seen[i].len, whole.seen[i].len);
		assert_int_equal(log->seen[i].hash, whole.seen[i].hash);
	}
}

/* Another reader that stands where this one does, which is gone. */
static struct message_reader *move(struct message_reader *from)
{
	const size_t len = message_reader_saved_len(from);
	const bool was_idle = message_reader_is_idle(from);
	uint8_t *bytes = malloc(len ? len : 1);
	assert_non_null(bytes);
	message_reader_save(from, bytes);
	message_reader_destroy(&from);
	struct message_reader *to = make_reader();
	assert_int_equal(message_reader_restore(to, bytes, len), 0);
	free(bytes);
	assert_int_equal(len == 0, was_idle);
	assert_int_equal(message_reader_is_idle(to), was_idle);
	assert_int_equal(message_reader_take_frames(to), 0);
	/* What it says of itself has not changed either. */
	assert_int_equal(message_reader_saved_len(to), len);
	return to;
}

/* Moved once, at `cut`; what comes on either side of it whole or byte by byte. */
static void check_cut(size_t cut, bool in_bytes)
{
	static struct log log;
	log = (struct log){.count = 0};
	struct message_reader *reader = make_reader();
	for (size_t at = 0; at < stream_len && !log.is_broken;) {
		const size_t end = at < cut ? cut : stream_len;
		const size_t len = in_bytes ? 1 : end - at;
		if (at == cut) {
			reader = move(reader);
		}
		feed(reader, stream + at, len, &log);
		at += len;
	}
	message_reader_destroy(&reader);
	expect_the_same(&log);
}

/* Moved with each byte. */
static void check_every_byte(void)
{
	static struct log log;
	log = (struct log){.count = 0};
	struct message_reader *reader = make_reader();
	for (size_t at = 0; at < stream_len && !log.is_broken; at++) {
		feed(reader, stream + at, 1, &log);
		if (!log.is_broken) {
			reader = move(reader);
		}
	}
	message_reader_destroy(&reader);
	expect_the_same(&log);
}

/* The stream comes out the same wherever it is moved. */
static void check(void)
{
	whole = (struct log){.count = 0};
	struct message_reader *reader = make_reader();
	feed(reader, stream, stream_len, &whole);
	message_reader_destroy(&reader);
	const bool is_short = stream_len <= EVERY_CUT_MAX;
	for (size_t cut = 0; cut <= stream_len; cut += is_short || cut < 64 ? 1 : STRIDE) {
		check_cut(cut, false);
		if (is_short) {
			check_cut(cut, true);
		}
	}
	if (is_short) {
		check_every_byte();
	}
}

static void expect_count(size_t count)
{
	assert_int_equal(whole.count, count);
}

static void expect_broken(enum close_reason reason)
{
	assert_true(whole.is_broken);
	assert_int_equal(whole.seen[whole.count - 1].broken, reason);
}

/* --- streams -----------------------------------------------------------------------------------
 */

static void test_whole_messages(void **unused)
{
	for (int masked = 0; masked < 2; masked++) {
		begin(masked);
		put_text(FIN | FRAME_TEXT, "hello");
		put_text(FIN | FRAME_TEXT, "");
		put_text(FIN | FRAME_PING, "are you there?");
		put_text(FIN | FRAME_BINARY, "\xff\xfe");
		put_text(FIN | FRAME_PONG, "");
		put_text(FIN | FRAME_TEXT, "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x8c");
		put_frame(FIN | FRAME_CLOSE, "\x03\xe8we are done", 13);
		check();
		expect_count(7);
	}
}

static void test_fragments(void **unused)
{
	for (int masked = 0; masked < 2; masked++) {
		begin(masked);
		/* Characters that lie in two and in four fragments, empty ones, and others' frames
		 * in between. */
		put_text(FRAME_TEXT, "gr\xc3");
		put_text(FRAME_CONTINUATION, "\xbc\xc3\x9f \xf0");
		put_text(FIN | FRAME_PING, "1");
		put_text(FRAME_CONTINUATION, "\x9f");
		put_text(FRAME_CONTINUATION, "");
		put_text(FIN | FRAME_PONG, "a longer one than the last was");
		put_text(FRAME_CONTINUATION, "\x90");
		put_text(FIN | FRAME_CONTINUATION, "\x8c");
		put_text(FRAME_BINARY, "");
		put_text(FRAME_CONTINUATION, "");
		put_text(FIN | FRAME_PING, "");
		put_text(FIN | FRAME_CONTINUATION, "");
		put_text(FRAME_BINARY, "\x80\x81");
		put_text(FIN | FRAME_CONTINUATION, "\xff");
		check();
		expect_count(6);
	}
}

static void test_sizes_of_headers(void **unused)
{
	static uint8_t payload[65536];
	static const size_t sizes[] = {125, 126, 127, 65535, 65536};
	memset(payload, 'x', sizeof(payload));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		begin(true);
		put_frame(FIN | FRAME_TEXT, payload, sizes[i]);
		put_frame(FIN | FRAME_PING, payload, 125);
		put_frame(FRAME_BINARY, payload, sizes[i] - 100);
		put_frame(FIN | FRAME_PING, payload, 125);
		put_frame(FIN | FRAME_CONTINUATION, payload, 100);
		check();
		expect_count(4);
	}
}

static void put_fragment_that_breaks(const char *text)
{
	begin(true);
	put_text(FRAME_TEXT, "one \xe2\x82");
	put_text(FIN | FRAME_PING, "p");
	put_text(FIN | FRAME_CONTINUATION, text);
	put_text(FIN | FRAME_TEXT, "never read");
	check();
}

static void test_utf8_verdicts(void **unused)
{
	put_fragment_that_breaks("\xac fine");
	expect_count(3);
	put_fragment_that_breaks("broken");
	expect_broken(CLOSE_REASON_INVALID_UTF8);
	put_fragment_that_breaks("\xac cut \xc3");
	expect_broken(CLOSE_REASON_INVALID_UTF8);
	/* In the middle of one frame: an overlong form, a surrogate, beyond the last character. */
	static const char *const texts[] = {"long enough \xe0\x80\x80", "long enough \xed\xa0\x80",
		"long enough \xf4\x90\x80\x80"};
	for (int i = 0; i < 3; i++) {
		begin(true);
		put_text(FIN | FRAME_TEXT, texts[i]);
		check();
		expect_broken(CLOSE_REASON_INVALID_UTF8);
	}
	begin(true);
	put_frame(FIN | FRAME_CLOSE, "\x03\xe8 no text \xff", 12);
	check();
	expect_broken(CLOSE_REASON_INVALID_UTF8);
}

static void check_broken(const void *bytes, size_t len, enum close_reason reason)
{
	begin(true);
	put_text(FIN | FRAME_TEXT, "before");
	put_text(FRAME_TEXT, "begun");
	put_raw(bytes, len);
	check();
	expect_broken(reason);
}

static void test_broken_headers(void **unused)
{
	/* Not masked, reserved bits, a reserved opcode, another message within one, lengths that
	 * have a shorter form, a long control frame, one in fragments. */
	check_broken("\x80\x01x", 3, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\xc0\x81\0\0\0\0x", 7, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x83\x81\0\0\0\0x", 7, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x8b\x81\0\0\0\0x", 7, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x81\x81\0\0\0\0x", 7, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x80\xfe\0\x7d\0\0\0\0x", 9, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x80\xff\0\0\0\0\0\0\xff\xff\0\0\0\0x", 15, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x80\xff\x80\0\0\0\0\0\0\0\0\0\0\0x", 15, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x89\xfe\0\x7e\0\0\0\0x", 9, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x09\x81\0\0\0\0x", 7, CLOSE_REASON_PROTOCOL_ERROR);
	/* A Close of one byte, and of a code that nobody may send. */
	check_broken("\x88\x81\0\0\0\0x", 7, CLOSE_REASON_PROTOCOL_ERROR);
	check_broken("\x88\x82\0\0\0\0\x03\xed", 8, CLOSE_REASON_PROTOCOL_ERROR);
	/* Five bytes are there, and 65,532 more are declared. */
	check_broken("\x80\xfe\xff\xfc\0\0\0\0x", 9, CLOSE_REASON_MESSAGE_TOO_BIG);
}

/* A frame of random kind and size; most of them are allowed where they stand. */
static void put_any_frame(bool *is_open)
{
	static const char text[] =
		"\xc3\xbc\xe2\x82\xac\xf0\x9f\x90\x8c and some plain text behind it, "
		"so that frames of any size can be cut out of it somewhere";
	const uint32_t random = split_random(&state);
	const size_t from = random >> 8 & 7;
	const size_t len = (random >> 16) % (sizeof(text) - 1 - from);
	uint8_t fin = random & 1 ? FIN : 0;
	uint8_t opcode = *is_open ? FRAME_CONTINUATION : random & 2 ? FRAME_BINARY : FRAME_TEXT;
	if ((random & 0x70) == 0) {
		opcode = random & 4 ? FRAME_PING : FRAME_PONG;
		fin = FIN;
	} else {
		*is_open = !fin;
	}
	put_frame(fin | opcode, text + from, len);
}

static void test_random_streams(void **unused)
{
	for (uint32_t seed = 1; seed <= 300; seed++) {
		bool is_open = false;
		begin(seed % 4 > 0);
		state = seed * 2654435761u;
		for (int i = 0; i < 8; i++) {
			put_any_frame(&is_open);
		}
		if (seed % 3 == 0) {
			stream[split_random(&state) % stream_len] ^=
				(uint8_t)(1 << split_random(&state) % 8);
		}
		check();
	}
}

/* --- limits ------------------------------------------------------------------------------------
 */

static struct message_reader *read_begun(const char *text, size_t declared)
{
	struct log log = {.count = 0};
	begin(true);
	put_text(FRAME_TEXT, text);
	uint8_t header[FRAME_HEADER_MAX];
	const size_t len = frame_header_write(header, 0, declared, (const uint8_t *)"abcd");
	header[0] = FIN | FRAME_CONTINUATION;
	put_raw(header, len);
	struct message_reader *reader = make_reader();
	feed(reader, stream, stream_len, &log);
	assert_int_equal(log.count, 0);
	return reader;
}

/* As at a reload, what was let in before is. What comes next is not. */
static void test_a_lower_limit(void **unused)
{
	static uint8_t rest[1000];
	struct log log = {.count = 0};
	struct message_reader *reader = read_begun("a hundred bytes and more", sizeof(rest));
	rules.max_message = 100;
	reader = move(reader);
	memset(rest, 'x', sizeof(rest));
	frame_mask(rest, sizeof(rest), (const uint8_t *)"abcd", 0);
	feed(reader, rest, sizeof(rest), &log);
	assert_int_equal(log.count, 1);
	assert_int_equal(log.seen[0].kind, MESSAGE_TEXT);
	assert_int_equal(log.seen[0].len, sizeof(rest) + 24);
	begin(true);
	put_frame(FIN | FRAME_BINARY, rest, 101);
	feed(reader, stream, stream_len, &log);
	assert_true(log.is_broken);
	assert_int_equal(log.seen[1].broken, CLOSE_REASON_MESSAGE_TOO_BIG);
	rules.max_message = MESSAGE_MAX;
	message_reader_destroy(&reader);
}

/* --- nonsense ----------------------------------------------------------------------------------
 */

static int restore(const void *bytes, size_t len)
{
	uint8_t *copy = split_copy(bytes, len);
	struct message_reader *reader = make_reader();
	const int err = message_reader_restore(reader, copy, len);
	message_reader_destroy(&reader);
	free(copy);
	return err;
}

static void test_what_was_never_saved(void **unused)
{
	begin(true);
	put_text(FIN | FRAME_TEXT, "a whole message");
	assert_int_equal(restore(stream, stream_len), -EINVAL);
	assert_int_equal(restore(stream, stream_len - 1), 0);
	begin(true);
	put_text(FIN | FRAME_PING, "");
	assert_int_equal(restore(stream, stream_len), -EINVAL);
	assert_int_equal(restore("\xff\xff", 2), 0); /* half a header, whatever it is */
	assert_int_equal(restore("\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0", 14), -EINVAL);
	assert_int_equal(restore("\x81\xff\x7f\0\0\0\0\0\0\0\0\0\0\0", 14), -EINVAL);
	assert_int_equal(restore("\x01\x82\0\0\0\0\xff\xff", 8), -EINVAL);
	assert_int_equal(restore("", 0), 0);
}

/* Whatever bytes: an answer, and nothing worse. */
static void test_random_bytes(void **unused)
{
	uint8_t bytes[64];
	int fine = 0;
	begin(true);
	for (int i = 0; i < 20000; i++) {
		const size_t len = split_random(&state) % sizeof(bytes);
		for (size_t at = 0; at < len; at++) {
			bytes[at] = (uint8_t)split_random(&state);
		}
		if (len > 1) {
			bytes[0] &= 0x8f;
			bytes[1] |= 0x80;
		}
		const int err = restore(bytes, len);
		assert_true(err == 0 || err == -EINVAL);
		fine += err == 0;
	}
	assert_in_range(fine, 100, 19000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_messages),
		cmocka_unit_test(test_fragments),
		cmocka_unit_test(test_sizes_of_headers),
		cmocka_unit_test(test_utf8_verdicts),
		cmocka_unit_test(test_broken_headers),
		cmocka_unit_test(test_random_streams),
		cmocka_unit_test(test_a_lower_limit),
		cmocka_unit_test(test_what_was_never_saved),
		cmocka_unit_test(test_random_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
