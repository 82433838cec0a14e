/* The keys that tokens are verified with, as a file holds them: a JWK or a JWK set (RFC 7517), or
 * public keys in PEM. */
#ifndef TIDEGATE_KEYS_H
#define TIDEGATE_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../../proto/slice.h"
#include "../../config/findings.h"
#include "algorithm.h"

enum {
	KEYS_MAX = 256,     /* in one file */
	KEYS_TRIES_MAX = 8, /* keys that one token is tried with */
	KEYS_SOON_MAX = 2,  /* secrets, as there are while one takes the place of another */
};

/* Owner:  whoever loaded them.
 * Shared: by all who hold a reference; they never change.
 * Freed:  with the last reference; secrets are wiped. */
struct keys;

struct key;

/* Reads a file. Keys of a set that are not for verifying signatures, or of a kind that nobody here
 * understands, are left out with a warning, as RFC 7517 section 5 wants it. Anything else that is
 * wrong is a fault that says what to do: nothing of the file is taken then. A private key is a
 * fault, so is a symmetric one that is shorter than its algorithm asks for. Thread: any. Errors:
 * -errno of reading, -EINVAL for faults, -ENOMEM. */
int keys_load(const char *path, struct findings *findings, struct keys **ret_keys);

/* A set of this one key, which is taken over whatever comes of it. Thread: any. Errors: -ENOMEM. */
int keys_of(struct key **key, struct keys **ret_keys);

/* Another reference to the same. Thread: any. */
struct keys *keys_ref(struct keys *keys);

/* Gives one back and nulls the giver's pointer. NULL is fine. Thread: any. */
void keys_unref(struct keys **keys);

size_t keys_count(const struct keys *keys);

/* The id of the key at `index`, empty where it has none. Ends with a NUL. Thread: any. */
struct slice keys_id(const struct keys *keys, size_t index);

/* Whether a key of `other` is the same as the one at `index`: its material, its id and what it may
 * be used for. Thread: any. */
bool keys_has(const struct keys *other, const struct keys *keys, size_t index);

/* Whether they tell soon who has signed: at most KEYS_SOON_MAX secrets, and no pair. Thread: any.
 */
bool keys_verify_soon(const struct keys *keys);

/* Whether the signature of `text` is by one of the keys that fit: of this algorithm, and where the
 * token and the key both have an id (`kid`; without one its data is NULL) of the same. At most
 * KEYS_TRIES_MAX are tried. Thread: any. */
bool keys_verify(const struct keys *keys, enum algorithm algorithm, struct slice kid,
	struct slice text, const uint8_t *signature, size_t signature_len);

#endif
