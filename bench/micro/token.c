/* What a login costs with a token: to take it apart, to verify it and to read its claims, beside
 * OpenSSL's own verifying of a signature that is already taken apart. Then what a stranger's costs,
 * that is refused, and what a set of rights adds. */
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../server/session/identity/jwk.h"
#include "../../server/session/identity/keys.h"
#include "../../server/session/identity/mint.h"
#include "../../server/session/identity/token.h"
#include "../measure.h"

enum {
	OPS = 500, /* of one run */
	NOW = 1700000000,
};

/* What an identity provider says of somebody, more or less. */
static const char plain_claims[] = "{\"iss\":\"https://login.example.org/realms/chat\","
				   "\"aud\":\"chat\",\"sub\":\"1f0e3dad-9990-4c19-9c2d-4a3c1e0f\","
				   "\"iat\":1700000000,\"exp\":1700003600,\"device\":\"phone\"}";
static const char claims_with_rights[] =
	"{\"iss\":\"https://login.example.org/realms/chat\",\"aud\":\"chat\","
	"\"sub\":\"1f0e3dad-9990-4c19-9c2d-4a3c1e0f\",\"iat\":1700000000,\"exp\":1700003600,"
	"\"device\":\"phone\",\"tg\":{\"say\":[\"@*\",\"#team-*\",\"#lobby\"],"
	"\"join\":[\"team-*\",\"lobby\"],\"request\":true}}";

/* One kind of token.
 * Owner: main. */
struct kind {
	enum algorithm algorithm;
	struct key *key;
	struct keys *keys; /* a gateway's */
	struct token_rules rules;
	struct token_memo memo; /* as a worker has one */
	char *token;
	enum token_verdict wanted;
	uint64_t done;
	/* For OpenSSL alone: what is signed, and the signature as it takes it. */
	const uint8_t *text;
	size_t text_len;
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t signature_len;
};

static void judge(void *context)
{
	struct kind *kind = context;
	const size_t len = strlen(kind->token);
	kind->done = 0;
	kind->rules.memo = &kind->memo;
	for (int i = 0; i < OPS; i++) {
		struct token_claims claims;
		const enum token_verdict verdict =
			token_judge(kind->keys, &kind->rules, kind->token, len, NOW, &claims);
		kind->done += verdict == kind->wanted;
		if (verdict == TOKEN_GOOD) {
			rights_unref(&claims.rights);
		}
	}
}

/* As a program would that holds the key and nothing else. */
static void verify(void *context)
{
	struct kind *kind = context;
	const EVP_MD *digest = kind->algorithm == ALGORITHM_EDDSA ? NULL : EVP_sha256();
	kind->done = 0;
	for (int i = 0; i < OPS; i++) {
		EVP_MD_CTX *verifier = EVP_MD_CTX_new();
		CHECK(EVP_DigestVerifyInit(verifier, NULL, digest, NULL, kind->key->pair) == 1);
		kind->done += EVP_DigestVerify(verifier, kind->signature, kind->signature_len,
				      kind->text, kind->text_len) == 1;
		EVP_MD_CTX_free(verifier);
	}
}

static void make_code(void *context)
{
	struct kind *kind = context;
	kind->done = 0;
	for (int i = 0; i < OPS; i++) {
		uint8_t code[EVP_MAX_MD_SIZE];
		unsigned len;
		kind->done += HMAC(EVP_sha256(), kind->key->secret, (int)kind->key->secret_len,
				      kind->text, kind->text_len, code, &len) != NULL;
	}
}

static void all_done(void *context)
{
	const struct kind *kind = context;
	CHECK(kind->done == OPS);
}

static struct keys *set_of(const struct key *key)
{
	char path[] = "/tmp/tidegate-bench-keys-XXXXXX";
	struct findings findings = {.tell = findings_tell_terminal};
	struct keys *keys;
	json_t *jwk = jwk_write(key, key->kind == KEY_SECRET);
	int fd = mkstemp(path);
	CHECK(fd >= 0 && json_dumpfd(jwk, fd, 0) == 0);
	CHECK(keys_load(path, &findings, &keys) == 0);
	unlink(path);
	close(fd);
	json_decref(jwk);
	return keys;
}

/* A signature of OpenSSL's own form over the same text. */
static void sign_for_openssl(struct kind *kind)
{
	const EVP_MD *digest = kind->algorithm == ALGORITHM_EDDSA ? NULL : EVP_sha256();
	kind->text = (const uint8_t *)kind->token;
	kind->text_len = (size_t)(strrchr(kind->token, '.') - kind->token);
	kind->signature_len = sizeof(kind->signature);
	if (kind->algorithm == ALGORITHM_HS256) {
		return;
	}
	EVP_MD_CTX *signer = EVP_MD_CTX_new();
	CHECK(EVP_DigestSignInit(signer, NULL, digest, NULL, kind->key->pair) == 1);
	CHECK(EVP_DigestSign(signer, kind->signature, &kind->signature_len, kind->text,
		      kind->text_len) == 1);
	EVP_MD_CTX_free(signer);
}

static char *make_token(const struct kind *kind, const char *text)
{
	char *token;
	json_t *claims = json_loads(text, 0, NULL);
	CHECK(mint_token(kind->key, kind->algorithm, claims, &token) == 0);
	json_decref(claims);
	return token;
}

static double run(struct kind *kind, const char *what, void (*work)(void *context))
{
	char name[64];
	snprintf(name, sizeof(name), "%s %s", algorithm_row(kind->algorithm)->name, what);
	return measure_run(&(struct measure){
		.name = name, .ops = OPS, .run = work, .verify = all_done, .context = kind});
}

static void measure_kind(enum algorithm algorithm, struct rights_table *table)
{
	struct kind kind = {
		.algorithm = algorithm,
		.rules = {.audience = "chat", .rights = table},
	};
	CHECK(mint_key(algorithm, &kind.key) == 0);
	kind.keys = set_of(kind.key);
	kind.token = make_token(&kind, plain_claims);
	sign_for_openssl(&kind);
	const double alone =
		run(&kind, "OpenSSL alone", algorithm == ALGORITHM_HS256 ? make_code : verify);
	const double whole = run(&kind, "token", judge);
	printf("    %.2f us more, %.0f %%\n", (whole - alone) / 1e3, 100 * (whole / alone - 1));
	free(kind.token);

	kind.token = make_token(&kind, claims_with_rights);
	run(&kind, "token with rights", judge);
	kind.wanted = TOKEN_BAD;
	char *changed = kind.token + strlen(kind.token) - 3;
	*changed = *changed == 'A' ? 'B' : 'A';
	run(&kind, "token of a stranger", judge);
	free(kind.token);
	keys_unref(&kind.keys);
	key_destroy(&kind.key);
}

int main(void)
{
	static const enum algorithm algorithms[] = {
		ALGORITHM_HS256, ALGORITHM_RS256, ALGORITHM_ES256, ALGORITHM_EDDSA};
	struct rights_table *table;
	CHECK(rights_table_create(&table) == 0);
	measure_begin("tokens");
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		measure_kind(algorithms[i], table);
	}
	rights_table_destroy(&table);
	return 0;
}
