/* How the bytes of a connection go on in the process that takes the gateway over: which layer lies
 * over its socket, and what that keeps. A plain line keeps nothing; an open TLS line goes on with
 * the very next record; one whose hello lies in the kernel is as if it had just come. In the middle
 * of a handshake a line cannot be passed on, as what that has come to is OpenSSL's own.
 *
 *   giver:  may_move ──yes──> pack … ──> GO: let_go … ──> over
 *                                   └──> thaw ──────────> over
 *   taker:  the record, its socket, flags and address ──> unpack … ──> GO: over
 *
 * From the first pack of a worker's TLS lines on, and in the taker from the first unpack on, no
 * byte may be sealed or opened on any of them until it is over: a number that was sealed with here
 * and there would give the plain text away. That is asserted.
 *
 * Thread: the worker, or who stands in for it while it is parked. */
#ifndef TIDEGATE_TRANSPORT_PACK_H
#define TIDEGATE_TRANSPORT_PACK_H

#include "../base/pack.h"
#include "conns.h"

/* Whether it can be passed on: not while it shakes hands. */
bool transport_may_move(const struct conn *conn);

/* Appends its layer and what that keeps. It may move. */
void transport_pack(const struct conn *conn, struct pack *pack);

/* Lays over a connection what transport_pack has written. It has its socket, its flags but for
 * CONN_LAYERED, and what is known of its address; conn_note_held is due when it has everything.
 * More may be there to be read than an event will tell: it is to be read from once. A connection
 * whose handshake cannot begin here, as there are no certificates, vanishes. Errors: -EINVAL,
 * -ENOMEM; the connection as it was. */
int transport_unpack(struct conns *conns, struct conn *conn, struct unpack *unpack);

/* In place of transport_close for one that is another process's now: what its layer keeps is wiped
 * and freed, and nothing is said, sealed or done to its socket, which is the caller's to close,
 * plainly. Its extra stays, without a layer. Fine with a plain one. */
void transport_let_go(struct conn *conn);

/* All that was packed has been let go of, or nothing moves; or what was unpacked is this process's
 * by now: sealing goes on. Fine when nothing was. */
void transport_pack_over(struct conns *conns);

#endif
