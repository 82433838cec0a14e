/* The binary packet: command, length, payload. PROTOCOL section 2. */
#ifndef TIDEGATE_PACKET_H
#define TIDEGATE_PACKET_H

#include <stddef.h>
#include <stdint.h>

enum packet_command {
#define PACKET(name, number, from, on, payload, meaning) PACKET_##name = (number),
#include "packet.def"
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

/* Writes the six bytes in front of a payload. Thread: any. */
void packet_header_write(
	uint8_t ret_header[PACKET_HEADER_LEN], uint16_t command, uint32_t payload_len);

#endif
