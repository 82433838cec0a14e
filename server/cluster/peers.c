#include "peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD_MOST (INT64_MAX / 4)

static int compare_ids(struct slice a, struct slice b)
{
	const size_t common = a.len < b.len ? a.len : b.len;
	const int order = memcmp(a.data, b.data, common);
	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* The place of an id among the others, or where it belongs. */
static uint32_t place_of(const struct peers *peers, struct slice id, bool *ret_is_there)
{
	uint32_t low = 0;
	uint32_t high = peers->count;
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = compare_ids(peer_id(peers->sorted[middle]), id);
		if (order == 0) {
			*ret_is_there = true;
			return middle;
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	*ret_is_there = false;
	return low;
}

void peers_init(struct peers *peers, struct directory *directory, struct slice own_id,
	const struct peers_ops *ops, void *context, uint64_t now_ms)
{
	*peers = (struct peers){
		.directory = directory,
		.ops = ops,
		.context = context,
		.own_id = own_id,
		.now_ms = now_ms,
		.looked_ms = now_ms,
	};
}

static void free_peer(struct peer *peer)
{
	pieces_finish(&peer->pieces);
	resync_state_finish(&peer->resync);
	free(peer);
}

void peers_finish(struct peers *peers)
{
	for (uint32_t i = 0; i < peers->count; i++) {
		free_peer(peers->sorted[i]);
	}
	peers->count = 0;
}

struct peer *peers_find(const struct peers *peers, struct slice id)
{
	bool is_there;
	const uint32_t place = place_of(peers, id, &is_there);
	return is_there ? peers->sorted[place] : NULL;
}

uint16_t peers_rank(const struct peers *peers, uint16_t node)
{
	bool is_there;
	const uint32_t own = place_of(peers, peers->own_id, &is_there);
	if (node == DIRECTORY_SELF) {
		return (uint16_t)own;
	}
	const struct peer *peer = peers_of(peers, node);
	const uint32_t place = peer ? place_of(peers, peer_id(peer), &is_there) : 0;
	return (uint16_t)(place < own ? place : place + 1);
}

/* --- coming and going --------------------------------------------------------------------------
 */

static void take_out(struct peers *peers, uint32_t place)
{
	free_peer(peers->sorted[place]);
	peers->count--;
	memmove(&peers->sorted[place], &peers->sorted[place + 1],
		(peers->count - place) * sizeof(struct peer *));
}

/* The one that has been down for longest makes room. Returns whether there was one. */
static bool make_room(struct peers *peers)
{
	uint32_t oldest = peers->count;
	for (uint32_t i = 0; i < peers->count; i++) {
		const struct peer *peer = peers->sorted[i];
		if (peer->state == PEER_DOWN &&
			(oldest == peers->count ||
				peer->heard_ms < peers->sorted[oldest]->heard_ms)) {
			oldest = i;
		}
	}
	if (oldest == peers->count) {
		return false;
	}
	take_out(peers, oldest);
	return true;
}

static struct peer *add(struct peers *peers, struct slice id)
{
	bool is_there;
	if (peers->count == CLUSTER_NODES_MAX && !make_room(peers)) {
		return NULL;
	}
	struct peer *peer = calloc(1, sizeof(*peer));
	if (!peer) {
		return NULL;
	}
	const uint32_t place = place_of(peers, id, &is_there);
	memcpy(peer->line.id, id.data, id.len);
	peer->id_len = (uint8_t)id.len;
	peer->state = PEER_DOWN;
	peer->heard_ms = peers->now_ms;
	memmove(&peers->sorted[place + 1], &peers->sorted[place],
		(peers->count - place) * sizeof(struct peer *));
	peers->sorted[place] = peer;
	peers->count++;
	return peer;
}

static void go_down(struct peers *peers, struct peer *peer)
{
	if (peer->state == PEER_DOWN) {
		return;
	}
	peer->state = PEER_DOWN;
	peers->ops->down(peers->context, peer);
	peers->by_node[peer->node] = NULL;
	directory_drop_node(peers->directory, peer->node);
	peer->node = DIRECTORY_SELF;
	resync_state_finish(&peer->resync);
	pieces_finish(&peer->pieces);
}

/* Returns whether there is a number for it. */
static bool come_up(struct peers *peers, struct peer *peer)
{
	if (directory_take_node(peers->directory, &peer->node) < 0) {
		peer->node = DIRECTORY_SELF;
		return false;
	}
	peers->by_node[peer->node] = peer;
	peer->state = PEER_UP;
	peer->heard_ms = peers->now_ms;
	peers->ops->up(peers->context, peer);
	return true;
}

/* An older run has been replaced, unless it is the later one that has fallen silent: two of one
 * name have met, and the younger one has ended; or the clock has been set back. */
static bool may_replace(
	const struct peers *peers, const struct peer *peer, const struct codec_message *message)
{
	if (incarnation_is_older(&peer->incarnation, &message->incarnation)) {
		return true;
	}
	const bool is_silent =
		peer->state == PEER_DOWN || peers->now_ms - peer->heard_ms >= PEERS_OLDER_MS;
	return is_silent && !message->is_to_all;
}

static void begin_run(struct peer *peer, const struct incarnation *incarnation)
{
	peer->incarnation = *incarnation;
	peer->line.random = incarnation->random;
	peer->line.number = 0;
	memset(peer->line.told, 0, sizeof(peer->line.told));
	peer->numbers = (struct numbers){0};
	peer->has_beaten = false;
	peer->is_fenced = false;
	peer->is_draining = false;
	peer->pressure = 0;
	peer->sessions = 0;
	peer->rooms = 0;
	peer->round_trip_us = 0;
}

/* A new run, or the first that is heard of. */
static bool meet_run(struct peers *peers, struct peer *peer, const struct codec_message *message)
{
	const bool is_older = incarnation_is_older(&message->incarnation, &peer->incarnation);
	go_down(peers, peer);
	begin_run(peer, &message->incarnation);
	if (is_older && !message->is_to_all) {
		peer->numbers.alone = message->number - 1; /* before, it did not count */
	}
	return come_up(peers, peer);
}

/* Notes its number. Returns false for one that has been seen. */
static bool take_number(struct peer *peer, const struct codec_message *message, uint32_t *ret_lost)
{
	uint64_t lost = 0;
	const enum numbers_verdict verdict =
		message->is_to_all ? numbers_on_all(&peer->numbers, message->number, &lost)
				   : numbers_on_alone(&peer->numbers, message->all_number,
					     message->number, &lost);
	*ret_lost = lost < PEERS_LOST_MOST ? (uint32_t)lost : PEERS_LOST_MOST;
	return verdict != NUMBERS_SEEN;
}

struct peer *peers_meet(
	struct peers *peers, const struct codec_message *message, uint32_t *ret_lost)
{
	struct peer *peer = peers_find(peers, message->source);
	if (!peer) {
		peer = add(peers, message->source);
		if (!peer || !meet_run(peers, peer, message)) {
			peers->refused++;
			return NULL;
		}
	} else if (!incarnation_is_same(&peer->incarnation, &message->incarnation)) {
		if (!may_replace(peers, peer, message) || !meet_run(peers, peer, message)) {
			return NULL;
		}
	}
	if (!take_number(peer, message, ret_lost)) {
		return NULL;
	}
	peer->speaks = message->version;
	peer->lost += *ret_lost;
	return peer->state != PEER_DOWN || come_up(peers, peer) ? peer : NULL;
}

int peers_put_back(struct peers *peers, struct slice id, uint16_t node, struct peer **ret_peer)
{
	if (!codec_id_is_valid(id) || slice_equals(id, peers->own_id) || peers_find(peers, id) ||
		peers->count == CLUSTER_NODES_MAX) {
		return -EINVAL;
	}
	int err = node != DIRECTORY_SELF ? directory_take_this(peers->directory, node) : 0;
	struct peer *peer = err ? NULL : add(peers, id);
	if (!peer) {
		return err ? err : -ENOMEM;
	}
	peer->node = node;
	if (node != DIRECTORY_SELF) {
		peer->state = PEER_UP;
		peers->by_node[node] = peer;
	}
	*ret_peer = peer;
	return 0;
}

bool peers_may_grow(const struct peers *peers, const struct peer *peer, enum directory_kind kind)
{
	const uint64_t said = kind == DIRECTORY_USERS ? peer->sessions : peer->rooms;
	return directory_count(peers->directory, peer->node, kind) < 2 * said + PEERS_ENTRIES_SPARE;
}

void peers_beaten(struct peers *peers, struct peer *peer)
{
	peer->heard_ms = peers->now_ms;
	peer->has_beaten = true;
	if (peer->state == PEER_SUSPECT) {
		peer->state = PEER_UP;
	}
}

void peers_bye(struct peers *peers, struct peer *peer)
{
	go_down(peers, peer);
}

/* --- silence -----------------------------------------------------------------------------------
 */

/* Time in which nobody could be heard is nobody's silence. */
static void forgive(struct peers *peers, uint64_t ms)
{
	for (uint32_t i = 0; i < peers->count; i++) {
		struct peer *peer = peers->sorted[i];
		if (peer->state != PEER_DOWN) {
			peer->heard_ms += ms;
			if (peer->heard_ms > peers->now_ms) {
				peer->heard_ms = peers->now_ms;
			}
		}
	}
}

void peers_set_link(struct peers *peers, bool is_up)
{
	if (is_up && !peers->is_link_up) {
		forgive(peers, UINT32_MAX);
	}
	peers->is_link_up = is_up;
	peers->looked_ms = peers->now_ms;
}

static void look_at(struct peers *peers, struct peer *peer)
{
	const uint64_t silent_ms = peers->now_ms - peer->heard_ms;
	if (silent_ms >= PEERS_DOWN_MS) {
		go_down(peers, peer);
	} else if (silent_ms >= PEERS_SUSPECT_MS) {
		peer->state = PEER_SUSPECT;
	}
}

void peers_look(struct peers *peers)
{
	const uint64_t since_ms = peers->now_ms - peers->looked_ms;
	peers->looked_ms = peers->now_ms;
	if (!peers->is_link_up) {
		return;
	}
	if (since_ms >= PEERS_STALL_MS) {
		forgive(peers, since_ms);
	}
	for (uint32_t i = 0; i < peers->count; i++) {
		if (peers->sorted[i]->state != PEER_DOWN) {
			look_at(peers, peers->sorted[i]);
		}
	}
}

int64_t peer_ahead_ms(const struct peer *peer, uint64_t now_ms, uint64_t wall_ms)
{
	const int64_t *offsets = peer->wall_offset_ms;
	const int64_t best = offsets[0] > offsets[1] ? offsets[0] : offsets[1];
	const int64_t ahead_ms = (int64_t)((uint64_t)best + now_ms - wall_ms);
	/* Whatever it says, it can be added and negated. */
	return ahead_ms > AHEAD_MOST ? AHEAD_MOST : ahead_ms < -AHEAD_MOST ? -AHEAD_MOST : ahead_ms;
}
