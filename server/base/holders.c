#include "holders.h"

#include <errno.h>
#include <stdlib.h>

#include "../../proto/assert.h"

enum {
	SLOTS_MIN = 64,
	LOOK_MAX = 64, /* holders of the topmost list that are compared */
	NO_LIST = UINT8_MAX,
};

struct holder {
	size_t held[HOLDER_KINDS]; /* as charged */
	size_t leaving;            /* as counted in the budget */
	size_t size;               /* by which it is ranked; 0: not at all */
	uint32_t whose;
	uint32_t prev, next; /* in its list; `next` also links slots given back */
	uint8_t list;        /* NO_LIST: in none */
};

void holders_init(struct holders *holders, struct budget *budget, uint8_t worker)
{
	*holders = (struct holders){.budget = budget, .worker = worker, .used = HOLDER_NONE + 1};
}

void holders_finish(struct holders *holders)
{
	ASSERT(holders->occupied == 0);
	free(holders->slots);
	holders->slots = NULL;
}

/* --- slots -------------------------------------------------------------------------------------
 */

static int grow(struct holders *holders)
{
	uint32_t capacity = holders->capacity ? 2 * holders->capacity : SLOTS_MIN;
	struct holder *grown = realloc(holders->slots, capacity * sizeof(*grown));
	if (!grown) {
		return -ENOMEM;
	}
	holders->slots = grown;
	holders->capacity = capacity;
	return 0;
}

static int take_slot(struct holders *holders, uint32_t *ret_slot)
{
	uint32_t slot = holders->free_slot;
	if (slot != HOLDER_NONE) {
		holders->free_slot = holders->slots[slot].next;
	} else {
		if (holders->used >= holders->capacity && grow(holders) < 0) {
			return -ENOMEM;
		}
		slot = holders->used++;
	}
	holders->slots[slot] = (struct holder){.list = NO_LIST};
	*ret_slot = slot;
	return 0;
}

static void give_slot(struct holders *holders, uint32_t slot)
{
	holders->slots[slot].next = holders->free_slot;
	holders->free_slot = slot;
}

/* --- lists -------------------------------------------------------------------------------------
 */

static uint8_t list_of(size_t size)
{
	return size > 0 ? (uint8_t)(63 - __builtin_clzll(size)) : NO_LIST;
}

static void link_last(struct holders *holders, uint32_t slot, uint8_t list)
{
	struct holder *holder = &holders->slots[slot];
	holder->list = list;
	if (list == NO_LIST) {
		return;
	}
	uint32_t last = holders->occupied >> list & 1 ? holders->lists[list].last : HOLDER_NONE;
	holder->prev = last;
	holder->next = HOLDER_NONE;
	if (last != HOLDER_NONE) {
		holders->slots[last].next = slot;
	} else {
		holders->lists[list].first = slot;
		holders->occupied |= UINT64_C(1) << list;
	}
	holders->lists[list].last = slot;
}

static void unlink_slot(struct holders *holders, uint32_t slot)
{
	const struct holder *holder = &holders->slots[slot];
	uint8_t list = holder->list;
	if (list == NO_LIST) {
		return;
	}
	if (holder->prev != HOLDER_NONE) {
		holders->slots[holder->prev].next = holder->next;
	} else {
		holders->lists[list].first = holder->next;
	}
	if (holder->next != HOLDER_NONE) {
		holders->slots[holder->next].prev = holder->prev;
	} else {
		holders->lists[list].last = holder->prev;
	}
	if (holders->lists[list].first == HOLDER_NONE) {
		holders->occupied &= ~(UINT64_C(1) << list);
	}
}

/* --- what is held ------------------------------------------------------------------------------
 */

/* The account is brought from what it was to what it is. */
static void charge(struct holders *holders, struct holder *holder, const struct holding *now)
{
	size_t held = 0;
	for (int kind = 0; kind < HOLDER_KINDS; kind++) {
		if (now->held[kind] != holder->held[kind]) {
			budget_change(holders->budget, (enum budget_kind)kind,
				(ptrdiff_t)(now->held[kind] - holder->held[kind]));
			holder->held[kind] = now->held[kind];
		}
		held += now->held[kind];
	}
	size_t leaving = now->is_leaving ? held + now->alone : 0;
	if (leaving != holder->leaving) {
		budget_promise(holders->budget, (ptrdiff_t)(leaving - holder->leaving));
		holder->leaving = leaving;
	}
	holder->size = now->is_leaving ? 0 : held + now->shared;
}

int holders_note(struct holders *holders, uint32_t *slot, uint32_t whose, const struct holding *now)
{
	size_t held = now->shared;
	for (int kind = 0; kind < HOLDER_KINDS; kind++) {
		held += now->held[kind];
	}
	if (*slot == HOLDER_NONE) {
		if (held == 0) {
			return 0;
		}
		int err = take_slot(holders, slot);
		if (err) {
			return err;
		}
	}
	struct holder *holder = &holders->slots[*slot];
	holder->whose = whose;
	charge(holders, holder, now);
	if (list_of(holder->size) != holder->list) {
		unlink_slot(holders, *slot);
		link_last(holders, *slot, list_of(holder->size));
	}
	if (held == 0) {
		give_slot(holders, *slot);
		*slot = HOLDER_NONE;
	}
	holders->has_changed = true;
	return 0;
}

/* --- the largest -------------------------------------------------------------------------------
 */

static uint32_t find_largest(const struct holders *holders)
{
	if (holders->occupied == 0) {
		return HOLDER_NONE;
	}
	uint32_t slot = holders->lists[63 - __builtin_clzll(holders->occupied)].first;
	uint32_t largest = slot;
	for (int looks = 0; slot != HOLDER_NONE && looks < LOOK_MAX; looks++) {
		if (holders->slots[slot].size > holders->slots[largest].size) {
			largest = slot;
		}
		slot = holders->slots[slot].next;
	}
	return largest;
}

void holders_publish_change(struct holders *holders)
{
	holders->has_changed = false;
	holders->largest = find_largest(holders);
	size_t size = holders->largest == HOLDER_NONE ? 0 : holders->slots[holders->largest].size;
	atomic_store_explicit(
		&holders->budget->gauges[holders->worker].largest, size, memory_order_release);
}

uint32_t holders_largest(const struct holders *holders)
{
	ASSERT(holders->largest != HOLDER_NONE);
	return holders->slots[holders->largest].whose;
}
