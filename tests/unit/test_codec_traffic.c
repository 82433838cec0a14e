#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/frame.h"
#include "../../proto/user_name.h"
#include "../../server/cluster/codec_traffic.h"
#include "codec_rig.h"
#include "payloads.h"

static void release(const struct codec_message *message)
{
	free((void *)(uintptr_t)message->payload.at);
}

/* --- BATCH ----------------------------------------------------------------------------------- */

#define TEXT_FRAME "\x81\x10hi -- FROM alice"

static const struct codec_said to_all = {
	.aim = CODEC_TO_ALL,
	.frame = {TEXT_FRAME, sizeof(TEXT_FRAME) - 1},
	.sender_at = sizeof(TEXT_FRAME) - 1 - 5,
	.sender_len = 5,
};

static const struct codec_said to_room = {
	.aim = CODEC_TO_TOLD,
	.frame = {"\x82\x01x", 3},
	.sender_device = 7,
	.room = {"tea", 3},
};

static void a_batch_both_ways(void **state)
{
	struct codec_writer writer;
	struct codec_said read;

	rig_begin(&writer, CODEC_BATCH);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_said(&writer, &to_all));
	assert_int_equal(writer.at - writer.payload, codec_said_len(&to_all));
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_said(&writer, &to_room));

	struct codec_message message =
		rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
	const struct codec_message whole = message;
	assert_int_equal(codec_next_said(&message, &read), 1);
	assert_int_equal(read.aim, CODEC_TO_ALL);
	assert_slice(read.frame, TEXT_FRAME);
	assert_slice(codec_sender(&read), "alice");
	assert_slice(read.room, "");
	assert_int_equal(codec_next_said(&message, &read), 1);
	assert_int_equal(read.aim, CODEC_TO_TOLD);
	assert_slice(read.frame, "\x82\x01x");
	assert_slice(codec_sender(&read), "");
	assert_slice(read.room, "tea");
	assert_int_equal(read.sender_device, 7);
	assert_int_equal(codec_next_said(&message, &read), 0);
	release(&whole);
}

/* Takes all messages of a batch. Returns how many, or -EBADMSG. */
static int take_all(const uint8_t *payload, size_t len)
{
	struct codec_message message = rig_payload(payload, len);
	const struct codec_message whole = message;
	struct codec_said read;
	int count = 0;
	int found;
	while ((found = codec_next_said(&message, &read)) > 0) {
		count++;
	}
	release(&whole);
	return found < 0 ? found : count;
}

static int take_one(const struct codec_said *said)
{
	struct codec_writer writer;
	rig_begin(&writer, CODEC_BATCH);
	assert_int_equal(codec_put_said(&writer, said), 0);
	return take_all(writer.payload, (size_t)(writer.at - writer.payload));
}

static void a_batch_that_is_cut_is_taken_up_to_there(void **state)
{
	struct codec_writer writer;
	size_t first;
	size_t both;

	rig_begin(&writer, CODEC_BATCH);
	assert_int_equal(codec_put_said(&writer, &to_all), 0);
	first = (size_t)(writer.at - writer.payload);
	assert_int_equal(codec_put_said(&writer, &to_room), 0);
	both = (size_t)(writer.at - writer.payload);
	for (size_t len = 0; len <= both; len++) {
		const int expected = len == 0 ? 0 : len == first ? 1 : len == both ? 2 : -EBADMSG;
		assert_int_equal(take_all(writer.payload, len), expected);
	}
}

/* Every number of bytes that an entry may say it has. */
static void an_entry_does_not_reach_into_the_next_one(void **state)
{
	struct codec_writer writer;

	rig_begin(&writer, CODEC_BATCH);
	assert_int_equal(codec_put_said(&writer, &to_all), 0);
	const uint32_t right = load_be32(writer.payload);
	assert_int_equal(codec_put_said(&writer, &to_all), 0);
	const size_t len = (size_t)(writer.at - writer.payload);
	for (uint32_t wrong = 0; wrong < right; wrong++) {
		store_be32(writer.payload, wrong);
		assert_int_equal(take_all(writer.payload, len), -EBADMSG);
	}
	store_be32(writer.payload, UINT32_MAX);
	assert_int_equal(take_all(writer.payload, len), -EBADMSG);
	/* All of the rest: what is behind the frame is of a later version. */
	store_be32(writer.payload, (uint32_t)len - 4);
	assert_int_equal(take_all(writer.payload, len), 1);
}

