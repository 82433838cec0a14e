/* Latencies, counted in log-linear buckets: values up to 2^HISTOGRAM_FINE_BITS are exact, above
 * that each power of two is cut into 2^HISTOGRAM_FINE_BITS equal buckets, so that a reported value
 * is at most 1/128 (0.8 %) above the true one and never below it. */
#ifndef TIDEGATE_BENCH_HISTOGRAM_H
#define TIDEGATE_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_FINE_BITS = 7,
	HISTOGRAM_VALUE_BITS = 42, /* values of 2^42 ns (73 minutes) and more count as the last */
	HISTOGRAM_BUCKETS = (HISTOGRAM_VALUE_BITS - HISTOGRAM_FINE_BITS + 1) << HISTOGRAM_FINE_BITS,
};

/* Owner:  whoever declares it. Zero-initialised is empty.
 * Shared: never; threads have one each, which are merged.
 * Freed:  nothing to free. */
struct histogram {
	uint64_t count;
	uint64_t max;  /* ns, exact */
	double sum;    /* ns */
	uint32_t low;  /* buckets touched: from `low` ... */
	uint32_t high; /* ... to before `high`; 0 when empty */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* The bucket of a value. Thread: any. */
static inline uint32_t histogram_bucket(uint64_t value)
{
	if (value >> HISTOGRAM_VALUE_BITS) {
		return HISTOGRAM_BUCKETS - 1;
	}
	if (value >> HISTOGRAM_FINE_BITS == 0) {
		return (uint32_t)value;
	}
	const uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_FINE_BITS;
	return (shift << HISTOGRAM_FINE_BITS) + (uint32_t)(value >> shift);
}

/* Counts `times` measurements of `value` ns. */
static inline void histogram_record(struct histogram *histogram, uint64_t value, uint64_t times)
{
	const uint32_t bucket = histogram_bucket(value);

	histogram->buckets[bucket] += times;
	histogram->count += times;
	histogram->sum += (double)value * (double)times;
	if (value > histogram->max) {
		histogram->max = value;
	}
	if (bucket < histogram->low || histogram->high == 0) {
		histogram->low = bucket;
	}
	if (bucket >= histogram->high) {
		histogram->high = bucket + 1;
	}
}

/* The largest value that falls into a bucket. */
uint64_t histogram_bucket_top(uint32_t bucket);

void histogram_reset(struct histogram *histogram);

/* Adds what `other` has counted. */
void histogram_merge(struct histogram *histogram, const struct histogram *other);

/* The value that `percent` of the measurements do not exceed, at most 0.8 % too high; 0 when empty.
 */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);

/* ns; 0 when empty. */
double histogram_mean(const struct histogram *histogram);

#endif
