#include "cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/least.h"
#include "../base/log.h"
#include "../fanout/fanout_node.h"
#include "cluster_state.h"
#include "link.h"
#include "rescan.h"

enum {
	LOOK_MS = 500,      /* at silence and clocks */
	STEP_SLOTS = 65536, /* of the directory, that are cleared in a turn */
};

/* --- what follows from what peers do -----------------------------------------------------------
 */

static void agree_on_version(struct cluster *cluster)
{
	uint8_t versions[CLUSTER_NODES_MAX];
	size_t count = 0;
	for (uint32_t i = 0; i < cluster->peers.count; i++) {
		if (cluster->peers.sorted[i]->state != PEER_DOWN) {
			versions[count++] = cluster->peers.sorted[i]->speaks;
		}
	}
	cluster->sender.self.speaks = codec_common_version(versions, count);
}

static void on_up(void *context, struct peer *peer)
{
	struct cluster *cluster = context;
	resync_hurry(peer);
	log_info(0, "node %s is up", peer->line.id);
	cluster->ops->node_changed(
		cluster->context, peer_id(peer), peer->node, &peer->incarnation, true);
}

static void on_down(void *context, struct peer *peer)
{
	struct cluster *cluster = context;
	asks_give_up(&cluster->asks, peer->node);
	resync_drop(&cluster->resync, peer);
	log_info(0, "node %s is down", peer->line.id);
	cluster->ops->room_changed(cluster->context, 0);
	cluster->ops->node_changed(
		cluster->context, peer_id(peer), peer->node, &peer->incarnation, false);
}

static const struct peers_ops peers_ops = {.up = on_up, .down = on_down};

/* An entry has been taken over from its owner. */
static void on_changed(void *context, uint16_t node, enum directory_kind kind,
	enum directory_change change, const struct directory_entry *entry)
{
	struct cluster *cluster = context;
	struct peer *peer = peers_of(&cluster->peers, node);
	if (kind == DIRECTORY_ROOMS) {
		cluster->ops->room_changed(cluster->context, entry->key);
	} else if (peer && (change == DIRECTORY_ADDED || change == DIRECTORY_RAISED)) {
		logins_on_found(&cluster->logins, peer, entry->key, entry->device, entry->value);
	}
}

static void on_resynced(void *context, struct peer *peer)
{
	struct cluster *cluster = context;
	log_debug(0, "what is known of node %s is equal to what it has", peer->line.id);
	cluster->ops->resynced(cluster->context, peer_id(peer));
}

/* --- making ------------------------------------------------------------------------------------
 */

static void copy(char *to, size_t capacity, const char *text)
{
	snprintf(to, capacity, "%s", text ? text : "");
}

static void set_parts(struct cluster *cluster, const struct cluster_setup *setup)
{
	struct directory *directory = cluster->directory;
	struct peers *peers = &cluster->peers;
	struct sender *sender = &cluster->sender;
	peers_init(
		peers, directory, slice_of(cluster->id), &peers_ops, cluster, setup->now_us / 1000);
	cluster->resync.changed = on_changed;
	cluster->resync.done = on_resynced;
	cluster->resync.context = cluster;
	cluster->shards = (struct shards){
		.directory = directory, .sender = sender, .left = SHARDS_TURN_BYTES};
	cluster->logins = (struct logins){
		.directory = directory,
		.peers = peers,
		.sender = sender,
		.epochs = setup->epochs,
		.ops = setup->ops,
		.context = setup->context,
		.devices_max = setup->max_devices,
	};
	/* Answers to what an earlier run of this node has asked may come yet: to none of this
	 * one's. */
	cluster->asks.serial = setup->seed >> 25;
	cluster->says = (struct says){
		.directory = directory,
		.peers = peers,
		.sender = sender,
		.asks = &cluster->asks,
		.elsewhere = setup->fanout->elsewhere,
		.ops = setup->ops,
		.context = setup->context,
	};
	cluster->calls = (struct calls){
		.directory = directory, .peers = peers, .sender = sender, .asks = &cluster->asks};
	cluster->namesake = (struct namesake){.sender = sender};
	cluster->heartbeat = (struct heartbeat){
		.directory = directory,
		.peers = peers,
		.sender = sender,
		.address = cluster->address,
		.version = cluster->version,
		.ws_port = setup->ws_port,
		.ws_tls = setup->ws_tls,
		.max_devices = setup->max_devices,
	};
}

/* A client's longest message fits, with its names. */
static size_t message_capacity(const struct cluster_setup *setup)
{
	const size_t needed = setup->message_max + CLUSTER_MESSAGE_SPARE;
	return needed > SENDER_MESSAGE_MIN ? needed : SENDER_MESSAGE_MIN;
}

