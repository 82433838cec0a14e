#include "conn_pack.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../proto/message_save.h"
#include "../user/user_table.h"
#include "admission.h"
#include "conn_extra.h"
#include "opening.h"
#include "reader.h"
#include "transport_pack.h"
#include "tx_queue_pack.h"

enum {
	/* Flags that mean the same elsewhere. The others are told by what comes with them, or say
	 * what lists of one worker it is on. */
	MOVING_FLAGS = CONN_BEYOND | CONN_FEEDER | CONN_HUNG_UP | CONN_MUTED | CONN_V1,
};

enum incoming {
	INCOMING_NONE,
	INCOMING_HEAD,   /* of one whose request is awaited */
	INCOMING_FRAMES, /* of a live one */
	INCOMING_KINDS,
};

/* --- which, and in which order -----------------------------------------------------------------
 */

bool conn_may_move(const struct conn *conn)
{
	return (conn->state == CONN_LIVE || conn->state == CONN_OPENING) &&
	       transport_may_move(conn);
}

uint64_t conn_move_epoch(const struct conn *conn)
{
	if (conn->user) {
		return user_entry_epoch(conn->user);
	}
	return conn->state == CONN_OPENING ? conn->epoch : 0;
}

/* --- the record --------------------------------------------------------------------------------
 */

static void pack_remote(const struct remote *remote, struct pack *pack)
{
	pack_bytes(pack, remote->address, sizeof(remote->address));
	pack_bytes(pack, &remote->port, sizeof(remote->port)); /* network order as it is */
	pack_u8(pack, remote->is_inet);
}

static void unpack_remote(struct unpack *unpack, struct remote *ret_remote)
{
	unpack_copy(unpack, ret_remote->address, sizeof(ret_remote->address));
	unpack_copy(unpack, &ret_remote->port, sizeof(ret_remote->port));
	ret_remote->is_inet = unpack_bool(unpack);
}

/* Whether there may be more to read than an event will tell. A layer may have an end that it has
 * not told yet. */
static bool has_more(const struct conn *conn)
{
	return (conn->flags & (CONN_READY | CONN_PAUSED | CONN_LAYERED)) != 0;
}

/* One that is paused is silent because we do not listen. */
static uint32_t last_heard(const struct conns *conns, const struct conn *conn)
{
	return conn->flags & CONN_PAUSED ? conns->loop->now_tick : conn->last_read_tick;
}

static void pack_record(const struct conns *conns, const struct conn *conn, struct pack *pack)
{
	pack_u8(pack, conn->state == CONN_LIVE);
	pack_u16(pack, conn->flags & MOVING_FLAGS);
	pack_u8(pack, has_more(conn));
	pack_u64(pack, conn_move_epoch(conn));
	pack_u32(pack, last_heard(conns, conn));
	pack_u32(pack, conn->last_ping_tick);
	pack_u32(pack, conn->state_tick);
	pack_u8(pack, conn->read_shift);
	pack_u32(pack, conn->fed_bytes);
	pack_u16(pack, conn->fed_tick);
	pack_u8(pack, conn->feeds_lag);
	pack_u8(pack, conn->feeds_elsewhere);
	pack_u8(pack, conn->address);
	pack_remote(&conn->remote, pack);
}

static int unpack_record(struct unpack *unpack, struct conn *conn, bool *ret_more)
{
	conn->state = unpack_bool(unpack) ? CONN_LIVE : CONN_OPENING;
	const uint16_t flags = unpack_u16(unpack);
	*ret_more = unpack_bool(unpack);
	conn->epoch = unpack_u64(unpack);
	conn->last_read_tick = unpack_u32(unpack);
	conn->last_ping_tick = unpack_u32(unpack);
	conn->state_tick = unpack_u32(unpack);
	conn->read_shift = unpack_below(unpack, CONN_READ_SHIFT_MAX + 1) & 0x3f;
	conn->fed_bytes = unpack_u32(unpack);
	conn->fed_tick = unpack_u16(unpack);
	conn->feeds_lag = unpack_bool(unpack);
	conn->feeds_elsewhere = unpack_bool(unpack);
	conn->address = unpack_u8(unpack);
	unpack_remote(unpack, &conn->remote);
	if (unpack->failed || flags & ~MOVING_FLAGS) {
		return -EINVAL;
	}
	conn->flags = flags;
	return 0;
}

