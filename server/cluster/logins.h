/* Which sessions end because of what is known of other nodes. README.md, "Login".
 *
 * Nobody is asked before a login. A node that hears of a higher epoch for a session of its own ends
 * it; of a lower one, it says what it holds itself (CLAIM), and the other one ends its own. A
 * session ends only when the node that holds the higher one has said so with the names, since
 * hashes may collide; what a resync finds, which knows no names, is therefore claimed, so that the
 * owner answers with a claim of its own.
 *
 * All that may still be missed (what was lost, what time has changed, since an epoch is not obeyed
 * before the own clock comes near it) is found by a walk over the own sessions that never ends. */
#ifndef TIDEGATE_LOGINS_H
#define TIDEGATE_LOGINS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/epoch.h"
#include "cluster_types.h"
#include "codec_directory.h"
#include "directory.h"
#include "peers.h"
#include "sender.h"

enum {
	LOGINS_WALK_MS = 100,
	LOGINS_WALK_PARTS = 20,       /* steps of a walk, while there are few sessions */
	LOGINS_WALK_LEAST = 64,       /* sessions of a step */
	LOGINS_WALK_MOST = 4096,      /* the same, of many */
	LOGINS_WALK_HASTY = 65536,    /* the same, when the clocks have changed */
	LOGINS_CLAIMS_OF_A_USER = 32, /* that one look sends, at most */
	LOGINS_KICKED = 256,
	LOGINS_CLAIMED = 1024,
	LOGINS_CLAIM_AGAIN_MS = 1500, /* the same session to the same node */
};

/* What was claimed lately. */
struct logins_claim {
	uint64_t epoch;
	uint64_t until_ms;
	uint16_t node;
};

/* Owner: the cluster. */
struct logins {
	struct directory *directory;
	struct peers *peers;
	struct sender *sender;
	struct epoch_source *epochs;
	const struct cluster_ops *ops;
	void *context;
	uint32_t devices_max;
	uint64_t wall_ms;
	bool is_obedient; /* the link is up, and the own clock right */
	uint64_t walk_key;
	uint64_t walk_due_ms;
	bool is_hasty;                  /* until the walk comes round */
	uint64_t kicked[LOGINS_KICKED]; /* epochs, by their low bits: once is enough, in a walk */
	struct logins_claim claimed[LOGINS_CLAIMED];
	uint64_t kicks;
	uint64_t claims;
	uint64_t ignored; /* epochs that were too far ahead */
	uint64_t refused; /* entries that there was no memory for */
};

/* A session has come to another node: it is put into the directory, and what follows is done. */
void logins_on_came(struct logins *logins, struct peer *peer, const struct codec_delta *delta);

/* Another node says that it holds a session. */
void logins_on_claim(struct logins *logins, struct peer *peer, const struct codec_claim *claim);

/* A resync has changed an entry of another node. Changes nothing of the directory. */
void logins_on_found(
	struct logins *logins, struct peer *peer, uint64_t key, uint32_t device, uint64_t epoch);

/* The clocks have changed, or a node is obeyed again: the walk hurries once round. */
static inline void logins_hurry(struct logins *logins)
{
	logins->is_hasty = true;
	logins->walk_key = 0;
}

/* Goes on with the walk, when it is due. Returns the ms until it is again. */
uint64_t logins_turn(struct logins *logins);

#endif
