#include "certificate_key.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include "../base/pem.h"

enum {
	SIGNED_LEN = 130,     /* bytes that a server signs: RFC 8446 section 4.4.3, with SHA-256 */
	SIGNATURE_MAX = 2048, /* bytes: RSA of 16,384 */
	TRIES = 3,            /* the first pays for what OpenSSL prepares */
	GROUP_NAME_MAX = 64,
};

static int fail(const char **ret_fault, const char *fault)
{
	*ret_fault = fault;
	return -EINVAL;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static bool has(struct slice text, const char *word)
{
	return memmem(text.data, text.len, word, strlen(word)) != NULL;
}

static const char *why_unread(struct slice text)
{
	if (has(text, "ENCRYPTED")) {
		return "the key is behind a passphrase, which nobody is there to type: openssl pkey "
		       "-in FILE takes it off";
	}
	if (has(text, "PRIVATE KEY-----")) {
		return "the private key is damaged, or not written to its end";
	}
	return text.len == 0 ? "it is empty" : "holds no PRIVATE KEY in PEM";
}

static bool is_on_known_curve(const EVP_PKEY *key)
{
	static const char *const known[] = {"prime256v1", "secp384r1", "secp521r1"};
	char name[GROUP_NAME_MAX] = "";
	EVP_PKEY_get_group_name(key, name, sizeof(name), NULL);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcmp(name, known[i]) == 0) {
			return true;
		}
	}
	return false;
}

static bool can_sign(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "RSA-PSS") ||
	       EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ||
	       (EVP_PKEY_is_a(key, "EC") && is_on_known_curve(key));
}

int certificate_key_read(struct slice text, EVP_PKEY **ret_key, const char **ret_fault)
{
	BIO *in = BIO_new_mem_buf(text.data, (int)text.len);
	EVP_PKEY *key = in ? pem_read_private(in) : NULL;
	BIO_free(in);
	ERR_clear_error();
	if (!key) {
		return fail(ret_fault, why_unread(text));
	}
	if (!can_sign(key)) {
		EVP_PKEY_free(key);
		return fail(ret_fault,
			"the key is of a kind that TLS 1.3 cannot sign with: take one on P-256 "
			"(openssl ecparam -name prime256v1 -genkey -noout), or RSA");
	}
	*ret_key = key;
	return 0;
}

/* --- signing -----------------------------------------------------------------------------------
 */

static uint64_t cpu_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Ed25519 and Ed448 have a hash of their own. */
static const EVP_MD *hash_of(const EVP_PKEY *key)
{
	return EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448") ? NULL : EVP_sha256();
}

static bool sign(EVP_MD_CTX *context, EVP_PKEY *key)
{
	static const unsigned char text[SIGNED_LEN];
	unsigned char signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	return EVP_DigestSignInit(context, NULL, hash_of(key), NULL, key) == 1 &&
	       EVP_DigestSign(context, signature, &len, text, sizeof(text)) == 1;
}

int certificate_key_time(EVP_PKEY *key, uint64_t *ret_sign_us, const char **ret_fault)
{
	uint64_t quickest_us = UINT64_MAX;
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	if (!context) {
		return -ENOMEM;
	}
	bool is_good = true;
	for (int i = 0; i < TRIES && is_good; i++) {
		const uint64_t begin_us = cpu_us();
		is_good = EVP_MD_CTX_reset(context) == 1 && sign(context, key);
		const uint64_t taken_us = cpu_us() - begin_us;
		quickest_us = taken_us < quickest_us ? taken_us : quickest_us;
	}
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	if (!is_good) {
		return fail(ret_fault, "the key cannot sign");
	}
	*ret_sign_us = quickest_us;
	return 0;
}
