/* Tokens, right ones, and everything that could be tried instead of one, as it is listed in
 * server/session/identity/THREATS.md. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>

#include "../../server/session/identity/json_bounds.h"
#include "../../server/session/identity/token.h"
#include "token_rig.h"

enum {
	NOW = 1700000000,
};

#define GOOD_CLAIMS "{\"sub\":\"bob\",\"exp\":1700003600}"

static struct rights_table *table;
static struct key *key;   /* the one that tokens are signed with here */
static struct keys *keys; /* a gateway's that knows it */
static struct key *pairs[ALGORITHM_COUNT];

static int set_up(void **state)
{
	assert_int_equal(rights_table_create(&table), 0);
	key = rig_key(ALGORITHM_HS256, "");
	keys = rig_keys(key);
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		pairs[i] = rig_key((enum algorithm)i, "");
	}
	return 0;
}

static int tear_down(void **state)
{
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		key_destroy(&pairs[i]);
	}
	key_destroy(&key);
	keys_unref(&keys);
	assert_int_equal(rights_table_count(table), 0);
	rights_table_destroy(&table);
	return 0;
}

/* What would still stand there if nothing was written. */
static const struct token_claims untouched = {.user = "nobody", .user_len = 6, .ends_s = 1};
static struct token_claims claimed;
static struct token_rules rules;
static struct token_memo memo; /* of all cases, whatever their keys */

static enum token_verdict judge_by_rules(
	const struct keys *its_keys, const char *token, size_t len, uint64_t now_s)
{
	claimed = untouched;
	rules.rights = table;
	const enum token_verdict verdict =
		token_judge(its_keys, &rules, token, len, now_s, &claimed);
	if (verdict == TOKEN_GOOD) {
		rights_unref(&claimed.rights);
	} else {
		assert_memory_equal(&claimed, &untouched, sizeof(claimed));
	}
	return verdict;
}

/* What is remembered of a header changes no verdict: not of the token that it is of, not of the
 * same again, not of any other. */
static enum token_verdict judge_with(
	const struct keys *its_keys, const char *token, size_t len, uint64_t now_s)
{
	rules.memo = &memo;
	const enum token_verdict first = judge_by_rules(its_keys, token, len, now_s);
	assert_int_equal(judge_by_rules(its_keys, token, len, now_s), first);
	rules.memo = NULL;
	assert_int_equal(judge_by_rules(its_keys, token, len, now_s), first);
	return first;
}

static enum token_verdict judge(const char *token)
{
	return judge_with(keys, token, strlen(token), NOW);
}

static enum token_verdict judge_claims_at(const char *claims, uint64_t now_s)
{
	const char *token = rig_token(key, ALGORITHM_HS256, claims);
	return judge_with(keys, token, strlen(token), now_s);
}

static enum token_verdict judge_claims(const char *claims)
{
	return judge_claims_at(claims, NOW);
}

static enum token_verdict judge_header(const char *header)
{
	return judge(rig_sign(key, ALGORITHM_HS256, header, GOOD_CLAIMS));
}

struct claims_row {
	const char *claims;
	enum token_verdict verdict;
};

static void expect_claims(const struct claims_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const enum token_verdict verdict = judge_claims(rows[i].claims);
		if (verdict != rows[i].verdict) {
			fail_msg("%s: %d, not %d", rows[i].claims, verdict, rows[i].verdict);
		}
	}
}

#define EXPECT_CLAIMS(rows) expect_claims(rows, sizeof(rows) / sizeof((rows)[0]))

/* --- right ones --------------------------------------------------------------------------------
 */

static void test_good_ones(void **state)
{
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		struct keys *its_keys = rig_keys(pairs[i]);
		const char *token = rig_token(pairs[i], (enum algorithm)i, GOOD_CLAIMS);
		if (judge_with(its_keys, token, strlen(token), NOW) != TOKEN_GOOD) {
			fail_msg("%s", algorithm_row((enum algorithm)i)->name);
		}
		assert_int_equal(claimed.user_len, 3);
		assert_memory_equal(claimed.user, "bob", 3);
		assert_int_equal(claimed.ends_s, 1700003600);
		assert_false(claimed.has_device);
		keys_unref(&its_keys);
	}
}

/* RFC 9864 calls EdDSA with that curve so. */
static void test_ed25519_by_its_own_name(void **state)
{
	struct keys *its_keys = rig_keys(pairs[ALGORITHM_EDDSA]);
	const char *token = rig_sign(pairs[ALGORITHM_EDDSA], ALGORITHM_EDDSA,
		"{\"alg\":\"Ed25519\",\"typ\":\"JWT\"}", GOOD_CLAIMS);
	assert_int_equal(judge_with(its_keys, token, strlen(token), NOW), TOKEN_GOOD);
	keys_unref(&its_keys);
}

static void test_minted_ones(void **state)
{
	static const enum algorithm algorithms[] = {
		ALGORITHM_HS256, ALGORITHM_ES256, ALGORITHM_EDDSA, ALGORITHM_RS256};
	json_t *claims = json_loads(GOOD_CLAIMS, 0, NULL);
	struct key *minted = NULL;
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		char *token = NULL;
		assert_int_equal(mint_key(algorithms[i], &minted), 0);
		struct keys *its_keys = rig_keys(minted);
		assert_int_equal(mint_token(minted, algorithms[i], claims, &token), 0);
		assert_int_equal(judge_with(its_keys, token, strlen(token), NOW), TOKEN_GOOD);
		free(token);
		keys_unref(&its_keys);
		key_destroy(&minted);
	}
	assert_int_equal(mint_key(ALGORITHM_ES512, &minted), -ENOTSUP);
	json_decref(claims);
}

