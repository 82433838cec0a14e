/* The layer of a line whose TLS handshake is not over: nothing plain goes through it, what comes is
 * the handshake's, and an end is told by an alert. A PROXY header, where one is due, comes ahead of
 * the hello, and is handed up as it is. Thread: the worker. */
#ifndef TIDEGATE_TLS_DOOR_H
#define TIDEGATE_TLS_DOOR_H

#include "conns.h"

/* Lays it over a connection that has just come, and has it watched, which nobody does yet. Fine
 * with one that has ended by then. Without memory it ends. */
void tls_door_open(struct conns *conns, struct conn *conn);

/* The same over one that another process had, of whose hello nothing was taken. Where there are no
 * certificates it vanishes. Errors: -ENOMEM, -errno of epoll_ctl: no layer lies over it, and it may
 * not be watched. */
int tls_door_adopt(struct conns *conns, struct conn *conn);

#endif
