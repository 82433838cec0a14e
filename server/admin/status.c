#include "status.h"

#include <stdio.h>

#include "build_config.h"
#include "metrics.h"
#include "sample.h"
#include "text.h"
#include "upgrade.h"

void admin_status_health(struct admin_request *request)
{
	admin_answer_text(&request->answer, 200, "ok\n");
}

void admin_status_ready(struct admin_request *request)
{
	if (request->context->node->is_draining) {
		admin_answer_text(&request->answer, 503, "draining\n");
	} else {
		admin_answer_text(&request->answer, 200, "ready\n");
	}
}

void admin_status_metrics(struct admin_request *request)
{
	struct admin_sample sample;
	struct admin_text text = ADMIN_TEXT_EMPTY;
	size_t len = 0;
	admin_sample_take(request->context, &sample);
	admin_process_ask_allocator(&sample.process);
	admin_metrics_write(&text, request->context, &sample);
	char *data = admin_text_take(&text, &len);
	admin_answer_data(&request->answer, "text/plain; version=0.0.4; charset=utf-8", data, len);
}

/* The same as SIGTERM, once. */
void admin_status_drain(struct admin_request *request)
{
	struct admin_context *context = request->context;
	context->node->is_draining = true;
	request->asks_for_drain = true;
	admin_answer_json(&request->answer, 202,
		json_pack("{s:I}", "drain_ms", (json_int_t)(context->config.drain * 1000)));
}

/* --- status ------------------------------------------------------------------------------------
 */

