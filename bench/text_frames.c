#include "text_frames.h"

#include <stdbool.h>

#include "../proto/frame.h"
#include "../proto/packet.h"
#include "client.h"
#include "crowd.h"
#include "generator.h"

enum {
	FINAL = 0x80,
};

/* The length of header and payload; false while they are not known. */
static bool measure(const uint8_t *frame, size_t len, size_t *ret_header, uint64_t *ret_payload)
{
	const size_t header = frame_header_len_at(frame);
	if (len < header) {
		return false;
	}
	*ret_header = header;
	*ret_payload = frame_payload_len_at(frame);
	return len - header >= *ret_payload;
}

static void take_packet(
	struct generator *generator, struct client *client, const uint8_t *payload, size_t len)
{
	struct packet packet;
	int err = packet_decode(payload, len, &packet);
	if (!err && packet.command == PACKET_TEXT && generator->options->is_among_others) {
		count_add(&generator->counts.of_others, 1);
	} else if (err < 0 || packet.command != PACKET_PONG || packet.payload_len > 0) {
		count_add(&generator->counts.corrupt, 1);
	} else if (client->answered == client->sent) {
		count_add(&generator->counts.duplicated, 1);
	} else {
		client->answered++;
	}
}

size_t text_frames_take(struct generator *generator, struct crowd *crowd, struct client *client,
	const uint8_t *data, size_t len, uint64_t now_ns)
{
	size_t used = 0;
	while (len - used >= 2 && client->fd >= 0) {
		const uint8_t *frame = data + used;
		const size_t left = len - used;
		size_t header;
		uint64_t payload;
		if (frame[0] != (FINAL | FRAME_TEXT) && frame[0] != (FINAL | FRAME_BINARY)) {
			size_t control = client_take_control(generator, client, frame, left);
			if (control == 0) {
				break;
			}
			used += control;
			continue;
		}
		if (!measure(frame, left, &header, &payload)) {
			break;
		}
		if (!crowd) {
			count_add(&generator->counts.of_others, 1);
		} else if (frame[0] == (FINAL | FRAME_TEXT)) {
			crowd_take_text(generator, crowd, client, frame + header, payload, now_ns);
		} else {
			take_packet(generator, client, frame + header, payload);
		}
		used += header + payload;
	}
	return used;
}
