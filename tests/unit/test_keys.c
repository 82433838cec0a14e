#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/pem.h>

#include "openssl_count.h"
#include "token_rig.h"

/* --- vectors of others -------------------------------------------------------------------------
 */

/* The claims of RFC 7515's appendix A.1.1, and the words of RFC 7520's section 4. */
#define JOE                                                                                        \
	"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0" \
	"cnVlfQ"
#define FRODO                                                                                      \
	"SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAg" \
	"b250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dp" \
	"bmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4"

#define BILBO_RSA                                                                                  \
	"{\"kty\":\"RSA\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"n\":"       \
	"\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQ"  \
	"Hz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFE"  \
	"HYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tV"  \
	"TU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\","   \
	"\"e\":\"AQAB\"}"

static const struct vector {
	const char *name;
	enum algorithm algorithm;
	const char *kid;
	const char *key;
	const char *text;
	const char *signature;
} vectors[] = {
	{"RFC 7515 appendix A.1", ALGORITHM_HS256, NULL,
		"{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75a"
		"KtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
		"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE,
		"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
	{"RFC 7515 appendix A.2", ALGORITHM_RS256, NULL,
		"{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mP"
		"ddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b3"
		"2690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WT"
		"BEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF"
		"8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
		"eyJhbGciOiJSUzI1NiJ9." JOE,
		"cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_"
		"lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO7"
		"5vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOk"
		"HWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWy"
		"wlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
	{"RFC 7515 appendix A.3", ALGORITHM_ES256, NULL,
		"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHv"
		"RVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		"eyJhbGciOiJFUzI1NiJ9." JOE,
		"DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3"
		"-Kg6NU1Q"},
	{"RFC 7515 appendix A.4", ALGORITHM_ES512, NULL,
		"{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wT"
		"jxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcL"
		"I87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
		"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA",
		"AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34"
		"XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYb"
		"SW9ERBXukOXolLzeO_Jn"},
	{"RFC 7520 section 4.1", ALGORITHM_RS256, "bilbo.baggins@hobbiton.example", BILBO_RSA,
		"eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO,
		"MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJd"
		"Qx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh"
		"_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de"
		"3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcI"
		"e8u9ipH84ogoree7vjbU5y18kDquDg"},
	{"RFC 7520 section 4.2", ALGORITHM_PS384, "bilbo.baggins@hobbiton.example", BILBO_RSA,
		"eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO,
		"cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkq"
		"sGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNA"
		"Uf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez"
		"2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6G"
		"YmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"},
	{"RFC 7520 section 4.3", ALGORITHM_ES512, "bilbo.baggins@hobbiton.example",
		"{\"kty\":\"EC\",\"kid\":\"bilbo.baggins@hobbiton.example\",\"use\":\"sig\",\"crv\""
		":\"P-521\",\"x\":\"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTK"
		"qjqvjyekWF-7ytDyRXYgCF5cj0Kt\",\"y\":\"AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kf"
		"mC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1\"}",
		"eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9." FRODO,
		"AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT"
		"4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6"
		"sFY8OcGDqoRuBomu9xQ2"},
	{"RFC 7520 section 4.4", ALGORITHM_HS256, "018c0ae5-4d9b-471b-bfd6-eef314bc7037",
		"{\"kty\":\"oct\",\"kid\":\"018c0ae5-4d9b-471b-bfd6-eef314bc7037\",\"use\":\"sig\","
		"\"alg\":\"HS256\",\"k\":\"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg\"}",
		"eyJhbGciOiJIUzI1NiIsImtpZCI6IjAxOGMwYWU1LTRkOWItNDcxYi1iZmQ2LWVlZjMxNGJjNzAzNyJ9"
		"." FRODO,
		"s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0"},
	{"RFC 8037 appendix A.4", ALGORITHM_EDDSA, NULL,
		"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaa"
		"PcHURo\"}",
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
		"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr"
		"_MuM0KAg"},
};

static struct slice kid_of(const char *kid)
{
	return kid ? slice_of(kid) : (struct slice){NULL, 0};
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		const struct vector *vector = &vectors[i];
		struct keys *keys = rig_load(vector->key);
		uint8_t signature[KEY_SIGNATURE_MAX];
		size_t len;
		if (!keys) {
			fail_msg("%s: %s", vector->name, rig_findings.text);
		}
		assert_int_equal(base64url_decode(slice_of(vector->signature), signature,
					 sizeof(signature), &len),
			0);
		const struct slice kid = kid_of(vector->kid);
		if (!keys_verify(
			    keys, vector->algorithm, kid, slice_of(vector->text), signature, len)) {
			fail_msg("%s: not verified", vector->name);
		}
		/* Of another length, another text, another algorithm, another key's id. */
		assert_false(keys_verify(
			keys, vector->algorithm, kid, slice_of(vector->text), signature, len - 1));
		assert_false(keys_verify(
			keys, vector->algorithm, kid, slice_of(vector->text + 1), signature, len));
		for (int other = 0; other < ALGORITHM_COUNT; other++) {
			if (other != (int)vector->algorithm) {
				assert_false(keys_verify(keys, (enum algorithm)other, kid,
					slice_of(vector->text), signature, len));
			}
		}
		if (vector->kid) {
			assert_false(keys_verify(keys, vector->algorithm, SLICE("frodo"),
				slice_of(vector->text), signature, len));
		}
		for (size_t at = 0; at < len; at++) {
			signature[at] ^= 0x40;
			if (keys_verify(keys, vector->algorithm, kid, slice_of(vector->text),
				    signature, len)) {
				fail_msg("%s: byte %zu of the signature", vector->name, at);
			}
			signature[at] ^= 0x40;
		}
		keys_unref(&keys);
	}
}

/* RFC 7517 appendix A.1: one key is for encryption, the other verifies. */
static void test_a_set_of_others(void **state)
{
	struct keys *keys = rig_load(
		"{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8Ai"
		"To7Tu6KPAqv7D4\",\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"use\":"
		"\"enc\",\"kid\":\"1\"},{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmb"
		"XEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3okn"
		"jhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQM"
		"icAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh"
		"6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e"
		"\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}]}");
	if (!keys) {
		fail_msg("%s", rig_findings.text);
	}
	assert_int_equal(keys_count(keys), 1);
	assert_string_equal(keys_id(keys, 0).data, "2011-04-29");
	assert_int_equal(rig_findings.findings.warnings, 1);
	assert_non_null(strstr(rig_findings.text, "the key \"1\" is left out: its \"use\""));
	keys_unref(&keys);
	keys_unref(&keys);
}

/* --- all kinds ---------------------------------------------------------------------------------
 */

static bool verifies(const struct keys *keys, const struct key *signer, enum algorithm algorithm,
	const char *kid)
{
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len;
	assert_int_equal(key_sign(signer, algorithm, SLICE("a text"), signature, &len), 0);
	return keys_verify(keys, algorithm, kid_of(kid), SLICE("a text"), signature, len);
}

static void test_what_is_written_is_read(void **state)
{
	for (int i = 0; i < ALGORITHM_COUNT; i++) {
		char fault[KEY_FAULT_MAX] = "";
		struct key *key = rig_key((enum algorithm)i, "id");
		struct key *again = NULL;
		struct keys *keys = rig_keys(key);
		json_t *jwk = jwk_write(key, true);
		if (jwk_read(jwk, JWK_TO_SIGN, &again, fault) != 0) {
			fail_msg("%s: %s", algorithm_row((enum algorithm)i)->name, fault);
		}
		json_decref(jwk);
		assert_true(key_equals(key, again));
		assert_int_equal(key_default_algorithm(again), i);
		assert_true(verifies(keys, again, (enum algorithm)i, "id"));
		assert_true(verifies(keys, again, (enum algorithm)i, NULL));
		assert_false(verifies(keys, again, (enum algorithm)i, "other"));
		key_destroy(&again);
		key_destroy(&key);
		keys_unref(&keys);
	}
}

static void test_public_halves(void **state)
{
	struct key *secret = rig_key(ALGORITHM_HS256, "");
	struct key *pair = rig_key(ALGORITHM_ES256, "");
	struct keys *keys = rig_keys(pair);
	uint8_t signature[KEY_SIGNATURE_MAX];
	size_t len;
	assert_null(jwk_write(secret, false));
	json_t *jwk = jwk_write(pair, false);
	assert_null(json_object_get(jwk, "d"));
	char fault[KEY_FAULT_MAX];
	struct key *half = NULL;
	assert_int_equal(jwk_read(jwk, JWK_TO_SIGN, &half, fault), -EPERM);
	assert_int_equal(jwk_read(jwk, JWK_TO_VERIFY, &half, fault), 0);
	assert_int_equal(key_sign(half, ALGORITHM_ES256, SLICE("x"), signature, &len), -EIO);
	assert_int_equal(key_sign(half, ALGORITHM_HS256, SLICE("x"), signature, &len), -EINVAL);
	json_decref(jwk);
	key_destroy(&half);
	key_destroy(&pair);
	key_destroy(&secret);
	keys_unref(&keys);
}

/* Writes the public halves of keys in PEM. */
static char *pem_of(struct key *const *keys, size_t count, bool is_private)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	for (size_t i = 0; i < count; i++) {
		if (is_private) {
			assert_int_equal(PEM_write_bio_PrivateKey(
						 out, keys[i]->pair, NULL, NULL, 0, NULL, NULL),
				1);
		} else {
			assert_int_equal(PEM_write_bio_PUBKEY(out, keys[i]->pair), 1);
		}
	}
	const long len = BIO_get_mem_data(out, &text);
	char *copy = calloc(1, (size_t)len + 1);
	assert_non_null(copy);
	memcpy(copy, text, (size_t)len);
	BIO_free(out);
	return copy;
}

