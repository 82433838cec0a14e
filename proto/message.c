#include "message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "message_inner.h"

enum {
	ASSEMBLY_MIN = 512, /* bytes first allocated, the headroom included */
	FIN = 0x80,         /* of a header's first byte */
};

int message_reader_create(const struct message_rules *rules, struct message_reader **ret_reader)
{
	struct message_reader *reader = calloc(1, sizeof *reader);
	if (!reader) {
		return -ENOMEM;
	}
	reader->rules = rules;
	int ret = frame_reader_create(&reader->frames);
	if (ret < 0) {
		free(reader);
		return ret;
	}
	*ret_reader = reader;
	return 0;
}

void message_reader_destroy(struct message_reader **reader)
{
	if (*reader) {
		frame_reader_destroy(&(*reader)->frames);
		free((*reader)->assembly.buffer);
		free(*reader);
		*reader = NULL;
	}
}

void message_reader_feed(struct message_reader *reader, uint8_t *data, size_t len)
{
	frame_reader_feed(reader->frames, data, len);
}

uint32_t message_reader_take_frames(struct message_reader *reader)
{
	const uint32_t count = reader->frame_count;
	reader->frame_count = 0;
	return count;
}

bool message_reader_is_idle(const struct message_reader *reader)
{
	/* A message has a buffer from its first part until it is no longer lent. */
	return !reader->assembly.buffer && frame_reader_at_boundary(reader->frames);
}

size_t message_reader_footprint(const struct message_reader *reader)
{
	return message_reader_idle_footprint() + reader->assembly.size;
}

size_t message_reader_idle_footprint(void)
{
	return sizeof(struct message_reader) + frame_reader_footprint();
}

/* Frees the message handed out by the last call. */
static void assembly_reset(struct assembly *assembly)
{
	free(assembly->buffer);
	*assembly = (struct assembly){.opcode = FRAME_CONTINUATION};
}

/* Makes space for `len` bytes that have arrived; a message's limit is its buffer's too. */
static bool assembly_reserve(struct assembly *assembly, size_t len, size_t max_message)
{
	const size_t needed = MESSAGE_HEADROOM + assembly->len + len;
	if (assembly->buffer && needed <= assembly->size) {
		return true;
	}

	size_t size = assembly->size ? 2 * assembly->size : ASSEMBLY_MIN;
	if (size > MESSAGE_HEADROOM + max_message) {
		size = MESSAGE_HEADROOM + max_message;
	}
	if (size < needed) {
		size = needed;
	}
	uint8_t *buffer = realloc(assembly->buffer, size);
	if (!buffer) {
		return false;
	}
	assembly->buffer = buffer;
	assembly->size = size;
	return true;
}

static enum close_reason assembly_add(
	struct assembly *assembly, const struct frame *frame, size_t max_message)
{
	if (assembly->opcode == FRAME_TEXT &&
		!utf8_check(&assembly->utf8, frame->data, frame->data_len)) {
		return CLOSE_REASON_INVALID_UTF8;
	}
	if (!assembly_reserve(assembly, frame->data_len, max_message)) {
		return CLOSE_REASON_INTERNAL_ERROR;
	}
	memcpy(assembly->buffer + MESSAGE_HEADROOM + assembly->len, frame->data, frame->data_len);
	assembly->len += frame->data_len;
	return CLOSE_REASON_NONE;
}

static bool is_control(const struct frame *frame)
{
	return frame->opcode & 0x8;
}

/* The rules a header can break. wslay has checked the length's form, and that control frames are
 * short and whole. */
