/* A connection's opening request: its head gathered, judged and answered, behind a PROXY header
 * where one is due. Nearly always it comes in one piece and is read where it lies; only one that
 * comes in several, or is postponed, is kept. */
#ifndef TIDEGATE_OPENING_H
#define TIDEGATE_OPENING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conns.h"

/* Takes in bytes of a connection that is opening. Returns how many belonged to the head, or were
 * kept because its request is postponed; what follows are frames. Inside a visit. Thread: the
 * owner. */
size_t opening_on_bytes(struct conns *conns, struct conn *conn, const uint8_t *data, size_t len);

/* A postponed request, once more, as ops->request was called with it; borrowed until
 * opening_take_behind. Returns false when it is refused now, since a drain has begun. Inside a
 * visit. Thread: the owner. */
bool opening_recall(struct conns *conns, struct conn *conn, struct handshake_request *ret_request);

/* Forgets a postponed request, which has been answered. Returns how many bytes lay behind its head;
 * they are in conns->reading.buffer then. Thread: the owner. */
size_t opening_take_behind(struct conns *conns, struct conn *conn);

/* What is kept of a request or of a PROXY header, for another process; borrowed, empty where
 * nothing is. Thread: the owner. */
struct slice opening_kept(const struct conn *conn);

/* Keeps for a connection that is opening what another process has kept. Errors: -ENOMEM. Thread:
 * the owner. */
int opening_adopt(struct conn *conn, struct slice begun);

/* Refuses a request, whether it has come or not, with 400, 408, 431 or 503, and forgets what is
 * kept of it. Where nothing can be said yet it ends without a word. Inside a visit. Thread: the
 * owner. */
void opening_refuse(
	struct conns *conns, struct conn *conn, uint16_t status, enum close_reason reason);

/* Refuses one that has come in plain where TLS is spoken, which is not read. Inside a visit.
 * Thread: the owner. */
void opening_refuse_plain(struct conns *conns, struct conn *conn);

#endif