static void test_pem(void **state)
{
	static const enum algorithm algorithms[] = {ALGORITHM_RS256, ALGORITHM_ES256,
		ALGORITHM_ES384, ALGORITHM_ES512, ALGORITHM_EDDSA};
	enum {
		COUNT = sizeof(algorithms) / sizeof(algorithms[0]),
	};
	struct key *pairs[COUNT];
	for (int i = 0; i < COUNT; i++) {
		pairs[i] = rig_key(algorithms[i], "");
	}
	char *text = pem_of(pairs, COUNT, false);
	struct keys *keys = rig_load(text);
	if (!keys) {
		fail_msg("%s", rig_findings.text);
	}
	assert_int_equal(keys_count(keys), COUNT);
	assert_string_equal(keys_id(keys, 0).data, "");
	for (int i = 0; i < COUNT; i++) {
		assert_true(verifies(keys, pairs[i], algorithms[i], NULL));
		assert_true(verifies(keys, pairs[i], algorithms[i], "whatever the token says"));
	}
	free(text);
	keys_unref(&keys);

	text = pem_of(pairs, COUNT, true);
	assert_null(rig_load(text));
	assert_non_null(strstr(rig_findings.text, "private key"));
	free(text);
	for (int i = 0; i < COUNT; i++) {
		char fault[KEY_FAULT_MAX] = "";
		struct key *again = NULL;
		text = pem_of(&pairs[i], 1, true);
		if (mint_read_key(rig_write(text), &again, fault) != 0) {
			fail_msg("%s", fault);
		}
		assert_int_equal(EVP_PKEY_eq(again->pair, pairs[i]->pair), 1);
		key_destroy(&again);
		key_destroy(&pairs[i]);
		free(text);
	}
}

