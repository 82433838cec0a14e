/* A connection's opening request: its head gathered, judged and answered. Nearly always it comes in
 * one piece and is read where it lies; only one that comes in several is kept. */
#ifndef TIDEGATE_OPENING_H
#define TIDEGATE_OPENING_H

#include <stddef.h>
#include <stdint.h>

#include "conns.h"

/* Takes in bytes of a connection that is opening. Returns how many belonged to the head; what
 * follows are frames. Inside a visit. Thread: the owner. */
size_t opening_on_bytes(struct conns *conns, struct conn *conn, const uint8_t *data, size_t len);

#endif
