#include "outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../proto/assert.h"
#include "transport.h"

enum {
	SHARE_MIN = 4096, /* bytes from which a reference is cheaper than a copy */
	LAG_TICKS = 2000 / LOOP_TICK_MS,
};

int outbox_create(const struct loop *loop, size_t queue_limit, struct outbox **ret_outbox)
{
	struct outbox *outbox = malloc(sizeof(*outbox));
	if (!outbox) {
		return -ENOMEM;
	}
	memset(outbox, 0, offsetof(struct outbox, iov));
	outbox->loop = loop;
	outbox->queue_limit = queue_limit;
	*ret_outbox = outbox;
	return 0;
}

void outbox_destroy(struct outbox **outbox)
{
	free(*outbox);
	*outbox = NULL;
}

void outbox_open(struct outbox *outbox, struct conn *conn)
{
	ASSERT(!outbox->conn);
	outbox->conn = conn;
}

void outbox_discard(struct outbox *outbox)
{
	outbox->pieces = 0;
	outbox->bytes = 0;
	outbox->scratch_used = 0;
	outbox->scratch_tail = NULL;
	outbox->opaque = 0;
}

void outbox_close(struct outbox *outbox)
{
	outbox_discard(outbox);
	outbox->conn = NULL;
}

static bool append(struct outbox *outbox, struct buf *buf, const uint8_t *data, size_t len)
{
	outbox->scratch_tail = NULL;
	int last = outbox->pieces - 1;
	if (last >= 0 && outbox->shared[last] == buf &&
		(const uint8_t *)outbox->iov[last].iov_base + outbox->iov[last].iov_len == data) {
		outbox->iov[last].iov_len += len;
		outbox->bytes += len;
		return true;
	}
	if (outbox->pieces == OUTBOX_PIECES) {
		return false;
	}
	outbox->iov[outbox->pieces] = (struct iovec){(void *)(uintptr_t)data, len};
	outbox->shared[outbox->pieces] = buf;
	outbox->pieces++;
	outbox->bytes += len;
	return true;
}

uint8_t *outbox_reserve_piece(struct outbox *outbox, size_t len)
{
	if (len > OUTBOX_SCRATCH - outbox->scratch_used) {
		return NULL;
	}
	uint8_t *room = outbox->scratch + outbox->scratch_used;
	if (!append(outbox, NULL, room, len)) {
		return NULL;
	}
	outbox->scratch_used += len;
	outbox->scratch_tail = &outbox->iov[outbox->pieces - 1];
	return room;
}

bool outbox_lend(struct outbox *outbox, const uint8_t *data, size_t len)
{
	return append(outbox, NULL, data, len);
}

bool outbox_share(struct outbox *outbox, struct buf *buf, const uint8_t *data, size_t len)
{
	return append(outbox, buf, data, len);
}

static void set_lag(struct outbox *outbox, struct tx_queue *queue, enum tx_lag lag)
{
	outbox->lagging_count -= queue->lag == TX_LAG_COUNTED;
	outbox->lagging_count += lag == TX_LAG_COUNTED;
	queue->lag = lag;
}

static void note_lag(struct outbox *outbox, struct tx_queue *queue)
{
	if (queue->is_final || queue->bytes < outbox->queue_limit / 8) {
		set_lag(outbox, queue, TX_LAG_NONE);
	} else if (queue->bytes > outbox->queue_limit / 4 && queue->lag == TX_LAG_NONE) {
		set_lag(outbox, queue, TX_LAG_COUNTED);
		queue->lagging_since = outbox->loop->now_tick;
	}
}

void outbox_give_up_on(struct outbox *outbox, struct conn *conn)
{
	struct tx_queue *queue = conn->tx;
	if (queue->lag == TX_LAG_COUNTED &&
		outbox->loop->now_tick - queue->lagging_since > LAG_TICKS) {
		set_lag(outbox, queue, TX_LAG_GIVEN_UP);
	}
}

void outbox_finalize(struct outbox *outbox, struct conn *conn)
{
	if (!conn->tx) {
		return;
	}
	conn->tx->is_final = true;
	tx_queue_cut(conn->tx);
	note_lag(outbox, conn->tx);
	outbox_discard(outbox);
}