/* --- which one is tried ------------------------------------------------------------------------
 */

static void test_ids_choose(void **state)
{
	struct key *all[] = {rig_key(ALGORITHM_HS256, "a"), rig_key(ALGORITHM_HS256, "b"),
		rig_key(ALGORITHM_HS256, "")};
	struct keys *keys = rig_keys_of(all, 3);
	assert_true(verifies(keys, all[0], ALGORITHM_HS256, "a"));
	assert_false(verifies(keys, all[0], ALGORITHM_HS256, "b"));
	assert_false(verifies(keys, all[0], ALGORITHM_HS256, "c"));
	assert_true(verifies(keys, all[0], ALGORITHM_HS256, NULL));
	/* A key without an id may be anybody's. */
	assert_true(verifies(keys, all[2], ALGORITHM_HS256, "b"));
	assert_true(verifies(keys, all[2], ALGORITHM_HS256, "c"));
	assert_true(verifies(keys, all[2], ALGORITHM_HS256, NULL));
	for (int i = 0; i < 3; i++) {
		key_destroy(&all[i]);
	}
	keys_unref(&keys);
}

static void test_so_many_are_tried(void **state)
{
	struct key *all[KEYS_TRIES_MAX + 1];
	for (int i = 0; i <= KEYS_TRIES_MAX; i++) {
		const char id[] = {(char)('a' + i), '\0'};
		all[i] = rig_key(ALGORITHM_HS256, id);
	}
	struct keys *keys = rig_keys_of(all, KEYS_TRIES_MAX + 1);
	assert_true(verifies(keys, all[KEYS_TRIES_MAX - 1], ALGORITHM_HS256, NULL));
	assert_false(verifies(keys, all[KEYS_TRIES_MAX], ALGORITHM_HS256, NULL));
	assert_true(verifies(keys, all[KEYS_TRIES_MAX], ALGORITHM_HS256, "i"));
	for (int i = 0; i <= KEYS_TRIES_MAX; i++) {
		key_destroy(&all[i]);
	}
	keys_unref(&keys);
}

