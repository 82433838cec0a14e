#include "nodes.h"

#include <stdio.h>
#include <stdlib.h>

#include "../cluster/cluster.h"
#include "../cluster/link.h"
#include "../node/registrar.h"
#include "build_config.h"

/* What there is to be said. */
struct view {
	struct cluster_figures figures;
	struct link_status link;
	uint32_t count;
	struct cluster_node nodes[CLUSTER_NODES_MAX + 1];
};

static const char *state_of(const struct cluster_node *node)
{
	if (node->is_self) {
		return "self";
	}
	switch (node->state) {
	case CLUSTER_NODE_UP:
		return "up";
	case CLUSTER_NODE_SUSPECT:
		return "suspect";
	case CLUSTER_NODE_DOWN:
		return "down";
	case CLUSTER_NODE_FENCED:
		return "fenced";
	case CLUSTER_NODE_CLOCK:
		return "clock";
	}
	return "unknown";
}

static json_t *number_or_null(bool is_known, uint64_t number)
{
	return is_known ? json_integer((json_int_t)number) : json_null();
}

static json_t *incarnation_to_json(const struct incarnation *incarnation)
{
	char text[INCARNATION_TEXT_MAX];
	incarnation_text(incarnation, text);
	return json_string(text);
}

static json_t *node_to_json(const struct cluster_node *node)
{
	char digest[20];
	snprintf(digest, sizeof(digest), "%016llx", (unsigned long long)node->digest);
	return json_pack(
		"{s:s, s:s, s:o, s:s, s:s, s:o, s:b, s:I, s:I, s:i, s:b, s:b, s:I, s:o, s:o, s:I, "
		"s:I, s:I, s:s}",
		"id", node->id, "state", state_of(node), "incarnation",
		incarnation_to_json(&node->incarnation), "version", node->version, "address",
		node->address, "ws_port", number_or_null(node->ws_port > 0, node->ws_port),
		"ws_tls", node->ws_tls, "sessions", (json_int_t)node->sessions, "rooms",
		(json_int_t)node->rooms, "pressure", node->pressure, "draining", node->is_draining,
		"fenced", node->state == CLUSTER_NODE_FENCED, "clock_ms",
		(json_int_t)node->clock_ms, "rtt_us",
		number_or_null(node->round_trip_us > 0, node->round_trip_us), "heard_ms",
		number_or_null(!node->is_self, node->heard_ms_ago), "lost", (json_int_t)node->lost,
		"entries", (json_int_t)node->known_users, "rooms_known",
		(json_int_t)node->known_rooms, "digest", digest);
}

static json_t *link_to_json(const struct view *view)
{
	const struct link_status *link = &view->link;
	return json_pack("{s:b, s:I, s:I}", "up", link->is_up, "reconnects",
		(json_int_t)(link->ups > 0 ? link->ups - 1 : 0), "queued_bytes",
		(json_int_t)link->out_bytes);
}

/* By reason, as tidegate_cluster_lost_total has them. */
static json_t *lost_to_json(const struct view *view)
{
	json_t *lost = json_pack("{s:I, s:I, s:I}", "gap", (json_int_t)view->figures.lost_gap,
		"ingress", (json_int_t)view->figures.lost_ingress, "egress",
		(json_int_t)view->figures.lost_egress);
	for (int i = 0; i < LINK_LOST_COUNT; i++) {
		char name[64];
		snprintf(name, sizeof(name), "link_%s", link_lost_name((enum link_lost)i));
		json_object_set_new(lost, name, json_integer((json_int_t)view->link.lost[i]));
	}
	return lost;
}

static json_t *view_to_json(const struct view *view, const char *name)
{
	json_t *nodes = json_array();
	for (uint32_t i = 0; i < view->count; i++) {
		json_array_append_new(nodes, node_to_json(&view->nodes[i]));
	}
	return json_pack("{s:s, s:b, s:b, s:o, s:o, s:o*}", "node", name, "up", view->figures.is_up,
		"fenced", view->figures.is_fenced, "link", link_to_json(view), "lost",
		lost_to_json(view), "nodes", nodes);
}

static uint32_t sessions_of(const struct node *node)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < node->worker_count; i++) {
		sum += stats_read(&worker_stats(node->workers[i])->sessions);
	}
	return (uint32_t)sum;
}

/* One node that is alone. */
static void answer_alone(struct admin_request *request)
{
	const struct admin_context *context = request->context;
	struct cluster_node node = {
		.is_self = true,
		.sessions = sessions_of(context->node),
		.rooms = (uint32_t)rooms_count(context->node->fanout.rooms),
		.max_devices = (uint8_t)context->config.max_devices,
		.is_draining = context->node->is_draining,
		.incarnation = *registrar_incarnation(context->registrar),
	};
	snprintf(node.version, sizeof(node.version), "%s", TIDEGATE_VERSION);
	json_t *row = node_to_json(&node);
	/* Longer than those of a cluster, maybe. */
	json_object_set_new(row, "id", json_string(context->config.id));
	admin_answer_json(&request->answer, 200,
		json_pack("{s:s, s:b, s:b, s:n, s:{}, s:[o]}", "node", context->config.id, "up", 1,
			"fenced", 0, "link", "lost", "nodes", row));
}

void admin_nodes_list(struct admin_request *request)
{
	static const char *const names[] = {NULL};
	const struct admin_context *context = request->context;
	const struct node *node = context->node;
	if (!admin_request_check_query(request, names)) {
		return;
	}
	if (!node->cluster) {
		answer_alone(request);
		return;
	}
	struct view *view = malloc(sizeof(*view));
	if (!view) {
		admin_answer_problem(&request->answer, PROBLEM_NO_MEMORY, "for the nodes");
		return;
	}
	view->count =
		cluster_look(node->cluster, &view->figures, view->nodes, CLUSTER_NODES_MAX + 1);
	link_look(node->link, &view->link);
	admin_answer_json(&request->answer, 200, view_to_json(view, context->config.id));
	free(view);
}