static void test_none_and_too_long(void **state)
{
	char token[TOKEN_MAX + 2];
	assert_int_equal(judge(""), TOKEN_NONE);
	/* One of the greatest length, filled up by a claim that nobody asks for. */
	char claims[TOKEN_MAX];
	size_t fill = 2900;
	do {
		fill++;
		snprintf(claims, sizeof(claims),
			"{\"sub\":\"bob\",\"exp\":1700003600,\"x\":\"%0*d\"}", (int)fill, 0);
		snprintf(token, sizeof(token), "%s", rig_token(key, ALGORITHM_HS256, claims));
	} while (strlen(token) < TOKEN_MAX);
	assert_int_equal(strlen(token), TOKEN_MAX);
	assert_int_equal(judge(token), TOKEN_GOOD);
	snprintf(claims, sizeof(claims), "{\"sub\":\"bob\",\"exp\":1700003600,\"x\":\"%0*d\"}",
		(int)fill + 1, 0);
	assert_int_equal(judge(rig_token(key, ALGORITHM_HS256, claims)), TOKEN_BAD);
}

/* --- altered ones ------------------------------------------------------------------------------
 */

/* Each byte, turned into each other that there is. */
static void test_each_byte_changed(void **state)
{
	char token[512];
	snprintf(token, sizeof(token), "%s", rig_token(key, ALGORITHM_HS256, GOOD_CLAIMS));
	const size_t len = strlen(token);
	for (size_t at = 0; at < len; at++) {
		const char was = token[at];
		for (int byte = 0; byte < 256; byte++) {
			token[at] = (char)byte;
			if (token[at] != was && judge_with(keys, token, len, NOW) != TOKEN_BAD) {
				fail_msg("byte %zu as %d", at, byte);
			}
		}
		token[at] = was;
	}
	assert_int_equal(judge(token), TOKEN_GOOD);
}

/* The same for each kind of signature, a bit at a time. */
static void test_each_bit_changed(void **state)
{
	static const enum algorithm algorithms[] = {
		ALGORITHM_RS256, ALGORITHM_PS256, ALGORITHM_ES256, ALGORITHM_EDDSA};
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		struct key *its_key = pairs[algorithms[i]];
		struct keys *its_keys = rig_keys(its_key);
		char token[1024];
		snprintf(
			token, sizeof(token), "%s", rig_token(its_key, algorithms[i], GOOD_CLAIMS));
		const size_t len = strlen(token);
		for (size_t at = 0; at < len; at++) {
			token[at] ^= (char)(1 << at % 7);
			if (judge_with(its_keys, token, len, NOW) != TOKEN_BAD) {
				fail_msg("%s: byte %zu", algorithm_row(algorithms[i])->name, at);
			}
			token[at] ^= (char)(1 << at % 7);
		}
		assert_int_equal(judge_with(its_keys, token, len, NOW), TOKEN_GOOD);
		keys_unref(&its_keys);
	}
}

static void test_each_beginning_and_each_end(void **state)
{
	char token[512];
	snprintf(token, sizeof(token), "%s", rig_token(key, ALGORITHM_HS256, GOOD_CLAIMS));
	const size_t len = strlen(token);
	for (size_t at = 1; at < len; at++) {
		assert_int_equal(judge_with(keys, token, at, NOW), TOKEN_BAD);
		assert_int_equal(judge_with(keys, token + at, len - at, NOW), TOKEN_BAD);
	}
	/* A byte more, or one in between. */
	for (size_t at = 0; at <= len; at++) {
		static const char more[] = {'A', '.', '=', '\n', ' ', '\0', '-'};
		char longer[sizeof(token) + 1];
		memcpy(longer, token, at);
		memcpy(longer + at + 1, token + at, len - at);
		for (size_t i = 0; i < sizeof(more); i++) {
			longer[at] = more[i];
			if (judge_with(keys, longer, len + 1, NOW) != TOKEN_BAD) {
				fail_msg("%d more at %zu", more[i], at);
			}
		}
	}
}

static void test_parts(void **state)
{
	char token[512];
	char other[2048];
	snprintf(token, sizeof(token), "%s", rig_token(key, ALGORITHM_HS256, GOOD_CLAIMS));
	char *header = strtok(token, ".");
	char *claims = strtok(NULL, ".");
	char *signature = strtok(NULL, ".");
	const char *const parts[] = {header, claims, signature, ""};
	size_t good = 0;
	/* All orders, repetitions and holes. */
	for (int i = 0; i < 4 * 4 * 4; i++) {
		snprintf(other, sizeof(other), "%s.%s.%s", parts[i / 16], parts[i / 4 % 4],
			parts[i % 4]);
		good += judge(other) == TOKEN_GOOD;
	}
	assert_int_equal(good, 1);
	static const char *const forms[] = {"%s", "%s.", ".%s", "%s.%s", "%s.%s.", ".%s.%s",
		".%s.%s.%s", "%s.%s.%s.", "%s..%s.%s", "%s.%s..%s", "%s.%s.%s.AAAA",
		"%s.%s.%s.AAAA.AAAA"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
		snprintf(other, sizeof(other), forms[i], header, claims, signature);
#pragma GCC diagnostic pop
		assert_int_equal(judge(other), TOKEN_BAD);
	}
	/* The JSON forms of RFC 7515 section 7.2 are none of ours. */
	snprintf(other, sizeof(other),
		"{\"protected\":\"%s\",\"payload\":\"%s\",\"signature\":\"%s\"}", header, claims,
		signature);
	assert_int_equal(judge(other), TOKEN_BAD);
}

