#include "tls_aead.h"

#include <errno.h>
#include <stdatomic.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "assert.h"
#include "tls_record.h"

enum {
	AS_IT_IS = -1, /* of whether a context opens or seals */
};

static const char *const names[TLS_SUITE_COUNT] = {
	[TLS_SUITE_AES_128_GCM] = "AES-128-GCM",
	[TLS_SUITE_AES_256_GCM] = "AES-256-GCM",
	[TLS_SUITE_CHACHA20_POLY1305] = "ChaCha20-Poly1305",
};

/* Looked up once in a process: OpenSSL does it under locks, whenever it is given one of its own
 * constants. NULL: no memory. */
static const EVP_CIPHER *cipher_of(enum tls_suite suite)
{
	static _Atomic(EVP_CIPHER *) known[TLS_SUITE_COUNT];
	EVP_CIPHER *first = atomic_load_explicit(&known[suite], memory_order_acquire);
	if (first) {
		return first;
	}
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, names[suite], NULL);
	if (cipher && !atomic_compare_exchange_strong(&known[suite], &first, cipher)) {
		EVP_CIPHER_free(cipher); /* another thread was faster */
		return first;
	}
	return cipher;
}

/* Makes it one of this suite, without a key. */
static bool turn_to(struct tls_aead *aead, enum tls_suite suite)
{
	const EVP_CIPHER *cipher = cipher_of(suite);
	if (!aead->context) {
		aead->context = EVP_CIPHER_CTX_new();
	}
	aead->suite = (uint8_t)suite;
	return cipher && aead->context &&
	       EVP_CipherInit_ex2(aead->context, cipher, NULL, NULL, 0, NULL);
}

int tls_aead_set(struct tls_aead *aead, enum tls_suite suite, const uint8_t *key, bool seals)
{
	if (((!aead->context || aead->suite != suite) && !turn_to(aead, suite)) ||
		!EVP_CipherInit_ex2(aead->context, NULL, key, NULL, seals ? 1 : 0, NULL)) {
		tls_aead_finish(aead);
		return -ENOMEM;
	}
	return 0;
}

bool tls_aead_open(struct tls_aead *aead, const uint8_t *nonce, const uint8_t *header,
	size_t header_len, uint8_t *data, size_t len)
{
	EVP_CIPHER_CTX *context = aead->context;
	const OSSL_PARAM tag[] = {
		OSSL_PARAM_construct_octet_string(
			OSSL_CIPHER_PARAM_AEAD_TAG, data + len, TLS_TAG_LEN),
		OSSL_PARAM_construct_end(),
	};
	int done;
	return EVP_CipherInit_ex2(context, NULL, NULL, nonce, AS_IT_IS, tag) &&
	       EVP_CipherUpdate(context, NULL, &done, header, (int)header_len) &&
	       EVP_CipherUpdate(context, data, &done, data, (int)len) &&
	       EVP_CipherFinal_ex(context, data + len, &done);
}

/* Nothing of sealing allocates or depends on the bytes: it cannot fail. */

void tls_aead_begin(
	struct tls_aead *aead, const uint8_t *nonce, const uint8_t *header, size_t header_len)
{
	int done;
	ASSERT(EVP_CipherInit_ex2(aead->context, NULL, NULL, nonce, AS_IT_IS, NULL) &&
		EVP_CipherUpdate(aead->context, NULL, &done, header, (int)header_len));
}

void tls_aead_add(struct tls_aead *aead, const uint8_t *from, uint8_t *to, size_t len)
{
	int done;
	ASSERT(len == 0 || EVP_CipherUpdate(aead->context, to, &done, from, (int)len));
}

void tls_aead_end(struct tls_aead *aead, uint8_t *ret_tag)
{
	OSSL_PARAM tag[] = {
		OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, ret_tag, TLS_TAG_LEN),
		OSSL_PARAM_construct_end(),
	};
	int done;
	ASSERT(EVP_CipherFinal_ex(aead->context, ret_tag, &done) &&
		EVP_CIPHER_CTX_get_params(aead->context, tag));
}

void tls_aead_finish(struct tls_aead *aead)
{
	EVP_CIPHER_CTX_free(aead->context); /* which wipes its key */
	*aead = (struct tls_aead){.context = NULL};
}
