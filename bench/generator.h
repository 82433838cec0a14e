/* What one thread of the load has: its connections, its epoll, its counts, its buffers. */
#ifndef TIDEGATE_BENCH_GENERATOR_H
#define TIDEGATE_BENCH_GENERATOR_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "histogram.h"
#include "options.h"
#include "scenario.h"
#include "schedule.h"

struct client;

enum phase {
	PHASE_OPEN,  /* all connections are opened */
	PHASE_RUN,   /* requests leave */
	PHASE_DRAIN, /* no more requests; answers to those under way still count */
	PHASE_STOP,  /* the threads end */
};

enum {
	GENERATOR_BUFFER = 1 << 20, /* bytes of one recv and of one send */
	GENERATOR_SPARES = 64,      /* lent buffers that are kept */
};

/* What all threads look at.
 * Owner:  main, the only one to write `phase` and the times.
 * Shared: read by the generators. */
struct run {
	const struct options *options;
	void *shared; /* the scenario's */
	struct generator *generators;
	uint64_t open_ns;  /* when the openings began */
	uint64_t start_ns; /* of the schedule, written before PHASE_RUN */
	_Atomic int phase;
	_Atomic uint64_t measure_from;  /* requests due from then on are measured ... */
	_Atomic uint64_t measure_until; /* ... to before then */
	_Atomic uint32_t publish;       /* changes when the generators are to publish */
	_Atomic bool is_broken;         /* a connection was cut: no use going on */
	_Atomic int connect_error; /* of the first opening that failed: -errno or an HTTP status */
	_Atomic int close_code;    /* of the first Close that was not asked for */
	_Atomic int refusal;       /* of the first request: enum packet_result */
	_Atomic(const char *) tls_fault; /* the first one: constant words */
	_Atomic(const char *) suite;     /* that TLS has agreed on, likewise; NULL: none has yet */
};

/* Written by one generator, read by main at any time. */
struct counts {
	_Atomic uint64_t sent;     /* requests */
	_Atomic uint64_t answered; /* answers, deliveries, logins: the scenario's unit */
	_Atomic uint64_t opened;   /* connections that had their 101 */
	_Atomic uint64_t closed;   /* as they were asked to */
	_Atomic uint64_t heartbeats;
	_Atomic uint64_t lost;
	_Atomic uint64_t duplicated;
	_Atomic uint64_t reordered;
	_Atomic uint64_t corrupt;
	_Atomic uint64_t misdelivered; /* texts that are for somebody else */
	_Atomic uint64_t refused;      /* by packet 111 */
	_Atomic uint64_t cut;          /* connections that ended without being asked to */
	_Atomic uint64_t failed;       /* connections that could not be opened */
	_Atomic uint64_t unsent;       /* requests that the server was too slow to take */
	_Atomic uint64_t of_others;    /* texts and packets that others have said */
};

/* Owner:  its thread while it runs, main before and after.
 * Shared: counts, published (under `lock`), is_open, is_settled, bell. */
struct generator {
	struct run *run;
	const struct scenario *scenario;
	const struct options *options;
	uint32_t id;
	pthread_t thread;
	int epoll_fd;
	int bell; /* eventfd: look at the phase, or at what another generator left */
	enum phase phase;
	uint64_t now_ns; /* of this turn */

	uint32_t client_count;
	struct client *clients;
	uint32_t opening_count; /* under way */
	uint32_t opening_max;
	uint32_t next_opening; /* index of the next client to be opened */
	struct schedule openings;

	uint8_t *in;  /* GENERATOR_BUFFER bytes */
	uint8_t *out; /* GENERATOR_BUFFER bytes */
	uint8_t mask[4];
	uint8_t *spares[GENERATOR_SPARES];
	uint32_t spare_count;
	void *state; /* the scenario's */

	uint32_t publish_seen;
	struct histogram interval; /* since the last publication */
	struct histogram total;
	struct histogram lag;            /* of the measured requests: sent minus intended */
	struct histogram openings_taken; /* until the 101, of all connections */
	struct histogram completions;    /* until the last receiver of a text has it */

	_Alignas(64) struct counts counts;
	_Atomic bool is_open;    /* nothing more to be opened */
	_Atomic bool is_settled; /* in PHASE_DRAIN, or when --count is reached */
	pthread_mutex_t lock;
	struct histogram published; /* main takes it and empties it */
};

/* Wakes its thread. Thread: any. */
void generator_ring(struct generator *generator);

/* The counter's only writer adds to it. */
static inline void count_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static inline void count_add_32(_Atomic uint32_t *counter, uint32_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
		memory_order_relaxed);
}

static inline uint64_t count_of(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Whether a request meant to leave at that time belongs to the measured window. */
static inline bool is_measured(const struct generator *generator, uint64_t intended_ns)
{
	const struct run *run = generator->run;
	return intended_ns >= atomic_load_explicit(&run->measure_from, memory_order_relaxed) &&
	       intended_ns < atomic_load_explicit(&run->measure_until, memory_order_relaxed);
}

/* `times` answers came at `now_ns` to requests meant to leave at `intended_ns`. */
static inline void generator_record(
	struct generator *generator, uint64_t intended_ns, uint64_t now_ns, uint64_t times)
{
	if (is_measured(generator, intended_ns)) {
		histogram_record(&generator->interval,
			now_ns > intended_ns ? now_ns - intended_ns : 0, times);
	}
}

/* Of the measured answers of one connection keeps the longest that one took. */
static inline void generator_note_longest(const struct generator *generator, uint64_t *longest_ns,
	uint64_t intended_ns, uint64_t now_ns)
{
	if (now_ns > intended_ns && now_ns - intended_ns > *longest_ns &&
		is_measured(generator, intended_ns)) {
		*longest_ns = now_ns - intended_ns;
	}
}

/* A lent buffer of at least `size` bytes, and back. */
uint8_t *generator_lend(struct generator *generator, uint32_t size, uint32_t *ret_size);
void generator_return(struct generator *generator, uint8_t *buffer, uint32_t size);

#endif
