#include <stdatomic.h>
#include <string.h>

#include "../fanout/fanout_node.h"
#include "cluster.h"
#include "cluster_state.h"

static enum cluster_node_state state_of(const struct cluster *cluster, const struct peer *peer)
{
	if (peer->state == PEER_DOWN) {
		return CLUSTER_NODE_DOWN;
	}
	if (peer->state == PEER_SUSPECT) {
		return CLUSTER_NODE_SUSPECT;
	}
	if (peer->is_fenced) {
		return CLUSTER_NODE_FENCED;
	}
	return peer->is_clock_off || peer->clock_until_ms > cluster->peers.now_ms
		       ? CLUSTER_NODE_CLOCK
		       : CLUSTER_NODE_UP;
}

static void show_known(const struct cluster *cluster, uint16_t number, struct cluster_node *node)
{
	const struct directory *directory = cluster->directory;
	node->known_users = directory_count(directory, number, DIRECTORY_USERS);
	node->known_rooms = directory_count(directory, number, DIRECTORY_ROOMS);
	node->digest = directory_root(directory, number, DIRECTORY_USERS) +
		       directory_root(directory, number, DIRECTORY_ROOMS);
}

static void show_self(const struct cluster *cluster, struct cluster_node *node)
{
	const struct heartbeat *heartbeat = &cluster->heartbeat;
	*node = (struct cluster_node){
		.state = cluster->is_fenced ? CLUSTER_NODE_FENCED : CLUSTER_NODE_UP,
		.is_self = true,
		.is_draining = heartbeat->is_draining,
		.ws_port = heartbeat->ws_port,
		.ws_tls = heartbeat->ws_tls,
		.max_devices = heartbeat->max_devices,
		.pressure = heartbeat->pressure,
		.sessions = (uint32_t)directory_count(
			cluster->directory, DIRECTORY_SELF, DIRECTORY_USERS),
		.rooms = (uint32_t)directory_count(
			cluster->directory, DIRECTORY_SELF, DIRECTORY_ROOMS),
		.incarnation = cluster->sender.self.incarnation,
	};
	show_known(cluster, DIRECTORY_SELF, node);
	memcpy(node->id, cluster->id, sizeof(node->id));
	memcpy(node->address, cluster->address, sizeof(node->address));
	memcpy(node->version, cluster->version, sizeof(node->version));
}

static void show_peer(
	const struct cluster *cluster, const struct peer *peer, struct cluster_node *node)
{
	const uint64_t now_ms = cluster->peers.now_ms;
	*node = (struct cluster_node){
		.state = state_of(cluster, peer),
		.is_draining = peer->is_draining,
		.ws_port = peer->ws_port,
		.ws_tls = peer->ws_tls,
		.max_devices = peer->max_devices,
		.pressure = peer->pressure,
		.sessions = peer->sessions,
		.rooms = peer->rooms,
		.round_trip_us = peer->round_trip_us,
		.clock_ms = peer->has_beaten ? peer_ahead_ms(peer, now_ms, cluster->wall_ms) : 0,
		.incarnation = peer->incarnation,
		.heard_ms_ago = now_ms - peer->heard_ms,
		.lost = peer->lost,
	};
	if (peer->state != PEER_DOWN) {
		show_known(cluster, peer->node, node);
	}
	memcpy(node->id, peer->line.id, sizeof(node->id));
	memcpy(node->address, peer->address, sizeof(node->address));
	memcpy(node->version, peer->program, sizeof(node->version));
}

static uint64_t others_entries(const struct cluster *cluster, enum directory_kind kind)
{
	return directory_total(cluster->directory, kind) -
	       directory_count(cluster->directory, DIRECTORY_SELF, kind);
}

static struct cluster_figures figures_of(const struct cluster *cluster)
{
	return (struct cluster_figures){
		.is_up = cluster->is_joined,
		.is_link_up = cluster->is_link_up,
		.is_fenced = cluster->is_fenced,
		.nodes = atomic_load(&cluster->fanout->elsewhere->nodes),
		.entries_users = others_entries(cluster, DIRECTORY_USERS),
		.entries_rooms = others_entries(cluster, DIRECTORY_ROOMS),
		.directory_bytes = directory_bytes(cluster->directory),
		.deltas_sent = cluster->deltas.sent,
		.deltas_heard = cluster->deltas_heard,
		.kicks = cluster->logins.kicks,
		.claims_sent = cluster->logins.claims,
		.resyncs = cluster->resync.count,
		.lost_gap = cluster->lost_gap,
		.lost_ingress = cluster->lost_ingress,
		.lost_egress = cluster->lost_egress,
		.refused_key = cluster->refused[CODEC_FOREIGN],
		.refused_malformed = cluster->refused[CODEC_BROKEN],
		.refused_version = cluster->refused[CODEC_TOO_NEW],
		.refused_limit = cluster->logins.refused + cluster->peers.refused,
		.clock_ignored = cluster->logins.ignored,
	};
}

static void show_nodes(const struct cluster *cluster, struct view *view)
{
	const uint64_t now_ms = cluster->peers.now_ms;
	view->put_ms = now_ms;
	show_self(cluster, &view->nodes[0]);
	view->count = 1;
	for (uint32_t i = 0; i < cluster->peers.count; i++) {
		const struct peer *peer = cluster->peers.sorted[i];
		if (peer->state != PEER_DOWN || now_ms - peer->heard_ms < PEERS_SHOW_MS) {
			show_peer(cluster, peer, &view->nodes[view->count++]);
		}
	}
}

void cluster_show(struct cluster *cluster)
{
	struct view *view = &cluster->view;
	view_put_begin(view);
	view->figures = figures_of(cluster);
	if (view->count == 0 ||
		cluster->peers.now_ms - view->put_ms >= view->count * VIEW_NODE_MS) {
		show_nodes(cluster, view);
	}
	view_put_end(view);
}

uint32_t cluster_look(struct cluster *cluster, struct cluster_figures *ret_figures,
	struct cluster_node *ret_nodes, uint32_t most)
{
	return view_look(&cluster->view, ret_figures, ret_nodes, most);
}
