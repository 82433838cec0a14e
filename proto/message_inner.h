/* What a reader of messages is made of: for message.c, and for message_save.c. */
#ifndef TIDEGATE_MESSAGE_INNER_H
#define TIDEGATE_MESSAGE_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "utf8.h"

struct message;

enum {
	/* In front of an assembled payload, so that an answer's header can be put there. */
	MESSAGE_HEADROOM = FRAME_HEADER_MAX,
};

/* A data message that has not wholly arrived.
 * Owner:  its message_reader.
 * Freed:  in the call after the one that handed the message out. */
struct assembly {
	uint8_t *buffer; /* MESSAGE_HEADROOM, then the payload; NULL for none */
	size_t size;     /* bytes allocated */
	size_t len;      /* bytes of payload */
	struct utf8_state utf8;
	uint8_t opcode; /* of the message; FRAME_CONTINUATION when none is open */
};

/* Owner:  whoever created it.
 * Shared: never; the rules are.
 * Freed:  message_reader_destroy. */
struct message_reader {
	const struct message_rules *rules;
	struct frame_reader *frames;
	uint32_t frame_count; /* complete ones, until they are taken */
	struct assembly assembly;

	/* A control frame that arrives in parts, maybe between two parts of `assembly`. */
	uint8_t control_len;
	uint8_t control[MESSAGE_HEADROOM + FRAME_CONTROL_PAYLOAD_MAX];
};

/* Takes in a frame or part of one, as frame_reader_next gives it. Returns whether *ret_message is
 * a message, whole or broken, or else goes on. */
bool message_reader_take_frame(
	struct message_reader *reader, const struct frame *frame, struct message *ret_message);

/* Whether fragments have come, and the last one has not. */
static inline bool assembly_is_open(const struct assembly *assembly)
{
	return assembly->opcode != FRAME_CONTINUATION;
}

#endif
