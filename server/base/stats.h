/* What one worker has counted. One writer each, on cache lines of its own; anybody may read. */
#ifndef TIDEGATE_STATS_H
#define TIDEGATE_STATS_H

#include <stdatomic.h>
#include <stdint.h>

#include "../../proto/close_reason.h"

enum {
	STATS_BOUNDS = 25, /* 1, 2, 4 … 2^24 */
	STATS_BUCKETS = STATS_BOUNDS + 1,
};

/* How values are spread: bucket i holds those up to 2^i and above 2^(i-1), the last one the rest.
 * On cache lines of its own. */
struct stats_histogram {
	_Alignas(64) _Atomic uint64_t sum;
	_Atomic uint64_t counts[STATS_BUCKETS];
};

/* Owner:  one worker, the only one to write.
 * Shared: any thread reads, relaxed; sums are made at reading. */
struct stats {
	_Alignas(64) _Atomic uint64_t connections; /* sockets held now */
	_Atomic uint64_t accepted;                 /* sockets taken over, in total */
	_Atomic uint64_t sessions; /* users logged in now, as this worker knows them */
	_Atomic uint64_t logins;
	_Atomic uint64_t kicks;
	_Atomic uint64_t frames_in;   /* of all kinds */
	_Atomic uint64_t messages_in; /* text and binary */
	_Atomic uint64_t bytes_in;
	_Atomic uint64_t bytes_out;
	_Atomic uint64_t pings_protocol; /* of clients, each with one answer */
	_Atomic uint64_t pings_packet;   /* the same */
	_Atomic uint64_t pings_out;      /* of our own */
	_Atomic uint64_t closes_out;
	_Atomic uint64_t fanout_messages; /* given to the fan-out */
	_Atomic uint64_t deliveries;      /* messages appended to a receiver by fan-out */
	_Atomic uint64_t pushes;          /* messages appended to a user on a backend's behalf */
	_Atomic uint64_t unknown_commands;
	_Atomic uint64_t ends[CLOSE_REASON_COUNT];
	struct stats_histogram turn_us;          /* one value for each turn */
	struct stats_histogram fanout_receivers; /* one for each message given to the fan-out */
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

/* The bucket of a value. */
static inline unsigned stats_bucket(uint64_t value)
{
	unsigned bucket = value <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(value - 1);
	return bucket < STATS_BOUNDS ? bucket : STATS_BOUNDS;
}

/* Notes `count` times the same value. Thread: the owner. */
static inline void stats_note(struct stats_histogram *histogram, uint64_t value, uint64_t count)
{
	stats_add(&histogram->sum, value * count);
	stats_add(&histogram->counts[stats_bucket(value)], count);
}

/* Thread: any. */
static inline uint64_t stats_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