/* --- what it owns: two functions for each row of conn_owns.def ----------------------------------
 */

static int pack_queue(const struct conn *conn, struct shared_bufs *shared, struct pack *pack)
{
	pack_u8(pack, conn->tx != NULL);
	return conn->tx ? tx_queue_pack(conn->tx, shared, pack) : 0;
}

static int unpack_queue(struct conns *conns, struct conn *conn, const struct shared_bufs *shared,
	struct unpack *unpack)
{
	struct tx_queue *queue;
	if (!unpack_bool(unpack)) {
		return 0;
	}
	int err = tx_queue_unpack(unpack, shared, &queue);
	if (!err) {
		outbox_adopt_queue(conns->outbox, conn, &queue);
	}
	return err;
}

static int pack_frames(const struct message_reader *reader, struct pack *pack)
{
	const size_t len = message_reader_saved_len(reader);
	uint8_t *bytes = malloc(len ? len : 1);
	if (!bytes) {
		return -ENOMEM;
	}
	message_reader_save(reader, bytes);
	pack_slice(pack, (struct slice){(const char *)bytes, len});
	free(bytes);
	return 0;
}

static int pack_incoming(const struct conn *conn, struct shared_bufs *shared, struct pack *pack)
{
	if (conn->flags & CONN_HEAD_KEPT) {
		pack_u8(pack, INCOMING_HEAD);
		pack_slice(pack, opening_kept(conn));
		return 0;
	}
	pack_u8(pack, conn->rx ? INCOMING_FRAMES : INCOMING_NONE);
	return conn->rx ? pack_frames(conn->rx, pack) : 0;
}

static int unpack_frames(struct conns *conns, struct conn *conn, struct slice saved)
{
	int err = reader_pool_lend(&conns->reading.pool, &conn->rx);
	return err ? err : message_reader_restore(conn->rx, (const uint8_t *)saved.data, saved.len);
}

static int unpack_incoming(struct conns *conns, struct conn *conn, const struct shared_bufs *shared,
	struct unpack *unpack)
{
	const uint8_t kind = unpack_below(unpack, INCOMING_KINDS);
	if (kind == INCOMING_NONE) {
		return 0; /* or it has failed, which is seen in the end */
	}
	const struct slice bytes = unpack_slice(unpack);
	if (bytes.len == 0 || (kind == INCOMING_HEAD) != (conn->state == CONN_OPENING)) {
		return -EINVAL;
	}
	return kind == INCOMING_HEAD ? opening_adopt(conn, bytes)
				     : unpack_frames(conns, conn, bytes);
}

static void pack_pace(const struct conn *conn, const struct pace *pace, struct pack *pack)
{
	pack_u8(pack, (conn->flags & CONN_PACED) != 0);
	pack_u64(pack, pace->messages.clear_us);
	pack_u64(pack, pace->bytes.clear_us);
	pack_u64(pack, pace->refused.clear_us);
	pack_u32(pack, pace->look_tick);
	pack_u32(pack, pace->wake_tick);
	pack_u32(pack, pace->full_tick);
	pack_u32(pack, pace->seen_tick);
}

static int unpack_pace(struct conn *conn, struct unpack *unpack)
{
	struct pace *pace = calloc(1, sizeof(*pace));
	if (!pace) {
		return -ENOMEM;
	}
	conn->extra->pace = pace;
	conn->flags |= unpack_bool(unpack) ? CONN_PACED : 0;
	pace->messages.clear_us = unpack_u64(unpack);
	pace->bytes.clear_us = unpack_u64(unpack);
	pace->refused.clear_us = unpack_u64(unpack);
	pace->look_tick = unpack_u32(unpack);
	pace->wake_tick = unpack_u32(unpack);
	pace->full_tick = unpack_u32(unpack);
	pace->seen_tick = unpack_u32(unpack);
	return 0;
}

/* Rooms and rights are the session's. */
static int pack_extra(const struct conn *conn, struct shared_bufs *shared, struct pack *pack)
{
	const struct conn_extra *extra = conn_extra_of(conn);
	pack_u8(pack, extra != NULL);
	if (!extra) {
		return 0;
	}
	pack_u32(pack, extra->ends_tick);
	pack_u32(pack, extra->token_tick);
	pack_u8(pack, extra->pace != NULL);
	if (extra->pace) {
		pack_pace(conn, extra->pace, pack);
	}
	return 0;
}

