#include "tls_schedule.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>

#include "assert.h"
#include "bytes.h"
#include "hmac.h"

enum {
	LABEL_MAX = 17, /* bytes */
	/* Two bytes of length, a label with its own, no context, the number of the block. */
	INFO_MAX = 2 + 1 + LABEL_MAX + 1 + 1,
};

/* HMAC with the suite's hash, of a secret that is as long as its digest. */
static void begin(struct hmac *hmac, enum tls_suite suite, const uint8_t *secret)
{
	const bool is_long = suite == TLS_SUITE_AES_256_GCM;
	hmac_init(hmac, is_long ? HMAC_SHA384 : HMAC_SHA256, secret,
		tls_suite_facts(suite)->secret_len);
}

/* HKDF-Expand-Label of at most a digest's bytes, so that one block of HKDF-Expand is enough.
 * RFC 8446 section 7.1, RFC 5869 section 2.3. */
static void expand_label(const struct hmac *hmac, const char *label, uint8_t *ret, size_t len)
{
	const size_t label_len = strlen(label);
	uint8_t info[INFO_MAX];
	uint8_t code[HMAC_CODE_MAX];
	ASSERT(label_len <= LABEL_MAX);
	store_be16(info, (uint16_t)len);
	info[2] = (uint8_t)label_len;
	memcpy(info + 3, label, label_len);
	info[3 + label_len] = 0;
	info[4 + label_len] = 1;
	hmac_code(hmac, info, 5 + label_len, code);
	memcpy(ret, code, len);
	OPENSSL_cleanse(code, sizeof(code));
}

/* Both are of one secret, with which HMAC begins once. */
void tls_schedule_key(
	enum tls_suite suite, const uint8_t *secret, uint8_t *ret_key, uint8_t *ret_iv)
{
	struct hmac hmac;
	begin(&hmac, suite, secret);
	expand_label(&hmac, "tls13 key", ret_key, tls_suite_facts(suite)->key_len);
	expand_label(&hmac, "tls13 iv", ret_iv, TLS_IV_LEN);
	hmac_finish(&hmac);
}

void tls_schedule_update(enum tls_suite suite, uint8_t *secret)
{
	struct hmac hmac;
	begin(&hmac, suite, secret);
	expand_label(&hmac, "tls13 traffic upd", secret, tls_suite_facts(suite)->secret_len);
	hmac_finish(&hmac);
}
