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

/* Plain data. */
struct admin_sample {
	uint64_t uptime_ms;
	uint64_t connections;
	uint64_t users;
	uint64_t accepted;
	uint64_t logins;
	uint64_t kicks;
	uint64_t frames_in;
	uint64_t messages_in;
	uint64_t bytes_in;
	uint64_t frames_out;   /* made of what is counted elsewhere, so that it costs nothing */
	uint64_t messages_out; /* the same */
	uint64_t bytes_out;
	uint64_t pings_protocol;
	uint64_t pings_packet;
	uint64_t fanout_messages;
	uint64_t deliveries;
	uint64_t pushes;
	uint64_t unknown_commands;
	uint64_t ends[CLOSE_REASON_COUNT];
	struct admin_histogram turn_us;
	struct admin_histogram fanout_receivers;
	uint64_t slow_readers;
	uint64_t queue_bytes;
	uint64_t queue_limit;
	uint64_t max_connections;
	uint64_t accept_errors;
	uint64_t accept_refused;
	struct admin_process process;
};

/* Thread: the admin thread. */
void admin_sample_take(const struct admin_context *context, struct admin_sample *ret_sample);

#endif
