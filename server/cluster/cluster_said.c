#include "cluster.h"

#include <errno.h>
#include <string.h>

#include "cluster_state.h"

/* --- of sessions -------------------------------------------------------------------------------
 */

void cluster_say(struct cluster *cluster, struct elsewhere_say *say)
{
	cluster->ops->flush(cluster->context); /* what was said before it to all, goes before it */
	says_post(&cluster->says, say);
}

size_t cluster_send_max(const struct cluster *cluster)
{
	return sender_payload_max(&cluster->sender);
}

/* What others miss takes its number all the same, so that they see it; of one that is fenced nobody
 * takes anything. */
static int miss(const struct cluster *cluster, uint64_t *number)
{
	*number += cluster->has_listened && !cluster->is_fenced;
	return -ENOTCONN;
}

int cluster_send_all(struct cluster *cluster, const uint8_t *payload, size_t len)
{
	return cluster->is_joined
		       ? sender_payload(&cluster->sender, NULL, CODEC_BATCH, payload, len)
		       : miss(cluster, &cluster->sender.all_number);
}

int cluster_send_node(struct cluster *cluster, uint16_t node, const uint8_t *payload, size_t len)
{
	struct peer *peer = peers_of(&cluster->peers, node);
	if (!peer || peer->is_fenced) {
		return -ENOTCONN;
	}
	return cluster->is_joined && peer_is_reachable(peer)
		       ? sender_payload(&cluster->sender, &peer->line, CODEC_BATCH, payload, len)
		       : miss(cluster, &peer->line.number);
}

/* --- of the API --------------------------------------------------------------------------------
 */

int cluster_ask(struct cluster *cluster, const struct cluster_target *target, uint8_t op,
	struct slice body, uint64_t timeout_ms, struct cluster_call *call)
{
	return calls_ask(&cluster->calls, target, op, body, timeout_ms, call);
}

void cluster_forget(struct cluster *cluster, struct cluster_call *call)
{
	calls_forget(&cluster->calls, call);
}

void cluster_answer(struct cluster *cluster, uint16_t node, uint64_t ask, uint8_t result,
	uint32_t count, struct slice body)
{
	struct peer *peer = peers_of(&cluster->peers, node);
	if (peer && ask != 0 && cluster->is_link_up) {
		calls_answer(&cluster->calls, peer, ask, result, count, body);
	}
}

bool cluster_is_asking(const struct cluster *cluster)
{
	return cluster->asks.count > 0;
}

/* --- where there is somebody to say it to ------------------------------------------------------
 */

uint32_t cluster_find(
	struct cluster *cluster, uint64_t key, struct cluster_place *ret_places, uint32_t most)
{
	struct directory_user users[256];
	uint32_t count = 0;
	uint32_t found = directory_find_user(cluster->directory, key, users, 256);
	found = found < 256 ? found : 256;
	for (uint32_t i = 0; i < found && count < most; i++) {
		const struct peer *peer = peers_of(&cluster->peers, users[i].node);
		if (!peer) {
			continue;
		}
		struct cluster_place *place = &ret_places[count++];
		*place = (struct cluster_place){
			.device_hash = users[i].device,
			.epoch = users[i].epoch,
			.is_reachable = cluster->is_joined && peer_is_reachable(peer),
		};
		memcpy(place->node, peer->line.id, sizeof(place->node));
	}
	return count;
}

uint32_t cluster_room_members(struct cluster *cluster, uint64_t key)
{
	struct directory_room rooms[CLUSTER_NODES_MAX + 1];
	uint64_t members = 0;
	uint32_t found = directory_find_room(cluster->directory, key, rooms, CLUSTER_NODES_MAX + 1);
	for (uint32_t i = 0; i < found && i <= CLUSTER_NODES_MAX; i++) {
		members += rooms[i].node != DIRECTORY_SELF ? rooms[i].members : 0;
	}
	return members < UINT32_MAX ? (uint32_t)members : UINT32_MAX;
}
