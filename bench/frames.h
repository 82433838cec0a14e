/* Cuts what has come to a connection into messages, for scenarios that get some of any size. */
#ifndef TIDEGATE_BENCH_FRAMES_H
#define TIDEGATE_BENCH_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../proto/frame.h"
#include "client.h"

enum {
	FRAMES_FINAL = 0x80,
};

/* A message in one frame. */
struct frame_message {
	uint8_t opcode; /* FRAME_TEXT or FRAME_BINARY */
	const uint8_t *payload;
	size_t len;
};

typedef void frames_on_message(struct generator *generator, struct client *client,
	const struct frame_message *message, uint64_t now_ns);

/* The length of header and payload; false while they are not all there. */
static inline bool frames_measure(
	const uint8_t *frame, size_t len, size_t *ret_header, uint64_t *ret_payload)
{
	const size_t header = frame_header_len_at(frame);
	if (len < header) {
		return false;
	}
	*ret_header = header;
	*ret_payload = frame_payload_len_at(frame);
	return len - header >= *ret_payload;
}

/* Hands over each message and takes control frames itself. Returns how many bytes were whole
 * frames. */
static inline size_t frames_take(struct generator *generator, struct client *client,
	const uint8_t *data, size_t len, uint64_t now_ns, frames_on_message *on_message)
{
	size_t used = 0;
	while (len - used >= 2 && client->wire.fd >= 0) {
		const uint8_t *frame = data + used;
		const size_t left = len - used;
		size_t header;
		uint64_t payload;
		if (frame[0] != (FRAMES_FINAL | FRAME_TEXT) &&
			frame[0] != (FRAMES_FINAL | FRAME_BINARY)) {
			size_t control = client_take_control(generator, client, frame, left);
			if (control == 0) {
				break;
			}
			used += control;
			continue;
		}
		if (!frames_measure(frame, left, &header, &payload)) {
			break;
		}
		const struct frame_message message = {
			frame[0] & 0x0f, frame + header, (size_t)payload};
		on_message(generator, client, &message, now_ns);
		used += header + payload;
	}
	return used;
}

#endif
