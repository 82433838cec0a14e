/* Deadlines that come up, and what is done about them. */
#ifndef TIDEGATE_TIMEOUTS_H
#define TIDEGATE_TIMEOUTS_H

#include <stdbool.h>
#include <stdint.h>

#include "conns.h"

/* Visits the deadlines that have come up, at most `visits_max`. Returns whether there are more.
 * Thread: the owner. */
bool timeouts_tick(struct conns *conns, uint32_t visits_max);

/* After deadlines were shortened: brings the wheel forward for at most `max` connections from
 * *cursor on, which it moves. Returns whether there are more. Thread: the owner. */
bool timeouts_sweep(struct conns *conns, uint32_t *cursor, uint32_t max);

#endif
