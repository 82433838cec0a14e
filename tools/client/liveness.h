/* Whether a line lives: when it is to be pinged, when its silence has been long enough, and what a
 * late look means. Knows times only; who looks pings and gives up. PROTOCOL section 3. */
#ifndef TIDEGATE_CLIENT_LIVENESS_H
#define TIDEGATE_CLIENT_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "moment.h"

enum liveness_finding {
	LIVENESS_FINE,
	LIVENESS_PING,  /* a heartbeat is due */
	LIVENESS_SLEPT, /* whoever was to look slept: ask before judging, by liveness_probe() */
	LIVENESS_DEAD,  /* silent for the read deadline, or for the time of a probe */
};

/* Owner:  a login; of its CONNECTED line.
 * Shared: never. */
struct liveness {
	uint32_t heartbeat_ms;     /* 0: none */
	uint32_t read_deadline_ms; /* 0: none */
	uint64_t armed_at;         /* the last Ping, or the beginning */
	uint64_t heard_at;         /* the last complete frame */
	uint64_t probe_by;         /* MOMENT_NEVER: it is not being probed */
};

/* A line stands since now. */
void liveness_init(struct liveness *liveness, uint32_t heartbeat_ms, uint32_t read_deadline_ms,
	uint64_t now_ms);

/* A complete frame has come: the silence and the probe are over. */
void liveness_hear(struct liveness *liveness, uint64_t now_ms);

/* A Ping was sent: the next one is due a heartbeat from now. */
void liveness_rearm(struct liveness *liveness, uint64_t now_ms);

/* Gives the line `timeout_ms` to be heard, whatever its silence before. */
void liveness_probe(struct liveness *liveness, uint32_t timeout_ms, uint64_t now_ms);

bool liveness_is_probing(const struct liveness *liveness);

/* When to look next; MOMENT_NEVER. */
uint64_t liveness_next_deadline(const struct liveness *liveness);

/* To be called at that time, or later. Changes nothing. */
enum liveness_finding liveness_look(const struct liveness *liveness, uint64_t now_ms);

#endif
