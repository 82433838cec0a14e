/* What a run has come to: taken from the generators by `run`, shown by `result`. */
#ifndef TIDEGATE_BENCH_MEASUREMENT_H
#define TIDEGATE_BENCH_MEASUREMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"

/* All counts of all generators at one moment. */
struct snapshot {
	uint64_t ns; /* monotonic */
	uint64_t server_cpu_ns;
	uint64_t sent;
	uint64_t answered;
	uint64_t opened;
	uint64_t closed;
	uint64_t heartbeats;
	uint64_t lost;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupt;
	uint64_t misdelivered;
	uint64_t refused;
	uint64_t cut;
	uint64_t failed;
	uint64_t unsent;
	uint64_t of_others; /* no fault */
};

/* One piece of the time series. */
struct sample {
	double at_s; /* its end, since the measured window began */
	double rate; /* answers a second */
	uint64_t p50_ns;
	uint64_t p99_ns;
	uint64_t max_ns;
};

/* Owner:  main.
 * Shared: never.
 * Freed:  by measurement_finish. */
struct measurement {
	struct snapshot begin; /* of the measured window */
	struct snapshot end;
	struct snapshot last;   /* after the drain, everything accounted for */
	double thread_cpu[256]; /* share of one CPU in the window, by generator */
	uint64_t rss_before;    /* of the server, before the first connection; 0: not known */
	uint64_t rss_after;     /* with all connections open, before they are closed */
	double opening_s;       /* until all connections were open */
	bool is_interrupted;
	bool is_unreachable;
	int connect_error;
	int close_code;        /* of the first connection that was cut; 0: none, or no Close */
	int refusal;           /* of the first request that was: enum packet_result; 0: none */
	const char *tls_fault; /* of the first connection that TLS ended; NULL: none */
	const char *suite;     /* of TLS; NULL: plain */
	struct histogram latency;
	struct histogram lag;
	struct histogram openings;
	struct histogram completions;
	struct histogram
		longest; /* of each connection that had answers: what the slowest one took */
	uint32_t sample_count;
	struct sample *samples;
};

/* CPU time of the generators for each answer, ns: their own cost, which is no part of the server's
 * figures. 0: there was no answer. */
static inline double measurement_generator_ns(
	const struct measurement *measurement, uint32_t threads)
{
	const struct snapshot *begin = &measurement->begin;
	const struct snapshot *end = &measurement->end;
	const double window_ns = (double)(end->ns - begin->ns);
	double used_ns = 0;
	for (uint32_t i = 0; i < threads; i++) {
		used_ns += measurement->thread_cpu[i] * window_ns;
	}
	return end->answered > begin->answered ? used_ns / (double)(end->answered - begin->answered)
					       : 0;
}

/* Whether everything came, once, in order and intact. */
static inline bool measurement_is_good(const struct measurement *measurement)
{
	const struct snapshot *last = &measurement->last;
	return !measurement->is_unreachable && last->lost + last->duplicated + last->reordered +
							       last->corrupt + last->misdelivered +
							       last->refused + last->cut +
							       last->failed + last->unsent ==
						       0;
}

#endif
