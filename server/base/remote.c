#include "remote.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void name_address(
	const struct in6_addr *address, in_port_t port, char *ret_name, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	const bool is_v4 = IN6_IS_ADDR_V4MAPPED(address);
	if (is_v4) {
		inet_ntop(AF_INET, &address->s6_addr[12], text, sizeof(text));
	} else {
		inet_ntop(AF_INET6, address, text, sizeof(text));
	}
	if (port == 0) {
		snprintf(ret_name, size, "%s", text);
	} else {
		snprintf(ret_name, size, is_v4 ? "%s:%u" : "[%s]:%u", text, ntohs(port));
	}
}

bool remote_is_loopback(const struct remote *remote)
{
	struct in6_addr address;
	memcpy(&address, remote->address, sizeof(address));
	return remote->is_inet &&
	       (IN6_IS_ADDR_LOOPBACK(&address) ||
		       (IN6_IS_ADDR_V4MAPPED(&address) && address.s6_addr[12] == IN_LOOPBACKNET));
}

void remote_name(const struct remote *remote, char ret_name[REMOTE_NAME_MAX])
{
	if (!remote->is_inet) {
		snprintf(ret_name, REMOTE_NAME_MAX, "unix");
		return;
	}
	struct in6_addr address;
	memcpy(&address, remote->address, sizeof(address));
	name_address(&address, remote->port, ret_name, REMOTE_NAME_MAX);
}

void remote_from_sockaddr(struct remote *ret_remote, const struct sockaddr_storage *address)
{
	*ret_remote = (struct remote){.is_inet = true};
	if (address->ss_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		ret_remote->address[10] = ret_remote->address[11] = 0xff;
		memcpy(&ret_remote->address[12], &in->sin_addr, sizeof(in->sin_addr));
		ret_remote->port = in->sin_port;
	} else if (address->ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const void *)address;
		memcpy(ret_remote->address, &in6->sin6_addr, sizeof(in6->sin6_addr));
		ret_remote->port = in6->sin6_port;
	} else {
		ret_remote->is_inet = false;
	}
}

void remote_from_ip(struct remote *ret_remote, const struct ip_address *address)
{
	*ret_remote = (struct remote){.is_inet = true, .port = htons(address->port)};
	memcpy(ret_remote->address, address->bytes, sizeof(ret_remote->address));
}
