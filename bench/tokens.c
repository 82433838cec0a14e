#include "tokens.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <sodium.h>

enum {
	TOKEN_MAX = 1024,    /* bytes */
	CLAIMS_MAX = 128,    /* bytes as JSON */
	HEADER_MAX = 512,    /* likewise */
	SECRET_MAX = 512,    /* bytes of a symmetric key */
	COORDINATE_LEN = 32, /* bytes of a number of P-256 */
	DER_MAX = 128,       /* bytes of a signature as OpenSSL has it */
	SIGNATURE_LEN = 64,  /* of ES256 */
	DAY_S = 24 * 60 * 60,
};

/* What signs. Owner: the call of tokens_make. */
struct signer {
	const char *algorithm;
	EVP_PKEY *pair; /* NULL: it is the secret */
	uint8_t secret[SECRET_MAX];
	size_t secret_len;
	char header[HEADER_MAX]; /* base64url */
};

__attribute__((format(printf, 2, 3))) static int fail(
	char ret_error[TOKENS_ERROR_MAX], const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(ret_error, TOKENS_ERROR_MAX, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

/* --- base64url -----------------------------------------------------------------------------------
 */

static void encode(const void *data, size_t len, char *ret_text, size_t size)
{
	sodium_bin2base64(ret_text, size, data, len, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* Reads a member of a JWK. False when it is not there, or not what it should be. */
static bool decode(
	const json_t *jwk, const char *name, uint8_t *ret_data, size_t max, size_t *ret_len)
{
	const char *text = json_string_value(json_object_get(jwk, name));
	return text && sodium_base642bin(ret_data, max, text, strlen(text), NULL, ret_len, NULL,
			       sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0;
}

/* --- the key -------------------------------------------------------------------------------------
 */

/* The pair of a point and its number. NULL when it is none. */
static EVP_PKEY *make_pair(const uint8_t point[1 + 2 * COORDINATE_LEN], const uint8_t *number)
{
	EVP_PKEY *pair = NULL;
	BIGNUM *secret = BN_bin2bn(number, COORDINATE_LEN, NULL);
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM *params = NULL;
	if (secret && builder && context &&
		OSSL_PARAM_BLD_push_utf8_string(
			builder, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) &&
		OSSL_PARAM_BLD_push_octet_string(
			builder, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * COORDINATE_LEN) &&
		OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, secret)) {
		params = OSSL_PARAM_BLD_to_param(builder);
	}
	if (params && EVP_PKEY_fromdata_init(context) > 0 &&
		EVP_PKEY_fromdata(context, &pair, EVP_PKEY_KEYPAIR, params) <= 0) {
		pair = NULL;
	}
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(context);
	OSSL_PARAM_BLD_free(builder);
	BN_clear_free(secret);
	return pair;
}

static EVP_PKEY *read_pair(const json_t *jwk)
{
	uint8_t point[1 + 2 * COORDINATE_LEN] = {POINT_CONVERSION_UNCOMPRESSED};
	uint8_t number[COORDINATE_LEN];
	size_t lens[3];
	const char *curve = json_string_value(json_object_get(jwk, "crv"));
	if (!curve || strcmp(curve, "P-256") != 0 ||
		!decode(jwk, "x", point + 1, COORDINATE_LEN, &lens[0]) ||
		!decode(jwk, "y", point + 1 + COORDINATE_LEN, COORDINATE_LEN, &lens[1]) ||
		!decode(jwk, "d", number, COORDINATE_LEN, &lens[2]) ||
		lens[0] + lens[1] + lens[2] != sizeof(lens) / sizeof(lens[0]) * COORDINATE_LEN) {
		return NULL;
	}
	return make_pair(point, number);
}

/* What every token begins with. */
static void write_header(struct signer *signer, const json_t *jwk)
{
	char text[HEADER_MAX / 2];
	const char *id = json_string_value(json_object_get(jwk, "kid"));
	json_t *header =
		json_pack("{s:s, s:s, s:s*}", "alg", signer->algorithm, "typ", "JWT", "kid", id);
	size_t len = json_dumpb(header, text, sizeof(text), JSON_COMPACT);
	encode(text, len <= sizeof(text) ? len : 0, signer->header, sizeof(signer->header));
	json_decref(header);
}

static int read_key(const char *path, struct signer *signer, char ret_error[TOKENS_ERROR_MAX])
{
	json_error_t fault;
	json_t *jwk = json_load_file(path, JSON_REJECT_DUPLICATES, &fault);
	const char *kind = json_string_value(json_object_get(jwk, "kty"));
	int err = 0;
	if (!jwk) {
		return fail(ret_error, "%.160s: %.60s", path, fault.text);
	}
	if (kind && strcmp(kind, "oct") == 0 &&
		decode(jwk, "k", signer->secret, SECRET_MAX, &signer->secret_len)) {
		signer->algorithm = "HS256";
	} else if (kind && strcmp(kind, "EC") == 0 && (signer->pair = read_pair(jwk))) {
		signer->algorithm = "ES256";
	} else {
		err = fail(ret_error,
			"%.120s: not a JWK for HS256 or ES256 with its private half: tidegate token "
			"--new=es256 --key=FILE makes one",
			path);
	}
	if (!err) {
		write_header(signer, jwk);
	}
	json_decref(jwk);
	return err;
}

/* --- signing -------------------------------------------------------------------------------------
 */

/* R and S, one behind the other, instead of OpenSSL's DER. RFC 7518 section 3.4. */
static bool to_pair_of_numbers(const uint8_t *der, size_t len, uint8_t ret_signature[SIGNATURE_LEN])
{
	ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool is_done =
		signature &&
		BN_bn2binpad(ECDSA_SIG_get0_r(signature), ret_signature, SIGNATURE_LEN / 2) > 0 &&
		BN_bn2binpad(ECDSA_SIG_get0_s(signature), ret_signature + SIGNATURE_LEN / 2,
			SIGNATURE_LEN / 2) > 0;
	ECDSA_SIG_free(signature);
	return is_done;
}

static bool sign_by_pair(
	EVP_PKEY *pair, const char *text, size_t len, uint8_t ret_signature[SIGNATURE_LEN])
{
	uint8_t der[DER_MAX];
	size_t der_len = sizeof(der);
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool is_done = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pair) > 0 &&
		       EVP_DigestSign(context, der, &der_len, (const uint8_t *)text, len) > 0 &&
		       to_pair_of_numbers(der, der_len, ret_signature);
	EVP_MD_CTX_free(context);
	return is_done;
}

/* Returns the signature's length, 0 when OpenSSL fails. */
static size_t sign(const struct signer *signer, const char *text, size_t len,
	uint8_t ret_signature[SIGNATURE_LEN])
{
	unsigned code_len = 0;
	if (signer->pair) {
		return sign_by_pair(signer->pair, text, len, ret_signature) ? SIGNATURE_LEN : 0;
	}
	return HMAC(EVP_sha256(), signer->secret, (int)signer->secret_len, (const uint8_t *)text,
		       len, ret_signature, &code_len)
		       ? code_len
		       : 0;
}

/* Returns the token's length, 0 when OpenSSL fails. */
static size_t write_token(
	const struct signer *signer, uint32_t user, time_t now, char ret_text[TOKEN_MAX])
{
	char claims[CLAIMS_MAX];
	uint8_t signature[SIGNATURE_LEN];
	int claims_len =
		snprintf(claims, sizeof(claims), "{\"sub\":\"u%06u\",\"iat\":%lld,\"exp\":%lld}",
			user, (long long)now, (long long)now + DAY_S);
	size_t len = (size_t)snprintf(ret_text, TOKEN_MAX, "%s.", signer->header);
	encode(claims, (size_t)claims_len, ret_text + len, TOKEN_MAX - len);
	len += strlen(ret_text + len);
	size_t signature_len = sign(signer, ret_text, len, signature);
	ret_text[len++] = '.';
	encode(signature, signature_len, ret_text + len, TOKEN_MAX - len);
	return signature_len > 0 ? len + strlen(ret_text + len) : 0;
}

/* All have the size of the first. */
static int make_all(const struct signer *signer, uint32_t first, uint32_t count,
	struct tokens *ret_tokens, char ret_error[TOKENS_ERROR_MAX])
{
	char text[TOKEN_MAX];
	const time_t now = time(NULL);
	const size_t len = write_token(signer, first, now, text);
	char *texts = calloc(count, len + 1);
	bool is_good = texts && len > 0;
	for (uint32_t i = 0; i < count && is_good; i++) {
		is_good = write_token(signer, first + i, now, text) == len;
		memcpy(texts + i * (len + 1), text, len + 1);
	}
	if (!is_good) {
		free(texts);
		fail(ret_error, "tokens cannot be made: %s",
			texts ? "OpenSSL does not sign" : "out of memory");
		return texts ? -EINVAL : -ENOMEM;
	}
	*ret_tokens = (struct tokens){
		.count = count, .size = len + 1, .texts = texts, .algorithm = signer->algorithm};
	return 0;
}

int tokens_make(const char *path, uint32_t first, uint32_t count, struct tokens *ret_tokens,
	char ret_error[TOKENS_ERROR_MAX])
{
	struct signer signer = {.algorithm = NULL};
	int err = read_key(path, &signer, ret_error);
	if (!err) {
		err = make_all(&signer, first, count, ret_tokens, ret_error);
	}
	EVP_PKEY_free(signer.pair);
	sodium_memzero(&signer, sizeof(signer));
	return err;
}

void tokens_finish(struct tokens *tokens)
{
	free(tokens->texts);
	*tokens = (struct tokens){.count = 0};
}
