/* When a connection must be looked at, and what is due then: arithmetic on ticks, nothing else.
 *
 * A frame only stores the tick it came in. The wheel comes by at the earliest deadline that may
 * have passed and asks here again. Deadlines are never early: what happened at tick t may have
 * happened at the very end of it, or in a turn that began a tick earlier, so two ticks are added;
 * that makes them up to half a second late. */
#ifndef TIDEGATE_DEADLINE_H
#define TIDEGATE_DEADLINE_H

#include <stdint.h>

#include "conn.h"

/* In ticks. Owner: the worker; rewritten at a reload. */
struct deadlines {
	uint32_t handshake;
	uint32_t read;
	uint32_t write;
	uint32_t close;
	uint32_t ping; /* 0: off */
};

enum deadline_due {
	DEADLINE_NONE, /* nothing yet: come back at *ret_next */
	DEADLINE_HANDSHAKE,
	DEADLINE_END, /* of what conn_set_end has said */
	DEADLINE_READ,
	DEADLINE_PACE, /* it may be read from again: reader_go_on, and ask again */
	DEADLINE_CLOSE,
	DEADLINE_PING, /* send one, note it in last_ping_tick, ask again */
};

/* What is due for a connection at tick `now`. The write deadline is not among it: a stalled
 * connection is looked at every second, and the kernel asked.
 * `*ret_next` is set in any case: the tick at which to look again, after `now`. */
enum deadline_due deadline_check(const struct deadlines *deadlines, const struct conn *conn,
	uint32_t now, uint32_t *ret_next);

/* Whether a peer last seen to take something at tick `progress` has passed the write deadline. */
static inline int deadline_write_passed(
	const struct deadlines *deadlines, uint32_t progress, uint32_t now)
{
	return now - progress >= deadlines->write + 1;
}

#endif
