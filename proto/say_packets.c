#include "say_packets.h"

#include <errno.h>

uint8_t *session_packet_write(uint8_t *to, const struct session_packet *session)
{
	to = fields_put_u8(to, session->result);
	to = fields_put_u32(to, session->seconds_left);
	to = fields_put_str(to, session->user);
	return fields_put_str(to, session->device);
}

int session_packet_decode(const uint8_t *payload, size_t len, struct session_packet *ret_session)
{
	struct fields fields = fields_of(payload, len);
	struct session_packet session;
	session.result = fields_u8(&fields);
	session.seconds_left = fields_u32(&fields);
	session.user = fields_str(&fields);
	session.device = fields_str(&fields);
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_session = session;
	return 0;
}

uint8_t *gap_packet_write(uint8_t *to, const struct gap_packet *gap)
{
	return fields_put_u32(to, gap->batches);
}

int gap_packet_decode(const uint8_t *payload, size_t len, struct gap_packet *ret_gap)
{
	struct fields fields = fields_of(payload, len);
	const struct gap_packet gap = {.batches = fields_u32(&fields)};
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_gap = gap;
	return 0;
}

uint8_t *say_packet_write(uint8_t *to, const struct say_packet *say)
{
	to = fields_put_u32(to, say->id);
	to = fields_put_u8(to, say->flags);
	to = fields_put_str(to, say->audience);
	return fields_put_bytes(to, say->text);
}

int say_packet_decode(const uint8_t *payload, size_t len, struct say_packet *ret_say)
{
	struct fields fields = fields_of(payload, len);
	struct say_packet say;
	say.id = fields_u32(&fields);
	say.flags = fields_u8(&fields);
	say.audience = fields_str(&fields);
	say.text = fields_rest(&fields);
	if (!fields_fit(&fields)) {
		return -EBADMSG;
	}
	*ret_say = say;
	return 0;
}

uint8_t *answer_packet_write(uint8_t *to, const struct answer_packet *answer)
{
	to = fields_put_u32(to, answer->id);
	to = fields_put_u8(to, answer->result);
	return fields_put_u32(to, answer->count);
}

int answer_packet_decode(const uint8_t *payload, size_t len, struct answer_packet *ret_answer)
{
	struct fields fields = fields_of(payload, len);
	struct answer_packet answer;
	answer.id = fields_u32(&fields);
	answer.result = fields_u8(&fields);
	answer.count = fields_u32(&fields);
	if (!fields_fit_or_trail(&fields)) {
		return -EBADMSG;
	}
	*ret_answer = answer;
	return 0;
}

uint8_t *message_packet_write(uint8_t *to, const struct message_packet *message)
{
	to = fields_put_u8(to, message->flags);
	to = fields_put_u64(to, message->sent_ms);
	to = fields_put_str(to, message->from);
	to = fields_put_str(to, message->audience);
	return fields_put_bytes(to, message->text);
}

int message_packet_decode(const uint8_t *payload, size_t len, struct message_packet *ret_message)
{
	struct fields fields = fields_of(payload, len);
	struct message_packet message;
	message.flags = fields_u8(&fields);
	message.sent_ms = fields_u64(&fields);
	message.from = fields_str(&fields);
	message.audience = fields_str(&fields);
	message.text = fields_rest(&fields);
	if (!fields_fit(&fields)) {
		return -EBADMSG;
	}
	*ret_message = message;
	return 0;
}

uint8_t *request_packet_write(uint8_t *to, const struct request_packet *request)
{
	to = fields_put_u32(to, request->id);
	return fields_put_bytes(to, request->bytes);
}

int request_packet_decode(const uint8_t *payload, size_t len, struct request_packet *ret_request)
{
	struct fields fields = fields_of(payload, len);
	struct request_packet request;
	request.id = fields_u32(&fields);
	request.bytes = fields_rest(&fields);
	if (!fields_fit(&fields)) {
		return -EBADMSG;
	}
	*ret_request = request;
	return 0;
}

uint8_t *reply_packet_write(uint8_t *to, const struct reply_packet *reply)
{
	to = fields_put_u32(to, reply->id);
	to = fields_put_u8(to, reply->result);
	return fields_put_bytes(to, reply->bytes);
}

int reply_packet_decode(const uint8_t *payload, size_t len, struct reply_packet *ret_reply)
{
	struct fields fields = fields_of(payload, len);
	struct reply_packet reply;
	reply.id = fields_u32(&fields);
	reply.result = fields_u8(&fields);
	reply.bytes = fields_rest(&fields);
	if (!fields_fit(&fields)) {
		return -EBADMSG;
	}
	*ret_reply = reply;
	return 0;
}
