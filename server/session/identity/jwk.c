#include "jwk.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base64url.h"

enum {
	NUMBER_MAX = KEY_RSA_BITS_MAX / 8, /* bytes */
	EXPONENT_MAX = 8,                  /* bytes of RSA's `e`: else verifying costs as signing */
	POINT_MAX = 1 + 2 * 66,
	ED25519_LEN = 32,
	SHOWN_MAX = 40, /* characters of what the file says */
};

static int fail(char ret_fault[KEY_FAULT_MAX], int err, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(char ret_fault[KEY_FAULT_MAX], int err, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(ret_fault, KEY_FAULT_MAX, format, arguments);
	va_end(arguments);
	return err;
}

/* --- members -----------------------------------------------------------------------------------
 */

static bool has(const json_t *jwk, const char *name)
{
	return json_object_get(jwk, name) != NULL;
}

/* NULL where there is none, or no string. */
static const char *text_of(const json_t *jwk, const char *name)
{
	return json_string_value(json_object_get(jwk, name));
}

static int read_bytes(const json_t *jwk, const char *name, uint8_t *ret_bytes, size_t size,
	size_t *ret_len, char ret_fault[KEY_FAULT_MAX])
{
	const json_t *value = json_object_get(jwk, name);
	const struct slice text = {json_string_value(value), json_string_length(value)};
	if (!text.data) {
		return fail(ret_fault, -EINVAL, "without a \"%s\"", name);
	}
	if (base64url_decode(text, ret_bytes, size, ret_len) < 0) {
		return fail(ret_fault, -EINVAL,
			"its \"%s\" is no base64url without padding of at most %zu bytes", name,
			size);
	}
	return 0;
}

static int read_exactly(const json_t *jwk, const char *name, uint8_t *ret_bytes, size_t wanted,
	char ret_fault[KEY_FAULT_MAX])
{
	size_t len;
	int err = read_bytes(jwk, name, ret_bytes, wanted, &len, ret_fault);
	if (!err && len != wanted) {
		err = fail(ret_fault, -EINVAL, "its \"%s\" has %zu bytes instead of %zu", name, len,
			wanted);
	}
	return err;
}

/* --- what it says of itself --------------------------------------------------------------------
 */

static bool lists(const json_t *list, const char *word)
{
	size_t index;
	const json_t *each;
	json_array_foreach(list, index, each)
	{
		if (json_is_string(each) && strcmp(json_string_value(each), word) == 0) {
			return true;
		}
	}
	return false;
}

/* RFC 7517 sections 4.2 and 4.3. */
static int check_use(const json_t *jwk, enum jwk_use use, char ret_fault[KEY_FAULT_MAX])
{
	const char *wanted = use == JWK_TO_SIGN ? "sign" : "verify";
	const char *its_use = text_of(jwk, "use");
	const json_t *operations = json_object_get(jwk, "key_ops");
	if (has(jwk, "use") && (!its_use || strcmp(its_use, "sig") != 0)) {
		return fail(ret_fault, -ENOTSUP, "its \"use\" is not \"sig\"");
	}
	if (operations && !lists(operations, wanted)) {
		return fail(ret_fault, -ENOTSUP, "its \"key_ops\" are without \"%s\"", wanted);
	}
	return 0;
}

static int read_algorithm(
	const json_t *jwk, enum algorithm *ret_only, char ret_fault[KEY_FAULT_MAX])
{
	const char *name = text_of(jwk, "alg");
	*ret_only = ALGORITHM_NONE;
	if (!has(jwk, "alg")) {
		return 0;
	}
	if (!name) {
		return fail(ret_fault, -EINVAL, "its \"alg\" is no string");
	}
	*ret_only = algorithm_of(slice_of(name));
	if (*ret_only == ALGORITHM_NONE) {
		return fail(ret_fault, -ENOTSUP, "its \"alg\" is %.*s, which signs no tokens here",
			SHOWN_MAX, name);
	}
	return 0;
}

/* That a private key does not lie where a public one is enough, and the other way round. */
static int check_half(const json_t *jwk, enum jwk_use use, char ret_fault[KEY_FAULT_MAX])
{
	static const char *const names[] = {"d", "p", "q", "dp", "dq", "qi", "oth"};
	bool is_private = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		is_private |= has(jwk, names[i]);
	}
	if (use == JWK_TO_VERIFY && is_private) {
		return fail(ret_fault, -EPERM,
			"a private key, which belongs with whoever makes the tokens; give its public half "
			"here: tidegate token --public --key=FILE");
	}
	if (use == JWK_TO_SIGN && !has(jwk, "d")) {
		return fail(ret_fault, -EPERM,
			"a public key, which cannot sign; give its private half");
	}
	return 0;
}

/* --- material ----------------------------------------------------------------------------------
 */

