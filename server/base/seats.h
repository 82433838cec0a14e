/* So many at once, of which several threads take: a number that is taken, and the most that may be.
 * Both are relaxed: nothing else is said by them. */
#ifndef TIDEGATE_SEATS_H
#define TIDEGATE_SEATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Takes one more; whoever does gives it back by subtracting it. Returns false where there is none.
 * Thread: any. */
static inline bool seats_take(_Atomic uint32_t *taken, const _Atomic uint32_t *max)
{
	uint32_t now = atomic_load_explicit(taken, memory_order_relaxed);
	while (now < atomic_load_explicit(max, memory_order_relaxed)) {
		if (atomic_compare_exchange_weak_explicit(
			    taken, &now, now + 1, memory_order_relaxed, memory_order_relaxed)) {
			return true;
		}
	}
	return false;
}

#endif
