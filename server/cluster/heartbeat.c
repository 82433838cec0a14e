#include "heartbeat.h"

#include <errno.h>
#include <string.h>

/* --- sending -----------------------------------------------------------------------------------
 */

static void put_sent(struct heartbeat *heartbeat, struct codec_writer *writer)
{
	struct peers *peers = heartbeat->peers;
	for (uint32_t i = 0; i < peers->count; i++) {
		struct sender_line *line = &peers->sorted[i]->line;
		const struct codec_sent sent = {.random = line->random, .number = line->number};
		if (line->number != line->told[1] && peers->sorted[i]->state != PEER_DOWN) {
			(void)codec_put_sent(writer, &sent);
		}
		line->told[1] = line->told[0];
		line->told[0] = line->number;
	}
}

static uint32_t own_count(const struct heartbeat *heartbeat, enum directory_kind kind)
{
	return (uint32_t)directory_count(heartbeat->directory, DIRECTORY_SELF, kind);
}

static void send(struct heartbeat *heartbeat, uint64_t wall_ms)
{
	struct codec_writer writer;
	const struct codec_heartbeat wire = {
		.wall_ms = wall_ms,
		.sessions = own_count(heartbeat, DIRECTORY_USERS),
		.rooms = own_count(heartbeat, DIRECTORY_ROOMS),
		.max_devices = heartbeat->max_devices,
		.ws_port = heartbeat->ws_port,
		.pressure = heartbeat->pressure,
		.flags = (uint8_t)((heartbeat->is_draining ? CODEC_NODE_DRAINING : 0) |
				   (heartbeat->is_fenced ? CODEC_NODE_FENCED : 0) |
				   (heartbeat->ws_tls ? CODEC_NODE_WS_TLS : 0)),
		.users_root = directory_root(heartbeat->directory, DIRECTORY_SELF, DIRECTORY_USERS),
		.rooms_root = directory_root(heartbeat->directory, DIRECTORY_SELF, DIRECTORY_ROOMS),
		.address = slice_of(heartbeat->address),
		.version = slice_of(heartbeat->version),
	};
	sender_begin(heartbeat->sender, &writer, CODEC_HEARTBEAT, NULL);
	(void)codec_put_heartbeat(&writer, &wire);
	put_sent(heartbeat, &writer);
	/* When it does not go out, the link is down, and all know it. */
	(void)sender_to_all(heartbeat->sender, &writer);
	heartbeat->sent_ms = heartbeat->peers->now_ms;
	heartbeat->is_hasty = false;
}

uint64_t heartbeat_turn(struct heartbeat *heartbeat, uint64_t wall_ms)
{
	const uint64_t every_ms = heartbeat->is_hasty ? HEARTBEAT_SOONEST_MS : HEARTBEAT_MS;
	const uint64_t since_ms = heartbeat->peers->now_ms - heartbeat->sent_ms;
	if (heartbeat->sent_ms != 0 && since_ms < every_ms) {
		return every_ms - since_ms;
	}
	send(heartbeat, wall_ms);
	return HEARTBEAT_MS;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void copy_text(char *to, size_t capacity, struct slice text)
{
	const size_t len = text.len < capacity - 1 ? text.len : 0; /* cut off, it would mislead */
	if (len > 0) {
		memcpy(to, text.data, len);
	}
	to[len] = '\0';
}

static void take_clock(struct peers *peers, struct peer *peer, uint64_t wall_ms)
{
	const int64_t offset_ms = (int64_t)(wall_ms - peers->now_ms);
	peer->wall_offset_ms[1] = peer->has_beaten ? peer->wall_offset_ms[0] : offset_ms;
	peer->wall_offset_ms[0] = offset_ms;
}

int heartbeat_on_message(const struct codec_message *message, struct peers *peers,
	struct peer *peer, uint64_t own_random, uint32_t *ret_lost)
{
	struct codec_heartbeat wire;
	struct codec_sent sent;
	uint64_t lost = 0;
	const int err = codec_read_heartbeat(message, &wire);
	if (err < 0) {
		return err;
	}
	take_clock(peers, peer, wire.wall_ms);
	peer->sessions = wire.sessions;
	peer->rooms = wire.rooms;
	peer->max_devices = wire.max_devices;
	peer->ws_port = wire.ws_port;
	peer->ws_tls = (wire.flags & CODEC_NODE_WS_TLS) != 0;
	peer->pressure = wire.pressure;
	peer->is_draining = (wire.flags & CODEC_NODE_DRAINING) != 0;
	peer->is_fenced = (wire.flags & CODEC_NODE_FENCED) != 0;
	peer->roots[DIRECTORY_USERS] = wire.users_root;
	peer->roots[DIRECTORY_ROOMS] = wire.rooms_root;
	copy_text(peer->address, sizeof(peer->address), wire.address);
	copy_text(peer->program, sizeof(peer->program), wire.version);
	while (codec_next_sent(&wire, &sent)) {
		if (sent.random == own_random) {
			lost += numbers_on_sent(&peer->numbers, sent.number);
		}
	}
	*ret_lost = lost < PEERS_LOST_MOST ? (uint32_t)lost : PEERS_LOST_MOST;
	peer->lost += *ret_lost;
	peers_beaten(peers, peer);
	return 0;
}

/* --- probes ------------------------------------------------------------------------------------
 */

void heartbeat_probe(struct heartbeat *heartbeat)
{
	struct peers *peers = heartbeat->peers;
	for (uint32_t i = 0; i < peers->count; i++) {
		struct peer *peer = peers->sorted[i];
		struct codec_writer writer;
		const struct codec_probe probe = {.us = peers->now_us};
		if (peer->state != PEER_UP ||
			(peer->probed_ms != 0 &&
				peers->now_ms - peer->probed_ms < HEARTBEAT_PROBE_MS)) {
			continue;
		}
		peer->probed_ms = peers->now_ms;
		sender_begin(heartbeat->sender, &writer, CODEC_PROBE, NULL);
		(void)codec_put_probe(&writer, &probe);
		(void)sender_to_node(heartbeat->sender, &peer->line, &writer);
	}
}

int heartbeat_on_probe(struct heartbeat *heartbeat, struct peer *peer,
	const struct codec_message *message, uint64_t wall_ms)
{
	struct codec_writer writer;
	struct codec_probe probe;
	const int err = codec_read_probe(message, &probe);
	if (err < 0) {
		return err;
	}
	probe.wall_ms = wall_ms;
	sender_begin(heartbeat->sender, &writer, CODEC_PROBE_ANSWER, NULL);
	(void)codec_put_probe_answer(&writer, &probe);
	(void)sender_to_node(heartbeat->sender, &peer->line, &writer);
	return 0;
}

int heartbeat_on_probe_answer(
	struct heartbeat *heartbeat, struct peer *peer, const struct codec_message *message)
{
	struct codec_probe probe;
	const int err = codec_read_probe_answer(message, &probe);
	if (err < 0) {
		return err;
	}
	const uint64_t us = heartbeat->peers->now_us - probe.us;
	if (us < UINT32_MAX) {
		peer->round_trip_us = us > 0 ? (uint32_t)us : 1;
	}
	return 0;
}
