#include "text_frames.h"

#include "../proto/packet.h"
#include "crowd.h"
#include "frames.h"
#include "generator.h"

static void on_text(struct generator *generator, struct client *client,
	const struct frame_message *message, uint64_t now_ns)
{
	const struct crowd *crowd = generator->state;
	struct text_mark mark;
	if (generator->options->is_among_others &&
		!speech_is_of_bench(message->payload, message->len)) {
		count_add(&generator->counts.of_others, 1);
	} else if (speech_read_text(&crowd->speech, message->payload, message->len, &mark)) {
		crowd_hear(generator, client, &mark, now_ns);
	} else {
		count_add(&generator->counts.corrupt, 1);
	}
}

static void on_packet(
	struct generator *generator, struct client *client, const struct frame_message *message)
{
	struct packet packet;
	int err = packet_decode(message->payload, message->len, &packet);
	if (!err && packet.command == PACKET_TEXT && generator->options->is_among_others) {
		count_add(&generator->counts.of_others, 1);
	} else if (err < 0 || packet.command != PACKET_PONG || packet.payload_len > 0) {
		count_add(&generator->counts.corrupt, 1);
	} else if (client->answered == client->sent) {
		count_add(&generator->counts.duplicated, 1);
	} else {
		client->answered++;
	}
}

static void on_message(struct generator *generator, struct client *client,
	const struct frame_message *message, uint64_t now_ns)
{
	if (message->opcode == FRAME_TEXT) {
		on_text(generator, client, message, now_ns);
	} else {
		on_packet(generator, client, message);
	}
}

size_t text_frames_take(struct generator *generator, struct client *client, const uint8_t *data,
	size_t len, uint64_t now_ns)
{
	return frames_take(generator, client, data, len, now_ns, on_message);
}