static void a_frame_is_one_whole_frame(void **state)
{
	static char long_frames[3][10 + 66000];
	struct slice longer[3];
	static const size_t lens[3] = {126, 65535, 65536};
	static uint8_t buffer[70000];
	const struct slice good[] = {SLICE("\x81\0"), SLICE("\x82\1x"), SLICE("\x81\2hi"),
		SLICE("\x82\1\xff"), SLICE("\x81\2\xc3\xb6")};
	const struct slice bad[] = {
		SLICE(""), SLICE("\x81"), SLICE("\x81\1"), SLICE("\x81\1xy"), /* no, half, more */
		SLICE("\x01\1x"), SLICE("\x80\1x"), SLICE("\xc1\1x"),         /* not final, RSV */
		SLICE("\x88\2\3\xe8"), SLICE("\x89\0"), SLICE("\x83\0"), /* control, reserved */
		SLICE("\x81\x80"
		      "abcd"),                      /* masked */
		SLICE("\x81\x7e\0\1x"),             /* not minimal */
		SLICE("\x81\x7f\0\0\0\0\0\0\0\1x"), /* likewise */
		SLICE("\x81\x7e\1"), SLICE("\x81\x7f\xff\xff\xff\xff\xff\xff\xff\xff"),
		SLICE("\x81\1x\x81\1x"), /* two */
		SLICE("\x81\1\xff"),     /* no UTF-8 */
		SLICE("\x81\2\xed\xa0"), /* half a surrogate */
	};
	struct codec_said said = {.aim = CODEC_TO_ALL};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		said.frame = good[i];
		assert_int_equal(take_one(&said), 1);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		said.frame = bad[i];
		assert_int_equal(take_one(&said), -EBADMSG);
	}
	for (int i = 0; i < 3; i++) {
		struct codec_writer writer;
		const size_t head =
			frame_header_write((uint8_t *)long_frames[i], FRAME_BINARY, lens[i], NULL);
		longer[i] = (struct slice){long_frames[i], head + lens[i]};
		said.frame = longer[i];
		codec_begin(&writer, buffer, sizeof(buffer), &rig_writer, CODEC_BATCH);
		assert_int_equal(codec_put_said(&writer, &said), 0);
		assert_int_equal(take_all(writer.payload, (size_t)(writer.at - writer.payload)), 1);
	}
}

static void the_sender_stands_in_the_frame(void **state)
{
	struct codec_said said = to_all;
	const uint32_t len = (uint32_t)said.frame.len;
	static const struct {
		uint32_t before_end; /* where it begins */
		uint8_t len;
		int taken;
	} rows[] = {{5, 5, 1}, {5, 6, -EBADMSG}, {0, 0, 1}, {0, 1, -EBADMSG},
		{UINT32_MAX, 0, -EBADMSG}, {UINT32_MAX, UINT8_MAX, -EBADMSG}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		said.sender_at = len - rows[i].before_end;
		said.sender_len = rows[i].len;
		assert_int_equal(take_one(&said), rows[i].taken);
	}
	said.sender_at = UINT32_MAX;
	said.sender_len = 1;
	assert_int_equal(take_one(&said), -EBADMSG);
	/* Of a name that is too long. */
	char frame[2 + 100] = "\x81\x64";
	said.frame = (struct slice){frame, sizeof(frame)};
	said.sender_at = 2;
	said.sender_len = USER_NAME_MAX;
	assert_int_equal(take_one(&said), 1);
	said.sender_len = USER_NAME_MAX + 1;
	assert_int_equal(take_one(&said), -EBADMSG);
}

