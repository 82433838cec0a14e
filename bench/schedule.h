/* When requests are meant to leave, whatever the answers do: the n-th of `rate` a second is due at
 * a fixed time, computed from n alone, so that nothing needs to be remembered for a request under
 * way. */
#ifndef TIDEGATE_BENCH_SCHEDULE_H
#define TIDEGATE_BENCH_SCHEDULE_H

#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)

/* Owner:  whoever declares it; a value. */
struct schedule {
	uint64_t start_ns;  /* when number 0 is due, monotonic */
	double period_ns;   /* between two; 0: all are due at the start */
	uint64_t count_max; /* how many there are; UINT64_MAX: no end */
};

/* The share of one of `parts` threads in `rate` a second: their requests interleave evenly.
 * A rate of 0 makes all due at once. */
struct schedule schedule_make(
	uint64_t start_ns, double rate, uint32_t part, uint32_t parts, uint64_t count_max);

/* How many are due by `now_ns`, inclusive. */
uint64_t schedule_due(const struct schedule *schedule, uint64_t now_ns);

/* When the n-th, from 0, is due. */
static inline uint64_t schedule_at(const struct schedule *schedule, uint64_t n)
{
	return schedule->start_ns + (uint64_t)((double)n * schedule->period_ns);
}

#endif
