#include "put_message.h"

#include "../../proto/packet.h"

struct batch *put_message(struct posting *posting, const struct batch_user *sender,
	const struct batch_target *target, const struct message_packet *message)
{
	struct batch *batch;
	if (posting_take(posting, put_message_len(message), &batch) < 0) {
		return NULL;
	}
	uint8_t *at = batch_put_packet(
		batch, PACKET_MESSAGE, message_packet_len(message), sender, PUT_MESSAGE_FROM_AT);
	message_packet_write(at, message);
	const size_t audience_at = PUT_MESSAGE_FROM_AT + message->from.len + 1;
	batch_aim_by_frame(batch, target,
		(struct slice){(const char *)at + audience_at + 1, message->audience.len - 1});
	return batch;
}
