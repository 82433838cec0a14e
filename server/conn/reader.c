#include "reader.h"

#include <errno.h>
#include <sys/types.h>

#include "../../proto/bytes.h"
#include "../../proto/frame.h"
#include "direct_io.h"
#include "opening.h"

enum {
	CLOSE_CODE_LEN = 2,
	CLOSE_CODE_NONE = 1005, /* what a Close without a code counts as: RFC 6455 section 7.1.5 */
};

/* --- messages -------------------------------------------------------------------------------- */

static void on_peer_close(struct conns *conns, struct conn *conn, const struct message *message)
{
	conn->flags |= CONN_PEER_DONE;
	if (conn->state == CONN_LIVE) {
		conn_end(conns, conn, CLOSE_REASON_PEER_CLOSE,
			message->len < CLOSE_CODE_LEN ? CLOSE_CODE_NONE : load_be16(message->data));
		conn_send(conns, conn, FRAME_CLOSE, message->data,
			message->len < CLOSE_CODE_LEN ? 0 : CLOSE_CODE_LEN, 0);
	}
}

static void on_message(struct conns *conns, struct conn *conn, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_CLOSE:
		on_peer_close(conns, conn, message);
		break;
	case MESSAGE_BROKEN:
		conn_close(conns, conn, message->broken, 0);
		conn->flags |= CONN_DISCARD;
		break;
	case MESSAGE_PING:
		if (conn->state == CONN_LIVE) {
			conn_pong(conns, conn, message);
		}
		break;
	case MESSAGE_TEXT:
	case MESSAGE_BINARY:
		if (conn->state == CONN_LIVE) {
			conns->ops->message(conns->owner, conn, message);
		}
		break;
	case MESSAGE_PONG:
	case MESSAGE_MORE:
		break;
	}
}

/* Whether frames still count: until the end, and then until the peer's Close. */
static bool is_listened_to(const struct conn *conn)
{
	return conn->state == CONN_LIVE ||
	       (conn->state == CONN_CLOSING && !(conn->flags & (CONN_DISCARD | CONN_PEER_DONE)));
}

/* --- the lent reader ---------------------------------------------------------------------------
 */

static int lend_reader(struct conns *conns, struct conn *conn)
{
	if (conn->rx) {
		return 0;
	}
	if (conns->spare_count > 0) {
		conn->rx = conns->spare[--conns->spare_count];
		return 0;
	}
	return message_reader_create(&conns->rules, &conn->rx);
}

static void return_reader(struct conns *conns, struct conn *conn)
{
	if (conns->spare_count < CONNS_SPARE_READERS) {
		conns->spare[conns->spare_count++] = conn->rx;
		conn->rx = NULL;
	} else {
		message_reader_destroy(&conn->rx);
	}
}

/* The bytes are used up: a frame or message under way keeps its reader, at the node's expense. */
static void settle_reader(struct conns *conns, struct conn *conn)
{
	if (message_reader_is_idle(conn->rx)) {
		return_reader(conns, conn);
		if (conn->rx_held > 0) {
			conn_charge_reader(conns, conn);
		}
		return;
	}
	conn_charge_reader(conns, conn);
	if (memory_budget_is_exceeded(conns->budget) && !conns->others_can_give) {
		conn_overload(conns, conn, CLOSE_REASON_OVERLOADED);
		/* Given back now, or all who are in mid-message until the close deadline would pay
		 * for it. Without it what still comes cannot be understood. */
		conn->flags |= CONN_DISCARD;
		conn_drop_reader(conns, conn);
	}
}

/* Once a read, not once a message. */
static void note_arrived(
	struct conns *conns, struct conn *conn, const uint32_t counts[MESSAGE_KINDS])
{
	uint32_t frames = message_reader_take_frames(conn->rx);
	stats_add(&conns->stats->frames_in, frames);
	stats_add(&conns->stats->messages_in, counts[MESSAGE_TEXT] + counts[MESSAGE_BINARY]);
	stats_add(&conns->stats->pings_protocol, counts[MESSAGE_PING]);
	if (frames > 0) {
		conn->last_read_tick = conns->loop->now_tick;
	}
}

static void on_frame_bytes(struct conns *conns, struct conn *conn, uint8_t *data, size_t len)
{
	if (lend_reader(conns, conn) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
		return;
	}
	struct message message;
	uint32_t counts[MESSAGE_KINDS] = {0};
	message_reader_feed(conn->rx, data, len);
	while (message_reader_next(conn->rx, &message) != MESSAGE_MORE) {
		counts[message.kind]++;
		on_message(conns, conn, &message);
		if (!is_listened_to(conn)) {
			note_arrived(conns, conn, counts);
			/* With bytes unread in it the reader is of no use to others. */
			conn_drop_reader(conns, conn);
			return;
		}
	}
	note_arrived(conns, conn, counts);
	settle_reader(conns, conn);
}

