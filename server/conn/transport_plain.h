/* Bytes that go to the socket as they are, which is what nearly all do: inlined where they are read
 * and written.
 *
 * recv and send go past the C library: in a program with threads its wrappers are cancellation
 * points, which turn cancellation on and off again around the system call, 10 ns each time. Nobody
 * here is ever cancelled. */
#ifndef TIDEGATE_TRANSPORT_PLAIN_H
#define TIDEGATE_TRANSPORT_PLAIN_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "conn.h"

enum transport_status {
	TRANSPORT_DATA,    /* bytes have come, or only such as are the transport's own */
	TRANSPORT_NOTHING, /* there is nothing now */
	TRANSPORT_ENDED,   /* nothing comes any more, and `reason` says why */
};

/* What one read gave. */
struct transport_read {
	uint8_t *data; /* in the caller's buffer, writable */
	size_t len;    /* bytes; with TRANSPORT_DATA perhaps none, which is no end */
	bool more;     /* there may be more right away, which no event will announce */
	enum transport_status status;
	enum close_reason reason; /* with TRANSPORT_ENDED: PEER_EOF, PEER_RESET, or a layer's own */
};

static inline struct transport_read transport_ended(enum close_reason reason)
{
	return (struct transport_read){.status = TRANSPORT_ENDED, .reason = reason};
}

static inline struct transport_read transport_plain_recv(
	const struct conn *conn, uint8_t *buffer, size_t most)
{
	ssize_t len = syscall(SYS_recvfrom, conn->fd, buffer, most, 0, NULL, NULL);
	if (len > 0) {
		return (struct transport_read){.data = buffer,
			.len = (size_t)len,
			.more = (size_t)len == most,
			.status = TRANSPORT_DATA};
	}
	if (len == 0) {
		return transport_ended(CLOSE_REASON_PEER_EOF);
	}
	if (errno == EINTR) {
		return (struct transport_read){.more = true, .status = TRANSPORT_NOTHING};
	}
	if (errno == EAGAIN) {
		return (struct transport_read){.status = TRANSPORT_NOTHING};
	}
	return transport_ended(CLOSE_REASON_PEER_RESET);
}

static inline ssize_t transport_plain_sendv(const struct conn *conn, struct iovec *iov, int count)
{
	ssize_t taken;
	if (count == 1) {
		taken = syscall(
			SYS_sendto, conn->fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL, NULL, 0);
	} else {
		struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};
		taken = sendmsg(conn->fd, &message, MSG_NOSIGNAL);
	}
	return taken;
}

/* Bytes that the kernel has not been read of yet. */
size_t transport_plain_unread(const struct conn *conn);

bool transport_plain_has_hung_up(const struct conn *conn);

bool transport_plain_progress(const struct conn *conn, uint64_t sent, int64_t *ret_taken);

int transport_plain_shutdown(struct conn *conn);

void transport_plain_close(struct conn *conn, bool reset);

#endif
