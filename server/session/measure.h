/* What a session says is counted against its rates, and the log is told of who says more: pace.h.
 * Thread: the owner; inside a visit. */
#ifndef TIDEGATE_MEASURE_H
#define TIDEGATE_MEASURE_H

#include "../conn/pace.h"
#include "session_log.h"
#include "sessions.h"

/* An end for want of memory has a line of its own. */
static inline void measure_tell(
	const struct sessions *sessions, const struct conn *conn, enum pace_finding finding)
{
	if (finding == PACE_USED_UP || finding == PACE_BEYOND) {
		session_log_over_rate(sessions, conn);
	}
}

/* A live session has said a message of `len` bytes. Returns whether it is still live. */
static inline bool measure_count(struct sessions *sessions, struct conn *conn, size_t len)
{
	if (!pace_is_on(sessions->conns)) {
		return true;
	}
	enum pace_finding finding = pace_count(sessions->conns, conn, len);
	measure_tell(sessions, conn, finding);
	return finding != PACE_NO_MEMORY;
}

/* The same of one that can be refused. Returns whether it is to be; a session that has ended by
 * then is not answered. */
static inline bool measure_refuses(struct sessions *sessions, struct conn *conn, size_t len)
{
	if (!pace_is_on(sessions->conns)) {
		return false;
	}
	enum pace_finding finding = pace_ask(sessions->conns, conn, len);
	measure_tell(sessions, conn, finding);
	return finding == PACE_BEYOND || finding == PACE_NO_MEMORY;
}

#endif