/* What OpenSSL makes a pair of. */
struct parts {
	OSSL_PARAM_BLD *build;
	BIGNUM *numbers[8];
	size_t count;
};

static bool push_number(struct parts *parts, const char *name, const uint8_t *bytes, size_t len)
{
	BIGNUM *number = BN_bin2bn(bytes, (int)len, NULL);
	parts->numbers[parts->count++] = number;
	return number && OSSL_PARAM_BLD_push_BN(parts->build, name, number) == 1;
}

/* Returns NULL where OpenSSL does not take them. */
static EVP_PKEY *make_pair(struct parts *parts, const char *type, bool is_private)
{
	EVP_PKEY *pair = NULL;
	OSSL_PARAM *parameters = OSSL_PARAM_BLD_to_param(parts->build);
	EVP_PKEY_CTX *maker = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!parameters || !maker || EVP_PKEY_fromdata_init(maker) != 1 ||
		EVP_PKEY_fromdata(maker, &pair, is_private ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
			parameters) != 1) {
		pair = NULL;
	}
	EVP_PKEY_CTX_free(maker);
	OSSL_PARAM_free(parameters);
	return pair;
}

static void finish_parts(struct parts *parts)
{
	for (size_t i = 0; i < parts->count; i++) {
		BN_clear_free(parts->numbers[i]);
	}
	OSSL_PARAM_BLD_free(parts->build);
	ERR_clear_error();
}

/* That the public half is one: a point on its curve, a modulus that can be one. */
static int check_pair(EVP_PKEY **pair, char ret_fault[KEY_FAULT_MAX])
{
	EVP_PKEY_CTX *check = *pair ? EVP_PKEY_CTX_new_from_pkey(NULL, *pair, NULL) : NULL;
	const bool is_good = check && EVP_PKEY_public_check(check) == 1;
	EVP_PKEY_CTX_free(check);
	if (!is_good) {
		ERR_clear_error();
		EVP_PKEY_free(*pair);
		*pair = NULL;
		return fail(ret_fault, -EINVAL, "its numbers are no key");
	}
	return 0;
}

