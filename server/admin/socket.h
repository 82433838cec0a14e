/* The socket of a connection to the admin port: as it is, or with TLS over it. */
#ifndef TIDEGATE_ADMIN_SOCKET_H
#define TIDEGATE_ADMIN_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "tls_socket.h"

/* Owner:  its line. */
struct admin_socket {
	int fd;
	struct admin_tls *tls; /* NULL: none, or none any more */
};

/* Takes over a socket that was accepted, for TLS where there is a store. Errors: -ENOMEM; it stays
 * the caller's. */
int admin_socket_init(struct admin_socket *socket, int fd, struct tls_store *store);

/* Closes it. */
void admin_socket_finish(struct admin_socket *socket);

/* Returns how many bytes were read, 0 at the peer's end. Errors: as recv and admin_tls_read;
 * -EAGAIN where there is nothing yet. */
ssize_t admin_socket_read(struct admin_socket *socket, void *data, size_t len);

/* Returns how many bytes of the parts, of which the first are not empty, were taken. Errors: as
 * sendmsg and admin_tls_write; -EAGAIN where none are taken now, after which it gets the same or
 * more. */
ssize_t admin_socket_write(struct admin_socket *socket, const struct iovec *parts, size_t count);

/* Stops TLS without a word: who speaks none is answered as he speaks. */
void admin_socket_make_plain(struct admin_socket *socket);

/* Says that nothing more will come. What is read from here on is of use to nobody: where TLS was
 * spoken it is not deciphered. */
void admin_socket_shutdown(struct admin_socket *socket);

/* The events of epoll to wait for before it is read again. */
uint32_t admin_socket_wants(const struct admin_socket *socket);

#endif
