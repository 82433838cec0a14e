/* A connection that goes on in another process: its record in bytes, and what is made of them
 * there.
 *
 *   giver   conn_may_move ─> conn_pack ──record, socket──> conn_unpack ─> its session ─>
 * conn_unpacked
 *               ... all that moves is there, and it is said that it goes on there ...
 *           conn_abandon, then conns_cut_unmoved                                             taker
 *
 * All that a connection owns but its session (conn_owns.def), and the layer over its socket. What
 * is kept of it in accounts of one process is opened anew in the other. Packing changes nothing but
 * that no TLS line may be read from or written to until transport_pack_over, so that a giver may go
 * on as before. Ticks and times are those of a clock that both have.
 *
 * Who is closing stays where he is, and so does who has begun a TLS handshake, of which OpenSSL has
 * a part. Thread: the worker that has the connections, or whoever stands in for it. */
#ifndef TIDEGATE_CONN_PACK_H
#define TIDEGATE_CONN_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/pack.h"
#include "../base/shared_bufs.h"
#include "conns.h"

/* Whether a connection can go on elsewhere: it is live, or its request is awaited. One whose
 * request is postponed has to be answered before. */
bool conn_may_move(const struct conn *conn);

/* Its place in the order of acceptance; 0: nobody knows it any more, of one that is live without a
 * user. */
uint64_t conn_move_epoch(const struct conn *conn);

/* Appends one that may move. What it has queued and shares with others is named by numbers of
 * `shared`, and has to be sent ahead of it. A pack that has failed is found later. Errors: -ENOMEM,
 * -ENOSPC. */
int conn_pack(const struct conns *conns, const struct conn *conn, struct shared_bufs *shared,
	struct pack *pack);

/* Makes a connection of what conn_pack has written: watched, with a place whether or not there is
 * one, counted in the load and among those of its address. Its epoch is that of conn_move_epoch. It
 * is not to be visited before conn_unpacked. It may be dead, where it has no way to go on here: it
 * will be reaped then. `fd` is the connection's from here on; on failure it is closed, without a
 * word. Errors: -EINVAL: nothing that was packed looks so; -ENOMEM, -ENOSPC, -errno of epoll_ctl.
 */
int conn_unpack(struct conns *conns, int fd, const struct shared_bufs *shared,
	struct unpack *unpack, struct conn **ret_conn);

/* Its session is there too, where it has one: what it holds is charged, its deadlines are on the
 * wheel, whoever waits for it knows. May end it for want of memory. */
void conn_unpacked(struct conns *conns, struct conn *conn);

/* Another process has it, or it never came to be here: forgets it, its session by ops->moved,
 * without a system call that its peer would notice, and without an end that is counted. Fine with a
 * dead one, which stays to be reaped. */
void conn_abandon(struct conns *conns, struct conn *conn);

/* Those that could move have been abandoned: cuts off openings that are left in the middle of a TLS
 * handshake, and refuses requests that are left unanswered. Closing ones go on. Calls
 * transport_pack_over. Returns how many were ended. */
uint32_t conns_cut_unmoved(struct conns *conns);

#endif
