#include "orders.h"

#include <errno.h>
#include <string.h>

#include "../../proto/frame.h"
#include "../conn/send.h"
#include "../fanout/memberships.h"
#include "join.h"
#include "session_token.h"

/* --- users -------------------------------------------------------------------------------------
 */

/* The connection that an order is about, if it is still its user's. One that a newer login has
 * replaced is not, although its kick is yet to come: what it is sent might never arrive. */
static struct conn *find(struct orders *orders, const struct order *order)
{
	struct conn *conn = conn_table_find(orders->conns->table, order->handle);
	if (!conn || conn->state != CONN_LIVE || !conn->user) {
		return NULL;
	}
	return user_table_has(orders->users, conn->user) ? conn : NULL;
}

static uint64_t ms_since(const struct orders *orders, uint32_t tick)
{
	return (uint64_t)(orders->conns->loop->now_tick - tick) * LOOP_TICK_MS;
}

static void describe(const struct orders *orders, struct conn *conn, struct order_user *ret_user)
{
	size_t name_len;
	size_t device_len;
	const char *name = user_entry_name(conn->user, &name_len);
	const char *device = user_entry_device(conn->user, &device_len);
	*ret_user = (struct order_user){
		.epoch = user_entry_epoch(conn->user),
		.connected_ms = ms_since(orders, conn->state_tick),
		.idle_ms = ms_since(orders, conn->last_read_tick),
		.queue_bytes = conn->tx ? conn->tx->bytes : 0,
		.token_left_ms = session_token_left_ms(conn, orders->conns->loop->now_tick),
		.remote = conn->remote,
		.worker = orders->worker,
		.speaks_v1 = conn->flags & CONN_V1,
		.rooms = memberships_count(conn),
		.name_len = (uint8_t)name_len,
		.device_len = (uint8_t)device_len,
	};
	memcpy(ret_user->name, name, name_len);
	memcpy(ret_user->device, device, device_len);
}

static enum order_result show(struct orders *orders, struct order *order)
{
	struct conn *conn = find(orders, order);
	if (!conn) {
		return ORDER_GONE;
	}
	if (order->count < order->capacity) {
		describe(orders, conn, &order->users[order->count++]);
	}
	return ORDER_DONE;
}

static bool is_listed(const struct conn *conn, const struct order *order)
{
	size_t name_len;
	if (conn->state != CONN_LIVE || !conn->user) {
		return false;
	}
	const char *name = user_entry_name(conn->user, &name_len);
	return name_len >= order->name_len && memcmp(name, order->name, order->name_len) == 0;
}

/* Records do not move: who stays connected is met once, whoever comes and goes meanwhile. */
static enum order_result list(struct orders *orders, struct order *order)
{
	uint32_t size = conn_table_size(orders->conns->table);
	uint32_t left = ORDER_SLOTS_MAX;
	uint32_t at = order->cursor;
	for (; at < size && left > 0 && order->count < order->capacity; at++, left--) {
		struct conn *conn = conn_table_at(orders->conns->table, at);
		if (is_listed(conn, order)) {
			describe(orders, conn, &order->users[order->count++]);
		}
	}
	order->cursor = at < size ? at : CONN_NONE;
	return ORDER_DONE;
}

/* --- messages ----------------------------------------------------------------------------------
 */

/* Whether the message would be dropped, as on one that is muted, or pass a limit: that of the
 * connection, which would be cut off for it, or the node's, for which another one would. */
static bool is_too_much(const struct orders *orders, const struct conn *conn, size_t frame_len)
{
	const struct budget *budget = orders->conns->holders.budget;
	size_t queued = conn->tx ? conn->tx->bytes : 0;
	return conn->flags & CONN_MUTED ||
	       queued + frame_len > orders->conns->outbox->queue_limit ||
	       !budget_has_room(budget, frame_len);
}

static enum order_result push(struct orders *orders, struct order *order)
{
	struct conns *conns = orders->conns;
	struct conn *conn = find(orders, order);
	enum order_result result = ORDER_OVERFLOW;
	if (!conn) {
		return ORDER_GONE;
	}
	const bool is_v1 = conn->flags & CONN_V1 && order->v1_packet_len > 0;
	const uint8_t opcode = is_v1 ? FRAME_BINARY : order->opcode;
	const size_t len = is_v1 ? order->v1_packet_len : order->payload_len;
	conn_visit_begin(conns, conn);
	/* What it is owed from before comes first, and counts. */
	conn_settle(conns, conn);
	if (conn->state == CONN_LIVE && !is_too_much(orders, conn, frame_header_len(len) + len)) {
		conn_send(conns, conn, opcode, is_v1 ? order->v1_packet : order->payload, len, 0);
		result = ORDER_DONE;
	}
	conn_visit_end(conns, conn);
	if (conn->state != CONN_LIVE) {
		return ORDER_GONE;
	}
	stats_add(&conns->stats->pushes, result == ORDER_DONE);
	return result;
}

