/* The algorithms that a token may be signed with. RFC 7518 section 3, RFC 8037, RFC 9864. */
#ifndef TIDEGATE_ALGORITHM_H
#define TIDEGATE_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>

#include "../../../proto/slice.h"

/* What kind of key an algorithm takes. */
enum key_kind {
	KEY_SECRET,
	KEY_RSA,
	KEY_P256,
	KEY_P384,
	KEY_P521,
	KEY_ED25519,
};

enum algorithm {
	ALGORITHM_HS256,
	ALGORITHM_HS384,
	ALGORITHM_HS512,
	ALGORITHM_RS256,
	ALGORITHM_RS384,
	ALGORITHM_RS512,
	ALGORITHM_PS256,
	ALGORITHM_PS384,
	ALGORITHM_PS512,
	ALGORITHM_ES256,
	ALGORITHM_ES384,
	ALGORITHM_ES512,
	ALGORITHM_EDDSA,
	ALGORITHM_COUNT,
	ALGORITHM_NONE = -1, /* no such one, "none" among them */
};

struct algorithm_row {
	const char *name;
	enum key_kind kind;
	const char *digest; /* as OpenSSL calls it; NULL: the algorithm's own */
	size_t digest_len;  /* bytes; the least of a symmetric key, RFC 7518 section 3.2 */
	bool is_pss;
	size_t half_len; /* bytes of R and of S in a signature of ECDSA; else 0 */
};

/* By its name, to the letter: RFC 7515 section 4.1.1. `Ed25519` is another name of `EdDSA`, as the
 * keys are of that curve only. Thread: any. */
enum algorithm algorithm_of(struct slice name);

/* Thread: any. */
const struct algorithm_row *algorithm_row(enum algorithm algorithm);

#endif
