/* What the directory holds of one node, without the entries themselves: their digests and numbers.
 *
 * The digest of a shard is the sum, mod 2^64, of the keyed hashes of its entries: it does not
 * depend on the order in which they came, and an entry that goes is subtracted again. Whoever has
 * not the key cannot make other entries of the same sum. */
#ifndef TIDEGATE_HOLDING_H
#define TIDEGATE_HOLDING_H

#include <stdbool.h>
#include <stdint.h>

#include "directory_types.h"
#include "slot.h"

/* Owner:  the directory.
 * Shared: never.
 * Freed:  when the last entry of a dropped node is gone. */
struct holding {
	bool is_dropped;
	uint32_t sweeps; /* of a dropped node: segments of each table that still have to be swept */
	uint64_t counts[DIRECTORY_KINDS];
	uint64_t roots[DIRECTORY_KINDS]; /* sums of the digests */
	uint64_t digests[DIRECTORY_KINDS][DIRECTORY_SHARDS];
};

/* The hash that an entry adds. Two of the same key, value, device and `is_watched` are the same;
 * whose they are does not count. */
uint64_t holding_hash(
	const uint8_t key[DIRECTORY_DIGEST_KEY_BYTES], const struct slot_entry *entry);

/* An entry has come, has gone. */
void holding_add(struct holding *holding, const uint8_t key[DIRECTORY_DIGEST_KEY_BYTES],
	enum directory_kind kind, const struct slot_entry *entry);
void holding_subtract(struct holding *holding, const uint8_t key[DIRECTORY_DIGEST_KEY_BYTES],
	enum directory_kind kind, const struct slot_entry *entry);

#endif
