/* What a node goes through, one phase after the other: a herd of logins, heartbeats, broadcasts,
 * rooms, a storm of kicks, a drain. Each adds a row to the result and checks that all of it
 * happened. */
#ifndef TIDEGATE_BENCH_PHASES_H
#define TIDEGATE_BENCH_PHASES_H

#include <stdint.h>

#include "result.h"
#include "simulation.h"

/* One that a client holds. */
struct session {
	handle_t handle;
	uint32_t user;
};

/* Owner: main. */
struct scale {
	struct simulation simulation;
	uint32_t count;
	uint32_t members;         /* of a room */
	struct session *sessions; /* `count`, touched before memory is measured */
	struct result result;
};

/* Everybody logs in, as fast as it goes, in the order of their connections' records. Measures
 * memory on the way. */
void phase_herd(struct scale *scale);

/* Puts the clients in a random order, in which all that follows happens. */
void phase_shuffle(struct scale *scale);

/* Everybody heartbeats once in 50 s, evenly spread, while the wheel turns. */
void phase_heartbeats(struct scale *scale);

/* One says something to all, in a turn of its own; then sixteen things in one turn. */
void phase_broadcast(struct scale *scale);

/* Everybody comes to a room, one says something in each, everybody goes. Measures memory on the
 * way.
 */
void phase_rooms(struct scale *scale);

/* Everybody logs in again, on another worker, from a new connection. */
void phase_kicks(struct scale *scale);

/* Everybody is sent away over a minute. */
void phase_drain(struct scale *scale);

#endif
