/* One node among several: who else is there, who is logged in where, and what goes between them.
 * README.md says what is promised.
 *
 *   workers ──presence, rooms, batches, says──> registrar ──> cluster ──> link ──> other nodes
 *   workers <──kicks, batches, answers───────── registrar <── cluster <── link <── other nodes
 *
 * All of it is one thread's, the registrar's, and knows no socket and no clock: messages and time
 * are passed in, what is to be done is asked for by `struct cluster_ops`. So a test runs many nodes
 * in one process on a scripted network.
 *
 * peers.h knows who is there, resync.h makes directories equal, sender.h numbers what is sent. */
#ifndef TIDEGATE_CLUSTER_H
#define TIDEGATE_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/epoch.h"
#include "../base/handle.h"
#include "cluster_types.h"

struct cluster;
struct directory;
struct elsewhere_say;
struct fanout_node;

/* A session of this node. Borrowed for a call. */
struct cluster_session {
	struct slice user;
	struct slice device; /* empty: the device without a name */
	uint64_t key;        /* user_table_hash64 of the user */
	uint32_t device_hash;
	uint64_t epoch;
	handle_t handle;
};

struct link;
struct cluster_key;

/* Borrowed until cluster_destroy, but for what is copied. */
struct cluster_setup {
	const char *id;      /* copied */
	const char *address; /* of the admin port, for other nodes' consoles; copied; empty: none */
	const char *version; /* copied */
	struct incarnation incarnation;
	const struct cluster_key *key;
	struct link *link;
	struct epoch_source *epochs;
	/* With its elsewhere, of which cluster_create sets `directory` and its functions. */
	struct fanout_node *fanout;
	const struct cluster_ops *ops;
	void *context;
	uint16_t ws_port; /* on which browsers reach this node's clients; 0: none */
	bool ws_tls;      /* is spoken there */
	uint8_t max_devices;
	size_t message_max; /* bytes that a client's message may have */
	/* Bytes that the directory may have; 0: no limit. A part of memory_limit: 24 to 48 for each
	 * session and room of the cluster. */
	size_t directory_limit;
	uint64_t seed; /* of the jitter, and of the numbers of asks */
	uint64_t now_us;
	uint64_t wall_ms;
};

/* Errors: -ENOMEM. */
int cluster_create(const struct cluster_setup *setup, struct cluster **ret_cluster);

/* Frees a cluster and nulls the giver's pointer, once no other thread looks at the fan-out's
 * elsewhere. Calls under way are dropped without a word. *cluster may be NULL. */
void cluster_destroy(struct cluster **cluster);

/* What is done by time: heartbeats, suspects, time-outs, resyncs, and the sending of what has come
 * together in a turn. At the end of each turn. Returns the ms until it is due again. */
uint64_t cluster_turn(struct cluster *cluster, uint64_t now_us, uint64_t wall_ms);

/* The time of what follows: at the begin of each turn. `now_us` is of a clock that nobody sets. */
void cluster_set_time(struct cluster *cluster, uint64_t now_us, uint64_t wall_ms);

/* --- from the link -----------------------------------------------------------------------------
 */

/* LINK_FROM_ALL (with `is_to_all`), LINK_FROM_NODE: bytes of another node, or of whoever else may
 * publish there. Borrowed for the call. */
void cluster_on_message(struct cluster *cluster, bool is_to_all, const uint8_t *data, size_t len);

/* LINK_UP, with the most bytes of a message; LINK_DOWN and LINK_NARROW, with 0. */
void cluster_on_link(struct cluster *cluster, bool is_up, size_t max_payload);

/* --- from this node's sessions and rooms -------------------------------------------------------
 */

void cluster_on_came(struct cluster *cluster, const struct cluster_session *session);
void cluster_on_gone(struct cluster *cluster, const struct cluster_session *session);

/* The members (users) of a room on this node, and whether any of its sessions here wants to be told
 * who comes and goes. `key` is rooms_hash64 of its name. 0 members: there is no such room any more.
 */
void cluster_on_room(struct cluster *cluster, uint64_t key, uint32_t members, bool is_watched);

/* Something was not told for want of memory. Between begin and end all sessions and rooms that
 * there are come again, by cluster_on_came and cluster_on_room, over many turns if need be; what
 * else comes and goes is told as ever. What has not come by the end has gone. */
void cluster_rescan_begin(struct cluster *cluster);
void cluster_rescan_end(struct cluster *cluster);

/* This node's own pressure, 0 to 2: a change is told at once. */
void cluster_on_pressure(struct cluster *cluster, uint8_t pressure);

/* Bytes that a message of cluster_send may have. */
size_t cluster_send_max(const struct cluster *cluster);

/* Sends a BATCH: to all other nodes, or to one by its number in the directory. Errors: -ENOTCONN
 * when the link is down, this node fenced, or that node not there; -errno of link_send. */
int cluster_send_all(struct cluster *cluster, const uint8_t *payload, size_t len);
int cluster_send_node(struct cluster *cluster, uint16_t node, const uint8_t *payload, size_t len);

/* The directory, for who reads it on this thread. */
struct directory *cluster_directory(struct cluster *cluster);

/* What a session says to a user who may be elsewhere; the cluster's from then on, and freed by it.
 */
void cluster_say(struct cluster *cluster, struct elsewhere_say *say);

/* Batches that were lost here so far: from others, for want of room; and to others. */
void cluster_count_lost(struct cluster *cluster, uint64_t ingress, uint64_t egress);

/* This node drains: others are told. */
void cluster_drain(struct cluster *cluster);

/* This node goes now: others need not wait for silence. The link has to send it yet. */
void cluster_bye(struct cluster *cluster);

/* --- for the API -------------------------------------------------------------------------------
 */

/* Asks other nodes what `op` and `body` say; the answers come as the call's functions are called.
 * Errors: -EBUSY with too many under way; -ENOMEM; -ENOENT: no such node is known. */
int cluster_ask(struct cluster *cluster, const struct cluster_target *target, uint8_t op,
	struct slice body, uint64_t timeout_ms, struct cluster_call *call);

/* Nothing more of that call: its functions are not called any more. Fine for one that is over. Not
 * from within them. */
void cluster_forget(struct cluster *cluster, struct cluster_call *call);

/* The answer to an ask, see cluster_ops.call. Fine when the node has gone. */
void cluster_answer(struct cluster *cluster, uint16_t node, uint64_t ask, uint8_t result,
	uint32_t count, struct slice body);

/* Whether other nodes have been asked something, by sessions or the API, and have not answered. */
bool cluster_is_asking(const struct cluster *cluster);

/* Nobody is waited for any more: all of that is answered, as unknown where it may have arrived. */
void cluster_give_up(struct cluster *cluster);

/* A session elsewhere. */
struct cluster_place {
	char node[CLUSTER_ID_MAX + 1];
	uint32_t device_hash;
	uint64_t epoch;
	bool is_reachable;
};

/* Where else a user is logged in. Returns the number, at most `most`. */
uint32_t cluster_find(
	struct cluster *cluster, uint64_t key, struct cluster_place *ret_places, uint32_t most);

/* Members (users) of a room on other nodes. */
uint32_t cluster_room_members(struct cluster *cluster, uint64_t key);

/* --- what there is to be seen ------------------------------------------------------------------
 */

/* The figures, as of the end of the last turn, and the nodes, as of a moment ago. Returns the
 * number of nodes, at most `most`: this one comes first, and is always there. Thread: any. */
uint32_t cluster_look(struct cluster *cluster, struct cluster_figures *ret_figures,
	struct cluster_node *ret_nodes, uint32_t most);

#endif