void outbox_adopt_queue(struct outbox *outbox, struct conn *conn, struct tx_queue **queue)
{
	conn->tx = *queue;
	*queue = NULL;
	outbox->lagging_count += conn->tx->lag == TX_LAG_COUNTED;
}

void outbox_drop_queue(struct outbox *outbox, struct conn *conn)
{
	if (!conn->tx) {
		return;
	}
	set_lag(outbox, conn->tx, TX_LAG_NONE);
	tx_queue_destroy(&conn->tx);
}

/* Moves what is gathered, but for the first `skip` bytes, into the connection's queue. */
static int spill(struct outbox *outbox, size_t skip)
{
	struct tx_queue *queue = outbox->conn->tx;
	for (int i = 0; i < outbox->pieces; i++) {
		const uint8_t *data = outbox->iov[i].iov_base;
		size_t len = outbox->iov[i].iov_len;
		if (skip >= len) {
			skip -= len;
			continue;
		}
		data += skip;
		len -= skip;
		skip = 0;
		queue->own += outbox->shared[i] ? 0 : len;
		int err = outbox->shared[i] && len >= SHARE_MIN
				  ? tx_queue_share(queue, outbox->shared[i], data, len)
				  : tx_queue_copy(queue, data, len);
		if (err) {
			return err;
		}
	}
	return 0;
}

/* Of what is gathered, answers to itself. */
static size_t gathered_own(const struct outbox *outbox)
{
	size_t own = 0;
	for (int i = 0; i < outbox->pieces; i++) {
		own += outbox->shared[i] ? 0 : outbox->iov[i].iov_len;
	}
	return own;
}

/* Whether a queue is too long with so many bytes more, of them some its own. Those count at once:
 * who asks and does not read fills his queue himself. What others say counts once they have waited
 * for him, however much was said within one pass of the fan-out. */
static bool is_too_long(const struct outbox *outbox, size_t more_own, size_t more)
{
	const struct tx_queue *queue = outbox->conn->tx;
	return queue->own + more_own > outbox->queue_limit ||
	       (queue->lag == TX_LAG_GIVEN_UP && queue->bytes + more > outbox->queue_limit);
}

static enum close_reason queue_gathered(struct outbox *outbox)
{
	struct tx_queue *queue = outbox->conn->tx;
	/* What is left of one large frame may be over the limit by itself: its Close follows all
	 * the same. */
	if (!queue->is_final && is_too_long(outbox, gathered_own(outbox), outbox->bytes)) {
		return CLOSE_REASON_SLOW_READER;
	}
	if (outbox->opaque > 0) {
		/* Nothing is ahead of it: what stalls the line is the transport's own. */
		tx_queue_walk_opaque(queue, outbox->opaque);
	}
	if (spill(outbox, 0) < 0) {
		return CLOSE_REASON_INTERNAL_ERROR;
	}
	note_lag(outbox, queue);
	return CLOSE_REASON_NONE;
}

/* The socket took `sent` of what is gathered and is full now. */
static enum close_reason stall(struct outbox *outbox, size_t sent)
{
	struct conn *conn = outbox->conn;
	if (tx_queue_create(&conn->tx) < 0) {
		return CLOSE_REASON_INTERNAL_ERROR;
	}
	conn->tx->progress_tick = outbox->loop->now_tick;
	conn->tx->is_final = conn->state == CONN_CLOSING;
	tx_queue_walk_opaque(conn->tx, outbox->opaque);
	size_t left = sent;
	for (int i = 0; i < outbox->pieces && left > 0; i++) {
		size_t step = outbox->iov[i].iov_len < left ? outbox->iov[i].iov_len : left;
		tx_queue_walk(conn->tx, outbox->iov[i].iov_base, step);
		left -= step;
	}
	if (spill(outbox, sent) < 0) {
		return CLOSE_REASON_INTERNAL_ERROR;
	}
	note_lag(outbox, conn->tx);
	/* Only now, since the rest of the frame under way has to stay in front of the Close. */
	return is_too_long(outbox, 0, 0) ? CLOSE_REASON_SLOW_READER : CLOSE_REASON_NONE;
}

