/* Who is at the other end of a socket, as small as it can be kept. */
#ifndef TIDEGATE_REMOTE_H
#define TIDEGATE_REMOTE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum {
	PEER_NAME_MAX = 56, /* bytes of a name, NUL included */
	PEER_SOCKET_NAME_MAX = 128,
};

/* Plain data. */
struct peer {
	uint8_t address[16]; /* IPv6, or IPv4 as v4-mapped */
	in_port_t port;      /* network order */
	bool is_inet;        /* false for a Unix socket, of which nothing more is known */
};

void peer_from_sockaddr(struct peer *ret_peer, const struct sockaddr_storage *address);

/* `127.0.0.1:51564`, `[::1]:51564` or `unix`. */
void peer_name(const struct peer *peer, char ret_name[PEER_NAME_MAX]);

/* Both ends, as Go prints them: `tcp 127.0.0.1:8000->127.0.0.1:51564`. `fd` must still be open. */
void peer_socket_name(int fd, const struct peer *peer, char ret_name[PEER_SOCKET_NAME_MAX]);

#endif