/* A signature has one spelling: what is over in its last character is nothing. */
static void test_bits_that_are_over(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char token[512];
	size_t good = 0;
	snprintf(token, sizeof(token), "%s", rig_token(key, ALGORITHM_HS256, GOOD_CLAIMS));
	char *last = token + strlen(token) - 1;
	for (size_t i = 0; i < 64; i++) {
		*last = alphabet[i];
		good += judge(token) == TOKEN_GOOD;
	}
	assert_int_equal(good, 1);
	/* Nor has a header, though its signature be right. */
	static const struct {
		const char *header;
		enum token_verdict verdict;
	} rows[] = {
		{"eyJhbGciOiJIUzI1NiJ9", TOKEN_GOOD},
		{"eyJhbGciOiJIUzI1NiJ9=", TOKEN_BAD},
		{"eyJhbGciOiJIUzI1NiJ9====", TOKEN_BAD},
		{"eyJhbGciOiJIUzI1NiJ9\n", TOKEN_BAD},
		{"eyJhbGciOiJIUzI1NiIgfQ", TOKEN_GOOD},
		{"eyJhbGciOiJIUzI1NiIgfQ==", TOKEN_BAD},
		{"eyJhbGciOiJIUzI1NiIgfR", TOKEN_BAD},
		{"eyJhbGciOiJIUzI1NiIgfV", TOKEN_BAD},
		{"eyJhbGciOiJIUzI1Ni J9", TOKEN_BAD},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t signature[KEY_SIGNATURE_MAX];
		size_t signature_len;
		char claims[128];
		rig_encode(claims, GOOD_CLAIMS, strlen(GOOD_CLAIMS));
		int len = snprintf(token, sizeof(token), "%s.%s", rows[i].header, claims);
		assert_int_equal(key_sign(key, ALGORITHM_HS256, (struct slice){token, (size_t)len},
					 signature, &signature_len),
			0);
		token[len++] = '.';
		rig_encode(token + len, signature, signature_len);
		if (judge(token) != rows[i].verdict) {
			fail_msg("%s", rows[i].header);
		}
	}
}

/* --- headers -----------------------------------------------------------------------------------
 */

/* Without a signature, with an empty one, and with one that would be right for HS256. */
static void test_algorithm_none(void **state)
{
	static const char *const names[] = {"\"none\"", "\"None\"", "\"NONE\"", "\"nOnE\"",
		"\"none \"", "\" none\"", "\"none\\u0009\"", "\"\"", "\"hs256\"", "\"HS256 \"",
		"\"HS-256\"", "\"HS257\"", "\"HS1\"", "\"HS256,none\"", "null", "true", "0", "256",
		"[\"HS256\"]", "{\"HS256\":1}", "[]", "\"A256GCM\"", "\"RSA-OAEP\"", "\"dir\"",
		"\"ES256K\"", "\"Ed448\"", "\"RS1\""};
	char header[128];
	char token[512];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(header, sizeof(header), "{\"alg\":%s}", names[i]);
		snprintf(token, sizeof(token), "%s",
			rig_sign(key, ALGORITHM_HS256, header, GOOD_CLAIMS));
		if (judge(token) != TOKEN_BAD) {
			fail_msg("%s, signed", names[i]);
		}
		char *signature = strrchr(token, '.') + 1;
		strcpy(signature, "AA");
		assert_int_equal(judge(token), TOKEN_BAD);
		*signature = '\0';
		if (judge(token) != TOKEN_BAD) {
			fail_msg("%s, without a signature", names[i]);
		}
	}
	/* RFC 7519 section 6.1. */
	assert_int_equal(judge("eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQo"
			       "gImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."),
		TOKEN_BAD);
	assert_int_equal(judge_header("{}"), TOKEN_BAD);
}

static void test_headers(void **state)
{
	static const struct {
		const char *header;
		enum token_verdict verdict;
	} rows[] = {
		{"{\"alg\":\"HS256\"}", TOKEN_GOOD},
		{" {\"typ\":\"at+jwt\",\"cty\":\"x\",\"alg\":\"HS256\",\"later\":[1,2]} ",
			TOKEN_GOOD},
		{"{\"alg\":\"HS256\",\"kid\":\"any\"}", TOKEN_GOOD},
		{"{\"\\u0061lg\":\"HS256\"}", TOKEN_GOOD},
		{"{\"alg\":\"HS256\",\"kid\":7}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"kid\":null}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"kid\":[\"any\"]}", TOKEN_BAD},
		/* Nothing that could be critical is known here. */
		{"{\"alg\":\"HS256\",\"crit\":[\"exp\"],\"exp\":1}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"crit\":[]}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"crit\":null}", TOKEN_BAD},
		/* Said twice. */
		{"{\"alg\":\"HS256\",\"alg\":\"HS256\"}", TOKEN_BAD},
		{"{\"alg\":\"none\",\"alg\":\"HS256\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"\\u0061lg\":\"none\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"x\":{\"y\":1,\"y\":1}}", TOKEN_BAD},
		/* No JSON, or no object. */
		{"[\"HS256\"]", TOKEN_BAD},
		{"\"HS256\"", TOKEN_BAD},
		{"{\"alg\":\"HS256\"", TOKEN_BAD},
		{"{\"alg\":\"HS256\",}", TOKEN_BAD},
		{"{\"alg\":\"HS256\"}x", TOKEN_BAD},
		{"{\"alg\":\"HS256\"}{}", TOKEN_BAD},
		{"{'alg':'HS256'}", TOKEN_BAD},
		{"{alg:\"HS256\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\"/**/}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"x\":\"\xff\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"x\":\"\\ud800\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"x\":\"\\u0000\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"x\\u0000\":1}", TOKEN_BAD},
		{"\xef\xbb\xbf{\"alg\":\"HS256\"}", TOKEN_BAD},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (judge_header(rows[i].header) != rows[i].verdict) {
			fail_msg("%s", rows[i].header);
		}
	}
}

