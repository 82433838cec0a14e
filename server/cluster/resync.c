#include "resync.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "codec_directory.h"

enum {
	PAGE_MAX = UINT16_MAX, /* entries */
};

int resync_init(struct resync *resync, struct directory *directory, struct peers *peers,
	struct sender *sender, uint64_t seed)
{
	*resync = (struct resync){
		.directory = directory,
		.peers = peers,
		.sender = sender,
		.random = seed | 1,
		.page = malloc(PAGE_MAX * sizeof(struct directory_entry)),
	};
	return resync->page ? 0 : -ENOMEM;
}

void resync_finish(struct resync *resync)
{
	free(resync->page);
	resync->page = NULL;
}

/* xorshift64: for jitter. */
static uint64_t random_below(struct resync *resync, uint64_t limit)
{
	resync->random ^= resync->random << 13;
	resync->random ^= resync->random >> 7;
	resync->random ^= resync->random << 17;
	return resync->random % limit;
}

static bool is_active(const struct peer *peer)
{
	return peer->resync.step == RESYNC_DIGESTS || peer->resync.step == RESYNC_SHARDS;
}

static uint64_t now_ms(const struct resync *resync)
{
	return resync->peers->now_ms;
}

static uint8_t wire_kind(enum directory_kind kind)
{
	return kind == DIRECTORY_USERS ? CODEC_USERS : CODEC_ROOMS;
}

static enum directory_kind own_kind(uint8_t kind)
{
	return kind == CODEC_USERS ? DIRECTORY_USERS : DIRECTORY_ROOMS;
}

static bool root_differs(
	const struct resync *resync, const struct peer *peer, enum directory_kind kind)
{
	return directory_root(resync->directory, peer->node, kind) != peer->roots[kind];
}

/* --- beginning ---------------------------------------------------------------------------------
 */

static void wait_for(struct resync *resync, struct peer *peer, uint64_t jitter_ms)
{
	peer->resync.step = RESYNC_WAITS;
	peer->resync.due_ms = now_ms(resync) + random_below(resync, jitter_ms);
}

void resync_on_heartbeat(struct resync *resync, struct peer *peer)
{
	struct resync_state *state = &peer->resync;
	if (!root_differs(resync, peer, DIRECTORY_USERS) &&
		!root_differs(resync, peer, DIRECTORY_ROOMS)) {
		state->unequal = 0;
		state->is_hasty = false;
		state->failures = 0;
		if (state->step == RESYNC_WAITS) {
			state->step = RESYNC_NONE;
		}
		return;
	}
	if (state->unequal < UINT8_MAX) {
		state->unequal++;
	}
	if (state->step == RESYNC_NONE && peer_is_reachable(peer) &&
		(state->unequal >= 2 || state->is_hasty)) {
		wait_for(resync, peer, state->is_hasty ? RESYNC_HASTY_JITTER_MS : RESYNC_JITTER_MS);
	}
}

static void ask(struct resync *resync, struct peer *peer, enum codec_type type,
	enum directory_kind kind, uint64_t first)
{
	struct codec_writer writer;
	const struct codec_ask ask = {
		.ask = peer->resync.ask, .kind = wire_kind(kind), .first = first};
	sender_begin(resync->sender, &writer, type, NULL);
	if (type == CODEC_DIGESTS_ASK) {
		(void)codec_put_digests_ask(&writer, &ask);
	} else {
		(void)codec_put_shard_ask(&writer, &ask);
	}
	/* What is lost is asked for again after a silence. */
	(void)sender_to_node(resync->sender, &peer->line, &writer);
}

static void begin(struct resync *resync, struct peer *peer)
{
	struct resync_state *state = &peer->resync;
	state->step = RESYNC_DIGESTS;
	state->is_hasty = false;
	state->unequal = 0;
	state->kinds_waiting = 0;
	state->asked_count = 0;
	state->is_large = false;
	state->pages_left = RESYNC_PAGES_SPARE + peer->sessions / RESYNC_PAGE_ENTRIES +
			    peer->rooms / RESYNC_PAGE_ENTRIES;
	state->ask = ++resync->last_ask;
	state->due_ms = now_ms(resync) + RESYNC_SILENCE_MS;
	memset(state->wanted, 0, sizeof(state->wanted));
	memset(state->asked, 0, sizeof(state->asked));
	resync->active++;
	resync->count++;
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		if (root_differs(resync, peer, kind)) {
			state->kinds_waiting |= (uint8_t)(1 << kind);
			ask(resync, peer, CODEC_DIGESTS_ASK, kind, 0);
		}
	}
}

/* --- end ---------------------------------------------------------------------------------------
 */

void resync_drop(struct resync *resync, struct peer *peer)
{
	if (is_active(peer)) {
		resync->active--;
	}
	resync_state_finish(&peer->resync);
}

static void finish(struct resync *resync, struct peer *peer)
{
	resync->active--;
	peer->resync.step = RESYNC_NONE;
	peer->resync.failures = 0;
	resync->done(resync->context, peer);
}

static void give_up(struct resync *resync, struct peer *peer)
{
	struct resync_state *state = &peer->resync;
	uint64_t again_ms = (uint64_t)RESYNC_JITTER_MS
			    << (state->failures < 6 ? state->failures : 6);
	resync->active--;
	resync->failed++;
	state->failures += state->failures < UINT8_MAX;
	wait_for(resync, peer, again_ms < RESYNC_AGAIN_MAX_MS ? again_ms : RESYNC_AGAIN_MAX_MS);
}

/* --- shards ------------------------------------------------------------------------------------
 */

static bool has(const uint64_t *bits, uint8_t shard)
{
	return bits[shard / 64] >> (shard % 64) & 1;
}

