#include "socket_cut.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>

static bool is_reset_at_close(int fd)
{
	struct linger linger;
	socklen_t len = sizeof(linger);

	return getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_onoff &&
	       linger.l_linger == 0;
}

/* The options are set when the connection is there. */
static bool is_connecting(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       info.tcpi_state == TCP_SYN_SENT;
}

/* 0: none. */
static uint16_t port_of_peer(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, &peer.any, &len) < 0) {
		return 0;
	}
	switch (peer.any.sa_family) {
	case AF_INET:
		return ntohs(peer.v4.sin_port);
	case AF_INET6:
		return ntohs(peer.v6.sin6_port);
	default:
		return 0;
	}
}

static bool is_meant(int fd, const uint16_t *ports, size_t count)
{
	if (!is_reset_at_close(fd)) {
		return is_connecting(fd);
	}
	uint16_t port = port_of_peer(fd);
	for (size_t i = 0; i < count; i++) {
		if (port > 0 && ports[i] == port) {
			return true;
		}
	}
	return false;
}

size_t socket_cut(const uint16_t *ports, size_t count)
{
	size_t cut = 0;
	DIR *folder = opendir("/proc/self/fd");

	if (!folder) {
		return 0;
	}
	for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
		char *end;
		int fd = (int)strtol(entry->d_name, &end, 10);
		if (end != entry->d_name && *end == '\0' && is_meant(fd, ports, count)) {
			cut += shutdown(fd, SHUT_RDWR) == 0;
		}
	}
	closedir(folder);
	return cut;
}
