#include "cluster.h"

#include <errno.h>

#include "../base/log.h"
#include "cluster_state.h"

enum {
	LOST_AGAIN_MS = 1000, /* between two lines of what was lost of a node */
	LOG_AGAIN_MS = 60000, /* of what somebody else may send without end */
};

/* --- what was lost -----------------------------------------------------------------------------
 */

static void on_lost(struct cluster *cluster, struct peer *peer, uint32_t lost)
{
	cluster->lost_gap += lost;
	peer->lost_untold += lost;
	resync_hurry(peer);
	cluster->ops->gap(cluster->context, lost);
}

/* On a bad line every message would have one to tell of. */
void cluster_tell_of_lost(struct cluster *cluster)
{
	for (uint32_t i = 0; i < cluster->peers.count; i++) {
		struct peer *peer = cluster->peers.sorted[i];
		if (peer->lost_untold > 0 &&
			cluster->peers.now_ms - peer->lost_told_ms >= LOST_AGAIN_MS) {
			log_warn(0, "%llu messages of node %s were lost",
				(unsigned long long)peer->lost_untold, peer->line.id);
			peer->lost_untold = 0;
			peer->lost_told_ms = cluster->peers.now_ms;
		}
	}
}

/* --- how a node is -----------------------------------------------------------------------------
 */

static void note_max_devices(struct cluster *cluster, const struct peer *peer, uint8_t before)
{
	if (peer->max_devices != before && peer->max_devices != cluster->heartbeat.max_devices) {
		log_error(0,
			"node %s has max_devices %u, this one %u: users lose sessions by which node "
			"they are on; give all nodes the same",
			peer->line.id, peer->max_devices, cluster->heartbeat.max_devices);
	}
}

static int on_heartbeat(
	struct cluster *cluster, struct peer *peer, const struct codec_message *message)
{
	const bool was_away = peer->state == PEER_SUSPECT || peer->is_fenced;
	const uint8_t max_devices = peer->has_beaten ? peer->max_devices : 0;
	uint32_t lost = 0;
	const int err = heartbeat_on_message(
		message, &cluster->peers, peer, cluster->sender.self.incarnation.random, &lost);
	if (err < 0) {
		return err;
	}
	if (lost > 0) {
		on_lost(cluster, peer, lost);
	}
	note_max_devices(cluster, peer, max_devices);
	if (was_away && peer_is_reachable(peer)) {
		resync_hurry(peer);
		logins_hurry(&cluster->logins);
	}
	if (cluster->is_joined) {
		resync_on_heartbeat(&cluster->resync, peer);
	}
	return 0;
}

/* --- who is there ------------------------------------------------------------------------------
 */

static void put_room(struct cluster *cluster, struct peer *peer, const struct codec_delta *delta)
{
	const int change =
		delta->members == 0 || peers_may_grow(&cluster->peers, peer, DIRECTORY_ROOMS)
			? directory_put_room(cluster->directory, peer->node, delta->key,
				  delta->members, delta->is_watched)
			: -ENOMEM;
	if (change < 0) {
		cluster->logins.refused++;
	} else if (change != DIRECTORY_SAME) {
		cluster->ops->room_changed(cluster->context, delta->key);
	}
}

static void on_delta(struct cluster *cluster, struct peer *peer, const struct codec_delta *delta)
{
	cluster->deltas_heard++;
	switch (delta->kind) {
	case CODEC_CAME:
		logins_on_came(&cluster->logins, peer, delta);
		break;
	case CODEC_GONE:
		if (directory_remove_user(cluster->directory, peer->node, delta->key, delta->device,
			    delta->epoch) == DIRECTORY_REMOVED) {
			cluster->ops->left(cluster->context, delta->key);
		}
		break;
	case CODEC_ROOM:
		put_room(cluster, peer, delta);
		break;
	}
}

