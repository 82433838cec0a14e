#include "remote.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void name_address(
	const struct in6_addr *address, in_port_t port, char *ret_name, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	if (IN6_IS_ADDR_V4MAPPED(address)) {
		inet_ntop(AF_INET, &address->s6_addr[12], text, sizeof(text));
		snprintf(ret_name, size, "%s:%u", text, ntohs(port));
	} else {
		inet_ntop(AF_INET6, address, text, sizeof(text));
		snprintf(ret_name, size, "[%s]:%u", text, ntohs(port));
	}
}

void peer_name(const struct peer *peer, char ret_name[PEER_NAME_MAX])
{
	if (!peer->is_inet) {
		snprintf(ret_name, PEER_NAME_MAX, "unix");
		return;
	}
	struct in6_addr address;
	memcpy(&address, peer->address, sizeof(address));
	name_address(&address, peer->port, ret_name, PEER_NAME_MAX);
}

void peer_from_sockaddr(struct peer *ret_peer, const struct sockaddr_storage *address)
{
	*ret_peer = (struct peer){.is_inet = true};
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		ret_peer->address[10] = ret_peer->address[11] = 0xff;
		memcpy(&ret_peer->address[12], &in->sin_addr, sizeof(in->sin_addr));
		ret_peer->port = in->sin_port;
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;
		memcpy(ret_peer->address, &in6->sin6_addr, sizeof(in6->sin6_addr));
		ret_peer->port = in6->sin6_port;
	} else {
		ret_peer->is_inet = false;
	}
}

void peer_socket_name(int fd, const struct peer *peer, char ret_name[PEER_SOCKET_NAME_MAX])
{
	char near[PEER_NAME_MAX];
	char far[PEER_NAME_MAX];
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	struct peer self;
	getsockname(fd, (struct sockaddr *)&address, &len);
	peer_from_sockaddr(&self, &address);
	peer_name(&self, near);
	peer_name(peer, far);
	snprintf(ret_name, PEER_SOCKET_NAME_MAX, "%s %s->%s", peer->is_inet ? "tcp" : "unix", near,
		far);
}