static void a_room_has_a_name(void **state)
{
	struct codec_said said = to_room;
	for (uint8_t aim = CODEC_TO_ROOM; aim <= CODEC_TO_TOLD; aim++) {
		said.aim = aim;
		said.room = SLICE("tea");
		assert_int_equal(take_one(&said), 1);
		said.room = SLICE("");
		assert_int_equal(take_one(&said), -EBADMSG);
		said.room = SLICE("\n");
		assert_int_equal(take_one(&said), -EBADMSG);
	}
}

/* --- SAY ------------------------------------------------------------------------------------- */

static const struct codec_say say = {
	.ask = 1,
	.sent_ms = 2,
	.flags = CODEC_SAY_SHOWN,
	.from_device = 3,
	.from = {"alice", 5},
	.to = {"bob", 3},
	.text = {"hi", 2},
};

static void a_say_both_ways(void **state)
{
	struct codec_writer writer;
	struct codec_say read;

	rig_begin(&writer, CODEC_SAY);
	ASSERT_FITS_WHOLLY_OR_NOT(&writer, codec_put_say(&writer, &say));
	ASSERT_READS_WHOLE_ONLY(codec_read_say, &writer, &read);

	const struct codec_message message =
		rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
	assert_int_equal(codec_read_say(&message, &read), 0);
	assert_int_equal(read.ask, 1);
	assert_int_equal(read.sent_ms, 2);
	assert_int_equal(read.flags, CODEC_SAY_SHOWN);
	assert_int_equal(read.from_device, 3);
	assert_slice(read.from, "alice");
	assert_slice(read.to, "bob");
	assert_slice(read.text, "hi");
	release(&message);
}

static void a_say_is_a_text(void **state)
{
	struct codec_say noise = say;
	struct codec_say read;
	struct codec_writer writer;

	noise.text = SLICE("\xff");
	rig_begin(&writer, CODEC_SAY);
	assert_int_equal(codec_put_say(&writer, &noise), 0);
	const struct codec_message message =
		rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
	assert_int_equal(codec_read_say(&message, &read), -EBADMSG);
	release(&message);
}

static void a_say_has_two_names(void **state)
{
	for (int i = 0; i < 2; i++) {
		struct codec_say nobody = say;
		struct codec_say read;
		struct codec_writer writer;
		*(i == 0 ? &nobody.from : &nobody.to) = SLICE("a -- FROM b");
		rig_begin(&writer, CODEC_SAY);
		assert_int_equal(codec_put_say(&writer, &nobody), 0);
		const struct codec_message message =
			rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
		assert_int_equal(codec_read_say(&message, &read), -EBADMSG);
		release(&message);
	}
}

/* --- CALL, ANSWER ------------------------------------------------------------------------------
 */

static void a_call_and_its_answer_both_ways(void **state)
{
	struct codec_writer writer;
	struct codec_call call;
	struct codec_answer its;
	uint32_t at = 0;

	rig_begin(&writer, CODEC_CALL);
	assert_int_equal(codec_put_call(&writer, 5, 6, SLICE("{}"), &at), 0);
	assert_int_equal(at, 2);
	ASSERT_READS_WHOLE_ONLY(codec_read_call, &writer, &call);
	struct codec_message message =
		rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
	assert_int_equal(codec_read_call(&message, &call), 0);
	assert_int_equal(call.ask, 5);
	assert_int_equal(call.op, 6);
	assert_int_equal(call.piece.whole, 2);
	assert_int_equal(call.piece.at, 0);
	assert_slice(call.piece.bytes, "{}");
	assert_true(codec_piece_is_last(&call.piece));
	release(&message);

	at = 0;
	rig_begin(&writer, CODEC_ANSWER);
	assert_int_equal(codec_put_answer(&writer, 7, 8, 9, SLICE(""), &at), 0);
	ASSERT_READS_WHOLE_ONLY(codec_read_answer, &writer, &its);
	assert_int_equal(its.ask, 7);
	assert_int_equal(its.result, 8);
	assert_int_equal(its.count, 9);
	assert_int_equal(its.piece.whole, 0);
	assert_true(codec_piece_is_last(&its.piece));
}

/* Cuts `whole` into as many messages as it takes when each has `room`, and puts it together again.
 * Returns the number of messages; 0: not a byte fits. */
