/* SHA256_Init and its like are deprecated since OpenSSL 3.0, but they allocate nothing and look
 * nothing up under locks that all workers of a login storm would share: no KeyUpdate fails. */
#define OPENSSL_API_COMPAT 10100

#include "tls_schedule.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "assert.h"
#include "bytes.h"

enum {
	HMAC_INNER = 0x36, /* RFC 2104 section 2 */
	HMAC_OUTER = 0x5c,
	LABEL_MAX = 17, /* bytes */
	/* Two bytes of length, a label with its own, no context, the number of the block. */
	INFO_MAX = 2 + 1 + LABEL_MAX + 1 + 1,
};

static size_t block_len(enum tls_suite suite)
{
	return suite == TLS_SUITE_AES_256_GCM ? SHA512_CBLOCK : SHA256_CBLOCK;
}

/* The suite's hash of a block and of the text behind it. */
static void hash(enum tls_suite suite, const uint8_t *block, const uint8_t *text, size_t len,
	uint8_t *ret_digest)
{
	union {
		SHA256_CTX sha256;
		SHA512_CTX sha384;
	} context;
	if (suite == TLS_SUITE_AES_256_GCM) {
		SHA384_Init(&context.sha384);
		SHA384_Update(&context.sha384, block, SHA512_CBLOCK);
		SHA384_Update(&context.sha384, text, len);
		SHA384_Final(ret_digest, &context.sha384);
	} else {
		SHA256_Init(&context.sha256);
		SHA256_Update(&context.sha256, block, SHA256_CBLOCK);
		SHA256_Update(&context.sha256, text, len);
		SHA256_Final(ret_digest, &context.sha256);
	}
	OPENSSL_cleanse(&context, sizeof(context));
}

/* RFC 2104 section 2, of a key that is as long as a digest. */
static void hmac(enum tls_suite suite, const uint8_t *key, const uint8_t *text, size_t len,
	uint8_t ret_code[TLS_SECRET_MAX])
{
	const size_t key_len = tls_suite_facts(suite)->secret_len;
	uint8_t block[SHA512_CBLOCK];
	for (size_t i = 0; i < block_len(suite); i++) {
		block[i] = (i < key_len ? key[i] : 0) ^ HMAC_INNER;
	}
	hash(suite, block, text, len, ret_code);
	for (size_t i = 0; i < block_len(suite); i++) {
		block[i] ^= HMAC_INNER ^ HMAC_OUTER;
	}
	hash(suite, block, ret_code, key_len, ret_code);
	OPENSSL_cleanse(block, sizeof(block));
}

/* HKDF-Expand-Label of at most a digest's bytes, so that one block of HKDF-Expand is enough.
 * RFC 8446 section 7.1, RFC 5869 section 2.3. */
static void expand_label(
	enum tls_suite suite, const uint8_t *secret, const char *label, uint8_t *ret, size_t len)
{
	const size_t label_len = strlen(label);
	uint8_t info[INFO_MAX];
	uint8_t code[TLS_SECRET_MAX];
	ASSERT(label_len <= LABEL_MAX);
	store_be16(info, (uint16_t)len);
	info[2] = (uint8_t)label_len;
	memcpy(info + 3, label, label_len);
	info[3 + label_len] = 0;
	info[4 + label_len] = 1;
	hmac(suite, secret, info, 5 + label_len, code);
	memcpy(ret, code, len);
	OPENSSL_cleanse(code, sizeof(code));
}

void tls_schedule_key(
	enum tls_suite suite, const uint8_t *secret, uint8_t *ret_key, uint8_t *ret_iv)
{
	expand_label(suite, secret, "tls13 key", ret_key, tls_suite_facts(suite)->key_len);
	expand_label(suite, secret, "tls13 iv", ret_iv, TLS_IV_LEN);
}

void tls_schedule_update(enum tls_suite suite, uint8_t *secret)
{
	expand_label(
		suite, secret, "tls13 traffic upd", secret, tls_suite_facts(suite)->secret_len);
}
