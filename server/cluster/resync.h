/* Makes equal what is known of other nodes with what they have themselves: heartbeats carry the
 * digest of all, and when that is unequal twice in a row (or once, after something was lost or when
 * all is new) the owner is asked for its digests by shard, then for those shards that differ.
 *
 * Only owners are asked. Few of them at a time, and not all nodes at the same moment.
 *
 *   NONE ──unequal──> WAITS ──jitter, a place──> DIGESTS ──they have come──> SHARDS ──all──> NONE
 *                       ^                           │ silence                  │ silence
 *                       └───────────────────────────┴──────────────────────────┘
 *
 * What is taken over is told by `changed`, entry by entry: there are no names in it. */
#ifndef TIDEGATE_RESYNC_H
#define TIDEGATE_RESYNC_H

#include <stdbool.h>
#include <stdint.h>

#include "codec.h"
#include "directory.h"
#include "peers.h"
#include "sender.h"

enum {
	RESYNC_PEERS_MAX = 4,      /* under way at a time */
	RESYNC_LARGE_MAX = 4,      /* the same, once one of them took more than a page */
	RESYNC_SHARDS_MAX = 32,    /* asked for at a time, of one owner */
	RESYNC_PAGES_SPARE = 1024, /* beyond a page for each of so many entries: */
	RESYNC_PAGE_ENTRIES = 64,
	RESYNC_SILENCE_MS = 2000, /* until an owner is given up for a while */
	RESYNC_JITTER_MS = 500,
	RESYNC_HASTY_JITTER_MS = 100,
	RESYNC_AGAIN_MAX_MS = 30000,
};

/* Owner: the cluster. */
struct resync {
	struct directory *directory;
	struct peers *peers;
	struct sender *sender;
	directory_on_change changed; /* must not change the directory */
	void (*done)(void *context, struct peer *peer);
	void *context;
	uint64_t random;
	uint64_t last_ask;
	uint32_t active; /* peers in DIGESTS or SHARDS */
	uint64_t count;  /* that were begun */
	uint64_t failed;
	struct directory_entry *page; /* scratch */
};

/* `seed` is that of the jitter. Errors: -ENOMEM. */
int resync_init(struct resync *resync, struct directory *directory, struct peers *peers,
	struct sender *sender, uint64_t seed);

/* Fine with a zeroed one. */
void resync_finish(struct resync *resync);

/* Something of that peer was lost, or it is new. */
static inline void resync_hurry(struct peer *peer)
{
	peer->resync.is_hasty = true;
}

/* A heartbeat has come, with roots: nothing is on the way that was sent before it. */
void resync_on_heartbeat(struct resync *resync, struct peer *peer);

/* Answers of an owner. Errors: -EBADMSG. */
int resync_on_digests(
	struct resync *resync, struct peer *peer, const struct codec_message *message);
int resync_on_shard(struct resync *resync, struct peer *peer, const struct codec_message *message);

/* It has gone, or cannot be asked for now. */
void resync_drop(struct resync *resync, struct peer *peer);

/* What is due by time. Returns the ms until something is, UINT64_MAX for never. */
uint64_t resync_turn(struct resync *resync);

#endif