/* --- reading --------------------------------------------------------------------------------- */

static void on_bytes(struct conns *conns, struct conn *conn, uint8_t *data, size_t len)
{
	stats_add(&conns->stats->bytes_in, len);
	if (conn->state == CONN_OPENING) {
		size_t used = opening_on_bytes(conns, conn, data, len);
		data += used;
		len -= used;
	}
	if (len > 0 && is_listened_to(conn)) {
		on_frame_bytes(conns, conn, data, len);
	}
}

static void put_ready(struct conns *conns, struct conn *conn)
{
	if (!(conn->flags & (CONN_READY | CONN_PAUSED))) {
		conn->flags |= CONN_READY;
		conn->ready_next = conns->ready_head;
		conns->ready_head = conn->index;
	}
}

static void pause_reading(struct conns *conns, struct conn *conn)
{
	conn->flags |= CONN_PAUSED;
	conn->ready_next = conns->paused_head;
	conns->paused_head = conn->index;
}

/* How much may be read at once; nothing from those that the fan-out waits to be rid of. */
static size_t allowance(struct conns *conns, const struct conn *conn)
{
	size_t most = CONN_READ_BUFFER;
	if (conn->flags & CONN_FEEDER && conn->state == CONN_LIVE) {
		size_t granted = conns->ops->may_read(conns->owner, conn);
		most = granted < most ? granted : most;
	}
	return most;
}

static void read_once(struct conns *conns, struct conn *conn)
{
	bool is_paused = conn->flags & CONN_PAUSED && conn->state == CONN_LIVE;
	if (is_paused || conn->flags & CONN_READY) {
		return; /* The list it is on will see to it; one that is closing feeds nobody any
			   more. */
	}
	size_t most = allowance(conns, conn);
	if (most == 0) {
		pause_reading(conns, conn);
		return;
	}
	ssize_t len = direct_recv(conn->fd, conns->read_buffer, most);
	if (len > 0) {
		on_bytes(conns, conn, conns->read_buffer, (size_t)len);
		if (conn->state != CONN_DEAD &&
			((size_t)len == most || conn->flags & CONN_HUNG_UP)) {
			put_ready(conns, conn);
		}
	} else if (len == 0) {
		conn_vanish(conns, conn, CLOSE_REASON_PEER_EOF);
	} else if (errno == EINTR) {
		put_ready(conns, conn);
	} else if (errno != EAGAIN) {
		conn_vanish(conns, conn, CLOSE_REASON_PEER_RESET);
	}
}

void reader_on_events(struct conns *conns, handle_t handle, uint32_t events)
{
	const uint32_t hung_up = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
	struct conn *conn = conn_table_find(conns->table, handle);
	if (!conn) {
		return;
	}
	conn_visit_begin(conns, conn);
	if (events & EPOLLOUT && conn->tx) {
		conn_resume_writing(conns, conn);
	}
	if (events & hung_up) {
		conn->flags |= CONN_HUNG_UP;
	}
	if (events & (EPOLLIN | hung_up) && conn->state != CONN_DEAD) {
		read_once(conns, conn);
	}
	conn_visit_end(conns, conn);
}

/* Takes a connection off the list it was on. False for one that was reaped meanwhile, whose record
 * can be given back now. */
static bool let_go(struct conns *conns, struct conn *conn)
{
	conn->flags &= (uint16_t) ~(CONN_READY | CONN_PAUSED);
	if (conn->state == CONN_DEAD && conn->fd < 0) {
		conn_table_give(conns->table, conn);
		return false;
	}
	return conn->state != CONN_DEAD;
}

bool reader_read_ready(struct conns *conns, uint32_t max)
{
	/* Who comes back to the list meanwhile waits for the next turn. */
	uint32_t index = conns->ready_head;
	conns->ready_head = CONN_NONE;
	while (index != CONN_NONE) {
		struct conn *conn = conn_table_at(conns->table, index);
		index = conn->ready_next;
		if (!let_go(conns, conn)) {
			continue;
		}
		if (max == 0) {
			put_ready(conns, conn);
			continue;
		}
		max--;
		conn_visit_begin(conns, conn);
		read_once(conns, conn);
		conn_visit_end(conns, conn);
	}
	return conns->ready_head != CONN_NONE;
}

void reader_unpause(struct conns *conns)
{
	while (conns->paused_head != CONN_NONE) {
		struct conn *conn = conn_table_at(conns->table, conns->paused_head);
		conns->paused_head = conn->ready_next;
		if (let_go(conns, conn)) {
			/* The silence was ours, not the client's. */
			conn->last_read_tick = conns->loop->now_tick;
			put_ready(conns, conn);
		}
	}
}
