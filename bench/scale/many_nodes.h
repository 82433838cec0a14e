/* A cluster in one process: the gateway's own directory and codec, as many times as there are
 * observers, and between them messages that are counted. Of the nodes that are no observers there
 * is only what they say. Users have one device each. */
#ifndef TIDEGATE_BENCH_MANY_NODES_H
#define TIDEGATE_BENCH_MANY_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../server/cluster/codec_directory.h"
#include "../../server/cluster/codec_node.h"
#include "../../server/cluster/directory.h"
#include "../histogram.h"

enum {
	MANY_NODES_MAX = 255,
	MANY_USERS_MAX = 200000000, /* names have nine digits */
	MANY_NOBODY = UINT16_MAX,   /* a user who is logged in nowhere */
};

/* What went to other nodes. Payloads and headers, without those of NATS, IP and Ethernet. */
struct many_sent {
	uint64_t messages; /* sent, however many receive each */
	uint64_t bytes;
	uint64_t entries; /* deltas, or entries of shards */
};

/* A node whose directory is there. */
struct many_observer {
	struct directory *directory;
	uint16_t numbers[MANY_NODES_MAX]; /* of the nodes; of its own DIRECTORY_SELF */
	uint64_t kicks;                   /* of its own sessions, for logins elsewhere */
};

/* A node, as it writes. */
struct many_source {
	char id[8];
	struct codec_self self;
	struct codec_writer writer;
	uint8_t *buffer;
	uint32_t deltas; /* in the message that is being written */
	uint64_t number; /* of the last message */
};

/* Owner: main. */
struct many_nodes {
	uint32_t node_count;
	uint32_t observer_count; /* the first ones of the nodes */
	uint32_t user_count;
	uint32_t coalesced; /* deltas of a message */
	struct cluster_key key;
	uint32_t device; /* hash of all users' */
	uint16_t *where; /* each user's node, or MANY_NOBODY */
	uint64_t *epochs;
	uint64_t last_epoch;
	struct many_source *sources;
	struct many_observer *observers;
	struct many_sent deltas;
	uint64_t heard;          /* deltas, by all observers */
	uint64_t heard_ns;       /* CPU: the message opened, all of it put and judged */
	bool loses;              /* what is sent is lost on its way to the last observer */
	bool times_growth;       /* the clock is read for each entry that is put */
	struct histogram growth; /* ns of copies of a part of a directory, with times_growth */
	uint16_t dead;           /* the node that has died, or MANY_NOBODY */
};

void many_nodes_init(struct many_nodes *nodes, uint32_t node_count, uint32_t observer_count,
	uint32_t user_count, uint32_t coalesced);
void many_nodes_finish(struct many_nodes *nodes);

/* A user logs in on a node, which says so with the next message. Wherever he was before, he is
 * kicked there as soon as that node hears of it; if that is no observer, at once. */
void many_nodes_log_in(struct many_nodes *nodes, uint32_t user, uint16_t node);

/* Sends all messages that are being written. */
void many_nodes_flush(struct many_nodes *nodes);

/* What a node does that has lost something of another, or joins: asks that one, an observer, for
 * its digests and for the shards that differ, and puts them. Counts the messages of both; returns
 * the CPU of both in ns. */
uint64_t many_nodes_resync(struct many_nodes *nodes, uint32_t from, struct directory *to,
	uint16_t number, struct many_sent *sent);

/* Sends a heartbeat of an observer to all others, which compare what it says. Returns the CPU of
 * all in ns. */
uint64_t many_nodes_beat(struct many_nodes *nodes, uint32_t observer, struct many_sent *sent);

/* A node dies, at most one: all observers drop it, in steps of so many slots. */
void many_nodes_kill(
	struct many_nodes *nodes, uint16_t node, size_t slots, struct histogram *steps);

/* Fails unless all observers have the same of all nodes, as many entries as there are users in all,
 * and each user once, on the node of his last login. */
void many_nodes_check(const struct many_nodes *nodes);

/* The keyed hash of a user's name. */
uint64_t many_nodes_key(const struct many_nodes *nodes, uint32_t user);

#endif
