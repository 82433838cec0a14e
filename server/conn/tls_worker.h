/* What a worker has for lines that speak TLS, and only where a listener is `wss`, or where such
 * lines have come from another process. Thread: the worker. */
#ifndef TIDEGATE_TLS_WORKER_H
#define TIDEGATE_TLS_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "../tls/tls_slab.h"
#include "tls_desk.h"
#include "tls_keys.h"
#include "tls_porch.h"
#include "transport.h"

struct conns;
struct mailbox;
struct tls_store;
struct tls_threads;

enum {
	TLS_WORKER_PLAIN = 65536, /* bytes of content that are sealed for one system call at most */
	/* The same sealed, in records as small as a peer may want them, and an owed record more. */
	TLS_WORKER_SEALED = TLS_WORKER_PLAIN + (TLS_WORKER_PLAIN / 512 + 2) * TLS_OVERHEAD,
};

/* What its handshakes are made with. Plain data; what it points to is the node's, but for the
 * mailbox. */
struct tls_means {
	struct tls_store *store;     /* of certificates */
	struct tls_quota *quota;     /* of handshakes; NULL: there are none here */
	struct tls_threads *threads; /* for signatures that take long */
	struct mailbox *mailbox;     /* the worker's, where those post to */
	uint32_t mail_kind;          /* what they post */
};

/* Owner:  one worker, as conns->tls.
 * Shared: never. Does not move: its lines point at it.
 * Freed:  once conns_finish has closed all lines. */
struct tls_worker {
	struct transport_ops line_ops; /* of the open lines: by them one finds its worker */
	struct conns *conns;
	struct tls_means means;
	struct tls_desk desk;        /* lines that are not open yet */
	struct tls_porch porch;      /* where those are watched */
	struct tls_slab short_lines; /* of TLS_LINE_SIZE_SHORT bytes */
	struct tls_slab long_lines;  /* of TLS_LINE_SIZE_LONG bytes */
	struct tls_keys keys;
	uint32_t tick;  /* of the last sweep */
	bool is_packed; /* another process may go on with its lines: nothing is sealed or opened */
	uint8_t sealed[TLS_WORKER_SEALED]; /* on its way to the kernel: within one call only */
};

/* `line_ops` are copied: transport_tls_ops. Without a quota in `means` its lines come
 * with their handshakes done.
 * Errors: -ENOMEM, -errno of epoll_create1 and epoll_ctl. */
int tls_worker_create(struct conns *conns, const struct tls_means *means,
	const struct transport_ops *line_ops, struct tls_worker **ret_worker);

/* Frees it and nulls the giver's pointer. All its lines have been closed. *worker may be NULL. */
void tls_worker_destroy(struct tls_worker **worker);

/* What is due with each turn: four times a second memory is given back that nobody needs now. */
void tls_worker_turn(struct tls_worker *worker);

/* Watches a line among those that are not open, or among those that are again. Errors: -errno: it
 * is watched nowhere. */
int tls_worker_enter(struct tls_worker *worker, const struct conn *conn);
int tls_worker_leave(struct tls_worker *worker, const struct conn *conn);

/* Of an open line. */
static inline struct tls_line *tls_line_of(const struct conn *conn)
{
	return conn->extra->transport_state;
}

static inline struct tls_worker *tls_worker_of(const struct conn *conn)
{
	const struct transport_ops *ops = conn->extra->transport;
	return (struct tls_worker *)((uintptr_t)ops - offsetof(struct tls_worker, line_ops));
}

#endif
