#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"
#include "directory.h"
#include "directory_inner.h"

struct holding *directory_holding(const struct directory *directory, uint16_t node)
{
	ASSERT(node < DIRECTORY_NODES_MAX);
	struct holding *holding = directory->holdings[node];
	ASSERT(holding && !holding->is_dropped);
	return holding;
}

static uint32_t first_free(const struct directory *directory)
{
	uint32_t node = 0;
	while (node < DIRECTORY_NODES_MAX && directory->holdings[node]) {
		node++;
	}
	return node;
}

/* Of a number that is free. */
static int take(struct directory *directory, uint32_t node)
{
	struct holding *holding = slots_memory_allows(&directory->memory, sizeof(*holding))
					  ? calloc(1, sizeof(*holding))
					  : NULL;
	if (!holding) {
		return -ENOMEM;
	}
	slots_memory_change(&directory->memory, sizeof(*holding));
	directory->holdings[node] = holding;
	if (directory->nodes_end <= node) {
		directory->nodes_end = node + 1;
	}
	return 0;
}

int directory_take_node(struct directory *directory, uint16_t *ret_node)
{
	const uint32_t node = first_free(directory);
	if (node == DIRECTORY_NODES_MAX) {
		return -ENOSPC;
	}
	int err = take(directory, node);
	if (!err) {
		*ret_node = (uint16_t)node;
	}
	return err;
}

int directory_take_this(struct directory *directory, uint16_t node)
{
	if (node >= DIRECTORY_NODES_MAX || directory->holdings[node]) {
		return -EINVAL;
	}
	return take(directory, node);
}

/* --- counts ------------------------------------------------------------------------------------
 */

uint64_t directory_count(const struct directory *directory, uint16_t node, enum directory_kind kind)
{
	return directory_holding(directory, node)->counts[kind];
}

uint64_t directory_total(const struct directory *directory, enum directory_kind kind)
{
	return directory->totals[kind];
}

uint64_t directory_root(const struct directory *directory, uint16_t node, enum directory_kind kind)
{
	return directory_holding(directory, node)->roots[kind];
}

const uint64_t *directory_digests(
	const struct directory *directory, uint16_t node, enum directory_kind kind)
{
	return directory_holding(directory, node)->digests[kind];
}

/* --- dropping ----------------------------------------------------------------------------------
 */

void directory_drop_node(struct directory *directory, uint16_t node)
{
	struct holding *holding = directory_holding(directory, node);
	ASSERT(node != DIRECTORY_SELF);
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		directory->totals[kind] -= holding->counts[kind];
	}
	/* Wherever the sweep stands, it comes by all segments once. */
	holding->sweeps = SLOTS_SEGMENTS;
	holding->is_dropped = true;
	directory->dropped++;
}

static bool is_dropped(void *context, struct slot *slot)
{
	const struct directory *directory = context;
	return directory->holdings[slot_tag_node(slot_tag(slot))]->is_dropped;
}

static void free_number(struct directory *directory, uint32_t node)
{
	free(directory->holdings[node]);
	directory->holdings[node] = NULL;
	slots_memory_change(&directory->memory, -(ptrdiff_t)sizeof(struct holding));
	directory->dropped--;
}

static void count_sweep(struct directory *directory)
{
	for (uint32_t i = 0; i < directory->nodes_end; i++) {
		struct holding *holding = directory->holdings[i];
		if (holding && holding->is_dropped && --holding->sweeps == 0) {
			free_number(directory, i);
		}
	}
}

/* Of both tables. Returns the slots that were looked at. */
static size_t sweep_segments(struct directory *directory, uint32_t number)
{
	size_t slots = 0;
	for (int kind = 0; kind < DIRECTORY_KINDS; kind++) {
		struct slots *table = &directory->tables[DIRECTORY_OTHERS][kind];
		const struct segment *segment = slots_segment(table, number);
		slots += segment ? segment_capacity(segment) : 0;
		slots_sweep(table, number,
			&(struct slots_sweep){.goes = is_dropped, .context = directory});
	}
	return slots;
}

bool directory_step(struct directory *directory, size_t slots)
{
	size_t done = 0;
	while (directory->dropped > 0 && done < slots) {
		/* Empty segments and the look at the nodes are work too. */
		done += 1 + directory->nodes_end / 8 +
			sweep_segments(directory, directory->next_sweep);
		directory->next_sweep = (directory->next_sweep + 1) % SLOTS_SEGMENTS;
		count_sweep(directory);
	}
	return directory->dropped > 0;
}
