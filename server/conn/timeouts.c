#include "timeouts.h"

#include "../../proto/frame.h"
#include "admission.h"
#include "opening.h"
#include "pace.h"
#include "reader.h"
#include "send.h"
#include "transport.h"

enum {
	/* Looks, a tick apart, at which a deadline waits for what has come and was not read: the
	 * events are all there by then. One who has a byte arrive at each tick gains no more. */
	UNHEARD_MAX = 3,
};

static void handshake_passed(struct conns *conns, struct conn *conn)
{
	if (conn->address & CONN_ADDRESS_DUE) {
		/* A proxy, which does not speak HTTP with us yet. */
		admission_end_headless(conns, conn, CLOSE_REASON_HANDSHAKE_TIMEOUT);
		return;
	}
	if (!(conn->flags & CONN_HEAD_KEPT)) {
		/* It never said a word: neither do we. */
		conn_vanish(conns, conn, CLOSE_REASON_HANDSHAKE_TIMEOUT);
		return;
	}
	/* Of a postponed request all has come: it is we who took too long. */
	opening_refuse(conns, conn, conn->state == CONN_POSTPONED ? 503 : 408,
		CLOSE_REASON_HANDSHAKE_TIMEOUT);
}

static void check_stalled(struct conns *conns, struct conn *conn)
{
	uint32_t progress = outbox_last_progress(conns->outbox, conn);
	if (deadline_write_passed(&conns->limits.deadlines, progress, conns->loop->now_tick)) {
		conn_overload(conns, conn, CLOSE_REASON_WRITE_TIMEOUT);
		return;
	}
	outbox_give_up_on(conns->outbox, conn);
	/* The kernel may have been short of memory, which no event announces the end of. */
	conn_resume_writing(conns, conn);
}

/* It may say more by now, or is looked at all the same. */
static void go_on(struct conns *conns, struct conn *conn)
{
	if (conn->state == CONN_LIVE && pace_is_hopeless(conns, conn)) {
		conn_overload(conns, conn, CLOSE_REASON_OVER_RATE);
	} else {
		reader_go_on(conns, conn);
	}
}

static void act_on(struct conns *conns, struct conn *conn, enum deadline_due due)
{
	switch (due) {
	case DEADLINE_NONE:
		break;
	case DEADLINE_HANDSHAKE:
		handshake_passed(conns, conn);
		break;
	case DEADLINE_END:
		conn_close(conns, conn, CLOSE_REASON_TOKEN_EXPIRED, 0);
		break;
	case DEADLINE_READ:
		conn_close(conns, conn, CLOSE_REASON_READ_TIMEOUT, 0);
		break;
	case DEADLINE_PACE:
		go_on(conns, conn);
		break;
	case DEADLINE_PING:
		conn->last_ping_tick = conns->loop->now_tick;
		conn_send(conns, conn, FRAME_PING, NULL, 0, 0);
		stats_add(&conns->stats->pings_out, 1);
		break;
	case DEADLINE_CLOSE:
		conn->flags |= CONN_RESET;
		conn_die(conns, conn);
		break;
	}
}

/* Whether a peer that seems to have been silent too long has said something that is not read yet:
 * after the process has been stopped for a while, all heartbeats are. The looks after that will
 * tell. */
static bool is_unheard(struct conn *conn, enum deadline_due due)
{
	if (due != DEADLINE_READ && due != DEADLINE_HANDSHAKE) {
		conn->unheard = 0;
		return false;
	}
	if (conn->state == CONN_POSTPONED || conn->unheard == UNHEARD_MAX ||
		transport_unread(conn) == 0) {
		return false;
	}
	conn->unheard++;
	return true;
}

static uint32_t on_wheel(void *context, uint32_t index)
{
	struct conns *conns = context;
	struct conn *conn = conn_table_at(conns->table, index);
	uint32_t next;
	/* Not to be linked by conn_rearm while the wheel has it in hand. */
	conn->wheel_tick = 0;
	if (conn->state == CONN_DEAD) {
		return TIMER_WHEEL_NONE;
	}
	enum deadline_due due =
		deadline_check(&conns->limits.deadlines, conn, conns->loop->now_tick, &next);
	if (is_unheard(conn, due)) {
		due = DEADLINE_NONE;
		next = conns->loop->now_tick + 1;
	}
	if (due != DEADLINE_NONE || conn->tx) {
		uint8_t before = conn->state;
		conn_visit_begin(conns, conn);
		/* First, as nothing may be gathered when the queue is written from. */
		if (conn->state == CONN_LIVE && conn->tx) {
			check_stalled(conns, conn);
		}
		if (conn->state == before) {
			act_on(conns, conn, due);
		}
		conn_visit_end(conns, conn);
		if (conn->state == CONN_DEAD) {
			return TIMER_WHEEL_NONE;
		}
		deadline_check(&conns->limits.deadlines, conn, conns->loop->now_tick, &next);
	}
	conn->wheel_tick = next;
	return next;
}

bool timeouts_tick(struct conns *conns, uint32_t visits_max)
{
	return !timer_wheel_advance(
		conns->wheel, conns->loop->now_tick, visits_max, on_wheel, conns);
}

bool timeouts_sweep(struct conns *conns, uint32_t *cursor, uint32_t max)
{
	uint32_t size = conn_table_size(conns->table);
	for (; *cursor < size && max > 0; (*cursor)++, max--) {
		struct conn *conn = conn_table_at(conns->table, *cursor);
		if (conn->state != CONN_FREE && conn->state != CONN_DEAD) {
			conn_rearm(conns, conn);
			admission_recount(conns, conn);
		}
	}
	return *cursor < size;
}
