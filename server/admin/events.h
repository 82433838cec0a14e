/* GET /v1/events: who came and went, and what else has happened, for backends that follow it.
 *
 * The registrar keeps the events. A request that waits for the next one is with him, as its ask;
 * how many may be is limited, so that connections are left for others. */
#ifndef TIDEGATE_ADMIN_EVENTS_H
#define TIDEGATE_ADMIN_EVENTS_H

#include "request.h"

void admin_events_show(struct admin_request *request);

/* An ask has come back. Thread: the admin thread. */
void admin_events_on_mail(struct mail *mail);

#endif
