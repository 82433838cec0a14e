#include "segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "../user/rcu_table.h"

/* liburcu's inline fast paths cannot be seen through by ThreadSanitizer. */
#if !HAVE_THREAD_SANITIZER
#define _LGPL_SOURCE
#endif
#include <urcu/urcu-memb.h>

/* For ThreadSanitizer: see rcu_table.h. */
static char grace_period;

enum {
	BYTES_MIN = 128,
	STEPS = 4, /* of sizes between two powers of two, as an allocator has them */
};

/* Owner:  the table of the directory; all fields but the slots are the writer's own after
 *         publication, and `capacity` never changes.
 * Shared: readers under RCU.
 * Freed:  a grace period after another has taken its place. */
struct segment {
	struct rcu_head rcu;
	uint32_t capacity; /* slots */
	uint32_t count;    /* of them, taken ones */
	uint32_t used;     /* of them, those that are not free: taken or left */
	struct slot slots[];
};

void segment_read_begin(void)
{
	urcu_memb_read_lock();
}

void segment_read_end(void)
{
	GRACE_BEGINS(&grace_period);
	urcu_memb_read_unlock();
}

/* --- sizes -------------------------------------------------------------------------------------
 */

static uint32_t capacity_of(size_t bytes)
{
	return (uint32_t)((bytes - sizeof(struct segment)) / sizeof(struct slot));
}

/* Not so many that a fresh one would be crowded soon. */
static bool is_fit(size_t bytes, uint32_t entries)
{
	return entries <= (uint64_t)capacity_of(bytes) * 2 / 3;
}

/* Sizes grow by a fifth on average, so that a copy is used well from the beginning. */
size_t segment_bytes_for(uint32_t entries)
{
	size_t base = BYTES_MIN;
	while (!is_fit(2 * base, entries)) {
		base *= 2;
	}
	size_t bytes = base;
	while (!is_fit(bytes, entries)) {
		bytes += base / STEPS;
	}
	return bytes;
}

size_t segment_bytes(const struct segment *segment)
{
	return sizeof(struct segment) + segment->capacity * sizeof(struct slot);
}

uint32_t segment_count(const struct segment *segment)
{
	return segment->count;
}

uint32_t segment_capacity(const struct segment *segment)
{
	return segment->capacity;
}

struct slot *segment_slot(struct segment *segment, uint32_t place)
{
	return &segment->slots[place];
}

bool segment_is_crowded(const struct segment *segment)
{
	return segment->used + 1 > (uint64_t)segment->capacity * 3 / 4;
}

/* One slot in sixteen stays free, one at least: there every search ends. */
bool segment_is_full(const struct segment *segment)
{
	return segment->used + 1 >= segment->capacity - segment->capacity / 16;
}

bool segment_is_roomy(const struct segment *segment)
{
	return segment->count < segment->capacity / 2 &&
	       segment_bytes_for(segment->count) < segment_bytes(segment);
}

/* --- life --------------------------------------------------------------------------------------
 */

int segment_create(uint32_t entries, struct segment **ret_segment)
{
	const size_t bytes = segment_bytes_for(entries);
	struct segment *segment = calloc(1, bytes);
	if (!segment) {
		return -ENOMEM;
	}
	segment->capacity = capacity_of(bytes);
	*ret_segment = segment;
	return 0;
}

void segment_discard(struct segment **segment)
{
	free(*segment);
	*segment = NULL;
}

static void free_segment(struct rcu_head *head)
{
	GRACE_ENDS(&grace_period);
	free(caa_container_of(head, struct segment, rcu));
}

void segment_retire(struct segment **segment)
{
	GRACE_BEGINS(&grace_period);
	urcu_memb_call_rcu(&(*segment)->rcu, free_segment);
	*segment = NULL;
}

void segment_wait(void)
{
	urcu_memb_barrier();
}

/* --- places ------------------------------------------------------------------------------------
 */

/* Where an entry belongs: in the order of the 20 bits of its hash that follow those of the segment.
 */
static uint32_t home_of(const struct segment *segment, uint32_t hash)
{
	const uint64_t following = (uint32_t)(hash << SEGMENT_BITS);
	return (uint32_t)(following * segment->capacity >> 32);
}

static uint32_t behind(const struct segment *segment, uint32_t place)
{
	return place + 1 < segment->capacity ? place + 1 : 0;
}

static uint32_t before(const struct segment *segment, uint32_t place)
{
	return place > 0 ? place - 1 : segment->capacity - 1;
}

struct segment_probe segment_probe(struct segment *segment, uint32_t hash)
{
	return (struct segment_probe){segment, home_of(segment, hash)};
}

struct slot *segment_next(struct segment_probe *probe)
{
	struct slot *slot = &probe->segment->slots[probe->place];
	if (slot_tag(slot) == SLOT_FREE) {
		return NULL;
	}
	probe->place = behind(probe->segment, probe->place);
	return slot;
}

struct slot *segment_put(struct segment *segment, const struct slot_entry *entry)
{
	uint32_t place = home_of(segment, (uint32_t)(entry->key >> 32));
	while (slot_is_taken(&segment->slots[place])) {
		place = behind(segment, place);
	}
	struct slot *slot = &segment->slots[place];
	segment->used += slot_tag(slot) == SLOT_FREE;
	segment->count++;
	slot_set(slot, entry);
	return slot;
}

void segment_remove(struct segment *segment, struct slot *slot)
{
	uint32_t place = (uint32_t)(slot - segment->slots);
	ASSERT(place < segment->capacity && slot_is_taken(slot));
	segment->count--;
	slot_set_tag(slot, SLOT_LEFT);
	/* In front of a free slot, nobody searches on behind one that was left. */
	if (slot_tag(&segment->slots[behind(segment, place)]) != SLOT_FREE) {
		return;
	}
	while (slot_tag(&segment->slots[place]) == SLOT_LEFT) {
		slot_set_tag(&segment->slots[place], SLOT_FREE);
		segment->used--;
		place = before(segment, place);
	}
}

void segment_copy(struct segment *segment, struct segment *from)
{
	for (uint32_t i = 0; i < from->capacity; i++) {
		const uint32_t tag = slot_tag(&from->slots[i]);
		if (slot_tag_is_taken(tag)) {
			const struct slot_entry entry = slot_get(&from->slots[i]);
			struct slot *slot = segment_put(segment, &entry);
			slot_set_tag(slot, tag); /* with its mark */
		}
	}
}
