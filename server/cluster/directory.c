#include "directory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "../../proto/assert.h"
#include "directory_inner.h"

/* --- life --------------------------------------------------------------------------------------
 */

static void make_tables(struct directory *directory)
{
	for (int side = 0; side < DIRECTORY_SIDES; side++) {
		for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
			slots_init(&directory->tables[side][kind], &directory->memory);
		}
	}
}

int directory_create(
	const uint8_t digest_key[DIRECTORY_DIGEST_KEY_BYTES], struct directory **ret_directory)
{
	if (sodium_init() < 0) {
		return -ENOSYS;
	}
	struct directory *directory = calloc(1, sizeof(*directory));
	if (!directory) {
		return -ENOMEM;
	}
	uint16_t self;
	directory->memory.limit = SIZE_MAX;
	slots_memory_change(&directory->memory, sizeof(*directory));
	memcpy(directory->digest_key, digest_key, DIRECTORY_DIGEST_KEY_BYTES);
	make_tables(directory);
	int err = directory_take_node(directory, &self);
	if (err) {
		free(directory);
		return err;
	}
	ASSERT(self == DIRECTORY_SELF);
	*ret_directory = directory;
	return 0;
}

void directory_destroy(struct directory **directory)
{
	struct directory *given = *directory;
	if (!given) {
		return;
	}
	*directory = NULL;
	for (int side = 0; side < DIRECTORY_SIDES; side++) {
		for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
			slots_finish(&given->tables[side][kind]);
		}
	}
	for (uint32_t i = 0; i < given->nodes_end; i++) {
		free(given->holdings[i]);
	}
	free(given);
	segment_wait();
}

void directory_set_limit(struct directory *directory, size_t bytes)
{
	directory->memory.limit = bytes;
}

size_t directory_bytes(const struct directory *directory)
{
	return atomic_load_explicit(&directory->memory.used, memory_order_relaxed);
}

/* --- readers -----------------------------------------------------------------------------------
 */

static bool note_user(void *context, const struct slot *slot)
{
	(void)slot;
	*(bool *)context = true;
	return false;
}

bool directory_has_user(const void *directory, uint32_t hash)
{
	const struct directory *in = directory;
	bool has_user = false;
	slots_look(&in->tables[DIRECTORY_OTHERS][DIRECTORY_USERS], hash, note_user, &has_user);
	return has_user;
}

static bool add_members(void *context, const struct slot *slot)
{
	uint64_t *members = context;
	*members += slot_value(slot);
	return true;
}

uint32_t directory_room_users(const void *directory, uint32_t hash)
{
	const struct directory *in = directory;
	uint64_t members = 0;
	slots_look(&in->tables[DIRECTORY_OTHERS][DIRECTORY_ROOMS], hash, add_members, &members);
	return members < UINT32_MAX ? (uint32_t)members : UINT32_MAX;
}

static bool note_watched(void *context, const struct slot *slot)
{
	*(bool *)context = (slot_tag(slot) & SLOT_WATCHED) != 0;
	return !*(bool *)context;
}

bool directory_room_is_watched(const void *directory, uint32_t hash)
{
	const struct directory *in = directory;
	bool is_watched = false;
	slots_look(&in->tables[DIRECTORY_OTHERS][DIRECTORY_ROOMS], hash, note_watched, &is_watched);
	return is_watched;
}

/* --- entries -----------------------------------------------------------------------------------
 */

struct slots *directory_table(struct directory *directory, uint16_t node, enum directory_kind kind)
{
	return &directory->tables[node == DIRECTORY_SELF ? DIRECTORY_OWN : DIRECTORY_OTHERS][kind];
}

void directory_forget(
	struct directory *directory, enum directory_kind kind, const struct slot_entry *entry)
{
	holding_subtract(
		directory_holding(directory, entry->node), directory->digest_key, kind, entry);
	directory->totals[kind]--;
}

static void account(
	struct directory *directory, enum directory_kind kind, const struct slot_entry *entry)
{
	holding_add(directory_holding(directory, entry->node), directory->digest_key, kind, entry);
	directory->totals[kind]++;
}

/* What an entry means to what is known of it. */
static enum directory_change judge(enum directory_kind kind, const struct slot_entry *known,
	const struct slot_entry *entry, bool is_believed)
{
	if (known->value == entry->value && known->is_watched == entry->is_watched) {
		return DIRECTORY_SAME;
	}
	if (kind == DIRECTORY_ROOMS || entry->value > known->value) {
		return DIRECTORY_RAISED;
	}
	return is_believed ? DIRECTORY_LOWERED : DIRECTORY_LOWER;
}

static enum directory_change update(struct directory *directory, enum directory_kind kind,
	struct slot *slot, const struct slot_entry *entry, bool is_believed)
{
	const struct slot_entry known = slot_get(slot);
	const enum directory_change change = judge(kind, &known, entry, is_believed);
	if (change == DIRECTORY_RAISED || change == DIRECTORY_LOWERED) {
		directory_forget(directory, kind, &known);
		slot_set(slot, entry);
		account(directory, kind, entry);
	}
	return change;
}

