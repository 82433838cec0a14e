#include "packet.h"

#include <errno.h>

#include "bytes.h"

int packet_decode(const uint8_t *message, size_t message_len, struct packet *ret_packet)
{
	if (message_len < PACKET_HEADER_LEN) {
		return -EBADMSG;
	}
	const uint32_t payload_len = load_be32(message + 2);
	if (payload_len != message_len - PACKET_HEADER_LEN) {
		return -EBADMSG;
	}

	*ret_packet = (struct packet){
		.command = load_be16(message),
		.payload_len = payload_len,
		.payload = message + PACKET_HEADER_LEN,
	};
	return 0;
}

void packet_header_write(
	uint8_t ret_header[PACKET_HEADER_LEN], uint16_t command, uint32_t payload_len)
{
	store_be16(ret_header, command);
	store_be32(ret_header + 2, payload_len);
}
