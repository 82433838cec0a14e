#include "sample.h"

#include "../base/clock.h"
#include "../node/registrar.h"
#include "../session/identity/key_store.h"
#include "../tls/tls_store.h"

static void add_histogram(struct admin_histogram *sum, const struct stats_histogram *histogram)
{
	sum->sum += stats_read(&histogram->sum);
	for (int i = 0; i < STATS_BUCKETS; i++) {
		uint64_t count = stats_read(&histogram->counts[i]);
		sum->counts[i] += count;
		sum->count += count;
	}
}

static void add_ends(uint64_t *sums, const _Atomic uint64_t *ends)
{
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		sums[i] += stats_read(&ends[i]);
	}
}

static void add_worker(struct admin_sample *sample, const struct stats *stats)
{
#define WORKER(field, kind, metric, json, help)    sample->field += stats_read(&stats->field);
#define PART(field, kind, help)                    sample->field += stats_read(&stats->field);
#define ENDS(field, metric, json, help)            add_ends(sample->field, stats->field);
#define HISTOGRAM(field, metric, json, unit, help) add_histogram(&sample->field, &stats->field);
#define SPREAD(field, metric, json, help)          add_histogram(&sample->field, &stats->field);
#include "../base/stats.def"
}

/* What one worker has noted and another taken back may not have been read at one moment. */
static void level_spread(struct admin_histogram *spread)
{
	spread->sum = (int64_t)spread->sum < 0 ? 0 : spread->sum;
	spread->count = 0;
	for (int i = 0; i < STATS_BUCKETS; i++) {
		spread->counts[i] = (int64_t)spread->counts[i] < 0 ? 0 : spread->counts[i];
		spread->count += spread->counts[i];
	}
}

static void level_spreads(struct admin_sample *sample)
{
#define SPREAD(field, metric, json, help) level_spread(&sample->field);
#include "../base/stats.def"
}

/* What is made of other figures, so that it costs nothing to count. Every message out is the answer
 * to a packet, an echo, a delivery or a push; the other frames are answers to pings, pings of
 * our own and Closes. */
static void derive(struct admin_sample *sample, bool is_echo)
{
	sample->messages_out = sample->pings_packet + sample->answers + sample->deliveries +
			       sample->pushes + (is_echo ? sample->messages_in : 0);
	sample->frames_out = sample->messages_out + sample->pings_protocol + sample->pings_out +
			     sample->closes_out;
	sample->read_timeouts = sample->ends[CLOSE_REASON_READ_TIMEOUT];
	sample->slow_readers =
		sample->ends[CLOSE_REASON_SLOW_READER] + sample->ends[CLOSE_REASON_WRITE_TIMEOUT];
}

/* They are read one after the other, so that what is counted meanwhile makes a difference look as
 * if it had fallen, which a counter may not. */
static void derive_deliveries(struct admin_context *context, struct admin_sample *sample)
{
	const uint64_t aimed = sample->delivered_to_user + sample->delivered_to_room;
	if (sample->deliveries > aimed + context->delivered_to_all) {
		context->delivered_to_all = sample->deliveries - aimed;
	}
	sample->delivered_to_all = context->delivered_to_all;
}

/* The fixed part is what there is before the first connection. */
static void measure_connection(struct admin_context *context, struct admin_sample *sample)
{
	uint64_t resident = sample->process.resident_bytes;
	if (sample->accepted == 0 || context->resident_at_start == 0) {
		context->resident_at_start = resident;
	}
	uint64_t start = context->resident_at_start;
	sample->resident_at_start = start;
	sample->memory_per_connection =
		sample->connections < ADMIN_SAMPLE_CONNECTIONS ? ADMIN_SAMPLE_UNKNOWN
		: resident > start ? (resident - start) / sample->connections
				   : 0;
}

static void read_registrar(const struct registrar *registrar, struct admin_sample *sample)
{
	if (registrar) {
		const struct registrar_stats *stats = registrar_stats(registrar);
		sample->events = stats->events;
		sample->event_resyncs = stats->resyncs;
		sample->event_waiters = stats->waiters;
		sample->event_graces = stats->graces;
	}
}

void admin_sample_take(struct admin_context *context, struct admin_sample *ret_sample)
{
	struct node *node = context->node;
	*ret_sample = (struct admin_sample){
		.uptime_ms = clock_ms() - context->started_ms,
		.ready = !node->is_draining,
		.workers = node->worker_count,
		.users = user_table_count(node->users),
		.rooms = rooms_count(node->fanout.rooms),
		.auth_keys = node->keys ? key_store_count(node->keys) : 0,
		.auth_keys_stale = node->keys_are_stale,
		.tls_halves = tls_quota_halves(&node->tls_quota),
		.tls_waiting = tls_quota_waiting(&node->tls_quota),
		.tls_stale = node->tls && tls_store_is_at_fault(node->tls),
		.queue_bytes = budget_used(&node->budget),
		.queue_limit = atomic_load_explicit(&node->budget.limit, memory_order_relaxed),
		.memory_limit = atomic_load_explicit(&node->budget.limit, memory_order_relaxed),
		.memory_leaving = atomic_load_explicit(&node->budget.leaving, memory_order_relaxed),
#define MEMORY(kind, field, metric, json, help) .field = budget_held(&node->budget, BUDGET_##kind),
#include "../base/stats.def"
		.max_connections = atomic_load_explicit(&node->places.max, memory_order_relaxed),
	};
	const uint64_t files = context->files_base + context->clients + worker_load_of_all(node);
	for (uint32_t i = 0; i < node->worker_count; i++) {
		add_worker(ret_sample, worker_stats(node->workers[i]));
	}
	for (uint64_t i = 0; i < context->config.acceptors; i++) {
		ret_sample->accept_errors += acceptor_errors(context->acceptors[i]);
		ret_sample->accept_refused += acceptor_refused(context->acceptors[i]);
		ret_sample->openings_refused += acceptor_too_fast(context->acceptors[i]);
	}
	read_registrar(context->registrar, ret_sample);
	level_spreads(ret_sample);
	derive(ret_sample, context->config.echo);
	derive_deliveries(context, ret_sample);
	admin_process_read(files, &ret_sample->process);
	measure_connection(context, ret_sample);
}