static unsigned in_pieces(struct slice whole, size_t room)
{
	char together[256];
	unsigned count = 0;
	uint32_t at = 0;
	struct codec_answer read = {.piece = {.whole = UINT32_MAX}};
	do {
		struct codec_writer writer;
		const uint32_t before = at;
		rig_begin(&writer, CODEC_ANSWER);
		writer.end = writer.at + room;
		if (codec_put_answer(&writer, 1, 0, 2, whole, &at) < 0) {
			assert_ptr_equal(writer.at, writer.payload);
			assert_int_equal(at, before);
			return 0;
		}
		const struct codec_message message =
			rig_payload(writer.payload, (size_t)(writer.at - writer.payload));
		assert_int_equal(codec_read_answer(&message, &read), 0);
		assert_int_equal(read.piece.whole, whole.len);
		assert_int_equal(read.piece.at, before);
		assert_int_equal(codec_piece_is_last(&read.piece), at == whole.len);
		memcpy(together + before, read.piece.bytes.data, read.piece.bytes.len);
		count++;
		release(&message);
	} while (!codec_piece_is_last(&read.piece));
	assert_memory_equal(together, whole.data, whole.len);
	return count;
}

static void what_is_long_comes_in_pieces(void **state)
{
	const struct slice text =
		SLICE("what is too long for one message comes in as many as it takes");
	enum {
		HEAD = 8 + 1 + 4 + 12
	};
	for (size_t room = 0; room < HEAD + 1; room++) {
		assert_int_equal(in_pieces(text, room), 0);
	}
	for (size_t room = HEAD + 1; room < HEAD + text.len + 3; room++) {
		const size_t each = room - HEAD;
		assert_int_equal(in_pieces(text, room), (text.len + each - 1) / each);
	}
	assert_int_equal(in_pieces(SLICE(""), HEAD), 1);
	assert_int_equal(in_pieces(SLICE(""), HEAD - 1), 0);
}

static void a_piece_lies_in_the_whole(void **state)
{
	static const struct {
		uint32_t whole;
		uint32_t at;
		uint32_t len;
		int err;
	} rows[] = {
		{4, 0, 4, 0},
		{4, 1, 3, 0},
		{UINT32_MAX, UINT32_MAX - 4, 4, 0},
		{4, 1, 4, -EBADMSG},
		{4, 5, 4, -EBADMSG},
		{3, 0, 4, -EBADMSG},
		{4, 0, 5, -EBADMSG}, /* of 4 that are there */
		{4, UINT32_MAX, 4, -EBADMSG},
		{UINT32_MAX, UINT32_MAX - 3, 4, -EBADMSG},
		{4, 2, 0, -EBADMSG}, /* nothing of something */
		{0, 0, 0, 0},
		{4, 0, UINT32_MAX, -EBADMSG},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t payload[9 + 12 + 4] = {0};
		struct codec_call call;
		store_be32(payload + 9, rows[i].whole);
		store_be32(payload + 13, rows[i].at);
		store_be32(payload + 17, rows[i].len);
		const struct codec_message message = rig_payload(payload, sizeof(payload));
		assert_int_equal(codec_read_call(&message, &call), rows[i].err);
		release(&message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_both_ways),
		cmocka_unit_test(a_batch_that_is_cut_is_taken_up_to_there),
		cmocka_unit_test(an_entry_does_not_reach_into_the_next_one),
		cmocka_unit_test(a_frame_is_one_whole_frame),
		cmocka_unit_test(the_sender_stands_in_the_frame),
		cmocka_unit_test(a_room_has_a_name),
		cmocka_unit_test(a_say_both_ways),
		cmocka_unit_test(a_say_is_a_text),
		cmocka_unit_test(a_say_has_two_names),
		cmocka_unit_test(a_call_and_its_answer_both_ways),
		cmocka_unit_test(what_is_long_comes_in_pieces),
		cmocka_unit_test(a_piece_lies_in_the_whole),
	};
	return cmocka_run_group_tests(tests, rig_setup, NULL);
}
