/* A node without sockets: the gateway's own connections, sessions, fan-out, wheel and user table,
 * with stand-ins below and a clock that moves when the simulation says so. Its workers take their
 * turns on one thread. */
#ifndef TIDEGATE_BENCH_SIMULATION_H
#define TIDEGATE_BENCH_SIMULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/subprotocol.h"
#include "../../server/node/serving.h"

enum {
	SIMULATION_WORKERS_MAX = 64,
	SIMULATION_BATCH = 1024, /* events of one turn: what event_batch says */
};

/* Owner:  one thread, registered with the user table by simulation_init.
 * Shared: never.
 * Freed:  what it holds by simulation_finish. */
struct simulation {
	uint32_t worker_count;
	struct serving *workers;
	struct loop loops[SIMULATION_WORKERS_MAX];
	struct node node;
	uint32_t opened; /* connections, ever */
};

/* `expected` users are provided for at once, as in the gateway; more are for housekeeping. */
void simulation_init(struct simulation *simulation, uint32_t worker_count, size_t expected);

/* Takes everything down and checks that every account is back at zero. */
void simulation_finish(struct simulation *simulation);

/* A new connection to a worker. */
handle_t simulation_open(struct simulation *simulation, uint32_t worker);

/* Bytes arrive for a connection, which takes them all. */
void simulation_feed(
	struct simulation *simulation, handle_t handle, const uint8_t *data, size_t len);

/* User u and six digits logs in at a worker, with the shortest head that does. */
handle_t simulation_log_in(struct simulation *simulation, uint32_t worker, uint32_t user,
	enum subprotocol subprotocol);

/* Ends the I/O of all workers: what has been said is on its way. */
void simulation_publish(struct simulation *simulation);

/* One turn of one worker. Returns whether it had mail or has more to do. */
bool simulation_turn(struct simulation *simulation, uint32_t worker);

/* Turns of all workers until nobody has anything to do. */
void simulation_run(struct simulation *simulation);

/* Tells all workers to send everybody away over `ms`. */
void simulation_drain(struct simulation *simulation, uint64_t ms);

/* Moves the clock of all workers on. */
void simulation_pass(struct simulation *simulation, uint64_t ms);

/* Sums over all workers. */
uint64_t simulation_sessions(const struct simulation *simulation);
uint64_t simulation_connections(const struct simulation *simulation);
uint64_t simulation_kicks(const struct simulation *simulation);
uint64_t simulation_memberships(const struct simulation *simulation);
uint64_t simulation_deliveries(const struct simulation *simulation);
uint64_t simulation_ends(const struct simulation *simulation, enum close_reason reason);

#endif
