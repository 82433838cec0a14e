/* What a live connection is sent: frames, appended in order behind what it is owed from before, and
 * gathered until the visit ends. All of it inside a visit. Thread: the owner. */
#ifndef TIDEGATE_SEND_H
#define TIDEGATE_SEND_H

#include <stddef.h>
#include <stdint.h>

#include "conns.h"

/* Queues a frame that is no Close. `data` is copied or sent before the call returns; but a large
 * payload with headroom for a header in front of it (see struct message) that lies in the read
 * buffer is sent from there. */
void conn_send(struct conns *conns, struct conn *conn, uint8_t opcode, uint8_t *data, size_t len,
	size_t headroom);

/* Queues whole frames that many share. */
void conn_share(
	struct conns *conns, struct conn *conn, struct buf *buf, const uint8_t *data, size_t len);

/* Brings the connection up to date: what it is owed from before is appended and sent, or queued. */
void conn_settle(struct conns *conns, struct conn *conn);

/* Answers a Ping, ahead of what is queued where a frame boundary allows. */
void conn_pong(struct conns *conns, struct conn *conn, const struct message *message);

#endif
