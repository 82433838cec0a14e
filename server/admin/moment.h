/* A moment of the history: what is kept of all that is counted, under which names. */
#ifndef TIDEGATE_ADMIN_MOMENT_H
#define TIDEGATE_ADMIN_MOMENT_H

#include <stdint.h>

#include "../../proto/close_reason.h"

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

#endif
