/* What the time does to a login. Who reads the clock calls clock_tick() at clock_next_deadline(),
 * or later. */
#ifndef TIDEGATE_CLIENT_CLOCK_H
#define TIDEGATE_CLIENT_CLOCK_H

#include <stdint.h>

#include "login.h"

/* When clock_tick() has something to do; MOMENT_NEVER. */
uint64_t clock_next_deadline(const struct login *login);

/* Does what is due. To be called after what the transport holds has been fed, so that a line is not
 * given up with its answer unread. */
void clock_tick(struct login *login, uint64_t now_ms);

#endif
