/* Many nodes in one process, on a network that the test plays and a clock that it turns.
 *
 * What one node sends to another arrives in the order in which it was sent, later by a delay of its
 * own for each message; what several send, in any order. Messages may get lost, or come twice. */
#ifndef TIDEGATE_TESTS_CLUSTER_RIG_H
#define TIDEGATE_TESTS_CLUSTER_RIG_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <sodium.h>

#include "../../server/base/clock.h"
#include "../../server/base/log.h"
#include "../../server/cluster/clocks.h"
#include "../../server/cluster/cluster.h"
#include "../../server/cluster/cluster_key.h"
#include "../../server/cluster/cluster_state.h"
#include "../../server/cluster/link.h"
#include "../../server/fanout/fanout_node.h"

enum {
	RIG_NODES_MAX = 16,
	RIG_SESSIONS_MAX = 4096, /* that ever were */
	RIG_STEP_MS = 10,
	RIG_WALL_MS = 1700000000, /* plus a thousand times that */
	RIG_ANSWERS_MAX = 64,
	RIG_TEXT_MAX = 256,
};

/* A login. */
struct rig_session {
	uint8_t node;
	bool is_alive;
	bool was_kicked;
	bool was_told; /* to the cluster that it has come */
	bool is_gone_told;
	uint32_t life; /* of its node */
	uint64_t epoch;
	char user[8];
	char device[8];
};

struct rig_answer {
	handle_t sender;
	uint32_t id;
	uint8_t result;
	uint32_t count;
	uint64_t at_ms;
};

/* A message under way. */
struct rig_parcel {
	struct rig_parcel *next; /* to the same node of the same source */
	uint64_t due_us;
	bool is_to_all;
	size_t len;
	uint8_t data[];
};

struct rig;

struct rig_node {
	struct link link; /* first */
	struct rig *rig;
	uint8_t number;
	char id[16];
	struct cluster *cluster; /* NULL: it is not running */
	struct elsewhere elsewhere;
	struct fanout_node fanout;
	struct epoch_source epochs;
	struct incarnation incarnation;
	uint32_t life;
	int64_t clock_ms;  /* ahead of what is so */
	bool is_link_up;   /* as it is */
	bool is_link_told; /* as the cluster knows */
	uint64_t link_changed_ms;
	bool is_stalled; /* its thread does not run */
	uint64_t turn_due_us;
	struct rig_parcel *first[RIG_NODES_MAX]; /* from each source */
	struct rig_parcel **last[RIG_NODES_MAX];
	uint64_t last_due_us[RIG_NODES_MAX];
	/* What its upcalls have told. */
	struct rig_answer answers[RIG_ANSWERS_MAX];
	uint32_t answer_count;
	uint32_t ups;
	uint32_t downs;
	uint32_t gaps;
	uint32_t resyncs;
	uint32_t left; /* sessions elsewhere */
	uint32_t rooms_changed;
	uint32_t batches;
	uint32_t says;
	uint32_t kicks;
	bool has_ended;
	char end[512];
	uint64_t sent_bytes;
	uint32_t sent[32]; /* messages, by type */
};

struct rig {
	uint64_t now_us;
	uint64_t random;
	struct cluster_key key;
	uint32_t node_count;
	struct rig_node nodes[RIG_NODES_MAX];
	bool is_cut[RIG_NODES_MAX][RIG_NODES_MAX]; /* from, to */
	uint32_t delay_us; /* of each message, at most; half of it at least */
	uint32_t loss_per_mille;
	uint32_t twice_per_mille;
	uint8_t max_devices;
	struct rig_session sessions[RIG_SESSIONS_MAX];
	uint32_t session_count;
};

static inline uint64_t rig_random(struct rig *rig, uint64_t below)
{
	rig->random ^= rig->random << 13;
	rig->random ^= rig->random >> 7;
	rig->random ^= rig->random << 17;
	return rig->random % below;
}

static inline uint64_t rig_now_ms(const struct rig *rig)
{
	return rig->now_us / 1000;
}

static inline uint64_t rig_wall_ms(const struct rig_node *node)
{
	return (uint64_t)RIG_WALL_MS * 1000 + rig_now_ms(node->rig) + (uint64_t)node->clock_ms;
}

/* --- the network --- */

