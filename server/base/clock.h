/* The monotonic clock, and the wall's. A thread with a loop takes loop->now_ms, which costs
 * nothing, where a turn's grain will do.
 *
 * The monotonic one can be set back: for as long as everything stood still nobody has grown older.
 * Only what the system is to wait for by its own clock takes clock_machine_us. */
#ifndef TIDEGATE_CLOCK_H
#define TIDEGATE_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

#include "build_config.h"

#if HAVE_TESTS
/* What TIDEGATE_TEST_CLOCK_OFFSET_MS adds to the wall clock, for tests of nodes whose clocks are
 * off. Thread: main writes, before there are others. */
extern int64_t clock_test_offset_ms;
void clock_read_test_offset(void);
#else
static inline void clock_read_test_offset(void)
{
}
#endif

/* What clock_ns and clock_boot_ms leave out; for clock.c and below. */
extern _Atomic uint64_t clock_skipped_ns;

/* Sets the clock back: the last `us` have not been, for anybody. All threads that go by it stand,
 * or have not begun, and none of them has looked at it since. A moment that a thread beside them
 * noted may be in the future then. Thread: main. */
void clock_skip(uint64_t us);

/* All that has been skipped, in this process and in those before that have handed over to it. */
uint64_t clock_skipped_us(void);

/* The machine's, of which nothing is skipped: for what a call of the system waits until, and for
 * what two processes agree on. Thread: any. */
static inline uint64_t clock_machine_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Thread: any. */
static inline uint64_t clock_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec -
	       atomic_load_explicit(&clock_skipped_ns, memory_order_relaxed);
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

/* Milliseconds by a clock that goes on while the machine sleeps, and is set back as the other one
 * is. Thread: any. */
static inline uint64_t clock_boot_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	const uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return (ns - atomic_load_explicit(&clock_skipped_ns, memory_order_relaxed)) / 1000000;
}

/* Microseconds since 1970, by a clock that may be set back. Thread: any. */
static inline uint64_t clock_wall_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	const uint64_t wall_us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
#if HAVE_TESTS
	return wall_us + (uint64_t)clock_test_offset_ms * 1000;
#else
	return wall_us;
#endif
}

/* Thread: any. */
static inline uint64_t clock_wall_ms(void)
{
	return clock_wall_us() / 1000;
}

#endif
