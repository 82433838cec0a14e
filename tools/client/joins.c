#include "joins.h"

#include "../../proto/frame.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"

enum {
	JOIN_LEN_MAX = 4 + 1 + 1 + USER_NAME_MAX, /* bytes of payload */
};

_Static_assert(
	TG_ROOMS_MAX *(FRAME_HEADER_MAX + PACKET_HEADER_LEN + JOIN_LEN_MAX) <= TG_SEND_QUEUE_MIN,
	"a send queue holds the joins of all rooms");

int joins_ask_for(const struct wanted_room *room, struct line *line)
{
	uint8_t payload[JOIN_LEN_MAX];
	const struct join_packet join = {
		.id = room->id,
		.flags = room->is_told ? JOIN_TELL_MEMBERS : 0,
		.room = wanted_room_name(room),
	};
	const uint8_t *end = join_packet_write(payload, &join);
	return line_send_packet(line, PACKET_JOIN, payload, (size_t)(end - payload));
}

int joins_ask_for_all(const struct rooms *rooms, struct line *line)
{
	int err = 0;
	for (size_t i = 0; i < rooms->count && err == 0; i++) {
		err = joins_ask_for(&rooms->rooms[i], line);
	}
	return err;
}