static inline void rig_put(
	struct rig_node *from, struct rig_node *to, bool is_to_all, const void *data, size_t len)
{
	struct rig *rig = from->rig;
	const uint64_t delay_us = rig->delay_us / 2 + rig_random(rig, rig->delay_us / 2 + 1);
	uint64_t *last_due_us = &to->last_due_us[from->number];
	struct rig_parcel *parcel = malloc(sizeof(*parcel) + len);
	assert_non_null(parcel);
	*parcel = (struct rig_parcel){.is_to_all = is_to_all, .len = len};
	parcel->due_us = rig->now_us + delay_us;
	parcel->due_us = parcel->due_us < *last_due_us ? *last_due_us : parcel->due_us;
	*last_due_us = parcel->due_us;
	memcpy(parcel->data, data, len);
	*to->last[from->number] = parcel;
	to->last[from->number] = &parcel->next;
}

static inline void rig_carry(
	struct rig_node *from, struct rig_node *to, bool is_to_all, const void *data, size_t len)
{
	struct rig *rig = from->rig;
	if (to == from || !to->cluster || !to->is_link_up ||
		rig->is_cut[from->number][to->number] ||
		rig_random(rig, 1000) < rig->loss_per_mille) {
		return;
	}
	rig_put(from, to, is_to_all, data, len);
	if (rig_random(rig, 1000) < rig->twice_per_mille) {
		rig_put(from, to, is_to_all, data, len);
	}
}

static inline int rig_link_send(struct link *link, const struct link_parcel *parcel)
{
	struct rig_node *from = (struct rig_node *)link;
	struct rig *rig = from->rig;
	if (!from->is_link_told) {
		return -ENOTCONN;
	}
	from->sent_bytes += parcel->len;
	from->sent[((const uint8_t *)parcel->data)[2] % 32]++;
	for (uint32_t i = 0; from->is_link_up && i < rig->node_count; i++) {
		struct rig_node *to = &rig->nodes[i];
		if (parcel->to == LINK_TO_ALL || strcmp(parcel->name, to->id) == 0) {
			rig_carry(from, to, parcel->to == LINK_TO_ALL, parcel->data, parcel->len);
		}
	}
	return 0;
}

static const struct link_ops rig_link_ops = {.send = rig_link_send};

static inline void rig_drop_parcels(struct rig_node *node)
{
	for (int i = 0; i < RIG_NODES_MAX; i++) {
		while (node->first[i]) {
			struct rig_parcel *parcel = node->first[i];
			node->first[i] = parcel->next;
			free(parcel);
		}
		node->last[i] = &node->first[i];
	}
}

/* --- a node's own sessions --- */

static inline uint64_t rig_hash_of(const struct rig *rig, struct slice name)
{
	uint64_t hash;
	crypto_shorthash(
		(unsigned char *)&hash, (const unsigned char *)name.data, name.len, rig->key.names);
	return hash;
}

static inline uint64_t rig_hash(void *context, struct slice name)
{
	return rig_hash_of(((struct rig_node *)context)->rig, name);
}

static inline uint32_t rig_device_hash(const struct rig *rig, struct slice device)
{
	return (uint32_t)(rig_hash_of(rig, device) >> 32);
}

static inline struct cluster_session rig_session_of(
	const struct rig *rig, const struct rig_session *session)
{
	const struct slice user = slice_of(session->user);
	const struct slice device = slice_of(session->device);
	return (struct cluster_session){
		.user = user,
		.device = device,
		.key = rig_hash_of(rig, user),
		.device_hash = rig_device_hash(rig, device),
		.epoch = session->epoch,
		.handle = (handle_t)(session - rig->sessions) + 1,
	};
}

static inline bool rig_find(
	void *context, uint64_t key, uint32_t device, uint64_t epoch, struct user_seen *ret_session)
{
	const struct rig_node *node = context;
	const struct rig *rig = node->rig;
	for (uint32_t i = 0; i < rig->session_count; i++) {
		const struct rig_session *session = &rig->sessions[i];
		if (session->node != node->number || !session->is_alive ||
			session->epoch != epoch) {
			continue;
		}
		const struct cluster_session its = rig_session_of(rig, session);
		if (its.key == key && its.device_hash == device) {
			*ret_session = (struct user_seen){
				.handle = its.handle,
				.key = key,
				.epoch = epoch,
				.device = device,
				.name_len = (uint8_t)its.user.len,
				.device_len = (uint8_t)its.device.len,
			};
			memcpy(ret_session->names, its.user.data, its.user.len);
			memcpy(ret_session->names + its.user.len, its.device.data, its.device.len);
			return true;
		}
	}
	return false;
}

