/* What few connections have hangs on one pointer, so that the others do not pay for it. Its fields
 * are in conn.h. Thread: the connection's worker. */
#ifndef TIDEGATE_CONN_EXTRA_H
#define TIDEGATE_CONN_EXTRA_H

#include "conn.h"

/* Makes the extra of a connection that has none; one that has one keeps it. The rooms, which lie in
 * its place, move into it. Errors: -ENOMEM, the connection as it was. */
int conn_extra_make(struct conn *conn);

/* Frees it, once its rooms and rights are gone. Fine without one. */
void conn_extra_free(struct conn *conn);

#endif