static int on_deltas(struct cluster *cluster, struct peer *peer, struct codec_message *message)
{
	struct codec_delta delta;
	int more;
	while ((more = codec_next_delta(message, &delta)) == 1) {
		on_delta(cluster, peer, &delta);
	}
	if (more < 0) {
		resync_hurry(peer);
	}
	return more;
}

static int on_claim(struct cluster *cluster, struct peer *peer, const struct codec_message *message)
{
	struct codec_claim claim;
	const int err = codec_read_claim(message, &claim);
	if (err == 0) {
		logins_on_claim(&cluster->logins, peer, &claim);
	}
	return err;
}

/* --- what is said, asked and answered ----------------------------------------------------------
 */

static int on_batch(struct cluster *cluster, struct peer *peer, const struct codec_message *message)
{
	if (!cluster->is_joined || peer->is_fenced) {
		return 0;
	}
	cluster->ops->batch(cluster->context, peer->node, message);
	return 0;
}

static int on_say(struct cluster *cluster, struct peer *peer, const struct codec_message *message)
{
	struct codec_say say;
	const int err = codec_read_say(message, &say);
	if (err < 0 || !cluster->is_joined) {
		return err;
	}
	const int64_t reached = cluster->ops->say(cluster->context, &say);
	if (say.ask != 0) {
		const uint8_t result = reached > 0    ? CLUSTER_DONE
				       : reached == 0 ? CLUSTER_NOBODY
						      : CLUSTER_BUSY;
		calls_answer(&cluster->calls, peer, say.ask, result,
			reached > 0 ? (uint32_t)reached : 0, SLICE(""));
	}
	return 0;
}

/* What another node says becomes what a client is told. */
static uint8_t known_result(uint8_t result)
{
	return result <= CLUSTER_BUSY || result == CLUSTER_UNREACHABLE ? result : CLUSTER_UNKNOWN;
}

static void give_answer(struct cluster *cluster, const struct ask *ask, uint8_t result,
	uint32_t count, struct slice body)
{
	if (ask->owner.say) {
		says_on_answer(&cluster->says, ask->owner.say, known_result(result), count);
	} else {
		calls_on_answer(&cluster->calls, ask, result, count, body);
	}
}

void cluster_answer_late(struct cluster *cluster)
{
	struct ask ask;
	while (asks_take_late(&cluster->asks, cluster->peers.now_ms, &ask)) {
		give_answer(cluster, &ask, ask.at_end, 0, SLICE(""));
	}
}

void cluster_give_up(struct cluster *cluster)
{
	struct ask ask;
	while (cluster->asks.count > 0) {
		cluster->asks.next_ms = 0;
		while (asks_take_late(&cluster->asks, UINT64_MAX, &ask)) {
			give_answer(cluster, &ask, ask.at_end, 0, SLICE(""));
		}
	}
}

static int on_answer(
	struct cluster *cluster, struct peer *peer, const struct codec_message *message)
{
	struct codec_answer answer;
	struct slice body = SLICE("");
	struct ask ask;
	int done = codec_read_answer(message, &answer);
	if (done == 0) {
		done = pieces_add(&peer->pieces, CODEC_ANSWER, answer.ask, &answer.piece, &body);
	}
	if (done == 1 && asks_take(&cluster->asks, answer.ask, peer->node, &ask)) {
		give_answer(cluster, &ask, answer.result, answer.count, body);
	}
	return done < 0 ? done : 0;
}