static inline void rig_kick(void *context, handle_t handle, uint64_t epoch)
{
	struct rig_node *node = context;
	struct rig_session *session = &node->rig->sessions[handle - 1];
	assert_int_equal(session->node, node->number);
	assert_true(session->epoch == epoch);
	if (session->is_alive) {
		session->is_alive = false;
		session->was_kicked = true;
		node->kicks++;
	}
}

static inline void rig_answer_said(
	void *context, handle_t sender, uint32_t id, uint8_t result, uint32_t count)
{
	struct rig_node *node = context;
	assert_in_range(node->answer_count, 0, RIG_ANSWERS_MAX - 1);
	node->answers[node->answer_count++] =
		(struct rig_answer){sender, id, result, count, rig_now_ms(node->rig)};
}

static inline int64_t rig_say(void *context, const struct codec_say *said)
{
	struct rig_node *node = context;
	const struct rig *rig = node->rig;
	int64_t reached = 0;
	node->says++;
	for (uint32_t i = 0; i < rig->session_count; i++) {
		const struct rig_session *session = &rig->sessions[i];
		reached += session->node == node->number && session->is_alive &&
			   !(said->flags & CODEC_SAY_ONLY_SHOWN) &&
			   slice_equals(slice_of(session->user), said->to);
	}
	return slice_equals(said->text, SLICE("too much")) ? -ENOBUFS : reached;
}

static inline void rig_batch(void *context, uint16_t node, const struct codec_message *message)
{
	(void)node;
	(void)message;
	((struct rig_node *)context)->batches++;
}

static inline void rig_flush(void *context)
{
	(void)context;
}

static inline void rig_room_changed(void *context, uint64_t key)
{
	(void)key;
	((struct rig_node *)context)->rooms_changed++;
}

static inline void rig_gap(void *context, uint32_t batches)
{
	((struct rig_node *)context)->gaps += batches;
}

static inline void rig_node_changed(void *context, struct slice id, uint16_t node,
	const struct incarnation *incarnation, bool is_up)
{
	struct rig_node *its = context;
	(void)id;
	(void)incarnation;
	assert_int_not_equal(node, DIRECTORY_SELF);
	its->ups += is_up;
	its->downs += !is_up;
}

static inline void rig_seen(void *context, struct slice node, struct slice user,
	struct slice device, uint64_t key, uint32_t device_hash, uint64_t epoch)
{
	(void)context;
	(void)node;
	(void)user;
	(void)device;
	(void)key;
	(void)device_hash;
	(void)epoch;
}

static inline void rig_left(void *context, uint64_t key)
{
	(void)key;
	((struct rig_node *)context)->left++;
}

static inline void rig_resynced(void *context, struct slice node)
{
	(void)node;
	((struct rig_node *)context)->resyncs++;
}

static inline void rig_end(void *context, const char *why)
{
	struct rig_node *node = context;
	node->has_ended = true;
	snprintf(node->end, sizeof(node->end), "%s", why);
}

/* The API of a node answers with what it was asked: op 0 says nothing, op 1 gives the body back. */
static inline void rig_call(
	void *context, uint16_t from, uint64_t ask, uint8_t op, struct slice body)
{
	struct rig_node *node = context;
	if (op == 1) {
		cluster_answer(node->cluster, from, ask, CLUSTER_DONE, 7, body);
	}
}

static const struct cluster_ops rig_ops = {
	.hash = rig_hash,
	.find = rig_find,
	.kick = rig_kick,
	.answer = rig_answer_said,
	.say = rig_say,
	.batch = rig_batch,
	.flush = rig_flush,
	.room_changed = rig_room_changed,
	.call = rig_call,
	.gap = rig_gap,
	.node_changed = rig_node_changed,
	.seen = rig_seen,
	.left = rig_left,
	.resynced = rig_resynced,
	.end = rig_end,
};

/* --- starting and ending --- */

