/* The cipher suites of TLS 1.3 that the gateway speaks. RFC 8446 appendix B.4. */
#ifndef TIDEGATE_TLS_SUITE_H
#define TIDEGATE_TLS_SUITE_H

#include <stdbool.h>
#include <stdint.h>

enum tls_suite {
	TLS_SUITE_AES_128_GCM,
	TLS_SUITE_AES_256_GCM,
	TLS_SUITE_CHACHA20_POLY1305,
	TLS_SUITE_COUNT,
};

enum {
	TLS_SECRET_MAX = 48, /* bytes of any suite's secret */
	TLS_KEY_MAX = 32,    /* bytes of any suite's key */
	TLS_IV_LEN = 12,     /* bytes, with every suite */
};

struct tls_suite_facts {
	const char *name;   /* as RFC 8446 and OpenSSL have it: TLS_AES_128_GCM_SHA256 */
	uint16_t id;        /* on the wire */
	uint8_t secret_len; /* bytes: those of its hash */
	uint8_t key_len;    /* bytes */
};

/* Thread: any. */
const struct tls_suite_facts *tls_suite_facts(enum tls_suite suite);

/* The suite with this number on the wire: the lower half of SSL_CIPHER_get_id(). Thread: any.
 * Returns false, and sets nothing, for any but the three. */
bool tls_suite_from_id(uint16_t id, enum tls_suite *ret_suite);

#endif
