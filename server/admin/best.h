/* The first few of many, in an order that is asked for: what a sorted page is made of. However many
 * are offered, no more than twice the page is held. */
#ifndef TIDEGATE_ADMIN_BEST_H
#define TIDEGATE_ADMIN_BEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Below, at or above 0, as for qsort. */
typedef int admin_compare(const void *a, const void *b);

/* In which order. Plain data. */
struct admin_order {
	admin_compare *compare;
	admin_compare *among_equals; /* ascending, whatever the others are */
	bool is_descending;
};

/* Owner:  a request, and so are the items. */
struct admin_best {
	struct admin_order order;
	bool has_last;    /* the page was full when it was cut: no item behind its last comes in */
	uint32_t limit;   /* items of a page, from 1 */
	uint32_t count;   /* items held */
	uint64_t offered; /* ever */
	size_t item_size; /* bytes */
	uint8_t *items;
};

/* `items` has room for twice the limit. */
void admin_best_init(struct admin_best *best, void *items, size_t item_size, uint32_t limit,
	const struct admin_order *order);

/* Copies the item, if it is among the first so far. */
void admin_best_offer(struct admin_best *best, const void *item);

/* Puts them in order; best->count is at most the limit then. More may be offered. */
void admin_best_settle(struct admin_best *best);

#endif
