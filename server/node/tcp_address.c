#include "tcp_address.h"

#include <errno.h>
#include <netdb.h>
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

struct tcp_address tcp_address_any(uint16_t port, bool is_dual)
{
	const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	const struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
	return is_dual ? tcp_address_make((const void *)&in6, sizeof(in6), true)
		       : tcp_address_make((const void *)&in, sizeof(in), false);
}

int tcp_address_find(const char *host, uint16_t port, struct tcp_address ret_found[TCP_FOUND_MAX],
	const char **ret_why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found;
	int count = 0;
	int code = getaddrinfo(host, NULL, &hints, &found);
	if (code) {
		*ret_why = gai_strerror(code);
		return -EADDRNOTAVAIL;
	}
	for (const struct addrinfo *at = found; at && count < TCP_FOUND_MAX; at = at->ai_next) {
		ret_found[count] = tcp_address_make(at->ai_addr, at->ai_addrlen, false);
		tcp_address_set_port(&ret_found[count++], port);
	}
	freeaddrinfo(found);
	return count;
}

bool tcp_address_is_loopback(const struct tcp_address *address)
{
	const struct sockaddr_in *in = (const void *)&address->at;
	const struct sockaddr_in6 *in6 = (const void *)&address->at;
	if (address->at.ss_family == AF_INET) {
		return ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	return address->at.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

bool tcp_address_is_same(const struct tcp_address *a, const struct tcp_address *b)
{
	return a->is_dual == b->is_dual && a->len == b->len && memcmp(&a->at, &b->at, a->len) == 0;
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

bool tcp_address_is_missing(int err)
{
	return err == -EAFNOSUPPORT || err == -EADDRNOTAVAIL;
}

const char *tcp_address_advice(int err)
{
	if (err == -EACCES) {
		return " (ports below 1024 need privileges: see setcap(8), or let systemd pass the "
		       "socket)";
	}
	return tcp_address_is_missing(err) ? " (this machine has no such address)" : "";
}

int tcp_address_bind(const struct tcp_address *address, int *ret_fd)
{
	int fd = -1;
	int err = bind_to(address, true, &fd);
	if (err) {
		return err;
	}
	tcp_address_prepare(fd);
	*ret_fd = fd;
	return 0;
}

int tcp_address_listen(const struct tcp_address *address, int backlog, int *ret_fd)
{
	int fd = -1;
	int err = tcp_address_bind(address, &fd);
	if (err) {
		return err;
	}
	if (listen(fd, backlog) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	*ret_fd = fd;
	return 0;
}
