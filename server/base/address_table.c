#include "address_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../../proto/assert.h"

enum {
	SIZE_MIN = 16,
	SHRINK_BELOW = 8, /* when fewer than one of so many slots is in use */
};

static bool is_free(const struct address_slot *slot)
{
	return slot->admitted == 0 && slot->refused == 0;
}

static uint32_t next_of(const struct address_table *table, uint32_t at)
{
	return (at + 1) & (table->size - 1);
}

static void charge(struct budget *budget, uint32_t before, uint32_t now)
{
	const ptrdiff_t slots = (ptrdiff_t)now - (ptrdiff_t)before;
	budget_change(budget, BUDGET_ADDRESSES, slots * (ptrdiff_t)sizeof(struct address_slot));
}

/* The slot of a key, or the free one where the search for it ends. The table is never full. */
static struct address_slot *search(
	const struct address_table *table, const struct address_key *key, uint32_t hash)
{
	uint32_t at = hash & (table->size - 1);
	while (!is_free(&table->slots[at]) && !address_key_is_same(&table->slots[at].key, key)) {
		at = next_of(table, at);
	}
	return &table->slots[at];
}

/* Errors: -ENOMEM, the table as it was. */
static int resize(struct address_table *table, struct budget *budget, uint32_t size)
{
	struct address_table fresh = {.size = size, .used = table->used};
	fresh.slots = calloc(size, sizeof(*fresh.slots));
	if (!fresh.slots) {
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < table->size; i++) {
		const struct address_slot *slot = &table->slots[i];
		if (!is_free(slot)) {
			*search(&fresh, &slot->key, slot->hash) = *slot;
		}
	}
	free(table->slots);
	charge(budget, table->size, size);
	*table = fresh;
	return 0;
}

static int make_room(struct address_table *table, struct budget *budget)
{
	if (table->size == 0) {
		return resize(table, budget, SIZE_MIN);
	}
	return table->used >= table->size / 4 * 3 ? resize(table, budget, table->size * 2) : 0;
}

int address_table_take(struct address_table *table, struct budget *budget,
	const struct address_key *key, uint32_t hash, struct address_slot **ret_slot)
{
	int err = make_room(table, budget);
	if (err) {
		return err;
	}
	struct address_slot *slot = search(table, key, hash);
	if (is_free(slot)) {
		*slot = (struct address_slot){.key = *key, .hash = hash};
		table->used++;
	}
	*ret_slot = slot;
	return 0;
}

struct address_slot *address_table_find(
	const struct address_table *table, const struct address_key *key, uint32_t hash)
{
	struct address_slot *slot = search(table, key, hash);
	ASSERT(!is_free(slot));
	return slot;
}

/* Whether a slot that is looked for from `home` on would be found at `hole` as well as at `at`. */
static bool may_move(const struct address_table *table, uint32_t home, uint32_t hole, uint32_t at)
{
	const uint32_t mask = table->size - 1;
	return ((at - home) & mask) >= ((at - hole) & mask);
}

/* Closes the gap, so that no search ends at it. */
static void close_gap(struct address_table *table, uint32_t hole)
{
	for (uint32_t at = next_of(table, hole); !is_free(&table->slots[at]);
		at = next_of(table, at)) {
		if (may_move(table, table->slots[at].hash & (table->size - 1), hole, at)) {
			table->slots[hole] = table->slots[at];
			table->slots[at] = (struct address_slot){.admitted = 0};
			hole = at;
		}
	}
}

static void shrink(struct address_table *table, struct budget *budget)
{
	if (table->used == 0) {
		free(table->slots);
		charge(budget, table->size, 0);
		*table = (struct address_table){.size = 0};
	} else if (table->size > SIZE_MIN && table->used < table->size / SHRINK_BELOW) {
		/* Without memory for it the table stays as large as it is. */
		(void)resize(table, budget, table->size / 2);
	}
}

void address_table_give(
	struct address_table *table, struct budget *budget, struct address_slot *slot)
{
	if (!is_free(slot)) {
		return;
	}
	*slot = (struct address_slot){.admitted = 0};
	table->used--;
	close_gap(table, (uint32_t)(slot - table->slots));
	shrink(table, budget);
}