static int on_call(struct cluster *cluster, struct peer *peer, const struct codec_message *message)
{
	struct codec_call call;
	struct slice body = SLICE("");
	int done = codec_read_call(message, &call);
	if (done == 0) {
		done = pieces_add(&peer->pieces, CODEC_CALL, call.ask, &call.piece, &body);
	}
	if (done == 1) {
		cluster->ops->call(cluster->context, peer->node, call.ask, call.op, body);
	}
	return done < 0 ? done : 0;
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* Returns 0, or -errno for what is malformed. */
static int act_on(struct cluster *cluster, struct peer *peer, struct codec_message *message)
{
	switch (message->type) {
	case CODEC_HEARTBEAT:
		return on_heartbeat(cluster, peer, message);
	case CODEC_DELTAS:
		return on_deltas(cluster, peer, message);
	case CODEC_BATCH:
		return on_batch(cluster, peer, message);
	case CODEC_SAY:
		return on_say(cluster, peer, message);
	case CODEC_ANSWER:
		return on_answer(cluster, peer, message);
	case CODEC_CALL:
		return on_call(cluster, peer, message);
	case CODEC_CLAIM:
		return on_claim(cluster, peer, message);
	case CODEC_DIGESTS_ASK:
		return shards_on_digests_ask(&cluster->shards, peer, message);
	case CODEC_DIGESTS:
		return resync_on_digests(&cluster->resync, peer, message);
	case CODEC_SHARD_ASK:
		return shards_on_shard_ask(&cluster->shards, peer, message);
	case CODEC_SHARD:
		return resync_on_shard(&cluster->resync, peer, message);
	case CODEC_PROBE:
		return heartbeat_on_probe(&cluster->heartbeat, peer, message, cluster->wall_ms);
	case CODEC_PROBE_ANSWER:
		return heartbeat_on_probe_answer(&cluster->heartbeat, peer, message);
	case CODEC_BYE:
		peers_bye(&cluster->peers, peer);
		return 0;
	default:
		return 0; /* of a later version */
	}
}

static void refuse(
	struct cluster *cluster, enum codec_verdict verdict, const struct codec_message *message)
{
	const uint64_t now_ms = cluster->peers.now_ms;
	cluster->refused[verdict]++;
	if (cluster->told_ms[verdict] != 0 && now_ms - cluster->told_ms[verdict] < LOG_AGAIN_MS) {
		return;
	}
	cluster->told_ms[verdict] = now_ms + (now_ms == 0);
	if (verdict == CODEC_FOREIGN) {
		log_warn(0,
			"a message to the nodes is not signed with this cluster's key: refused; "
			"--cluster-key must be the same on all of them");
	} else if (verdict == CODEC_TOO_NEW) {
		log_warn(0,
			"node %.*s speaks version %u to %u of what nodes say to each other, this "
			"one %u: refused until this one is updated",
			(int)message->source.len, message->source.data, message->least,
			message->version, CODEC_VERSION);
	} else if (verdict == CODEC_BROKEN) {
		log_warn(0, "a message to the nodes is malformed: refused");
	}
}

/* Of a node that is not this one. */
static void on_opened(
	struct cluster *cluster, enum codec_verdict verdict, struct codec_message *message)
{
	uint32_t lost = 0;
	struct peer *peer = peers_meet(&cluster->peers, message, &lost);
	if (!peer) {
		return;
	}
	if (lost > 0) {
		on_lost(cluster, peer, lost);
	}
	if (verdict == CODEC_OK && act_on(cluster, peer, message) == -EBADMSG) {
		refuse(cluster, CODEC_BROKEN, message);
	}
}

void cluster_on_message(struct cluster *cluster, bool is_to_all, const uint8_t *data, size_t len)
{
	struct codec_message message = {0};
	const enum codec_verdict verdict =
		codec_open(&cluster->sender.self, is_to_all, data, len, &message);
	switch (verdict) {
	case CODEC_OK:
	case CODEC_UNKNOWN:
		if (!slice_equals(message.source, slice_of(cluster->id))) {
			on_opened(cluster, verdict, &message);
		} else if (!incarnation_is_same(
				   &message.incarnation, &cluster->sender.self.incarnation)) {
			cluster_on_namesake(cluster, &message);
		}
		break;
	case CODEC_STALE:
		cluster->refused[verdict]++;
		break;
	case CODEC_TOO_NEW:
	case CODEC_FOREIGN:
	case CODEC_BROKEN:
		refuse(cluster, verdict, &message);
		break;
	}
}
