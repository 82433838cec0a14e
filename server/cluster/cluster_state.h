/* What a cluster is made of, for its own files:
 *
 *   cluster.c          its life, and a turn
 *   cluster_joined.c   whether it takes part: the link, the clocks, namesakes
 *   cluster_heard.c    what other nodes say
 *   cluster_own.c      this node's own sessions and rooms, and how it is itself
 *   cluster_said.c     what it says to others and asks of them
 *   cluster_workers.c  what workers are told
 *   cluster_view.c     what there is to be seen */
#ifndef TIDEGATE_CLUSTER_STATE_H
#define TIDEGATE_CLUSTER_STATE_H

#include "asks.h"
#include "calls.h"
#include "cluster_types.h"
#include "deltas.h"
#include "directory.h"
#include "heartbeat.h"
#include "logins.h"
#include "namesake.h"
#include "peers.h"
#include "resync.h"
#include "says.h"
#include "sender.h"
#include "shards.h"
#include "view.h"

/* Owner:  the registrar.
 * Shared: never, but for `view` and the readers of the directory. */
struct cluster {
	const struct cluster_ops *ops;
	void *context;
	struct fanout_node *fanout; /* with its elsewhere */
	char id[CLUSTER_ID_MAX + 1];
	char address[PEER_ADDRESS_MAX];
	char version[PEER_PROGRAM_MAX];
	uint64_t wall_ms;
	bool is_link_up;
	bool is_fenced;
	bool is_joined; /* the link is up, this node not fenced, and it has listened for a while */
	bool has_listened;
	bool has_ended;
	uint64_t listen_until_ms;
	struct directory *directory;
	struct sender sender;
	struct deltas deltas;
	struct peers peers;
	struct resync resync;
	struct shards shards;
	struct logins logins;
	struct asks asks;
	struct says says;
	struct calls calls;
	struct heartbeat heartbeat;
	struct namesake namesake;
	struct rescan *rescan; /* NULL: none is under way */
	uint64_t egress_lost;  /* of elsewhere->egress_lost, those that were left out so far */
	uint64_t deltas_heard;
	uint64_t refused[CODEC_BROKEN + 1]; /* messages, by verdict */
	uint64_t told_ms[CODEC_BROKEN + 1]; /* when one was logged */
	uint64_t lost_gap;
	uint64_t lost_ingress; /* as the node counts them */
	uint64_t lost_egress;
	struct view view;
};

/* --- taking part --- */

/* Looks whether this node takes part by now. */
void cluster_look_at_joined(struct cluster *cluster);

/* Returns the ms until it may have listened for long enough; UINT64_MAX: it need not. */
uint64_t cluster_listen_due(const struct cluster *cluster);

/* Judges all clocks by what was heard of them. */
void cluster_look_at_clocks(struct cluster *cluster);

/* A message of another process with this node's name. */
void cluster_on_namesake(struct cluster *cluster, const struct codec_message *message);

/* --- what was heard --- */

/* Logs how much of each node was lost: on a bad line each message would have some to tell of. */
void cluster_tell_of_lost(struct cluster *cluster);

/* Ends what was asked and is not answered in time. */
void cluster_answer_late(struct cluster *cluster);

/* --- workers, and others --- */

/* Lets workers look into the directory. */
void cluster_publish_directory(struct cluster *cluster);

/* What workers could not hand over is missing to others, who are to see it. */
void cluster_skip_lost(struct cluster *cluster);

/* How it is elsewhere. */
void cluster_tell_workers(struct cluster *cluster);

/* Copies what there is to be seen, when it is time to. */
void cluster_show(struct cluster *cluster);

#endif