int directory_put(struct directory *directory, enum directory_kind kind,
	const struct slot_entry *entry, bool is_believed, uint32_t flags)
{
	struct slots *table = directory_table(directory, entry->node, kind);
	struct slot *slot = slots_find(table, entry->key, entry->device, entry->node);
	if (slot) {
		enum directory_change change = update(directory, kind, slot, entry, is_believed);
		slot_set_tag(slot, slot_tag(slot) | flags);
		return (int)change;
	}
	int err = slots_put(table, entry, flags);
	if (err) {
		return err;
	}
	account(directory, kind, entry);
	return DIRECTORY_ADDED;
}

int directory_put_user(
	struct directory *directory, uint16_t node, uint64_t key, uint32_t device, uint64_t epoch)
{
	const struct slot_entry entry = {
		.key = key,
		.value = epoch,
		.device = device,
		.node = node,
	};
	(void)directory_holding(directory, node);
	return directory_put(directory, DIRECTORY_USERS, &entry, false, 0);
}

static enum directory_change take_out(
	struct directory *directory, uint16_t node, enum directory_kind kind, struct slot *slot)
{
	const struct slot_entry entry = slot_get(slot);
	directory_forget(directory, kind, &entry);
	slots_remove(directory_table(directory, node, kind), slot);
	return DIRECTORY_REMOVED;
}

enum directory_change directory_remove_user(
	struct directory *directory, uint16_t node, uint64_t key, uint32_t device, uint64_t epoch)
{
	(void)directory_holding(directory, node);
	struct slot *slot =
		slots_find(directory_table(directory, node, DIRECTORY_USERS), key, device, node);
	return slot && slot_value(slot) == epoch ? take_out(directory, node, DIRECTORY_USERS, slot)
						 : DIRECTORY_SAME;
}

static enum directory_change remove_room(struct directory *directory, uint16_t node, uint64_t key)
{
	struct slot *slot =
		slots_find(directory_table(directory, node, DIRECTORY_ROOMS), key, 0, node);
	return slot ? take_out(directory, node, DIRECTORY_ROOMS, slot) : DIRECTORY_SAME;
}

int directory_put_room(
	struct directory *directory, uint16_t node, uint64_t key, uint32_t members, bool is_watched)
{
	const struct slot_entry entry = {
		.key = key,
		.value = members,
		.node = node,
		.is_watched = is_watched,
	};
	(void)directory_holding(directory, node);
	return members > 0 ? directory_put(directory, DIRECTORY_ROOMS, &entry, false, 0)
			   : (int)remove_room(directory, node, key);
}

/* --- searches ----------------------------------------------------------------------------------
 */

/* Goes through all entries of a key, on both sides. */
struct search {
	const struct directory *directory;
	struct slots_search sides[DIRECTORY_SIDES];
	int side;
};

static struct search search_begin(
	const struct directory *directory, enum directory_kind kind, uint64_t key)
{
	struct search search = {.directory = directory};
	for (int side = 0; side < DIRECTORY_SIDES; side++) {
		search.sides[side] = slots_search(&directory->tables[side][kind], key);
	}
	return search;
}

static const struct holding *holding_of(const struct search *search, const struct slot *slot)
{
	return search->directory->holdings[slot_tag_node(slot_tag(slot))];
}

/* The next one that is not a dropped node's, or NULL. */
static const struct slot *search_next(struct search *search)
{
	while (search->side < DIRECTORY_SIDES) {
		const struct slot *slot = slots_search_next(&search->sides[search->side]);
		if (!slot) {
			search->side++;
		} else if (!holding_of(search, slot)->is_dropped) {
			return slot;
		}
	}
	return NULL;
}

uint32_t directory_find_user(const struct directory *directory, uint64_t key,
	struct directory_user *ret_users, uint32_t most)
{
	struct search search = search_begin(directory, DIRECTORY_USERS, key);
	const struct slot *slot;
	uint32_t count = 0;
	while ((slot = search_next(&search))) {
		if (count++ < most) {
			ret_users[count - 1] = (struct directory_user){
				.epoch = slot_value(slot),
				.device = slot_device(slot),
				.node = slot_tag_node(slot_tag(slot)),
			};
		}
	}
	return count;
}

uint32_t directory_find_room(const struct directory *directory, uint64_t key,
	struct directory_room *ret_rooms, uint32_t most)
{
	struct search search = search_begin(directory, DIRECTORY_ROOMS, key);
	const struct slot *slot;
	uint32_t count = 0;
	while ((slot = search_next(&search))) {
		if (count++ < most) {
			const struct slot_entry entry = slot_get(slot);
			ret_rooms[count - 1] = (struct directory_room){
				.members = (uint32_t)entry.value,
				.node = entry.node,
				.is_watched = entry.is_watched,
			};
		}
	}
	return count;
}