/* --- what it costs -----------------------------------------------------------------------------
 */

/* A storm of logins has a code made for each. */
static void test_a_code_allocates_nothing(void **state)
{
	for (int i = ALGORITHM_HS256; i <= ALGORITHM_HS512; i++) {
		const enum algorithm algorithm = (enum algorithm)i;
		struct key *pair = rig_key(ALGORITHM_ES256, "");
		struct key *key = rig_key(algorithm, "");
		struct keys *keys = rig_keys(key);
		uint8_t code[KEY_SIGNATURE_MAX];
		size_t len;
		assert_int_not_equal(openssl_allocations, 0); /* they are counted */
		assert_int_equal(key_sign(key, algorithm, SLICE("text"), code, &len), 0);
		openssl_allocations = 0;
		assert_true(keys_verify(keys, algorithm, kid_of(NULL), SLICE("text"), code, len));
		code[0] ^= 1;
		assert_false(keys_verify(keys, algorithm, kid_of(NULL), SLICE("text"), code, len));
		assert_int_equal(openssl_allocations, 0);
		key_destroy(&pair);
		key_destroy(&key);
		keys_unref(&keys);
	}
}

static bool verify_soon(const enum algorithm *algorithms, size_t count)
{
	static const char *const ids[] = {"a", "b", "c"};
	struct key *all[3];
	for (size_t i = 0; i < count; i++) {
		all[i] = rig_key(algorithms[i], ids[i]);
	}
	struct keys *keys = rig_keys_of(all, count);
	const bool is_soon = keys_verify_soon(keys);
	for (size_t i = 0; i < count; i++) {
		key_destroy(&all[i]);
	}
	keys_unref(&keys);
	return is_soon;
}

