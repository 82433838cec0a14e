/* What a bucket of tokens may give: never more than it holds and what time brings, and something
 * whenever it has had the time to be full. Costs and what it holds are in the time that it takes to
 * come back. */
#ifndef TIDEGATE_TESTS_MODEL_BUCKET_H
#define TIDEGATE_TESTS_MODEL_BUCKET_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts from zeros. */
struct model_bucket {
	uint64_t full_ns;
	/* Since it was full for sure, or since it was begun to be counted. */
	uint64_t since_ns;
	uint64_t latest_ns;
	uint64_t spent_ns;
};

static inline void model_bucket_count_anew(struct model_bucket *bucket, uint64_t now_ns)
{
	bucket->since_ns = now_ns;
	bucket->latest_ns = now_ns;
	bucket->spent_ns = 0;
}

static inline bool model_bucket_may(
	const struct model_bucket *bucket, uint64_t cost_ns, uint64_t burst_ns, uint64_t now_ns)
{
	const uint64_t missing_ns = bucket->full_ns > now_ns ? bucket->full_ns - now_ns : 0;
	const bool may = missing_ns + cost_ns <= burst_ns;
	assert(may || now_ns < bucket->latest_ns + burst_ns);
	return may;
}

static inline void model_bucket_take(
	struct model_bucket *bucket, uint64_t cost_ns, uint64_t burst_ns, uint64_t now_ns)
{
	const uint64_t missing_ns = bucket->full_ns > now_ns ? bucket->full_ns - now_ns : 0;
	bucket->full_ns = now_ns + missing_ns + cost_ns;
	if (now_ns >= bucket->latest_ns + burst_ns) {
		model_bucket_count_anew(bucket, now_ns);
	}
	bucket->since_ns = now_ns < bucket->since_ns ? now_ns : bucket->since_ns;
	bucket->latest_ns = now_ns > bucket->latest_ns ? now_ns : bucket->latest_ns;
	bucket->spent_ns += cost_ns;
	assert(bucket->spent_ns <= burst_ns + bucket->latest_ns - bucket->since_ns);
}

#endif
