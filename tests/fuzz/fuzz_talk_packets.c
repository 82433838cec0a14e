/* What tidegate.v1 says, both ways: what is decoded lies inside the payload and encodes to the same
 * bytes, but for what may trail. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/audience.h"
#include "../../proto/packet.h"
#include "../../proto/room_packets.h"
#include "../../proto/say_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What has been decoded from the packet, encoded again. */
struct again {
	uint8_t *bytes;
	uint8_t *end;
	bool may_trail;
};

static void encode_say(const struct packet *packet, struct again *again)
{
	struct say_packet say;
	if (say_packet_decode(packet->payload, packet->payload_len, &say) == 0) {
		const struct audience audience = audience_of(say.audience);
		assert(audience.name.len <= say.audience.len);
		assert(audience.kind == AUDIENCE_INVALID || say.audience.len <= AUDIENCE_MAX);
		assert(say_packet_len(&say) == packet->payload_len);
		again->end = say_packet_write(again->bytes, &say);
	}
}

static void encode_page(const struct packet *packet, struct again *again)
{
	struct page_packet page;
	struct slice users[PAGE_USERS_MAX];
	if (page_packet_decode(packet->payload, packet->payload_len, &page, users) == 0) {
		again->end = page_packet_write_head(again->bytes, &page);
		for (uint16_t i = 0; i < page.count; i++) {
			again->end = fields_put_str(again->end, users[i]);
		}
		/* Whether it is the last is any byte but 0. */
		again->bytes[5] = packet->payload[5];
	}
	again->may_trail = true;
}

#define ENCODE(name, trails)                                                                       \
	static void encode_##name(const struct packet *packet, struct again *again)                \
	{                                                                                          \
		struct name##_packet its;                                                          \
		if (name##_packet_decode(packet->payload, packet->payload_len, &its) == 0) {       \
			again->end = name##_packet_write(again->bytes, &its);                      \
		}                                                                                  \
		again->may_trail = trails;                                                         \
	}

ENCODE(session, true)
ENCODE(gap, true)
ENCODE(answer, true)
ENCODE(message, false)
ENCODE(join, false)
ENCODE(leave, false)
ENCODE(members, true)
ENCODE(list, false)
ENCODE(request, false)
ENCODE(reply, false)

static void encode(const struct packet *packet, struct again *again)
{
	switch (packet->command) {
	case PACKET_SESSION:
		encode_session(packet, again);
		break;
	case PACKET_GAP:
		encode_gap(packet, again);
		break;
	case PACKET_SAY:
		encode_say(packet, again);
		break;
	case PACKET_ANSWER:
		encode_answer(packet, again);
		break;
	case PACKET_MESSAGE:
		encode_message(packet, again);
		break;
	case PACKET_JOIN:
		encode_join(packet, again);
		break;
	case PACKET_LEAVE:
		encode_leave(packet, again);
		break;
	case PACKET_MEMBERS:
		encode_members(packet, again);
		break;
	case PACKET_LIST:
		encode_list(packet, again);
		break;
	case PACKET_PAGE:
		encode_page(packet, again);
		break;
	case PACKET_REQUEST:
		encode_request(packet, again);
		break;
	case PACKET_REPLY:
		encode_reply(packet, again);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct packet packet;
	if (packet_decode(data, len, &packet) < 0) {
		return 0;
	}
	/* Of its very size: a sanitizer sees what is written beside it. */
	struct again again = {.bytes = malloc(packet.payload_len ? packet.payload_len : 1)};
	if (!again.bytes) {
		abort();
	}
	encode(&packet, &again);
	if (again.end) {
		const size_t again_len = (size_t)(again.end - again.bytes);
		assert(again.may_trail ? again_len <= packet.payload_len
				       : again_len == packet.payload_len);
		assert(memcmp(again.bytes, packet.payload, again_len) == 0);
	}
	free(again.bytes);
	return 0;
}
