#include "quantile.h"

static uint64_t since(
	const struct admin_histogram *before, const struct admin_histogram *now, int i)
{
	return now->counts[i] - before->counts[i];
}

/* Where in bucket i a value lies that has `part` of those in the bucket below it. */
static uint64_t within(int i, double part)
{
	uint64_t upper = UINT64_C(1) << i;
	uint64_t lower = i > 0 ? upper / 2 : 0;
	uint64_t value = lower + (uint64_t)((double)(upper - lower) * part);
	return value < upper ? value + 1 : upper;
}

uint64_t admin_quantile(
	const struct admin_histogram *before, const struct admin_histogram *now, double share)
{
	uint64_t total = 0;
	uint64_t below = 0;
	for (int i = 0; i < STATS_BUCKETS; i++) {
		total += since(before, now, i);
	}
	if (total == 0) {
		return ADMIN_SAMPLE_UNKNOWN;
	}
	double rank = share * (double)total;
	for (int i = 0; i < STATS_BOUNDS; i++) {
		uint64_t inside = since(before, now, i);
		if (inside > 0 && (double)(below + inside) >= rank) {
			return within(i, (rank - (double)below) / (double)inside);
		}
		below += inside;
	}
	return UINT64_C(1) << (STATS_BOUNDS - 1);
}
