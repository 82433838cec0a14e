/* What a directory should hold, as a plain list: slow, and easy to believe. For tests. */
#ifndef TIDEGATE_TESTS_DIRECTORY_MODEL_H
#define TIDEGATE_TESTS_DIRECTORY_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "../../server/cluster/directory.h"

enum {
	MODEL_MAX = 4096,
};

/* One entry of some node. */
struct model_entry {
	uint16_t node;
	enum directory_kind kind;
	struct directory_entry entry;
};

/* Owner: the test. All zero: empty. */
struct model {
	struct model_entry entries[MODEL_MAX];
	uint32_t count;
};

static inline struct model_entry *model_find(
	struct model *model, uint16_t node, enum directory_kind kind, uint64_t key, uint32_t device)
{
	for (uint32_t i = 0; i < model->count; i++) {
		struct model_entry *entry = &model->entries[i];
		if (entry->node == node && entry->kind == kind && entry->entry.key == key &&
			entry->entry.device == device) {
			return entry;
		}
	}
	return NULL;
}

static inline void model_remove(struct model *model, struct model_entry *entry)
{
	*entry = model->entries[--model->count];
}

static inline void model_add(struct model *model, uint16_t node, enum directory_kind kind,
	const struct directory_entry *entry)
{
	model->entries[model->count++] = (struct model_entry){node, kind, *entry};
}

static inline enum directory_change model_put_user(
	struct model *model, uint16_t node, uint64_t key, uint32_t device, uint64_t epoch)
{
	struct model_entry *known = model_find(model, node, DIRECTORY_USERS, key, device);
	if (!known) {
		model_add(model, node, DIRECTORY_USERS,
			&(struct directory_entry){.key = key, .value = epoch, .device = device});
		return DIRECTORY_ADDED;
	}
	if (epoch <= known->entry.value) {
		return epoch == known->entry.value ? DIRECTORY_SAME : DIRECTORY_LOWER;
	}
	known->entry.value = epoch;
	return DIRECTORY_RAISED;
}

static inline enum directory_change model_remove_user(
	struct model *model, uint16_t node, uint64_t key, uint32_t device, uint64_t epoch)
{
	struct model_entry *known = model_find(model, node, DIRECTORY_USERS, key, device);
	if (!known || known->entry.value != epoch) {
		return DIRECTORY_SAME;
	}
	model_remove(model, known);
	return DIRECTORY_REMOVED;
}

static inline enum directory_change model_put_room(
	struct model *model, uint16_t node, uint64_t key, uint32_t members, bool is_watched)
{
	struct model_entry *known = model_find(model, node, DIRECTORY_ROOMS, key, 0);
	const struct directory_entry entry = {
		.key = key, .value = members, .is_watched = is_watched};
	if (!known) {
		if (members > 0) {
			model_add(model, node, DIRECTORY_ROOMS, &entry);
		}
		return members > 0 ? DIRECTORY_ADDED : DIRECTORY_SAME;
	}
	if (members == 0) {
		model_remove(model, known);
		return DIRECTORY_REMOVED;
	}
	if (known->entry.value == members && known->entry.is_watched == is_watched) {
		return DIRECTORY_SAME;
	}
	known->entry = entry;
	return DIRECTORY_RAISED;
}

static inline void model_drop_node(struct model *model, uint16_t node)
{
	for (uint32_t i = model->count; i-- > 0;) {
		if (model->entries[i].node == node) {
			model_remove(model, &model->entries[i]);
		}
	}
}

static inline uint64_t model_count(
	const struct model *model, uint16_t node, enum directory_kind kind)
{
	uint64_t count = 0;
	for (uint32_t i = 0; i < model->count; i++) {
		count += model->entries[i].node == node && model->entries[i].kind == kind;
	}
	return count;
}

#endif
