#include "histogram.h"

#include <math.h>
#include <string.h>

uint64_t histogram_bucket_top(uint32_t bucket)
{
	const uint32_t fine = 1u << HISTOGRAM_FINE_BITS;
	if (bucket < 2 * fine) {
		return bucket;
	}
	const uint32_t shift = (bucket >> HISTOGRAM_FINE_BITS) - 1;
	const uint64_t mantissa = fine + (bucket & (fine - 1));
	return ((mantissa + 1) << shift) - 1;
}

void histogram_reset(struct histogram *histogram)
{
	if (histogram->high > 0) {
		memset(histogram->buckets + histogram->low, 0,
			(histogram->high - histogram->low) * sizeof(histogram->buckets[0]));
	}
	histogram->count = 0;
	histogram->max = 0;
	histogram->sum = 0;
	histogram->low = 0;
	histogram->high = 0;
}

void histogram_merge(struct histogram *histogram, const struct histogram *other)
{
	if (other->high == 0) {
		return;
	}
	for (uint32_t i = other->low; i < other->high; i++) {
		histogram->buckets[i] += other->buckets[i];
	}
	if (histogram->high == 0 || other->low < histogram->low) {
		histogram->low = other->low;
	}
	if (other->high > histogram->high) {
		histogram->high = other->high;
	}
	if (other->max > histogram->max) {
		histogram->max = other->max;
	}
	histogram->count += other->count;
	histogram->sum += other->sum;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
	if (histogram->count == 0) {
		return 0;
	}
	double rank = ceil(percent / 100 * (double)histogram->count);
	uint64_t wanted = rank < 1 ? 1 : (uint64_t)rank;
	uint64_t seen = 0;
	for (uint32_t i = histogram->low; i < histogram->high; i++) {
		seen += histogram->buckets[i];
		if (seen >= wanted) {
			uint64_t top = histogram_bucket_top(i);
			return top < histogram->max ? top : histogram->max;
		}
	}
	return histogram->max;
}

double histogram_mean(const struct histogram *histogram)
{
	return histogram->count ? histogram->sum / (double)histogram->count : 0;
}