static void test_which_verify_soon(void **state)
{
	static const enum algorithm secrets[] = {ALGORITHM_HS256, ALGORITHM_HS512, ALGORITHM_HS384};
	static const enum algorithm mixed[] = {ALGORITHM_HS256, ALGORITHM_ES256};
	assert_true(verify_soon(secrets, 1));
	assert_true(verify_soon(secrets, 2));
	assert_false(verify_soon(secrets, 3));
	assert_false(verify_soon(mixed, 2));
	assert_false(verify_soon(mixed + 1, 1));
}

/* --- what is the same --------------------------------------------------------------------------
 */

static void test_what_keys_have_in_common(void **state)
{
	struct key *all[] = {rig_key(ALGORITHM_HS256, "a"), rig_key(ALGORITHM_ES256, "b"),
		rig_key(ALGORITHM_ES256, "c")};
	struct keys *both = rig_keys_of(all, 2);
	struct keys *last = rig_keys_of(all + 1, 2);
	assert_false(keys_has(last, both, 0));
	assert_true(keys_has(last, both, 1));
	assert_true(keys_has(both, last, 0));
	assert_false(keys_has(both, last, 1));
	struct keys *again = keys_ref(both);
	keys_unref(&both);
	assert_int_equal(keys_count(again), 2);
	keys_unref(&again);
	keys_unref(&last);
	for (int i = 0; i < 3; i++) {
		key_destroy(&all[i]);
	}
}

/* A secret without an algorithm is for those that it is long enough for. */
static void test_a_secret_is_long_enough(void **state)
{
	uint8_t secret[64] = {7};
	char fault[KEY_FAULT_MAX];
	static const struct {
		size_t len;
		uint32_t algorithms;
	} rows[] = {{32, 1}, {47, 1}, {48, 3}, {63, 3}, {64, 7}};
	struct key *key = NULL;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			key_of_secret(secret, rows[i].len, SLICE(""), ALGORITHM_NONE, &key, fault),
			0);
		assert_int_equal(key->algorithms, rows[i].algorithms);
		key_destroy(&key);
	}
	assert_int_equal(
		key_of_secret(secret, 31, SLICE(""), ALGORITHM_NONE, &key, fault), -EINVAL);
	assert_int_equal(
		key_of_secret(secret, 47, SLICE(""), ALGORITHM_HS384, &key, fault), -EINVAL);
	assert_non_null(strstr(fault, "47 bytes: HS384 takes at least 48"));
	assert_null(key);
}

/* --- what is refused ---------------------------------------------------------------------------
 */

/* Of which nothing may be shown. */
#define SECRET "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U"
#define POINT                                                                                       \
	"\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6" \
	"pCyStikYjKIWI5a0\""

