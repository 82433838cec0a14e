/* A certificate, those of who issued it, and its key: read from the text of two files, and found to
 * fit. */
#ifndef TIDEGATE_CERTIFICATE_H
#define TIDEGATE_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/types.h>

#include "../../proto/slice.h"
#include "../config/findings.h"

enum {
	CERTIFICATE_NAME_MAX =
		64, /* bytes of the name it is shown by, NUL included; cut at its end */
	CERTIFICATE_CHAIN_MAX = 16, /* certificates in a file */
	CERTIFICATE_SLOW_US = 1000, /* a signature that takes longer holds up whoever makes it */
};

/* Where it stands. Owner: whoever declared it. */
struct certificate_source {
	const char *path; /* of the certificates */
	const char *key_path;
	struct slice
		text; /* PEM, RFC 7468: the server's own first, then who issued it, and so on */
	struct slice key_text; /* PEM without a passphrase */
};

/* Owner:  whoever read it; never changed.
 * Freed:  certificate_destroy. */
struct certificate {
	X509 *chain[CERTIFICATE_CHAIN_MAX]; /* its own first */
	size_t chain_count;
	EVP_PKEY *key;
	int64_t begins_s; /* seconds since 1970 */
	int64_t ends_s;
	uint64_t sign_us;                /* what one signature takes of a CPU, in microseconds */
	char name[CERTIFICATE_NAME_MAX]; /* the first that it is for; visible ASCII */
};

/* Reads a pair. What is wrong is one finding that says what to do, with the file in front; warnings
 * are of what clients will not like. Whether it has begun and not ended is not asked. Thread: any.
 * Errors: -EINVAL with a finding, -ENOMEM. */
int certificate_read(const struct certificate_source *source, struct findings *findings,
	struct certificate **ret_certificate);

/* NULL is fine. Thread: any. */
void certificate_destroy(struct certificate **certificate);

/* Whether it is for the host of that name: RFC 6125, with wildcards of a whole label. Thread: any.
 */
bool certificate_is_for(const struct certificate *certificate, const char *host);

#endif
