/* Handing over to a new process, as it is asked for and as it is told of. */
#ifndef TIDEGATE_ADMIN_UPGRADE_H
#define TIDEGATE_ADMIN_UPGRADE_H

#include "request.h"
#include "text.h"

/* POST /v1/upgrade: 202 with the number that this attempt has, which begins once it is answered. */
void admin_upgrade_begin(struct admin_request *request);

/* Puts `handover` into the status. Thread: the admin thread. */
void admin_upgrade_put(json_t *status, const struct admin_context *context);

/* Its metrics. Thread: the admin thread. */
void admin_upgrade_write(struct admin_text *text, const struct admin_context *context);

#endif