static int unpack_extra(struct conns *conns, struct conn *conn, const struct shared_bufs *shared,
	struct unpack *unpack)
{
	if (!unpack_bool(unpack)) {
		return 0;
	}
	int err = conn_extra_make(conn);
	if (err) {
		return err;
	}
	conn->extra->ends_tick = unpack_u32(unpack);
	conn->extra->token_tick = unpack_u32(unpack);
	return unpack_bool(unpack) ? unpack_pace(conn, unpack) : 0;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

int conn_pack(const struct conns *conns, const struct conn *conn, struct shared_bufs *shared,
	struct pack *pack)
{
	int err = 0;
	pack_record(conns, conn, pack);
#define OWNS(part) err = err ? err : pack_##part(conn, shared, pack);
#include "conn_owns.def"
	transport_pack(conn, pack);
	return err;
}

/* What belongs to it, and the layer last: that may find that there is no way to go on. */
static int unpack_owned(struct conns *conns, struct conn *conn, const struct shared_bufs *shared,
	struct unpack *unpack)
{
	int err = 0;
#define OWNS(part) err = err ? err : unpack_##part(conns, conn, shared, unpack);
#include "conn_owns.def"
	if (!err) {
		err = unpack->failed ? -EINVAL : transport_unpack(conns, conn, unpack);
	}
	return err;
}

/* It is on the accounts of this process, as if an acceptor of ours had let it in. */
static void open_accounts(struct conns *conns, struct conn *conn)
{
	places_adopt(conns->places, conn->flags & CONN_BEYOND);
	atomic_fetch_add_explicit(conns->load, 1, memory_order_relaxed);
	admission_adopt(conns, conn);
	conn_begin(conns, conn);
}

int conn_unpack(struct conns *conns, int fd, const struct shared_bufs *shared,
	struct unpack *unpack, struct conn **ret_conn)
{
	struct conn *conn;
	bool more = false;
	int err = conn_take_record(conns, fd, true, &conn);
	if (err) {
		close(fd);
		return err;
	}
	err = unpack_record(unpack, conn, &more);
	if (err) {
		conn->address = 0; /* whatever it said: it is counted nowhere */
	}
	open_accounts(conns, conn);
	if (!err) {
		err = unpack_owned(conns, conn, shared, unpack);
	}
	if (err) {
		conn_abandon(conns, conn);
		return err;
	}
	if (more && conn->state != CONN_DEAD) {
		reader_note_more(conns, conn);
	}
	*ret_conn = conn;
	return 0;
}

void conn_unpacked(struct conns *conns, struct conn *conn)
{
	conn_rearm(conns, conn);
	if (conn->tx || conn->rx || conn->flags & CONN_LAYERED) {
		conn_note_held(conns, conn);
	}
}

/* --- afterwards --------------------------------------------------------------------------------
 */

void conn_abandon(struct conns *conns, struct conn *conn)
{
	if (conn->state == CONN_DEAD) {
		return;
	}
	conn->state = CONN_DEAD;
	conn_note_lag(conns, conn);
	if (conns->ops->moved) {
		conns->ops->moved(conns->owner, conn);
	}
	loop_unwatch(conns->loop, conn->fd);
	transport_let_go(conn);
	close(conn->fd);
	conn->fd = -1;
	conn_release(conns, conn);
}

static void refuse(struct conns *conns, struct conn *conn)
{
	conn_visit_begin(conns, conn);
	opening_refuse(conns, conn, 503, CLOSE_REASON_UNAVAILABLE);
	conn_visit_end(conns, conn);
}

uint32_t conns_cut_unmoved(struct conns *conns)
{
	const uint32_t size = conn_table_size(conns->table);
	uint32_t count = 0;
	transport_pack_over(conns);
	for (uint32_t i = 0; i < size; i++) {
		struct conn *conn = conn_table_at(conns->table, i);
		if (conn->state == CONN_OPENING) {
			conn_cut(conns, conn, CLOSE_REASON_TLS_HANDSHAKE);
			count++;
		} else if (conn->state == CONN_POSTPONED) {
			refuse(conns, conn);
			count++;
		}
	}
	return count;
}
