#include "liveness.h"

void liveness_init(struct liveness *liveness, uint32_t heartbeat_ms, uint32_t read_deadline_ms,
	uint64_t now_ms)
{
	*liveness = (struct liveness){
		.heartbeat_ms = heartbeat_ms,
		.read_deadline_ms = read_deadline_ms,
		.armed_at = now_ms,
		.heard_at = now_ms,
		.probe_by = MOMENT_NEVER,
	};
}

void liveness_hear(struct liveness *liveness, uint64_t now_ms)
{
	liveness->heard_at = now_ms;
	liveness->probe_by = MOMENT_NEVER;
}

void liveness_rearm(struct liveness *liveness, uint64_t now_ms)
{
	liveness->armed_at = now_ms;
}

void liveness_probe(struct liveness *liveness, uint32_t timeout_ms, uint64_t now_ms)
{
	liveness->probe_by = now_ms + timeout_ms;
}

bool liveness_is_probing(const struct liveness *liveness)
{
	return liveness->probe_by != MOMENT_NEVER;
}

static uint64_t heartbeat_at(const struct liveness *liveness)
{
	return liveness->heartbeat_ms ? liveness->armed_at + liveness->heartbeat_ms : MOMENT_NEVER;
}

static uint64_t silent_at(const struct liveness *liveness)
{
	return liveness->read_deadline_ms ? liveness->heard_at + liveness->read_deadline_ms
					  : MOMENT_NEVER;
}

uint64_t liveness_next_deadline(const struct liveness *liveness)
{
	return moment_earlier(heartbeat_at(liveness),
		liveness_is_probing(liveness) ? liveness->probe_by : silent_at(liveness));
}

/* More than twice late: whoever was to look slept, and so may have the line's answers. */
static bool has_slept(uint64_t since, uint64_t due_at, uint64_t now_ms)
{
	return due_at != MOMENT_NEVER && now_ms - since > 2 * (due_at - since);
}

enum liveness_finding liveness_look(const struct liveness *liveness, uint64_t now_ms)
{
	if (liveness->probe_by <= now_ms) {
		return LIVENESS_DEAD;
	}
	if (!liveness_is_probing(liveness)) {
		if (has_slept(liveness->armed_at, heartbeat_at(liveness), now_ms) ||
			has_slept(liveness->heard_at, silent_at(liveness), now_ms)) {
			return LIVENESS_SLEPT;
		}
		if (silent_at(liveness) <= now_ms) {
			return LIVENESS_DEAD;
		}
	}
	return heartbeat_at(liveness) <= now_ms ? LIVENESS_PING : LIVENESS_FINE;
}
