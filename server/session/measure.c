#include "measure.h"

#include "session_log.h"

void measure_tell(
	const struct sessions *sessions, const struct conn *conn, enum pace_finding finding)
{
	/* An end has its own line. */
	if (finding != PACE_NO_MEMORY) {
		session_log_over_rate(sessions, conn);
	}
}
