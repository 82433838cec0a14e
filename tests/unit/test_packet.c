#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../proto/packet.h"
#include "split.h"

static void reads_an_empty_ping(void **state)
{
	static const uint8_t message[] = {0x00, 0x64, 0x00, 0x00, 0x00, 0x00};
	struct packet packet;

	assert_int_equal(packet_decode(message, sizeof message, &packet), 0);
	assert_int_equal(packet.command, PACKET_PING);
	assert_int_equal(packet.payload_len, 0);
}

static void reads_a_payload_where_it_lies(void **state)
{
	static const uint8_t message[] = {0x00, 0x66, 0x00, 0x00, 0x00, 0x03, 'a', 'b', 'c'};
	struct packet packet;

	assert_int_equal(packet_decode(message, sizeof message, &packet), 0);
	assert_int_equal(packet.command, PACKET_TEXT);
	assert_int_equal(packet.payload_len, 3);
	assert_ptr_equal(packet.payload, message + PACKET_HEADER_LEN);
}

static void reads_all_bytes_of_the_command(void **state)
{
	static const uint8_t message[] = {0xfe, 0xdc, 0x00, 0x00, 0x00, 0x00};
	struct packet packet;

	assert_int_equal(packet_decode(message, sizeof message, &packet), 0);
	assert_int_equal(packet.command, 0xfedc);
}

/* A decoder of whole messages knows pieces as messages that are too short. */
static void refuses_each_beginning(void **state)
{
	static const uint8_t message[] = {0x00, 0x66, 0x00, 0x00, 0x00, 0x03, 'a', 'b', 'c'};
	const struct packet untouched = {.command = 7};

	for (size_t len = 0; len < sizeof message; len++) {
		uint8_t *piece = split_copy(message, len);
		struct packet packet = untouched;
		assert_int_equal(packet_decode(piece, len, &packet), -EBADMSG);
		assert_memory_equal(&packet, &untouched, sizeof packet);
		free(piece);
	}
}

static void refuses_a_length_that_differs(void **state)
{
	static const uint32_t lens[] = {
		0, 1, 2, 4, 0x100, 0x10000, 0x1000000, 0x80000003, UINT32_MAX};
	uint8_t message[PACKET_HEADER_LEN + 3] = {0};
	struct packet packet;

	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		packet_header_write(message, PACKET_TEXT, lens[i]);
		assert_int_equal(packet_decode(message, sizeof message, &packet), -EBADMSG);
	}
	packet_header_write(message, PACKET_TEXT, 3);
	assert_int_equal(packet_decode(message, sizeof message, &packet), 0);
}

static void writes_the_pong_of_the_protocol(void **state)
{
	static const uint8_t pong[] = {0x00, 0x65, 0x00, 0x00, 0x00, 0x00};
	uint8_t header[PACKET_HEADER_LEN];

	packet_header_write(header, PACKET_PONG, 0);
	assert_memory_equal(header, pong, sizeof pong);
}

static void writes_big_endian(void **state)
{
	static const uint8_t expected[] = {0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc};
	uint8_t header[PACKET_HEADER_LEN];

	packet_header_write(header, 0x1234, 0x56789abc);
	assert_memory_equal(header, expected, sizeof expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_empty_ping),
		cmocka_unit_test(reads_a_payload_where_it_lies),
		cmocka_unit_test(reads_all_bytes_of_the_command),
		cmocka_unit_test(refuses_each_beginning),
		cmocka_unit_test(refuses_a_length_that_differs),
		cmocka_unit_test(writes_the_pong_of_the_protocol),
		cmocka_unit_test(writes_big_endian),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
