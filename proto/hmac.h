/* HMAC, RFC 2104: begun with a key once, so that only the text is missing. Allocates nothing and
 * cannot fail. */
#ifndef TIDEGATE_HMAC_H
#define TIDEGATE_HMAC_H

#include <stddef.h>
#include <stdint.h>

#include <openssl/sha.h>

enum hmac_hash {
	HMAC_SHA256,
	HMAC_SHA384,
	HMAC_SHA512,
};

enum {
	HMAC_CODE_MAX = SHA512_DIGEST_LENGTH, /* bytes of any hash's code */
};

/* A hash under way. */
union hmac_state {
	SHA256_CTX sha256;
	SHA512_CTX sha512; /* and SHA-384 */
};

/* As good as its key. Plain data.
 * Owner:  whoever began it.
 * Shared: by all who make codes; it never changes. */
struct hmac {
	enum hmac_hash hash;
	union hmac_state inner; /* behind the key's first block */
	union hmac_state outer; /* behind its second one */
};

/* A key of any length. Thread: any. */
void hmac_init(struct hmac *hmac, enum hmac_hash hash, const uint8_t *key, size_t len);

/* Wipes it. Thread: any. */
void hmac_finish(struct hmac *hmac);

/* Writes the code of a text, which may lie where the text does, and returns its length. Thread:
 * any.
 */
size_t hmac_code(
	const struct hmac *hmac, const uint8_t *text, size_t len, uint8_t ret_code[HMAC_CODE_MAX]);

#endif