static int make_parts(struct cluster *cluster, const struct cluster_setup *setup)
{
	const struct codec_self self = {
		.key = setup->key,
		.id = slice_of(cluster->id),
		.incarnation = setup->incarnation,
		.speaks = CODEC_VERSION_LEAST,
	};
	int err = directory_create(setup->key->digest, &cluster->directory);
	if (!err) {
		err = sender_init(&cluster->sender, setup->link, &self, message_capacity(setup));
	}
	if (!err) {
		err = deltas_init(&cluster->deltas, &cluster->sender);
	}
	if (!err) {
		err = resync_init(&cluster->resync, cluster->directory, &cluster->peers,
			&cluster->sender, setup->seed);
	}
	return err;
}

int cluster_create(const struct cluster_setup *setup, struct cluster **ret_cluster)
{
	struct cluster *cluster = calloc(1, sizeof(*cluster));
	if (!cluster) {
		return -ENOMEM;
	}
	cluster->ops = setup->ops;
	cluster->context = setup->context;
	cluster->fanout = setup->fanout;
	copy(cluster->id, sizeof(cluster->id), setup->id);
	copy(cluster->address, sizeof(cluster->address), setup->address);
	copy(cluster->version, sizeof(cluster->version), setup->version);
	view_init(&cluster->view);
	int err = make_parts(cluster, setup);
	if (err) {
		cluster_destroy(&cluster);
		return err;
	}
	if (setup->directory_limit > 0) {
		directory_set_limit(cluster->directory, setup->directory_limit);
	}
	set_parts(cluster, setup);
	cluster_publish_directory(cluster);
	cluster_set_time(cluster, setup->now_us, setup->wall_ms);
	cluster_show(cluster);
	*ret_cluster = cluster;
	return 0;
}

static void drop_asks(struct cluster *cluster)
{
	struct ask ask;
	cluster->asks.next_ms = 0;
	while (asks_take_late(&cluster->asks, UINT64_MAX, &ask)) {
		if (ask.owner.say && --ask.owner.say->waiting == 0) {
			free(ask.owner.say);
		}
	}
	asks_finish(&cluster->asks);
}

void cluster_destroy(struct cluster **cluster)
{
	struct cluster *its = *cluster;
	if (!its) {
		return;
	}
	*cluster = NULL;
	its->fanout->elsewhere->directory = NULL;
	drop_asks(its);
	rescan_destroy(&its->rescan);
	peers_finish(&its->peers);
	resync_finish(&its->resync);
	deltas_finish(&its->deltas);
	sender_finish(&its->sender);
	directory_destroy(&its->directory);
	view_finish(&its->view);
	free(its);
}

struct directory *cluster_directory(struct cluster *cluster)
{
	return cluster->directory;
}

/* --- time --------------------------------------------------------------------------------------
 */

void cluster_set_time(struct cluster *cluster, uint64_t now_us, uint64_t wall_ms)
{
	cluster->peers.now_us = now_us;
	cluster->peers.now_ms = now_us / 1000;
	cluster->wall_ms = wall_ms;
	cluster->logins.wall_ms = wall_ms;
}

/* What goes out at the end of a turn. Returns the ms until something is due. */
static uint64_t send_due(struct cluster *cluster)
{
	uint64_t due = LOOK_MS;
	if (cluster->is_joined) {
		cluster->ops->flush(cluster->context);
		cluster_skip_lost(cluster);
		deltas_flush(&cluster->deltas);
	}
	if (cluster->is_link_up && cluster->has_listened && !cluster->has_ended) {
		due = least(due, heartbeat_turn(&cluster->heartbeat, cluster->wall_ms));
		heartbeat_probe(&cluster->heartbeat);
	}
	if (cluster->is_joined) {
		due = least(due, resync_turn(&cluster->resync));
	}
	return due;
}

uint64_t cluster_turn(struct cluster *cluster, uint64_t now_us, uint64_t wall_ms)
{
	cluster_set_time(cluster, now_us, wall_ms);
	agree_on_version(cluster);
	cluster_answer_late(cluster);
	peers_look(&cluster->peers);
	cluster_look_at_clocks(cluster);
	cluster_look_at_joined(cluster);
	cluster_tell_of_lost(cluster);
	uint64_t due = send_due(cluster);
	if (cluster->peers.count > 0) {
		due = least(due, logins_turn(&cluster->logins));
	}
	due = least(due, cluster_listen_due(cluster));
	due = least(due, asks_due(&cluster->asks, cluster->peers.now_ms));
	if (directory_step(cluster->directory, STEP_SLOTS)) {
		due = least(due, 1);
	}
	shards_turn(&cluster->shards);
	cluster_tell_workers(cluster);
	cluster_show(cluster);
	return due;
}
