#include "mint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include <sodium.h>

#include "base64url.h"
#include "key_file.h"

enum {
	ID_LEN = 9, /* bytes of a key's id, twelve characters */
};

/* --- keys --------------------------------------------------------------------------------------
 */

static EVP_PKEY *make_pair(enum key_kind kind)
{
	switch (kind) {
	case KEY_RSA:
		return EVP_RSA_gen((unsigned)KEY_RSA_BITS_MIN);
	case KEY_P256:
		return EVP_EC_gen("P-256");
	case KEY_ED25519:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	default:
		return NULL;
	}
}

int mint_key(enum algorithm algorithm, struct key **ret_key)
{
	const enum key_kind kind = algorithm_row(algorithm)->kind;
	char fault[KEY_FAULT_MAX];
	uint8_t chance[ID_LEN];
	char id[BASE64URL_ENCODED(ID_LEN)];
	uint8_t secret[MINT_SECRET_LEN];
	randombytes_buf(chance, sizeof(chance));
	base64url_encode(chance, sizeof(chance), id, sizeof(id));
	if (algorithm == ALGORITHM_HS256) {
		randombytes_buf(secret, sizeof(secret));
		int err = key_of_secret(
			secret, sizeof(secret), slice_of(id), algorithm, ret_key, fault);
		sodium_memzero(secret, sizeof(secret));
		return err;
	}
	if (algorithm != ALGORITHM_ES256 && algorithm != ALGORITHM_EDDSA &&
		algorithm != ALGORITHM_RS256) {
		return -ENOTSUP;
	}
	EVP_PKEY *pair = make_pair(kind);
	if (!pair) {
		ERR_clear_error();
		return -EIO;
	}
	return key_of_pair(pair, slice_of(id), algorithm, ret_key, fault);
}

static int fail(char ret_fault[KEY_FAULT_MAX], int err, const char *fault)
{
	snprintf(ret_fault, KEY_FAULT_MAX, "%s", fault);
	return err;
}

static int read_text(
	const struct secret_text *text, struct key **ret_key, char ret_fault[KEY_FAULT_MAX])
{
	size_t at = 0;
	if (key_text_is_pem(text)) {
		return key_text_next_pem(text, JWK_TO_SIGN, &at, ret_key, ret_fault);
	}
	json_t *jwk = key_text_parse(text, ret_fault);
	if (!jwk) {
		return -EINVAL;
	}
	int err = json_object_get(jwk, "keys")
			  ? fail(ret_fault, -EINVAL, "a set of keys; give one of them")
			  : jwk_read(jwk, JWK_TO_SIGN, ret_key, ret_fault);
	json_decref(jwk);
	return err;
}

int mint_read_key(const char *path, struct key **ret_key, char ret_fault[KEY_FAULT_MAX])
{
	struct secret_text text;
	int err = secret_file_read(path, &text);
	if (err) {
		return fail(ret_fault, err, secret_file_fault(err));
	}
	fail(ret_fault, 0, "out of memory");
	err = read_text(&text, ret_key, ret_fault);
	secret_text_finish(&text);
	return err;
}

/* --- tokens ------------------------------------------------------------------------------------
 */

static json_t *make_header(const struct key *key, enum algorithm algorithm)
{
	json_t *header =
		json_pack("{s:s, s:s}", "alg", algorithm_row(algorithm)->name, "typ", "JWT");
	if (header && key->id[0] && json_object_set_new(header, "kid", json_string(key->id)) < 0) {
		json_decref(header);
		return NULL;
	}
	return header;
}

/* Appends a part to a token, with a dot in front of it unless it is the first. */
static int append(char **token, const void *bytes, size_t len)
{
	const size_t old = *token ? strlen(*token) + 1 : 0;
	const size_t size = BASE64URL_ENCODED(len);
	char *grown = realloc(*token, old + size);
	if (!grown) {
		return -ENOMEM;
	}
	if (old) {
		grown[old - 1] = '.';
	}
	base64url_encode(bytes, len, grown + old, size);
	*token = grown;
	return 0;
}

static int append_json(char **token, const json_t *json)
{
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	int err = text ? append(token, text, strlen(text)) : -ENOMEM;
	free(text);
	return err;
}

int mint_token(
	const struct key *key, enum algorithm algorithm, const json_t *claims, char **ret_token)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len;
	char *token = NULL;
	json_t *header = make_header(key, algorithm);
	int err = append_json(&token, header);
	json_decref(header);
	err = err ? err : append_json(&token, claims);
	err = err ? err : key_sign(key, algorithm, slice_of(token), signature, &len);
	err = err ? err : append(&token, signature, len);
	if (err) {
		free(token);
		return err;
	}
	*ret_token = token;
	return 0;
}
