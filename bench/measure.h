/* How long a piece of work takes: many runs of it, the best and the median of them.
 *
 * The best is what the code costs, the median what it costs on this machine today. Runs are timed
 * by the thread's own CPU time, so that neighbours who take the core away for a while do not count;
 * work of several threads by the clock. Whoever measures checks what came out, so that nothing can
 * be optimised away and nothing wrong is praised for its speed. */
#ifndef TIDEGATE_BENCH_MEASURE_H
#define TIDEGATE_BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the benchmark as failed, naming what does not hold. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (__builtin_expect(!(condition), 0)) {                                           \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__,          \
				#condition);                                                       \
			exit(1);                                                                   \
		}                                                                                  \
	} while (0)

enum measure_clock {
	MEASURE_CPU,  /* of the calling thread */
	MEASURE_WALL, /* for work that others take part in */
};

/* Owner: whoever declares it; plain data. */
struct measure {
	const char *name;
	uint64_t ops;   /* operations of one run */
	uint64_t bytes; /* of one operation; 0: no rate is printed */
	enum measure_clock clock;
	uint32_t runs_min;              /* 0: a default */
	void (*prepare)(void *context); /* before each run, not timed; may be NULL */
	void (*run)(void *context);
	void (*verify)(void *context); /* after each run, not timed; may be NULL */
	void *context;
};

/* Prints the heading of the table that measure_run fills in. */
void measure_begin(const char *topic);

/* Runs it until about a third of a second is used up, at least five times, and prints a line.
 * Returns the best time of one operation, in ns. */
double measure_run(const struct measure *measure);

/* Times that were taken by hand, one for each run, in ns for `ops` operations: prints the same
 * line. `times` is sorted. Returns the best of one operation. */
double measure_times(const char *name, uint64_t ops, uint64_t bytes, uint64_t *times, size_t count);

/* Nanoseconds of CPU the calling thread has used. */
uint64_t measure_cpu_ns(void);

/* Nanoseconds of CPU all threads of the process have used. */
uint64_t measure_process_ns(void);

/* Bytes of memory that are resident now. */
size_t measure_resident(void);

/* The next of a reproducible sequence of numbers (splitmix64). Starts wherever *state does. */
static inline uint64_t measure_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* The numbers 0 to count - 1 in a reproducible random order. The caller's to free. */
uint32_t *measure_shuffled(uint32_t count);

#endif
