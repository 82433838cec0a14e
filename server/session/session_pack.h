/* A session that goes on in another process, as if nothing had happened: who it is, what its token
 * allows, which rooms it is in. Its connection is conn/conn_pack.h's, with the end of its token.
 *
 * Whoever comes so has been there: nobody is told, it is not greeted, no line is logged, and only
 * what there is now is counted. What a session is owed has been handed out before, and nothing of
 * it waits for another thread: see session_rest.h. Thread: the worker of `sessions`, or one that
 * stands in for it while it waits or does not run; registered with the user table. */
#ifndef TIDEGATE_SESSION_PACK_H
#define TIDEGATE_SESSION_PACK_H

#include "../base/pack.h"
#include "sessions.h"

/* Appends what a live connection's session is; of an echo that it has none. */
void session_pack(struct sessions *sessions, struct conn *conn, struct pack *pack);

/* Makes it of a live connection without a user: a receiver of the fan-out from the next batch on,
 * in the table, in its rooms. Of a user those come first that were accepted first. Where a user may
 * have fewer sessions than there are, the oldest of them gets its kick, by mail, and that is told.
 * Errors: -EINVAL: nothing that was packed looks so, or it speaks to an echo; -ENOMEM. Then the
 * connection is without a session, and its caller's to abandon. */
int session_unpack(struct sessions *sessions, struct conn *conn, struct unpack *unpack);

/* Another process has it, or is to have it after all: out of fan-out, rooms and table, its rights
 * given back. No end: nobody is told, nothing is logged or counted. Fine for a connection without a
 * user. */
void session_abandon(struct sessions *sessions, struct conn *conn);

#endif
