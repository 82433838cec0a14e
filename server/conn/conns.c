#include "conns.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"
#include "../../proto/frame.h"
#include "conn_extra.h"
#include "transport.h"

enum {
	/* Too fast a return of those whom a busy node sent away, in ms, and the spread of it. */
	RETRY_MIN_MS = 1000,
	RETRY_SPREAD_MS = 4096,
};

int conns_init(struct conns *conns, uint8_t worker, struct loop *loop, struct stats *stats,
	struct budget *budget, _Atomic uint32_t *load, struct places *places,
	const struct welcome *welcome, const struct conn_ops *ops, void *owner)
{
	*conns = (struct conns){
		.ops = ops,
		.owner = owner,
		.loop = loop,
		.stats = stats,
		.load = load,
		.places = places,
		.welcome = welcome,
		.spread = spread_begin(worker),
		.reading.ready = {CONN_NONE, CONN_NONE},
		.reading.paused = {CONN_NONE, CONN_NONE},
		.reading.most = CONN_READ_BUFFER,
		.reading.pool.rules.peer_masks = true,
		.dead_head = CONN_NONE,
	};
	holders_init(&conns->holders, budget, worker);
	conns->reading.buffer = malloc(CONN_READ_BUFFER);
	if (!conns->reading.buffer) {
		return -ENOMEM;
	}
	int err = conn_table_create(worker, &conns->table);
	if (!err) {
		err = timer_wheel_create(loop->now_tick, &conns->wheel);
	}
	if (!err) {
		err = outbox_create(loop, SIZE_MAX, &conns->outbox);
	}
	return err;
}

void conns_set_limits(struct conns *conns, const struct conns_limits *limits)
{
	conns->limits = *limits;
	conns->reading.pool.rules.max_message = limits->max_message;
	conns->outbox->queue_limit = limits->queue_limit;
}

void conns_refuse_all(struct conns *conns, uint64_t back_ms)
{
	conns->refuse_all = true;
	places_set_back_ms(conns->places, back_ms);
}

void conns_set_addresses(struct conns *conns, struct address_limits *addresses)
{
	conns->addresses = addresses;
}

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

int conn_set_end(struct conns *conns, struct conn *conn, uint32_t tick)
{
	int err = conn_extra_make(conn);
	if (!err) {
		conn->extra->ends_tick = tick;
		conn_rearm(conns, conn);
	}
	return err;
}

/* --- the ways out ---------------------------------------------------------------------------- */

static void give_reason(struct conns *conns, struct conn *conn, enum close_reason reason)
{
	conn->reason = (uint8_t)reason;
	stats_add(&conns->stats->ends[reason], 1);
}

void conn_note_lag(struct conns *conns, struct conn *conn)
{
	const bool lags = conn->tx && conn->tx->lag == TX_LAG_COUNTED && conn->state == CONN_LIVE;
	if (lags != ((conn->flags & CONN_LAGS) != 0)) {
		conn->flags ^= CONN_LAGS;
		conns->ops->lags(conns->owner, conn, lags);
	}
}

