/* Tokens: whatever is sent, and behind a right signature whatever an issuer may have written. Who
 * is let in has a name that he may have and a time at which it ends; who is not leaves nothing
 * behind. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../server/session/identity/base64url.h"
#include "../../server/session/identity/claims.h"
#include "../../server/session/identity/jwk.h"
#include "../../server/session/identity/mint.h"
#include "../../server/session/identity/token.h"
#include "secret_file.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum {
	NOW = 1700000000,
	TEXT_MAX = 4096,
};

static struct rights_table *table;
static struct key *key;
static struct keys *keys;

static void ignore(void *user, enum finding kind, const char *line)
{
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct findings findings = {.tell = ignore};
	const uint8_t secret[64] = "a secret that is no secret";
	char fault[KEY_FAULT_MAX];
	assert(rights_table_create(&table) == 0);
	assert(key_of_secret(secret, sizeof(secret), (struct slice){"", 0}, ALGORITHM_NONE, &key,
		       fault) == 0);
	json_t *jwk = jwk_write(key, true);
	char *text = json_dumps(jwk, 0);
	assert(keys_load(secret_file(text, strlen(text)), &findings, &keys) == 0);
	free(text);
	json_decref(jwk);
	return 0;
}

static void judge(const char *token, size_t len)
{
	static const struct token_rules kinds[] = {
		{.audience = NULL}, {.audience = "chat", .issuer = "idp"}};
	for (size_t i = 0; i < 2; i++) {
		struct token_rules rules = kinds[i];
		struct token_claims claims;
		memset(&claims, 0xff, sizeof(claims));
		rules.rights = table;
		if (token_judge(keys, &rules, token, len, NOW, &claims) != TOKEN_GOOD) {
			assert(rights_table_count(table) == 0);
			continue;
		}
		assert(user_name_is_valid(claims.user, claims.user_len));
		assert(claims.device_len <= DEVICE_NAME_MAX);
		assert(claims.ends_s + TOKEN_LEEWAY_S > NOW && claims.ends_s < 1ull << 40);
		assert(claims.rights);
		rights_may_join(claims.rights, (struct slice){"lobby", 5});
		rights_unref(&claims.rights);
		assert(rights_table_count(table) == 0);
	}
}

/* What is read where it lies is what jansson reads: a blank in front leaves it to that. */
static void read_twice(const uint8_t *data, size_t len)
{
	static char spaced[TEXT_MAX + 1] = " ";
	struct claims claims;
	struct claims other;
	memcpy(spaced + 1, data, len);
	const int err = claims_read((struct slice){(const char *)data, len}, &claims);
	assert(claims_read((struct slice){spaced, len + 1}, &other) == err);
	for (int i = 0; i < CLAIM_COUNT && !err; i++) {
		assert(claims.at[i].kind == other.at[i].kind);
		assert(claims.at[i].number == other.at[i].number);
		assert(slice_equals(claims.at[i].text, other.at[i].text));
	}
	if (!err) {
		claims_finish(&claims);
		claims_finish(&other);
	}
}

/* A header, a line's end, claims: signed. */
static void judge_signed(const uint8_t *data, size_t len)
{
	static char token[3 * TEXT_MAX];
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;
	const uint8_t *end = memchr(data, '\n', len);
	if (!end || len > TEXT_MAX) {
		return;
	}
	const size_t header_len = (size_t)(end - data);
	size_t at = base64url_encode(data, header_len, token, BASE64URL_ENCODED(header_len));
	token[at++] = '.';
	const size_t claims_len = len - header_len - 1;
	read_twice(end + 1, claims_len);
	at += base64url_encode(end + 1, claims_len, token + at, BASE64URL_ENCODED(claims_len));
	assert(key_sign(key, ALGORITHM_HS256, (struct slice){token, at}, signature,
		       &signature_len) == 0);
	token[at++] = '.';
	at += base64url_encode(
		signature, signature_len, token + at, BASE64URL_ENCODED(signature_len));
	judge(token, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* A copy of its own size: what is read behind it is found. */
	char *token = malloc(len ? len : 1);
	assert(token);
	memcpy(token, len ? data : (const uint8_t *)"", len);
	judge(token, len);
	free(token);
	judge_signed(data, len);
	return 0;
}
