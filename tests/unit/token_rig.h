/* Keys, files of them and tokens, right ones and wrong ones, for the tests of identity. */
#ifndef TIDEGATE_TOKEN_RIG_H
#define TIDEGATE_TOKEN_RIG_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "../../server/session/identity/base64url.h"
#include "../../server/session/identity/jwk.h"
#include "../../server/session/identity/key_file.h"
#include "../../server/session/identity/keys.h"
#include "../../server/session/identity/mint.h"
#include "kept_findings.h"

enum {
	RIG_TOKEN_MAX = 16384, /* bytes, more than are taken */
	RIG_SECRET_LEN = 64,
};

/* A file of its own for each process, gone when it ends. */
static char rig_path[64];

static void rig_remove(void)
{
	unlink(rig_path);
}

static const char *rig_write(const char *text)
{
	if (!rig_path[0]) {
		snprintf(rig_path, sizeof(rig_path), "/tmp/tidegate-keys-%d", (int)getpid());
		atexit(rig_remove);
	}
	FILE *file = fopen(rig_path, "w");
	assert_non_null(file);
	assert_int_equal(fchmod(fileno(file), 0600), 0);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
	return rig_path;
}

static struct kept_findings rig_findings;

/* The keys of a file with this text; NULL where it is refused, and rig_findings say why. */
static struct keys *rig_load(const char *text)
{
	struct keys *keys = NULL;
	kept_findings_init(&rig_findings);
	int err = keys_load(rig_write(text), &rig_findings.findings, &keys);
	assert_int_equal(err != 0, keys == NULL);
	assert_int_equal(err != 0, rig_findings.findings.faults != 0);
	return keys;
}

/* Any kind of key, for this algorithm alone. */
static struct key *rig_key(enum algorithm algorithm, const char *id)
{
	char fault[KEY_FAULT_MAX] = "";
	struct key *key = NULL;
	uint8_t secret[RIG_SECRET_LEN];
	int err;
	switch (algorithm_row(algorithm)->kind) {
	case KEY_SECRET:
		memset(secret, id[0] ? id[0] : 'x', sizeof(secret));
		err = key_of_secret(secret, sizeof(secret), slice_of(id), algorithm, &key, fault);
		break;
	case KEY_RSA:
		err = key_of_pair(EVP_RSA_gen(2048u), slice_of(id), algorithm, &key, fault);
		break;
	case KEY_P256:
		err = key_of_pair(EVP_EC_gen("P-256"), slice_of(id), algorithm, &key, fault);
		break;
	case KEY_P384:
		err = key_of_pair(EVP_EC_gen("P-384"), slice_of(id), algorithm, &key, fault);
		break;
	case KEY_P521:
		err = key_of_pair(EVP_EC_gen("P-521"), slice_of(id), algorithm, &key, fault);
		break;
	default:
		err = key_of_pair(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), slice_of(id), algorithm,
			&key, fault);
		break;
	}
	if (err) {
		fail_msg("%s: %s", algorithm_row(algorithm)->name, fault);
	}
	return key;
}

/* The half of a key that a gateway is given, as JSON. The caller's to free. */
static char *rig_public(const struct key *key)
{
	json_t *jwk = jwk_write(key, key->kind == KEY_SECRET);
	assert_non_null(jwk);
	char *text = json_dumps(jwk, JSON_COMPACT);
	assert_non_null(text);
	json_decref(jwk);
	return text;
}

/* The keys of a gateway that knows these. */
static struct keys *rig_keys_of(struct key *const *keys, size_t count)
{
	char *set = calloc(count + 1, 4096);
	assert_non_null(set);
	strcpy(set, "{\"keys\":[");
	for (size_t i = 0; i < count; i++) {
		char *text = rig_public(keys[i]);
		strcat(strcat(set, i ? "," : ""), text);
		free(text);
	}
	strcat(set, "]}");
	struct keys *loaded = rig_load(set);
	if (!loaded) {
		fail_msg("%s", rig_findings.text);
	}
	free(set);
	return loaded;
}

static inline struct keys *rig_keys(struct key *key)
{
	return rig_keys_of(&key, 1);
}

/* There must be room for it. */
static inline size_t rig_encode(char *at, const void *bytes, size_t len)
{
	return base64url_encode(bytes, len, at, BASE64URL_ENCODED(len));
}

/* A token with exactly this header and these claims, signed with the key, whatever they say. */
static const char *rig_sign(
	const struct key *key, enum algorithm algorithm, const char *header, const char *claims)
{
	static char token[RIG_TOKEN_MAX];
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;
	size_t len = rig_encode(token, header, strlen(header));
	token[len++] = '.';
	len += rig_encode(token + len, claims, strlen(claims));
	assert_int_equal(
		key_sign(key, algorithm, (struct slice){token, len}, signature, &signature_len), 0);
	token[len++] = '.';
	rig_encode(token + len, signature, signature_len);
	return token;
}

/* The same with the plain header of that algorithm. */
static inline const char *rig_token(
	const struct key *key, enum algorithm algorithm, const char *claims)
{
	char header[128];
	snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", algorithm_row(algorithm)->name);
	return rig_sign(key, algorithm, header, claims);
}

#endif