/* Full or short of memory: the kernel may take it later. */
static bool is_passing(int err)
{
	return err == EAGAIN || err == EINTR || err == ENOBUFS || err == ENOMEM;
}

/* What ends a line that could not be written to. */
static enum close_reason reason_of(int err)
{
	if (is_passing(err)) {
		return CLOSE_REASON_NONE;
	}
	return err == ENOTRECOVERABLE ? CLOSE_REASON_INTERNAL_ERROR : CLOSE_REASON_PEER_RESET;
}

static enum close_reason write_gathered(struct outbox *outbox)
{
	struct conn *conn = outbox->conn;
	bool is_pending;
	ssize_t taken = transport_sendv(conn, outbox->iov, outbox->pieces, &is_pending);
	if (taken == (ssize_t)outbox->bytes && !is_pending) {
		outbox->bytes_out += (uint64_t)taken;
		return CLOSE_REASON_NONE;
	}
	if (taken < 0) {
		enum close_reason reason = reason_of(errno);
		if (reason != CLOSE_REASON_NONE) {
			return reason;
		}
		taken = 0;
	}
	outbox->bytes_out += (uint64_t)taken;
	return stall(outbox, (size_t)taken);
}

/* What the transport owes by itself stalls the line too. */
static enum close_reason stall_pending(struct outbox *outbox)
{
	const struct conn *conn = outbox->conn;
	return transport_is_pending(conn) && !conn->tx ? stall(outbox, 0) : CLOSE_REASON_NONE;
}

enum close_reason outbox_flush(struct outbox *outbox)
{
	if (outbox->pieces == 0) {
		return stall_pending(outbox);
	}
	if (outbox->conn->flags & CONN_MUTED) {
		outbox_discard(outbox);
		return CLOSE_REASON_NONE;
	}
	enum close_reason reason =
		outbox->conn->tx ? queue_gathered(outbox) : write_gathered(outbox);
	outbox_discard(outbox);
	return reason;
}

/* Writes from the queue once, or a residue of what was written. Returns whether the socket may take
 * more. */
static bool write_queued(struct outbox *outbox, enum close_reason *ret_reason)
{
	struct conn *conn = outbox->conn;
	int count = tx_queue_peek(conn->tx, outbox->iov, OUTBOX_PIECES);
	size_t offered = 0;
	for (int i = 0; i < count; i++) {
		offered += outbox->iov[i].iov_len;
	}
	bool is_pending;
	ssize_t taken = transport_sendv(conn, outbox->iov, count, &is_pending);
	if (taken < 0) {
		*ret_reason = reason_of(errno);
		return false;
	}
	outbox->bytes_out += (uint64_t)taken;
	tx_queue_consume(conn->tx, (size_t)taken);
	note_lag(outbox, conn->tx);
	return (size_t)taken == offered && !is_pending;
}

enum close_reason outbox_resume(struct outbox *outbox)
{
	ASSERT(outbox->pieces == 0);
	struct conn *conn = outbox->conn;
	enum close_reason reason = CLOSE_REASON_NONE;
	while (conn->tx && (conn->tx->bytes > 0 || transport_is_pending(conn))) {
		if (!write_queued(outbox, &reason)) {
			return reason;
		}
	}
	outbox_drop_queue(outbox, conn);
	return CLOSE_REASON_NONE;
}

uint32_t outbox_last_progress(struct outbox *outbox, struct conn *conn)
{
	struct tx_queue *queue = conn->tx;
	uint32_t now = outbox->loop->now_tick;
	if (!queue) {
		return now;
	}
	int64_t taken;
	if (!transport_progress(conn, queue->sent, &taken)) {
		return queue->progress_tick;
	}
	/* What was in the kernel before the queue began counts below zero, hence signed. */
	if (!queue->measured || taken != queue->taken) {
		queue->measured = true;
		queue->taken = taken;
		queue->progress_tick = now;
	}
	return queue->progress_tick;
}

uint64_t outbox_take_bytes_out(struct outbox *outbox)
{
	uint64_t bytes = outbox->bytes_out;
	outbox->bytes_out = 0;
	return bytes;
}
