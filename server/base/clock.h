/* The monotonic clock, and the wall's. A thread with a loop takes loop->now_ms, which costs
 * nothing, where a turn's grain will do. */
#ifndef TIDEGATE_CLOCK_H
#define TIDEGATE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Thread: any. */
static inline uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Thread: any. */
static inline uint64_t clock_us(void)
{
	return clock_ns() / 1000;
}

/* Thread: any. */
static inline uint64_t clock_ms(void)
{
	return clock_us() / 1000;
}

/* Milliseconds by a clock that nobody sets and that goes on while the machine sleeps. Thread: any.
 */
static inline uint64_t clock_boot_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Milliseconds since 1970, by a clock that may be set back. Thread: any. */
static inline uint64_t clock_wall_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

#endif
