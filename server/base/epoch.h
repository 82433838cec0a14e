/* The order in which sockets were accepted. Each gets a number as it is taken in, higher than all
 * before it: on this node, and as far as the node has heard of them on others. It begins with the
 * wall clock, so that it goes on upwards after a restart and compares with other nodes'. */
#ifndef TIDEGATE_EPOCH_H
#define TIDEGATE_EPOCH_H

#include <stdatomic.h>
#include <stdint.h>

enum {
	EPOCH_PER_MS_BITS = 16, /* numbers of one millisecond, before they run ahead of the clock */
};

/* Owner:  the node.
 * Shared: all threads. */
struct epoch_source {
	_Atomic uint64_t last;
};

/* Another node has given this number: those to come are higher. Thread: any. */
static inline void epoch_advance(struct epoch_source *source, uint64_t seen)
{
	uint64_t last = atomic_load_explicit(&source->last, memory_order_relaxed);
	while (last < seen && !atomic_compare_exchange_weak_explicit(&source->last, &last, seen,
				      memory_order_relaxed, memory_order_relaxed)) {
	}
}

/* The next number. `wall_ms` is the wall clock, which may stand still or be set back.
 * Thread: any. */
static inline uint64_t epoch_next(struct epoch_source *source, uint64_t wall_ms)
{
	uint64_t floor = wall_ms << EPOCH_PER_MS_BITS;
	uint64_t last = atomic_load_explicit(&source->last, memory_order_relaxed);
	uint64_t next;
	do {
		next = last + 1 > floor ? last + 1 : floor;
	} while (!atomic_compare_exchange_weak_explicit(
		&source->last, &last, next, memory_order_relaxed, memory_order_relaxed));
	return next;
}

#endif
