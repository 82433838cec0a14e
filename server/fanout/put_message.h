/* A packet 112 in a batch, for a user or a room. PROTOCOL section 6. */
#ifndef TIDEGATE_PUT_MESSAGE_H
#define TIDEGATE_PUT_MESSAGE_H

#include <stddef.h>

#include "../../proto/audience.h"
#include "../../proto/say_packets.h"
#include "posting.h"
#include "rooms.h"

enum {
	PUT_MESSAGE_FROM_AT = 1 + 8 + 1, /* where the sender's name stands in its payload */
};

/* How an audience is written: its mark, and its name. */
static inline struct slice put_message_audience(
	char mark, struct slice name, char ret_audience[AUDIENCE_MAX])
{
	ret_audience[0] = mark;
	memcpy(ret_audience + 1, name.data, name.len);
	return (struct slice){ret_audience, 1 + name.len};
}

/* Bytes of it in a batch: the audience's name is in the packet. */
static inline size_t put_message_len(const struct message_packet *message)
{
	return batch_aimed_frame_len(message_packet_len(message), 0);
}

/* Something is said in a room now: whom it is for. The sender's device is left to the caller.
 * Thread: a worker that has members of it, or under RCU. */
static inline struct batch_target put_message_to_room(struct room *room)
{
	return (struct batch_target){
		.aim = BATCH_TO_ROOM,
		.hash = room_hash(room),
		.serial = room_serial(room),
		.number = room_say(room),
	};
}

/* Appends one for `target`, whose name is that of the audience. `sender` without a name: it is no
 * user's. Returns the batch, for its workers to be marked, or NULL without memory. */
struct batch *put_message(struct posting *posting, const struct batch_user *sender,
	const struct batch_target *target, const struct message_packet *message);

#endif
