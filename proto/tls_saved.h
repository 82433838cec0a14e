/* A TLS line as bytes, with which it goes on elsewhere from the very record that it has come to:
 * both numbers, keys, IVs and secrets. Whoever has them can speak in its place, and seal with a
 * number that it has had: once it has gone on elsewhere, it may do nothing here any more.
 *
 * Keys and IVs follow from the secrets, and stand here all the same: to make them again takes 7 us
 * a line, while everybody waits. Thread: any. */
#ifndef TIDEGATE_TLS_SAVED_H
#define TIDEGATE_TLS_SAVED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls_line.h"

enum {
	TLS_SAVED_VERSION = 1,
	/* Bytes in front of the material: version, suite, fragment_len, flags, quiet, update_len,
	 * both numbers, both IVs. */
	TLS_SAVED_FRONT = 1 + 2 + 2 + 1 + 1 + 1 + 2 * 8 + 2 * TLS_IV_LEN,
	TLS_SAVED_MAX = TLS_SAVED_FRONT + 2 * (TLS_KEY_MAX + TLS_SECRET_MAX), /* bytes in all */
};

/* Writes a line but for what is the transport's own of it, which is another's to pass on. The bytes
 * are the caller's to wipe. Returns how many there are. */
size_t tls_saved_write(const struct tls_line *line, uint8_t ret_saved[TLS_SAVED_MAX]);

/* Whether these may be a line, whole and of this version, and of which suite. Of its secrets
 * nothing can be said. False: it is none, and nothing is set. */
bool tls_saved_check(const uint8_t *saved, size_t len, enum tls_suite *ret_suite);

/* Makes a line, of tls_line_size() bytes, of what tls_saved_check has passed. What is the
 * transport's own is zero. */
void tls_saved_read(const uint8_t *saved, struct tls_line *ret_line);

#endif
