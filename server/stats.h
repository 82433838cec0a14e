/* What one worker has counted. One writer each, on cache lines of its own; anybody may read. */
#ifndef TIDEGATE_STATS_H
#define TIDEGATE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "../proto/close_reason.h"

/* Owner:  one worker, the only one to write.
 * Shared: any thread reads, relaxed; sums are made at reading. */
struct stats {
	_Alignas(64) _Atomic uint64_t connections; /* sockets held now */
	_Atomic uint64_t accepted;                 /* sockets taken over, in total */
	_Atomic uint64_t sessions; /* users logged in now, as this worker knows them */
	_Atomic uint64_t logins;
	_Atomic uint64_t kicks;
	_Atomic uint64_t messages_in; /* text, binary and control messages */
	_Atomic uint64_t bytes_in;
	_Atomic uint64_t bytes_out;
	_Atomic uint64_t deliveries; /* messages appended to a receiver by fan-out */
	_Atomic uint64_t unknown_commands;
	_Atomic uint64_t ends[CLOSE_REASON_COUNT];
};

/* Thread: the owner. A plain add in effect: the owner is the only writer. */
static inline void stats_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static inline void stats_sub(_Atomic uint64_t *counter, uint64_t n)
{
	stats_add(counter, 0 - n);
}

/* Thread: any. */
static inline uint64_t stats_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
