/* What libnats says has gone wrong. */
#ifndef TIDEGATE_NATS_STATUS_H
#define TIDEGATE_NATS_STATUS_H

#include <nats/nats.h>

/* Its last error on this thread, or else what the status stands for, for people. Thread: any. */
const char *nats_status_text(natsStatus status);

/* 0 for NATS_OK; -EPIPE where the line cannot be used any more; else what was asked for cannot be
 * done: -ENOMEM, -EMSGSIZE, -EINVAL. Thread: any. */
int nats_status_errno(natsStatus status);

#endif
