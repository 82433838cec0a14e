/* What this node says of its own entries when it is asked: its digests, and what is in its shards.
 * README.md, "Anti-entropy". */
#ifndef TIDEGATE_SHARDS_H
#define TIDEGATE_SHARDS_H

#include <stdint.h>

#include "codec.h"
#include "directory.h"
#include "peers.h"
#include "sender.h"

enum {
	SHARDS_TURN_BYTES =
		8 * 1024 * 1024, /* of answers in a turn: who asks for more, asks again */
	SHARDS_PEER_ASKS = 64,   /* of one node in a turn */
};

/* Owner: the cluster. */
struct shards {
	const struct directory *directory;
	struct sender *sender;
	uint64_t left; /* bytes that answers may take in this turn */
	uint64_t turn;
};

/* Answers a DIGESTS_ASK, a SHARD_ASK; or leaves it, when there was enough in this turn.
 * Errors: -EBADMSG. */
int shards_on_digests_ask(
	struct shards *shards, struct peer *peer, const struct codec_message *message);
int shards_on_shard_ask(
	struct shards *shards, struct peer *peer, const struct codec_message *message);

/* A turn has ended. */
static inline void shards_turn(struct shards *shards)
{
	shards->left = SHARDS_TURN_BYTES;
	shards->turn++;
}

#endif
