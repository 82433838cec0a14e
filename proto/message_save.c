#include "message_save.h"

#include <errno.h>
#include <string.h>

#include "message_inner.h"

enum {
	PIECE = 4096, /* bytes that are decoded at once: they are changed by it */
};

/* --- where it stands ---------------------------------------------------------------------------
 */

/* What a reader has of a message, beside half a header. */
struct standing {
	struct frame_under_way frame;
	const uint8_t *payload; /* of the frame under way, as far as it has come */
	const uint8_t *before;  /* what frames before it have brought of the message */
	size_t before_len;
	bool has_before; /* there have been such frames, maybe empty ones */
};

static bool is_control(const struct frame_under_way *frame)
{
	return frame->header[0] & 0x8;
}

/* Whether the message goes on in the frame under way, and did not begin in it. */
static bool continues(const struct frame_under_way *frame)
{
	return (frame->header[0] & 0xf) == FRAME_CONTINUATION;
}

static void look(const struct message_reader *reader, struct standing *ret)
{
	const struct assembly *assembly = &reader->assembly;
	*ret = (struct standing){.payload = reader->control + MESSAGE_HEADROOM};
	frame_reader_where(reader->frames, &ret->frame);
	if (!assembly_is_open(assembly)) {
		return;
	}
	const bool in_data = ret->frame.is_open && !is_control(&ret->frame);
	ret->before = assembly->buffer + MESSAGE_HEADROOM;
	ret->before_len = assembly->len - (in_data ? (size_t)ret->frame.payload_done : 0);
	ret->has_before = !in_data || continues(&ret->frame);
	if (in_data) {
		ret->payload = ret->before + ret->before_len;
	}
}

/* --- writing -----------------------------------------------------------------------------------
 */

static size_t before_header_len(const struct message_reader *reader, const struct standing *at)
{
	return frame_header_len(at->before_len) + (reader->rules->peer_masks ? 4 : 0);
}

size_t message_reader_saved_len(const struct message_reader *reader)
{
	struct standing at;
	look(reader, &at);
	size_t len = at.frame.header_len + (size_t)at.frame.payload_done;
	if (at.has_before) {
		len += before_header_len(reader, &at) + at.before_len;
	}
	return len;
}

/* One frame that is not the last of its message; its key is zero, which leaves bytes as they are.
 */
static size_t write_before(
	const struct message_reader *reader, const struct standing *at, uint8_t *ret_bytes)
{
	static const uint8_t no_key[4];
	const size_t header_len = frame_header_write(ret_bytes, reader->assembly.opcode,
		at->before_len, reader->rules->peer_masks ? no_key : NULL);
	ret_bytes[0] = reader->assembly.opcode; /* no FIN */
	memcpy(ret_bytes + header_len, at->before, at->before_len);
	return header_len + at->before_len;
}

void message_reader_save(const struct message_reader *reader, uint8_t *ret_bytes)
{
	struct standing at;
	look(reader, &at);
	if (at.has_before) {
		ret_bytes += write_before(reader, &at, ret_bytes);
	}
	memcpy(ret_bytes, at.frame.header, at.frame.header_len);
	if (at.frame.payload_done > 0) {
		uint8_t *payload = ret_bytes + at.frame.header_len;
		memcpy(payload, at.payload, (size_t)at.frame.payload_done);
		frame_mask(payload, (size_t)at.frame.payload_done, at.frame.mask, 0);
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Not by message_reader_next, which has one caller in the gateway, and is a part of it for that:
 * a second one would cost each message 22 instructions. */
static int decode_piece(struct message_reader *reader, const uint8_t *bytes, size_t len)
{
	uint8_t piece[PIECE];
	struct message message;
	struct frame frame;
	enum frame_status status;
	memcpy(piece, bytes, len);
	message_reader_feed(reader, piece, len);
	while ((status = frame_reader_next(reader->frames, &frame)) == FRAME_READY) {
		if (message_reader_take_frame(reader, &frame, &message)) {
			return message.broken == CLOSE_REASON_INTERNAL_ERROR ? -ENOMEM : -EINVAL;
		}
	}
	return status == FRAME_MORE ? 0 : -EINVAL;
}

int message_reader_restore(struct message_reader *reader, const uint8_t *bytes, size_t len)
{
	const struct message_rules *rules = reader->rules;
	const struct message_rules unlimited = {
		.max_message = UINT32_MAX, .peer_masks = rules->peer_masks};
	int err = 0;
	reader->rules = &unlimited;
	for (size_t at = 0; !err && at < len; at += PIECE) {
		err = decode_piece(reader, bytes + at, len - at < PIECE ? len - at : PIECE);
	}
	reader->rules = rules;
	reader->frame_count = 0; /* whoever has decoded them before has counted them */
	return err;
}