static inline void rig_start(struct rig_node *node)
{
	struct rig *rig = node->rig;
	node->life++;
	node->incarnation = (struct incarnation){
		.wall_ms = rig_wall_ms(node), .random = rig_random(rig, UINT64_MAX - 1) + 1};
	node->elsewhere = (struct elsewhere){.egress_limit = 1 << 20};
	node->fanout = (struct fanout_node){.elsewhere = &node->elsewhere};
	node->epochs = (struct epoch_source){0};
	node->has_ended = false;
	node->is_link_told = false;
	node->link_changed_ms = 0; /* told with the next step */
	node->turn_due_us = 0;
	const struct cluster_setup setup = {
		.id = node->id,
		.address = "http://127.0.0.1:8000/",
		.version = "1.2.3",
		.incarnation = node->incarnation,
		.key = &rig->key,
		.link = &node->link,
		.epochs = &node->epochs,
		.fanout = &node->fanout,
		.ops = &rig_ops,
		.context = node,
		.ws_port = 9443,
		.ws_tls = (node - rig->nodes) % 2 == 1,
		.max_devices = rig->max_devices,
		.message_max = 65536,
		.seed = rig_random(rig, UINT64_MAX),
		.now_us = rig->now_us,
		.wall_ms = rig_wall_ms(node),
	};
	assert_int_equal(cluster_create(&setup, &node->cluster), 0);
}

static inline struct rig_node *rig_add(struct rig *rig)
{
	struct rig_node *node = &rig->nodes[rig->node_count];
	memset(node, 0, sizeof(*node));
	node->link.ops = &rig_link_ops;
	node->rig = rig;
	node->number = (uint8_t)rig->node_count++;
	snprintf(node->id, sizeof(node->id), "gw-%u", node->number + 1u);
	node->is_link_up = true;
	rig_drop_parcels(node);
	rig_start(node);
	return node;
}

/* As by kill -9. */
static inline void rig_kill(struct rig_node *node)
{
	struct rig *rig = node->rig;
	rig_drop_parcels(node);
	cluster_destroy(&node->cluster);
	for (uint32_t i = 0; i < rig->session_count; i++) {
		if (rig->sessions[i].node == node->number && rig->sessions[i].life == node->life) {
			rig->sessions[i].is_alive = false;
		}
	}
}

static inline struct rig *rig_create(uint64_t seed, uint32_t nodes)
{
	const uint8_t secret[CLUSTER_KEY_LEN] = {1, 2, 3};
	struct rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	assert_true(sodium_init() >= 0);
	log_set_level(LOG_LEVEL_ERROR + 1);
	cluster_key_derive(secret, &rig->key);
	rig->now_us = 5000000;
	rig->random = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
	rig->delay_us = 2000;
	rig->max_devices = 1;
	for (uint32_t i = 0; i < nodes; i++) {
		rig_add(rig);
	}
	return rig;
}

static inline void rig_destroy(struct rig *rig)
{
	for (uint32_t i = 0; i < rig->node_count; i++) {
		if (rig->nodes[i].cluster) {
			rig_kill(&rig->nodes[i]);
		}
	}
	free(rig);
}

/* --- time --- */

static inline void rig_tell_link(struct rig_node *node)
{
	const uint64_t since_ms = rig_now_ms(node->rig) - node->link_changed_ms;
	if (node->is_link_told == node->is_link_up) {
		return;
	}
	/* That it is down shows by its silence; that it is up, with the next try. */
	if (node->link_changed_ms == 0 || since_ms >= (node->is_link_up ? 300 : 2500)) {
		node->is_link_told = node->is_link_up;
		cluster_on_link(node->cluster, node->is_link_up, 1 << 20);
		node->turn_due_us = 0;
	}
}

static inline bool rig_deliver(struct rig_node *node)
{
	bool has_come = false;
	for (uint32_t i = 0; i < node->rig->node_count; i++) {
		while (node->first[i] && node->first[i]->due_us <= node->rig->now_us) {
			struct rig_parcel *parcel = node->first[i];
			node->first[i] = parcel->next;
			if (!node->first[i]) {
				node->last[i] = &node->first[i];
			}
			cluster_on_message(
				node->cluster, parcel->is_to_all, parcel->data, parcel->len);
			free(parcel);
			has_come = true;
		}
	}
	return has_come;
}

