#include "calls.h"

#include <errno.h>
#include <string.h>

#include "codec_traffic.h"

enum {
	PLACES_MOST = 256, /* entries of a user or room that are looked at */
};

/* --- whom to ask -------------------------------------------------------------------------------
 */

static bool has_user(const struct calls *calls, const struct peer *peer, uint64_t key)
{
	struct directory_user users[PLACES_MOST];
	const uint32_t found = directory_find_user(calls->directory, key, users, PLACES_MOST);
	for (uint32_t i = 0; i < found && i < PLACES_MOST; i++) {
		if (users[i].node == peer->node) {
			return true;
		}
	}
	return false;
}

static bool has_room(const struct calls *calls, const struct peer *peer, uint64_t key)
{
	struct directory_room rooms[PLACES_MOST];
	const uint32_t found = directory_find_room(calls->directory, key, rooms, PLACES_MOST);
	for (uint32_t i = 0; i < found && i < PLACES_MOST; i++) {
		if (rooms[i].node == peer->node) {
			return true;
		}
	}
	return false;
}

static bool is_meant(
	const struct calls *calls, const struct cluster_target *target, const struct peer *peer)
{
	if (peer->state == PEER_DOWN) {
		return false;
	}
	switch (target->aim) {
	case CLUSTER_TO_ALL:
		return true;
	case CLUSTER_TO_NODE:
		return slice_equals(target->id, peer_id(peer));
	case CLUSTER_TO_USER:
		return has_user(calls, peer, target->key);
	case CLUSTER_TO_ROOM:
		return has_room(calls, peer, target->key);
	}
	return false;
}

/* --- asking ------------------------------------------------------------------------------------
 */

/* Errors: -errno: not all of it was sent. */
static int send(struct calls *calls, struct peer *peer, uint64_t ask, uint8_t op, struct slice body)
{
	uint32_t at = 0;
	do {
		struct codec_writer writer;
		sender_begin(calls->sender, &writer, CODEC_CALL, NULL);
		int err = codec_put_call(&writer, ask, op, body, &at);
		if (err == 0) {
			err = sender_to_node(calls->sender, &peer->line, &writer);
		}
		if (err < 0) {
			return err;
		}
	} while (at < body.len);
	return 0;
}

/* Asks a node, or keeps that it cannot be asked, which is said with the next turn.
 * Errors: -ENOMEM. */
static int ask_one(struct calls *calls, struct peer *peer, uint8_t op, struct slice body,
	uint64_t timeout_ms, struct cluster_call *call)
{
	uint64_t id;
	struct ask ask = {
		.deadline_ms = calls->peers->now_ms + timeout_ms,
		.owner = {.call = call},
		.node = peer->node,
		.at_end = CLUSTER_UNKNOWN,
	};
	memcpy(ask.node_id, peer->line.id, sizeof(ask.node_id));
	int err = asks_open(calls->asks, &ask, &id);
	if (err < 0) {
		return err;
	}
	err = calls->is_joined && peer_is_reachable(peer) ? send(calls, peer, id, op, body)
							  : -ENOTCONN;
	if (err < 0) {
		(void)asks_take(calls->asks, id, peer->node, &ask);
		ask.at_end = err == -ENOTCONN ? CLUSTER_UNREACHABLE : CLUSTER_BUSY;
		ask.deadline_ms = 0;
		(void)asks_open(calls->asks, &ask, &id); /* the place is there */
	}
	calls->under_way++;
	call->waiting++;
	return 0;
}

/* With nobody to ask, the call is done with the next turn. */
static int keep_empty(struct calls *calls, struct cluster_call *call)
{
	uint64_t id;
	const struct ask ask = {.owner = {.call = call}, .node = DIRECTORY_SELF};
	const int err = asks_open(calls->asks, &ask, &id);
	if (err == 0) {
		calls->under_way++;
		call->waiting++;
	}
	return err;
}

static bool is_known(const struct calls *calls, struct slice id)
{
	const struct peer *peer = peers_find(calls->peers, id);
	return peer && peer->state != PEER_DOWN;
}

int calls_ask(struct calls *calls, const struct cluster_target *target, uint8_t op,
	struct slice body, uint64_t timeout_ms, struct cluster_call *call)
{
	call->waiting = 0;
	call->is_under_way = true;
	int err = 0;
	if (target->aim == CLUSTER_TO_NODE && !is_known(calls, target->id)) {
		err = -ENOENT;
	} else if (calls->under_way >= CLUSTER_CALLS_MAX) {
		err = -EBUSY;
	}
	for (uint32_t i = 0; err == 0 && i < calls->peers->count; i++) {
		struct peer *peer = calls->peers->sorted[i];
		if (is_meant(calls, target, peer)) {
			err = ask_one(calls, peer, op, body, timeout_ms, call);
		}
	}
	if (err == 0 && call->waiting == 0) {
		err = keep_empty(calls, call);
	}
	if (err < 0) {
		calls_forget(calls, call);
	}
	return err;
}

void calls_on_answer(struct calls *calls, const struct ask *ask, uint8_t result, uint32_t count,
	struct slice body)
{
	struct cluster_call *call = ask->owner.call;
	calls->under_way--;
	call->waiting--;
	const bool is_last = call->waiting == 0;
	if (ask->node != DIRECTORY_SELF) {
		call->answered(call, slice_of(ask->node_id), result, count, body);
	}
	if (is_last) {
		call->is_under_way = false;
		call->done(call);
	}
}

void calls_forget(struct calls *calls, struct cluster_call *call)
{
	if (call->is_under_way) {
		calls->under_way -= asks_forget(calls->asks, call);
		call->is_under_way = false;
		call->waiting = 0;
	}
}

/* --- answering ---------------------------------------------------------------------------------
 */

void calls_answer(struct calls *calls, struct peer *peer, uint64_t ask, uint8_t result,
	uint32_t count, struct slice body)
{
	uint32_t at = 0;
	do {
		struct codec_writer writer;
		sender_begin(calls->sender, &writer, CODEC_ANSWER, NULL);
		/* What is lost, the asker's time-out says. */
		if (codec_put_answer(&writer, ask, result, count, body, &at) < 0 ||
			sender_to_node(calls->sender, &peer->line, &writer) < 0) {
			return;
		}
	} while (at < body.len);
}
