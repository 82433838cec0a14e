/* What a line tells, and what a login makes of it: messages, pongs, a Close, a fault. PROTOCOL
 * sections 2 and 5. */
#ifndef TIDEGATE_CLIENT_RECEIVED_H
#define TIDEGATE_CLIENT_RECEIVED_H

#include <stdint.h>

#include "line.h"
#include "login.h"

/* Takes an event of the line there is, which is not LINE_MORE. What it puts to be told may point
 * into the line: it is to be delivered before the line goes on. The callback that is asked for a
 * token is called from here. */
void received_take(struct login *login, const struct line_event *event, uint64_t now_ms);

#endif
