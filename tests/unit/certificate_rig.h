/* Certificates and keys as OpenSSL makes them, for tests of what reads them. */
#ifndef TIDEGATE_CERTIFICATE_RIG_H
#define TIDEGATE_CERTIFICATE_RIG_H

#include <stdint.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "issuing.h"

enum {
	RIG_DAY_S = ISSUE_DAY_S,
	RIG_PEM_MAX = 32768, /* bytes of a file, NUL included */
};

static const int64_t RIG_NOW_S = 1800000000; /* 2027-01-15 08:00:00 UTC */

static inline EVP_PKEY *rig_ec_key(const char *curve)
{
	EVP_PKEY *key = EVP_EC_gen(curve);
	assert_non_null(key);
	return key;
}

/* What is not wished: of chat.example.org, by itself, from a day before RIG_NOW_S to 90 days after
 * it. Names "": none at all. */
static inline X509 *rig_make_certificate(const struct issue_wish *wish)
{
	struct issue_wish whole = *wish;
	whole.subject = wish->subject ? wish->subject : "a test";
	whole.names = wish->names ? wish->names : "DNS:chat.example.org";
	whole.names = whole.names[0] ? whole.names : NULL;
	whole.begins_s = wish->begins_s ? wish->begins_s : RIG_NOW_S - RIG_DAY_S;
	whole.ends_s = wish->ends_s ? wish->ends_s : RIG_NOW_S + 90 * (int64_t)RIG_DAY_S;
	return issue(&whole);
}

/* --- PEM ---------------------------------------------------------------------------------------
 */

static inline void rig_take(BIO *out, char ret_pem[RIG_PEM_MAX])
{
	char *data;
	const size_t len = (size_t)BIO_get_mem_data(out, &data);
	const size_t before = strlen(ret_pem);
	assert_true(before + len < RIG_PEM_MAX);
	memcpy(ret_pem + before, data, len);
	ret_pem[before + len] = '\0';
	BIO_free(out);
}

/* Puts it behind what is there. */
static inline void rig_add_certificate(X509 *certificate, char ret_pem[RIG_PEM_MAX])
{
	BIO *out = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_X509(out, certificate), 1);
	rig_take(out, ret_pem);
}

/* With a passphrase: as PKCS #8. */
static inline void rig_add_key(EVP_PKEY *key, const char *passphrase, char ret_pem[RIG_PEM_MAX])
{
	BIO *out = BIO_new(BIO_s_mem());
	assert_int_equal(
		PEM_write_bio_PKCS8PrivateKey(out, key, passphrase ? EVP_aes_128_cbc() : NULL,
			passphrase, passphrase ? (int)strlen(passphrase) : 0, NULL, NULL),
		1);
	rig_take(out, ret_pem);
}

#endif
