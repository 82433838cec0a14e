#include "sample.h"

#include "../base/clock.h"

static void add_histogram(struct admin_histogram *sum, const struct stats_histogram *histogram)
{
	sum->sum += stats_read(&histogram->sum);
	for (int i = 0; i < STATS_BUCKETS; i++) {
		uint64_t count = stats_read(&histogram->counts[i]);
		sum->counts[i] += count;
		sum->count += count;
	}
}

/* Every message out is the answer to a packet ping, an echo, a delivery or a push; the other frames
 * are answers to pings, pings of our own and Closes. */
static void add_sent(struct admin_sample *sample, const struct stats *stats, bool is_echo)
{
	uint64_t messages = stats_read(&stats->pings_packet) + stats_read(&stats->deliveries) +
			    stats_read(&stats->pushes) +
			    (is_echo ? stats_read(&stats->messages_in) : 0);
	sample->messages_out += messages;
	sample->frames_out += messages + stats_read(&stats->pings_protocol) +
			      stats_read(&stats->pings_out) + stats_read(&stats->closes_out);
}

static void add_worker(struct admin_sample *sample, const struct stats *stats)
{
	sample->connections += stats_read(&stats->connections);
	sample->accepted += stats_read(&stats->accepted);
	sample->logins += stats_read(&stats->logins);
	sample->kicks += stats_read(&stats->kicks);
	sample->frames_in += stats_read(&stats->frames_in);
	sample->messages_in += stats_read(&stats->messages_in);
	sample->bytes_in += stats_read(&stats->bytes_in);
	sample->bytes_out += stats_read(&stats->bytes_out);
	sample->pings_protocol += stats_read(&stats->pings_protocol);
	sample->pings_packet += stats_read(&stats->pings_packet);
	sample->fanout_messages += stats_read(&stats->fanout_messages);
	sample->deliveries += stats_read(&stats->deliveries);
	sample->pushes += stats_read(&stats->pushes);
	sample->unknown_commands += stats_read(&stats->unknown_commands);
	for (int i = 0; i < CLOSE_REASON_COUNT; i++) {
		sample->ends[i] += stats_read(&stats->ends[i]);
	}
	add_histogram(&sample->turn_us, &stats->turn_us);
	add_histogram(&sample->fanout_receivers, &stats->fanout_receivers);
}

void admin_sample_take(const struct admin_context *context, struct admin_sample *ret_sample)
{
	struct node *node = context->node;
	*ret_sample = (struct admin_sample){
		.uptime_ms = clock_ms() - context->started_ms,
		.users = user_table_count(node->users),
		.queue_bytes = atomic_load_explicit(&node->budget.used, memory_order_relaxed),
		.queue_limit = atomic_load_explicit(&node->budget.limit, memory_order_relaxed),
		.max_connections =
			atomic_load_explicit(&node->max_connections, memory_order_relaxed),
	};
	uint64_t files = context->files_base + context->clients;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		const struct stats *stats = worker_stats(node->workers[i]);
		add_worker(ret_sample, stats);
		add_sent(ret_sample, stats, context->config.echo);
		files += atomic_load_explicit(worker_load(node->workers[i]), memory_order_relaxed);
	}
	for (uint64_t i = 0; i < context->config.acceptors; i++) {
		ret_sample->accept_errors += acceptor_errors(context->acceptors[i]);
		ret_sample->accept_refused += acceptor_refused(context->acceptors[i]);
	}
	ret_sample->slow_readers = ret_sample->ends[CLOSE_REASON_SLOW_READER] +
				   ret_sample->ends[CLOSE_REASON_WRITE_TIMEOUT];
	admin_process_read(files, &ret_sample->process);
}
