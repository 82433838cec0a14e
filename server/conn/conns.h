/* The connections of one worker: opened, written to, ended, reaped.
 *
 * Knows RFC 6455 and the deadlines, not what a user is: that is told to the floor above by
 * callbacks.
 *
 * Every end has one reason, the first one given, and is counted under it. Whatever happens to a
 * connection happens inside a visit to it (events, a deadline, a message for it), at whose end what
 * it is to be sent is written at once. Everything here belongs to the worker's own thread. Others
 * read the fields of struct conns and call its functions; only this folder writes them. */
#ifndef TIDEGATE_CONNS_H
#define TIDEGATE_CONNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../proto/close_reason.h"
#include "../../proto/forwarded.h"
#include "../../proto/handshake.h"
#include "../../proto/message.h"
#include "../../proto/origins.h"
#include "../base/address_limits.h"
#include "../base/holders.h"
#include "../base/loop.h"
#include "../base/networks.h"
#include "../base/stats.h"
#include "../base/timer_wheel.h"
#include "conn.h"
#include "conn_table.h"
#include "deadline.h"
#include "outbox.h"
#include "places.h"
#include "reader_pool.h"
#include "welcome.h"

struct tls_worker;

enum {
	CONN_READ_BUFFER = CONN_READ_MIN << CONN_READ_SHIFT_MAX, /* bytes */
};

/* What the floor above does. `owner` is conns->owner. */
struct conn_ops {
	/* A valid upgrade has come: answer with conn_accept, perhaps followed by conn_close; with
	 * conn_refuse; or with conn_postpone. The request is borrowed until the call returns. */
	void (*request)(void *owner, struct conn *conn, const struct handshake_request *request);
	/* A text or binary message has come; borrowed until the call returns. */
	void (*message)(void *owner, struct conn *conn, const struct message *message);
	/* Append what the connection is owed from before, ahead of what comes now. */
	void (*catch_up)(void *owner, struct conn *conn);
	/* A live connection has got its end, with conn->reason; `code` is that of the Close, ours
	 * or the peer's, 0 without one. Called once for each; its socket is still open, its
	 * state_tick still that of the login. */
	void (*ended)(void *owner, struct conn *conn, uint16_t code);
	/* How many bytes may be read from one that feeds the fan-out; 0 pauses it. */
	size_t (*may_read)(void *owner, struct conn *conn);
	/* A live connection begins to lag, or does so no more: before `ended` at the latest. */
	void (*lags)(void *owner, struct conn *conn, bool lags);
	/* A connection is another process's from here on, or never came to be here: it is to be
	 * forgotten, and nobody is to be told. Its socket is still open. NULL: there is nothing. */
	void (*moved)(void *owner, struct conn *conn);
};

/* What may change while running. Plain data. */
struct conns_limits {
	struct deadlines deadlines;
	uint32_t max_head;       /* bytes of an opening request; twice that fit the read buffer */
	uint32_t max_message;    /* bytes */
	size_t queue_limit;      /* bytes that may be queued for one connection */
	struct networks trusted; /* proxies, which tell whose address it is */
	enum forwarded_kind forwarded; /* where they tell it, but for the PROXY protocol */
	struct origins origins;        /* of web pages that may open lines; none: all may */
	uint32_t message_rate;         /* of a session, a second; 0: no limit */
	uint32_t byte_rate;            /* likewise */
};

/* Connections in a row, linked by ready_next. */
struct conn_list {
	uint32_t head; /* by index; CONN_NONE when there are none */
	uint32_t tail;
};

/* What reader.c works with, and nobody else. */
struct conns_reading {
	uint8_t *buffer;         /* CONN_READ_BUFFER bytes */
	struct conn_list ready;  /* those with more to read */
	struct conn_list paused; /* those not read from for now */
	size_t most;             /* bytes that anybody's read may take for now */
	size_t work;             /* bytes read since somebody last looked at the clock */
	uint64_t full_us;        /* when a read began that was as large as it may be; else 0 */
	struct reader_pool pool;
};

/* Owner:  one worker.
 * Shared: never; the budget, the load, the places, the limits of addresses and the stats it points
 *         to are. */
struct conns {
	const struct conn_ops *ops;
	void *owner;
	struct loop *loop;
	struct stats *stats;
	struct holders holders; /* of memory */
	/* Sockets this worker was given and has not closed: the acceptors' measure. */
	_Atomic uint32_t *load;
	struct places *places;            /* the node's */
	struct address_limits *addresses; /* the node's; NULL: there are no limits */
	const struct welcome *welcome;
	struct conn_table *table;
	struct timer_wheel *wheel;
	struct outbox *outbox;
	struct conns_limits limits;
	struct conns_reading reading;
	struct tls_worker *tls; /* NULL: no listener is wss */
	struct spread spread;   /* of those sent away, when they come back */
	uint32_t dead_head;     /* those to be reaped */
	bool caught_up;         /* in this visit */
	bool refuse_all;        /* draining: every opening is answered 503 */
};

/* `worker` is the id in handles. Errors: -ENOMEM; conns_finish is due all the same. */
int conns_init(struct conns *conns, uint8_t worker, struct loop *loop, struct stats *stats,
	struct budget *budget, _Atomic uint32_t *load, struct places *places,
	const struct welcome *welcome, const struct conn_ops *ops, void *owner);

