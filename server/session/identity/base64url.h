/* Base64 as tokens and keys have it: RFC 7515 section 2. */
#ifndef TIDEGATE_BASE64URL_H
#define TIDEGATE_BASE64URL_H

#include <stddef.h>
#include <stdint.h>

#include "../../../proto/slice.h"

/* Bytes of `len` that are decoded, and characters of `len` that are encoded, NUL included. */
#define BASE64URL_DECODED(len) (((len) + 3) / 4 * 3)
#define BASE64URL_ENCODED(len) (((len) + 2) / 3 * 4 + 1)

/* Decodes the one spelling that bytes have: no padding, no blanks, nothing in the bits that are
 * over. Thread: any. Errors: -EINVAL for another one, or for more than `size` bytes. */
int base64url_decode(struct slice text, uint8_t *ret_bytes, size_t size, size_t *ret_len);

/* `size` is of the text, at least BASE64URL_ENCODED(len). Ends with a NUL. Returns the length.
 * Thread: any. */
size_t base64url_encode(const uint8_t *bytes, size_t len, char *ret_text, size_t size);

#endif
