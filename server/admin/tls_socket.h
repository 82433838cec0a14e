/* TLS over the socket of a connection to the admin port.
 *
 * It is OpenSSL's SSL on the socket itself, kept as long as the connection: some 15 KB each, and 80
 * KB while the handshake lasts. The few who are here at once need no economy; the lines of clients,
 * of which there may be a million, have their own in ../conn. */
#ifndef TIDEGATE_ADMIN_TLS_SOCKET_H
#define TIDEGATE_ADMIN_TLS_SOCKET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../tls/tls_fault.h"
#include "../tls/tls_store.h"

/* Owner:  the connection's socket, of the admin thread.
 * Shared: never; it holds the certificates that were in force when it began. */
struct admin_tls;

/* For a connection on which nothing was said; `fd` stays the caller's. Errors: -ENOMEM. */
int admin_tls_create(struct tls_store *store, int fd, struct admin_tls **ret_tls);

/* Says that it is the end, where the socket takes that, wipes its secrets, and nulls the giver's
 * pointer. *tls may be NULL. */
void admin_tls_destroy(struct admin_tls **tls);

/* Goes on with the handshake while there is one, and reads then. Returns how many bytes, 0 at the
 * end that the peer has said. Looks at one record at most, so nobody holds the thread by records in
 * which nothing is. Errors: -EAGAIN; -EPROTOTYPE where the peer has begun with what is no TLS, of
 * which nothing was read; -EPROTO when it is over: admin_tls_handshake_fault may say why. */
ssize_t admin_tls_read(struct admin_tls *tls, void *data, size_t len);

/* Returns how many bytes were taken, which may be less; what was not is given again, at the least
 * as much. Errors: -EAGAIN, -EPROTO. */
ssize_t admin_tls_write(struct admin_tls *tls, const void *data, size_t len);

/* The events of epoll to wait for before it is read again. */
uint32_t admin_tls_wants(const struct admin_tls *tls);

/* Why there was no handshake; NULL when there was. */
const struct tls_fault *admin_tls_handshake_fault(const struct admin_tls *tls);

#endif