/* Ends all connections at once, without a word, under SHUTDOWN, and frees everything. */
void conns_finish(struct conns *conns);

/* Without limits, as after conns_init, no connection may be opened. Deadlines that became shorter
 * are for timeouts_sweep to find. */
void conns_set_limits(struct conns *conns, const struct conns_limits *limits);

/* Sets the limits of addresses, which the connections of all workers share. Before the first
 * connection. */
void conns_set_addresses(struct conns *conns, struct address_limits *addresses);

/* From now on every opening is answered 503, which names no time before `back_ms` of the loop. */
void conns_refuse_all(struct conns *conns, uint64_t back_ms);

/* Takes over a socket: non-blocking, connected, counted in the load, with a place. `epoch` is its
 * place in the order of acceptance. One that is beyond the limit is answered 503 if there is still
 * no place when its request has come. `is_watched`: by the loop, from now on. Whose address it is,
 * admission_open says. Errors: -ENOMEM, -ENOSPC, -errno of epoll_ctl; the socket is closed then. */
int conn_open(struct conns *conns, int fd, const struct remote *remote, uint64_t epoch,
	bool is_beyond, bool is_watched, struct conn **ret_conn);

/* Closes the sockets of the dead, gives their records back and counts what was sent. The end of a
 * turn. */
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

/* Leaves a request, which ops->request was called with, to be answered later, between
 * reader_answer_begin and reader_answer_end. Until then nothing is read. Whoever hangs up meanwhile
 * is gone; the handshake deadline goes on, and with it, or with a drain, the request is refused. */
void conn_postpone(struct conn *conn);

/* The socket can take more of what is queued. */
void conn_resume_writing(struct conns *conns, struct conn *conn);

/* Ends a live connection and says why: what is queued behind the frame under way is dropped, a
 * Close with the reason's code goes out, and the socket is reset when the peer has not closed
 * within the close deadline. `retry_ms` is for reasons that carry one. Without effect on one that
 * has ended. */
void conn_close(
	struct conns *conns, struct conn *conn, enum close_reason reason, uint32_t retry_ms);

/* The same, with a payload for the Close that is not the reason's own: at least a code. */
void conn_close_with(struct conns *conns, struct conn *conn, enum close_reason reason,
	const uint8_t *payload, size_t len);

/* The same, for one that was too much for us; it is told a time to come back of its own. */
void conn_overload(struct conns *conns, struct conn *conn, enum close_reason reason);

/* From that tick of the loop on a live connection is over, whatever it does until then: it ends
 * with TOKEN_EXPIRED. 0: it has no such end. May be changed. Errors: -ENOMEM, the end as it was. */
int conn_set_end(struct conns *conns, struct conn *conn, uint32_t tick);

/* The peer's Close has come, with its payload: it is answered in kind. */
void conn_answer_close(struct conns *conns, struct conn *conn, const uint8_t *payload, size_t len);

/* --- anywhere --- */

/* Ends a connection in any state without a word: the peer is gone, or its stream is broken. */
void conn_vanish(struct conns *conns, struct conn *conn, enum close_reason reason);

/* The same with a reset, as if the network were cut. */
void conn_cut(struct conns *conns, struct conn *conn, enum close_reason reason);

/* Drops all that it is sent from now on, or no more. For a demonstration. */
void conn_mute(struct conn *conn, bool is_muted);

/* --- for this folder --- */

/* Writes what is gathered. May end the connection. */
void conn_flush(struct conns *conns, struct conn *conn);

/* All is said and done: to be reaped at the end of the turn. */
void conn_die(struct conns *conns, struct conn *conn);

/* A fresh record. `is_watched`: the loop watches `fd` from now on. Errors: -ENOMEM, -ENOSPC, -errno
 * of epoll_ctl. */
int conn_take_record(struct conns *conns, int fd, bool is_watched, struct conn **ret_conn);

/* Counts a fresh connection, of which the load and the places know already, and puts it on the
 * wheel. */
void conn_begin(struct conns *conns, struct conn *conn);

/* Ends a record whose socket has gone: frees all that the connection owns (conn_owns.def) but its
 * session, which has gone too, and takes it off all accounts that conn_begin and the acceptor have
 * opened. It is dead, and not on the reap list. */
void conn_release(struct conns *conns, struct conn *conn);

/* Tells the floor above whether a connection lags, where that has changed. */
void conn_note_lag(struct conns *conns, struct conn *conn);

/* Whether it has a place; one from beyond the limit takes what has become free since it came. */
bool conn_take_place(struct conns *conns, struct conn *conn);

/* Brings the wheel's next look forward where a deadline has become an earlier one. */
void conn_rearm(struct conns *conns, struct conn *conn);

/* Notes what the connection holds now: after its head, its lent reader or its queue has changed. To
 * be the last thing done with it, since it may end it. */
void conn_note_held(struct conns *conns, struct conn *conn);

/* Frees the lent reader, whatever is in it. */
void conn_drop_reader(struct conns *conns, struct conn *conn);

#endif
