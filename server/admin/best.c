#include "best.h"

#include <stdlib.h>
#include <string.h>

static int in_order(const void *a, const void *b, void *context)
{
	const struct admin_order *order = &((const struct admin_best *)context)->order;
	int result = order->is_descending ? order->compare(b, a) : order->compare(a, b);
	return result ? result : order->among_equals(a, b);
}

static uint8_t *item_at(struct admin_best *best, uint32_t index)
{
	return best->items + (size_t)index * best->item_size;
}

void admin_best_init(struct admin_best *best, void *items, size_t item_size, uint32_t limit,
	const struct admin_order *order)
{
	*best = (struct admin_best){
		.order = *order,
		.limit = limit,
		.item_size = item_size,
		.items = items,
	};
}

void admin_best_offer(struct admin_best *best, const void *item)
{
	best->offered++;
	if (best->has_last && in_order(item, item_at(best, best->limit - 1), best) >= 0) {
		return;
	}
	memcpy(item_at(best, best->count), item, best->item_size);
	best->count++;
	if (best->count == 2 * best->limit) {
		admin_best_settle(best);
	}
}

void admin_best_settle(struct admin_best *best)
{
	qsort_r(best->items, best->count, best->item_size, in_order, best);
	best->has_last = best->count >= best->limit;
	best->count = best->has_last ? best->limit : best->count;
}
