#include "send.h"

#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"
#include "../../proto/frame.h"

enum {
	LEND_MIN = 1024, /* payloads from here on are sent from where they lie */
};

static inline void catch_up(struct conns *conns, struct conn *conn)
{
	if (!conns->caught_up) {
		conns->caught_up = true;
		conns->ops->catch_up(conns->owner, conn);
	}
}

void conn_settle(struct conns *conns, struct conn *conn)
{
	catch_up(conns, conn);
	conn_flush(conns, conn);
}

/* Makes room by a flush. False when that has changed what the connection may be sent. */
static bool make_room(struct conns *conns, struct conn *conn)
{
	uint8_t before = conn->state;
	conn_flush(conns, conn);
	return conn->state == before;
}

static bool is_in_read_buffer(const struct conns *conns, const uint8_t *data)
{
	return (uintptr_t)data - (uintptr_t)conns->reading.buffer < CONN_READ_BUFFER;
}

/* Header and payload are appended as one: whatever ends a connection finds whole frames. */
static void send_large(struct conns *conns, struct conn *conn, uint8_t opcode, uint8_t *data,
	size_t len, size_t headroom)
{
	uint8_t header[FRAME_HEADER_MAX];
	size_t header_len = frame_header_write(header, opcode, len, NULL);
	if (!outbox_has_room(conns->outbox, 2, header_len) && !make_room(conns, conn)) {
		return;
	}
	if (headroom >= header_len) {
		memcpy(data - header_len, header, header_len);
		outbox_lend(conns->outbox, data - header_len, header_len + len);
	} else {
		memcpy(outbox_reserve(conns->outbox, header_len), header, header_len);
		outbox_lend(conns->outbox, data, len);
	}
	if (!is_in_read_buffer(conns, data)) {
		/* Borrowed for this call only. */
		conn_flush(conns, conn);
	}
}

/* Room for whole frames, after a flush if need be; NULL when that has ended the connection. */
static uint8_t *reserve(struct conns *conns, struct conn *conn, size_t len)
{
	uint8_t *room = outbox_reserve(conns->outbox, len);
	if (!room && make_room(conns, conn)) {
		room = outbox_reserve(conns->outbox, len);
	}
	return room;
}

/* Whatever is not short, or has no room. */
__attribute__((noinline)) static void send_any(struct conns *conns, struct conn *conn,
	uint8_t opcode, uint8_t *data, size_t len, size_t headroom)
{
	if (len >= LEND_MIN) {
		send_large(conns, conn, opcode, data, len, headroom);
		return;
	}
	uint8_t *frame = reserve(conns, conn, frame_header_len(len) + len);
	if (frame) {
		frame += frame_header_write(frame, opcode, len, NULL);
		copy_bytes(frame, data, len);
	}
}

void conn_send(struct conns *conns, struct conn *conn, uint8_t opcode, uint8_t *data, size_t len,
	size_t headroom)
{
	if (opcode == FRAME_TEXT || opcode == FRAME_BINARY) {
		catch_up(conns, conn);
		if (conn->state != CONN_LIVE) {
			return; /* It was owed more than it could take: nothing follows a Close. */
		}
	}
	uint8_t *frame =
		len <= SHORT_FRAME_MAX ? outbox_reserve_behind(conns->outbox, 2 + len) : NULL;
	if (!frame) {
		send_any(conns, conn, opcode, data, len, headroom);
		return;
	}
	store_be16(frame, (uint16_t)(0x8000 | opcode << 8 | len));
	copy_bytes(frame + 2, data, len);
}

void conn_share(
	struct conns *conns, struct conn *conn, struct buf *buf, const uint8_t *data, size_t len)
{
	if (!outbox_share(conns->outbox, buf, data, len) && make_room(conns, conn)) {
		outbox_share(conns->outbox, buf, data, len);
	}
}

void conn_pong(struct conns *conns, struct conn *conn, const struct message *message)
{
	if (!conn->tx || conns->outbox->opaque > 0) {
		/* Nothing is queued, or what goes ahead of all frames is only gathered. */
		conn_send(conns, conn, FRAME_PONG, message->data, message->len, message->headroom);
		return;
	}
	/* Ahead of what is queued, and in place of one not yet begun: RFC 6455 section 5.5.3 asks
	 * for the answer to the latest Ping only. So pings cannot fill the queue of a peer that
	 * does not read. */
	ASSERT(message->len <= FRAME_CONTROL_PAYLOAD_MAX);
	if (conn->flags & CONN_MUTED) {
		return;
	}
	uint8_t frame[FRAME_HEADER_MAX + FRAME_CONTROL_PAYLOAD_MAX];
	size_t header_len = frame_header_write(frame, FRAME_PONG, message->len, NULL);
	memcpy(frame + header_len, message->data, message->len);
	if (tx_queue_put_urgent(conn->tx, frame, header_len + message->len) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
	}
}
