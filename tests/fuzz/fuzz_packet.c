/* Packets: what is decoded encodes to the same bytes. */
#include <assert.h>
#include <string.h>

#include "../../proto/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct packet packet;
	if (packet_decode(data, len, &packet) < 0) {
		return 0;
	}

	uint8_t header[PACKET_HEADER_LEN];
	packet_header_write(header, packet.command, packet.payload_len);
	assert(memcmp(header, data, sizeof header) == 0);
	assert(packet.payload == data + sizeof header);
	assert(packet.payload_len == len - sizeof header);
	return 0;
}