void conn_die(struct conns *conns, struct conn *conn)
{
	ASSERT(conn->state != CONN_DEAD);
	conn->state = CONN_DEAD;
	conn_note_lag(conns, conn);
	conn->dead_next = conns->dead_head;
	conns->dead_head = conn->index;
	if (conn->holder != HOLDER_NONE) {
		conn_note_held(conns, conn);
	}
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
	conn_note_lag(conns, conn);
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
static uint32_t overload_retry_ms(struct conns *conns)
{
	return RETRY_MIN_MS + spread_next(&conns->spread, RETRY_SPREAD_MS);
}

/* What is gathered has shown that it takes too little. Nothing is gathered now. */
static void end_slow_reader(struct conns *conns, struct conn *conn)
{
	uint8_t payload[CLOSE_PAYLOAD_MAX];
	size_t len =
		close_reason_payload(CLOSE_REASON_SLOW_READER, overload_retry_ms(conns), payload);
	stats_add(&conns->stats->closes_out, 1);
	begin_closing(conns, conn, CLOSE_REASON_SLOW_READER, load_be16(payload));
	put_close(conns, payload, len);
}

void conn_flush(struct conns *conns, struct conn *conn)
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
		conn_flush(conns, conn);
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
	conn_close(conns, conn, reason, overload_retry_ms(conns));
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

static bool is_unanswered(const struct conn *conn)
{
	return conn->state == CONN_OPENING || conn->state == CONN_POSTPONED;
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
	ASSERT(is_unanswered(conn));
	begin_closing(conns, conn, reason, 0); /* which drops what is gathered of a stalled line */
	send_http(conns, answer, answer_len);
	conn->flags |= CONN_DISCARD;
}

void conn_accept(struct conns *conns, struct conn *conn, const char *answer, size_t answer_len)
{
	ASSERT(is_unanswered(conn));
	send_http(conns, answer, answer_len);
	conn->state = CONN_LIVE;
	conn->state_tick = conns->loop->now_tick;
	conn->last_read_tick = conns->loop->now_tick;
	/* There is nothing from before it was live. */
	conns->caught_up = true;
	/* The read deadline and the ping may come before what the handshake had left. */
	conn_rearm(conns, conn);
}

void conn_postpone(struct conn *conn)
{
	ASSERT(is_unanswered(conn));
	conn->state = CONN_POSTPONED;
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
	} else if (!conn->tx) {
		conn_note_held(conns, conn);
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
	conn_flush(conns, conn);
	if (conn->state != before) {
		/* The flush itself ended it: one more, for the Close. */
		conn_flush(conns, conn);
	}
	outbox_close(conns->outbox);
	if (conn->state == CONN_CLOSING && !conn->tx) {
		closing_sent(conns, conn);
	}
	if (conn->tx || conn->state == CONN_CLOSING) {
		conn_rearm(conns, conn);
		conn_note_held(conns, conn);
	}
}

/* --- memory ----------------------------------------------------------------------------------
 */

/* Apart, since most connections hold nothing when their visit ends. */
__attribute__((noinline)) void conn_note_held(struct conns *conns, struct conn *conn)
{
	struct holding now = {
		.is_leaving = conn->state == CONN_CLOSING || conn->state == CONN_DEAD};
	if (conn->flags & CONN_HEAD_KEPT) {
		now.held[BUDGET_HEADS] = malloc_usable_size(conn->opening);
	} else if (conn->rx) {
		now.held[BUDGET_MESSAGES] = message_reader_footprint(conn->rx);
	}
	if (conn->tx) {
		now.held[BUDGET_QUEUES] = conn->tx->footprint;
		now.shared = conn->tx->shared_bytes;
		now.alone = now.is_leaving ? tx_queue_alone(conn->tx) : 0;
	}
	if (conn->flags & CONN_LAYERED) {
		conn->extra->transport->add_held(conn, &now);
	}
	conn_note_lag(conns, conn);
	if (holders_note(&conns->holders, &conn->holder, conn->index, &now) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
	}
}

void conn_drop_reader(struct conns *conns, struct conn *conn)
{
	message_reader_destroy(&conn->rx);
	if (conn->holder != HOLDER_NONE) {
		conn_note_held(conns, conn);
	}
}

/* --- from the accept to the reap ----------------------------------------------------------------
 */

/* The socket is gone from the accounts that were kept of it since the accept. */
static void settle_load(struct conns *conns, unsigned flags)
{
	places_give(conns->places, flags & CONN_BEYOND);
	atomic_fetch_sub_explicit(conns->load, 1, memory_order_relaxed);
}

static int watch(struct conns *conns, const struct conn *conn, int fd)
{
	return loop_watch(
		conns->loop, fd, LOOP_STREAM_EVENTS, conn_table_handle(conns->table, conn));
}

int conn_take_record(struct conns *conns, int fd, bool is_watched, struct conn **ret_conn)
{
	struct conn *conn;
	int err = conn_table_take(conns->table, &conn);
	if (err) {
		return err;
	}
	err = timer_wheel_reserve(conns->wheel, conn->index + 1);
	if (!err && is_watched) {
		err = watch(conns, conn, fd);
	}
	if (err) {
		conn_table_give(conns->table, conn);
		return err;
	}
	conn->fd = fd;
	*ret_conn = conn;
	return 0;
}

void conn_begin(struct conns *conns, struct conn *conn)
{
	conn->wheel_tick = UINT32_MAX;
	conn_rearm(conns, conn);
	stats_add(&conns->stats->connections, 1);
}

int conn_open(struct conns *conns, int fd, const struct remote *remote, uint64_t epoch,
	bool is_beyond, bool is_watched, struct conn **ret_conn)
{
	struct conn *conn;
	unsigned flags = is_beyond ? CONN_BEYOND : 0;
	int err = conn_take_record(conns, fd, is_watched, &conn);
	if (err) {
		close(fd);
		settle_load(conns, flags);
		return err;
	}
	conn->remote = *remote;
	conn->epoch = epoch;
	conn->flags = (uint16_t)flags;
	conn->state_tick = conn->last_read_tick = conns->loop->now_tick;
	conn_begin(conns, conn);
	stats_add(&conns->stats->accepted, 1);
	*ret_conn = conn;
	return 0;
}

bool conn_take_place(struct conns *conns, struct conn *conn)
{
	if (conn->flags & CONN_BEYOND && places_promote(conns->places)) {
		conn->flags &= (uint16_t)~CONN_BEYOND;
	}
	return !(conn->flags & CONN_BEYOND);
}

/* It is no longer counted among the connections of its address. */
static void give_address_back(struct conns *conns, struct conn *conn)
{
	const uint8_t counted = CONN_ADDRESS_ADMITTED | CONN_ADDRESS_REFUSED;
	if (conn->address & counted) {
		address_limits_leave(conns->addresses, &conn->remote,
			conn->address & CONN_ADDRESS_ADMITTED ? ADDRESS_HOLD_ADMITTED
							      : ADDRESS_HOLD_REFUSED);
		conn->address &= (uint8_t)~counted;
	}
}

/* --- what it owns: a function for each row of conn_owns.def --- */

static void free_queue(struct conns *conns, struct conn *conn)
{
	outbox_drop_queue(conns->outbox, conn);
}

static void free_incoming(struct conns *conns, struct conn *conn)
{
	if (conn->flags & CONN_HEAD_KEPT) {
		free(conn->opening);
		conn->opening = NULL;
		conn->flags &= (uint16_t)~CONN_HEAD_KEPT;
	} else {
		message_reader_destroy(&conn->rx);
	}
}

static void free_extra(struct conns *conns, struct conn *conn)
{
	conn_extra_free(conn);
}

void conn_release(struct conns *conns, struct conn *conn)
{
	give_address_back(conns, conn);
	timer_wheel_unlink(conns->wheel, conn->index);
#define OWNS(part) free_##part(conns, conn);
#include "conn_owns.def"
	if (conn->holder != HOLDER_NONE) {
		conn_note_held(conns, conn);
	}
	settle_load(conns, conn->flags);
	stats_sub(&conns->stats->connections, 1);
	/* One that is on a list is given back when the list lets go of it. */
	if (!(conn->flags & (CONN_READY | CONN_PAUSED))) {
		conn_table_give(conns->table, conn);
	}
}

static void reap(struct conns *conns, struct conn *conn)
{
	transport_close(conn, conn->flags & CONN_RESET);
	conn_release(conns, conn);
}

__attribute__((noinline)) static void reap_dead(struct conns *conns)
{
	while (conns->dead_head != CONN_NONE) {
		struct conn *conn = conn_table_at(conns->table, conns->dead_head);
		conns->dead_head = conn->dead_next;
		reap(conns, conn);
	}
}

void conns_reap(struct conns *conns)
{
	if (conns->dead_head != CONN_NONE) {
		reap_dead(conns);
	}
	stats_add(&conns->stats->bytes_out, outbox_take_bytes_out(conns->outbox));
}

void conns_finish(struct conns *conns)
{
	if (!conns->ops) {
		return; /* Never begun. */
	}
	uint32_t size = conns->table ? conn_table_size(conns->table) : 0;
	for (uint32_t i = 0; i < size; i++) {
		struct conn *conn = conn_table_at(conns->table, i);
		if (conn->state != CONN_FREE && conn->state != CONN_DEAD) {
			conn_vanish(conns, conn, CLOSE_REASON_SHUTDOWN);
		}
	}
	reap_dead(conns);
	reader_pool_empty(&conns->reading.pool);
	reader_pool_charge(&conns->reading.pool, conns->holders.budget);
	outbox_destroy(&conns->outbox);
	timer_wheel_destroy(&conns->wheel);
	conn_table_destroy(&conns->table);
	holders_finish(&conns->holders);
	free(conns->reading.buffer);
	conns->reading.buffer = NULL;
}
