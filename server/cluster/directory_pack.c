#include "directory_pack.h"

#include <errno.h>

#include "../../proto/bytes.h"
#include "directory_inner.h"

enum {
	ENTRY_LEN = 8 + 8 + 4 + 2 + 1, /* bytes: key, value, device, node, whether it is watched */
};

/* --- writing -----------------------------------------------------------------------------------
 */

static void pack_entry(struct pack *pack, const struct slot_entry *entry)
{
	uint8_t bytes[ENTRY_LEN];
	store_be64(bytes, entry->key);
	store_be64(bytes + 8, entry->value);
	store_be32(bytes + 16, entry->device);
	store_be16(bytes + 20, entry->node);
	bytes[22] = entry->is_watched;
	pack_bytes(pack, bytes, sizeof(bytes));
}

static void pack_segment(
	const struct directory *directory, struct segment *segment, struct pack *pack)
{
	const uint32_t capacity = segment ? segment_capacity(segment) : 0;
	for (uint32_t i = 0; i < capacity; i++) {
		const struct slot *slot = segment_slot(segment, i);
		if (slot_is_taken(slot)) {
			const struct slot_entry entry = slot_get(slot);
			if (!directory->holdings[entry.node]->is_dropped) {
				pack_entry(pack, &entry);
			}
		}
	}
}

void directory_pack(const struct directory *directory, struct pack *pack)
{
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		pack_u64(pack, directory_total(directory, (enum directory_kind)kind));
		for (int side = 0; side < DIRECTORY_SIDES; side++) {
			const struct slots *table = &directory->tables[side][kind];
			for (uint32_t i = 0; i < SLOTS_SEGMENTS; i++) {
				pack_segment(directory, slots_segment(table, i), pack);
			}
		}
	}
}

/* --- reading -----------------------------------------------------------------------------------
 */

static struct slot_entry entry_of(const uint8_t bytes[ENTRY_LEN])
{
	return (struct slot_entry){
		.key = load_be64(bytes),
		.value = load_be64(bytes + 8),
		.device = load_be32(bytes + 16),
		.node = load_be16(bytes + 20),
		.is_watched = bytes[22] == 1,
	};
}

static bool makes_sense(
	const struct directory *directory, enum directory_kind kind, const struct slot_entry *entry)
{
	if (entry->node >= DIRECTORY_NODES_MAX || !directory->holdings[entry->node]) {
		return false;
	}
	return kind == DIRECTORY_USERS
		       ? !entry->is_watched
		       : entry->device == 0 && entry->value > 0 && entry->value <= UINT32_MAX;
}

static int unpack_entry(
	struct directory *directory, enum directory_kind kind, struct unpack *unpack)
{
	const uint8_t *bytes = unpack_bytes(unpack, ENTRY_LEN);
	if (!bytes) {
		return -EINVAL;
	}
	const struct slot_entry entry = entry_of(bytes);
	if (!makes_sense(directory, kind, &entry)) {
		return -EINVAL;
	}
	const int change = directory_put(directory, kind, &entry, false, 0);
	return change < 0 ? change : change == DIRECTORY_ADDED ? 0 : -EINVAL;
}

int directory_unpack(struct directory *directory, struct unpack *unpack)
{
	int err = 0;
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		const uint64_t count = unpack_u64(unpack);
		for (uint64_t i = 0; !err && i < count; i++) {
			err = unpack_entry(directory, (enum directory_kind)kind, unpack);
		}
	}
	return err ? err : unpack->failed ? -EINVAL : 0;
}
