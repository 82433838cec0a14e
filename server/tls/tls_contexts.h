/* What handshakes are made with: the pairs of certificate and key, each in a context of OpenSSL.
 *
 * All of it is set here and nothing by openssl.cnf: TLS 1.3 only (RFC 8446), no tickets, no
 * sessions and no early data, two groups, ALPN http/1.1 (RFC 7301), and the pair by the name that
 * the client asks for (RFC 6066 section 3). */
#ifndef TIDEGATE_TLS_CONTEXTS_H
#define TIDEGATE_TLS_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

struct certificate;

/* Owner:  whoever holds a reference; never changed.
 * Shared: by all threads.
 * Freed:  with the last reference. */
struct tls_contexts;

/* Makes a context for each of 1 to CONFIG_TLS_MAX certificates, which are taken over whatever comes
 * of it. The first answers those who ask for a name that is nobody's, or for none. Thread: any.
 * Errors: -ENOMEM; -EINVAL where OpenSSL takes a pair for none, which certificate_read has found
 * out before. */
int tls_contexts_create(
	struct certificate **certificates, size_t count, struct tls_contexts **ret_contexts);

/* One reference more. Thread: any. */
struct tls_contexts *tls_contexts_ref(struct tls_contexts *contexts);

/* One reference less. NULL is fine. Thread: any. */
void tls_contexts_unref(struct tls_contexts **contexts);

/* The context that a server's SSL begins with, that of the first pair; it turns to another by
 * itself when the client asks for a name. Its secrets are told to tls_keylog_take. Who has made an
 * SSL of it holds a reference to the contexts as long. Thread: any. */
SSL_CTX *tls_contexts_first(const struct tls_contexts *contexts);

/* Whether a signature of one of the pairs takes longer than CERTIFICATE_SLOW_US. Thread: any. */
bool tls_contexts_are_slow(const struct tls_contexts *contexts);

/* The pairs, in their order. Thread: any. */
size_t tls_contexts_count(const struct tls_contexts *contexts);
const struct certificate *tls_contexts_certificate(
	const struct tls_contexts *contexts, size_t index);

#endif
