/* The binary packet: command, length, payload. PROTOCOL section 2. */
#ifndef TIDEGATE_PACKET_H
#define TIDEGATE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum packet_command {
#define PACKET(name, number, speaks, from, on, payload, meaning) PACKET_##name = (number),
#include "packet.def"
};

enum packet_sender {
	PACKET_FROM_CLIENT,
	PACKET_FROM_GATEWAY,
	PACKET_FROM_BOTH, /* fanned out */
};

enum {
	PACKET_HEADER_LEN = 6,
	PACKET_PING_PAYLOAD_MAX = 125,
};

struct packet {
	uint16_t command;
	uint32_t payload_len;   /* bytes */
	const uint8_t *payload; /* borrowed from the message */
};

/* Reads one packet from one whole binary message.
 * Thread: any. Errors: -EBADMSG when the message is under 6 bytes or its length field differs
 * from the bytes that follow. */
int packet_decode(const uint8_t *message, size_t message_len, struct packet *ret_packet);

/* Whether others get what a client says with it, ` -- FROM user` behind the payload. Thread: any.
 */
static inline bool packet_is_fanned_out(uint16_t command)
{
	switch (command) {
#define PACKET(name, number, speaks, from, on, payload, meaning)                                   \
	case PACKET_##name:                                                                        \
		return PACKET_FROM_##from == PACKET_FROM_BOTH;
#include "packet.def"
	default:
		return false;
	}
}

/* Writes the six bytes in front of a payload. Thread: any. */
void packet_header_write(
	uint8_t ret_header[PACKET_HEADER_LEN], uint16_t command, uint32_t payload_len);

#endif
