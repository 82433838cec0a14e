#include "upgrade.h"

#include <inttypes.h>

#include "../node/handover_status.h"

void admin_upgrade_begin(struct admin_request *request)
{
	struct node *node = request->context->node;
	struct handover_figures figures;
	if (node->is_draining) {
		admin_answer_problem(&request->answer, PROBLEM_NOT_NOW, "it is draining");
		return;
	}
	if (!handover_status_begin(&node->handover)) {
		admin_answer_problem(
			&request->answer, PROBLEM_NOT_NOW, "another hand-over is under way");
		return;
	}
	request->asks_for_upgrade = true;
	handover_status_look(&node->handover, &figures);
	admin_answer_json(&request->answer, 202,
		json_pack("{s:I}", "attempt", (json_int_t)figures.attempts + 1));
}

void admin_upgrade_put(json_t *status, const struct admin_context *context)
{
	static const char *const states[] = {
		[HANDOVER_NONE] = "none",
		[HANDOVER_PREPARING] = "preparing",
		[HANDOVER_MOVING] = "moving",
	};
	struct handover_figures figures;
	handover_status_look(&context->node->handover, &figures);
	json_object_set_new(status, "handover",
		json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:f, s:o, s:s?}", "state",
			states[figures.state], "pid", (json_int_t)figures.pid, "attempts",
			(json_int_t)figures.attempts, "count", (json_int_t)figures.done, "lines",
			(json_int_t)figures.lines, "lost", (json_int_t)figures.lost, "seconds",
			(double)figures.frozen_us / 1e6, "ended_ms",
			figures.ended_ms ? json_integer((json_int_t)figures.ended_ms) : json_null(),
			"refused", figures.why[0] ? figures.why : NULL));
}

void admin_upgrade_write(struct admin_text *text, const struct admin_context *context)
{
	struct handover_figures figures;
	handover_status_look(&context->node->handover, &figures);
	admin_text_add(text,
		"# HELP tidegate_handovers_total Hand-overs to a new process, by what came of them: "
		"done; refused, so that the old one went on; lost, as it died and lines with it.\n"
		"# TYPE tidegate_handovers_total counter\n"
		"tidegate_handovers_total{result=\"done\"} %" PRIu64 "\n"
		"tidegate_handovers_total{result=\"refused\"} %" PRIu64 "\n"
		"tidegate_handovers_total{result=\"lost\"} %" PRIu64 "\n",
		figures.done, figures.refused, figures.broken);
	admin_text_add(text,
		"# HELP tidegate_handover_lines Connections that the last hand-over to this process "
		"has moved.\n"
		"# TYPE tidegate_handover_lines gauge\n"
		"tidegate_handover_lines %" PRIu64 "\n",
		figures.lines);
	admin_text_add(text,
		"# HELP tidegate_handover_lost_total Connections that ended because the old process "
		"died in the middle of a hand-over.\n"
		"# TYPE tidegate_handover_lost_total counter\n"
		"tidegate_handover_lost_total %" PRIu64 "\n",
		figures.lost);
	admin_text_add(text,
		"# HELP tidegate_handover_seconds For how long nobody was answered in the last "
		"hand-over to this process.\n"
		"# TYPE tidegate_handover_seconds gauge\n"
		"tidegate_handover_seconds %.6f\n",
		(double)figures.frozen_us / 1e6);
}
