/* The private key of a certificate: one that TLS 1.3 can sign with (RFC 8446 section 4.2.3), and
 * how long that takes it. */
#ifndef TIDEGATE_CERTIFICATE_KEY_H
#define TIDEGATE_CERTIFICATE_KEY_H

#include <stdint.h>

#include <openssl/types.h>

#include "../../proto/slice.h"

/* Reads a key in PEM; other blocks beside it are let go. Thread: any. Errors: -EINVAL, `ret_fault`
 * then says what is wrong, and nothing of what stands there. */
int certificate_key_read(struct slice text, EVP_PKEY **ret_key, const char **ret_fault);

/* Signs a few times, and takes the time of this thread's CPU in microseconds that the quickest
 * took. Thread: any. Errors: -EINVAL with `ret_fault`, -ENOMEM. */
int certificate_key_time(EVP_PKEY *key, uint64_t *ret_sign_us, const char **ret_fault);

#endif
