#include "conns.h"

#include <string.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"
#include "../../proto/frame.h"
#include "transport.h"

enum {
	LEND_MIN = 1024, /* payloads from here on are sent from where they lie */
	/* Too fast a return of those whom a busy node sent away, in ms, and the spread of it. */
	RETRY_MIN_MS = 1000,
	RETRY_SPREAD_BITS = 12,
};

/* --- deadlines ------------------------------------------------------------------------------- */

void conn_rearm(struct conns *conns, struct conn *conn)
{
	uint32_t next;
	enum deadline_due due =
		deadline_check(&conns->limits.deadlines, conn, conns->loop->now_tick, &next);
	uint32_t tick = due == DEADLINE_NONE ? next : conns->loop->now_tick + 1;
	if (tick < conn->wheel_tick) {
		conn->wheel_tick = tick;
		timer_wheel_link(conns->wheel, conn->index, tick);
	}
}

/* --- the ways out ---------------------------------------------------------------------------- */

static void give_reason(struct conns *conns, struct conn *conn, enum close_reason reason)
{
	conn->reason = (uint8_t)reason;
	stats_add(&conns->stats->ends[reason], 1);
}

void conn_die(struct conns *conns, struct conn *conn)
{
	ASSERT(conn->state != CONN_DEAD);
	conn->state = CONN_DEAD;
	conn->dead_next = conns->dead_head;
	conns->dead_head = conn->index;
}

void conn_vanish(struct conns *conns, struct conn *conn, enum close_reason reason)
{
	if (conn->state == CONN_DEAD) {
		return;
	}
	bool was_live = conn->state == CONN_LIVE;
	if (conn->state != CONN_CLOSING) {
		give_reason(conns, conn, reason);
	}
	if (reason == CLOSE_REASON_INTERNAL_ERROR) {
		/* Its stream ends in the middle of something: say so. */
		conn->flags |= CONN_RESET;
	}
	conn_die(conns, conn);
	if (was_live) {
		conns->ops->ended(conns->owner, conn, 0);
	}
}

void conn_cut(struct conns *conns, struct conn *conn, enum close_reason reason)
{
	conn->flags |= CONN_RESET;
	conn_vanish(conns, conn, reason);
}

static void begin_closing(
	struct conns *conns, struct conn *conn, enum close_reason reason, uint16_t code)
{
	bool was_live = conn->state == CONN_LIVE;
	give_reason(conns, conn, reason);
	conn->state = CONN_CLOSING;
	if (was_live) {
		conns->ops->ended(conns->owner, conn, code);
	}
	conn->state_tick = conns->loop->now_tick;
	outbox_finalize(conns->outbox, conn);
}

/* Without a flush: a queue gives its room to the Close, and where there is none, there is room. */
static void put_close(struct conns *conns, const uint8_t *payload, size_t len)
{
	uint8_t *frame = outbox_reserve(conns->outbox, frame_header_len(len) + len);
	ASSERT(frame);
	frame += frame_header_write(frame, FRAME_CLOSE, len, NULL);
	copy_bytes(frame, payload, len);
}

/* When a client that was too much should come back: apart from the others. */
static uint32_t overload_retry_ms(const struct conn *conn)
{
	uint32_t slot = conn->index * 2654435761u >> (32 - RETRY_SPREAD_BITS);
	return RETRY_MIN_MS + slot;
}

/* What is gathered has shown that it takes too little. Nothing is gathered now. */
static void end_slow_reader(struct conns *conns, struct conn *conn)
{
	uint8_t payload[CLOSE_PAYLOAD_MAX];
	size_t len =
		close_reason_payload(CLOSE_REASON_SLOW_READER, overload_retry_ms(conn), payload);
	stats_add(&conns->stats->closes_out, 1);
	begin_closing(conns, conn, CLOSE_REASON_SLOW_READER, load_be16(payload));
	put_close(conns, payload, len);
}

static void flush(struct conns *conns, struct conn *conn)
{
	enum close_reason reason = outbox_flush(conns->outbox);
	if (reason == CLOSE_REASON_NONE) {
		return;
	}
	if (reason != CLOSE_REASON_SLOW_READER) {
		conn_vanish(conns, conn, reason);
	} else if (conn->state == CONN_LIVE) {
		end_slow_reader(conns, conn);
	}
}

static void say_close(struct conns *conns, struct conn *conn, enum close_reason reason,
	uint16_t code, const uint8_t *payload, size_t len)
{
	stats_add(&conns->stats->closes_out, 1);
	begin_closing(conns, conn, reason, code);
	if (!outbox_has_room(conns->outbox, 1, frame_header_len(len) + len)) {
		flush(conns, conn);
	}
	if (conn->state == CONN_CLOSING) {
		put_close(conns, payload, len);
	}
}

void conn_close_with(struct conns *conns, struct conn *conn, enum close_reason reason,
	const uint8_t *payload, size_t len)
{
	if (conn->state == CONN_LIVE) {
		say_close(conns, conn, reason, load_be16(payload), payload, len);
	}
}

