/* Makes what tokens take: keys, and tokens signed with them. For scripts and tests; the gateway
 * itself signs in a demonstration only. */
#ifndef TIDEGATE_MINT_H
#define TIDEGATE_MINT_H

#include <jansson.h>

#include "key.h"

enum {
	MINT_SECRET_LEN = 32, /* bytes; of HS256 */
};

/* Makes a fresh key for HS256, ES256, EdDSA or RS256 (of KEY_RSA_BITS_MIN), with an id by chance.
 * Thread: any. Errors: -ENOTSUP for another algorithm, -EIO from OpenSSL, -ENOMEM. */
int mint_key(enum algorithm algorithm, struct key **ret_key);

/* Reads the key that a file holds to sign with: a JWK, or a private key in PEM. Thread: any.
 * Errors: -errno with what is wrong, without the file's name. */
int mint_read_key(const char *path, struct key **ret_key, char ret_fault[KEY_FAULT_MAX]);

/* Signs claims. *ret_token is the caller's to free. Thread: any. Errors: as key_sign, -ENOMEM. */
int mint_token(
	const struct key *key, enum algorithm algorithm, const json_t *claims, char **ret_token);

#endif
