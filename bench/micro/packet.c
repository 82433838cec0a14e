/* The binary packet, read and written. */
#include <string.h>

#include "../../proto/packet.h"
#include "../measure.h"

enum {
	MESSAGES = 4096,
	MESSAGE_ROOM = 64,
};

static uint8_t messages[MESSAGES][MESSAGE_ROOM];
static size_t lengths[MESSAGES];
static uint64_t sum;
static uint64_t expected;

static void encode(void *context)
{
	(void)context;
	for (size_t i = 0; i < MESSAGES; i++) {
		packet_header_write(
			messages[i], PACKET_TEXT, (uint32_t)(lengths[i] - PACKET_HEADER_LEN));
	}
}

static void check_encoded(void *context)
{
	(void)context;
	for (size_t i = 0; i < MESSAGES; i++) {
		const uint8_t wanted[PACKET_HEADER_LEN] = {
			0, PACKET_TEXT, 0, 0, 0, (uint8_t)(lengths[i] - PACKET_HEADER_LEN)};
		CHECK(memcmp(messages[i], wanted, sizeof(wanted)) == 0);
	}
}

static void forget_encoded(void *context)
{
	(void)context;
	memset(messages, 0, sizeof(messages));
}

static void decode(void *context)
{
	struct packet packet;
	(void)context;
	sum = 0;
	for (size_t i = 0; i < MESSAGES; i++) {
		if (packet_decode(messages[i], lengths[i], &packet) == 0) {
			sum += packet.command + packet.payload_len +
			       (uint64_t)(packet.payload - messages[i]);
		}
	}
}

static void check_decoded(void *context)
{
	(void)context;
	CHECK(sum == expected);
}

int main(void)
{
	uint64_t state = 1;
	for (size_t i = 0; i < MESSAGES; i++) {
		lengths[i] = PACKET_HEADER_LEN +
			     measure_random(&state) % (MESSAGE_ROOM - PACKET_HEADER_LEN);
		expected += PACKET_TEXT + lengths[i];
	}
	measure_begin("packet");
	measure_run(&(struct measure){.name = "write a header",
		.ops = MESSAGES,
		.prepare = forget_encoded,
		.run = encode,
		.verify = check_encoded});
	measure_run(&(struct measure){
		.name = "decode", .ops = MESSAGES, .run = decode, .verify = check_decoded});
	return 0;
}