/* A stranger signs with a key of his own, and brings it along. */
static void test_keys_that_a_token_brings(void **state)
{
	struct key *theirs = pairs[ALGORITHM_ES256];
	char *jwk = rig_public(theirs);
	static const char *const forms[] = {
		"{\"alg\":\"ES256\",\"jwk\":%s}",
		"{\"alg\":\"ES256\",\"jku\":\"http://127.0.0.1:9/keys\",\"jwk\":%s}",
		"{\"alg\":\"ES256\",\"x5u\":\"file:///tmp/cert.pem\",\"jwk\":%s}",
		"{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"],\"x5t\":\"AAAA\",\"jwk\":%s}",
		"{\"alg\":\"ES256\",\"kid\":\"../../../../dev/null\",\"jwk\":%s}",
		"{\"alg\":\"ES256\",\"kid\":\"' OR 1=1 --\",\"jwk\":%s}",
	};
	struct key *ours = rig_key(ALGORITHM_ES256, "");
	struct keys *both = rig_keys_of((struct key *[]){key, ours}, 2);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		char header[1024];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(header, sizeof(header), forms[i], jwk);
#pragma GCC diagnostic pop
		const char *token = rig_sign(theirs, ALGORITHM_ES256, header, GOOD_CLAIMS);
		assert_int_equal(judge_with(both, token, strlen(token), NOW), TOKEN_BAD);
		/* Nor does it harm a good one. */
		token = rig_sign(ours, ALGORITHM_ES256, header, GOOD_CLAIMS);
		assert_int_equal(judge_with(both, token, strlen(token), NOW), TOKEN_GOOD);
	}
	free(jwk);
	key_destroy(&ours);
	keys_unref(&both);
}

/* What is public of a pair, as the secret of a code: all the forms in which it is known. */
static size_t public_forms(const struct key *pair, uint8_t forms[4][2048], size_t lens[4])
{
	size_t count = 0;
	uint8_t *der = forms[count];
	lens[count++] = (size_t)i2d_PUBKEY(pair->pair, &der);
	BIO *out = BIO_new(BIO_s_mem());
	PEM_write_bio_PUBKEY(out, pair->pair);
	lens[count] = (size_t)BIO_read(out, forms[count], sizeof(forms[count]));
	count++;
	/* The same without its last newline, as it is often kept. */
	memcpy(forms[count], forms[count - 1], lens[count - 1]);
	lens[count] = lens[count - 1] - 1;
	count++;
	char *jwk = rig_public(pair);
	lens[count] = strlen(jwk);
	memcpy(forms[count], jwk, lens[count]);
	count++;
	free(jwk);
	BIO_free(out);
	return count;
}

static void test_confused_keys(void **state)
{
	static const enum algorithm algorithms[] = {
		ALGORITHM_RS256, ALGORITHM_ES256, ALGORITHM_EDDSA};
	static const char *const codes[] = {"HS256", "HS384", "HS512"};
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
		uint8_t forms[4][2048];
		size_t lens[4];
		struct key *pair = pairs[algorithms[i]];
		struct keys *only_pair = rig_keys(pair);
		struct keys *with_secret = rig_keys_of((struct key *[]){pair, key}, 2);
		const size_t count = public_forms(pair, forms, lens);
		for (size_t form = 0; form < count * 3; form++) {
			const enum algorithm code = (enum algorithm)(ALGORITHM_HS256 + form % 3);
			char fault[KEY_FAULT_MAX];
			char header[64];
			struct key *secret = NULL;
			if (key_of_secret(forms[form / 3], lens[form / 3], SLICE(""), code, &secret,
				    fault) != 0) {
				continue; /* the DER of Ed25519 is too short for HS512 */
			}
			snprintf(header, sizeof(header), "{\"alg\":\"%s\"}", codes[form % 3]);
			const char *token = rig_sign(secret, code, header, GOOD_CLAIMS);
			assert_int_equal(
				judge_with(only_pair, token, strlen(token), NOW), TOKEN_BAD);
			assert_int_equal(
				judge_with(with_secret, token, strlen(token), NOW), TOKEN_BAD);
			key_destroy(&secret);
		}
		keys_unref(&only_pair);
		keys_unref(&with_secret);
	}
}

/* A signature that is right, under the name of each other algorithm. */
static void test_other_algorithms(void **state)
{
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		struct keys *its_keys = rig_keys(pairs[i]);
		for (int name = 0; name < ALGORITHM_COUNT; name++) {
			char header[64];
			snprintf(header, sizeof(header), "{\"alg\":\"%s\"}",
				algorithm_row((enum algorithm)name)->name);
			const char *token =
				rig_sign(pairs[i], (enum algorithm)i, header, GOOD_CLAIMS);
			assert_int_equal(judge_with(its_keys, token, strlen(token), NOW),
				name == i ? TOKEN_GOOD : TOKEN_BAD);
		}
		keys_unref(&its_keys);
	}
}

/* Of a key that is for one algorithm alone none of its kind. */
static void test_a_key_for_one_algorithm(void **state)
{
	struct keys *its_keys = rig_keys(pairs[ALGORITHM_PS256]);
	json_t *jwk = jwk_write(pairs[ALGORITHM_PS256], true);
	char fault[KEY_FAULT_MAX];
	struct key *any = NULL;
	json_object_del(jwk, "alg");
	assert_int_equal(jwk_read(jwk, JWK_TO_SIGN, &any, fault), 0);
	json_decref(jwk);
	for (int i = ALGORITHM_RS256; i <= ALGORITHM_PS512; i++) {
		const char *token = rig_token(any, (enum algorithm)i, GOOD_CLAIMS);
		assert_int_equal(judge_with(its_keys, token, strlen(token), NOW),
			i == ALGORITHM_PS256 ? TOKEN_GOOD : TOKEN_BAD);
	}
	key_destroy(&any);
	keys_unref(&its_keys);
}