/* Tells of what has come and gone. */
static inline bool rig_tell_sessions(struct rig_node *node)
{
	struct rig *rig = node->rig;
	bool has_told = false;
	for (uint32_t i = 0; i < rig->session_count; i++) {
		struct rig_session *session = &rig->sessions[i];
		if (session->node != node->number || session->life != node->life) {
			continue;
		}
		const struct cluster_session its = rig_session_of(rig, session);
		if (!session->was_told) {
			session->was_told = true;
			session->is_gone_told = !session->is_alive;
			if (session->is_alive) {
				cluster_on_came(node->cluster, &its);
				has_told = true;
			}
		} else if (!session->is_alive && !session->is_gone_told) {
			session->is_gone_told = true;
			cluster_on_gone(node->cluster, &its);
			has_told = true;
		}
	}
	return has_told;
}

static inline void rig_step_node(struct rig_node *node)
{
	struct rig *rig = node->rig;
	if (!node->cluster || node->is_stalled) {
		return;
	}
	cluster_set_time(node->cluster, rig->now_us, rig_wall_ms(node));
	rig_tell_link(node);
	bool is_due = rig_deliver(node);
	is_due |= rig_tell_sessions(node);
	if (is_due || rig->now_us >= node->turn_due_us) {
		const uint64_t due_ms = cluster_turn(node->cluster, rig->now_us, rig_wall_ms(node));
		node->turn_due_us = rig->now_us + due_ms * 1000;
	}
}

static inline void rig_run(struct rig *rig, uint64_t ms)
{
	const uint64_t end_us = rig->now_us + ms * 1000;
	while (rig->now_us < end_us) {
		rig->now_us += RIG_STEP_MS * 1000;
		for (uint32_t i = 0; i < rig->node_count; i++) {
			rig_step_node(&rig->nodes[i]);
		}
	}
}

/* --- what happens --- */

static inline void rig_set_link(struct rig_node *node, bool is_up)
{
	if (node->is_link_up != is_up) {
		node->is_link_up = is_up;
		node->link_changed_ms = rig_now_ms(node->rig);
		if (!is_up) {
			rig_drop_parcels(node);
		}
	}
}

static inline void rig_set_links(struct rig *rig, bool are_up)
{
	for (uint32_t i = 0; i < rig->node_count; i++) {
		rig_set_link(&rig->nodes[i], are_up);
	}
}

/* The local table: the newest of a device is in, and of devices as many as may be. */
static inline void rig_make_room(struct rig_node *node, const char *user, const char *device)
{
	struct rig *rig = node->rig;
	struct rig_session *oldest = NULL;
	uint32_t count = 0;
	for (uint32_t i = 0; i < rig->session_count; i++) {
		struct rig_session *session = &rig->sessions[i];
		if (session->node != node->number || !session->is_alive ||
			strcmp(session->user, user) != 0) {
			continue;
		}
		if (strcmp(session->device, device) == 0) {
			session->is_alive = false;
			session->was_kicked = true;
			return;
		}
		count++;
		oldest = !oldest || session->epoch < oldest->epoch ? session : oldest;
	}
	if (count >= rig->max_devices) {
		oldest->is_alive = false;
		oldest->was_kicked = true;
	}
}

static inline struct rig_session *rig_login_at(
	struct rig_node *node, const char *user, const char *device, uint64_t epoch)
{
	struct rig *rig = node->rig;
	assert_in_range(rig->session_count, 0, RIG_SESSIONS_MAX - 1);
	rig_make_room(node, user, device);
	struct rig_session *session = &rig->sessions[rig->session_count++];
	*session = (struct rig_session){.node = node->number, .is_alive = true, .epoch = epoch};
	session->life = node->life;
	snprintf(session->user, sizeof(session->user), "%s", user);
	snprintf(session->device, sizeof(session->device), "%s", device);
	return session;
}

static inline struct rig_session *rig_login(
	struct rig_node *node, const char *user, const char *device)
{
	return rig_login_at(
		node, user, device, epoch_next(&node->epochs, rig_wall_ms(node) * 1000));
}

static inline void rig_logout(struct rig_session *session)
{
	session->is_alive = false;
}

/* --- what is seen --- */

static inline bool rig_takes_part(const struct rig_node *node)
{
	return node->cluster && node->cluster->is_joined;
}

static inline struct peer *rig_peer(const struct rig_node *node, const struct rig_node *other)
{
	return peers_find(&node->cluster->peers, slice_of(other->id));
}

