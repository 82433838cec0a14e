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

/* The figures of stats.def that a worker counts.
 * Owner:  one worker, the only one to write.
 * Shared: any thread reads, relaxed; sums are made at reading. */
struct stats {
#define WORKER(field, kind, metric, json, help)    _Atomic uint64_t field;
#define PART(field, kind, help)                    _Atomic uint64_t field;
#define ENDS(field, metric, json, help)            _Atomic uint64_t field[CLOSE_REASON_COUNT];
#define ENDS_PART(field, help)                     _Atomic uint64_t field[CLOSE_REASON_COUNT];
#define HISTOGRAM(field, metric, json, unit, help) struct stats_histogram field;
#define SPREAD(field, metric, json, help)          struct stats_histogram field;
#include "stats.def"
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

/* Takes one back, of what is only there for a time. Another worker may have noted it, so that a
 * worker's own figures may be below zero, and only their sums mean something. Thread: the owner. */
static inline void stats_take_back(struct stats_histogram *histogram, uint64_t value)
{
	stats_sub(&histogram->sum, value);
	stats_sub(&histogram->counts[stats_bucket(value)], 1);
}

/* Thread: any. */
static inline uint64_t stats_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
