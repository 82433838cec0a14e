/* The order in which sockets were accepted. Each gets a number as it is taken in, higher than all
 * before it: on this node, and as far as the node has heard of them on others. It is the wall clock
 * (milliseconds above, parts of one below), so that it goes on upwards after a restart and compares
 * with other nodes': of two nodes that cannot hear each other, too, the later login is the newer
 * one, be it by microseconds. */
#ifndef TIDEGATE_EPOCH_H
#define TIDEGATE_EPOCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	EPOCH_PER_MS_BITS = 16, /* parts of one; more numbers than these run ahead of the clock */
	EPOCH_AHEAD_MS = 60000, /* further ahead of the clock, they are of one that was off */
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

/* Whether one socket was accepted after another, both on this node; not so if the number is so much
 * higher that the clock must have been off. */
static inline bool epoch_is_after(uint64_t epoch, uint64_t other)
{
	return epoch > other &&
	       (epoch >> EPOCH_PER_MS_BITS) - (other >> EPOCH_PER_MS_BITS) <= EPOCH_AHEAD_MS;
}

/* The number of a moment: microseconds since 1970. */
static inline uint64_t epoch_at(uint64_t wall_us)
{
	return ((wall_us / 1000) << EPOCH_PER_MS_BITS) |
	       ((wall_us % 1000) << EPOCH_PER_MS_BITS) / 1000;
}

/* The next number. `wall_us` is the wall clock, which may stand still or be set back: a little, and
 * the numbers go on upwards; by more than EPOCH_AHEAD_MS, and they follow it, since other nodes
 * would not obey them. Thread: any. */
static inline uint64_t epoch_next(struct epoch_source *source, uint64_t wall_us)
{
	const uint64_t floor = epoch_at(wall_us);
	uint64_t last = atomic_load_explicit(&source->last, memory_order_relaxed);
	uint64_t next;
	do {
		next = epoch_is_after(last + 1, floor) ? last + 1 : floor;
	} while (!atomic_compare_exchange_weak_explicit(
		&source->last, &last, next, memory_order_relaxed, memory_order_relaxed));
	return next;
}

#endif
