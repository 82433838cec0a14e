#include "transport_plain.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

size_t transport_plain_unread(const struct conn *conn)
{
	int waiting = 0;
	return ioctl(conn->fd, FIONREAD, &waiting) == 0 && waiting > 0 ? (size_t)waiting : 0;
}

bool transport_plain_has_hung_up(const struct conn *conn)
{
	struct pollfd socket = {.fd = conn->fd, .events = POLLRDHUP};
	return poll(&socket, 1, 0) > 0;
}

bool transport_plain_progress(const struct conn *conn, uint64_t sent, int64_t *ret_taken)
{
	int in_kernel = 0;
	if (ioctl(conn->fd, SIOCOUTQ, &in_kernel) < 0) {
		return false;
	}
	*ret_taken = (int64_t)sent - in_kernel;
	return true;
}

int transport_plain_shutdown(struct conn *conn)
{
	return shutdown(conn->fd, SHUT_WR) < 0 ? -errno : 0;
}

void transport_plain_close(struct conn *conn, bool reset)
{
	if (reset) {
		struct linger linger = {.l_onoff = 1, .l_linger = 0};
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	}
	close(conn->fd);
}
