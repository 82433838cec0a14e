/* The layer of a line whose TLS handshake is over: what transport.h says, in sealed records.
 *
 * Reading, whole records are opened where they lie in the worker's buffer, and what they held is
 * moved together; part of one is kept. Writing, sealing is the last thing done before the system
 * call: what waits is plain and may be shared by thousands. A record of which a byte has left is
 * the line's for good. Its rest, the residue, is kept, and nothing is sealed while there is one. A
 * record of which none has left never was: its number is given to another.
 *
 * Thread: the connection's worker. RFC 8446 sections 5 and 6. */
#ifndef TIDEGATE_TRANSPORT_TLS_H
#define TIDEGATE_TRANSPORT_TLS_H

#include "../base/pack.h"
#include "../tls/tls_handshake.h"
#include "conns.h"
#include "transport.h"

/* The layer: a worker has a copy of its own, which its lines know it by; see tls_worker.h. */
extern const struct transport_ops transport_tls_ops;

/* Opens the line: from here on its bytes are records, and what comes next is the first one behind
 * the handshake. In place of the layer that there is. Its secrets are copied, and stay the caller's
 * to wipe. Errors: -ENOMEM, the connection as it was. */
int transport_tls_open(struct conns *conns, struct conn *conn, const struct tls_secrets *secrets);

/* Opens a line that another process has packed, where that has left it. The worker need not have
 * anything for TLS yet. Errors: -EINVAL, -ENOMEM; the connection as it was. */
int transport_tls_adopt(struct conns *conns, struct conn *conn, struct unpack *unpack);

#endif
