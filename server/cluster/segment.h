/* One of the parts of a table of the directory: those whose keys begin with the same 12 bits, as an
 * open hash table (linear probing) in the order of what follows.
 *
 * The writer changes slots in place; entries never move while the segment lives. One that has
 * become too full is copied into another, which takes its place. */
#ifndef TIDEGATE_SEGMENT_H
#define TIDEGATE_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slot.h"

enum {
	SEGMENT_BITS = 12, /* of the key, that all of a segment have in common */
};

struct segment;

/* Around all that another thread than the writer's does with a segment. Thread: registered. */
void segment_read_begin(void);
void segment_read_end(void);

/* Makes an empty one that is fit for so many entries: a quarter to a half of it stays free.
 * Errors: -ENOMEM. */
int segment_create(uint32_t entries, struct segment **ret_segment);

/* Bytes that segment_create would take. */
size_t segment_bytes_for(uint32_t entries);

/* Frees one that no other thread has seen. Nulls the giver's pointer. */
void segment_discard(struct segment **segment);

/* Waits until all that was retired is freed. Thread: registered. */
void segment_wait(void);

/* Frees one that is in its place no more, after a grace period. Nulls the giver's pointer. */
void segment_retire(struct segment **segment);

size_t segment_bytes(const struct segment *segment);

/* Entries in it. */
uint32_t segment_count(const struct segment *segment);

uint32_t segment_capacity(const struct segment *segment);
struct slot *segment_slot(struct segment *segment, uint32_t place);

/* Whether one more entry would make readers walk far. */
bool segment_is_crowded(const struct segment *segment);

/* Whether one more entry cannot be put. */
bool segment_is_full(const struct segment *segment);

/* Whether half of it is free. */
bool segment_is_roomy(const struct segment *segment);

/* Puts an entry that is not in it. It must not be full. Thread: the writer's. */
struct slot *segment_put(struct segment *segment, const struct slot_entry *entry);

/* Takes an entry out. Thread: the writer's. */
void segment_remove(struct segment *segment, struct slot *slot);

/* Puts all that `from` holds into an empty one that is fit for it. Thread: the writer's. */
void segment_copy(struct segment *segment, struct segment *from);

/* Where to look for keys with these high 32 bits, one place after the other.
 *
 *	struct segment_probe probe = segment_probe(segment, hash);
 *	while ((slot = segment_next(&probe))) ...    any slot of that hash is among them, taken or
 *not
 */
struct segment_probe {
	struct segment *segment;
	uint32_t place;
};

struct segment_probe segment_probe(struct segment *segment, uint32_t hash);

/* The next slot that was ever taken, or NULL behind the last one. Thread: any, under RCU. */
struct slot *segment_next(struct segment_probe *probe);

#endif
