#include <errno.h>

#include "directory.h"
#include "directory_inner.h"

enum {
	HASHES_PER_SEGMENT = 1 << (32 - SEGMENT_BITS),
	/* Of a page, as long as there are few of its entries among them: some 50 us. */
	SLOTS_MOST = 16384,
};

/* Keys by their high 32 bits, both ends included. */
struct hashes {
	uint32_t first;
	uint32_t last;
};

static bool is_in(struct hashes hashes, const struct slot *slot)
{
	const uint32_t hash = (uint32_t)(slot_key(slot) >> 32);
	return slot_is_taken(slot) && hash >= hashes.first && hash <= hashes.last;
}

static struct directory_entry entry_of(const struct slot_entry *entry)
{
	return (struct directory_entry){
		.key = entry->key,
		.value = entry->value,
		.device = entry->device,
		.is_watched = entry->is_watched,
	};
}

static uint32_t segment_of(uint32_t hash)
{
	return hash >> (32 - SEGMENT_BITS);
}

static uint32_t last_of_segment(uint32_t hash)
{
	return hash | (HASHES_PER_SEGMENT - 1);
}

/* --- pages -------------------------------------------------------------------------------------
 */

/* Entries of the own node in a range within a segment. `ret_slots` grows by what was looked at. */
static uint32_t count_in(const struct slots *table, struct hashes hashes, size_t *slots)
{
	struct segment *segment = slots_segment(table, segment_of(hashes.first));
	uint32_t count = 0;
	const uint32_t capacity = segment ? segment_capacity(segment) : 0;
	for (uint32_t i = 0; i < capacity; i++) {
		count += is_in(hashes, segment_slot(segment, i));
	}
	*slots += capacity;
	return count;
}

/* Brings the end of a range down until there are few enough entries in it. */
static struct hashes narrow(const struct slots *table, struct hashes hashes, uint32_t most)
{
	size_t slots = 0;
	while (hashes.first < hashes.last && count_in(table, hashes, &slots) > most) {
		hashes.last = hashes.first + (hashes.last - hashes.first) / 2;
	}
	return hashes;
}

/* As many segments as make a page, from `first` on: within the shard. */
static struct hashes page_from(const struct slots *table, uint32_t first, uint32_t most)
{
	const uint32_t end = first | UINT32_MAX / DIRECTORY_SHARDS;
	struct hashes page = {first, last_of_segment(first)};
	size_t slots = 0;
	uint32_t count = count_in(table, page, &slots);
	if (count > most) {
		return narrow(table, page, most);
	}
	while (page.last < end && slots < SLOTS_MOST) {
		const struct hashes next = {page.last + 1, last_of_segment(page.last + 1)};
		count += count_in(table, next, &slots);
		if (count > most) {
			break;
		}
		page.last = next.last;
	}
	return page;
}

static void hand_out(struct segment *segment, struct hashes hashes,
	void (*take)(void *context, const struct directory_entry *entry), void *context)
{
	for (uint32_t i = 0; segment && i < segment_capacity(segment); i++) {
		const struct slot *slot = segment_slot(segment, i);
		if (is_in(hashes, slot)) {
			const struct slot_entry held = slot_get(slot);
			const struct directory_entry entry = entry_of(&held);
			take(context, &entry);
		}
	}
}

struct directory_range directory_page(const struct directory *directory, enum directory_kind kind,
	uint64_t first, uint32_t most,
	void (*take)(void *context, const struct directory_entry *entry), void *context)
{
	const struct slots *table = &directory->tables[DIRECTORY_OWN][kind];
	const struct hashes page = page_from(table, (uint32_t)(first >> 32), most);
	for (uint32_t i = segment_of(page.first); i <= segment_of(page.last); i++) {
		hand_out(slots_segment(table, i), page, take, context);
	}
	return (struct directory_range){
		.first = (uint64_t)page.first << 32,
		.last = (uint64_t)page.last << 32 | UINT32_MAX,
	};
}

/* --- replacing ---------------------------------------------------------------------------------
 */

/* One call of directory_replace. */
struct replacing {
	struct directory *directory;
	uint16_t node;
	enum directory_kind kind;
	struct directory_range range;
	directory_on_change on_change;
	void *context;
	bool keeps; /* nothing is removed */
};

static bool covers(struct directory_range range, uint64_t key)
{
	return key >= range.first && key <= range.last;
}

static void tell(const struct replacing *replacing, enum directory_change change,
	const struct directory_entry *entry)
{
	if (replacing->on_change && change != DIRECTORY_SAME) {
		replacing->on_change(
			replacing->context, replacing->node, replacing->kind, change, entry);
	}
}

/* What an owner cannot mean is no entry. */
static bool makes_sense(enum directory_kind kind, const struct directory_entry *entry)
{
	return kind == DIRECTORY_USERS || (entry->value > 0 && entry->value <= UINT32_MAX);
}

static int put(const struct replacing *replacing, const struct directory_entry *entry)
{
	const bool is_room = replacing->kind == DIRECTORY_ROOMS;
	const struct slot_entry said = {
		.key = entry->key,
		.value = entry->value,
		.device = is_room ? 0 : entry->device,
		.node = replacing->node,
		.is_watched = is_room && entry->is_watched,
	};
	int change = directory_put(replacing->directory, replacing->kind, &said, true, SLOT_MARKED);
	if (change < 0) {
		return change;
	}
	tell(replacing, (enum directory_change)change, entry);
	return 0;
}

/* Takes the mark off who has one; who has none goes. */
static bool settle(void *context, struct slot *slot)
{
	const struct replacing *replacing = context;
	const uint32_t tag = slot_tag(slot);
	if (slot_tag_node(tag) != replacing->node || !covers(replacing->range, slot_key(slot))) {
		return false;
	}
	slot_set_tag(slot, tag & ~(uint32_t)SLOT_MARKED);
	return !replacing->keeps && !(tag & SLOT_MARKED);
}

static void note_gone(void *context, const struct slot_entry *entry)
{
	const struct replacing *replacing = context;
	const struct directory_entry known = entry_of(entry);
	directory_forget(replacing->directory, replacing->kind, entry);
	tell(replacing, DIRECTORY_REMOVED, &known);
}

static void sweep(struct replacing *replacing)
{
	const struct slots_sweep sweep = {settle, note_gone, replacing};
	struct slots *table =
		directory_table(replacing->directory, replacing->node, replacing->kind);
	const uint32_t last = slots_segment_of(replacing->range.last);
	for (uint32_t i = slots_segment_of(replacing->range.first); i <= last; i++) {
		slots_sweep(table, i, &sweep);
	}
}

static bool is_within_a_shard(struct directory_range range)
{
	return range.first <= range.last &&
	       directory_shard_of(range.first) == directory_shard_of(range.last);
}

int directory_replace(struct directory *directory, uint16_t node, enum directory_kind kind,
	struct directory_range range, const struct directory_entry *entries, size_t count,
	directory_on_change on_change, void *context)
{
	struct replacing replacing = {directory, node, kind, range, on_change, context, false};
	int err = 0;
	(void)directory_holding(directory, node);
	if (!is_within_a_shard(range)) {
		return -EINVAL;
	}
	for (size_t i = 0; !err && i < count; i++) {
		if (covers(range, entries[i].key) && makes_sense(kind, &entries[i])) {
			err = put(&replacing, &entries[i]);
		}
	}
	replacing.keeps = err != 0;
	sweep(&replacing);
	return err;
}
