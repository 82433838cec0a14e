#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "../../proto/hmac.h"
#include "hex.h"

enum {
	KEY_MAX = 150,
	TEXT_MAX = 300,
};

static void expect(const struct hmac *hmac, const char *text, const char *wanted)
{
	uint8_t code[HMAC_CODE_MAX];
	uint8_t its[HMAC_CODE_MAX];
	const size_t len = hmac_code(hmac, (const uint8_t *)text, strlen(text), code);
	assert_int_equal(len, hex_read_at_most(wanted, its, sizeof(its)));
	assert_memory_equal(code, its, len);
}

/* RFC 4231 section 4: a short key, one that is shorter than its digest, one that is longer than a
 * block. */
static void test_vectors(void **state)
{
	static const struct {
		uint8_t byte; /* of which the key is made; 0: it is "Jefe" */
		size_t len;
		const char *text;
		const char *codes[3];
	} rows[] = {
		{0x0b, 20, "Hi There",
			{"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
				"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9"
				"076ede7f4af152e8b2fa9cb6",
				"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7"
				"d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"}},
		{0, 4, "what do ya want for nothing?",
			{"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
				"af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca"
				"5e69e2c78b3239ecfab21649",
				"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75"
				"c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"}},
		{0xaa, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
			{"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
				"4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab"
				"4030fe8296248df163f44952",
				"80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037"
				"e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598"}},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t key[KEY_MAX] = "Jefe";
		if (rows[i].byte) {
			memset(key, rows[i].byte, rows[i].len);
		}
		for (int hash = HMAC_SHA256; hash <= HMAC_SHA512; hash++) {
			struct hmac hmac;
			hmac_init(&hmac, (enum hmac_hash)hash, key, rows[i].len);
			/* It stays as it was begun. */
			expect(&hmac, rows[i].text, rows[i].codes[hash]);
			expect(&hmac, rows[i].text, rows[i].codes[hash]);
			hmac_finish(&hmac);
		}
	}
}

/* Keys and texts of all lengths around those of a block. */
static void test_as_openssl_does(void **state)
{
	const EVP_MD *const digests[] = {EVP_sha256(), EVP_sha384(), EVP_sha512()};
	uint8_t key[KEY_MAX];
	uint8_t text[TEXT_MAX];
	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = (uint8_t)(i * 7);
		key[i % KEY_MAX] = (uint8_t)(i * 13);
	}
	for (size_t len = 0; len <= KEY_MAX; len++) {
		for (int hash = HMAC_SHA256; hash <= HMAC_SHA512; hash++) {
			struct hmac hmac;
			hmac_init(&hmac, (enum hmac_hash)hash, key, len);
			for (size_t text_len = 0; text_len <= TEXT_MAX; text_len += 1 + len % 5) {
				uint8_t code[HMAC_CODE_MAX];
				uint8_t wanted[EVP_MAX_MD_SIZE];
				unsigned wanted_len;
				assert_non_null(HMAC(digests[hash], key, (int)len, text, text_len,
					wanted, &wanted_len));
				assert_int_equal(
					hmac_code(&hmac, text, text_len, code), wanted_len);
				assert_memory_equal(code, wanted, wanted_len);
			}
		}
	}
}

static void test_a_code_over_its_text(void **state)
{
	uint8_t text[HMAC_CODE_MAX] = "what do ya want for nothing?";
	struct hmac hmac;
	hmac_init(&hmac, HMAC_SHA256, (const uint8_t *)"Jefe", 4);
	assert_int_equal(hmac_code(&hmac, text, 28, text), 32);
	assert_hex(text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void test_nothing_is_left_of_the_key(void **state)
{
	static const struct hmac none;
	struct hmac hmac;
	hmac_init(&hmac, HMAC_SHA384, (const uint8_t *)"Jefe", 4);
	hmac_finish(&hmac);
	assert_memory_equal(&hmac, &none, sizeof(hmac));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_as_openssl_does),
		cmocka_unit_test(test_a_code_over_its_text),
		cmocka_unit_test(test_nothing_is_left_of_the_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
