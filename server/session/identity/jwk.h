/* A key as JSON: RFC 7517, RFC 7518 section 6, RFC 8037. */
#ifndef TIDEGATE_JWK_H
#define TIDEGATE_JWK_H

#include <stdbool.h>

#include <jansson.h>

#include "key.h"

/* What it is wanted for. */
enum jwk_use {
	JWK_TO_VERIFY, /* a secret, or the public half of a pair; a private one is a fault */
	JWK_TO_SIGN,   /* a secret, or the private half of a pair */
};

/* Reads one. Thread: any. Errors, all but -ENOMEM with a reason: -ENOTSUP: it is meant for
 * something else, or of a kind that is not known here, as RFC 7517 section 5 lets a set have them;
 * -EINVAL: it is broken, or too weak; -EPERM: it is the private half where a public one belongs, or
 * the other way round. What is said holds nothing of the key's material. */
int jwk_read(
	const json_t *jwk, enum jwk_use use, struct key **ret_key, char ret_fault[KEY_FAULT_MAX]);

/* The key as JSON: a secret or a pair's private half where `is_private`, else a pair's public one.
 * The reference is the caller's. NULL: without memory, or the key has no such half. Thread: any. */
json_t *jwk_write(const struct key *key, bool is_private);

#endif
