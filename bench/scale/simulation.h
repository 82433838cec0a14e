/* A node without sockets: the gateway's own connections, sessions, fan-out, wheel and user table,
 * with stand-ins below and a clock that moves when the simulation says so. Its workers take turns
 * on one thread, each turn in the order of worker.c. */
#ifndef TIDEGATE_BENCH_SIMULATION_H
#define TIDEGATE_BENCH_SIMULATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../server/base/mailbox.h"
#include "../../server/conn/conns.h"
#include "../../server/conn/drain.h"
#include "../../server/fanout/fanout.h"
#include "../../server/session/session.h"
#include "../../server/user/user_table.h"

enum {
	SIMULATION_WORKERS_MAX = 64,
	SIMULATION_BATCH = 1024, /* events of one turn: what event_batch says */
};

struct simulated_worker {
	struct stats stats; /* first, for its alignment */
	_Alignas(64) _Atomic uint32_t load;
	struct mailbox *mailbox;
	struct loop loop;
	struct conns conns;
	struct fanout *fanout;
	struct sessions sessions;
	struct drain drain;
};

/* Owner:  one thread, registered with the user table by simulation_init.
 * Shared: never.
 * Freed:  what it holds by simulation_finish. */
struct simulation {
	uint32_t worker_count;
	struct simulated_worker *workers;
	struct mailbox *mailboxes[SIMULATION_WORKERS_MAX];
	struct fanout_gauge gauges[SIMULATION_WORKERS_MAX];
	struct memory_budget budget;
	_Atomic uint32_t refusals;
	struct fanout_node node;
	struct user_table *users;
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

/* What comes after a turn's I/O, of all workers, until the mailboxes are empty. The fan-out is not
 * waited for. */
void simulation_turn(struct simulation *simulation);

/* One slice of the fan-out of one worker. Returns whether there is more. */
bool simulation_fan_out(struct simulation *simulation, uint32_t worker);

/* Moves the clock of all workers on. */
void simulation_pass(struct simulation *simulation, uint64_t ms);

/* Sums over all workers. */
uint64_t simulation_sessions(const struct simulation *simulation);
uint64_t simulation_connections(const struct simulation *simulation);
uint64_t simulation_kicks(const struct simulation *simulation);
uint64_t simulation_deliveries(const struct simulation *simulation);
uint64_t simulation_ends(const struct simulation *simulation, enum close_reason reason);

#endif