static inline bool rig_knows_all_of(const struct rig_node *node, const struct rig_node *other)
{
	const struct peer *peer = rig_peer(node, other);
	if (!peer || !peer_is_reachable(peer)) {
		return false;
	}
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		if (directory_root(node->cluster->directory, peer->node, kind) !=
			directory_root(other->cluster->directory, DIRECTORY_SELF, kind)) {
			return false;
		}
	}
	return true;
}

/* Whether all that take part know the same. */
static inline bool rig_is_equal(const struct rig *rig)
{
	for (uint32_t i = 0; i < rig->node_count; i++) {
		for (uint32_t j = 0; j < rig->node_count; j++) {
			if (i != j && rig_takes_part(&rig->nodes[i]) &&
				rig_takes_part(&rig->nodes[j]) &&
				!rig_knows_all_of(&rig->nodes[i], &rig->nodes[j])) {
				return false;
			}
		}
	}
	return true;
}

/* Runs until all know the same, at most so long. Returns whether they do. */
static inline bool rig_settle(struct rig *rig, uint64_t most_ms)
{
	for (uint64_t ms = 0; ms < most_ms; ms += RIG_STEP_MS) {
		if (rig_is_equal(rig)) {
			return true;
		}
		rig_run(rig, RIG_STEP_MS);
	}
	return rig_is_equal(rig);
}

static inline void rig_meet(struct rig *rig)
{
	rig_run(rig, 2500);
	for (uint32_t i = 0; i < rig->node_count; i++) {
		for (uint32_t j = 0; j < rig->node_count; j++) {
			if (i != j) {
				const struct peer *peer = rig_peer(&rig->nodes[i], &rig->nodes[j]);
				assert_non_null(peer);
				assert_true(peer_is_reachable(peer));
			}
		}
	}
}

static inline bool rig_is_higher(const struct rig_session *a, const struct rig_session *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->node > b->node;
}

static inline bool rig_is_of_user(const struct rig_session *a, const struct rig_session *b)
{
	return strcmp(a->user, b->user) == 0;
}

/* How many devices of the user have sessions, ever, that are higher; and whether its own has. */
static inline uint32_t rig_higher(
	const struct rig *rig, const struct rig_session *session, bool *ret_is_beaten)
{
	char devices[32][8];
	uint32_t count = 0;
	*ret_is_beaten = false;
	for (uint32_t i = 0; i < rig->session_count; i++) {
		const struct rig_session *other = &rig->sessions[i];
		if (!rig_is_of_user(other, session) || !rig_is_higher(other, session)) {
			continue;
		}
		if (strcmp(other->device, session->device) == 0) {
			*ret_is_beaten = true;
			continue;
		}
		bool is_known = false;
		for (uint32_t j = 0; j < count; j++) {
			is_known |= strcmp(devices[j], other->device) == 0;
		}
		if (!is_known && count < 32) {
			memcpy(devices[count++], other->device, sizeof(devices[0]));
		}
	}
	return count;
}

static inline bool rig_counts(const struct rig *rig, const struct rig_session *session)
{
	return session->is_alive && rig_takes_part(&rig->nodes[session->node]);
}

/* After quiet: of each user and device one session at most, not more devices than may be, and
 * nobody has been kicked for nothing. */
static inline void rig_check(const struct rig *rig)
{
	for (uint32_t i = 0; i < rig->session_count; i++) {
		const struct rig_session *session = &rig->sessions[i];
		bool is_beaten;
		uint32_t devices = 0;
		if (session->was_kicked) {
			assert_true(rig_higher(rig, session, &is_beaten) >= rig->max_devices ||
				    is_beaten);
		}
		for (uint32_t j = 0; rig_counts(rig, session) && j < rig->session_count; j++) {
			const struct rig_session *other = &rig->sessions[j];
			if (j == i || !rig_counts(rig, other) || !rig_is_of_user(other, session)) {
				continue;
			}
			if (strcmp(other->device, session->device) == 0) {
				fail_msg("%s/%s is on %s (epoch %llx) and on %s (%llx)",
					session->user, session->device,
					rig->nodes[session->node].id,
					(unsigned long long)session->epoch,
					rig->nodes[other->node].id,
					(unsigned long long)other->epoch);
			}
			devices++;
		}
		assert_in_range(devices, 0, rig->max_devices - 1u);
	}
}

#endif
