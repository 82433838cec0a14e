/* The step of a handshake that a thread does, because a worker's other lines would wait for it. The
 * handshake and its seat are the step's meanwhile, so that the connection may go. */
#ifndef TIDEGATE_TLS_AWAY_H
#define TIDEGATE_TLS_AWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../tls/tls_threads.h"
#include "tls_desk.h"

/* Sends the handshake of one that has a seat to a thread, with what has come for it, which stays in
 * the kernel. False, and it is here as before: no thread takes it now. Errors: none, as that is
 * what lack of memory comes to. Thread: the worker. */
bool tls_away_send(struct tls_newcomer *newcomer, const uint8_t *data, size_t len);

/* The step is back as mail: its handshake and its seat are the newcomer's again. NULL: the
 * connection has gone, and they with it. `*ret_step` is what has come of it; its mail, next and
 * data mean nothing any more. Thread: the worker. */
struct tls_newcomer *tls_away_return(
	struct tls_worker *worker, struct mail *mail, struct tls_step *ret_step);

/* The same where there are no connections any more. Thread: any. */
void tls_away_dispose(struct mail *mail);

#endif
