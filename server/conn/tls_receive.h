/* What comes on a line that speaks TLS: records are opened where they lie. See transport_tls.h.
 * Thread: the connection's worker. */
#ifndef TIDEGATE_TLS_RECEIVE_H
#define TIDEGATE_TLS_RECEIVE_H

#include "transport.h"

/* As transport_recv. What ends the line behind bytes that have come with it is told by the next
 * read. */
struct transport_read tls_receive(struct conn *conn, uint8_t *buffer, size_t most);

#endif
