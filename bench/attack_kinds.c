#include "attack_kinds.h"

#include <string.h>

#include "../proto/frame.h"
#include "../proto/packet.h"

enum {
	UNKNOWN_PACKET = 199,     /* reserved: counted and ignored */
	MESSAGE_DECLARED = 60000, /* bytes of a message that never ends */
	HEAD_FILLER = 8000,       /* bytes of a head that never ends */
};

static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

static size_t write_frame(uint8_t *to, uint8_t opcode, const uint8_t *payload, size_t len)
{
	size_t header = frame_header_write(to, opcode, len, mask);
	if (len > 0) {
		memcpy(to + header, payload, len);
		frame_mask(to + header, len, mask, 0);
	}
	return header + len;
}

static size_t write_packet(uint8_t *to, uint16_t command)
{
	uint8_t packet[PACKET_HEADER_LEN];
	packet_header_write(packet, command, 0);
	return write_frame(to, FRAME_BINARY, packet, sizeof(packet));
}

/* As often as it fits, so that a send ends with a whole piece. */
static size_t repeat(uint8_t *to, size_t piece)
{
	size_t len = piece;
	for (; len + piece <= ATTACK_BLOCK; len += piece) {
		memcpy(to + len, to, piece);
	}
	return len;
}

static size_t say_texts(uint8_t *to)
{
	return repeat(to, write_frame(to, FRAME_TEXT, NULL, 0));
}

static size_t say_texts_and_pings(uint8_t *to)
{
	size_t len = write_frame(to, FRAME_TEXT, NULL, 0);
	return repeat(to, len + write_packet(to + len, PACKET_PING));
}

static size_t say_packets(uint8_t *to)
{
	return repeat(to, write_packet(to, UNKNOWN_PACKET));
}

static size_t say_head(uint8_t *to)
{
	static const char field[] = "X-Filler: ";
	memcpy(to, field, sizeof(field) - 1);
	memset(to + sizeof(field) - 1, 'x', HEAD_FILLER);
	return sizeof(field) - 1 + HEAD_FILLER;
}

/* A frame that declares more than comes. */
static size_t say_unfinished(uint8_t *to)
{
	size_t header = frame_header_write(to, FRAME_TEXT, MESSAGE_DECLARED, mask);
	memset(to + header, 'a', ATTACK_BLOCK - header);
	frame_mask(to + header, ATTACK_BLOCK - header, mask, 0);
	return ATTACK_BLOCK;
}

const struct attack_kind attack_kinds[] = {
	{.name = "texts",
		.help = "empty texts, as fast as they are taken, from the opening on",
		.opening = ATTACK_OPENING_WHOLE,
		.say = say_texts,
		.repeats = true,
		.reads = true},
	{.name = "texts-pings",
		.help = "the same with a packet 100 after each",
		.opening = ATTACK_OPENING_WHOLE,
		.say = say_texts_and_pings,
		.repeats = true,
		.reads = true},
	{.name = "packets",
		.help = "packets that nobody gets, as fast as they are taken",
		.opening = ATTACK_OPENING_WHOLE,
		.say = say_packets,
		.repeats = true,
		.reads = true},
	{.name = "heads",
		.help = "8 KB of an opening request without its end, then silence",
		.opening = ATTACK_OPENING_HALF,
		.say = say_head},
	{.name = "messages",
		.help = "16 KB of a text that declares 60, then silence",
		.opening = ATTACK_OPENING_WHOLE,
		.say = say_unfinished,
		.reads = true},
	{.name = "deaf",
		.help = "logs in, never reads, and comes back every 2.5 s",
		.opening = ATTACK_OPENING_WHOLE,
		.back_s = 2.5},
	{.name = "dials", .help = "connects and hangs up", .drops = true},
	{.name = "silent", .help = "connects and says nothing"},
	{.name = "tls-hellos",
		.help = "says a TLS hello, leaves when it is answered, and comes back at once",
		.hello = ATTACK_HELLO_USUAL,
		.reads = true,
		.leaves = true},
	{.name = "tls-groups",
		.help = "the same, each with a hello of another group of key exchange",
		.hello = ATTACK_HELLO_EACH_GROUP,
		.reads = true,
		.leaves = true},
	{.name = "tls-half",
		.help = "says a TLS hello, hears the answer, then silence",
		.hello = ATTACK_HELLO_USUAL,
		.reads = true},
	{0},
};
