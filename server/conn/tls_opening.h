/* What comes before a line that speaks TLS is open: its hello is looked at where it lies in the
 * kernel, and refused or worked on.
 *
 *   something has come ──> on the desk ──turn──> no TLS: 400, or closed
 *                                         │      no place, draining, too many of its address: alert
 *                                         │      not whole yet: awaited
 *                                         └────> our answer is written, its own awaited, and worked
 *                                                on as it comes: the line is open
 *
 * A turn takes up to a millisecond, so that each is a step of its own between the others' messages.
 * Of the kernel's bytes those of the handshake are taken and no more: what lies behind them is the
 * open line's. An end ahead of that is told by an alert, as nothing else would be understood.
 * RFC 8446 sections 2 and 6.2. Thread: the worker. */
#ifndef TIDEGATE_TLS_OPENING_H
#define TIDEGATE_TLS_OPENING_H

#include <stdbool.h>

#include "../tls/tls_threads.h"
#include "tls_desk.h"

/* Something has come for a line that is not open, or its peer has hung up. Returns whether the line
 * is open by now; the newcomer is gone then. Inside a visit. May end it. */
bool tls_opening_on_bytes(struct tls_newcomer *newcomer);

/* Its turn, with what handshakes begin with now. Returns as above. Inside a visit. May end it. */
bool tls_opening_on_turn(struct tls_newcomer *newcomer, struct tls_contexts *contexts);

/* A thread has done a step of its handshake. Returns as above. Inside a visit. May end it. */
bool tls_opening_on_return(struct tls_newcomer *newcomer, const struct tls_step *step);

/* Ends it, since others wait. Inside a visit. */
void tls_opening_end_for_others(struct tls_newcomer *newcomer);

/* Tells the client that it is over where only a sealed alert would be understood: once we have
 * answered. Ahead of that, or behind it, it does nothing. The socket stays as it is. */
void tls_opening_tell(struct tls_newcomer *newcomer);

/* Whether some of our answer has not been written. */
bool tls_opening_is_pending(const struct tls_newcomer *newcomer);

/* Writes it, as far as the socket takes it. Errors: -errno of send(2), but for a full socket. */
int tls_opening_write(struct tls_newcomer *newcomer);

/* Gives up what a line has of its handshake: the handshake, which has failed then, its seat, its
 * place in a list. */
void tls_opening_drop(struct tls_newcomer *newcomer);

#endif