static enum close_reason check_header(
	const struct message_reader *reader, const struct frame *frame)
{
	const struct assembly *assembly = &reader->assembly;

	if (frame->rsv != 0 || frame->masked != reader->rules->peer_masks) {
		return CLOSE_REASON_PROTOCOL_ERROR;
	}
	if (is_control(frame)) {
		return frame->opcode <= FRAME_PONG ? CLOSE_REASON_NONE
						   : CLOSE_REASON_PROTOCOL_ERROR;
	}
	if (frame->opcode > FRAME_BINARY) {
		return CLOSE_REASON_PROTOCOL_ERROR;
	}
	const bool continues = frame->opcode == FRAME_CONTINUATION;
	if (continues != assembly_is_open(assembly)) {
		return CLOSE_REASON_PROTOCOL_ERROR;
	}
	if (assembly->len + frame->payload_len > reader->rules->max_message) {
		return CLOSE_REASON_MESSAGE_TOO_BIG;
	}
	return CLOSE_REASON_NONE;
}

/* RFC 6455 sections 5.5.1 and 7.4. */
static enum close_reason check_close(const uint8_t *payload, size_t len)
{
	if (len == 0) {
		return CLOSE_REASON_NONE;
	}
	if (len == 1 || !close_code_is_valid(load_be16(payload))) {
		return CLOSE_REASON_PROTOCOL_ERROR;
	}
	return utf8_valid(payload + 2, len - 2) ? CLOSE_REASON_NONE : CLOSE_REASON_INVALID_UTF8;
}

static enum message_kind kind_of(uint8_t opcode)
{
	switch (opcode) {
	case FRAME_TEXT:
		return MESSAGE_TEXT;
	case FRAME_BINARY:
		return MESSAGE_BINARY;
	case FRAME_CLOSE:
		return MESSAGE_CLOSE;
	case FRAME_PING:
		return MESSAGE_PING;
	default:
		return MESSAGE_PONG;
	}
}

static void hand_out(
	struct message *ret_message, uint8_t opcode, uint8_t *data, size_t len, size_t headroom)
{
	ret_message->kind = kind_of(opcode);
	ret_message->broken = CLOSE_REASON_NONE;
	ret_message->data = data;
	ret_message->len = len;
	ret_message->headroom = headroom;
}

static void hand_out_broken(struct message *ret_message, enum close_reason reason)
{
	*ret_message = (struct message){.kind = MESSAGE_BROKEN, .broken = reason};
}

/* Each of the take_ functions fills *ret_message and returns true when a message is whole or
 * broken, and returns false when it goes on. */

static bool take_control(
	struct message_reader *reader, const struct frame *frame, struct message *ret_message)
{
	if (frame->begins && frame->ends) {
		hand_out(ret_message, frame->opcode, frame->data, frame->data_len, frame->headroom);
	} else {
		if (frame->begins) {
			reader->control_len = 0;
		}
		uint8_t *payload = reader->control + MESSAGE_HEADROOM;
		memcpy(payload + reader->control_len, frame->data, frame->data_len);
		reader->control_len = (uint8_t)(reader->control_len + frame->data_len);
		if (!frame->ends) {
			return false;
		}
		hand_out(
			ret_message, frame->opcode, payload, reader->control_len, MESSAGE_HEADROOM);
	}

	if (frame->opcode == FRAME_CLOSE) {
		const enum close_reason broken = check_close(ret_message->data, ret_message->len);
		if (broken) {
			hand_out_broken(ret_message, broken);
		}
	}
	return true;
}

static bool take_part(
	struct message_reader *reader, const struct frame *frame, struct message *ret_message)
{
	struct assembly *assembly = &reader->assembly;
	if (!assembly_is_open(assembly)) {
		assembly->opcode = frame->opcode;
	}

	const enum close_reason broken = assembly_add(assembly, frame, reader->rules->max_message);
	if (broken) {
		hand_out_broken(ret_message, broken);
		return true;
	}
	if (!frame->ends || !frame->fin) {
		return false;
	}
	if (!utf8_complete(&assembly->utf8)) {
		hand_out_broken(ret_message, CLOSE_REASON_INVALID_UTF8);
		return true;
	}
	hand_out(ret_message, assembly->opcode, assembly->buffer + MESSAGE_HEADROOM, assembly->len,
		MESSAGE_HEADROOM);
	assembly->opcode = FRAME_CONTINUATION;
	return true;
}

