/* Files of keys: what is taken can be used and verifies nothing by chance; a fault is told in a
 * line of text, and none of it without. A key to sign with verifies what it signs, and is the same
 * when it is written and read again. */
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../server/session/identity/jwk.h"
#include "../../server/session/identity/keys.h"
#include "../../server/session/identity/mint.h"
#include "secret_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void look_at(void *user, enum finding kind, const char *line)
{
	assert(line[0]);
	for (; *line; line++) {
		assert(!iscntrl((unsigned char)*line));
	}
}

static void try_all(const struct keys *keys)
{
	static const uint8_t zeros[KEY_SIGNATURE_MAX];
	static const size_t lens[] = {0, 32, 64, 96, 132, 256, 1024};
	assert(keys_count(keys) > 0 && keys_count(keys) <= KEYS_MAX);
	for (int algorithm = 0; algorithm < ALGORITHM_COUNT; algorithm++) {
		for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			assert(!keys_verify(keys, (enum algorithm)algorithm,
				(struct slice){NULL, 0}, (struct slice){"text", 4}, zeros,
				lens[i]));
		}
	}
	for (size_t i = 0; i < keys_count(keys); i++) {
		assert(keys_has(keys, keys, i));
		assert(keys_id(keys, i).data[keys_id(keys, i).len] == '\0');
	}
}

static void load(const char *path)
{
	struct findings findings = {.tell = look_at};
	struct keys *keys = NULL;
	int err = keys_load(path, &findings, &keys);
	assert((err == 0) == (keys != NULL));
	assert((err == 0) == (findings.faults == 0));
	if (keys) {
		try_all(keys);
	}
	keys_unref(&keys);
}

/* A private key whose numbers do not belong together signs nothing, or nothing that it verifies. */
static void sign(const char *path)
{
	struct key *key = NULL;
	char fault[KEY_FAULT_MAX] = "";
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len;
	if (mint_read_key(path, &key, fault) < 0) {
		assert(!key && fault[0]);
		return;
	}
	const enum algorithm algorithm = key_default_algorithm(key);
	const struct slice text = {"text", 4};
	if (key_sign(key, algorithm, text, signature, &len) == 0) {
		key_verify(key, algorithm, text, signature, len);
	}
	json_t *jwk = jwk_write(key, true);
	struct key *again = NULL;
	if (jwk && jwk_read(jwk, JWK_TO_SIGN, &again, fault) == 0) {
		assert(key_equals(key, again));
		key_destroy(&again);
	}
	json_decref(jwk);
	key_destroy(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const char *path = secret_file(data, len);
	load(path);
	sign(path);
	return 0;
}