/* ECDSA in DER, as OpenSSL has it; of zeros; and too short by one. */
static void test_other_forms_of_ecdsa(void **state)
{
	struct key *pair = pairs[ALGORITHM_ES256];
	struct keys *its_keys = rig_keys(pair);
	char token[1024];
	uint8_t der[128];
	size_t der_len = sizeof(der);
	snprintf(token, sizeof(token), "%s", rig_token(pair, ALGORITHM_ES256, GOOD_CLAIMS));
	char *signature = strrchr(token, '.') + 1;
	EVP_MD_CTX *signer = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestSignInit(signer, NULL, EVP_sha256(), NULL, pair->pair), 1);
	assert_int_equal(EVP_DigestSign(signer, der, &der_len, (const uint8_t *)token,
				 (size_t)(signature - token - 1)),
		1);
	EVP_MD_CTX_free(signer);
	rig_encode(signature, der, der_len);
	assert_int_equal(judge_with(its_keys, token, strlen(token), NOW), TOKEN_BAD);
	/* CVE-2022-21449: R and S of zero. */
	memset(der, 0, sizeof(der));
	for (size_t len = 0; len <= 66; len++) {
		rig_encode(signature, der, len);
		assert_int_equal(judge_with(its_keys, token, strlen(token), NOW), TOKEN_BAD);
	}
	memset(der, 0xff, sizeof(der));
	rig_encode(signature, der, 64);
	assert_int_equal(judge_with(its_keys, token, strlen(token), NOW), TOKEN_BAD);
	keys_unref(&its_keys);
}

/* --- claims ------------------------------------------------------------------------------------
 */

static void test_what_is_no_set_of_claims(void **state)
{
	static const struct claims_row rows[] = {
		{GOOD_CLAIMS, TOKEN_GOOD},
		{" " GOOD_CLAIMS "\r\n", TOKEN_GOOD},
		{"{}", TOKEN_BAD},
		{"[]", TOKEN_BAD},
		{"null", TOKEN_BAD},
		{"7", TOKEN_BAD},
		{"\"bob\"", TOKEN_BAD},
		{"[" GOOD_CLAIMS "]", TOKEN_BAD},
		{GOOD_CLAIMS GOOD_CLAIMS, TOKEN_BAD},
		{GOOD_CLAIMS "x", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,}", TOKEN_BAD},
		/* Said twice, the same or not, with and without escapes, and inside. */
		{"{\"sub\":\"bob\",\"sub\":\"bob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"sub\":\"eve\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"s\\u0075b\":\"eve\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1,\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"x\":{\"a\":1,\"a\":2}}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"tg\":{\"all\":false,\"all\":true}}",
			TOKEN_BAD},
		/* Names are to the letter. */
		{"{\"Sub\":\"bob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"EXP\":1700003600}", TOKEN_BAD},
		{"{\"subject\":\"bob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"su\":\"bob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exq\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"nbff\":true,\"nb\":true}", TOKEN_GOOD},
		{"{\"\":1,\"exp\":1700003600,\"s\":2,\"e\":3,\"sub\":\"bob\"}", TOKEN_GOOD},
		{"{\"\\u0065xp\":1700003600,\"s\\u0075b\":\"bob\"}", TOKEN_GOOD},
	};
	EXPECT_CLAIMS(rows);
}

static void test_forms_of_exp(void **state)
{
	static const struct claims_row rows[] = {
		{"{\"sub\":\"bob\"}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1.7000036e9}", TOKEN_GOOD},
		{"{\"sub\":\"bob\",\"exp\":17000036E2}", TOKEN_GOOD},
		{"{\"sub\":\"bob\",\"exp\":1700003600.999}", TOKEN_GOOD},
		{"{\"sub\":\"bob\",\"exp\":253402300799}", TOKEN_GOOD},
		/* Milliseconds would be good for 50,000 years. */
		{"{\"sub\":\"bob\",\"exp\":1700003600000}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":253402300800}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":253402300800.0}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":9223372036854775807}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":9223372036854775808}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":18446744073709551616}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1e300}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1e400}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":-1}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":-1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":-1e300}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":-0.5}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":NaN}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":Infinity}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":0x7fffffff}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":01700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":+1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":\"1700003600\"}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":\"never\"}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":null}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":true}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":[1700003600]}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":{\"n\":1700003600}}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":0}", TOKEN_EXPIRED},
		{"{\"sub\":\"bob\",\"exp\":-0}", TOKEN_EXPIRED},
		{"{\"sub\":\"bob\",\"exp\":1e-300}", TOKEN_EXPIRED},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"nbf\":\"0\"}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"nbf\":null}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"nbf\":-1}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"nbf\":1e300}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"nbf\":0}", TOKEN_GOOD},
	};
	EXPECT_CLAIMS(rows);
	assert_int_equal(judge_claims("{\"sub\":\"bob\",\"exp\":1700003600.999}"), TOKEN_GOOD);
	assert_int_equal(claimed.ends_s, 1700003600);
}

