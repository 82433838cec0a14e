/* The two secrets of a handshake that its records are sealed with, as OpenSSL tells them to a log
 * of keys: the only way it has to tell them. They go nowhere else. */
#ifndef TIDEGATE_TLS_KEYLOG_H
#define TIDEGATE_TLS_KEYLOG_H

#include <stdint.h>

#include <openssl/ssl.h>

#include "../../proto/tls_suite.h"

/* Owner: a handshake, as the app data of its SSL. Zero-initialised. */
struct tls_keylog {
	uint8_t client[TLS_SECRET_MAX]; /* CLIENT_TRAFFIC_SECRET_0 */
	uint8_t server[TLS_SECRET_MAX]; /* SERVER_TRAFFIC_SECRET_0 */
	uint8_t client_len;             /* bytes; 0: it was not told yet */
	uint8_t server_len;
};

/* For SSL_CTX_set_keylog_callback: takes the two secrets into the struct tls_keylog that is the
 * SSL's app data, and lets go of all others; of all where it has none. Thread: the one that runs
 * the handshake. */
void tls_keylog_take(const SSL *ssl, const char *line);

#endif
