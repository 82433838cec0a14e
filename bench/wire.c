#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "options.h"
#include "tls_socket.h"

/* --- life ----------------------------------------------------------------------------------------
 */

static int prepare(
	struct wire *wire, const struct options *options, int fd, int epoll_fd, void *data)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.ptr = data,
	};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		return -errno;
	}
	if (!options->tls) {
		return 0;
	}
	return tls_socket_connect(options->tls, fd, options->address.name, &wire->tls);
}

int wire_open(
	struct wire *wire, const struct options *options, uint32_t number, int epoll_fd, void *data)
{
	int fd;
	int err = address_connect(&options->address, number, &fd);
	if (err) {
		return err;
	}
	err = prepare(wire, options, fd, epoll_fd, data);
	if (err) {
		close(fd);
		return err;
	}
	wire->fd = fd;
	return 0;
}

void wire_close(struct wire *wire)
{
	free(wire->unsent);
	wire->unsent = NULL;
	wire->unsent_len = 0;
	tls_socket_destroy(wire->tls);
	wire->tls = NULL;
	if (wire->fd >= 0) {
		close(wire->fd);
		wire->fd = -1;
	}
}

void wire_reset(struct wire *wire)
{
	const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	if (wire->fd >= 0) {
		setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	}
	wire_close(wire);
}

/* --- bytes ---------------------------------------------------------------------------------------
 */

ssize_t wire_recv(struct wire *wire, void *ret_data, size_t size)
{
	return wire->tls ? tls_socket_recv(wire->tls, ret_data, size)
			 : recv(wire->fd, ret_data, size, 0);
}

ssize_t wire_send_some(struct wire *wire, const void *data, size_t len)
{
	return wire->tls ? tls_socket_send(wire->tls, data, len)
			 : send(wire->fd, data, len, MSG_NOSIGNAL);
}

static void keep_unsent(struct wire *wire, const uint8_t *data, size_t len)
{
	uint8_t *unsent = realloc(wire->unsent, wire->unsent_len + len);
	if (!unsent) {
		abort();
	}
	memcpy(unsent + wire->unsent_len, data, len);
	wire->unsent = unsent;
	wire->unsent_len += (uint32_t)len;
}

void wire_send(struct wire *wire, const void *data, size_t len)
{
	ssize_t sent = wire_is_full(wire) ? 0 : wire_send_some(wire, data, len);
	if (sent < 0) {
		if (errno != EAGAIN && errno != EINTR) {
			return; /* The recv that epoll announces will tell. */
		}
		sent = 0;
	}
	if ((size_t)sent < len) {
		keep_unsent(wire, (const uint8_t *)data + sent, len - (size_t)sent);
	}
}

void wire_send_kept(struct wire *wire)
{
	if (wire_is_full(wire)) {
		uint8_t *data = wire->unsent;
		uint32_t len = wire->unsent_len;
		wire->unsent = NULL;
		wire->unsent_len = 0;
		wire_send(wire, data, len);
		free(data);
	}
}