static void test_faults(void **state)
{
	static const struct {
		const char *text;
		const char *fault;
	} rows[] = {
		{"", "neither a JWK"},
		{"hello", "neither a JWK"},
		{"{", "broken JSON at line 1"},
		{"{\"kty\":\"oct\",\n\"k\":\"" SECRET "\"", "broken JSON at line 2"},
		{"{\"kty\":\"oct\",\"k\":\"" SECRET "\",\"k\":\"" SECRET "\"}", "broken JSON"},
		{"[{\"kty\":\"oct\",\"k\":\"" SECRET "\"}]", "a JWK set is {\"keys\": [...]}"},
		{"{}", "no JWK: without a \"kty\""},
		{"{\"kty\":7}", "without a \"kty\""},
		{"{\"keys\":{}}", "\"keys\" are no list"},
		{"{\"keys\":[]}", "holds no key"},
		{"{\"keys\":[7]}", "key 1: no JWK"},
		{"{\"kty\":\"oct\"}", "without a \"k\""},
		{"{\"kty\":\"oct\",\"k\":7}", "without a \"k\""},
		{"{\"kty\":\"oct\",\"k\":\"" SECRET "=\"}", "its \"k\" is no base64url"},
		{"{\"kty\":\"oct\",\"k\":\"" SECRET "\\n\"}", "its \"k\" is no base64url"},
		{"{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}", "a secret of 6 bytes: HS256 takes"},
		{"{\"kty\":\"oct\",\"alg\":\"HS512\",\"k\":\"" SECRET "\"}",
			"HS512 takes at least 64"},
		{"{\"kty\":\"oct\",\"alg\":\"ES256\",\"k\":\"" SECRET "\"}",
			"its \"alg\" is ES256, which takes another kind"},
		{"{\"kty\":\"oct\",\"alg\":7,\"k\":\"" SECRET "\"}", "its \"alg\" is no string"},
		{"{\"kty\":\"oct\",\"kid\":7,\"k\":\"" SECRET "\"}", "its \"kid\" is no string"},
		{"{\"kty\":\"oct\",\"alg\":\"none\",\"k\":\"" SECRET "\"}", "holds no key"},
		{"{\"kty\":\"oct\",\"alg\":\"A128KW\",\"k\":\"" SECRET "\"}",
			"signs no tokens here"},
		{"{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"" SECRET "\"}", "holds no key"},
		{"{\"kty\":\"oct\",\"key_ops\":[\"sign\"],\"k\":\"" SECRET "\"}",
			"\"key_ops\" are without \"verify\""},
		{"{\"kty\":\"dilithium\"}", "its \"kty\" is none of"},
		{"{\"kty\":\"EC\",\"crv\":\"secp256k1\"," POINT "}", "its \"crv\" is none of"},
		{"{\"kty\":\"EC\"," POINT "}", "its \"crv\" is none of"},
		{"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AAAA\"}",
			"its \"x\" has 3 bytes instead of 32"},
		{"{\"kty\":\"EC\",\"crv\":\"P-384\"," POINT "}", "has 32 bytes instead of 48"},
		/* Not on the curve. */
		{"{\"kty\":\"EC\",\"crv\":\"P-256\",\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvR"
		 "VEU\",\"x\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
			"its numbers are no key"},
		{"{\"kty\":\"EC\",\"crv\":\"P-256\"," POINT ",\"d\":\"" SECRET "\"}",
			"a private key"},
		{"{\"kty\":\"RSA\",\"e\":\"AQAB\"}", "without a \"n\""},
		{"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" SECRET "\"}", "255 bits: 2048"},
		{"{\"kty\":\"RSA\",\"e\":\"AQABAQABAQAB\",\"n\":\"" SECRET "\"}", "its \"e\""},
		{"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"" SECRET "\",\"p\":\"\"}",
			"a private key"},
		{"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"" SECRET "\"}", "its \"crv\" is not"},
		{"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}", "3 bytes instead of 32"},
		{"{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" SECRET "\",\"d\":\"" SECRET "\"}",
			"a private key"},
		{"-----BEGIN PUBLIC KEY-----\n", "broken PEM"},
		{"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
			"a PUBLIC KEY in PEM that is none"},
		{"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
			"a certificate; give its key: openssl x509"},
		{"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n",
			"openssl rsa -RSAPublicKey_in"},
		{"-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
			"a private key"},
		{"-----BEGIN PGP MESSAGE-----\nAAAA\n-----END PGP MESSAGE-----\n", "no PUBLIC KEY"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct keys *keys = rig_load(rows[i].text);
		if (keys) {
			fail_msg("taken: %s", rows[i].text);
		}
		if (!strstr(rig_findings.text, rows[i].fault)) {
			fail_msg("%s: \"%s\", not \"%s\"", rows[i].text, rig_findings.text,
				rows[i].fault);
		}
		assert_null(strstr(rig_findings.text, SECRET));
	}
}

static void test_a_short_rsa_key(void **state)
{
	char fault[KEY_FAULT_MAX] = "";
	struct key *key = NULL;
	assert_int_equal(
		key_of_pair(EVP_RSA_gen(1024u), SLICE(""), ALGORITHM_NONE, &key, fault), -EINVAL);
	assert_string_equal(
		fault, "an RSA key of 1024 bits: 2048 to 8192 are taken (RFC 7518 section 3.3)");
	assert_int_equal(
		key_of_pair(EVP_EC_gen("secp256k1"), SLICE(""), ALGORITHM_NONE, &key, fault),
		-EINVAL);
	assert_non_null(strstr(fault, "signs no tokens"));
}

static void test_files(void **state)
{
	struct keys *keys = NULL;
	kept_findings_init(&rig_findings);
	assert_int_equal(keys_load("/nowhere/keys.jwk", &rig_findings.findings, &keys), -ENOENT);
	assert_string_equal(rig_findings.text,
		"/nowhere/keys.jwk: cannot read the keys: No such file or directory\n");
	assert_int_equal(keys_load("/tmp", &rig_findings.findings, &keys), -EISDIR);
	assert_int_equal(keys_load("/dev/zero", &rig_findings.findings, &keys), -ENODEV);

	char *text = malloc(SECRET_FILE_MAX + 2);
	memset(text, ' ', SECRET_FILE_MAX + 1);
	text[SECRET_FILE_MAX + 1] = '\0';
	assert_int_equal(keys_load(rig_write(text), &rig_findings.findings, &keys), -EFBIG);
	free(text);
	assert_null(keys);
}

static void test_too_many(void **state)
{
	struct key *one = rig_key(ALGORITHM_HS256, "");
	struct key *all[KEYS_MAX + 1];
	for (int i = 0; i <= KEYS_MAX; i++) {
		all[i] = one;
	}
	struct keys *keys = rig_keys_of(all, KEYS_MAX);
	assert_int_equal(keys_count(keys), KEYS_MAX);
	keys_unref(&keys);
	char *text = rig_public(one);
	char *set = calloc(KEYS_MAX + 2, strlen(text) + 16);
	strcpy(set, "{\"keys\":[");
	for (int i = 0; i <= KEYS_MAX; i++) {
		strcat(strcat(set, i ? "," : ""), text);
	}
	assert_null(rig_load(strcat(set, "]}")));
	assert_non_null(strstr(rig_findings.text, "more than 256 keys"));
	free(set);
	free(text);
	key_destroy(&one);
}

static void test_a_secret_for_everybody(void **state)
{
	struct keys *keys;
	const char *path = rig_write("{\"kty\":\"oct\",\"k\":\"" SECRET "\"}");
	kept_findings_init(&rig_findings);
	assert_int_equal(keys_load(path, &rig_findings.findings, &keys), 0);
	assert_int_equal(rig_findings.findings.warnings, 0);
	keys_unref(&keys);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(keys_load(path, &rig_findings.findings, &keys), 0);
	assert_int_equal(rig_findings.findings.warnings, 1);
	assert_non_null(strstr(rig_findings.text, "everybody on this machine may read"));
	keys_unref(&keys);
	/* A public key may be read by all. */
	path = rig_write("{\"kty\":\"EC\",\"crv\":\"P-256\"," POINT "}");
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(keys_load(path, &rig_findings.findings, &keys), 0);
	assert_int_equal(rig_findings.findings.warnings, 1);
	keys_unref(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_a_set_of_others),
		cmocka_unit_test(test_what_is_written_is_read),
		cmocka_unit_test(test_public_halves),
		cmocka_unit_test(test_pem),
		cmocka_unit_test(test_ids_choose),
		cmocka_unit_test(test_so_many_are_tried),
		cmocka_unit_test(test_a_code_allocates_nothing),
		cmocka_unit_test(test_which_verify_soon),
		cmocka_unit_test(test_what_keys_have_in_common),
		cmocka_unit_test(test_a_secret_is_long_enough),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_a_short_rsa_key),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_a_secret_for_everybody),
	};
	if (!openssl_count_begin()) {
		return EXIT_FAILURE;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
