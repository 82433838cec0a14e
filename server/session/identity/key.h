/* One key, made ready for what it may be used for: verifying signatures, and, where it has its
 * private half, making them. By OpenSSL alone. */
#ifndef TIDEGATE_KEY_H
#define TIDEGATE_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "../../../proto/hmac.h"
#include "../../../proto/slice.h"
#include "algorithm.h"

enum {
	KEY_SIGNATURE_MAX = 1024, /* bytes; of RSA with KEY_RSA_BITS_MAX */
	KEY_RSA_BITS_MIN = 2048,  /* RFC 7518 section 3.3 */
	KEY_RSA_BITS_MAX = 8192,
	KEY_FAULT_MAX = 256, /* bytes of what is wrong with one, NUL included */
};

/* Owner:  whoever made it.
 * Shared: readers may verify at once. */
struct key {
	char *id;          /* empty: it has none */
	EVP_PKEY *pair;    /* NULL: a secret */
	uint8_t *secret;   /* NULL: a pair, or the public half of one */
	size_t secret_len; /* bytes */
	enum key_kind kind;
	uint32_t algorithms; /* a bit for each that it may be used with */
	/* Begun with the key, for copies of which only the text is missing. */
	EVP_MD_CTX *verifiers[ALGORITHM_COUNT];
	struct hmac *codes[ALGORITHM_COUNT]; /* of a secret */
};

/* Makes a key of a secret, which is copied, or of a pair, whose reference is taken over whatever
 * comes of it. `id` is copied; `only` is the one algorithm that it may be used with, or
 * ALGORITHM_NONE for all of its kind. Thread: any. Errors: -EINVAL with what is wrong: too short,
 * of a curve or kind that no algorithm takes, `only` for another kind; -ENOMEM. */
int key_of_secret(const uint8_t *secret, size_t len, struct slice id, enum algorithm only,
	struct key **ret_key, char ret_fault[KEY_FAULT_MAX]);
int key_of_pair(EVP_PKEY *pair, struct slice id, enum algorithm only, struct key **ret_key,
	char ret_fault[KEY_FAULT_MAX]);

/* Wipes secrets. NULL is fine. */
void key_destroy(struct key **key);

/* Whether material, id and algorithms are the same. Thread: any. */
bool key_equals(const struct key *key, const struct key *other);

/* Whether the signature is that of the text. An algorithm that the key is not for: no. Thread: any.
 */
bool key_verify(const struct key *key, enum algorithm algorithm, struct slice text,
	const uint8_t *signature, size_t len);

/* The algorithm that it signs with unless another is asked for: its only one, or the shortest
 * digest of its kind, RSA without PSS. Thread: any. */
enum algorithm key_default_algorithm(const struct key *key);

/* Signs with a secret or a private key, in the form that tokens have. Thread: any. Errors: -EINVAL
 * for an algorithm that the key is not for, -EIO from OpenSSL. */
int key_sign(const struct key *key, enum algorithm algorithm, struct slice text,
	uint8_t ret_signature[KEY_SIGNATURE_MAX], size_t *ret_len);

#endif
