/* A table of the directory: 4,096 segments by the high bits of the keys, each of which grows and
 * shrinks for itself. So growth never stops the writer for longer than the copy of one segment
 * takes (2,441 entries of ten million), needs no second table meanwhile, and readers look in one
 * place only. A shard, the keys with the same 8 bits, is 16 segments in a row.
 *
 * 32 to 41 bytes an entry as it grows, up to 48 where many have gone, and at most half a megabyte
 * for tables of a few. Segments that are empty are not there. */
#ifndef TIDEGATE_SLOTS_H
#define TIDEGATE_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "segment.h"
#include "slot.h"

enum {
	SLOTS_SEGMENTS = 1 << SEGMENT_BITS,
	SLOTS_SEGMENTS_PER_SHARD = SLOTS_SEGMENTS / 256,
};

/* What several tables may hold together.
 * Owner:  the directory.
 * Shared: `used` may be read by any thread. */
struct slots_memory {
	_Atomic size_t used; /* bytes */
	size_t limit;        /* bytes; the writer's own */
};

/* Whether so many bytes more may be held. */
bool slots_memory_allows(const struct slots_memory *memory, size_t bytes);
void slots_memory_change(struct slots_memory *memory, ptrdiff_t bytes);

/* Owner:  the writer's thread.
 * Shared: registered threads, by slots_look. */
struct slots {
	struct segment *_Atomic segments[SLOTS_SEGMENTS];
	struct slots_memory *memory;
};

/* Makes an empty one in the caller's memory, which is zero. */
void slots_init(struct slots *slots, struct slots_memory *memory);

/* Frees what it holds. No other thread may be using it. */
void slots_finish(struct slots *slots);

static inline uint32_t slots_segment_of(uint64_t key)
{
	return (uint32_t)(key >> (64 - SEGMENT_BITS));
}

/* --- any registered thread ---------------------------------------------------------------------
 */

/* Hands all entries with these high 32 bits to `visit` until it says that it has seen enough, by
 * false. Lock-free: those that are there all the while are among them. */
void slots_look(const struct slots *slots, uint32_t hash,
	bool (*visit)(void *context, const struct slot *slot), void *context);

/* --- the writer's thread -----------------------------------------------------------------------
 */

/* The segment of that number, or NULL when it is empty. */
struct segment *slots_segment(const struct slots *slots, uint32_t number);

/* The entry of a node with that key and device, or NULL. */
struct slot *slots_find(const struct slots *slots, uint64_t key, uint32_t device, uint16_t node);

/* All entries with that key, one after the other. */
struct slots_search {
	struct segment_probe probe;
	uint64_t key;
};

struct slots_search slots_search(const struct slots *slots, uint64_t key);

/* NULL behind the last one. */
struct slot *slots_search_next(struct slots_search *search);

/* Puts an entry whose key, device and node are in it not yet; `flags` are added to its tag.
 * Errors: -ENOMEM. */
int slots_put(struct slots *slots, const struct slot_entry *entry, uint32_t flags);

/* Takes one out. Pointers to others of its segment are invalid then. */
void slots_remove(struct slots *slots, struct slot *slot);

/* What a sweep asks. */
struct slots_sweep {
	bool (*goes)(void *context, struct slot *slot);              /* whether it has to go */
	void (*gone)(void *context, const struct slot_entry *entry); /* it has; NULL: no matter */
	void *context;
};

/* Takes out of a segment what has to go. */
void slots_sweep(struct slots *slots, uint32_t segment, const struct slots_sweep *sweep);

#endif
