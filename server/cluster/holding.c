#include "holding.h"

#include <endian.h>

#include <sodium.h>

#include "../../proto/bytes.h"

enum {
	HASHED_BYTES = 8 + 8 + 4 + 1,
};

_Static_assert(
	DIRECTORY_DIGEST_KEY_BYTES == crypto_shorthash_KEYBYTES, "the digest key is the hash's");

uint64_t holding_hash(const uint8_t key[DIRECTORY_DIGEST_KEY_BYTES], const struct slot_entry *entry)
{
	uint8_t bytes[HASHED_BYTES];
	uint64_t hash;
	store_be64(bytes, entry->key);
	store_be64(bytes + 8, entry->value);
	store_be32(bytes + 16, entry->device);
	bytes[20] = entry->is_watched;
	crypto_shorthash((unsigned char *)&hash, bytes, sizeof(bytes), key);
	return le64toh(hash);
}

static void change(struct holding *holding, enum directory_kind kind, uint64_t key, uint64_t hash)
{
	holding->digests[kind][directory_shard_of(key)] += hash;
	holding->roots[kind] += hash;
}

void holding_add(struct holding *holding, const uint8_t key[DIRECTORY_DIGEST_KEY_BYTES],
	enum directory_kind kind, const struct slot_entry *entry)
{
	holding->counts[kind]++;
	change(holding, kind, entry->key, holding_hash(key, entry));
}

void holding_subtract(struct holding *holding, const uint8_t key[DIRECTORY_DIGEST_KEY_BYTES],
	enum directory_kind kind, const struct slot_entry *entry)
{
	holding->counts[kind]--;
	change(holding, kind, entry->key, -holding_hash(key, entry));
}
