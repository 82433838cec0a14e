#include "codec_traffic.h"

#include <errno.h>

#include "../../proto/frame.h"
#include "../../proto/utf8.h"
#include "codec_fit.h"

enum {
	SAID_LEN_LEN = 4,
	SAID_NUMBERS_LEN = 1 + 1 + 4 + 4 + 1,
	PIECE_HEAD_LEN = 4 + 4 + 4,
};

/* --- BATCH --------------------------------------------------------------------------------------
 */

size_t codec_said_len(const struct codec_said *said)
{
	return SAID_LEN_LEN + SAID_NUMBERS_LEN + fields_str_len(said->room) +
	       codec_bytes_len(said->frame);
}

int codec_put_said(struct codec_writer *writer, const struct codec_said *said)
{
	const size_t len = codec_said_len(said);
	if (codec_room(writer) < len) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u32(writer->at, (uint32_t)(len - SAID_LEN_LEN));
	at = fields_put_u8(at, said->aim);
	at = fields_put_u8(at, 0);
	at = fields_put_u32(at, said->sender_device);
	at = fields_put_u32(at, said->sender_at);
	at = fields_put_u8(at, said->sender_len);
	at = fields_put_str(at, said->room);
	writer->at = codec_write_bytes(at, said->frame);
	return 0;
}

/* What clients get as it is has to be one frame, or all that follows would be misread; and a text
 * has to be one, or each of them would close its line. */
static bool is_whole_frame(struct slice frame)
{
	const uint8_t *data = (const uint8_t *)frame.data;
	if (frame.len < 2 || (data[0] != (0x80 | FRAME_TEXT) && data[0] != (0x80 | FRAME_BINARY)) ||
		data[1] & 0x80) {
		return false;
	}
	const size_t header_len = frame_header_len_at(data);
	if (frame.len < header_len) {
		return false;
	}
	const uint64_t payload_len = frame_payload_len_at(data);
	return payload_len == frame.len - header_len &&
	       header_len == frame_header_len(payload_len) &&
	       (data[0] != (0x80 | FRAME_TEXT) ||
		       utf8_valid(data + header_len, frame.len - header_len));
}

static bool said_is_valid(const struct codec_said *said)
{
	return is_whole_frame(said->frame) && said->sender_len <= USER_NAME_MAX &&
	       said->sender_at <= said->frame.len &&
	       said->sender_len <= said->frame.len - said->sender_at &&
	       (said->aim == CODEC_TO_ALL || codec_name_is_valid(said->room));
}

/* 1, 0 for an aim of a later version. Errors: -EBADMSG. */
static int read_said(struct fields *fields, struct codec_said *ret_said)
{
	struct codec_said said = {.aim = fields_u8(fields)};
	if (said.aim < CODEC_TO_ALL || said.aim > CODEC_TO_TOLD) {
		return fields->is_short ? -EBADMSG : 0;
	}
	fields_u8(fields); /* flags: none is known */
	said.sender_device = fields_u32(fields);
	said.sender_at = fields_u32(fields);
	said.sender_len = fields_u8(fields);
	said.room = fields_str(fields);
	said.frame = codec_take_bytes(fields);
	if (!fields_fit_or_trail(fields) || !said_is_valid(&said)) {
		return -EBADMSG;
	}
	*ret_said = said;
	return 1;
}

int codec_next_said(struct codec_message *message, struct codec_said *ret_said)
{
	struct fields *rest = &message->payload;
	int found = 0;
	while (found == 0 && rest->left > 0) {
		const struct slice bytes = codec_take_bytes(rest);
		struct fields its = fields_of((const uint8_t *)bytes.data, bytes.len);
		found = rest->is_short ? -EBADMSG : read_said(&its, ret_said);
	}
	return found;
}

/* --- SAY ----------------------------------------------------------------------------------------
 */

int codec_put_say(struct codec_writer *writer, const struct codec_say *say)
{
	const size_t len = 8 + 8 + 1 + 4 + fields_str_len(say->from) + fields_str_len(say->to) +
			   codec_bytes_len(say->text);
	if (codec_room(writer) < len) {
		return -ENOSPC;
	}
	uint8_t *at = fields_put_u64(writer->at, say->ask);
	at = fields_put_u64(at, say->sent_ms);
	at = fields_put_u8(at, say->flags);
	at = fields_put_u32(at, say->from_device);
	at = fields_put_str(at, say->from);
	at = fields_put_str(at, say->to);
	writer->at = codec_write_bytes(at, say->text);
	return 0;
}

