/* The cipher of one direction of a TLS 1.3 line, by OpenSSL: a context that can be lent to one line
 * after the other. RFC 8446 section 5.2. */
#ifndef TIDEGATE_TLS_AEAD_H
#define TIDEGATE_TLS_AEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "tls_suite.h"

/* Zeros are one that has no key yet, and holds nothing.
 * Owner:  the caller; one thread at a time. */
struct tls_aead {
	EVP_CIPHER_CTX *context; /* NULL until a key is set */
	uint8_t suite;           /* enum tls_suite, of `context` */
};

/* Gives it a key of `suite`, of as many bytes as that has, for opening or for sealing. Allocates
 * when it had none, or one of another suite: who goes over lines of several suites has an aead for
 * each. Errors: -ENOMEM; it has no key then. */
int tls_aead_set(struct tls_aead *aead, enum tls_suite suite, const uint8_t *key, bool seals);

/* Opens `len` bytes and the tag behind them, in place. `nonce` has TLS_IV_LEN bytes. Returns false
 * when they are not what was sealed; `data` is then good for nothing. */
bool tls_aead_open(struct tls_aead *aead, const uint8_t *nonce, const uint8_t *header,
	size_t header_len, uint8_t *data, size_t len);

/* Seals piece by piece: begin, add as often as there are pieces, end. A piece is sealed in place,
 * or to a place that it does not overlap. The tag has TLS_TAG_LEN bytes. */
void tls_aead_begin(
	struct tls_aead *aead, const uint8_t *nonce, const uint8_t *header, size_t header_len);
void tls_aead_add(struct tls_aead *aead, const uint8_t *from, uint8_t *to, size_t len);
void tls_aead_end(struct tls_aead *aead, uint8_t *ret_tag);

/* Wipes the key and frees what it holds; it is as zeros then. */
void tls_aead_finish(struct tls_aead *aead);

#endif
