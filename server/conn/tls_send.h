/* What leaves on a line that speaks TLS: sealed as the last thing before the system call. See
 * transport_tls.h. Thread: the connection's worker, all below. */
#ifndef TIDEGATE_TLS_SEND_H
#define TIDEGATE_TLS_SEND_H

#include "../../proto/tls_line.h"
#include "transport.h"

/* As transport_sendv: the residue first, then a KeyUpdate where one is owed, then data. */
ssize_t tls_send(struct conn *conn, struct iovec *iov, int count);

/* Seals and sends a KeyUpdate that is owed, unless it has to wait for the residue. What does not
 * leave is residue. Errors: -ENOMEM, and the line is of no further use. */
int tls_send_owed(struct conn *conn);

/* The last record of the line, if there is room for it now; nobody waits for that. */
void tls_send_alert(struct conn *conn, enum tls_alert alert);

#endif
