/* Whom a client of wss:// believes. */
#ifndef TIDEGATE_CLIENT_TLS_TRUST_H
#define TIDEGATE_CLIENT_TLS_TRUST_H

#include <openssl/ssl.h>
#include <stdbool.h>

enum {
	TLS_TRUST_WHY_MAX = 96, /* bytes, with the NUL */
};

/* Owner: a client. Zero-initialised: whom the system trusts. */
struct tls_trust {
	const char *ca_file; /* of those who are trusted; NULL: whom the system trusts */
	bool is_insecure;    /* anybody is believed */
};

/* A context with that trust, for TLS 1.2 and 1.3; it is the caller's.
 * Thread: any. Errors: -ENOMEM; -EINVAL: the file cannot be used, *ret_why has the words. */
int tls_trust_context(
	const struct tls_trust *trust, SSL_CTX **ret_context, char ret_why[TLS_TRUST_WHY_MAX]);

/* Whether there can be one. Errors: likewise. */
int tls_trust_check(const struct tls_trust *trust, char ret_why[TLS_TRUST_WHY_MAX]);

/* Who the gateway has to be, a name or an address, and tells it the name (RFC 6066 section 3).
 * Errors: -ENOMEM. */
int tls_trust_expect(SSL *ssl, const char *host);

/* The line stands, and nobody is verified on it any more: the certificates are given back. */
void tls_trust_release(SSL *ssl);

#endif
