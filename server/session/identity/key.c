#include "key.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "../../../proto/assert.h"

enum {
	DER_MAX = 160, /* bytes of an ECDSA signature as OpenSSL takes it: two numbers of 66 */
};

static bool is_for(const struct key *key, enum algorithm algorithm)
{
	return algorithm != ALGORITHM_NONE && key->algorithms >> algorithm & 1;
}

/* --- what it may be used for -------------------------------------------------------------------
 */

static int kind_of_pair(const EVP_PKEY *pair, enum key_kind *ret_kind)
{
	static const struct {
		const char *name;
		enum key_kind kind;
	} curves[] = {{"prime256v1", KEY_P256}, {"secp384r1", KEY_P384}, {"secp521r1", KEY_P521}};
	char curve[32] = "";
	if (EVP_PKEY_is_a(pair, "RSA")) {
		*ret_kind = KEY_RSA;
		return 0;
	}
	if (EVP_PKEY_is_a(pair, "ED25519")) {
		*ret_kind = KEY_ED25519;
		return 0;
	}
	if (!EVP_PKEY_is_a(pair, "EC") ||
		EVP_PKEY_get_group_name(pair, curve, sizeof(curve), NULL) != 1) {
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++) {
		if (strcmp(curves[i].name, curve) == 0) {
			*ret_kind = curves[i].kind;
			return 0;
		}
	}
	return -EINVAL;
}

/* Those of its kind; of a secret those that it is long enough for. */
static uint32_t algorithms_of(const struct key *key, enum algorithm only)
{
	uint32_t algorithms = 0;
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		const struct algorithm_row *row = algorithm_row((enum algorithm)i);
		if (row->kind == key->kind &&
			(key->kind != KEY_SECRET || key->secret_len >= row->digest_len)) {
			algorithms |= 1u << i;
		}
	}
	return only == ALGORITHM_NONE ? algorithms : algorithms & 1u << only;
}

static int check_algorithm(enum key_kind kind, enum algorithm only, char ret_fault[KEY_FAULT_MAX])
{
	if (only != ALGORITHM_NONE && algorithm_row(only)->kind != kind) {
		snprintf(ret_fault, KEY_FAULT_MAX,
			"its \"alg\" is %s, which takes another kind of key",
			algorithm_row(only)->name);
		return -EINVAL;
	}
	return 0;
}

static int check_secret(size_t len, enum algorithm only, char ret_fault[KEY_FAULT_MAX])
{
	const struct algorithm_row *row =
		algorithm_row(only == ALGORITHM_NONE ? ALGORITHM_HS256 : only);
	if (len < row->digest_len) {
		snprintf(ret_fault, KEY_FAULT_MAX,
			"a secret of %zu bytes: %s takes at least %zu, by chance and not by heart "
			"(RFC 7518 section 3.2)",
			len, row->name, row->digest_len);
		return -EINVAL;
	}
	return 0;
}

static int check_pair(const EVP_PKEY *pair, enum key_kind kind, char ret_fault[KEY_FAULT_MAX])
{
	const int bits = EVP_PKEY_get_bits(pair);
	if (kind == KEY_RSA && (bits < KEY_RSA_BITS_MIN || bits > KEY_RSA_BITS_MAX)) {
		snprintf(ret_fault, KEY_FAULT_MAX,
			"an RSA key of %d bits: %d to %d are taken (RFC 7518 section 3.3)", bits,
			KEY_RSA_BITS_MIN, KEY_RSA_BITS_MAX);
		return -EINVAL;
	}
	return 0;
}

/* --- making it ready ---------------------------------------------------------------------------
 */

static enum hmac_hash hash_of(enum algorithm algorithm)
{
	switch (algorithm) {
	case ALGORITHM_HS384:
		return HMAC_SHA384;
	case ALGORITHM_HS512:
		return HMAC_SHA512;
	default:
		ASSERT(algorithm == ALGORITHM_HS256);
		return HMAC_SHA256;
	}
}

static struct hmac *create_code(const struct key *key, enum algorithm algorithm)
{
	struct hmac *code = malloc(sizeof(*code));
	if (code) {
		hmac_init(code, hash_of(algorithm), key->secret, key->secret_len);
	}
	return code;
}

static void destroy_code(struct hmac **code)
{
	struct hmac *given = *code;
	*code = NULL;
	if (given) {
		hmac_finish(given);
	}
	free(given);
}

static bool set_pss(EVP_PKEY_CTX *options)
{
	return EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
	       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1;
}

