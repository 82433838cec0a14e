#include "slots.h"

#include <errno.h>
#include <stdlib.h>

/* --- memory ------------------------------------------------------------------------------------
 */

bool slots_memory_allows(const struct slots_memory *memory, size_t bytes)
{
	const size_t used = atomic_load_explicit(&memory->used, memory_order_relaxed);
	return used <= memory->limit && bytes <= memory->limit - used;
}

void slots_memory_change(struct slots_memory *memory, ptrdiff_t bytes)
{
	atomic_fetch_add_explicit(&memory->used, (size_t)bytes, memory_order_relaxed);
}

/* --- segments ----------------------------------------------------------------------------------
 */

void slots_init(struct slots *slots, struct slots_memory *memory)
{
	slots->memory = memory;
}

void slots_finish(struct slots *slots)
{
	for (uint32_t i = 0; i < SLOTS_SEGMENTS; i++) {
		struct segment *segment = slots_segment(slots, i);
		if (segment) {
			segment_discard(&segment);
		}
	}
}

struct segment *slots_segment(const struct slots *slots, uint32_t number)
{
	return atomic_load_explicit(&slots->segments[number], memory_order_acquire);
}

/* Puts `segment` (NULL: none) in the place of what is there. */
static void exchange(struct slots *slots, uint32_t number, struct segment *segment)
{
	struct segment *old = slots_segment(slots, number);
	const ptrdiff_t before = old ? (ptrdiff_t)segment_bytes(old) : 0;
	const ptrdiff_t after = segment ? (ptrdiff_t)segment_bytes(segment) : 0;
	atomic_store_explicit(&slots->segments[number], segment, memory_order_release);
	slots_memory_change(slots->memory, after - before);
	if (old) {
		segment_retire(&old);
	}
}

/* Copies a segment into one that is fit for so many entries. Errors: -ENOMEM. */
static int resize(struct slots *slots, uint32_t number, uint32_t entries)
{
	struct segment *old = slots_segment(slots, number);
	struct segment *segment;
	if (!slots_memory_allows(slots->memory, segment_bytes_for(entries))) {
		return -ENOMEM;
	}
	int err = segment_create(entries, &segment);
	if (err) {
		return err;
	}
	if (old) {
		segment_copy(segment, old);
	}
	exchange(slots, number, segment);
	return 0;
}

/* Gives back what is not needed; without memory for that it stays as it is. */
static void tidy(struct slots *slots, uint32_t number)
{
	struct segment *segment = slots_segment(slots, number);
	if (segment_count(segment) == 0) {
		exchange(slots, number, NULL);
	} else if (segment_is_roomy(segment)) {
		(void)resize(slots, number, segment_count(segment));
	}
}

/* Makes room for one more. Errors: -ENOMEM: there is none. */
static int make_room(struct slots *slots, uint32_t number)
{
	struct segment *segment = slots_segment(slots, number);
	if (!segment) {
		return resize(slots, number, 1);
	}
	if (!segment_is_crowded(segment)) {
		return 0;
	}
	int err = resize(slots, number, segment_count(segment) + 1);
	return err && !segment_is_full(segment) ? 0 : err;
}

/* --- readers -----------------------------------------------------------------------------------
 */

static void look(struct segment *segment, uint32_t hash,
	bool (*visit)(void *context, const struct slot *slot), void *context)
{
	struct segment_probe probe = segment_probe(segment, hash);
	const struct slot *slot;
	while ((slot = segment_next(&probe))) {
		if (slot_is_taken(slot) && (uint32_t)(slot_key(slot) >> 32) == hash &&
			!visit(context, slot)) {
			return;
		}
	}
}

void slots_look(const struct slots *slots, uint32_t hash,
	bool (*visit)(void *context, const struct slot *slot), void *context)
{
	segment_read_begin();
	struct segment *segment = slots_segment(slots, hash >> (32 - SEGMENT_BITS));
	if (segment) {
		look(segment, hash, visit, context);
	}
	segment_read_end();
}

/* --- the writer --------------------------------------------------------------------------------
 */

struct slots_search slots_search(const struct slots *slots, uint64_t key)
{
	struct segment *segment = slots_segment(slots, slots_segment_of(key));
	return (struct slots_search){
		.probe = segment ? segment_probe(segment, (uint32_t)(key >> 32))
				 : (struct segment_probe){0},
		.key = key,
	};
}

struct slot *slots_search_next(struct slots_search *search)
{
	struct slot *slot;
	while (search->probe.segment && (slot = segment_next(&search->probe))) {
		if (slot_is_taken(slot) && slot_key(slot) == search->key) {
			return slot;
		}
	}
	return NULL;
}

struct slot *slots_find(const struct slots *slots, uint64_t key, uint32_t device, uint16_t node)
{
	struct slots_search search = slots_search(slots, key);
	struct slot *slot;
	while ((slot = slots_search_next(&search))) {
		if (slot_device(slot) == device && slot_is_of(slot, node)) {
			return slot;
		}
	}
	return NULL;
}

int slots_put(struct slots *slots, const struct slot_entry *entry, uint32_t flags)
{
	const uint32_t number = slots_segment_of(entry->key);
	int err = make_room(slots, number);
	if (err) {
		return err;
	}
	struct slot *slot = segment_put(slots_segment(slots, number), entry);
	slot_set_tag(slot, slot_tag(slot) | flags);
	return 0;
}

void slots_remove(struct slots *slots, struct slot *slot)
{
	const uint32_t number = slots_segment_of(slot_key(slot));
	segment_remove(slots_segment(slots, number), slot);
	tidy(slots, number);
}

static void sweep_slot(struct segment *segment, struct slot *slot, const struct slots_sweep *sweep)
{
	if (slot_is_taken(slot) && sweep->goes(sweep->context, slot)) {
		const struct slot_entry entry = slot_get(slot);
		segment_remove(segment, slot);
		if (sweep->gone) {
			sweep->gone(sweep->context, &entry);
		}
	}
}

void slots_sweep(struct slots *slots, uint32_t number, const struct slots_sweep *sweep)
{
	struct segment *segment = slots_segment(slots, number);
	if (!segment) {
		return;
	}
	for (uint32_t i = 0; i < segment_capacity(segment); i++) {
		sweep_slot(segment, segment_slot(segment, i), sweep);
	}
	tidy(slots, number);
}
