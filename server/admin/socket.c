#include "socket.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int admin_socket_init(struct admin_socket *socket, int fd, struct tls_store *store)
{
	*socket = (struct admin_socket){.fd = fd};
	return store ? admin_tls_create(store, fd, &socket->tls) : 0;
}

void admin_socket_finish(struct admin_socket *socket)
{
	admin_tls_destroy(&socket->tls);
	close(socket->fd);
}

ssize_t admin_socket_read(struct admin_socket *socket, void *data, size_t len)
{
	if (socket->tls) {
		return admin_tls_read(socket->tls, data, len);
	}
	ssize_t got = recv(socket->fd, data, len, MSG_DONTWAIT);
	return got < 0 ? -errno : got;
}

/* Each part is records of its own; the next one follows when all of it was taken. */
static ssize_t write_tls(struct admin_tls *tls, const struct iovec *parts, size_t count)
{
	ssize_t sent = 0;
	for (size_t i = 0; i < count; i++) {
		size_t len = parts[i].iov_len;
		ssize_t taken = len > 0 ? admin_tls_write(tls, parts[i].iov_base, len) : 0;
		if (taken < 0) {
			return sent > 0 ? sent : taken;
		}
		sent += taken;
		if ((size_t)taken < len) {
			break;
		}
	}
	return sent;
}

ssize_t admin_socket_write(struct admin_socket *socket, const struct iovec *parts, size_t count)
{
	if (socket->tls) {
		return write_tls(socket->tls, parts, count);
	}
	struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
	ssize_t taken = sendmsg(socket->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	return taken < 0 ? -errno : taken;
}

void admin_socket_make_plain(struct admin_socket *socket)
{
	admin_tls_destroy(&socket->tls);
}

void admin_socket_shutdown(struct admin_socket *socket)
{
	admin_tls_destroy(&socket->tls);
	shutdown(socket->fd, SHUT_WR);
}

uint32_t admin_socket_wants(const struct admin_socket *socket)
{
	return socket->tls ? admin_tls_wants(socket->tls) : EPOLLIN;
}
