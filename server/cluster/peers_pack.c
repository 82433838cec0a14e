#include "peers_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- what goes to it and comes from it ---------------------------------------------------------
 */

static void pack_numbers(struct pack *pack, const struct peer *peer)
{
	pack_u64(pack, peer->incarnation.wall_ms);
	pack_u64(pack, peer->incarnation.random);
	pack_u64(pack, peer->numbers.all);
	pack_u64(pack, peer->numbers.alone);
	pack_u8(pack, peer->numbers.has_all);
	pack_u64(pack, peer->line.number);
	pack_u64(pack, peer->line.told[0]);
	pack_u64(pack, peer->line.told[1]);
}

static void unpack_numbers(struct unpack *unpack, struct peer *peer)
{
	peer->incarnation.wall_ms = unpack_u64(unpack);
	peer->incarnation.random = unpack_u64(unpack);
	peer->line.random = peer->incarnation.random;
	peer->numbers.all = unpack_u64(unpack);
	peer->numbers.alone = unpack_u64(unpack);
	peer->numbers.has_all = unpack_bool(unpack);
	peer->line.number = unpack_u64(unpack);
	peer->line.told[0] = unpack_u64(unpack);
	peer->line.told[1] = unpack_u64(unpack);
}

/* Half of a long message may have come. */
static void pack_pieces(struct pack *pack, const struct pieces *pieces)
{
	const bool is_half = pieces->data && pieces->have < pieces->whole;
	pack_u8(pack, is_half);
	if (is_half) {
		pack_u8(pack, pieces->type);
		pack_u64(pack, pieces->ask);
		pack_u32(pack, pieces->whole);
		pack_u32(pack, pieces->have);
		pack_bytes(pack, pieces->data, pieces->have);
	}
}

static int unpack_pieces(struct unpack *unpack, struct pieces *pieces)
{
	if (!unpack_bool(unpack)) {
		return 0;
	}
	struct pieces its = {.type = unpack_u8(unpack)};
	its.ask = unpack_u64(unpack);
	its.whole = unpack_u32(unpack);
	its.have = unpack_u32(unpack);
	const uint8_t *data = unpack_bytes(unpack, its.have);
	if (!data || its.whole > PIECES_WHOLE_MAX || its.have >= its.whole) {
		return -EINVAL;
	}
	its.data = malloc(its.whole);
	if (!its.data) {
		return -ENOMEM;
	}
	memcpy(its.data, data, its.have);
	*pieces = its;
	return 0;
}

/* --- how it is ---------------------------------------------------------------------------------
 */

static void pack_state(struct pack *pack, const struct peer *peer)
{
	pack_u8(pack, peer->state == PEER_SUSPECT);
	pack_u64(pack, peer->heard_ms);
	pack_u8(pack, peer->has_beaten);
	pack_u64(pack, (uint64_t)peer->wall_offset_ms[0]);
	pack_u64(pack, (uint64_t)peer->wall_offset_ms[1]);
	pack_u32(pack, peer->sessions);
	pack_u32(pack, peer->rooms);
	pack_u8(pack, peer->speaks);
	pack_u16(pack, peer->ws_port);
	pack_u8(pack, peer->ws_tls);
	pack_u8(pack, peer->max_devices);
	pack_u8(pack, peer->pressure);
	pack_u8(pack, peer->is_draining);
	pack_u8(pack, peer->is_fenced);
	pack_u8(pack, peer->is_clock_off);
	pack_u64(pack, peer->clock_until_ms);
	pack_u64(pack, peer->roots[DIRECTORY_USERS]);
	pack_u64(pack, peer->roots[DIRECTORY_ROOMS]);
	pack_slice(pack, slice_of(peer->address));
	pack_slice(pack, slice_of(peer->program));
}

static void unpack_text(struct unpack *unpack, char *to, size_t size)
{
	const struct slice text = unpack_slice(unpack);
	if (text.len >= size) {
		unpack_fail(unpack);
		return;
	}
	memcpy(to, text.data, text.len);
	to[text.len] = '\0';
}

