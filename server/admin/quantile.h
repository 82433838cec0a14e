/* Quantiles of what happened between two looks at a histogram that only ever grows. */
#ifndef TIDEGATE_ADMIN_QUANTILE_H
#define TIDEGATE_ADMIN_QUANTILE_H

#include <stdint.h>

#include "sample.h"

/* The value that `share` of what was counted since `before` does not exceed, taken as evenly spread
 * within a bucket, in the histogram's unit and rounded up. Above the last bound nothing is known
 * but the bound, so that is given. ADMIN_SAMPLE_UNKNOWN where nothing was counted. Thread: any. */
uint64_t admin_quantile(
	const struct admin_histogram *before, const struct admin_histogram *now, double share);

#endif
