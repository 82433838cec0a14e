/* What OpenSSL and a socket say to each other. OpenSSL never hears that the socket takes nothing:
 * the residue keeps it. */
#ifndef TIDEGATE_CLIENT_TLS_CIPHER_H
#define TIDEGATE_CLIENT_TLS_CIPHER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	/* Bytes. A record is a quarter; the rest is for answers that a gateway asks for without
	 * reading them, beyond which the line is broken. */
	TLS_RESIDUE_MAX = 65536,
};

/* Owner:  a line.
 * Shared: never.
 * Errors are errnos, 0 for none. */
struct tls_cipher {
	void *socket;       /* a line of socket_io; borrowed */
	BIO_METHOD *method; /* NULL: OpenSSL has not been given it yet */
	uint8_t *residue;   /* NULL: all has been taken by the socket */
	size_t residue_len;
	size_t sent; /* of the residue, from its beginning */
	bool is_at_end;
	int read_error;
	int write_error; /* nothing more is sent: what was received is read first */
};

/* Makes OpenSSL speak by way of it from now on, as at the beginning of a connection.
 * Errors: -ENOMEM. */
int tls_cipher_attach(struct tls_cipher *cipher, SSL *ssl);

/* Gives the socket what it takes of the residue. Returns whether nothing is left of it. */
bool tls_cipher_flush(struct tls_cipher *cipher);

/* Behind the end of the SSL. */
void tls_cipher_finish(struct tls_cipher *cipher);

#endif
