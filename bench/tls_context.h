/* TLS 1.3 as the bench speaks it: OpenSSL as it is, the same groups and suites at both ends as the
 * gateway has, no tickets, a read for each piece of up to 64 KiB and not for each record. */
#ifndef TIDEGATE_BENCH_TLS_CONTEXT_H
#define TIDEGATE_BENCH_TLS_CONTEXT_H

#include <stdbool.h>

#include <openssl/ssl.h>

enum {
	TLS_CONTEXT_ERROR_MAX = 256, /* bytes of what is wrong, NUL included */
};

/* Of clients, which verify whom they speak with. `ca_file` is of who may have signed, as PEM; NULL:
 * the system's. `suite` is the only one that is offered, as OpenSSL calls it; NULL: all. Freed by
 * SSL_CTX_free.
 * Errors: -EINVAL; ret_error says why. */
int tls_context_for_clients(const char *ca_file, const char *suite, SSL_CTX **ret_context,
	char ret_error[TLS_CONTEXT_ERROR_MAX]);

/* Of a server with one pair. `keeps_buffers`: its lines talk all the time, so that their buffers
 * stay; else a line that is idle has none. Freed by SSL_CTX_free.
 * Errors: as above. */
int tls_context_for_server(const char *certificate_file, const char *key_file, bool keeps_buffers,
	SSL_CTX **ret_context, char ret_error[TLS_CONTEXT_ERROR_MAX]);

#endif
