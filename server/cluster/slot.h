/* An entry of the directory in 24 bytes, which one thread writes and all may read.
 *
 * The tag says whose it is and what: it is written last when an entry comes and first when it goes.
 * A reader who has the tag may see the rest of what has come into the slot since: all that readers
 * of other threads make of it is "maybe". */
#ifndef TIDEGATE_SLOT_H
#define TIDEGATE_SLOT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	SLOT_FREE = 0,    /* no entry, and never one behind it that belongs before it */
	SLOT_LEFT = 1,    /* an entry was here: those that found it taken are behind it */
	SLOT_TAKEN = 2,   /* an entry is here */
	SLOT_WATCHED = 4, /* of a room: some of its members are told who comes and goes */
	SLOT_MARKED = 8,  /* the writer's own, while it compares what it has with a page */
	SLOT_NODE_SHIFT = 16,
};

/* Owner:  the writer's thread.
 * Shared: read by registered threads, under RCU. */
struct slot {
	_Atomic uint64_t key;
	_Atomic uint64_t value; /* the epoch of a session, the members of a room */
	_Atomic uint32_t device;
	_Atomic uint32_t tag; /* node 16, flags 16 bits */
};

_Static_assert(sizeof(struct slot) == 24, "24 bytes a slot");

/* What a slot holds. Plain data. */
struct slot_entry {
	uint64_t key;
	uint64_t value;
	uint32_t device;
	uint16_t node;
	bool is_watched;
};

/* Acquired: what was written before it is seen behind it. */
static inline uint32_t slot_tag(const struct slot *slot)
{
	return atomic_load_explicit(&slot->tag, memory_order_acquire);
}

static inline bool slot_tag_is_taken(uint32_t tag)
{
	return (tag & SLOT_TAKEN) != 0;
}

static inline uint16_t slot_tag_node(uint32_t tag)
{
	return (uint16_t)(tag >> SLOT_NODE_SHIFT);
}

static inline void slot_set_tag(struct slot *slot, uint32_t tag)
{
	atomic_store_explicit(&slot->tag, tag, memory_order_release);
}

static inline uint64_t slot_key(const struct slot *slot)
{
	return atomic_load_explicit(&slot->key, memory_order_relaxed);
}

static inline uint64_t slot_value(const struct slot *slot)
{
	return atomic_load_explicit(&slot->value, memory_order_relaxed);
}

static inline uint32_t slot_device(const struct slot *slot)
{
	return atomic_load_explicit(&slot->device, memory_order_relaxed);
}

static inline bool slot_is_taken(const struct slot *slot)
{
	return slot_tag_is_taken(slot_tag(slot));
}

static inline bool slot_is_of(const struct slot *slot, uint16_t node)
{
	const uint32_t tag = slot_tag(slot);
	return slot_tag_is_taken(tag) && slot_tag_node(tag) == node;
}

static inline struct slot_entry slot_get(const struct slot *slot)
{
	const uint32_t tag = slot_tag(slot);
	return (struct slot_entry){
		.key = slot_key(slot),
		.value = slot_value(slot),
		.device = slot_device(slot),
		.node = slot_tag_node(tag),
		.is_watched = (tag & SLOT_WATCHED) != 0,
	};
}

/* Thread: the writer's. */
static inline void slot_set(struct slot *slot, const struct slot_entry *entry)
{
	const uint32_t watched = entry->is_watched ? SLOT_WATCHED : 0;
	atomic_store_explicit(&slot->key, entry->key, memory_order_relaxed);
	atomic_store_explicit(&slot->value, entry->value, memory_order_relaxed);
	atomic_store_explicit(&slot->device, entry->device, memory_order_relaxed);
	slot_set_tag(slot, (uint32_t)entry->node << SLOT_NODE_SHIFT | SLOT_TAKEN | watched);
}

#endif