static enum order_result broadcast(struct orders *orders, struct order *order)
{
	int err = fanout_announce(orders->fanout, order->opcode, order->payload, order->payload_len,
		&order->receivers);
	return err ? ORDER_OVERFLOW : ORDER_DONE;
}

/* A lack of memory is a limit too. */
static enum order_result say(struct orders *orders, struct order *order)
{
	struct say_reached reached;
	const struct slice text = {(const char *)order->payload, order->payload_len};
	int err = say_announce(&orders->sessions->say, order->room, order->from, text, &reached);
	if (err) {
		return err == -ENOENT ? ORDER_NO_ROOM : ORDER_OVERFLOW;
	}
	order->receivers = reached.sessions;
	order->room_users = reached.users;
	return ORDER_DONE;
}

/* --- rooms -------------------------------------------------------------------------------------
 */

static enum order_result result_of(enum packet_result result)
{
	switch (result) {
	case PACKET_DONE:
		return ORDER_DONE;
	case PACKET_NOT_A_MEMBER:
		return ORDER_NOT_IN;
	case PACKET_TOO_MANY_ROOMS:
		return ORDER_FULL;
	default:
		return ORDER_OVERFLOW;
	}
}

/* What the session is owed from before comes first. */
static enum order_result move(struct orders *orders, struct order *order,
	enum packet_result (*join)(struct sessions *sessions, struct conn *conn, struct slice room,
		uint32_t *ret_users))
{
	struct conn *conn = find(orders, order);
	enum order_result result = ORDER_GONE;
	if (!conn) {
		return ORDER_GONE;
	}
	if (!(conn->flags & CONN_V1)) {
		return ORDER_CLASSIC;
	}
	conn_visit_begin(orders->conns, conn);
	conn_settle(orders->conns, conn);
	if (conn->state == CONN_LIVE) {
		result = result_of(join(orders->sessions, conn, order->room, &order->room_users));
	}
	conn_visit_end(orders->conns, conn);
	return conn->state == CONN_LIVE ? result : ORDER_GONE;
}

/* --- ends and faults ---------------------------------------------------------------------------
 */

static enum order_result close_user(struct orders *orders, struct order *order)
{
	struct conn *conn = find(orders, order);
	if (!conn) {
		return ORDER_GONE;
	}
	conn_visit_begin(orders->conns, conn);
	conn_close_with(
		orders->conns, conn, CLOSE_REASON_DISCONNECTED, order->payload, order->payload_len);
	conn_visit_end(orders->conns, conn);
	return ORDER_DONE;
}

static enum order_result kick(struct orders *orders, struct order *order)
{
	struct conn *conn = find(orders, order);
	if (!conn) {
		return ORDER_GONE;
	}
	stats_add(&orders->conns->stats->kicks, 1);
	conn_visit_begin(orders->conns, conn);
	conn_close(orders->conns, conn, CLOSE_REASON_KICKED, 0);
	conn_visit_end(orders->conns, conn);
	return ORDER_DONE;
}

static enum order_result cut(struct orders *orders, struct order *order)
{
	struct conn *conn = find(orders, order);
	if (!conn) {
		return ORDER_GONE;
	}
	conn_cut(orders->conns, conn, CLOSE_REASON_DEMO_CUT);
	return ORDER_DONE;
}

static enum order_result mute(struct orders *orders, struct order *order)
{
	struct conn *conn = find(orders, order);
	if (!conn) {
		return ORDER_GONE;
	}
	conn_mute(conn, order->is_muted);
	return ORDER_DONE;
}

/* --- orders ------------------------------------------------------------------------------------
 */

static enum order_result act(struct orders *orders, struct order *order)
{
	switch (order->action) {
	case ORDER_PUSH:
		return push(orders, order);
	case ORDER_BROADCAST:
		return broadcast(orders, order);
	case ORDER_SAY:
		return say(orders, order);
	case ORDER_PUT_IN:
		return move(orders, order, join_put_in);
	case ORDER_TAKE_OUT:
		return move(orders, order, join_take_out);
	case ORDER_SHOW:
		return show(orders, order);
	case ORDER_LIST:
		return list(orders, order);
	case ORDER_CLOSE:
		return close_user(orders, order);
	case ORDER_KICK:
		return kick(orders, order);
	case ORDER_CUT:
		return cut(orders, order);
	case ORDER_MUTE:
		return mute(orders, order);
	case ORDER_ENDED:
		*order->ended = orders->ended ? *orders->ended : (struct ended){0};
		break;
	}
	return ORDER_DONE;
}

void orders_carry_out(struct orders *orders, struct order *order)
{
	order->result = act(orders, order);
	order->mail.kind = order->back_kind;
	mailbox_post(order->back, &order->mail);
}

struct order *order_of(struct mail *mail)
{
	return (struct order *)((uint8_t *)mail - offsetof(struct order, mail));
}