/* One leeway of 30 s, to the second. */
static void test_clocks(void **state)
{
	const char *claims = "{\"sub\":\"bob\",\"exp\":1700003600,\"nbf\":1700000000}";
	assert_int_equal(judge_claims_at(claims, 1699999969), TOKEN_NOT_YET);
	assert_int_equal(judge_claims_at(claims, 1699999970), TOKEN_GOOD);
	assert_int_equal(judge_claims_at(claims, 1700003629), TOKEN_GOOD);
	assert_int_equal(judge_claims_at(claims, 1700003630), TOKEN_EXPIRED);
	assert_int_equal(judge_claims_at(claims, 0), TOKEN_NOT_YET);
	assert_int_equal(judge_claims_at(claims, UINT32_MAX), TOKEN_EXPIRED);
	/* A fraction makes it shorter, never longer. */
	claims = "{\"sub\":\"bob\",\"exp\":1700003599.9,\"nbf\":1699999999.1}";
	assert_int_equal(judge_claims_at(claims, 1699999969), TOKEN_NOT_YET);
	assert_int_equal(judge_claims_at(claims, 1699999970), TOKEN_GOOD);
	assert_int_equal(judge_claims_at(claims, 1700003628), TOKEN_GOOD);
	assert_int_equal(judge_claims_at(claims, 1700003629), TOKEN_EXPIRED);
	/* One that ends before it begins is over first. */
	claims = "{\"sub\":\"bob\",\"exp\":1700000000,\"nbf\":1700009999}";
	assert_int_equal(judge_claims_at(claims, 1700000000), TOKEN_NOT_YET);
	assert_int_equal(judge_claims_at(claims, 1700000030), TOKEN_EXPIRED);
	/* Of a bad one nobody hears whether it was in time. */
	assert_int_equal(judge_claims_at("{\"sub\":\"\",\"exp\":1}", NOW), TOKEN_BAD);
}

static void test_users(void **state)
{
	static const struct claims_row rows[] = {
		{"{\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":null,\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":7,\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":[\"bob\"],\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\" bob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"bob \",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"b\\nob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"b\\u0000ob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"b\\u202eob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"x-- FROM bob\",\"exp\":1700003600}", TOKEN_BAD},
		{"{\"sub\":\"\\u00e9l\\u00e8ve\",\"exp\":1700003600}", TOKEN_GOOD},
		{"{\"sub\":\"0123456789012345678901234567890123456789012345678901234567890123\","
		 "\"exp\":1700003600}",
			TOKEN_GOOD},
		{"{\"sub\":\"01234567890123456789012345678901234567890123456789012345678901234\","
		 "\"exp\":1700003600}",
			TOKEN_BAD},
	};
	EXPECT_CLAIMS(rows);
}

static void test_devices(void **state)
{
	static const struct claims_row rows[] = {
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"device\":7}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"device\":null}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"device\":\" a\"}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"device\":\"0123456789012345678901234567890"
		 "12\"}",
			TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"device\":\"0123456789012345678901234567890"
		 "1\"}",
			TOKEN_GOOD},
	};
	EXPECT_CLAIMS(rows);
	assert_int_equal(claimed.device_len, 32);
	assert_int_equal(judge_claims("{\"sub\":\"bob\",\"exp\":1700003600,\"device\":\"phone\"}"),
		TOKEN_GOOD);
	assert_true(claimed.has_device);
	assert_int_equal(claimed.device_len, 5);
	assert_memory_equal(claimed.device, "phone", 5);
	assert_int_equal(
		judge_claims("{\"sub\":\"bob\",\"exp\":1700003600,\"device\":\"\"}"), TOKEN_GOOD);
	assert_true(claimed.has_device);
	assert_int_equal(claimed.device_len, 0);
}

