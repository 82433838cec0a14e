/* How many connections each address has: one slot for each that has any, in a table that grows and
 * shrinks with them. */
#ifndef TIDEGATE_ADDRESS_TABLE_H
#define TIDEGATE_ADDRESS_TABLE_H

#include <stdint.h>

#include "address_key.h"
#include "budget.h"

/* Free when both counts are zero. */
struct address_slot {
	struct address_key key;
	uint32_t hash;
	uint32_t admitted; /* connections */
	uint32_t refused;  /* those that are only there to be told */
};

/* Owner:  whoever holds its lock. Starts from zeros.
 * Freed:  its memory by itself, when no slot is in use. */
struct address_table {
	struct address_slot *slots;
	uint32_t size; /* a power of two, or 0 */
	uint32_t used;
};

/* Finds the slot of a key, or takes one for it: its counts are zero then, and the caller adds to
 * one of them at once. Memory is charged to the budget. The slot is good until the next call.
 * Errors: -ENOMEM. */
int address_table_take(struct address_table *table, struct budget *budget,
	const struct address_key *key, uint32_t hash, struct address_slot **ret_slot);

/* The slot of a key that is there. */
struct address_slot *address_table_find(
	const struct address_table *table, const struct address_key *key, uint32_t hash);

/* Gives a slot back whose counts have come to zero; others stay as they are. */
void address_table_give(
	struct address_table *table, struct budget *budget, struct address_slot *slot);

#endif
