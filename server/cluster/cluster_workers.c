#include <stdatomic.h>

#include "../fanout/fanout_node.h"
#include "../fanout/pressure.h"
#include "cluster_state.h"

void cluster_publish_directory(struct cluster *cluster)
{
	struct elsewhere *elsewhere = cluster->fanout->elsewhere;
	elsewhere->has_user = directory_has_user;
	elsewhere->room_users = directory_room_users;
	elsewhere->room_is_watched = directory_room_is_watched;
	elsewhere->directory = cluster->directory;
}

void cluster_skip_lost(struct cluster *cluster)
{
	const uint64_t lost = atomic_load_explicit(
		&cluster->fanout->elsewhere->egress_lost, memory_order_relaxed);
	sender_skip(&cluster->sender, lost - cluster->egress_lost);
	cluster->egress_lost = lost;
}

void cluster_tell_workers(struct cluster *cluster)
{
	struct elsewhere *elsewhere = cluster->fanout->elsewhere;
	const uint64_t known = directory_total(cluster->directory, DIRECTORY_USERS) -
			       directory_count(cluster->directory, DIRECTORY_SELF, DIRECTORY_USERS);
	uint64_t told = 0;
	uint32_t nodes = 0;
	uint8_t pressure = ELSEWHERE_EASY;
	for (uint32_t i = 0; i < cluster->peers.count; i++) {
		const struct peer *peer = cluster->peers.sorted[i];
		if (peer->state != PEER_DOWN && !peer->is_fenced) {
			nodes++;
			told += peer->sessions;
			pressure = peer->pressure > pressure ? peer->pressure : pressure;
		}
	}
	atomic_store_explicit(&elsewhere->nodes, nodes, memory_order_relaxed);
	atomic_store_explicit(&elsewhere->sessions,
		nodes == 0     ? 0
		: told > known ? told
			       : known,
		memory_order_relaxed);
	atomic_store_explicit(&elsewhere->is_cut_off, !cluster->is_joined, memory_order_relaxed);
	pressure_set_elsewhere(cluster->fanout, cluster->is_joined ? pressure : ELSEWHERE_EASY);
}