static void set(uint64_t *bits, uint8_t shard)
{
	bits[shard / 64] |= UINT64_C(1) << shard % 64;
}

static void clear(uint64_t *bits, uint8_t shard)
{
	bits[shard / 64] &= ~(UINT64_C(1) << shard % 64);
}

/* Takes the next one out of a set; -1: it is empty. */
static int take(uint64_t *bits)
{
	for (int i = 0; i < DIRECTORY_SHARDS / 64; i++) {
		if (bits[i] != 0) {
			const int bit = __builtin_ctzll(bits[i]);
			bits[i] &= bits[i] - 1;
			return i * 64 + bit;
		}
	}
	return -1;
}

static void ask_for_shards(struct resync *resync, struct peer *peer)
{
	struct resync_state *state = &peer->resync;
	const uint16_t most = state->is_large ? RESYNC_LARGE_MAX : RESYNC_SHARDS_MAX;
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		while (state->asked_count < most) {
			const int shard = take(state->wanted[kind]);
			if (shard < 0) {
				break;
			}
			set(state->asked[kind], (uint8_t)shard);
			state->asked_count++;
			ask(resync, peer, CODEC_SHARD_ASK, kind,
				directory_range_of((uint8_t)shard).first);
		}
	}
	if (state->asked_count == 0 && state->kinds_waiting == 0) {
		finish(resync, peer);
	}
}

/* An answer to what is under way, which is a sign of life. */
static bool is_awaited(struct resync *resync, struct peer *peer, uint64_t ask)
{
	if (!is_active(peer) || peer->resync.ask != ask) {
		return false;
	}
	if (peer->resync.pages_left == 0) {
		return false; /* falls silent, so to say */
	}
	peer->resync.pages_left--;
	peer->resync.due_ms = now_ms(resync) + RESYNC_SILENCE_MS;
	return true;
}

int resync_on_digests(struct resync *resync, struct peer *peer, const struct codec_message *message)
{
	struct codec_digests digests;
	const int err = codec_read_digests(message, &digests);
	if (err < 0) {
		return err;
	}
	const enum directory_kind kind = own_kind(digests.kind);
	struct resync_state *state = &peer->resync;
	if (!is_awaited(resync, peer, digests.ask) || !(state->kinds_waiting >> kind & 1)) {
		return 0;
	}
	const uint64_t *known = directory_digests(resync->directory, peer->node, kind);
	for (uint16_t i = 0; i < digests.count; i++) {
		const uint8_t shard = (uint8_t)(digests.first + i);
		if (codec_digest(&digests, i) != known[shard]) {
			set(state->wanted[kind], shard);
		}
	}
	if (digests.first + digests.count < DIRECTORY_SHARDS) {
		return 0;
	}
	state->kinds_waiting &= (uint8_t)~(1 << kind);
	state->step = RESYNC_SHARDS;
	ask_for_shards(resync, peer);
	return 0;
}

static int replace(struct resync *resync, struct peer *peer, const struct codec_shard *shard)
{
	for (uint16_t i = 0; i < shard->count; i++) {
		const struct codec_entry entry = codec_entry(shard, i);
		resync->page[i] = (struct directory_entry){
			.key = entry.key,
			.value = entry.value,
			.device = entry.device,
			.is_watched = entry.is_watched,
		};
	}
	const struct directory_range range = {shard->first, shard->last};
	return directory_replace(resync->directory, peer->node, own_kind(shard->kind), range,
		resync->page, shard->count, resync->changed, resync->context);
}

int resync_on_shard(struct resync *resync, struct peer *peer, const struct codec_message *message)
{
	struct codec_shard shard;
	int err = codec_read_shard(message, &shard);
	if (err < 0) {
		return err;
	}
	const enum directory_kind kind = own_kind(shard.kind);
	const uint8_t number = directory_shard_of(shard.first);
	struct resync_state *state = &peer->resync;
	if (!is_awaited(resync, peer, shard.ask) || !has(state->asked[kind], number)) {
		return 0;
	}
	err = peers_may_grow(resync->peers, peer, kind) ? replace(resync, peer, &shard) : -ENOMEM;
	if (err < 0) {
		give_up(resync, peer);
		return err;
	}
	if (shard.last < directory_range_of(number).last) {
		state->is_large = true;
		ask(resync, peer, CODEC_SHARD_ASK, kind, shard.last + 1);
		return 0;
	}
	clear(state->asked[kind], number);
	state->asked_count--;
	ask_for_shards(resync, peer);
	return 0;
}

/* --- time --------------------------------------------------------------------------------------
 */

/* Whether it has to be looked at by time. */
static bool is_due(struct resync *resync, struct peer *peer)
{
	const struct resync_state *state = &peer->resync;
	if (state->step == RESYNC_NONE || now_ms(resync) < state->due_ms) {
		return false;
	}
	return is_active(peer) || resync->active < RESYNC_PEERS_MAX;
}

uint64_t resync_turn(struct resync *resync)
{
	uint64_t least = UINT64_MAX;
	for (uint32_t i = 0; i < resync->peers->count; i++) {
		struct peer *peer = resync->peers->sorted[i];
		struct resync_state *state = &peer->resync;
		if (state->step != RESYNC_NONE && !peer_is_reachable(peer)) {
			resync_drop(resync, peer);
		} else if (is_due(resync, peer)) {
			if (is_active(peer)) {
				give_up(resync, peer);
			} else {
				begin(resync, peer);
			}
		}
		if (state->step != RESYNC_NONE && state->due_ms > now_ms(resync) &&
			state->due_ms - now_ms(resync) < least) {
			least = state->due_ms - now_ms(resync);
		}
	}
	return least;
}
