/* What the directory is made of: for directory.c, directory_nodes.c and directory_shards.c only. */
#ifndef TIDEGATE_DIRECTORY_INNER_H
#define TIDEGATE_DIRECTORY_INNER_H

#include <stdbool.h>
#include <stdint.h>

#include "directory_types.h"
#include "holding.h"
#include "slots.h"

/* Whose entries a table holds. */
enum directory_side {
	DIRECTORY_OWN,
	DIRECTORY_OTHERS,
	DIRECTORY_SIDES,
};

/* Owner:  the writer's thread.
 * Shared: the tables of others' entries and `memory.used` with registered threads.
 * Freed:  directory_destroy. */
struct directory {
	struct slots tables[DIRECTORY_SIDES][DIRECTORY_KINDS];
	struct slots_memory memory;
	struct holding *holdings[DIRECTORY_NODES_MAX]; /* NULL: the number is free */
	uint32_t nodes_end;                            /* behind the highest number taken */
	uint64_t totals[DIRECTORY_KINDS];              /* of all nodes but dropped ones */
	uint32_t dropped;                              /* nodes that are not swept yet */
	uint32_t next_sweep;                           /* a segment of each table */
	uint8_t digest_key[DIRECTORY_DIGEST_KEY_BYTES];
};

/* What is held of a node, which must be there and not dropped. */
struct holding *directory_holding(const struct directory *directory, uint16_t node);

/* Where the entries of a node are. */
struct slots *directory_table(struct directory *directory, uint16_t node, enum directory_kind kind);

/* Puts what is said of one entry; without `is_believed` a known session keeps a higher epoch. A
 * room must have members. `flags` are added to the tag of its slot, which in any case is that of
 * the entry from then on. Returns a directory_change. Errors: -ENOMEM. */
int directory_put(struct directory *directory, enum directory_kind kind,
	const struct slot_entry *entry, bool is_believed, uint32_t flags);

/* Accounts for an entry that goes; to take it out is the caller's. */
void directory_forget(
	struct directory *directory, enum directory_kind kind, const struct slot_entry *entry);

#endif
