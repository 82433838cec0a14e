/* What a cluster is told and asked with: for cluster.h, whose words these are, and for its parts.
 */
#ifndef TIDEGATE_CLUSTER_TYPES_H
#define TIDEGATE_CLUSTER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/slice.h"
#include "../base/handle.h"
#include "../base/incarnation.h"
#include "../user/user_walk.h"
#include "codec_traffic.h"

enum {
	CLUSTER_ID_MAX = 32,          /* bytes of a node's name */
	CLUSTER_NODES_MAX = 255,      /* others that are known */
	CLUSTER_CALLS_MAX = 4096,     /* asks of other nodes under way, those of says not counted */
	CLUSTER_SAYS_MAX = 65536,     /* says under way to users elsewhere */
	CLUSTER_MESSAGE_SPARE = 4096, /* beside a client's message, in one of the nodes */
	CLUSTER_SAY_MS = 2000,        /* how long a say waits for the answer of a node */
};

/* PROTOCOL section 6's results, of which a node answers with these. */
enum cluster_result {
	CLUSTER_DONE = 0,
	CLUSTER_NOBODY = 1,
	CLUSTER_INVALID = 2,
	CLUSTER_BUSY = 3,
	CLUSTER_UNREACHABLE = 7,
	CLUSTER_UNKNOWN = 8,
};

/* What a cluster asks of its node. Called on its thread, from any of the functions below; none of
 * them may call back into the cluster but for cluster_answer. */
struct cluster_ops {
	/* user_table_hash64 of a name or device; its high half is the 32-bit hash. */
	uint64_t (*hash)(void *context, struct slice name);
	/* A session of this node's by what the directory has of it. */
	bool (*find)(void *context, uint64_t key, uint32_t device, uint64_t epoch,
		struct user_seen *ret_session);
	/* A session that a higher login elsewhere has replaced: Close 4001, if it still has that
	 * epoch. */
	void (*kick)(void *context, handle_t handle, uint64_t epoch);
	/* The answer (packet 111) to what a session has said to a user; not called with id 0 when
	 * it is done. */
	void (*answer)(void *context, handle_t sender, uint32_t id, uint8_t result, uint32_t count);
	/* Another node's message for a user. Returns how many sessions of his it was handed to, or
	 * -ENOBUFS when it cannot be taken. */
	int64_t (*say)(void *context, const struct codec_say *said);
	/* Another node's messages for everybody, or for rooms. */
	void (*batch)(void *context, uint16_t node, const struct codec_message *message);
	/* What is kept for others, that workers have sent before, is to be given to cluster_send
	 * now. */
	void (*flush)(void *context);
	/* An ask of another node's API: to be answered by cluster_answer, now or later, with
	 * `node` and `ask`. */
	void (*call)(void *context, uint16_t node, uint64_t ask, uint8_t op, struct slice body);
	/* A room has another number of members on other nodes; or, with key 0, any room may. */
	void (*room_changed)(void *context, uint64_t key);
	/* Messages from another node were lost: v1 sessions are told (105). */
	void (*gap)(void *context, uint32_t batches);
	/* A node is there, or has gone, with its number in the directory. */
	void (*node_changed)(void *context, struct slice id, uint16_t node,
		const struct incarnation *incarnation, bool is_up);
	/* A user has a session elsewhere, of that epoch; the names are empty where a resync has
	 * found it, which knows keys alone. */
	void (*seen)(void *context, struct slice node, struct slice user, struct slice device,
		uint64_t key, uint32_t device_hash, uint64_t epoch);
	/* A session elsewhere, of a user with that key, has gone. */
	void (*left)(void *context, uint64_t key);
	/* The directory has been made equal with a node's. */
	void (*resynced)(void *context, struct slice node);
	/* The node cannot go on: its id is in use. `why` is a line for people. Once. */
	void (*end)(void *context, const char *why);
};

enum cluster_aim {
	CLUSTER_TO_ALL,  /* all others */
	CLUSTER_TO_NODE, /* one, by its id */
	CLUSTER_TO_USER, /* those that have sessions of a user, by his key */
	CLUSTER_TO_ROOM, /* those that have members of a room, by its key */
};

struct cluster_target {
	enum cluster_aim aim;
	struct slice id; /* of CLUSTER_TO_NODE */
	uint64_t key;
};

/* An ask of other nodes.
 * Owner:  whoever asks, until `done` was called. */
struct cluster_call {
	/* One node has answered; or CLUSTER_UNREACHABLE without having been asked, or
	 * CLUSTER_UNKNOWN when it has not answered in time. Once for each node. */
	void (*answered)(struct cluster_call *call, struct slice node, uint8_t result,
		uint32_t count, struct slice body);
	/* All have: the call is its owner's again. Never before cluster_ask has returned. */
	void (*done)(struct cluster_call *call);
	uint32_t waiting;  /* the cluster's */
	bool is_under_way; /* the cluster's */
};

enum cluster_node_state {
	CLUSTER_NODE_UP,
	CLUSTER_NODE_SUSPECT,
	CLUSTER_NODE_DOWN,
	CLUSTER_NODE_FENCED, /* by itself: its clock is off */
	CLUSTER_NODE_CLOCK,  /* up, but its clock is off: its logins do not replace others */
};

/* A node, this one first. Plain data. */
struct cluster_node {
	char id[CLUSTER_ID_MAX + 1];
	char address[128]; /* of its admin port, as it says; may be empty */
	char version[32];
	enum cluster_node_state state;
	bool is_self;
	bool is_draining;
	uint16_t ws_port; /* on which browsers reach its clients; 0: none */
	bool ws_tls;      /* is spoken there */
	uint8_t max_devices;
	uint8_t pressure;
	uint32_t sessions;
	uint32_t rooms;
	uint32_t round_trip_us; /* 0: not known */
	int64_t clock_ms;       /* ahead of this node's */
	struct incarnation incarnation;
	uint64_t heard_ms_ago; /* its last heartbeat */
	uint64_t lost;         /* messages from it */
	uint64_t known_users;  /* entries of its that are known here */
	uint64_t known_rooms;
	uint64_t digest; /* of them: equal where all know the same of it */
};

struct cluster_figures {
	bool is_up; /* the link is, and the node has not fenced itself */
	bool is_link_up;
	bool is_fenced;
	uint32_t nodes;         /* others that are up */
	uint64_t entries_users; /* of the directory, others' */
	uint64_t entries_rooms;
	uint64_t directory_bytes;
	uint64_t deltas_sent;
	uint64_t deltas_heard;
	uint64_t kicks; /* of sessions of this node, for logins elsewhere */
	uint64_t claims_sent;
	uint64_t resyncs;
	uint64_t lost_gap; /* messages from others, by numbers */
	uint64_t lost_ingress;
	uint64_t lost_egress; /* batches, that others did not get */
	uint64_t refused_key; /* messages: not signed with this key */
	uint64_t refused_malformed;
	uint64_t refused_version;
	uint64_t refused_limit; /* entries and nodes beyond what is kept */
	uint64_t clock_ignored; /* epochs too far ahead */
};

#endif