/* Of verifying or of signing. */
static EVP_MD_CTX *begin_digest(
	const struct key *key, const struct algorithm_row *row, bool is_to_sign)
{
	EVP_PKEY_CTX *options; /* belongs to the digest */
	EVP_MD_CTX *digest = EVP_MD_CTX_new();
	if (!digest) {
		return NULL;
	}
	const int begun = is_to_sign ? EVP_DigestSignInit_ex(digest, &options, row->digest, NULL,
					       NULL, key->pair, NULL)
				     : EVP_DigestVerifyInit_ex(digest, &options, row->digest, NULL,
					       NULL, key->pair, NULL);
	if (begun != 1 || (row->is_pss && !set_pss(options))) {
		EVP_MD_CTX_free(digest);
		return NULL;
	}
	return digest;
}

static int make_ready(struct key *key)
{
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		const struct algorithm_row *row = algorithm_row((enum algorithm)i);
		if (!is_for(key, (enum algorithm)i)) {
			continue;
		}
		if (key->kind == KEY_SECRET) {
			key->codes[i] = create_code(key, (enum algorithm)i);
		} else {
			key->verifiers[i] = begin_digest(key, row, false);
		}
		if (!key->codes[i] && !key->verifiers[i]) {
			return -ENOMEM;
		}
	}
	return 0;
}

static struct key *create(enum key_kind kind, struct slice id)
{
	struct key *key = calloc(1, sizeof(*key));
	if (!key) {
		return NULL;
	}
	key->kind = kind;
	key->id = calloc(1, id.len + 1);
	if (!key->id) {
		key_destroy(&key);
		return NULL;
	}
	memcpy(key->id, id.len ? id.data : "", id.len);
	return key;
}

static int finish_key(struct key *key, enum algorithm only, struct key **ret_key)
{
	key->algorithms = algorithms_of(key, only);
	int err = make_ready(key);
	if (err) {
		ERR_clear_error();
		key_destroy(&key);
		return err;
	}
	*ret_key = key;
	return 0;
}

int key_of_secret(const uint8_t *secret, size_t len, struct slice id, enum algorithm only,
	struct key **ret_key, char ret_fault[KEY_FAULT_MAX])
{
	int err = check_algorithm(KEY_SECRET, only, ret_fault);
	if (!err) {
		err = check_secret(len, only, ret_fault);
	}
	struct key *key = err ? NULL : create(KEY_SECRET, id);
	if (!key) {
		return err ? err : -ENOMEM;
	}
	key->secret = malloc(len);
	if (!key->secret) {
		key_destroy(&key);
		return -ENOMEM;
	}
	memcpy(key->secret, secret, len);
	key->secret_len = len;
	return finish_key(key, only, ret_key);
}

int key_of_pair(EVP_PKEY *pair, struct slice id, enum algorithm only, struct key **ret_key,
	char ret_fault[KEY_FAULT_MAX])
{
	enum key_kind kind;
	int err = kind_of_pair(pair, &kind);
	if (err) {
		snprintf(ret_fault, KEY_FAULT_MAX,
			"of a kind that signs no tokens: RSA, EC on P-256, P-384 or P-521, and Ed25519 do");
	} else {
		err = check_algorithm(kind, only, ret_fault);
	}
	if (!err) {
		err = check_pair(pair, kind, ret_fault);
	}
	struct key *key = err ? NULL : create(kind, id);
	if (!key) {
		EVP_PKEY_free(pair);
		return err ? err : -ENOMEM;
	}
	key->pair = pair;
	return finish_key(key, only, ret_key);
}

void key_destroy(struct key **key)
{
	struct key *given = *key;
	if (!given) {
		return;
	}
	*key = NULL;
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		EVP_MD_CTX_free(given->verifiers[i]);
		destroy_code(&given->codes[i]);
	}
	EVP_PKEY_free(given->pair);
	if (given->secret) {
		OPENSSL_cleanse(given->secret, given->secret_len);
	}
	free(given->secret);
	free(given->id);
	free(given);
}

bool key_equals(const struct key *key, const struct key *other)
{
	if (key->kind != other->kind || key->algorithms != other->algorithms ||
		strcmp(key->id, other->id) != 0) {
		return false;
	}
	if (key->kind == KEY_SECRET) {
		return key->secret_len == other->secret_len &&
		       CRYPTO_memcmp(key->secret, other->secret, key->secret_len) == 0;
	}
	return EVP_PKEY_eq(key->pair, other->pair) == 1;
}

/* --- codes of a secret -------------------------------------------------------------------------
 */

