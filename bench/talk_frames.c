#include "talk_frames.h"

#include "../proto/packet.h"
#include "../proto/room_packets.h"
#include "../proto/say_packets.h"
#include "circles.h"
#include "crowd.h"
#include "frames.h"
#include "generator.h"

enum {
	JOIN_ID = 1,
	FRAME_MAX = FRAME_HEADER_MAX + PACKET_HEADER_LEN + 4 + 1 + 1 + OPTIONS_NAME_LEN,
};

/* --- entering ----------------------------------------------------------------------------------
 */

/* Whether this connection is to be in a room. */
static bool is_member(const struct generator *generator, const struct client *client)
{
	return !generator->scenario->is_private && circles_have(generator->options, client->number);
}

/* Counts what it asks and is answered in client->sent and ->answered. */
static void send_join(struct generator *generator, struct client *client)
{
	const struct options *options = generator->options;
	uint8_t frame[FRAME_MAX];
	char room[OPTIONS_NAME_LEN];
	speech_write_name(options, 'r', circle_of(options, client->number), room);
	const struct join_packet join = {.id = JOIN_ID, .room = {room, sizeof(room)}};
	const size_t len = PACKET_HEADER_LEN + join_packet_len(&join);
	const size_t header = frame_header_write(frame, FRAME_BINARY, len, generator->mask);
	packet_header_write(frame + header, PACKET_JOIN, (uint32_t)join_packet_len(&join));
	join_packet_write(frame + header + PACKET_HEADER_LEN, &join);
	frame_mask(frame + header, len, generator->mask, 0);
	client->sent++;
	wire_send(&client->wire, frame, header + len);
}

static void on_session(
	struct generator *generator, struct client *client, const struct packet *packet)
{
	struct session_packet session;
	char user[OPTIONS_NAME_LEN];
	speech_write_name(generator->options, 'u', client->number, user);
	if (session_packet_decode(packet->payload, packet->payload_len, &session) < 0 ||
		session.result != PACKET_DONE ||
		!slice_equals(session.user, (struct slice){user, sizeof(user)}) ||
		session.device.len > 0) {
		count_add(&generator->counts.corrupt, 1);
	} else if (client->state != CLIENT_ENTERING || client->sent > 0) {
		count_add(&generator->counts.duplicated, 1);
	} else if (is_member(generator, client)) {
		send_join(generator, client);
	} else {
		client_enter(generator, client);
	}
}

static void on_refusal(struct generator *generator, uint8_t result)
{
	int none = 0;
	count_add(&generator->counts.refused, 1);
	atomic_compare_exchange_strong(&generator->run->refusal, &none, result);
	atomic_store(&generator->run->is_broken, true);
}

/* To the one join, or the refusal of a text. */
static void on_answer(
	struct generator *generator, struct client *client, const struct packet *packet)
{
	const struct options *options = generator->options;
	struct answer_packet answer;
	if (answer_packet_decode(packet->payload, packet->payload_len, &answer) < 0) {
		count_add(&generator->counts.corrupt, 1);
	} else if (answer.result != PACKET_DONE) {
		on_refusal(generator, answer.result);
	} else if (client->answered == client->sent) {
		count_add(&generator->counts.duplicated, 1);
	} else if (answer.id != JOIN_ID || answer.count == 0 ||
		   answer.count > options->circle_size) {
		count_add(&generator->counts.corrupt, 1);
	} else {
		client->answered++;
		client_enter(generator, client);
	}
}

/* --- hearing -----------------------------------------------------------------------------------
 */

static void on_message_packet(struct generator *generator, struct client *client,
	const struct packet *packet, uint64_t now_ns)
{
	const struct crowd *crowd = generator->state;
	struct text_mark mark;
	if (speech_read_message(&crowd->speech, packet->payload, packet->payload_len, &mark)) {
		crowd_hear(generator, client, &mark, now_ns);
	} else {
		count_add(&generator->counts.corrupt, 1);
	}
}

static void on_message(struct generator *generator, struct client *client,
	const struct frame_message *message, uint64_t now_ns)
{
	struct packet packet = {.command = 0};
	if (message->opcode == FRAME_BINARY &&
		packet_decode(message->payload, message->len, &packet) < 0) {
		packet.command = 0;
	}
	switch (packet.command) {
	case PACKET_SESSION:
		on_session(generator, client, &packet);
		break;
	case PACKET_ANSWER:
		on_answer(generator, client, &packet);
		break;
	case PACKET_MESSAGE:
		on_message_packet(generator, client, &packet, now_ns);
		break;
	default:
		count_add(&generator->counts.corrupt, 1);
		break;
	}
}

size_t talk_frames_take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	return frames_take(generator, client, data, len, now_ns, on_message);
}
