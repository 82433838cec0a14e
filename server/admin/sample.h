/* What all threads have counted, summed up at one moment. */
#ifndef TIDEGATE_ADMIN_SAMPLE_H
#define TIDEGATE_ADMIN_SAMPLE_H

#include <stdint.h>

#include "../../proto/close_reason.h"
#include "../base/stats.h"
#include "context.h"
#include "process.h"

struct admin_histogram {
	uint64_t sum;
	uint64_t count;
	uint64_t counts[STATS_BUCKETS]; /* of each bucket, not of those below */
};

/* All figures of stats.def. Plain data. */
struct admin_sample {
	uint64_t uptime_ms;
#define WORKER(field, kind, metric, json, help)    uint64_t field;
#define NODE(field, kind, metric, json, help)      uint64_t field;
#define PART(field, kind, help)                    uint64_t field;
#define MEMORY(kind, field, metric, json, help)    uint64_t field;
#define ENDS(field, metric, json, help)            uint64_t field[CLOSE_REASON_COUNT];
#define HISTOGRAM(field, metric, json, unit, help) struct admin_histogram field;
#define SPREAD(field, metric, json, help)          struct admin_histogram field;
#include "../base/stats.def"
	struct admin_process process;
	uint64_t resident_at_start; /* bytes, before the first connection */
	/* What a connection costs in bytes of resident memory; ADMIN_SAMPLE_UNKNOWN below
	 * ADMIN_SAMPLE_CONNECTIONS of them, which do not tell it from the rest. */
	uint64_t memory_per_connection;
};

#define ADMIN_SAMPLE_UNKNOWN UINT64_MAX

enum {
	ADMIN_SAMPLE_CONNECTIONS = 1000,
};

/* All but what the allocator tells. Thread: the admin thread. */
void admin_sample_take(struct admin_context *context, struct admin_sample *ret_sample);

#endif