static bool take_whole(const struct frame *frame, struct message *ret_message)
{
	if (frame->opcode == FRAME_TEXT && !utf8_valid(frame->data, frame->data_len)) {
		hand_out_broken(ret_message, CLOSE_REASON_INVALID_UTF8);
	} else {
		hand_out(ret_message, frame->opcode, frame->data, frame->data_len, frame->headroom);
	}
	return true;
}

bool message_reader_take_frame(
	struct message_reader *reader, const struct frame *frame, struct message *ret_message)
{
	if (frame->begins) {
		const enum close_reason broken = check_header(reader, frame);
		if (broken) {
			hand_out_broken(ret_message, broken);
			return true;
		}
	}
	reader->frame_count += frame->ends;

	if (is_control(frame)) {
		return take_control(reader, frame, ret_message);
	}
	const bool is_whole = frame->begins && frame->ends && frame->fin;
	if (is_whole && frame->opcode != FRAME_CONTINUATION) {
		return take_whole(frame, ret_message);
	}
	return take_part(reader, frame, ret_message);
}

/* Whether a short frame is a message as it is, with no rule left that it could break. */
static inline bool is_plain_message(
	const struct message_reader *reader, const struct short_frame *frame)
{
	switch (frame->first) {
	case FIN | FRAME_TEXT:
	case FIN | FRAME_BINARY:
		return !assembly_is_open(&reader->assembly) &&
		       frame->len <= reader->rules->max_message &&
		       (frame->first != (FIN | FRAME_TEXT) || utf8_valid(frame->data, frame->len));
	case FIN | FRAME_PING:
	case FIN | FRAME_PONG:
		return true;
	default:
		return false;
	}
}

static struct frame frame_of_short(const struct short_frame *frame)
{
	return (struct frame){
		.payload_len = frame->len,
		.data = frame->data,
		.data_len = frame->len,
		.opcode = frame->first & 0xf,
		.rsv = frame->first >> 4 & 7,
		.headroom = SHORT_FRAME_HEADROOM,
		.fin = frame->first & FIN,
		.masked = true,
		.begins = true,
		.ends = true,
	};
}

/* Short frames, which nearly all messages are: every nanosecond of this shows. Returns FRAME_MORE
 * when the next frame is no short one. */
static inline enum frame_status next_short(
	struct message_reader *reader, struct message *ret_message)
{
	struct short_frame frame;
	enum frame_status status;
	while ((status = frame_reader_next_short(reader->frames, &frame)) == FRAME_READY) {
		if (reader->rules->peer_masks && is_plain_message(reader, &frame)) {
			reader->frame_count++;
			hand_out(ret_message, frame.first & 0xf, frame.data, frame.len,
				SHORT_FRAME_HEADROOM);
			return FRAME_READY;
		}
		const struct frame any = frame_of_short(&frame);
		if (message_reader_take_frame(reader, &any, ret_message)) {
			return FRAME_READY;
		}
	}
	return status;
}

enum message_kind message_reader_next(struct message_reader *reader, struct message *ret_message)
{
	struct assembly *assembly = &reader->assembly;
	if (assembly->buffer && !assembly_is_open(assembly)) {
		assembly_reset(assembly);
	}

	struct frame frame;
	enum frame_status status;
	do {
		status = next_short(reader, ret_message);
		if (status == FRAME_READY) {
			return ret_message->kind;
		}
		if (status == FRAME_MORE) {
			status = frame_reader_next(reader->frames, &frame);
		}
		if (status == FRAME_READY &&
			message_reader_take_frame(reader, &frame, ret_message)) {
			return ret_message->kind;
		}
	} while (status == FRAME_READY);
	if (status == FRAME_BROKEN) {
		hand_out_broken(ret_message, CLOSE_REASON_PROTOCOL_ERROR);
	} else {
		*ret_message = (struct message){.kind = MESSAGE_MORE};
	}
	return ret_message->kind;
}