void conn_close(struct conns *conns, struct conn *conn, enum close_reason reason, uint32_t retry_ms)
{
	uint8_t payload[CLOSE_PAYLOAD_MAX];
	size_t len = close_reason_payload(reason, retry_ms, payload);
	conn_close_with(conns, conn, reason, payload, len);
}

void conn_overload(struct conns *conns, struct conn *conn, enum close_reason reason)
{
	conn_close(conns, conn, reason, overload_retry_ms(conn));
}

void conn_answer_close(struct conns *conns, struct conn *conn, const uint8_t *payload, size_t len)
{
	bool has_code = len >= CLOSE_CODE_LEN;
	conn->flags |= CONN_PEER_DONE;
	if (conn->state == CONN_LIVE) {
		say_close(conns, conn, CLOSE_REASON_PEER_CLOSE,
			has_code ? load_be16(payload) : CLOSE_CODE_NONE, payload,
			has_code ? CLOSE_CODE_LEN : 0);
	}
}

static void send_http(struct conns *conns, const char *answer, size_t len)
{
	/* Always the first thing a connection is sent, so there is room. */
	uint8_t *room = outbox_reserve(conns->outbox, len);
	ASSERT(room);
	memcpy(room, answer, len);
	conns->outbox->opaque = len;
}

void conn_refuse(struct conns *conns, struct conn *conn, const char *answer, size_t answer_len,
	enum close_reason reason)
{
	ASSERT(conn->state == CONN_OPENING);
	send_http(conns, answer, answer_len);
	begin_closing(conns, conn, reason, 0);
	conn->flags |= CONN_DISCARD;
}

void conn_accept(struct conns *conns, struct conn *conn, const char *answer, size_t answer_len)
{
	ASSERT(conn->state == CONN_OPENING);
	send_http(conns, answer, answer_len);
	conn->state = CONN_LIVE;
	conn->state_tick = conns->loop->now_tick;
	conn->last_read_tick = conns->loop->now_tick;
	/* There is nothing from before it was live. */
	conns->caught_up = true;
	/* The read deadline and the ping may come before what the handshake had left. */
	conn_rearm(conns, conn);
}

/* All is sent: what is left to do depends on who spoke last. */
static void closing_sent(struct conns *conns, struct conn *conn)
{
	if (conn->flags & CONN_PEER_DONE) {
		conn_die(conns, conn);
	} else if ((conn->flags & (CONN_DISCARD | CONN_FIN_SENT)) == CONN_DISCARD) {
		/* Not close(): bytes unread would turn it into a reset, which can overtake the
		 * answer. */
		if (transport_shutdown(conn) < 0) {
			conn_die(conns, conn);
		}
		conn->flags |= CONN_FIN_SENT;
	}
}

void conn_mute(struct conn *conn, bool is_muted)
{
	if (is_muted) {
		conn->flags |= CONN_MUTED;
	} else {
		conn->flags &= (uint16_t)~CONN_MUTED;
	}
}

/* --- visits ---------------------------------------------------------------------------------- */

void conn_resume_writing(struct conns *conns, struct conn *conn)
{
	enum close_reason reason = outbox_resume(conns->outbox);
	if (reason != CLOSE_REASON_NONE) {
		conn_vanish(conns, conn, reason);
	}
}

void conn_visit_begin(struct conns *conns, struct conn *conn)
{
	outbox_open(conns->outbox, conn);
	conns->caught_up = false;
}

void conn_visit_end(struct conns *conns, struct conn *conn)
{
	uint8_t before = conn->state;
	flush(conns, conn);
	if (conn->state != before) {
		/* The flush itself ended it: one more, for the Close. */
		flush(conns, conn);
	}
	outbox_close(conns->outbox);
	if (conn->state == CONN_CLOSING && !conn->tx) {
		closing_sent(conns, conn);
	}
	if (conn->tx || conn->state == CONN_CLOSING) {
		conn_rearm(conns, conn);
	}
}

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
	flush(conns, conn);
}

/* Makes room by a flush. False when that has changed what the connection may be sent. */
static bool make_room(struct conns *conns, struct conn *conn)
{
	uint8_t before = conn->state;
	flush(conns, conn);
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
		flush(conns, conn);
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
	if (!conn->tx) {
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

void conn_charge_reader(struct conns *conns, struct conn *conn)
{
	size_t held = conn->rx ? message_reader_footprint(conn->rx) : 0;
	if (held > conn->rx_held) {
		memory_budget_take(conns->budget, held - conn->rx_held);
	} else {
		memory_budget_give(conns->budget, conn->rx_held - held);
	}
	conn->rx_held = (uint32_t)held;
}

void conn_drop_reader(struct conns *conns, struct conn *conn)
{
	message_reader_destroy(&conn->rx);
	conn_charge_reader(conns, conn);
}
