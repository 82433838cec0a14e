/* The connections of one worker: opened, written to, ended, reaped.
 *
 * Knows RFC 6455 and the deadlines, not what a user is: that is told to the floor above by
 * callbacks.
 *
 *   OPENING ──accepted──> LIVE ──reason──> CLOSING ──all said──> DEAD ──reap──> FREE
 *      ├───────────refused──────────────────^                     ^
 *      └──────────────────gone: EOF, reset, broken────────────────┘  (from any state)
 *
 * Every end has one reason, the first one given, and is counted under it. Whatever happens to a
 * connection happens inside a visit to it (events, a deadline, a message for it), at whose end what
 * it is to be sent is written at once. Everything here belongs to the worker's own thread. */
#ifndef TIDEGATE_CONN_H
#define TIDEGATE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/close_reason.h"
#include "../../proto/handshake.h"
#include "../../proto/message.h"
#include "../base/buf.h"
#include "../base/loop.h"
#include "../base/stats.h"
#include "../base/timer_wheel.h"
#include "conn_table.h"
#include "deadline.h"
#include "outbox.h"

enum {
	CONN_READ_BUFFER = 262144, /* bytes of one read, and so of one connection's turn */
	CONNS_SPARE_READERS = 64,
};

/* What the floor above does. `owner` is conns->owner. */
struct conn_ops {
	/* A valid upgrade has come: answer with conn_accept, perhaps followed by conn_close. */
	void (*request)(void *owner, struct conn *conn, const struct handshake_request *request);
	/* A text or binary message has come; borrowed until the call returns. */
	void (*message)(void *owner, struct conn *conn, const struct message *message);
	/* Append what the connection is owed from before, ahead of what comes now. */
	void (*catch_up)(void *owner, struct conn *conn);
	/* A live connection has got its end, with conn->reason and conns->end_code. Called once for
	 * each; its socket is still open, its state_tick still that of the login. */
	void (*ended)(void *owner, struct conn *conn);
	/* How many bytes may be read from one that feeds the fan-out; 0 pauses it. */
	size_t (*may_read)(void *owner, const struct conn *conn);
};

/* What the connections of one worker share.
 * Owner:  one worker.
 * Shared: never; of what it refers to, the budget, the load and the stats are. */
struct conns {
	const struct conn_ops *ops;
	void *owner;
	struct loop *loop;
	struct stats *stats;
	struct memory_budget *budget;
	_Atomic uint32_t *
		load; /* sockets this worker was given and has not closed: the acceptors' measure */
	_Atomic uint32_t
		*refusals; /* on all workers: those of them that were opened to be refused */
	struct conn_table *table;
	struct timer_wheel *wheel;
	struct outbox *outbox;
	struct deadlines deadlines;
	struct message_rules rules;
	uint8_t *read_buffer; /* CONN_READ_BUFFER bytes */
	bool caught_up;       /* in this visit */
	bool refuse_all;      /* draining: every opening is answered 503 */
	bool others_can_give; /* over the memory limit there are queues to be cut off first */
	uint16_t end_code;    /* in `ended`: of the Close, ours or the peer's; 0 without one */
	uint32_t retry_s;     /* what a 503 says */
	uint32_t ready_head;  /* those with more to read, by index */
	uint32_t paused_head; /* those not read from for now */
	uint32_t dead_head;   /* those to be reaped */
	uint32_t spare_count;
	struct message_reader *spare[CONNS_SPARE_READERS]; /* to be lent */
};

/* `worker` is the id in handles. Errors: -ENOMEM; conns_finish is due all the same. */
int conns_init(struct conns *conns, uint8_t worker, struct loop *loop, struct stats *stats,
	struct memory_budget *budget, _Atomic uint32_t *load, _Atomic uint32_t *refusals,
	const struct conn_ops *ops, void *owner);

/* Ends all connections at once, without a word, under SHUTDOWN, and frees everything. */
void conns_finish(struct conns *conns);

/* Takes over a socket: non-blocking, connected, counted in the load. With `refuse`, which is
 * counted in the refusals, its request will be answered 503. Errors: -ENOMEM, -ENOSPC, -errno of
 * epoll_ctl; the socket is closed then. */
int conn_open(struct conns *conns, int fd, const struct remote *remote, bool refuse);

/* Closes the sockets of the dead and gives their records back. The end of a turn. */
void conns_reap(struct conns *conns);

/* Begins and ends a visit. Visits do not nest. */
void conn_visit_begin(struct conns *conns, struct conn *conn);
void conn_visit_end(struct conns *conns, struct conn *conn);

/* --- inside a visit --- */

/* Queues the 101. The connection is live from here on. */
void conn_accept(struct conns *conns, struct conn *conn, const char *answer, size_t answer_len);

/* Queues an HTTP answer that is no 101 and ends the connection. */
void conn_refuse(struct conns *conns, struct conn *conn, const char *answer, size_t answer_len,
	enum close_reason reason);

/* Queues a frame. `data` is copied or sent before the call returns; but a large payload with
 * headroom for a header (see struct message) that lies in the read buffer is sent from there. */
void conn_send(struct conns *conns, struct conn *conn, uint8_t opcode, uint8_t *data, size_t len,
	size_t headroom);

/* Queues whole frames that many share. */
void conn_share(
	struct conns *conns, struct conn *conn, struct buf *buf, const uint8_t *data, size_t len);

/* Brings the connection up to date: what it is owed from before is appended and sent, or queued. */
void conn_settle(struct conns *conns, struct conn *conn);

/* Answers a Ping, ahead of what is queued where a frame boundary allows. */
void conn_pong(struct conns *conns, struct conn *conn, const struct message *message);

/* The socket can take more of what is queued. */
void conn_resume_writing(struct conns *conns, struct conn *conn);

/* Ends a live connection and says why: what is queued behind the frame under way is dropped, a
 * Close with the reason's code goes out, and the socket is reset when the peer has not closed
 * within the close deadline. `retry_ms` is for reasons that carry one. Without effect on one that
 * has ended. */
void conn_close(
	struct conns *conns, struct conn *conn, enum close_reason reason, uint32_t retry_ms);

/* The same, with a payload for the Close that is not the reason's own. */
void conn_close_with(struct conns *conns, struct conn *conn, enum close_reason reason,
	uint8_t *payload, size_t len);

/* The same, for one that was too much for us; it is told a time to come back of its own. */
void conn_overload(struct conns *conns, struct conn *conn, enum close_reason reason);

/* The same, leaving the Close to the caller, who knows its code. */
void conn_end(struct conns *conns, struct conn *conn, enum close_reason reason, uint16_t code);

/* Ends a connection in any state without a word: the peer is gone, or its stream is broken. */
void conn_vanish(struct conns *conns, struct conn *conn, enum close_reason reason);

/* All is said and done: to be reaped at the end of the turn. */
void conn_die(struct conns *conns, struct conn *conn);

/* Brings the wheel's next look forward where a deadline has become an earlier one. */
void conn_rearm(struct conns *conns, struct conn *conn);

/* Charges what the lent reader holds to the memory budget. */
void conn_charge_reader(struct conns *conns, struct conn *conn);

/* Frees the lent reader, whatever is in it. */
void conn_drop_reader(struct conns *conns, struct conn *conn);

#endif
