/* The last minutes of what the gateway counts, a moment a second, so that whoever looks when
 * something is wrong sees how it began. Its memory is fixed, and touched at the start. */
#ifndef TIDEGATE_ADMIN_HISTORY_H
#define TIDEGATE_ADMIN_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "sample.h"

enum {
	ADMIN_HISTORY_EVERY_MS = 1000,
	ADMIN_HISTORY_MOMENTS = 900,
};

/* What is kept of a sample: each figure of stats.def, and some of the process. */
enum admin_series {
#define WORKER(field, kind, metric, json, help) ADMIN_SERIES_##field,
#define NODE(field, kind, metric, json, help)   ADMIN_SERIES_##field,
#define MEMORY(kind, field, metric, json, help) ADMIN_SERIES_##field,
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	ADMIN_SERIES_##field##_p50, ADMIN_SERIES_##field##_p99,
#include "../base/stats.def"
	ADMIN_SERIES_rss,
	ADMIN_SERIES_memory_per_connection,
	ADMIN_SERIES_cpu_us,
	ADMIN_SERIES_COUNT,
};

enum admin_series_kind {
	ADMIN_SERIES_LEVEL,  /* what was */
	ADMIN_SERIES_GROWTH, /* how much more than the moment before */
	ADMIN_SERIES_HIDDEN, /* told under no name of its own */
};

struct admin_series_row {
	const char *name; /* as it is told; NULL of one that is hidden */
	enum admin_series_kind kind;
};

/* By enum admin_series. */
extern const struct admin_series_row admin_series_rows[ADMIN_SERIES_COUNT];

/* Plain data. ADMIN_SAMPLE_UNKNOWN stands for what is not known. */
struct admin_moment {
	uint64_t at_ms;       /* since the start, while the machine slept too */
	uint64_t interval_ms; /* since the moment before, over which things grew */
	uint64_t series[ADMIN_SERIES_COUNT];
	uint32_t ends[CLOSE_REASON_COUNT]; /* growth */
};

/* Owner:  the admin thread.
 * Shared: never. */
struct admin_history;

/* Errors: NULL: no memory. */
struct admin_history *admin_history_create(uint32_t worker_count);

/* Frees it and nulls the giver's pointer. *history may be NULL. */
void admin_history_destroy(struct admin_history **history);

/* Adds a moment. The first one is only what the next grows from. `busy_us` is how long each worker
 * has worked since its start, in microseconds. */
void admin_history_add(struct admin_history *history, uint64_t at_ms,
	const struct admin_sample *sample, const uint64_t *busy_us);

/* How many there ever were. Their numbers go from 0. */
uint32_t admin_history_count(const struct admin_history *history);

/* The number of the oldest that is kept. */
uint32_t admin_history_first(const struct admin_history *history);

/* One that is kept, by its number. */
const struct admin_moment *admin_history_moment(
	const struct admin_history *history, uint32_t number);

/* Which part of that moment's interval a worker worked, in thousandths: 0 to 1000. */
unsigned admin_history_busy(const struct admin_history *history, uint32_t number, uint32_t worker);

#endif
