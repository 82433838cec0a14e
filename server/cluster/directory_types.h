/* What the directory is asked for and told in. */
#ifndef TIDEGATE_DIRECTORY_TYPES_H
#define TIDEGATE_DIRECTORY_TYPES_H

#include <stdbool.h>
#include <stdint.h>

enum {
	DIRECTORY_SELF = 0,         /* the own node */
	DIRECTORY_NODES_MAX = 1024, /* with the own one, and those being dropped */
	DIRECTORY_SHARDS = 256,
	DIRECTORY_DIGEST_KEY_BYTES = 16,
};

enum directory_kind {
	DIRECTORY_USERS, /* sessions */
	DIRECTORY_ROOMS,
	DIRECTORY_KINDS,
};

/* What something said has changed. */
enum directory_change {
	DIRECTORY_SAME, /* nothing: it was known, or of what is not there */
	DIRECTORY_ADDED,
	DIRECTORY_RAISED,  /* of a session: a higher epoch; of a room: other numbers */
	DIRECTORY_LOWER,   /* nothing: a higher epoch of that node and device is known */
	DIRECTORY_LOWERED, /* by its owner's page: a higher epoch was known */
	DIRECTORY_REMOVED,
};

/* A session, as it is found. */
struct directory_user {
	uint64_t epoch;
	uint32_t device;
	uint16_t node;
	/* What settles which of two nodes' equal epochs is the higher one: nodes that accept in the
	 * same millisecond give such. The caller's, who knows an order of nodes that is the same
	 * everywhere; as found 0. */
	uint16_t rank;
};

/* The members of a room on a node. */
struct directory_room {
	uint32_t members;
	uint16_t node;
	bool is_watched;
};

static inline uint8_t directory_shard_of(uint64_t key)
{
	return (uint8_t)(key >> 56);
}

/* An entry, as shards are told. */
struct directory_entry {
	uint64_t key;
	uint64_t value;  /* of a session its epoch; of a room its members, up to UINT32_MAX */
	uint32_t device; /* of a session; of a room 0 */
	bool is_watched; /* of a room */
};

/* Keys from `first` to `last`, both included. */
struct directory_range {
	uint64_t first;
	uint64_t last;
};

static inline struct directory_range directory_range_of(uint8_t shard)
{
	const uint64_t first = (uint64_t)shard << 56;
	return (struct directory_range){first, first + (UINT64_C(1) << 56) - 1};
}

#endif
