#include "drain.h"

#include "opening.h"
#include "transport.h"

enum {
	RECORDS_MAX = 16384,     /* gone through in a step, where most are free */
	STEP_MS = 10,            /* the grain of the spread */
	RESTART_MS = 1000,       /* what a restart takes, at least */
	RETURN_SPREAD_MS = 1000, /* the least time over which clients come back */
};

void drain_begin(struct drain *drain, struct conns *conns, uint64_t length_ms)
{
	conns_refuse_all(conns, conns->loop->now_ms + length_ms + RESTART_MS);
	*drain = (struct drain){
		.active = true,
		.started_ms = conns->loop->now_ms,
		.started_tick = conns->loop->now_tick,
		.length_ms = length_ms,
		.total = (uint32_t)stats_read(&conns->stats->connections),
		.size = conn_table_size(conns->table),
	};
}

/* What is left of the drain, the restart, and this client's slot: the later it is told, the later
 * its slot, so that all come back in the order and over the time in which they left. */
static uint32_t retry_ms(const struct drain *drain, uint64_t elapsed_ms)
{
	uint64_t left = drain->length_ms > elapsed_ms ? drain->length_ms - elapsed_ms : 0;
	uint64_t spread = drain->length_ms > RETURN_SPREAD_MS ? drain->length_ms : RETURN_SPREAD_MS;
	uint64_t slot = spread * drain->told / drain->total;
	return (uint32_t)(left + RESTART_MS + slot);
}

/* How many should have been told by now: slots begin at once, so the last ends with the drain. */
static uint32_t target(const struct drain *drain, uint64_t elapsed_ms)
{
	if (elapsed_ms >= drain->length_ms) {
		return UINT32_MAX;
	}
	return (uint32_t)(drain->total * elapsed_ms / drain->length_ms) + 1;
}

static bool is_to_be_told(const struct conn *conn)
{
	return conn->state == CONN_LIVE || conn->state == CONN_POSTPONED;
}

/* A browser's spare connection, or one whose peer has gone. Who came during the drain has a request
 * under way, which is answered. */
static bool is_silent(const struct drain *drain, const struct conn *conn)
{
	return conn->state == CONN_OPENING && !(conn->flags & CONN_HEAD_KEPT) &&
	       conn->state_tick < drain->started_tick && transport_unread(conn) == 0;
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
	uint32_t told_before = drain->told;
	for (uint32_t records = 0; drain->told < until && drain->cursor < drain->size;
		drain->cursor++, records++) {
		if (drain->told - told_before == max || records == RECORDS_MAX) {
			return 0;
		}
		struct conn *conn = conn_table_at(conns->table, drain->cursor);
		if (is_to_be_told(conn)) {
			tell(drain, conns, conn, elapsed_ms);
			drain->told++;
		} else if (is_silent(drain, conn)) {
			conn_vanish(conns, conn, CLOSE_REASON_UNAVAILABLE);
		}
	}
	return drain->cursor < drain->size ? STEP_MS : -1;
}