static void put(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *listen_to_json(const struct admin_context *context)
{
	const struct listeners *listeners = context->listeners;
	json_t *list = json_array();
	for (size_t row = 0; row < listeners->count; row++) {
		char name[LISTENERS_NAME_MAX];
		/* A PROXY header and a Unix socket have no URL; one for TLS is called by its own.
		 */
		const bool is_plain = !listeners_is_proxied(listeners, row) &&
				      !listeners_is_tls(listeners, row) &&
				      listeners_port(listeners, row) > 0;
		listeners_name_row(listeners, row, name, sizeof(name));
		json_array_append_new(list, json_sprintf("%s%s", is_plain ? "ws://" : "", name));
	}
	return list;
}

/* Where a browser goes, of which a page over TLS can open lines with TLS only. */
static void put_port(json_t *status, const struct admin_context *context)
{
	bool is_tls;
	const unsigned port =
		listeners_browser_port(context->listeners, context->tls != NULL, &is_tls);
	json_object_set_new(status, "ws_port", port ? json_integer(port) : json_null());
	json_object_set_new(status, "ws_tls", json_boolean(is_tls));
}

static json_t *limits_to_json(
	const struct admin_context *context, const struct admin_sample *sample)
{
	const struct config *config = &context->config;
	json_t *limits = json_object();
	put(limits, "max_connections", sample->max_connections);
	put(limits, "max_message", config->max_message);
	put(limits, "tx_queue_limit", config->tx_queue_limit);
	put(limits, "memory_limit", sample->memory_limit);
	put(limits, "tx_memory_limit", sample->memory_limit); /* its name of before */
	put(limits, "read_deadline_ms", config->read_deadline * 1000);
	put(limits, "write_deadline_ms", config->write_deadline * 1000);
	put(limits, "ping_interval_ms", config->ping_interval * 1000);
	return limits;
}

static void put_total(json_t *totals, const char *name, uint64_t value)
{
	if (name) {
		put(totals, name, value);
	}
}

static json_t *totals_to_json(const struct admin_sample *sample)
{
	json_t *totals = json_object();
#define WORKER(field, kind, metric, json, help) put_total(totals, json, sample->field);
#define NODE(field, kind, metric, json, help)   put_total(totals, json, sample->field);
#define MEMORY(kind, field, metric, json, help) put_total(totals, json, sample->field);
#include "../base/stats.def"
	return totals;
}

static json_t *ends_to_json(const uint64_t *counts)
{
	json_t *ends = json_object();
	for (int i = CLOSE_REASON_NONE + 1; i < CLOSE_REASON_COUNT; i++) {
		put(ends, close_reason_counter((enum close_reason)i), counts[i]);
	}
	return ends;
}

static json_t *histogram_to_json(const struct admin_histogram *histogram)
{
	json_t *bounds = json_array();
	json_t *counts = json_array();
	for (int i = 0; i < STATS_BUCKETS; i++) {
		if (i < STATS_BOUNDS) {
			json_array_append_new(bounds, json_integer((json_int_t)1 << i));
		}
		json_array_append_new(counts, json_integer((json_int_t)histogram->counts[i]));
	}
	return json_pack("{s:o*, s:o*, s:I}", "bounds", bounds, "counts", counts, "sum",
		(json_int_t)histogram->sum);
}

static json_t *memory_to_json(const struct admin_sample *sample)
{
	const struct admin_process *process = &sample->process;
	json_t *memory = json_object();
	if (process->has_allocator) {
		put(memory, "allocated", process->allocated_bytes);
		put(memory, "resident", process->allocator_resident_bytes);
	} else {
		json_object_set_new(memory, "allocated", json_null());
		json_object_set_new(memory, "resident", json_null());
	}
	put(memory, "rss", process->resident_bytes);
	put(memory, "rss_at_start", sample->resident_at_start);
	if (sample->memory_per_connection == ADMIN_SAMPLE_UNKNOWN) {
		json_object_set_new(memory, "per_connection", json_null());
	} else {
		put(memory, "per_connection", sample->memory_per_connection);
	}
	return memory;
}

static json_t *files_to_json(const struct admin_process *process)
{
	json_t *files = json_object();
	put(files, "open", process->open_files);
	put(files, "limit", process->max_files);
	return files;
}

static json_t *workers_to_json(const struct admin_context *context)
{
	json_t *workers = json_array();
	for (uint32_t i = 0; i < context->node->worker_count; i++) {
		const struct stats *stats = worker_stats(context->node->workers[i]);
		uint64_t turns = 0;
		for (int bucket = 0; bucket < STATS_BUCKETS; bucket++) {
			turns += stats_read(&stats->turn_us.counts[bucket]);
		}
		json_t *worker = json_object();
		put(worker, "id", i);
		put(worker, "connections", stats_read(&stats->connections));
		put(worker, "users", stats_read(&stats->sessions));
		put(worker, "messages_in", stats_read(&stats->messages_in));
		put(worker, "deliveries", stats_read(&stats->deliveries));
		put(worker, "turns", turns);
		json_array_append_new(workers, worker);
	}
	return workers;
}

void admin_status_show(struct admin_request *request)
{
	struct admin_context *context = request->context;
	struct admin_sample sample;
	admin_sample_take(context, &sample);
	admin_process_ask_allocator(&sample.process);
	json_t *status = json_object();
	json_object_set_new(status, "node", json_string(context->config.id));
	json_object_set_new(status, "version", json_string(TIDEGATE_VERSION));
	put(status, "started_ms", admin_context_run(context));
	put(status, "uptime_ms", sample.uptime_ms);
	json_object_set_new(status, "draining", json_boolean(context->node->is_draining));
	json_object_set_new(status, "demo", json_boolean(context->config.demo));
	json_object_set_new(status, "demo_tokens", json_boolean(context->node->demo_key != NULL));
	json_object_set_new(status, "echo", json_boolean(context->config.echo));
	json_object_set_new(
		status, "auth", json_string(context->config.auth == AUTH_TOKEN ? "token" : "open"));
	json_object_set_new(status, "listen", listen_to_json(context));
	put_port(status, context);
	json_object_set_new(status, "limits", limits_to_json(context, &sample));
	json_object_set_new(status, "totals", totals_to_json(&sample));
#define ENDS(field, metric, json, help)                                                            \
	json_object_set_new(status, json, ends_to_json(sample.field));
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	json_object_set_new(status, json, histogram_to_json(&sample.field));
#define SPREAD(field, metric, json, help) HISTOGRAM(field, metric, json, 1, help)
#include "../base/stats.def"
	json_object_set_new(status, "memory", memory_to_json(&sample));
	json_object_set_new(status, "fds", files_to_json(&sample.process));
	json_object_set_new(status, "workers", workers_to_json(context));
	admin_upgrade_put(status, context);
	admin_answer_json(&request->answer, 200, status);
}
