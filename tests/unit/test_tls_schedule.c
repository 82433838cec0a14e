#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../proto/hmac.h"
#include "../../proto/tls_schedule.h"
#include "hex.h"

static int begun; /* how often HMAC was */

void __real_hmac_init(struct hmac *hmac, enum hmac_hash hash, const uint8_t *key, size_t len);
void __wrap_hmac_init(struct hmac *hmac, enum hmac_hash hash, const uint8_t *key, size_t len);

void __wrap_hmac_init(struct hmac *hmac, enum hmac_hash hash, const uint8_t *key, size_t len)
{
	begun++;
	__real_hmac_init(hmac, hash, key, len);
}

/* Key and IV of the server's application data, RFC 8448 section 3. */
static void test_server_of_the_trace(void **state)
{
	uint8_t secret[TLS_SECRET_MAX];
	uint8_t key[TLS_KEY_MAX];
	uint8_t iv[TLS_IV_LEN];
	hex_read("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", secret);
	tls_schedule_key(TLS_SUITE_AES_128_GCM, secret, key, iv);
	assert_hex(key, "9f02283b6c9c07efc26bb9f2ac92e356");
	assert_hex(iv, "cf782b88dd83549aadf1e984");
}

/* The client's, of the same trace. */
static void test_client_of_the_trace(void **state)
{
	uint8_t secret[TLS_SECRET_MAX];
	uint8_t key[TLS_KEY_MAX];
	uint8_t iv[TLS_IV_LEN];
	hex_read("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", secret);
	tls_schedule_key(TLS_SUITE_AES_128_GCM, secret, key, iv);
	assert_hex(key, "17422dda596ed5d9acd890e3c63f5051");
	assert_hex(iv, "5b78923dee08579033e523d9");
}

/* What no trace has, by
 *
 *	openssl kdf -keylen N -kdfopt digest:HASH -kdfopt mode:EXPAND_ONLY -kdfopt hexkey:SECRET \
 *		-kdfopt "prefix:tls13 " -kdfopt label:LABEL TLS13-KDF
 */
static void test_long_keys(void **state)
{
	uint8_t secret[TLS_SECRET_MAX];
	uint8_t key[TLS_KEY_MAX];
	uint8_t iv[TLS_IV_LEN];
	hex_read("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", secret);
	tls_schedule_key(TLS_SUITE_CHACHA20_POLY1305, secret, key, iv);
	assert_hex(key, "c8afd24f4895272538"
			"1a54085e8d8e3856d8d89e3019243b30a9db54809a3732");
	assert_hex(iv, "5b78923dee08579033e523d9");
	hex_read("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		 "202122232425262728292a2b2c2d2e2f",
		secret);
	tls_schedule_key(TLS_SUITE_AES_256_GCM, secret, key, iv);
	assert_hex(key, "6877d022f1c61d24ebb7487c16752d9a4798e40431c75b39320e537c90e23225");
	assert_hex(iv, "42822531a0fe88648fc09e9f");
}

static void test_updates(void **state)
{
	uint8_t secret[TLS_SECRET_MAX];
	hex_read("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643", secret);
	tls_schedule_update(TLS_SUITE_AES_128_GCM, secret);
	assert_hex(secret, "51921b8aa3001976eb401d0a4319a8516416a6c56001a357e5d162031e84f916");
	hex_read("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5", secret);
	tls_schedule_update(TLS_SUITE_CHACHA20_POLY1305, secret);
	assert_hex(secret, "fcdfcc72725aaee48bf64e4fd8b749cdbdbab39d90da0b26e2245ca6ea167207");
	hex_read("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
		 "202122232425262728292a2b2c2d2e2f",
		secret);
	tls_schedule_update(TLS_SUITE_AES_256_GCM, secret);
	assert_hex(secret, "401331b63e9d59f202e8f041042d9516f4cd7fa2e2ee14631d3b49fc340d7af3"
			   "7fc2c0c9f252d8036f81ec5b85cbe5db");
}

/* A secret is two blocks of the hash before there is any text: not for its key and its IV each. */
static void test_a_secret_is_hashed_once(void **state)
{
	const uint8_t secret[TLS_SECRET_MAX] = {1};
	uint8_t key[TLS_KEY_MAX];
	uint8_t iv[TLS_IV_LEN];
	for (int suite = 0; suite < TLS_SUITE_COUNT; suite++) {
		begun = 0;
		tls_schedule_key((enum tls_suite)suite, secret, key, iv);
		assert_int_equal(begun, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_server_of_the_trace),
		cmocka_unit_test(test_client_of_the_trace),
		cmocka_unit_test(test_long_keys),
		cmocka_unit_test(test_updates),
		cmocka_unit_test(test_a_secret_is_hashed_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
