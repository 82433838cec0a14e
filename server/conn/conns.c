#include "conns.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "transport.h"

int conns_init(struct conns *conns, uint8_t worker, struct loop *loop, struct stats *stats,
	struct memory_budget *budget, _Atomic uint32_t *load, _Atomic uint32_t *refusals,
	const struct conn_ops *ops, void *owner)
{
	*conns = (struct conns){
		.ops = ops,
		.owner = owner,
		.loop = loop,
		.stats = stats,
		.budget = budget,
		.load = load,
		.refusals = refusals,
		.reading.ready_head = CONN_NONE,
		.reading.paused_head = CONN_NONE,
		.reading.pool.rules.peer_masks = true,
		.dead_head = CONN_NONE,
	};
	conns->reading.buffer = malloc(CONN_READ_BUFFER);
	if (!conns->reading.buffer) {
		return -ENOMEM;
	}
	int err = conn_table_create(worker, &conns->table);
	if (!err) {
		err = timer_wheel_create(loop->now_tick, &conns->wheel);
	}
	if (!err) {
		err = outbox_create(loop, budget, SIZE_MAX, &conns->outbox);
	}
	return err;
}

void conns_set_limits(struct conns *conns, const struct conns_limits *limits)
{
	conns->limits = *limits;
	conns->reading.pool.rules.max_message = limits->max_message;
	conns->outbox->queue_limit = limits->queue_limit;
}

void conns_refuse_all(struct conns *conns)
{
	conns->refuse_all = true;
}

void conns_set_others_can_give(struct conns *conns, bool can_give)
{
	conns->others_can_give = can_give;
}

/* --- from the accept to the reap ----------------------------------------------------------------
 */

/* The socket is gone from the accounts that were kept of it since the accept. */
static void settle_load(struct conns *conns, unsigned flags)
{
	if (flags & CONN_REFUSED) {
		atomic_fetch_sub_explicit(conns->refusals, 1, memory_order_relaxed);
	}
	atomic_fetch_sub_explicit(conns->load, 1, memory_order_relaxed);
}

static int watch(struct conns *conns, struct conn *conn, int fd)
{
	int err = timer_wheel_reserve(conns->wheel, conn->index + 1);
	return err ? err
		   : loop_watch(conns->loop, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
			     conn_table_handle(conns->table, conn));
}

static int take_record(struct conns *conns, int fd, struct conn **ret_conn)
{
	struct conn *conn;
	int err = conn_table_take(conns->table, &conn);
	if (err) {
		return err;
	}
	err = watch(conns, conn, fd);
	if (err) {
		conn_table_give(conns->table, conn);
		return err;
	}
	*ret_conn = conn;
	return 0;
}

int conn_open(struct conns *conns, int fd, const struct remote *remote, bool refuse)
{
	struct conn *conn;
	unsigned flags = refuse ? CONN_REFUSED : 0;
	int err = take_record(conns, fd, &conn);
	if (err) {
		close(fd);
		settle_load(conns, flags);
		return err;
	}
	conn->fd = fd;
	conn->remote = *remote;
	conn->flags = (uint16_t)flags;
	conn->state_tick = conn->last_read_tick = conns->loop->now_tick;
	conn->wheel_tick = UINT32_MAX;
	conn_rearm(conns, conn);
	stats_add(&conns->stats->accepted, 1);
	stats_add(&conns->stats->connections, 1);
	return 0;
}

/* All that a connection owns but its session's: that has gone at its end. */
static void release(struct conns *conns, struct conn *conn)
{
	transport_close(conn, conn->flags & CONN_RESET);
	timer_wheel_unlink(conns->wheel, conn->index);
	outbox_drop_queue(conns->outbox, conn);
	if (conn->flags & CONN_HEAD_KEPT) {
		free(conn->opening);
		conn->opening = NULL;
	} else {
		conn_drop_reader(conns, conn);
	}
	free(conn->extra);
	conn->extra = NULL;
}

static void reap(struct conns *conns, struct conn *conn)
{
	release(conns, conn);
	settle_load(conns, conn->flags);
	stats_sub(&conns->stats->connections, 1);
	/* One that is on a list is given back when the list lets go of it. */
	if (!(conn->flags & (CONN_READY | CONN_PAUSED))) {
		conn_table_give(conns->table, conn);
	}
}

static void reap_dead(struct conns *conns)
{
	while (conns->dead_head != CONN_NONE) {
		struct conn *conn = conn_table_at(conns->table, conns->dead_head);
		conns->dead_head = conn->dead_next;
		reap(conns, conn);
	}
}

void conns_reap(struct conns *conns)
{
	reap_dead(conns);
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
	reader_pool_finish(&conns->reading.pool);
	outbox_destroy(&conns->outbox);
	timer_wheel_destroy(&conns->wheel);
	conn_table_destroy(&conns->table);
	free(conns->reading.buffer);
	conns->reading.buffer = NULL;
}
