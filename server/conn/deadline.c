#include "deadline.h"

#include "../base/loop.h"

enum {
	SLACK = 2,                           /* ticks, see deadline.h */
	STALLED_EVERY = 1000 / LOOP_TICK_MS, /* ticks between looks at a stalled connection */
};

static uint32_t earlier(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static enum deadline_due check_live(const struct deadlines *deadlines, const struct conn *conn,
	uint32_t now, uint32_t *ret_next)
{
	/* A paused connection is silent because the gateway does not listen. */
	uint32_t heard = conn->flags & (CONN_PAUSED | CONN_PACED) ? now : conn->last_read_tick;
	uint32_t read_due = heard + deadlines->read + SLACK;
	const struct conn_extra *extra = conn_extra_of(conn);
	uint32_t end_due = extra && extra->ends_tick > 0 ? extra->ends_tick + SLACK : UINT32_MAX;
	if (now >= end_due) {
		return DEADLINE_END;
	}
	if (now >= read_due) {
		return DEADLINE_READ;
	}
	*ret_next = earlier(read_due, end_due);
	if (conn->flags & CONN_PACED) {
		if (now >= extra->pace->wake_tick) {
			return DEADLINE_PACE;
		}
		*ret_next = earlier(*ret_next, extra->pace->wake_tick);
	}
	if (deadlines->ping > 0) {
		uint32_t quiet_since = heard > conn->last_ping_tick ? heard : conn->last_ping_tick;
		uint32_t ping_due = quiet_since + deadlines->ping + SLACK;
		if (now >= ping_due) {
			return DEADLINE_PING;
		}
		*ret_next = earlier(*ret_next, ping_due);
	}
	if (conn->tx) {
		*ret_next = earlier(*ret_next, now + STALLED_EVERY);
	}
	return DEADLINE_NONE;
}

enum deadline_due deadline_check(const struct deadlines *deadlines, const struct conn *conn,
	uint32_t now, uint32_t *ret_next)
{
	uint32_t due;
	*ret_next = now + 1;
	switch ((enum conn_state)conn->state) {
	case CONN_OPENING:
	case CONN_POSTPONED:
		due = conn->last_read_tick + deadlines->handshake + SLACK;
		if (now >= due) {
			return DEADLINE_HANDSHAKE;
		}
		*ret_next = due;
		return DEADLINE_NONE;
	case CONN_LIVE:
		return check_live(deadlines, conn, now, ret_next);
	case CONN_CLOSING:
		due = conn->state_tick + deadlines->close + SLACK;
		if (now >= due) {
			return DEADLINE_CLOSE;
		}
		*ret_next = due;
		/* What it has said is read to its end now: its Close may be behind that. */
		return conn->flags & CONN_PACED ? DEADLINE_PACE : DEADLINE_NONE;
	case CONN_FREE:
	case CONN_DEAD:
		break;
	}
	return DEADLINE_NONE;
}
