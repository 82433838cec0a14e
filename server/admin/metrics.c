#include "metrics.h"

#include <inttypes.h>

#include "build_config.h"

static void head(struct admin_text *text, const char *name, const char *type, const char *help)
{
	admin_text_add(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void counter(struct admin_text *text, const char *name, uint64_t value, const char *help)
{
	head(text, name, "counter", help);
	admin_text_add(text, "%s %" PRIu64 "\n", name, value);
}

static void gauge(struct admin_text *text, const char *name, uint64_t value, const char *help)
{
	head(text, name, "gauge", help);
	admin_text_add(text, "%s %" PRIu64 "\n", name, value);
}

static void gauge_of_time(
	struct admin_text *text, const char *name, const char *type, double value, const char *help)
{
	head(text, name, type, help);
	admin_text_add(text, "%s %.6f\n", name, value);
}

/* `unit` is what one of the histogram's values is worth. */
static void histogram(struct admin_text *text, const char *name,
	const struct admin_histogram *values, double unit, const char *help)
{
	uint64_t below = 0;
	head(text, name, "histogram", help);
	for (int i = 0; i < STATS_BOUNDS; i++) {
		below += values->counts[i];
		admin_text_add(text, "%s_bucket{le=\"%.9g\"} %" PRIu64 "\n", name,
			(double)(UINT64_C(1) << i) * unit, below);
	}
	admin_text_add(text, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, values->count);
	admin_text_add(text, "%s_sum %.9g\n%s_count %" PRIu64 "\n", name,
		(double)values->sum * unit, name, values->count);
}

/* --- what is measured ----------------------------------------------------------------------------
 */

static void write_node(struct admin_text *text, const struct admin_context *context)
{
	const char *sanitized = HAVE_THREAD_SANITIZER ? "yes" : "no";
	head(text, "tidegate_build_info", "gauge", "What this gateway was built from, always 1.");
	admin_text_add(text, "tidegate_build_info{version=\"%s\",node=\"", TIDEGATE_VERSION);
	/* The id is printable; these two would end the label. */
	for (const char *at = context->config.id; *at; at++) {
		admin_text_add(text, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
	}
	admin_text_add(text, "\",jemalloc=\"%s\",systemd=\"%s\",thread_sanitizer=\"%s\"} 1\n",
		HAVE_JEMALLOC ? "yes" : "no", HAVE_SYSTEMD ? "yes" : "no", sanitized);
	gauge(text, "tidegate_ready", context->node->is_draining ? 0 : 1,
		"Whether newcomers are taken in: 1, or 0 while draining.");
	gauge(text, "tidegate_workers", context->node->worker_count,
		"Threads that serve connections.");
}

static void write_connections(struct admin_text *text, const struct admin_sample *sample)
{
	gauge(text, "tidegate_connections", sample->connections, "Sockets held now.");
	gauge(text, "tidegate_connections_max", sample->max_connections,
		"Connections from which on newcomers are refused.");
	gauge(text, "tidegate_users", sample->users, "Users logged in now.");
	counter(text, "tidegate_connections_total", sample->accepted,
		"Sockets taken over by workers.");
	counter(text, "tidegate_accept_refused_total", sample->accept_refused,
		"Newcomers answered 503 for want of a connection.");
	counter(text, "tidegate_accept_errors_total", sample->accept_errors,
		"Errors of accept, and newcomers lost for want of memory.");
	counter(text, "tidegate_logins_total", sample->logins, "Logins of users.");
	counter(text, "tidegate_kicks_total", sample->kicks,
		"Connections ended by a newer login of their user.");
	head(text, "tidegate_ends_total", "counter", "Ends of connections, by their one reason.");
	for (int i = CLOSE_REASON_NONE + 1; i < CLOSE_REASON_COUNT; i++) {
		admin_text_add(text, "tidegate_ends_total{reason=\"%s\"} %" PRIu64 "\n",
			close_reason_counter((enum close_reason)i), sample->ends[i]);
	}
	counter(text, "tidegate_read_deadline_timeouts_total",
		sample->ends[CLOSE_REASON_READ_TIMEOUT],
		"Clients closed for their silence, as in ends by read_timeout.");
	counter(text, "tidegate_slow_readers_cut_total", sample->slow_readers,
		"Clients cut off for reading too slowly, as in ends by slow_reader and write_timeout.");
}

static void write_traffic(struct admin_text *text, const struct admin_sample *sample)
{
	counter(text, "tidegate_frames_received_total", sample->frames_in,
		"WebSocket frames received, of all kinds.");
	counter(text, "tidegate_frames_sent_total", sample->frames_out,
		"WebSocket frames sent or queued, of all kinds.");
	counter(text, "tidegate_messages_received_total", sample->messages_in,
		"Text and binary messages received.");
	counter(text, "tidegate_messages_sent_total", sample->messages_out,
		"Text and binary messages sent or queued, deliveries by fan-out among them.");
	counter(text, "tidegate_received_bytes_total", sample->bytes_in,
		"Bytes read from clients' sockets.");
	counter(text, "tidegate_sent_bytes_total", sample->bytes_out,
		"Bytes taken by clients' sockets.");
	head(text, "tidegate_pings_received_total", "counter",
		"Heartbeats of clients: protocol Pings, and packets 100.");
	admin_text_add(text,
		"tidegate_pings_received_total{kind=\"protocol\"} %" PRIu64 "\n"
		"tidegate_pings_received_total{kind=\"packet\"} %" PRIu64 "\n",
		sample->pings_protocol, sample->pings_packet);
	counter(text, "tidegate_unknown_commands_total", sample->unknown_commands,
		"Packets ignored for their unknown command.");
	counter(text, "tidegate_fanout_messages_total", sample->fanout_messages,
		"Messages given to the fan-out.");
	counter(text, "tidegate_fanout_deliveries_total", sample->deliveries,
		"Messages appended to receivers by the fan-out.");
	histogram(text, "tidegate_fanout_receivers", &sample->fanout_receivers, 1,
		"Connections that stood to receive a message of the fan-out.");
	counter(text, "tidegate_pushed_messages_total", sample->pushes,
		"Messages queued for one user on a backend's behalf.");
	gauge(text, "tidegate_queue_bytes", sample->queue_bytes,
		"Memory held for what peers have not taken or not finished saying.");
	gauge(text, "tidegate_queue_limit_bytes", sample->queue_limit,
		"Memory from which on the largest queue is cut off.");
	histogram(text, "tidegate_turn_seconds", &sample->turn_us, 1e-6,
		"Time from a worker's waking to its next wait.");
}

static void write_process(struct admin_text *text, const struct admin_context *context,
	const struct admin_process *process)
{
	double started =
		(double)context->started_at.tv_sec + (double)context->started_at.tv_nsec / 1e9;
	if (process->has_allocator) {
		gauge(text, "tidegate_jemalloc_allocated_bytes", process->allocated_bytes,
			"Bytes allocated by the gateway, as jemalloc counts them.");
		gauge(text, "tidegate_jemalloc_active_bytes", process->active_bytes,
			"Bytes of pages with something allocated in them.");
		gauge(text, "tidegate_jemalloc_resident_bytes", process->allocator_resident_bytes,
			"Bytes jemalloc has resident, its own tables and unused pages among them.");
		gauge(text, "tidegate_jemalloc_mapped_bytes", process->mapped_bytes,
			"Bytes jemalloc has mapped.");
	}
	gauge_of_time(text, "process_cpu_seconds_total", "counter", process->cpu_seconds,
		"User and system CPU time spent.");
	gauge(text, "process_open_fds", process->open_files, "Open file descriptors.");
	gauge(text, "process_max_fds", process->max_files,
		"Most file descriptors that may be open.");
	gauge(text, "process_virtual_memory_bytes", process->virtual_bytes, "Virtual memory.");
	gauge(text, "process_resident_memory_bytes", process->resident_bytes, "Resident memory.");
	gauge(text, "process_threads", process->threads, "Threads.");
	gauge_of_time(text, "process_start_time_seconds", "gauge", started,
		"Start of the process, in seconds since 1970 began.");
}

void admin_metrics_write(struct admin_text *text, const struct admin_context *context,
	const struct admin_sample *sample)
{
	write_node(text, context);
	write_connections(text, sample);
	write_traffic(text, sample);
	write_process(text, context, &sample->process);
}
