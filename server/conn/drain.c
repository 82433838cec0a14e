#include "drain.h"

#include "opening.h"

enum {
	STEP_MS = 10,            /* the grain of the spread */
	RESTART_MS = 1000,       /* what a restart takes, at least */
	RETURN_SPREAD_MS = 1000, /* the least time over which clients come back */
};

void drain_begin(struct drain *drain, struct conns *conns, uint64_t length_ms)
{
	conns_refuse_all(conns);
	*drain = (struct drain){
		.active = true,
		.started_ms = conns->loop->now_ms,
		.length_ms = length_ms,
		.total = conn_table_size(conns->table),
	};
}

/* What is left of the drain, the restart, and this client's slot: the later it is told, the later
 * its slot, so that all come back in the order and over the time in which they left. */
static uint32_t retry_ms(const struct drain *drain, uint64_t elapsed_ms)
{
	uint64_t left = drain->length_ms > elapsed_ms ? drain->length_ms - elapsed_ms : 0;
	uint64_t spread = drain->length_ms > RETURN_SPREAD_MS ? drain->length_ms : RETURN_SPREAD_MS;
	uint64_t slot = spread * drain->cursor / drain->total;
	return (uint32_t)(left + RESTART_MS + slot);
}

/* How many records should have been gone through by now. */
static uint32_t target(const struct drain *drain, uint64_t elapsed_ms)
{
	if (elapsed_ms >= drain->length_ms) {
		return drain->total;
	}
	return (uint32_t)(drain->total * elapsed_ms / drain->length_ms);
}

static bool is_to_be_told(const struct conn *conn)
{
	return conn->state == CONN_LIVE || conn->state == CONN_POSTPONED;
}

static void tell(
	const struct drain *drain, struct conns *conns, struct conn *conn, uint64_t elapsed_ms)
{
	conn_visit_begin(conns, conn);
	if (conn->state == CONN_POSTPONED) {
		opening_refuse(conns, conn, 503, CLOSE_REASON_UNAVAILABLE);
	} else {
		conn_close(conns, conn, CLOSE_REASON_DRAIN, retry_ms(drain, elapsed_ms));
	}
	conn_visit_end(conns, conn);
}

int drain_step(struct drain *drain, struct conns *conns, uint32_t max)
{
	uint64_t elapsed_ms = conns->loop->now_ms - drain->started_ms;
	uint32_t until = target(drain, elapsed_ms);
	for (; drain->cursor < until && max > 0; drain->cursor++) {
		struct conn *conn = conn_table_at(conns->table, drain->cursor);
		if (is_to_be_told(conn)) {
			max--;
			tell(drain, conns, conn, elapsed_ms);
		}
	}
	if (drain->cursor == drain->total) {
		return -1;
	}
	return drain->cursor < until ? 0 : STEP_MS;
}
