#include "tcp_address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

enum {
	NOTSENT_LOWAT =
		65536, /* bytes: else the kernel swallows 4 MB for a peer that does not read */
};

struct tcp_address tcp_address_make(const struct sockaddr *at, socklen_t len, bool is_dual)
{
	struct tcp_address address = {.len = len, .is_dual = is_dual};
	memcpy(&address.at, at, len);
	return address;
}

uint16_t tcp_address_port(const struct tcp_address *address)
{
	const struct sockaddr_in *in = (const void *)&address->at;
	const struct sockaddr_in6 *in6 = (const void *)&address->at;
	if (address->at.ss_family == AF_INET) {
		return ntohs(in->sin_port);
	}
	return address->at.ss_family == AF_INET6 ? ntohs(in6->sin6_port) : 0;
}

void tcp_address_set_port(struct tcp_address *address, uint16_t port)
{
	if (address->at.ss_family == AF_INET) {
		((struct sockaddr_in *)&address->at)->sin_port = htons(port);
	} else if (address->at.ss_family == AF_INET6) {
		((struct sockaddr_in6 *)&address->at)->sin6_port = htons(port);
	}
}

static bool is_unspecified(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *in = (const void *)address;
	const struct sockaddr_in6 *in6 = (const void *)address;
	if (address->ss_family == AF_INET) {
		return in->sin_addr.s_addr == INADDR_ANY;
	}
	return address->ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

bool tcp_address_covers(const struct tcp_address *a, const struct tcp_address *b)
{
	return is_unspecified(&a->at) && (a->is_dual || a->at.ss_family == b->at.ss_family) &&
	       tcp_address_port(a) == tcp_address_port(b);
}

static void set_option(int fd, int level, int option, int value)
{
	setsockopt(fd, level, option, &value, sizeof(value));
}

void tcp_address_prepare(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, NOTSENT_LOWAT);
}

static int bind_to(const struct tcp_address *address, bool reuse_port, int *ret_fd)
{
	int fd = socket(address->at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (reuse_port) {
		set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	}
	if (address->at.ss_family == AF_INET6) {
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->is_dual);
	}
	if (bind(fd, (const struct sockaddr *)&address->at, address->len) < 0) {
		int err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}

int tcp_address_probe(const struct tcp_address *address)
{
	int fd = -1;
	int err = bind_to(address, false, &fd);
	if (err) {
		return err;
	}
	/* Two sockets bound with SO_REUSEADDR only clash when both listen. */
	err = listen(fd, 1) < 0 ? -errno : 0;
	close(fd);
	return err;
}

int tcp_address_listen(const struct tcp_address *address, int backlog, int *ret_fd)
{
	int fd = -1;
	int err = bind_to(address, true, &fd);
	if (err) {
		return err;
	}
	tcp_address_prepare(fd);
	if (listen(fd, backlog) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}
