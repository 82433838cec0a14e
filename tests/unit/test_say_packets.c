#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/say_packets.h"
#include "payloads.h"

static void session_both_ways(void **state)
{
	static const uint8_t wire[] = {
		0, 0, 0, 0, 60, 3, 'b', 'o', 'b', 5, 'p', 'h', 'o', 'n', 'e'};
	const struct session_packet session = {
		.seconds_left = 60, .user = SLICE("bob"), .device = SLICE("phone")};
	uint8_t bytes[sizeof wire];
	struct session_packet read;

	assert_int_equal(session_packet_len(&session), sizeof wire);
	assert_ptr_equal(session_packet_write(bytes, &session), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(session_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.result, PACKET_DONE);
	assert_int_equal(read.seconds_left, 60);
	assert_slice(read.user, "bob");
	assert_slice(read.device, "phone");
}

static void gap_both_ways(void **state)
{
	static const uint8_t wire[] = {0, 0, 1, 2, 'l', 'a', 't', 'e', 'r'};
	const struct gap_packet gap = {.batches = 258};
	uint8_t bytes[GAP_PACKET_LEN];
	struct gap_packet read;

	assert_ptr_equal(gap_packet_write(bytes, &gap), bytes + sizeof bytes);
	assert_memory_equal(bytes, wire, sizeof bytes);
	ASSERT_REFUSES_BEGINNINGS(gap_packet_decode, wire, GAP_PACKET_LEN);
	assert_int_equal(gap_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.batches, 258);
}

static void say_both_ways(void **state)
{
	static const uint8_t wire[] = {1, 2, 3, 4, 0, 4, '#', 'o', 'n', 'e', 'h', 'i'};
	const struct say_packet say = {
		.id = 0x01020304, .audience = SLICE("#one"), .text = SLICE("hi")};
	uint8_t bytes[sizeof wire];
	struct say_packet read;

	assert_int_equal(say_packet_len(&say), sizeof wire);
	assert_ptr_equal(say_packet_write(bytes, &say), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(say_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.id, 0x01020304);
	assert_int_equal(read.flags, 0);
	assert_slice(read.audience, "#one");
	assert_slice(read.text, "hi");
}

/* The shortest of all: to everybody, without a word. */
static void say_may_be_empty(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 0, 0, 0};
	struct say_packet read;

	assert_int_equal(say_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.audience.len, 0);
	assert_int_equal(read.text.len, 0);
}

static void answer_both_ways(void **state)
{
	static const uint8_t wire[ANSWER_PACKET_LEN] = {0xff, 0, 0, 1, PACKET_BUSY, 0, 1, 0, 0};
	const struct answer_packet answer = {
		.id = 0xff000001, .result = PACKET_BUSY, .count = 65536};
	uint8_t bytes[sizeof wire];
	struct answer_packet read;

	assert_ptr_equal(answer_packet_write(bytes, &answer), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(answer_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.id, answer.id);
	assert_int_equal(read.result, answer.result);
	assert_int_equal(read.count, answer.count);
}

static void message_both_ways(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 1, 0x8b, 0, 0, 0, 0, 1, 'a', 2, '@', 'b', 'h', 'i'};
	const struct message_packet message = {.sent_ms = 0x018b00000000,
		.from = SLICE("a"),
		.audience = SLICE("@b"),
		.text = SLICE("hi")};
	uint8_t bytes[sizeof wire];
	struct message_packet read;

	assert_int_equal(message_packet_len(&message), sizeof wire);
	assert_ptr_equal(message_packet_write(bytes, &message), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(message_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.flags, 0);
	assert_int_equal(read.sent_ms, message.sent_ms);
	assert_slice(read.from, "a");
	assert_slice(read.audience, "@b");
	assert_slice(read.text, "hi");
}

static void what_is_too_short_is_refused(void **state)
{
	static const uint8_t zeros[32] = {0};
	{
		struct session_packet read;
		ASSERT_REFUSES_BEGINNINGS(session_packet_decode, zeros, 7);
	}
	{
		struct say_packet read;
		ASSERT_REFUSES_BEGINNINGS(say_packet_decode, zeros, 6);
	}
	{
		struct answer_packet read;
		ASSERT_REFUSES_BEGINNINGS(answer_packet_decode, zeros, ANSWER_PACKET_LEN);
	}
	{
		struct message_packet read;
		ASSERT_REFUSES_BEGINNINGS(message_packet_decode, zeros, 11);
	}
}

static void a_string_beyond_the_end_is_refused(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 1, 0, 3, '#', 'a'};
	struct say_packet read = {.id = 7};

	assert_int_equal(say_packet_decode(wire, sizeof wire, &read), -EBADMSG);
	assert_int_equal(read.id, 7);
}

/* What only the gateway sends may grow. */
static void what_trails_is_of_a_later_version(void **state)
{
	static const uint8_t zeros[32] = {0};
	struct session_packet session;
	struct answer_packet answer;

	assert_int_equal(session_packet_decode(zeros, sizeof zeros, &session), 0);
	assert_int_equal(answer_packet_decode(zeros, sizeof zeros, &answer), 0);
}

static void request_both_ways(void **state)
{
	static const uint8_t wire[] = {1, 2, 3, 4, '{', '}'};
	const struct request_packet request = {.id = 0x01020304, .bytes = SLICE("{}")};
	uint8_t bytes[sizeof wire];
	struct request_packet read;

	assert_int_equal(request_packet_len(&request), sizeof wire);
	assert_ptr_equal(request_packet_write(bytes, &request), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(request_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.id, request.id);
	assert_slice(read.bytes, "{}");
	assert_int_equal(request_packet_decode(wire, 4, &read), 0);
	assert_int_equal(read.bytes.len, 0);
	assert_int_equal(request_packet_decode(wire, 3, &read), -EBADMSG);
}

static void reply_both_ways(void **state)
{
	static const uint8_t wire[] = {0, 0, 0, 9, PACKET_UNREACHABLE, 'x'};
	const struct reply_packet reply = {
		.id = 9, .result = PACKET_UNREACHABLE, .bytes = SLICE("x")};
	uint8_t bytes[sizeof wire];
	struct reply_packet read;

	assert_int_equal(reply_packet_len(&reply), sizeof wire);
	assert_ptr_equal(reply_packet_write(bytes, &reply), bytes + sizeof wire);
	assert_memory_equal(bytes, wire, sizeof wire);
	assert_int_equal(reply_packet_decode(wire, sizeof wire, &read), 0);
	assert_int_equal(read.id, 9);
	assert_int_equal(read.result, PACKET_UNREACHABLE);
	assert_slice(read.bytes, "x");
	assert_int_equal(reply_packet_decode(wire, REPLY_PACKET_HEAD_LEN, &read), 0);
	assert_int_equal(read.bytes.len, 0);
	assert_int_equal(reply_packet_decode(wire, REPLY_PACKET_HEAD_LEN - 1, &read), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_both_ways),
		cmocka_unit_test(gap_both_ways),
		cmocka_unit_test(say_both_ways),
		cmocka_unit_test(say_may_be_empty),
		cmocka_unit_test(answer_both_ways),
		cmocka_unit_test(message_both_ways),
		cmocka_unit_test(what_is_too_short_is_refused),
		cmocka_unit_test(a_string_beyond_the_end_is_refused),
		cmocka_unit_test(what_trails_is_of_a_later_version),
		cmocka_unit_test(request_both_ways),
		cmocka_unit_test(reply_both_ways),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
