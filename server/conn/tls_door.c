#include "tls_door.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "../../proto/assert.h"
#include "../../proto/proxy_header.h"
#include "tls_alert.h"
#include "tls_opening.h"
#include "tls_worker.h"
#include "transport.h"

static struct tls_newcomer *newcomer_of(const struct conn *conn)
{
	return conn->extra->transport_state;
}

/* --- reading -----------------------------------------------------------------------------------
 */

/* Until it is whole it stays in the kernel, and of what follows it nothing is read. */
static struct transport_read recv_header(struct conn *conn, uint8_t *buffer, size_t most)
{
	struct proxy_header header;
	const ssize_t len = recv(conn->fd, buffer, PROXY_HEADER_MAX, MSG_PEEK);
	if (len == 0) {
		return transport_ended(CLOSE_REASON_PEER_EOF);
	}
	if (len < 0) {
		/* Not to be read in earnest: a hello may have come by now. */
		return errno == EAGAIN || errno == EINTR
			       ? (struct transport_read){.status = TRANSPORT_NOTHING}
			       : transport_ended(CLOSE_REASON_PEER_RESET);
	}
	switch (proxy_header_read(buffer, (size_t)len, &header)) {
	case PROXY_HEADER_MORE:
		newcomer_of(conn)->seen = (uint32_t)len;
		return conn->flags & CONN_HUNG_UP
			       ? transport_ended(CLOSE_REASON_PEER_EOF)
			       : (struct transport_read){.status = TRANSPORT_NOTHING};
	case PROXY_HEADER_COMPLETE:
		newcomer_of(conn)->seen = 0;
		return transport_plain_recv(conn, buffer, header.len);
	case PROXY_HEADER_MALFORMED:
		break;
	}
	return transport_plain_recv(conn, buffer, most);
}

static struct transport_read door_recv(struct conn *conn, uint8_t *buffer, size_t most)
{
	if (conn->address & CONN_ADDRESS_DUE) {
		return recv_header(conn, buffer, most);
	}
	return tls_opening_on_bytes(newcomer_of(conn))
		       ? transport_recv(conn, buffer, most)
		       : (struct transport_read){.status = TRANSPORT_NOTHING};
}

/* What has been looked at is no news. */
static size_t door_unread(const struct conn *conn)
{
	const size_t unread = transport_plain_unread(conn);
	const size_t seen = newcomer_of(conn)->seen;
	return unread > seen ? unread - seen : 0;
}

/* --- writing -----------------------------------------------------------------------------------
 */

/* Only ever to go on with our part of the handshake. */
static ssize_t door_sendv(struct conn *conn, struct iovec *iov, int count)
{
	(void)iov;
	ASSERT(count == 0);
	const int err = tls_opening_write(newcomer_of(conn));
	if (err) {
		errno = -err;
		return -1;
	}
	return 0;
}

static bool door_is_pending(const struct conn *conn)
{
	return tls_opening_is_pending(newcomer_of(conn));
}

/* --- the rest ----------------------------------------------------------------------------------
 */

/* Its handshake is the quota's to charge. */
static void door_add_held(const struct conn *conn, struct holding *holding)
{
}

/* Where the peer awaits an answer that it has not had: in clear, ahead of our part of the
 * handshake.
 */
static void tell(struct conn *conn, struct tls_newcomer *newcomer)
{
	if (conn->flags & CONN_HUNG_UP) {
		return;
	}
	tls_opening_tell(newcomer);
	if (!newcomer->is_told && (newcomer->stage != TLS_SHUT || newcomer->seen > 0)) {
		tls_alert_refuse(conn->fd);
	}
}

static void door_close(struct conn *conn, bool reset)
{
	struct tls_newcomer *newcomer = newcomer_of(conn);
	if (!reset) {
		tell(conn, newcomer);
	}
	transport_plain_close(conn, reset);
	tls_opening_drop(newcomer);
	free(newcomer);
}

/* --- another process ---------------------------------------------------------------------------
 */

/* Not once OpenSSL has seen some of its hello. */
static bool door_may_move(const struct conn *conn)
{
	const struct tls_newcomer *newcomer = newcomer_of(conn);
	return !newcomer->handshake && newcomer->stage != TLS_AWAY;
}

/* All that there is of it lies in the kernel. */
static void door_pack(const struct conn *conn, struct pack *pack)
{
}

static void door_let_go(struct conn *conn)
{
	struct tls_newcomer *newcomer = newcomer_of(conn);
	tls_porch_forget(&newcomer->worker->porch, conn->fd);
	tls_opening_drop(newcomer);
	free(newcomer);
}

/* --- the layer ---------------------------------------------------------------------------------
 */

static const struct transport_ops door_ops = {
	.recv = door_recv,
	.sendv = door_sendv,
	.is_pending = door_is_pending,
	.unread = door_unread,
	.has_hung_up = transport_plain_has_hung_up,
	.progress = transport_plain_progress,
	.shutdown = transport_plain_shutdown,
	.add_held = door_add_held,
	.close = door_close,
	.may_move = door_may_move,
	.pack = door_pack,
	.let_go = door_let_go,
	.kind = TRANSPORT_TLS_DOOR,
	.is_shut = true,
};

static int lay(struct conns *conns, struct conn *conn)
{
	struct tls_newcomer *newcomer = calloc(1, sizeof(*newcomer));
	if (!newcomer || transport_layer(conn, &door_ops, newcomer) < 0) {
		free(newcomer);
		return -ENOMEM;
	}
	newcomer->worker = conns->tls;
	newcomer->conn = conn;
	return 0;
}

/* Where it fails it is as it was, but that nobody may watch it. */
static int let_in(struct conns *conns, struct conn *conn)
{
	int err = tls_worker_enter(conns->tls, conn);
	if (!err && lay(conns, conn) < 0) {
		tls_porch_forget(&conns->tls->porch, conn->fd);
		err = -ENOMEM;
	}
	return err;
}

void tls_door_open(struct conns *conns, struct conn *conn)
{
	if (conn->state != CONN_DEAD && let_in(conns, conn) < 0) {
		conn_vanish(conns, conn, CLOSE_REASON_INTERNAL_ERROR);
	}
}

int tls_door_adopt(struct conns *conns, struct conn *conn)
{
	if (conns->tls && conns->tls->means.quota) {
		loop_unwatch(conns->loop, conn->fd);
		return let_in(conns, conn);
	}
	conn_vanish(conns, conn, CLOSE_REASON_TLS_REFUSED);
	return 0;
}