static void unpack_state(struct unpack *unpack, struct peer *peer)
{
	const bool is_suspect = unpack_bool(unpack);
	if (is_suspect && peer->state == PEER_UP) {
		peer->state = PEER_SUSPECT;
	}
	peer->heard_ms = unpack_u64(unpack);
	peer->has_beaten = unpack_bool(unpack);
	peer->wall_offset_ms[0] = (int64_t)unpack_u64(unpack);
	peer->wall_offset_ms[1] = (int64_t)unpack_u64(unpack);
	peer->sessions = unpack_u32(unpack);
	peer->rooms = unpack_u32(unpack);
	peer->speaks = unpack_u8(unpack);
	peer->ws_port = unpack_u16(unpack);
	peer->ws_tls = unpack_bool(unpack);
	peer->max_devices = unpack_u8(unpack);
	peer->pressure = unpack_u8(unpack);
	peer->is_draining = unpack_bool(unpack);
	peer->is_fenced = unpack_bool(unpack);
	peer->is_clock_off = unpack_bool(unpack);
	peer->clock_until_ms = unpack_u64(unpack);
	peer->roots[DIRECTORY_USERS] = unpack_u64(unpack);
	peer->roots[DIRECTORY_ROOMS] = unpack_u64(unpack);
	unpack_text(unpack, peer->address, sizeof(peer->address));
	unpack_text(unpack, peer->program, sizeof(peer->program));
}

static void pack_counts(struct pack *pack, const struct peer *peer)
{
	pack_u32(pack, peer->round_trip_us);
	pack_u64(pack, peer->probed_ms);
	pack_u64(pack, peer->lost);
	pack_u64(pack, peer->lost_untold);
	pack_u64(pack, peer->lost_told_ms);
	pack_u8(pack, peer->resync.is_hasty || peer->resync.step != RESYNC_NONE);
}

static void unpack_counts(struct unpack *unpack, struct peer *peer)
{
	peer->round_trip_us = unpack_u32(unpack);
	peer->probed_ms = unpack_u64(unpack);
	peer->lost = unpack_u64(unpack);
	peer->lost_untold = unpack_u64(unpack);
	peer->lost_told_ms = unpack_u64(unpack);
	peer->resync.is_hasty = unpack_bool(unpack);
}

/* --- all of them -------------------------------------------------------------------------------
 */

void peers_pack(const struct peers *peers, struct pack *pack)
{
	pack_u64(pack, peers->looked_ms);
	pack_u64(pack, peers->refused);
	pack_u32(pack, peers->count);
	for (uint32_t i = 0; i < peers->count; i++) {
		const struct peer *peer = peers->sorted[i];
		pack_slice(pack, peer_id(peer));
		pack_u16(pack, peer->node);
		pack_numbers(pack, peer);
		pack_state(pack, peer);
		pack_counts(pack, peer);
		pack_pieces(pack, &peer->pieces);
	}
}

static int unpack_peer(struct peers *peers, struct unpack *unpack)
{
	struct peer *peer;
	const struct slice id = unpack_slice(unpack);
	const uint16_t node = unpack_u16(unpack);
	int err = peers_put_back(peers, id, node, &peer);
	if (err) {
		return err;
	}
	unpack_numbers(unpack, peer);
	unpack_state(unpack, peer);
	unpack_counts(unpack, peer);
	return unpack->failed ? -EINVAL : unpack_pieces(unpack, &peer->pieces);
}

int peers_unpack(struct peers *peers, struct unpack *unpack)
{
	peers->looked_ms = unpack_u64(unpack);
	peers->refused = unpack_u64(unpack);
	const uint32_t count = unpack_u32(unpack);
	int err = unpack->failed || peers->count > 0 ? -EINVAL : 0;
	for (uint32_t i = 0; !err && i < count; i++) {
		err = unpack_peer(peers, unpack);
	}
	return err;
}