int codec_read_say(const struct codec_message *message, struct codec_say *ret_say)
{
	struct fields fields = message->payload;
	struct codec_say say;
	say.ask = fields_u64(&fields);
	say.sent_ms = fields_u64(&fields);
	say.flags = fields_u8(&fields);
	say.from_device = fields_u32(&fields);
	say.from = fields_str(&fields);
	say.to = fields_str(&fields);
	say.text = codec_take_bytes(&fields);
	if (!fields_fit_or_trail(&fields) || !codec_name_is_valid(say.from) ||
		!codec_name_is_valid(say.to) ||
		!utf8_valid((const uint8_t *)say.text.data, say.text.len)) {
		return -EBADMSG;
	}
	*ret_say = say;
	return 0;
}

/* --- CALL, ANSWER -------------------------------------------------------------------------------
 */

/* How many bytes of `whole` from `at` on fit behind a head; none of some is -ENOSPC. */
static int measure_piece(const struct codec_writer *writer, size_t head_len, struct slice whole,
	uint32_t at, size_t *ret_len)
{
	const size_t left = whole.len - at;
	head_len += PIECE_HEAD_LEN;
	if (codec_room(writer) < head_len + (left > 0 ? 1 : 0)) {
		return -ENOSPC;
	}
	const size_t fits = codec_room(writer) - head_len;
	*ret_len = left < fits ? left : fits;
	return 0;
}

static uint8_t *write_piece(uint8_t *to, struct slice whole, uint32_t at, size_t len)
{
	to = fields_put_u32(to, (uint32_t)whole.len);
	to = fields_put_u32(to, at);
	return codec_write_bytes(to, (struct slice){whole.data + at, len});
}

static bool read_piece(struct fields *fields, struct codec_piece *piece)
{
	piece->whole = fields_u32(fields);
	piece->at = fields_u32(fields);
	piece->bytes = codec_take_bytes(fields);
	return fields_fit_or_trail(fields) && piece->at <= piece->whole &&
	       piece->bytes.len <= piece->whole - piece->at &&
	       (piece->bytes.len > 0 || piece->whole == 0);
}

int codec_put_call(
	struct codec_writer *writer, uint64_t ask, uint8_t op, struct slice whole, uint32_t *at)
{
	size_t len;
	if (measure_piece(writer, 8 + 1, whole, *at, &len) < 0) {
		return -ENOSPC;
	}
	uint8_t *to = fields_put_u64(writer->at, ask);
	to = fields_put_u8(to, op);
	writer->at = write_piece(to, whole, *at, len);
	*at += (uint32_t)len;
	return 0;
}

int codec_read_call(const struct codec_message *message, struct codec_call *ret_call)
{
	struct fields fields = message->payload;
	struct codec_call call;
	call.ask = fields_u64(&fields);
	call.op = fields_u8(&fields);
	if (!read_piece(&fields, &call.piece)) {
		return -EBADMSG;
	}
	*ret_call = call;
	return 0;
}

int codec_put_answer(struct codec_writer *writer, uint64_t ask, uint8_t result, uint32_t count,
	struct slice whole, uint32_t *at)
{
	size_t len;
	if (measure_piece(writer, 8 + 1 + 4, whole, *at, &len) < 0) {
		return -ENOSPC;
	}
	uint8_t *to = fields_put_u64(writer->at, ask);
	to = fields_put_u8(to, result);
	to = fields_put_u32(to, count);
	writer->at = write_piece(to, whole, *at, len);
	*at += (uint32_t)len;
	return 0;
}

int codec_read_answer(const struct codec_message *message, struct codec_answer *ret_answer)
{
	struct fields fields = message->payload;
	struct codec_answer answer;
	answer.ask = fields_u64(&fields);
	answer.result = fields_u8(&fields);
	answer.count = fields_u32(&fields);
	if (!read_piece(&fields, &answer.piece)) {
		return -EBADMSG;
	}
	*ret_answer = answer;
	return 0;
}