static int read_rsa(
	const json_t *jwk, bool is_private, EVP_PKEY **ret_pair, char ret_fault[KEY_FAULT_MAX])
{
	static const struct {
		const char *name;
		const char *parameter;
		size_t size;
	} rows[] = {
		{"n", OSSL_PKEY_PARAM_RSA_N, NUMBER_MAX},
		{"e", OSSL_PKEY_PARAM_RSA_E, EXPONENT_MAX},
		{"d", OSSL_PKEY_PARAM_RSA_D, NUMBER_MAX},
		{"p", OSSL_PKEY_PARAM_RSA_FACTOR1, NUMBER_MAX},
		{"q", OSSL_PKEY_PARAM_RSA_FACTOR2, NUMBER_MAX},
		{"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1, NUMBER_MAX},
		{"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2, NUMBER_MAX},
		{"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1, NUMBER_MAX},
	};
	const size_t count = is_private ? sizeof(rows) / sizeof(rows[0]) : 2;
	struct parts parts = {.build = OSSL_PARAM_BLD_new()};
	uint8_t bytes[NUMBER_MAX];
	int err = parts.build ? 0 : -ENOMEM;
	for (size_t i = 0; i < count && !err; i++) {
		size_t len;
		err = read_bytes(jwk, rows[i].name, bytes, rows[i].size, &len, ret_fault);
		if (!err && !push_number(&parts, rows[i].parameter, bytes, len)) {
			err = -ENOMEM;
		}
	}
	OPENSSL_cleanse(bytes, sizeof(bytes));
	EVP_PKEY *pair = err ? NULL : make_pair(&parts, "RSA", is_private);
	finish_parts(&parts);
	err = err ? err : check_pair(&pair, ret_fault);
	if (!err) {
		*ret_pair = pair;
	}
	return err;
}

static int read_ec(
	const json_t *jwk, bool is_private, EVP_PKEY **ret_pair, char ret_fault[KEY_FAULT_MAX])
{
	static const struct {
		const char *name;
		size_t len;
	} curves[] = {{"P-256", 32}, {"P-384", 48}, {"P-521", 66}};
	const char *curve = text_of(jwk, "crv");
	uint8_t point[POINT_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	uint8_t secret[POINT_MAX];
	size_t row = 0;
	while (row < 3 && curve && strcmp(curve, curves[row].name) != 0) {
		row++;
	}
	if (!curve || row == 3) {
		return fail(ret_fault, -ENOTSUP, "its \"crv\" is none of P-256, P-384 and P-521");
	}
	const size_t len = curves[row].len;
	int err = read_exactly(jwk, "x", point + 1, len, ret_fault);
	err = err ? err : read_exactly(jwk, "y", point + 1 + len, len, ret_fault);
	err = err || !is_private ? err : read_exactly(jwk, "d", secret, len, ret_fault);
	if (err) {
		return err;
	}
	struct parts parts = {.build = OSSL_PARAM_BLD_new()};
	EVP_PKEY *pair = NULL;
	if (parts.build &&
		OSSL_PARAM_BLD_push_utf8_string(
			parts.build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0) == 1 &&
		OSSL_PARAM_BLD_push_octet_string(
			parts.build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * len) == 1 &&
		(!is_private || push_number(&parts, OSSL_PKEY_PARAM_PRIV_KEY, secret, len))) {
		pair = make_pair(&parts, "EC", is_private);
	}
	finish_parts(&parts);
	OPENSSL_cleanse(secret, sizeof(secret));
	err = check_pair(&pair, ret_fault);
	if (!err) {
		*ret_pair = pair;
	}
	return err;
}

static int read_ed25519(
	const json_t *jwk, bool is_private, EVP_PKEY **ret_pair, char ret_fault[KEY_FAULT_MAX])
{
	const char *curve = text_of(jwk, "crv");
	uint8_t bytes[ED25519_LEN];
	if (!curve || strcmp(curve, "Ed25519") != 0) {
		return fail(ret_fault, -ENOTSUP, "its \"crv\" is not Ed25519");
	}
	int err = read_exactly(jwk, is_private ? "d" : "x", bytes, sizeof(bytes), ret_fault);
	if (err) {
		return err;
	}
	EVP_PKEY *pair = is_private ? EVP_PKEY_new_raw_private_key_ex(
					      NULL, "ED25519", NULL, bytes, sizeof(bytes))
				    : EVP_PKEY_new_raw_public_key_ex(
					      NULL, "ED25519", NULL, bytes, sizeof(bytes));
	OPENSSL_cleanse(bytes, sizeof(bytes));
	if (!pair) {
		ERR_clear_error();
		return -ENOMEM;
	}
	*ret_pair = pair;
	return 0;
}

static int read_secret(const json_t *jwk, struct slice id, enum algorithm only,
	struct key **ret_key, char ret_fault[KEY_FAULT_MAX])
{
	uint8_t secret[NUMBER_MAX];
	size_t len;
	int err = read_bytes(jwk, "k", secret, sizeof(secret), &len, ret_fault);
	err = err ? err : key_of_secret(secret, len, id, only, ret_key, ret_fault);
	OPENSSL_cleanse(secret, sizeof(secret));
	return err;
}

static int read_pair(const json_t *jwk, const char *type, enum jwk_use use, struct slice id,
	enum algorithm only, struct key **ret_key, char ret_fault[KEY_FAULT_MAX])
{
	const bool is_private = use == JWK_TO_SIGN;
	EVP_PKEY *pair;
	int err = check_half(jwk, use, ret_fault);
	if (err) {
		return err;
	}
	if (strcmp(type, "RSA") == 0) {
		err = read_rsa(jwk, is_private, &pair, ret_fault);
	} else if (strcmp(type, "EC") == 0) {
		err = read_ec(jwk, is_private, &pair, ret_fault);
	} else {
		err = read_ed25519(jwk, is_private, &pair, ret_fault);
	}
	return err ? err : key_of_pair(pair, id, only, ret_key, ret_fault);
}

int jwk_read(
	const json_t *jwk, enum jwk_use use, struct key **ret_key, char ret_fault[KEY_FAULT_MAX])
{
	const char *type = text_of(jwk, "kty");
	const json_t *id = json_object_get(jwk, "kid");
	enum algorithm only;
	if (!type) {
		return fail(ret_fault, -EINVAL, "no JWK: without a \"kty\"");
	}
	if (strcmp(type, "oct") != 0 && strcmp(type, "RSA") != 0 && strcmp(type, "EC") != 0 &&
		strcmp(type, "OKP") != 0) {
		return fail(ret_fault, -ENOTSUP, "its \"kty\" is none of RSA, EC, OKP and oct");
	}
	if (id && !json_is_string(id)) {
		return fail(ret_fault, -EINVAL, "its \"kid\" is no string");
	}
	int err = check_use(jwk, use, ret_fault);
	err = err ? err : read_algorithm(jwk, &only, ret_fault);
	if (err) {
		return err;
	}
	const struct slice its_id = {json_string_value(id), json_string_length(id)};
	return strcmp(type, "oct") == 0
		       ? read_secret(jwk, its_id, only, ret_key, ret_fault)
		       : read_pair(jwk, type, use, its_id, only, ret_key, ret_fault);
}

/* --- writing -----------------------------------------------------------------------------------
 */

static bool put(json_t *jwk, const char *name, const uint8_t *bytes, size_t len)
{
	char text[BASE64URL_ENCODED(NUMBER_MAX)];
	base64url_encode(bytes, len, text, sizeof(text));
	const bool is_put = json_object_set_new(jwk, name, json_string(text)) == 0;
	OPENSSL_cleanse(text, sizeof(text));
	return is_put;
}

/* A number of the pair, in `len` bytes; 0: as few as it takes. */
static bool put_number(
	json_t *jwk, const char *name, const EVP_PKEY *pair, const char *parameter, int len)
{
	uint8_t bytes[NUMBER_MAX];
	BIGNUM *number = NULL;
	if (EVP_PKEY_get_bn_param(pair, parameter, &number) != 1) {
		return false;
	}
	len = len ? len : BN_num_bytes(number);
	const bool is_put = len <= NUMBER_MAX && BN_bn2binpad(number, bytes, len) == len &&
			    put(jwk, name, bytes, (size_t)len);
	BN_clear_free(number);
	OPENSSL_cleanse(bytes, sizeof(bytes));
	return is_put;
}

static bool put_rsa(json_t *jwk, const EVP_PKEY *pair, bool is_private)
{
	static const char *const names[][2] = {
		{"d", OSSL_PKEY_PARAM_RSA_D},
		{"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
		{"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
		{"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
		{"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
		{"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
	};
	bool is_put = json_object_set_new(jwk, "kty", json_string("RSA")) == 0 &&
		      put_number(jwk, "n", pair, OSSL_PKEY_PARAM_RSA_N, 0) &&
		      put_number(jwk, "e", pair, OSSL_PKEY_PARAM_RSA_E, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && is_private; i++) {
		is_put = is_put && put_number(jwk, names[i][0], pair, names[i][1], 0);
	}
	return is_put;
}

static bool put_ec(json_t *jwk, const EVP_PKEY *pair, const char *curve, int len, bool is_private)
{
	return json_object_set_new(jwk, "kty", json_string("EC")) == 0 &&
	       json_object_set_new(jwk, "crv", json_string(curve)) == 0 &&
	       put_number(jwk, "x", pair, OSSL_PKEY_PARAM_EC_PUB_X, len) &&
	       put_number(jwk, "y", pair, OSSL_PKEY_PARAM_EC_PUB_Y, len) &&
	       (!is_private || put_number(jwk, "d", pair, OSSL_PKEY_PARAM_PRIV_KEY, len));
}

static bool put_ed25519(json_t *jwk, const EVP_PKEY *pair, bool is_private)
{
	uint8_t bytes[ED25519_LEN];
	size_t len = sizeof(bytes);
	bool is_put = json_object_set_new(jwk, "kty", json_string("OKP")) == 0 &&
		      json_object_set_new(jwk, "crv", json_string("Ed25519")) == 0 &&
		      EVP_PKEY_get_raw_public_key(pair, bytes, &len) == 1 &&
		      put(jwk, "x", bytes, len);
	if (is_put && is_private) {
		is_put = EVP_PKEY_get_raw_private_key(pair, bytes, &len) == 1 &&
			 put(jwk, "d", bytes, len);
		OPENSSL_cleanse(bytes, sizeof(bytes));
	}
	return is_put;
}

static bool put_material(json_t *jwk, const struct key *key, bool is_private)
{
	switch (key->kind) {
	case KEY_SECRET:
		return is_private && json_object_set_new(jwk, "kty", json_string("oct")) == 0 &&
		       put(jwk, "k", key->secret, key->secret_len);
	case KEY_RSA:
		return put_rsa(jwk, key->pair, is_private);
	case KEY_P256:
		return put_ec(jwk, key->pair, "P-256", 32, is_private);
	case KEY_P384:
		return put_ec(jwk, key->pair, "P-384", 48, is_private);
	case KEY_P521:
		return put_ec(jwk, key->pair, "P-521", 66, is_private);
	case KEY_ED25519:
		return put_ed25519(jwk, key->pair, is_private);
	}
	return false;
}

/* The one algorithm that it is for. */
static bool put_use(json_t *jwk, const struct key *key)
{
	const bool is_only = (key->algorithms & (key->algorithms - 1)) == 0;
	const char *name = algorithm_row(key_default_algorithm(key))->name;
	return json_object_set_new(jwk, "use", json_string("sig")) == 0 &&
	       (!is_only || json_object_set_new(jwk, "alg", json_string(name)) == 0) &&
	       (!key->id[0] || json_object_set_new(jwk, "kid", json_string(key->id)) == 0);
}

json_t *jwk_write(const struct key *key, bool is_private)
{
	json_t *jwk = json_object();
	if (!put_material(jwk, key, is_private) || !put_use(jwk, key)) {
		ERR_clear_error();
		json_decref(jwk);
		return NULL;
	}
	return jwk;
}
