#include "measure.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../server/base/clock.h"

enum {
	RUNS_MIN = 5,
	RUNS_MAX = 1000,
	BUDGET_MS = 350, /* of timed work for one line */
	NAME_WIDTH = 46,
};

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t measure_cpu_ns(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t measure_process_ns(void)
{
	return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}

size_t measure_resident(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	CHECK(file && fscanf(file, "%*u %lu", &pages) == 1);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *left = a;
	const uint64_t *right = b;
	return *left < *right ? -1 : *left > *right;
}

void measure_begin(const char *topic)
{
	printf("%-*s %11s %11s %14s %6s\n", NAME_WIDTH, topic, "best ns/op", "median", "best rate",
		"runs");
}

double measure_times(const char *name, uint64_t ops, uint64_t bytes, uint64_t *times, size_t count)
{
	char rate[32];
	qsort(times, count, sizeof(*times), compare);
	double best = (double)times[0] / (double)ops;
	double median = (double)times[count / 2] / (double)ops;
	if (bytes > 0) {
		snprintf(rate, sizeof(rate), "%.0f MB/s", (double)bytes * 1000 / best);
	} else {
		snprintf(rate, sizeof(rate), "%.2f M/s", 1000 / best);
	}
	printf("%-*s %11.2f %11.2f %14s %6zu\n", NAME_WIDTH, name, best, median, rate, count);
	fflush(stdout);
	return best;
}

double measure_run(const struct measure *measure)
{
	static uint64_t times[RUNS_MAX];
	uint64_t (*now)(void) = measure->clock == MEASURE_CPU ? measure_cpu_ns : clock_ns;
	size_t runs_min = measure->runs_min ? measure->runs_min : RUNS_MIN;
	uint64_t used = 0;
	size_t runs = 0;
	while (runs < RUNS_MAX && (runs < runs_min || used < (uint64_t)BUDGET_MS * 1000000)) {
		if (measure->prepare) {
			measure->prepare(measure->context);
		}
		uint64_t begin = now();
		measure->run(measure->context);
		times[runs] = now() - begin;
		used += times[runs++];
		if (measure->verify) {
			measure->verify(measure->context);
		}
	}
	return measure_times(measure->name, measure->ops, measure->bytes, times, runs);
}

uint32_t *measure_shuffled(uint32_t count)
{
	uint64_t state = count;
	uint32_t *numbers = malloc(count * sizeof(*numbers));
	CHECK(numbers);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t at = (uint32_t)(measure_random(&state) % (i + 1));
		numbers[i] = numbers[at];
		numbers[at] = i;
	}
	return numbers;
}
