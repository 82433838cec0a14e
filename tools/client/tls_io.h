/* TLS on top of the library's own sockets: wss://. RFC 8446, by OpenSSL.
 *
 *	         connect, read, write, close
 *	             |               |
 *	            SSL           residue    what the socket has not taken yet
 *	             \___ cipher ____/
 *	             |
 *	         socket_io
 *
 * OpenSSL never waits for the socket to take anything: what does not go out at once is the line's
 * residue, and nothing more is taken from the client until that is gone. So what was once taken is
 * sent as it was, whatever the client would rather say first by then, and a read never waits for a
 * write. */
#ifndef TIDEGATE_CLIENT_TLS_IO_H
#define TIDEGATE_CLIENT_TLS_IO_H

#include "socket_io.h"
#include "tidegate-client.h"
#include "tls_trust.h"

/* The data of the transport.
 * Owner:  a client.
 * Shared: never. */
struct tls_memory {
	struct socket_memory *sockets; /* the client's */
	struct tls_trust trust;        /* of the lines to be opened */
};

/* As socket_io, whose addresses it tries. One that does not end the handshake in its time is given
 * up for the next, as one that does not take the connection; one that fails it ends the dial: the
 * others would show the same certificate. Its `data` is a struct tls_memory. */
extern const struct tg_io tls_io;

#endif
