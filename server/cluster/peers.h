/* The other nodes of the cluster, as far as they have been heard: which of them are there, and
 * which run of each.
 *
 *   UP ──5 s without a heartbeat──> SUSPECT ──15 s──> DOWN
 *    ^ <────────a heartbeat────────────┘                │
 *    └────────────────────a message─────────────────────┘    (BYE: from any to DOWN)
 *
 * Silence counts only while the own link is up and the own thread runs: else nobody is heard, and
 * nobody is declared down. What is known of one that is down (not its entries) is kept, so that
 * what is lost between shows when it is back.
 *
 * Times in ms of one clock that nobody sets. */
#ifndef TIDEGATE_PEERS_H
#define TIDEGATE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cluster_types.h"
#include "codec_node.h"
#include "directory.h"
#include "numbers.h"
#include "pieces.h"
#include "resync_state.h"
#include "sender.h"

enum {
	PEERS_SUSPECT_MS = 5000,
	PEERS_DOWN_MS = 15000,
	PEERS_STALL_MS = 2000,  /* the own thread did not run for longer: that was no silence */
	PEERS_OLDER_MS = 3000,  /* an older run of a node counts again after that silence */
	PEERS_SHOW_MS = 600000, /* one that is down is shown for that long, and kept */
	PEERS_ENTRIES_SPARE = 100000, /* beyond twice what it says it has */
	PEERS_LOST_MOST = 1 << 30,    /* of one gap: more is a fault of its source */
	PEERS_CLOCK_MS = 10000, /* one whose epoch was too far ahead is shown so for that long */
	PEER_ADDRESS_MAX = 128,
	PEER_PROGRAM_MAX = 32,
};

enum peer_state {
	PEER_UP,
	PEER_SUSPECT,
	PEER_DOWN,
};

/* Owner: the cluster, in struct peers. */
struct peer {
	struct sender_line line; /* with its name */
	uint8_t id_len;
	uint16_t node; /* in the directory; DIRECTORY_SELF: it has no entries, as it is down */
	enum peer_state state;
	struct incarnation incarnation;
	struct numbers numbers;
	uint64_t heard_ms; /* its last heartbeat, or since when silence counts */
	bool has_beaten;   /* a heartbeat has come: what follows is known */
	/* Its wall clock less the own steady one, of the last two heartbeats: what is late looks
	 * behind, so that the higher one is nearer to what is so. */
	int64_t wall_offset_ms[2];
	uint32_t sessions;
	uint32_t rooms;
	uint8_t speaks; /* the newest version of the codec */
	uint16_t ws_port;
	bool ws_tls;
	uint8_t max_devices;
	uint8_t pressure;
	bool is_draining;
	bool is_fenced;
	bool is_clock_off;       /* by its heartbeats */
	uint64_t clock_until_ms; /* by its epochs */
	uint64_t roots[DIRECTORY_KINDS];
	char address[PEER_ADDRESS_MAX];
	char program[PEER_PROGRAM_MAX];
	uint32_t round_trip_us;
	uint64_t probed_ms;
	uint64_t lost; /* messages of all its runs */
	uint64_t lost_untold;
	uint64_t lost_told_ms; /* when they were logged */
	struct resync_state resync;
	struct pieces pieces;
	uint64_t shards_turn; /* in which it has last asked for shards */
	uint32_t shards_asks; /* in that turn */
};

struct peers_ops {
	/* It is there: a new one, another run, or back. It has a number in the directory. */
	void (*up)(void *context, struct peer *peer);
	/* It is down, and has its number still. */
	void (*down)(void *context, struct peer *peer);
};

/* Owner: the cluster. */
struct peers {
	struct directory *directory;
	const struct peers_ops *ops;
	void *context;
	struct slice own_id;
	struct peer *sorted[CLUSTER_NODES_MAX]; /* by id */
	uint32_t count;
	struct peer *by_node[DIRECTORY_NODES_MAX];
	bool is_link_up;
	uint64_t now_us;
	uint64_t now_ms;    /* the same */
	uint64_t looked_ms; /* at silence */
	uint64_t refused;   /* messages of nodes that there is no place for */
};

void peers_init(struct peers *peers, struct directory *directory, struct slice own_id,
	const struct peers_ops *ops, void *context, uint64_t now_ms);

/* Frees them all; nobody is told. */
void peers_finish(struct peers *peers);

/* The source of a message, which is not this node, and how many are missing before it. NULL: it is
 * not to be listened to, since it has been seen, or a later run of that node is there, or there is
 * no place. An older run counts again when the later one is silent and it has said something to
 * this node alone, which nobody can have recorded before. */
struct peer *peers_meet(
	struct peers *peers, const struct codec_message *message, uint32_t *ret_lost);

/* Whether more entries of that kind are taken from it. */
bool peers_may_grow(const struct peers *peers, const struct peer *peer, enum directory_kind kind);

/* Puts one back that another process has known: nobody is told. `node` is its number in the
 * directory, which it gets again; DIRECTORY_SELF: it is down. What else is known of it the caller
 * fills in. Errors: -EINVAL: it is there, or no node's name, or its number is taken; -ENOMEM. */
int peers_put_back(struct peers *peers, struct slice id, uint16_t node, struct peer **ret_peer);

/* A heartbeat has come. */
void peers_beaten(struct peers *peers, struct peer *peer);

/* It has said that it goes. */
void peers_bye(struct peers *peers, struct peer *peer);

/* From now on silence counts, or does not. */
void peers_set_link(struct peers *peers, bool is_up);

/* Looks at who has been silent for how long. At least each half second. */
void peers_look(struct peers *peers);

/* By name; NULL: not known. */
struct peer *peers_find(const struct peers *peers, struct slice id);

/* By its number in the directory; NULL: of no node that is there. */
static inline struct peer *peers_of(const struct peers *peers, uint16_t node)
{
	return node < DIRECTORY_NODES_MAX ? peers->by_node[node] : NULL;
}

/* Whether it can be asked something. */
static inline bool peer_is_reachable(const struct peer *peer)
{
	return peer->state == PEER_UP && !peer->is_fenced;
}

/* The order of ids, the same on all nodes: of DIRECTORY_SELF too. */
uint16_t peers_rank(const struct peers *peers, uint16_t node);

static inline struct slice peer_id(const struct peer *peer)
{
	return (struct slice){peer->line.id, peer->id_len};
}

/* How far its clock is ahead of one that shows `wall_ms` now. */
int64_t peer_ahead_ms(const struct peer *peer, uint64_t now_ms, uint64_t wall_ms);

#endif