static bool verify_code(const struct key *key, enum algorithm algorithm, struct slice text,
	const uint8_t *signature, size_t len)
{
	uint8_t code[HMAC_CODE_MAX];
	const size_t code_len =
		hmac_code(key->codes[algorithm], (const uint8_t *)text.data, text.len, code);
	return len == code_len && CRYPTO_memcmp(code, signature, len) == 0;
}

/* --- ECDSA: R and S side by side, for OpenSSL in DER (RFC 7518 section 3.4) ---------------------
 */

/* Returns the length, 0 where there is no memory. */
static size_t wrap_halves(const uint8_t *signature, size_t half_len, uint8_t ret_der[DER_MAX])
{
	uint8_t *end = ret_der;
	int len = 0;
	ECDSA_SIG *halves = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, (int)half_len, NULL);
	BIGNUM *s = BN_bin2bn(signature + half_len, (int)half_len, NULL);
	if (halves && r && s && ECDSA_SIG_set0(halves, r, s) == 1) {
		len = i2d_ECDSA_SIG(halves, &end);
	} else {
		BN_free(r);
		BN_free(s);
	}
	ECDSA_SIG_free(halves);
	return len > 0 ? (size_t)len : 0;
}

static bool unwrap_halves(
	const uint8_t *der, size_t der_len, size_t half_len, uint8_t *ret_signature)
{
	ECDSA_SIG *halves = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
	const int size = (int)half_len;
	const bool is_done =
		halves && BN_bn2binpad(ECDSA_SIG_get0_r(halves), ret_signature, size) == size &&
		BN_bn2binpad(ECDSA_SIG_get0_s(halves), ret_signature + half_len, size) == size;
	ECDSA_SIG_free(halves);
	return is_done;
}

/* --- signatures of a pair ----------------------------------------------------------------------
 */

static bool verify_signature(const struct key *key, enum algorithm algorithm, struct slice text,
	const uint8_t *signature, size_t len)
{
	const size_t half_len = algorithm_row(algorithm)->half_len;
	uint8_t der[DER_MAX];
	if (half_len > 0 && len != 2 * half_len) {
		return false;
	}
	if (half_len > 0) {
		len = wrap_halves(signature, half_len, der);
		signature = der;
	}
	EVP_MD_CTX *verifier = EVP_MD_CTX_new();
	const bool is_good =
		verifier && EVP_MD_CTX_copy_ex(verifier, key->verifiers[algorithm]) == 1 &&
		EVP_DigestVerify(verifier, signature, len, (const uint8_t *)text.data, text.len) ==
			1;
	EVP_MD_CTX_free(verifier);
	return is_good;
}

bool key_verify(const struct key *key, enum algorithm algorithm, struct slice text,
	const uint8_t *signature, size_t len)
{
	if (!is_for(key, algorithm)) {
		return false;
	}
	const bool is_good = key->kind == KEY_SECRET
				     ? verify_code(key, algorithm, text, signature, len)
				     : verify_signature(key, algorithm, text, signature, len);
	if (!is_good && key->kind != KEY_SECRET) {
		ERR_clear_error(); /* else the next who asks OpenSSL finds it */
	}
	return is_good;
}

enum algorithm key_default_algorithm(const struct key *key)
{
	return (enum algorithm)__builtin_ctz(key->algorithms);
}

static bool make_signature(const struct key *key, enum algorithm algorithm, struct slice text,
	uint8_t ret_signature[KEY_SIGNATURE_MAX], size_t *ret_len)
{
	const struct algorithm_row *row = algorithm_row(algorithm);
	uint8_t made[KEY_SIGNATURE_MAX];
	size_t len = sizeof(made);
	EVP_MD_CTX *signer = begin_digest(key, row, true);
	bool is_made = signer && EVP_DigestSign(signer, made, &len, (const uint8_t *)text.data,
					 text.len) == 1;
	EVP_MD_CTX_free(signer);
	if (is_made && row->half_len > 0) {
		is_made = unwrap_halves(made, len, row->half_len, ret_signature);
		*ret_len = 2 * row->half_len;
	} else if (is_made) {
		memcpy(ret_signature, made, len);
		*ret_len = len;
	}
	return is_made;
}

int key_sign(const struct key *key, enum algorithm algorithm, struct slice text,
	uint8_t ret_signature[KEY_SIGNATURE_MAX], size_t *ret_len)
{
	if (!is_for(key, algorithm)) {
		return -EINVAL;
	}
	if (key->kind == KEY_SECRET) {
		*ret_len = hmac_code(
			key->codes[algorithm], (const uint8_t *)text.data, text.len, ret_signature);
		return 0;
	}
	if (!make_signature(key, algorithm, text, ret_signature, ret_len)) {
		ERR_clear_error();
		return -EIO;
	}
	return 0;
}
