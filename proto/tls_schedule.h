/* What the secret of one direction is good for: its key, its IV, and the secret after it.
 * RFC 8446 sections 7.1 to 7.3. */
#ifndef TIDEGATE_TLS_SCHEDULE_H
#define TIDEGATE_TLS_SCHEDULE_H

#include <stdint.h>

#include "tls_suite.h"

/* `secret` has as many bytes as the suite says, and so has the key that is written; the IV has
 * TLS_IV_LEN. Allocates nothing and cannot fail. Thread: any, both. */
void tls_schedule_key(
	enum tls_suite suite, const uint8_t *secret, uint8_t *ret_key, uint8_t *ret_iv);

/* Replaces a secret by the one that follows a KeyUpdate. */
void tls_schedule_update(enum tls_suite suite, uint8_t *secret);

#endif
