/* The other end of a TLS 1.3 line, by OpenSSL's own key derivation and ciphers: what the units
 * under test open was sealed here, and the other way round. It seals whatever it is told to. */
#ifndef TIDEGATE_TESTS_TLS_RIG_H
#define TIDEGATE_TESTS_TLS_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

/* --- one suite as OpenSSL names its parts --- */

struct rig_suite {
	const char *cipher;
	const char *hash;
	size_t key_len;
	size_t secret_len;
};

enum {
	RIG_SUITES = 3, /* in the order of enum tls_suite */
	RIG_SECRET_MAX = 48,
	RIG_HEADER_LEN = 5,
	RIG_TAG_LEN = 16,
	RIG_IV_LEN = 12,
};

static const struct rig_suite rig_suites[RIG_SUITES] = {
	{"AES-128-GCM", "SHA256", 16, 32},
	{"AES-256-GCM", "SHA384", 32, 48},
	{"ChaCha20-Poly1305", "SHA256", 32, 32},
};

/* A bug of the rig, or of what it stands on. */
static inline void rig_check(bool is_well)
{
	if (!is_well) {
		abort();
	}
}

/* HKDF-Expand-Label, RFC 8446 section 7.1. */
static inline void rig_expand(const struct rig_suite *suite, const uint8_t *secret,
	const char *label, uint8_t *ret, size_t len)
{
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	static EVP_KDF *kdf;
	kdf = kdf ? kdf : EVP_KDF_fetch(NULL, "TLS13-KDF", NULL);
	EVP_KDF_CTX *context = EVP_KDF_CTX_new(kdf);
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)suite->hash, 0),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, (uint8_t *)secret, suite->secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, (char *)"tls13 ", 6),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_LABEL, (char *)label, strlen(label)),
		OSSL_PARAM_construct_end(),
	};
	rig_check(context && EVP_KDF_derive(context, ret, len, params) == 1);
	EVP_KDF_CTX_free(context);
}

/* --- one direction of a line --- */

struct rig_end {
	const struct rig_suite *suite;
	const EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *context;
	uint8_t secret[RIG_SECRET_MAX];
	uint8_t key[EVP_MAX_KEY_LENGTH];
	uint8_t iv[RIG_IV_LEN];
	uint64_t seq;
	uint16_t version; /* that its headers say */
};

static inline void rig_end_begin(struct rig_end *end)
{
	rig_expand(end->suite, end->secret, "key", end->key, end->suite->key_len);
	rig_expand(end->suite, end->secret, "iv", end->iv, RIG_IV_LEN);
	end->seq = 0;
}

static inline void rig_end_init(struct rig_end *end, size_t suite, const uint8_t *secret)
{
	static EVP_CIPHER *ciphers[RIG_SUITES];
	if (!ciphers[suite]) {
		ciphers[suite] = EVP_CIPHER_fetch(NULL, rig_suites[suite].cipher, NULL);
	}
	*end = (struct rig_end){.suite = &rig_suites[suite], .version = 0x0303};
	end->cipher = ciphers[suite];
	end->context = EVP_CIPHER_CTX_new();
	rig_check(end->cipher && end->context);
	memcpy(end->secret, secret, end->suite->secret_len);
	rig_end_begin(end);
}

static inline void rig_end_finish(struct rig_end *end)
{
	EVP_CIPHER_CTX_free(end->context);
}

/* After a KeyUpdate. RFC 8446 section 7.2. */
static inline void rig_end_update(struct rig_end *end)
{
	uint8_t next[RIG_SECRET_MAX];
	rig_expand(end->suite, end->secret, "traffic upd", next, end->suite->secret_len);
	memcpy(end->secret, next, end->suite->secret_len);
	rig_end_begin(end);
}

/* Begins a record of the next number: its key, its nonce, its header. */
static inline void rig_end_next(struct rig_end *end, const uint8_t *header, int seals)
{
	uint8_t nonce[RIG_IV_LEN];
	int len;
	for (int i = 0; i < RIG_IV_LEN; i++) {
		const int shift = 8 * (RIG_IV_LEN - 1 - i);
		nonce[i] = end->iv[i] ^ (uint8_t)(shift < 64 ? end->seq >> shift : 0);
	}
	end->seq++;
	rig_check(EVP_CipherInit_ex(end->context, end->cipher, NULL, end->key, nonce, seals) == 1 &&
		  EVP_CipherUpdate(end->context, NULL, &len, header, RIG_HEADER_LEN) == 1);
}

/* Seals a whole inner plaintext: content, kind and padding. Returns the record's bytes. */
static inline size_t rig_seal(
	struct rig_end *end, const uint8_t *inner, size_t len, uint8_t *ret_record)
{
	const size_t sealed_len = len + RIG_TAG_LEN;
	uint8_t *data = ret_record + RIG_HEADER_LEN;
	int done = 0;
	ret_record[0] = 23;
	ret_record[1] = (uint8_t)(end->version >> 8);
	ret_record[2] = (uint8_t)end->version;
	ret_record[3] = (uint8_t)(sealed_len >> 8);
	ret_record[4] = (uint8_t)sealed_len;
	rig_end_next(end, ret_record, 1);
	rig_check(EVP_CipherUpdate(end->context, data, &done, inner, (int)len) == 1 &&
		  EVP_CipherFinal_ex(end->context, data + len, &done) == 1 &&
		  EVP_CIPHER_CTX_ctrl(
			  end->context, EVP_CTRL_AEAD_GET_TAG, RIG_TAG_LEN, data + len) == 1);
	return RIG_HEADER_LEN + sealed_len;
}

/* Seals content of a kind. */
static inline size_t rig_seal_content(
	struct rig_end *end, uint8_t kind, const void *content, size_t len, uint8_t *ret_record)
{
	uint8_t *inner = malloc(len + 1);
	rig_check(inner);
	memcpy(inner, content, len);
	inner[len] = kind;
	const size_t record_len = rig_seal(end, inner, len + 1, ret_record);
	free(inner);
	return record_len;
}

/* Opens a record; `ret_inner` has room for all of it. Returns whether it was sealed with this key
 * and this number. */
static inline bool rig_open(
	struct rig_end *end, const uint8_t *record, size_t len, uint8_t *ret_inner, size_t *ret_len)
{
	const size_t inner_len = len - RIG_HEADER_LEN - RIG_TAG_LEN;
	const uint8_t *data = record + RIG_HEADER_LEN;
	int done = 0;
	rig_end_next(end, record, 0);
	*ret_len = inner_len;
	return EVP_CipherUpdate(end->context, ret_inner, &done, data, (int)inner_len) == 1 &&
	       EVP_CIPHER_CTX_ctrl(end->context, EVP_CTRL_AEAD_SET_TAG, RIG_TAG_LEN,
		       (uint8_t *)data + inner_len) == 1 &&
	       EVP_CipherFinal_ex(end->context, ret_inner + inner_len, &done) == 1;
}

#endif
