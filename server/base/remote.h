/* Who is at the other end of a socket, as small as it can be kept. */
#ifndef TIDEGATE_REMOTE_H
#define TIDEGATE_REMOTE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../../proto/ip_address.h"

enum {
	REMOTE_NAME_MAX = 56, /* bytes of a name, NUL included */
};

/* Plain data. */
struct remote {
	uint8_t address[16]; /* IPv6, or IPv4 as v4-mapped */
	in_port_t port;      /* network order; 0: a proxy has told the address alone */
	bool is_inet;        /* false for a Unix socket, of which nothing more is known */
};

void remote_from_sockaddr(struct remote *ret_remote, const struct sockaddr_storage *address);

/* As a proxy has told it. */
void remote_from_ip(struct remote *ret_remote, const struct ip_address *address);

/* Whether it is on this machine, as far as its address tells; not for a Unix socket, of which
 * nothing is told. A proxy of this machine is. */
bool remote_is_loopback(const struct remote *remote);

/* `127.0.0.1:51564`, `[::1]:51564`, without a port `127.0.0.1` and `::1`, or `unix`. */
void remote_name(const struct remote *remote, char ret_name[REMOTE_NAME_MAX]);

#endif
