/* SHA256_Init and its like are deprecated since OpenSSL 3.0, but they allocate nothing and look
 * nothing up under locks that all workers of a login storm would share; EVP_MAC allocates two
 * contexts for each text, which costs as much as the hash of a token. */
#define OPENSSL_API_COMPAT 10100

#include "hmac.h"

#include <string.h>

#include <openssl/crypto.h>

enum {
	INNER = 0x36, /* RFC 2104 section 2 */
	OUTER = 0x5c,
};

/* --- hashes ------------------------------------------------------------------------------------
 */

static size_t block_len(enum hmac_hash hash)
{
	return hash == HMAC_SHA256 ? SHA256_CBLOCK : SHA512_CBLOCK;
}

static void begin(union hmac_state *state, enum hmac_hash hash)
{
	switch (hash) {
	case HMAC_SHA256:
		SHA256_Init(&state->sha256);
		break;
	case HMAC_SHA384:
		SHA384_Init(&state->sha512);
		break;
	case HMAC_SHA512:
		SHA512_Init(&state->sha512);
		break;
	}
}

static void update(union hmac_state *state, enum hmac_hash hash, const uint8_t *bytes, size_t len)
{
	if (hash == HMAC_SHA256) {
		SHA256_Update(&state->sha256, bytes, len);
	} else {
		SHA512_Update(&state->sha512, bytes, len);
	}
}

/* Returns the digest's length. */
static size_t finish(union hmac_state *state, enum hmac_hash hash, uint8_t *ret_digest)
{
	if (hash == HMAC_SHA256) {
		SHA256_Final(ret_digest, &state->sha256);
		return SHA256_DIGEST_LENGTH;
	}
	SHA512_Final(ret_digest, &state->sha512);
	return hash == HMAC_SHA384 ? SHA384_DIGEST_LENGTH : SHA512_DIGEST_LENGTH;
}

/* --- codes -------------------------------------------------------------------------------------
 */

/* A key that is longer than a block is replaced by its digest. Returns the length that it has. */
static size_t shorten(enum hmac_hash hash, const uint8_t **key, size_t len,
	uint8_t ret_digest[SHA512_DIGEST_LENGTH])
{
	if (len <= block_len(hash)) {
		return len;
	}
	union hmac_state state;
	begin(&state, hash);
	update(&state, hash, *key, len);
	len = finish(&state, hash, ret_digest);
	OPENSSL_cleanse(&state, sizeof(state));
	*key = ret_digest;
	return len;
}

static void begin_with(
	union hmac_state *state, enum hmac_hash hash, const uint8_t *key, size_t len, uint8_t mask)
{
	uint8_t masked[SHA512_CBLOCK];
	memset(masked, mask, sizeof(masked));
	for (size_t i = 0; i < len; i++) {
		masked[i] ^= key[i];
	}
	begin(state, hash);
	update(state, hash, masked, block_len(hash));
	OPENSSL_cleanse(masked, sizeof(masked));
}

void hmac_init(struct hmac *hmac, enum hmac_hash hash, const uint8_t *key, size_t len)
{
	uint8_t digest[SHA512_DIGEST_LENGTH];
	len = shorten(hash, &key, len, digest);
	hmac->hash = hash;
	begin_with(&hmac->inner, hash, key, len, INNER);
	begin_with(&hmac->outer, hash, key, len, OUTER);
	OPENSSL_cleanse(digest, sizeof(digest));
}

void hmac_finish(struct hmac *hmac)
{
	OPENSSL_cleanse(hmac, sizeof(*hmac));
}

/* Goes on from a state, which stays as it is. */
static size_t go_on(const union hmac_state *begun, enum hmac_hash hash, const uint8_t *text,
	size_t len, uint8_t *ret_digest)
{
	union hmac_state state;
	if (hash == HMAC_SHA256) {
		state.sha256 = begun->sha256;
	} else {
		state.sha512 = begun->sha512;
	}
	update(&state, hash, text, len);
	len = finish(&state, hash, ret_digest);
	OPENSSL_cleanse(&state, hash == HMAC_SHA256 ? sizeof(state.sha256) : sizeof(state.sha512));
	return len;
}

size_t hmac_code(
	const struct hmac *hmac, const uint8_t *text, size_t len, uint8_t ret_code[HMAC_CODE_MAX])
{
	len = go_on(&hmac->inner, hmac->hash, text, len, ret_code);
	return go_on(&hmac->outer, hmac->hash, ret_code, len, ret_code);
}