static void test_audiences_and_issuers(void **state)
{
	static const struct {
		const char *claims; /* beside `sub` and `exp` */
		enum token_verdict open;
		enum token_verdict strict; /* with an audience and an issuer that are asked for */
	} rows[] = {
		{"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":\"gate\",\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_GOOD},
		{",\"aud\":[\"gate\"],\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_GOOD},
		{",\"aud\":[\"x\",\"gate\"],\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_GOOD},
		{",\"aud\":\"gate\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":\"gate2\",\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":\"gat\",\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":\"Gate\",\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":[],\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":[\"gat\",\"e\"],\"iss\":\"idp\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":\"gate\",\"iss\":\"idp2\"", TOKEN_GOOD, TOKEN_BAD},
		{",\"aud\":\"gate\",\"iss\":[\"idp\"]", TOKEN_BAD, TOKEN_BAD},
		{",\"aud\":[\"gate\",7],\"iss\":\"idp\"", TOKEN_BAD, TOKEN_BAD},
		{",\"aud\":[[\"gate\"]],\"iss\":\"idp\"", TOKEN_BAD, TOKEN_BAD},
		{",\"aud\":{\"gate\":1},\"iss\":\"idp\"", TOKEN_BAD, TOKEN_BAD},
		{",\"aud\":null,\"iss\":\"idp\"", TOKEN_BAD, TOKEN_BAD},
		{",\"aud\":\"gate\",\"iss\":7", TOKEN_BAD, TOKEN_BAD},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char claims[256];
		snprintf(claims, sizeof(claims), "{\"sub\":\"bob\",\"exp\":1700003600%s}",
			rows[i].claims);
		rules = (struct token_rules){.audience = NULL};
		assert_int_equal(judge_claims(claims), rows[i].open);
		rules = (struct token_rules){.audience = "gate", .issuer = "idp"};
		const enum token_verdict verdict = judge_claims(claims);
		rules = (struct token_rules){.audience = NULL};
		if (verdict != rows[i].strict) {
			fail_msg("%s: %d", claims, verdict);
		}
	}
}

static void test_rights(void **state)
{
	static const struct claims_row rows[] = {
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"tg\":{}}", TOKEN_GOOD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"tg\":null}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"tg\":[]}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"tg\":{\"say\":[\"*\"]}}", TOKEN_BAD},
		{"{\"sub\":\"bob\",\"exp\":1700003600,\"tg\":{\"all\":\"yes\"}}", TOKEN_BAD},
	};
	EXPECT_CLAIMS(rows);
	const char *token = rig_token(key, ALGORITHM_HS256,
		"{\"sub\":\"bob\",\"exp\":1700003600,\"tg\":{\"join\":[\"lobby\"]}}");
	rules.rights = table;
	struct token_claims its = {.user_len = 0};
	struct token_claims others = {.user_len = 0};
	assert_int_equal(token_judge(keys, &rules, token, strlen(token), NOW, &its), TOKEN_GOOD);
	assert_int_equal(token_judge(keys, &rules, token, strlen(token), NOW, &others), TOKEN_GOOD);
	assert_ptr_equal(its.rights, others.rights);
	assert_true(rights_may_join(its.rights, SLICE("lobby")));
	assert_false(rights_may_join(its.rights, SLICE("other")));
	assert_false(rights_may_request(its.rights));
	rights_unref(&its.rights);
	rights_unref(&others.rights);
	token = rig_token(key, ALGORITHM_HS256, GOOD_CLAIMS);
	assert_int_equal(token_judge(keys, &rules, token, strlen(token), NOW, &its), TOKEN_GOOD);
	assert_ptr_equal(its.rights, rights_default());
	rights_unref(&its.rights);
}

/* A header is remembered when its signature was right, and only then. */
static void test_what_is_remembered(void **state)
{
	static const struct token_memo none;
	struct token_claims its = {.user_len = 0};
	struct token_memo own = none;
	const struct token_rules with = {.rights = table, .memo = &own};
	char token[TOKEN_MAX];
	strcpy(token, rig_token(key, ALGORITHM_HS256, GOOD_CLAIMS));
	char *last = token + strlen(token) - 2;
	const char kept = *last;
	*last = kept == 'A' ? 'B' : 'A';
	assert_int_equal(token_judge(keys, &with, token, strlen(token), NOW, &its), TOKEN_BAD);
	assert_memory_equal(&own, &none, sizeof(own));
	*last = kept;
	assert_int_equal(token_judge(keys, &with, token, strlen(token), NOW, &its), TOKEN_GOOD);
	rights_unref(&its.rights);
	assert_int_equal(own.header_len, strcspn(token, "."));
	assert_memory_equal(own.header, token, own.header_len);
	const struct token_memo before = own;
	*last = kept == 'A' ? 'B' : 'A';
	assert_int_equal(token_judge(keys, &with, token, strlen(token), NOW, &its), TOKEN_BAD);
	assert_memory_equal(&own, &before, sizeof(own));
}

/* What is remembered is a header's meaning, never that a key was right. */
static void test_what_is_remembered_is_of_no_key(void **state)
{
	struct key *others_key = rig_key(ALGORITHM_HS256, "other");
	struct keys *others = rig_keys(others_key);
	struct token_memo own = {.header_len = 0};
	const struct token_rules with = {.rights = table, .memo = &own};
	const struct {
		const struct keys *keys;
		const struct key *key;
		enum algorithm algorithm;
		const char *header;
		enum token_verdict verdict;
	} rows[] = {
		{keys, key, ALGORITHM_HS256, "{\"alg\":\"HS256\"}", TOKEN_GOOD},
		/* The keys have changed: by the old one, and by one of them. */
		{others, key, ALGORITHM_HS256, "{\"alg\":\"HS256\"}", TOKEN_BAD},
		{others, others_key, ALGORITHM_HS256, "{\"alg\":\"HS256\"}", TOKEN_GOOD},
		{keys, others_key, ALGORITHM_HS256, "{\"alg\":\"HS256\"}", TOKEN_BAD},
		{keys, key, ALGORITHM_HS256, "{\"alg\":\"HS256\"}", TOKEN_GOOD},
		/* A byte is another. */
		{keys, key, ALGORITHM_HS256, "{\"alg\":\"HS257\"}", TOKEN_BAD},
		{keys, key, ALGORITHM_HS256, "{\"alg\":\"HS384\"}", TOKEN_BAD},
		{keys, key, ALGORITHM_HS256, "{\"alg\":\"none\" }", TOKEN_BAD},
		{keys, key, ALGORITHM_HS256, "{\"alh\":\"HS256\"}", TOKEN_BAD},
		{keys, key, ALGORITHM_HS256, "{\"alg\":\"HS256\"}", TOKEN_GOOD},
		{keys, pairs[ALGORITHM_ES256], ALGORITHM_ES256, "{\"alg\":\"HS256\"}", TOKEN_BAD},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *token =
			rig_sign(rows[i].key, rows[i].algorithm, rows[i].header, GOOD_CLAIMS);
		struct token_claims its;
		const enum token_verdict verdict =
			token_judge(rows[i].keys, &with, token, strlen(token), NOW, &its);
		if (verdict != rows[i].verdict) {
			fail_msg("row %zu: %d", i, verdict);
		}
		if (verdict == TOKEN_GOOD) {
			rights_unref(&its.rights);
		}
	}
	keys_unref(&others);
	key_destroy(&others_key);
}

/* --- much of it --------------------------------------------------------------------------------
 */

/* `count` times `open`, then `middle`, then `count` times `close`. */
static void nest(char *at, size_t count, const char *open, const char *middle, const char *close)
{
	for (size_t i = 0; i < count; i++) {
		at = stpcpy(at, open);
	}
	at = stpcpy(at, middle);
	for (size_t i = 0; i < count; i++) {
		at = stpcpy(at, close);
	}
}

static void test_depth(void **state)
{
	static char inside[4096];
	static char text[8192];
	for (size_t depth = 1; depth < 500; depth += depth < 12 ? 1 : 97) {
		for (int is_list = 0; is_list < 2; is_list++) {
			nest(inside, depth, is_list ? "[" : "{\"a\":", "1", is_list ? "]" : "}");
			snprintf(text, sizeof(text),
				"{\"sub\":\"bob\",\"exp\":1700003600,\"x\":%s}", inside);
			assert_int_equal(
				judge_claims(text), depth + 1 <= 8 ? TOKEN_GOOD : TOKEN_BAD);
			snprintf(text, sizeof(text), "{\"alg\":\"HS256\",\"x\":%s}", inside);
			assert_int_equal(
				judge_header(text), depth + 1 <= 3 ? TOKEN_GOOD : TOKEN_BAD);
		}
	}
	/* Never closed, and nothing but beginnings. */
	nest(text, 2900, "[", "", "");
	assert_int_equal(judge_claims(text), TOKEN_BAD);
	assert_int_equal(judge_header(text), TOKEN_BAD);
	nest(text, 500, "{\"a\":", "", "");
	assert_int_equal(judge_claims(text), TOKEN_BAD);
	assert_int_equal(judge_header(text), TOKEN_BAD);
}

static void test_width(void **state)
{
	static char text[8192];
	static char list[4096];
	nest(list, 30, "1,", "1", "");
	snprintf(text, sizeof(text), "{\"alg\":\"HS256\",\"x\":[%s]}", list);
	assert_int_equal(judge_header(text), TOKEN_BAD);
	nest(list, 20, "1,", "1", "");
	snprintf(text, sizeof(text), "{\"alg\":\"HS256\",\"x\":[%s]}", list);
	assert_int_equal(judge_header(text), TOKEN_GOOD);
	nest(list, 500, "1,", "1", "");
	snprintf(text, sizeof(text), "{\"sub\":\"bob\",\"exp\":1700003600,\"x\":[%s]}", list);
	assert_int_equal(judge_claims(text), TOKEN_GOOD);
	nest(list, 520, "1,", "1", "");
	snprintf(text, sizeof(text), "{\"sub\":\"bob\",\"exp\":1700003600,\"x\":[%s]}", list);
	assert_int_equal(judge_claims(text), TOKEN_BAD);
	/* What stands in strings is no structure. */
	nest(list, 600, "[{,", "\\\"\\\\", "}]");
	snprintf(
		text, sizeof(text), "{\"sub\":\"bob\",\"exp\":1700003600,\"x\":\"%.2000s\"}", list);
	assert_int_equal(judge_claims(text), TOKEN_GOOD);
}

static void test_bounds(void **state)
{
	static const struct json_bounds bounds = {.depth = 2, .values = 4};
	static const struct {
		const char *text;
		bool holds;
	} rows[] = {
		{"", true},
		{"{}", true},
		{"{\"a\":[]}", true},
		{"{\"a\":[[]]}", false},
		{"[1,2,3,4]", true},
		{"[1,2,3,4,5]", false},
		{"[[],[],[]]", false},
		{"[\"[[[[,,,,,\"]", true},
		{"[\"\\\"[[[[,,,,,\"]", true},
		{"[\"\\\\\",[[[", false},
		{"\"", true},
		{"\"\\", true},
		{"]]]][[", true},
		{"]]]][[[", false},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (json_bounds_hold(&bounds, rows[i].text, strlen(rows[i].text)) !=
			rows[i].holds) {
			fail_msg("%s", rows[i].text);
		}
	}
}

/* --- which key ---------------------------------------------------------------------------------
 */

static void test_ids(void **state)
{
	struct key *both[] = {rig_key(ALGORITHM_HS256, "old"), rig_key(ALGORITHM_HS256, "new")};
	struct keys *its_keys = rig_keys_of(both, 2);
	static const struct {
		const char *header;
		enum token_verdict verdict;
	} rows[] = {
		{"{\"alg\":\"HS256\",\"kid\":\"new\"}", TOKEN_GOOD},
		{"{\"alg\":\"HS256\"}", TOKEN_GOOD},
		{"{\"alg\":\"HS256\",\"kid\":\"old\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"kid\":\"gone\"}", TOKEN_BAD},
		{"{\"alg\":\"HS256\",\"kid\":\"\"}", TOKEN_BAD},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *token = rig_sign(both[1], ALGORITHM_HS256, rows[i].header, GOOD_CLAIMS);
		if (judge_with(its_keys, token, strlen(token), NOW) != rows[i].verdict) {
			fail_msg("%s", rows[i].header);
		}
	}
	key_destroy(&both[0]);
	key_destroy(&both[1]);
	keys_unref(&its_keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_ones),
		cmocka_unit_test(test_ed25519_by_its_own_name),
		cmocka_unit_test(test_minted_ones),
		cmocka_unit_test(test_none_and_too_long),
		cmocka_unit_test(test_each_byte_changed),
		cmocka_unit_test(test_each_bit_changed),
		cmocka_unit_test(test_each_beginning_and_each_end),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_bits_that_are_over),
		cmocka_unit_test(test_algorithm_none),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_keys_that_a_token_brings),
		cmocka_unit_test(test_confused_keys),
		cmocka_unit_test(test_other_algorithms),
		cmocka_unit_test(test_a_key_for_one_algorithm),
		cmocka_unit_test(test_other_forms_of_ecdsa),
		cmocka_unit_test(test_what_is_no_set_of_claims),
		cmocka_unit_test(test_forms_of_exp),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_audiences_and_issuers),
		cmocka_unit_test(test_rights),
		cmocka_unit_test(test_what_is_remembered),
		cmocka_unit_test(test_what_is_remembered_is_of_no_key),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_width),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_ids),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
