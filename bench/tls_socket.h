/* A non-blocking socket through OpenSSL, with calls that answer as recv and send do. It is read
 * until it is empty, and not once more to hear so; records leave together: what a server can do at
 * best. */
#ifndef TIDEGATE_BENCH_TLS_SOCKET_H
#define TIDEGATE_BENCH_TLS_SOCKET_H

#include <stddef.h>
#include <sys/types.h>

#include <openssl/ssl.h>

struct tls_socket;

/* For the client's end: `host` is a name or an address, which the certificate must be for. The
 * socket stays the caller's. Freed by tls_socket_destroy. Errors: -ENOMEM. */
int tls_socket_connect(SSL_CTX *context, int fd, const char *host, struct tls_socket **ret_tls);

/* For the server's. */
int tls_socket_accept(SSL_CTX *context, int fd, struct tls_socket **ret_tls);

/* Says no goodbye, whatever was said before. NULL is let pass. */
void tls_socket_destroy(struct tls_socket *tls);

/* Goes on with the handshake. Returns 0 when it is over.
 * Errors: -EAGAIN: epoll will tell; -EPROTO: what tls_socket_fault says; any other: the socket's.
 */
int tls_socket_shake(struct tls_socket *tls);

/* As recv: all there is, up to `size`; goes on with the handshake before. 0: the other end has
 * closed, and said so. Returns -1 and errno EAGAIN: not now; EPROTO: a record or an alert that ends
 * the line; ECONNRESET: the end of file came without a close; any other: the socket's. */
ssize_t tls_socket_recv(struct tls_socket *tls, void *ret_data, size_t size);

/* As send: how much was taken, which may be less than `len`. What was not taken must come again, at
 * the begin of the next call. Returns -1 and errno, likewise. */
ssize_t tls_socket_send(struct tls_socket *tls, const void *data, size_t len);

/* Why the line has ended: constant words; NULL: not by TLS. */
const char *tls_socket_fault(const struct tls_socket *tls);

/* What was agreed on: constant, as OpenSSL calls it. */
const char *tls_socket_suite(const struct tls_socket *tls);

#endif
