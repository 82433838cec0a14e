/* The seam for bytes: what a connection's plain bytes go through to its socket. All else in the
 * gateway reads, writes, ends and asks after a client's socket here; nobody above makes a system
 * call on its descriptor.
 *
 * Plain lines are inlined (transport_plain.h) and cost one test of a flag. What is layered over the
 * socket (records that are sealed and opened) is a table of functions in conn->extra. So nobody
 * above may believe that a short read is the end of what there is, that a read without bytes is an
 * end, or that everything has left when everything was taken.
 *
 * Thread: the connection's worker. */
#ifndef TIDEGATE_TRANSPORT_H
#define TIDEGATE_TRANSPORT_H

#include "../base/holders.h"
#include "transport_plain.h"

enum {
	TRANSPORT_BEYOND = 16384, /* bytes: what one record carries at most */
};

/* What a layer is to the process that takes the gateway over. */
enum transport_kind {
	TRANSPORT_OWN,   /* nothing: it cannot be passed on */
	TRANSPORT_PLAIN, /* there is none */
	TRANSPORT_TLS_LINE,
	TRANSPORT_TLS_DOOR,
	TRANSPORT_KINDS,
};

struct pack;

/* A layer over the socket. Each function does what the function transport_NAME below says. */
struct transport_ops {
	struct transport_read (*recv)(struct conn *conn, uint8_t *buffer, size_t most);
	ssize_t (*sendv)(struct conn *conn, struct iovec *iov, int count);
	bool (*is_pending)(const struct conn *conn);
	size_t (*unread)(const struct conn *conn);
	bool (*has_hung_up)(const struct conn *conn);
	bool (*progress)(const struct conn *conn, uint64_t sent, int64_t *ret_taken);
	int (*shutdown)(struct conn *conn);
	/* Also frees what it keeps in extra->transport_state. */
	void (*close)(struct conn *conn, bool reset);
	/* Adds to what the connection holds what is the layer's: see conn_note_held, which it calls
	 * itself when a read has changed that. */
	void (*add_held)(const struct conn *conn, struct holding *holding);
	/* As transport_pack.h says; NULL: it cannot be passed on. */
	bool (*may_move)(const struct conn *conn);
	void (*pack)(const struct conn *conn, struct pack *pack);
	void (*let_go)(struct conn *conn);
	enum transport_kind kind;
	bool is_shut; /* nothing can be said through it yet */
};

/* Puts a layer over the socket of a connection, of which nothing has been read that is not the
 * layer's, in place of the layer that there is: that one has freed its state then. The layer frees
 * `state` when it closes. Errors: -ENOMEM, the connection as it was; never where there is a layer.
 */
int transport_layer(struct conn *conn, const struct transport_ops *ops, void *state);

/* Takes the layer off, whose state is the caller's to free: what comes and goes is plain from here
 * on. */
void transport_strip(struct conn *conn);

/* Reads once, at most `most` bytes into `buffer`, of CONN_READ_BUFFER bytes. Part of a record is
 * the layer's to keep; a record that is whole is given whole, so that a layer may give up to
 * TRANSPORT_BEYOND bytes more. */
static inline struct transport_read transport_recv(struct conn *conn, uint8_t *buffer, size_t most)
{
	if (__builtin_expect(conn->flags & CONN_LAYERED, 0)) {
		return conn->extra->transport->recv(conn, buffer, most);
	}
	return transport_plain_recv(conn, buffer, most);
}

/* Whether bytes that were taken, or a record of the layer's own, have not left: the line is stalled
 * until the socket takes more. */
static inline bool transport_is_pending(const struct conn *conn)
{
	return __builtin_expect(conn->flags & CONN_LAYERED, 0) &&
	       conn->extra->transport->is_pending(conn);
}

/* Writes. Returns how many plain bytes were taken: they will not be offered again, though some may
 * be pending. Only a full socket leaves some of them, or something pending; with `count` 0 that is
 * all there is to write. `*ret_is_pending` is what transport_is_pending would say. Errors: as
 * sendmsg(2), -1 and errno; EAGAIN, EINTR, ENOBUFS and ENOMEM pass; ENOTRECOVERABLE, which no
 * socket says: there was no memory to keep what it had not taken, and the stream is broken. */
static inline ssize_t transport_sendv(
	struct conn *conn, struct iovec *iov, int count, bool *ret_is_pending)
{
	if (__builtin_expect(conn->flags & CONN_LAYERED, 0)) {
		ssize_t taken = conn->extra->transport->sendv(conn, iov, count);
		*ret_is_pending = conn->extra->transport->is_pending(conn);
		return taken;
	}
	*ret_is_pending = false;
	return transport_plain_sendv(conn, iov, count);
}

/* Whether nothing can be said to the peer yet, as a layer has not come about. */
static inline bool transport_is_shut(const struct conn *conn)
{
	return conn->flags & CONN_LAYERED && conn->extra->transport->is_shut;
}

/* Bytes that have come and were not read. */
size_t transport_unread(const struct conn *conn);

/* Whether the peer has ended its stream or the line is broken, as the kernel knows it now: behind
 * bytes that were not read it is no event yet. */
bool transport_has_hung_up(const struct conn *conn);

/* How much the peer has taken, in the transport's own unit: to be compared with earlier answers
 * only. `sent` is what it was given since the line stalled, in bytes. Returns false when it cannot
 * tell. */
bool transport_progress(const struct conn *conn, uint64_t sent, int64_t *ret_taken);

/* Ends our half of the stream; reading goes on. Errors: -errno. */
int transport_shutdown(struct conn *conn);

/* The last thing done with a socket; with `reset`, so that what is unread or unsent is dropped. */
void transport_close(struct conn *conn, bool reset);

#endif
