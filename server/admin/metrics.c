#include "metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../cluster/cluster.h"
#include "../cluster/link.h"
#include "../node/api.h"
#include "../node/requests.h"
#include "../tls/tls_store.h"
#include "build_config.h"
#include "upgrade.h"

static void head(struct admin_text *text, const char *name, const char *type, const char *help)
{
	int family_len = (int)strcspn(name, "{");
	admin_text_add(text, "# HELP %.*s %s\n# TYPE %.*s %s\n", family_len, name, help, family_len,
		name, type);
}

/* Without `help` it is one more of the metric above, under another label. */
static void figure(struct admin_text *text, const char *name, const char *type, uint64_t value,
	const char *help)
{
	if (help) {
		head(text, name, type, help);
	}
	admin_text_add(text, "%s %" PRIu64 "\n", name, value);
}

static void gauge(struct admin_text *text, const char *name, uint64_t value, const char *help)
{
	figure(text, name, "gauge", value, help);
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

/* What stands in a label: printable, but for these two, which would end it. */
static void label(struct admin_text *text, const char *words)
{
	for (const char *at = words; *at; at++) {
		admin_text_add(text, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
	}
}

static void ends_by_reason(
	struct admin_text *text, const char *name, const uint64_t *counts, const char *help)
{
	head(text, name, "counter", help);
	for (int i = CLOSE_REASON_NONE + 1; i < CLOSE_REASON_COUNT; i++) {
		admin_text_add(text, "%s{reason=\"%s\"} %" PRIu64 "\n", name,
			close_reason_counter((enum close_reason)i), counts[i]);
	}
}

/* --- what is measured ----------------------------------------------------------------------------
 */

static void write_build(struct admin_text *text, const struct admin_context *context)
{
	const char *sanitized = HAVE_THREAD_SANITIZER ? "yes" : "no";
	head(text, "tidegate_build_info", "gauge", "What this gateway was built from, always 1.");
	admin_text_add(text, "tidegate_build_info{version=\"%s\",node=\"", TIDEGATE_VERSION);
	label(text, context->config.id);
	admin_text_add(text, "\",jemalloc=\"%s\",systemd=\"%s\",thread_sanitizer=\"%s\"} 1\n",
		HAVE_JEMALLOC ? "yes" : "no", HAVE_SYSTEMD ? "yes" : "no", sanitized);
}

static void write_figures(struct admin_text *text, const struct admin_sample *sample)
{
#define COUNTER                                 "counter"
#define GAUGE                                   "gauge"
#define WORKER(field, kind, metric, json, help) figure(text, metric, kind, sample->field, help);
#define NODE(field, kind, metric, json, help)   figure(text, metric, kind, sample->field, help);
#define MEMORY(kind, field, metric, json, help) figure(text, metric, GAUGE, sample->field, help);
#define ENDS(field, metric, json, help)         ends_by_reason(text, metric, sample->field, help);
#define HISTOGRAM(field, metric, json, unit, help)                                                 \
	histogram(text, metric, &sample->field, unit, help);
#define SPREAD(field, metric, json, help) HISTOGRAM(field, metric, json, 1, help)
#include "../base/stats.def"
}

/* --- certificates -------------------------------------------------------------------------------
 */

static void write_certificates(struct admin_text *text, struct tls_store *store)
{
	struct tls_expiry expiries[CONFIG_TLS_MAX];
	if (!store) {
		return;
	}
	const size_t count = tls_store_expiries(store, (int64_t)(clock_wall_ms() / 1000), expiries);
	head(text, "tidegate_tls_certificate_expiry_seconds", "gauge",
		"How long the certificate of a name is still good; below 0 when it is over.");
	for (size_t i = 0; i < count; i++) {
		admin_text_add(text, "tidegate_tls_certificate_expiry_seconds{name=\"");
		label(text, expiries[i].name);
		admin_text_add(text, "\"} %" PRId64 "\n", expiries[i].left_s);
	}
}

/* --- the cluster --------------------------------------------------------------------------------
 */

struct cluster_view {
	struct cluster_figures figures;
	struct link_status link;
	const struct api_stats *api;
	const struct requests_stats *requests;
	uint32_t count;
	struct cluster_node nodes[CLUSTER_NODES_MAX + 1]; /* this one first */
};

/* Finds a figure of another node; false: it has none. */
typedef bool node_figure_fn(const struct cluster_node *node, double *ret_value);

static bool node_round_trip_s(const struct cluster_node *node, double *ret_value)
{
	*ret_value = node->round_trip_us / 1e6;
	return node->state == CLUSTER_NODE_UP && node->round_trip_us > 0;
}

static bool node_ahead_s(const struct cluster_node *node, double *ret_value)
{
	*ret_value = (double)node->clock_ms / 1e3;
	return node->state != CLUSTER_NODE_DOWN;
}

/* `name` is without labels. */
static void node_figures(struct admin_text *text, const char *name, const char *type,
	const struct cluster_view *view, node_figure_fn *find, const char *help)
{
	double value;
	head(text, name, type, help);
	for (uint32_t i = 0; i < view->count; i++) {
		const struct cluster_node *node = &view->nodes[i];
		if (!node->is_self && find(node, &value)) {
			admin_text_add(text, "%s{node=\"%s\"} %.6f\n", name, node->id, value);
		}
	}
}

static void write_cluster_view(struct admin_text *text, const struct cluster_view *view)
{
#define CLUSTER_FIGURE(field, kind, metric, help)                                                  \
	figure(text, metric, kind, view->figures.field, help);
#define LINK_FIGURE(field, kind, metric, help) figure(text, metric, kind, view->link.field, help);
#define NODE_FIGURE(name, kind, metric, help)                                                      \
	node_figures(text, metric, kind, view, node_##name, help);
#define API_FIGURE(field, kind, metric, help) figure(text, metric, kind, view->api->field, help);
#define REQUEST_FIGURE(field, kind, metric, help)                                                  \
	figure(text, metric, kind, view->requests->field, help);
#include "cluster_figures.def"
}

static void write_cluster(struct admin_text *text, const struct node *node)
{
	if (!node->cluster) {
		return;
	}
	struct cluster_view *view = malloc(sizeof(*view));
	if (!view) {
		text->has_failed = true;
		return;
	}
	view->count =
		cluster_look(node->cluster, &view->figures, view->nodes, CLUSTER_NODES_MAX + 1);
	link_look(node->link, &view->link);
	view->api = api_stats(node->api);
	view->requests = api_requests_stats(node->api);
	write_cluster_view(text, view);
	free(view);
}

/* --- the process --------------------------------------------------------------------------------
 */

static void write_process(struct admin_text *text, const struct admin_context *context,
	const struct admin_sample *sample)
{
	const struct admin_process *process = &sample->process;
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
	gauge(text, "tidegate_start_resident_memory_bytes", sample->resident_at_start,
		"Resident memory before the first connection: what is above it, divided by "
		"connections, is what one costs.");
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
	write_build(text, context);
	write_figures(text, sample);
	write_certificates(text, context->node->tls);
	write_cluster(text, context->node);
	admin_upgrade_write(text, context);
	write_process(text, context, sample);
}
