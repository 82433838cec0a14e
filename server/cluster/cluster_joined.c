#include "cluster.h"

#include <stdio.h>

#include "../base/log.h"
#include "clocks.h"
#include "cluster_state.h"

enum {
	LISTEN_MS = 1200, /* before a node says anything: a namesake is heard within a second */
};

/* --- taking part -------------------------------------------------------------------------------
 */

static void hurry(struct cluster *cluster)
{
	for (uint32_t i = 0; i < cluster->peers.count; i++) {
		resync_hurry(cluster->peers.sorted[i]);
	}
	logins_hurry(&cluster->logins);
	cluster->heartbeat.is_hasty = true;
}

void cluster_look_at_joined(struct cluster *cluster)
{
	const bool has_listened =
		cluster->has_listened ||
		(cluster->is_link_up && cluster->peers.now_ms >= cluster->listen_until_ms);
	const bool is_joined =
		cluster->is_link_up && !cluster->is_fenced && has_listened && !cluster->has_ended;
	cluster->has_listened = has_listened;
	if (is_joined == cluster->is_joined) {
		return;
	}
	cluster->is_joined = is_joined;
	cluster->says.is_joined = is_joined;
	cluster->calls.is_joined = is_joined;
	cluster->logins.is_obedient = is_joined;
	if (is_joined) {
		hurry(cluster);
	} else {
		deltas_drop(&cluster->deltas);
	}
}

uint64_t cluster_listen_due(const struct cluster *cluster)
{
	return cluster->is_link_up && !cluster->has_listened ? LISTEN_MS / 10 : UINT64_MAX;
}

void cluster_on_link(struct cluster *cluster, bool is_up, size_t max_payload)
{
	if (is_up) {
		sender_set_message_max(&cluster->sender, max_payload);
		cluster->heartbeat.is_hasty = true;
	}
	if (is_up && !cluster->is_link_up && !cluster->has_listened) {
		cluster->listen_until_ms = cluster->peers.now_ms + LISTEN_MS;
	}
	cluster->is_link_up = is_up;
	peers_set_link(&cluster->peers, is_up);
	cluster_look_at_joined(cluster);
}

/* --- clocks ------------------------------------------------------------------------------------
 */

static void look_at_clock_of(struct cluster *cluster, struct peer *peer, int64_t ahead_ms)
{
	const bool is_off = clocks_other_is_off(ahead_ms, peer->is_clock_off);
	if (is_off == peer->is_clock_off) {
		return;
	}
	peer->is_clock_off = is_off;
	if (is_off) {
		log_warn(0,
			"clock: node %s is %lld ms ahead of this one: logins there and here do not "
			"replace each other; set the clocks (NTP)",
			peer->line.id, (long long)ahead_ms);
	} else {
		log_info(0, "clock: node %s and this one agree again", peer->line.id);
		hurry(cluster);
	}
}

static void set_fenced(struct cluster *cluster, bool is_fenced)
{
	if (is_fenced == cluster->is_fenced) {
		return;
	}
	cluster->is_fenced = is_fenced;
	cluster->heartbeat.is_fenced = is_fenced;
	cluster->heartbeat.is_hasty = true;
	if (is_fenced) {
		log_error(0,
			"clock: this node's is more than %d s off those of the others: it serves "
			"its own users alone until the clock is set (NTP)",
			CLOCKS_OFF_MS / 1000);
	} else {
		log_info(0, "clock: this node's is right again: it takes part in the cluster");
	}
	cluster_look_at_joined(cluster);
}

void cluster_look_at_clocks(struct cluster *cluster)
{
	int64_t ahead_ms[CLUSTER_NODES_MAX];
	size_t count = 0;
	for (uint32_t i = 0; i < cluster->peers.count; i++) {
		struct peer *peer = cluster->peers.sorted[i];
		if (peer->state == PEER_UP && peer->has_beaten) {
			ahead_ms[count] =
				peer_ahead_ms(peer, cluster->peers.now_ms, cluster->wall_ms);
			look_at_clock_of(cluster, peer, ahead_ms[count]);
			count++;
		}
	}
	if (cluster->is_link_up) {
		set_fenced(cluster, clocks_own_is_off(ahead_ms, count, cluster->is_fenced));
	}
}

/* --- who has the same name ---------------------------------------------------------------------
 */

static void end(struct cluster *cluster)
{
	char why[512];
	const char *address = cluster->namesake.address;
	snprintf(why, sizeof(why),
		"another node of the cluster is called %s too, and was there first%s%s: give this "
		"one a name of its own (--id)",
		cluster->id, address[0] ? "; its admin port is " : "", address);
	cluster->has_ended = true;
	cluster->ops->end(cluster->context, why);
}

static void listen_on(struct cluster *cluster)
{
	if (!cluster->has_listened) {
		cluster->listen_until_ms = cluster->peers.now_ms + LISTEN_MS;
	}
}

void cluster_on_namesake(struct cluster *cluster, const struct codec_message *message)
{
	if (cluster->has_ended) {
		return;
	}
	switch (namesake_on_message(&cluster->namesake, message, cluster->peers.now_us)) {
	case NAMESAKE_NOTHING:
		break;
	case NAMESAKE_MAY_BE_OLDER:
		listen_on(cluster);
		break;
	case NAMESAKE_IS_YOUNGER:
		cluster->heartbeat.is_hasty = true;
		break;
	case NAMESAKE_IS_OLDER:
		end(cluster);
		break;
	}
}
