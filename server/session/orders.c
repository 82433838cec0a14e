#include "orders.h"

#include <string.h>

#include "../../proto/frame.h"

/* --- users -------------------------------------------------------------------------------------
 */

/* The connection that an order is about, if it is still its user's. One that a newer login has
 * replaced is not, although its kick is yet to come: what it is sent might never arrive. */
static struct conn *find(struct backend *backend, const struct backend_order *order)
{
	struct conn *conn = conn_table_find(backend->conns->table, order->handle);
	handle_t current;
	if (!conn || conn->state != CONN_LIVE || !conn->user) {
		return NULL;
	}
	bool is_current =
		user_table_find(backend->users, order->name, order->name_len, &current) == 0 &&
		current == order->handle;
	return is_current ? conn : NULL;
}

static uint64_t ms_since(const struct backend *backend, uint32_t tick)
{
	return (uint64_t)(backend->conns->loop->now_tick - tick) * LOOP_TICK_MS;
}

static void describe(
	const struct backend *backend, const struct conn *conn, struct backend_user *ret_user)
{
	size_t name_len;
	const char *name = user_entry_name(conn->user, &name_len);
	*ret_user = (struct backend_user){
		.connected_ms = ms_since(backend, conn->state_tick),
		.idle_ms = ms_since(backend, conn->last_read_tick),
		.queue_bytes = conn->tx ? conn->tx->bytes : 0,
		.peer = conn->peer,
		.worker = backend->worker,
		.name_len = (uint8_t)name_len,
	};
	memcpy(ret_user->name, name, name_len);
}

static enum backend_result show(struct backend *backend, struct backend_order *order)
{
	const struct conn *conn = find(backend, order);
	if (!conn) {
		return BACKEND_GONE;
	}
	describe(backend, conn, &order->users[0]);
	order->count = 1;
	return BACKEND_DONE;
}

static bool is_listed(const struct conn *conn, const struct backend_order *order)
{
	size_t name_len;
	if (conn->state != CONN_LIVE || !conn->user) {
		return false;
	}
	const char *name = user_entry_name(conn->user, &name_len);
	return name_len >= order->name_len && memcmp(name, order->name, order->name_len) == 0;
}

/* Records do not move: who stays connected is met once, whoever comes and goes meanwhile. */
static enum backend_result list(struct backend *backend, struct backend_order *order)
{
	uint32_t size = conn_table_size(backend->conns->table);
	uint32_t left = BACKEND_SLOTS_MAX;
	uint32_t at = order->cursor;
	for (; at < size && left > 0 && order->count < order->capacity; at++, left--) {
		const struct conn *conn = conn_table_at(backend->conns->table, at);
		if (is_listed(conn, order)) {
			describe(backend, conn, &order->users[order->count++]);
		}
	}
	order->cursor = at < size ? at : CONN_NONE;
	return BACKEND_DONE;
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* Whether the message would be dropped, as on one that is muted, or pass a limit: that of the
 * connection, which would be cut off for it, or the node's, for which another one would. */
static bool is_too_much(const struct backend *backend, const struct conn *conn, size_t frame_len)
{
	const struct memory_budget *budget = backend->conns->budget;
	size_t queued = conn->tx ? conn->tx->bytes : 0;
	size_t used = atomic_load_explicit(&budget->used, memory_order_relaxed);
	return conn->flags & CONN_MUTED ||
	       queued + frame_len > backend->conns->outbox->queue_limit ||
	       used + frame_len > atomic_load_explicit(&budget->limit, memory_order_relaxed);
}

static enum backend_result push(struct backend *backend, struct backend_order *order)
{
	struct conns *conns = backend->conns;
	struct conn *conn = find(backend, order);
	enum backend_result result = BACKEND_OVERFLOW;
	if (!conn) {
		return BACKEND_GONE;
	}
	conn_visit_begin(conns, conn);
	/* What it is owed from before comes first, and counts. */
	conn_settle(conns, conn);
	if (conn->state == CONN_LIVE &&
		!is_too_much(
			backend, conn, frame_header_len(order->payload_len) + order->payload_len)) {
		conn_send(conns, conn, order->opcode, order->payload, order->payload_len, 0);
		result = BACKEND_DONE;
	}
	conn_visit_end(conns, conn);
	if (conn->state != CONN_LIVE) {
		return BACKEND_GONE;
	}
	stats_add(&conns->stats->pushes, result == BACKEND_DONE);
	return result;
}

static enum backend_result broadcast(struct backend *backend, struct backend_order *order)
{
	int err = fanout_announce(backend->fanout, order->opcode, order->payload,
		order->payload_len, &order->receivers);
	return err ? BACKEND_OVERFLOW : BACKEND_DONE;
}

/* --- ends and faults ---------------------------------------------------------------------------
 */

static enum backend_result close_user(struct backend *backend, struct backend_order *order)
{
	struct conn *conn = find(backend, order);
	if (!conn) {
		return BACKEND_GONE;
	}
	conn_visit_begin(backend->conns, conn);
	conn_close_with(backend->conns, conn, CLOSE_REASON_DISCONNECTED, order->payload,
		order->payload_len);
	conn_visit_end(backend->conns, conn);
	return BACKEND_DONE;
}

static enum backend_result cut(struct backend *backend, struct backend_order *order)
{
	struct conn *conn = find(backend, order);
	if (!conn) {
		return BACKEND_GONE;
	}
	conn->flags |= CONN_RESET;
	conn_vanish(backend->conns, conn, CLOSE_REASON_DEMO_CUT);
	return BACKEND_DONE;
}

static enum backend_result mute(struct backend *backend, struct backend_order *order)
{
	struct conn *conn = find(backend, order);
	if (!conn) {
		return BACKEND_GONE;
	}
	if (order->is_muted) {
		conn->flags |= CONN_MUTED;
	} else {
		conn->flags &= (uint16_t)~CONN_MUTED;
	}
	return BACKEND_DONE;
}

/* --- orders ------------------------------------------------------------------------------------
 */

static enum backend_result act(struct backend *backend, struct backend_order *order)
{
	switch (order->action) {
	case BACKEND_PUSH:
		return push(backend, order);
	case BACKEND_BROADCAST:
		return broadcast(backend, order);
	case BACKEND_SHOW:
		return show(backend, order);
	case BACKEND_LIST:
		return list(backend, order);
	case BACKEND_CLOSE:
		return close_user(backend, order);
	case BACKEND_CUT:
		return cut(backend, order);
	case BACKEND_MUTE:
		return mute(backend, order);
	case BACKEND_ENDED:
		order->count = backend->ended
				       ? ended_copy(backend->ended, order->ended, order->capacity)
				       : 0;
		break;
	}
	return BACKEND_DONE;
}

void backend_carry_out(struct backend *backend, struct backend_order *order)
{
	order->result = act(backend, order);
	order->mail.kind = order->back_kind;
	mailbox_post(order->back, &order->mail);
}

struct backend_order *backend_order_of(struct mail *mail)
{
	return (struct backend_order *)((uint8_t *)mail - offsetof(struct backend_order, mail));
}
