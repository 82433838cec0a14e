#include "reader.h"

#include "../../proto/bytes.h"
#include "../../proto/frame.h"
#include "../base/least.h"
#include "opening.h"
#include "pace.h"
#include "send.h"
#include "transport.h"

enum {
	VISIT_US = 100,   /* what one visit may cost, about */
	WORK_MAX = 16384, /* bytes read between two looks at the clock */
	/* Bytes of one read of a request, where there are rates: what lies behind it comes along.
	 */
	PACED_OPENING_READ = 1024,
};

/* --- messages -------------------------------------------------------------------------------- */

static void on_message(struct conns *conns, struct conn *conn, const struct message *message)
{
	switch (message->kind) {
	case MESSAGE_CLOSE:
		conn_answer_close(conns, conn, message->data, message->len);
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

/* The bytes are used up: a frame or message under way keeps its reader, at the node's expense. */
static void settle_reader(struct conns *conns, struct conn *conn)
{
	if (message_reader_is_idle(conn->rx)) {
		reader_pool_return(&conns->reading.pool, &conn->rx);
		if (conn->holder != HOLDER_NONE) {
			conn_note_held(conns, conn);
		}
		return;
	}
	conn_note_held(conns, conn);
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
	if (!conn->rx && reader_pool_lend(&conns->reading.pool, &conn->rx) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
		return;
	}
	struct message message;
	uint32_t counts[MESSAGE_KINDS] = {0};
	message_reader_feed(conn->rx, data, len);
	bool goes_on = true;
	while (goes_on && message_reader_next(conn->rx, &message) != MESSAGE_MORE) {
		counts[message.kind]++;
		on_message(conns, conn, &message);
		goes_on = is_listened_to(conn);
	}
	note_arrived(conns, conn, counts);
	if (goes_on) {
		settle_reader(conns, conn);
	} else {
		/* With bytes unread in it the reader is of no use to others. */
		conn_drop_reader(conns, conn);
	}
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

static void append_to(struct conns *conns, struct conn_list *list, struct conn *conn)
{
	conn->ready_next = CONN_NONE;
	if (list->head == CONN_NONE) {
		list->head = conn->index;
	} else {
		conn_table_at(conns->table, list->tail)->ready_next = conn->index;
	}
	list->tail = conn->index;
}

static struct conn *take_first(struct conns *conns, struct conn_list *list)
{
	struct conn *conn = conn_table_at(conns->table, list->head);
	list->head = conn->ready_next;
	return conn;
}

static void put_ready(struct conns *conns, struct conn *conn)
{
	if (!(conn->flags & (CONN_READY | CONN_PAUSED))) {
		conn->flags |= CONN_READY;
		append_to(conns, &conns->reading.ready, conn);
	}
}

void reader_note_more(struct conns *conns, struct conn *conn)
{
	put_ready(conns, conn);
}

static void pause_reading(struct conns *conns, struct conn *conn)
{
	conn->flags |= CONN_PAUSED;
	append_to(conns, &conns->reading.paused, conn);
}

/* How much may be read at once; nothing from those that the fan-out waits to be rid of. */
static size_t allowance(struct conns *conns, struct conn *conn)
{
	size_t most = least((size_t)CONN_READ_MIN << conn->read_shift, conns->reading.most);
	if (conn->state == CONN_OPENING) {
		/* What lies behind the head of a request that is postponed has to be kept. */
		most = least(most, conns->limits.max_head);
		return pace_is_on(conns) ? least(most, PACED_OPENING_READ) : most;
	}
	if (conn->flags & CONN_FEEDER && conn->state == CONN_LIVE) {
		return least(most, conns->ops->may_read(conns->owner, conn));
	}
	return most;
}

/* A read is as large as it may be: what it costs says how large the next one may be. */
__attribute__((noinline)) static void begin_full_read(struct conns *conns)
{
	loop_look(conns->loop);
	conns->reading.full_us = conns->loop->now_us;
}

__attribute__((noinline)) static void end_full_read(struct conns *conns, struct conn *conn)
{
	loop_look(conns->loop);
	uint64_t cost_us = conns->loop->now_us - conns->reading.full_us;
	conns->reading.full_us = 0;
	if (cost_us < VISIT_US / 2 && conn->read_shift < CONN_READ_SHIFT_MAX) {
		conn->read_shift++;
	} else if (cost_us > VISIT_US * 2 && conn->read_shift > 0) {
		conn->read_shift--;
	}
}

/* Whether somebody else will see to it: the list it is on, the wheel, or reader_answer_end. One
 * that is held back and closing feeds nobody any more. */
static bool is_left_alone(const struct conn *conn)
{
	return conn->flags & CONN_READY || conn->state == CONN_POSTPONED ||
	       (conn->flags & (CONN_PAUSED | CONN_PACED) && conn->state == CONN_LIVE);
}

/* As far as its rate goes; 0: that is used up, and the wheel will see to it. */
__attribute__((noinline)) static size_t paced_allowance(struct conns *conns, struct conn *conn)
{
	size_t most = pace_may_read(conns, conn);
	if (most == 0) {
		pace_hold(conns, conn);
		return 0;
	}
	return most;
}

static void read_once(struct conns *conns, struct conn *conn)
{
	if (is_left_alone(conn)) {
		return;
	}
	size_t paced = pace_is_on(conns) ? paced_allowance(conns, conn) : SIZE_MAX;
	if (paced == 0) {
		return;
	}
	size_t most = least(allowance(conns, conn), paced);
	if (most == 0) {
		pause_reading(conns, conn);
		return;
	}
	struct transport_read got = transport_recv(conn, conns->reading.buffer, most);
	switch (got.status) {
	case TRANSPORT_DATA:
		conns->reading.work += got.len;
		if (got.more || conn->flags & CONN_HUNG_UP) {
			put_ready(conns, conn);
		}
		if (got.more) {
			begin_full_read(conns);
		}
		if (got.len > 0) {
			on_bytes(conns, conn, got.data, got.len);
		}
		break;
	case TRANSPORT_NOTHING:
		if (got.more) {
			put_ready(conns, conn);
		}
		break;
	case TRANSPORT_ENDED:
		conn_vanish(conns, conn, got.reason);
		break;
	}
}

static void read_visited(struct conns *conns, struct conn *conn)
{
	read_once(conns, conn);
	if (conns->reading.full_us > 0) {
		end_full_read(conns, conn);
	}
}

void reader_expect(const struct conns *conns, handle_t handle)
{
	const struct conn *conn = conn_table_find(conns->table, handle);
	if (conn) {
		__builtin_prefetch(conn->user);
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
		if (conn->state == CONN_POSTPONED) {
			conn_vanish(conns, conn,
				events & EPOLLERR ? CLOSE_REASON_PEER_RESET
						  : CLOSE_REASON_PEER_EOF);
		}
	}
	if (events & (EPOLLIN | hung_up) && conn->state != CONN_DEAD) {
		read_visited(conns, conn);
	}
	conn_visit_end(conns, conn);
}

/* Takes a connection off the list it was on. False for one that was reaped meanwhile, whose record
 * can be given back now. */
static bool let_go(struct conns *conns, struct conn *conn)
{
	conn->flags &= (uint16_t)~(CONN_READY | CONN_PAUSED);
	if (conn->state == CONN_DEAD && conn->fd < 0) {
		conn_table_give(conns->table, conn);
		return false;
	}
	return conn->state != CONN_DEAD;
}

bool reader_has_worked(struct conns *conns)
{
	if (conns->reading.work < WORK_MAX) {
		return false;
	}
	conns->reading.work = 0;
	return true;
}

void reader_note_work(struct conns *conns)
{
	conns->reading.work = WORK_MAX;
}

bool reader_read_ready(struct conns *conns, uint64_t until_us)
{
	/* Who comes back to the list meanwhile waits for the next turn. */
	uint32_t last = conns->reading.ready.tail;
	bool is_over = !reader_has_ready(conns);
	for (uint32_t visits = 1; !is_over; visits++) {
		struct conn *conn = take_first(conns, &conns->reading.ready);
		is_over = conn->index == last;
		if (let_go(conns, conn)) {
			conn_visit_begin(conns, conn);
			read_visited(conns, conn);
			conn_visit_end(conns, conn);
		}
		if (visits % READER_VISITS == 0 || reader_has_worked(conns)) {
			is_over |= loop_is_past(conns->loop, until_us);
		}
	}
	return reader_has_ready(conns);
}

void reader_limit(struct conns *conns, size_t most)
{
	conns->reading.most = most;
}

void reader_unpause(struct conns *conns)
{
	while (reader_has_paused(conns)) {
		struct conn *conn = take_first(conns, &conns->reading.paused);
		if (let_go(conns, conn)) {
			/* The silence was ours, not the client's. */
			conn->last_read_tick = conns->loop->now_tick;
			put_ready(conns, conn);
		}
	}
}

void reader_go_on(struct conns *conns, struct conn *conn)
{
	conn->flags &= (uint16_t)~CONN_PACED;
	conn->last_read_tick = conns->loop->now_tick;
	put_ready(conns, conn);
}

struct conn *reader_answer_begin(
	struct conns *conns, handle_t handle, struct handshake_request *ret_request)
{
	struct conn *conn = conn_table_find(conns->table, handle);
	if (!conn || conn->state != CONN_POSTPONED) {
		return NULL;
	}
	conn_visit_begin(conns, conn);
	if (!opening_recall(conns, conn, ret_request)) {
		reader_answer_end(conns, conn);
		return NULL;
	}
	return conn;
}

void reader_answer_end(struct conns *conns, struct conn *conn)
{
	if (conn->state != CONN_POSTPONED) {
		size_t len = opening_take_behind(conns, conn);
		if (len > 0 && is_listened_to(conn)) {
			on_frame_bytes(conns, conn, conns->reading.buffer, len);
		}
		/* What came meanwhile was announced by an event that nobody followed. */
		if (conn->state != CONN_DEAD) {
			put_ready(conns, conn);
		}
	}
	conn_visit_end(conns, conn);
}

bool reader_has_ready(const struct conns *conns)
{
	return conns->reading.ready.head != CONN_NONE;
}

bool reader_has_paused(const struct conns *conns)
{
	return conns->reading.paused.head != CONN_NONE;
}
