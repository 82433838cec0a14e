#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/core_names.h>
#include <openssl/provider.h>

#include "../../proto/tls_record.h"
#include "split.h"
#include "tls_client_rig.h"

/* Those that proto/tls_record.h has no use for. RFC 8446 section 6. */
enum {
	ALERT_HANDSHAKE_FAILURE = 40,
	ALERT_UNKNOWN_CA = 48,
	ALERT_PROTOCOL_VERSION = 70,
	ALERT_NO_APPLICATION_PROTOCOL = 120,
};

static struct tls_contexts *contexts;
static SSL_CTX *client_context;

static int make_contexts(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	contexts = rig_contexts(key, key);
	EVP_PKEY_free(key);
	return 0;
}

static int free_contexts(void **state)
{
	tls_contexts_unref(&contexts);
	return 0;
}

static int make_client(void **state)
{
	client_context = rig_client_context();
	return 0;
}

static int free_client(void **state)
{
	SSL_CTX_free(client_context);
	return 0;
}

static struct tls_handshake *create(void)
{
	struct tls_handshake *handshake = NULL;
	assert_int_equal(tls_handshake_create(contexts, &handshake), 0);
	return handshake;
}

static void check_words(const struct tls_handshake *handshake, const char *words)
{
	char found[TLS_FAULT_WORDS_MAX];
	const struct tls_fault fault = tls_handshake_fault(handshake);
	tls_fault_words(&fault, found);
	assert_string_equal(found, words);
}

/* The output is this alert, fatal and in plain. */
static void check_alert(const struct tls_handshake *handshake, int alert)
{
	const struct slice output = tls_handshake_output(handshake);
	const uint8_t expected[] = {21, 3, (uint8_t)output.data[2], 0, 2, 2, (uint8_t)alert};
	assert_int_equal(output.len, sizeof(expected));
	assert_memory_equal(output.data, expected, sizeof(expected));
}

/* A client whose first flight is refused. */
static void check_refusal(enum tls_failure failure, int alert, const char *words)
{
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, "one.test");
	size_t used;
	assert_false(rig_client_step(client));
	assert_int_not_equal(client->sent.len, 0);
	assert_int_equal(tls_handshake_feed(handshake, client->sent.data, client->sent.len, &used),
		TLS_HANDSHAKE_FAILED);
	assert_int_equal(used, client->sent.len);
	assert_int_equal(tls_handshake_fault(handshake).failure, failure);
	check_alert(handshake, alert);
	if (words) {
		check_words(handshake, words);
	}
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

/* --- clients of other times --------------------------------------------------------------------
 */

static void test_older_versions(void **state)
{
	static const int versions[] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION};
	SSL_CTX_set_security_level(client_context, 0);
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		assert_int_equal(SSL_CTX_set_max_proto_version(client_context, versions[i]), 1);
		check_refusal(TLS_FAILURE_VERSION, ALERT_PROTOCOL_VERSION,
			"the client does not speak TLS 1.3");
	}
}

static void test_other_protocols(void **state)
{
	static const uint8_t h2[] = "\x02h2";
	assert_int_equal(SSL_CTX_set_alpn_protos(client_context, h2, sizeof(h2) - 1), 0);
	check_refusal(TLS_FAILURE_ALPN, ALERT_NO_APPLICATION_PROTOCOL,
		"the client wants another protocol than HTTP/1.1");
}

static void test_no_common_signature(void **state)
{
	assert_int_equal(SSL_CTX_set1_sigalgs_list(client_context, "RSA-PSS+SHA256"), 1);
	check_refusal(TLS_FAILURE_SHARED, ALERT_HANDSHAKE_FAILURE, NULL);
}

static void test_no_common_suite(void **state)
{
	assert_int_equal(SSL_CTX_set_ciphersuites(client_context, "TLS_AES_128_CCM_SHA256"), 1);
	check_refusal(TLS_FAILURE_SHARED, ALERT_HANDSHAKE_FAILURE,
		"nothing in common with the client: no shared cipher");
}

/* --- groups ------------------------------------------------------------------------------------
 */

/* What OpenSSL's TLS calls for an exchange of keys is called here first. */
static int exchanges;

/* POSIX has functions be found as data. */
static void find(const char *name, void *ret_function)
{
	*(void **)ret_function = dlsym(RTLD_NEXT, name);
}

int EVP_PKEY_keygen(EVP_PKEY_CTX *context, EVP_PKEY **key)
{
	int (*its)(EVP_PKEY_CTX *, EVP_PKEY **);
	exchanges++;
	find("EVP_PKEY_keygen", &its);
	return its(context, key);
}

int EVP_PKEY_derive(EVP_PKEY_CTX *context, unsigned char *secret, size_t *len)
{
	int (*its)(EVP_PKEY_CTX *, unsigned char *, size_t *);
	exchanges++;
	find("EVP_PKEY_derive", &its);
	return its(context, secret, len);
}

/* How a server answers X25519MLKEM768. */
int EVP_PKEY_encapsulate(EVP_PKEY_CTX *context, unsigned char *wrapped, size_t *wrapped_len,
	unsigned char *secret, size_t *secret_len)
{
	int (*its)(EVP_PKEY_CTX *, unsigned char *, size_t *, unsigned char *, size_t *);
	exchanges++;
	find("EVP_PKEY_encapsulate", &its);
	return its(context, wrapped, wrapped_len, secret, secret_len);
}

/* IANA's numbers: P-256, X25519, X25519MLKEM768. */
static bool is_ours(unsigned group)
{
	return group == 23 || group == 29 || group == 4588;
}

/* One that offers this group alone. Returns whether a client of this version can. */
static bool try_group(const char *name, unsigned group)
{
	if (SSL_CTX_set1_groups_list(client_context, name) != 1) {
		return false;
	}
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, NULL);
	rig_client_step(client);
	const bool offers = client->sent.data[0] == TLS_CONTENT_HANDSHAKE;
	if (offers) {
		size_t used;
		exchanges = 0;
		enum tls_progress progress =
			tls_handshake_feed(handshake, client->sent.data, client->sent.len, &used);
		if (is_ours(group)) {
			assert_int_equal(progress, TLS_HANDSHAKE_MORE);
			assert_true(tls_handshake_has_answered(handshake));
			assert_int_not_equal(exchanges, 0);
		} else {
			assert_int_equal(progress, TLS_HANDSHAKE_FAILED);
			assert_int_equal(
				tls_handshake_fault(handshake).failure, TLS_FAILURE_SHARED);
			check_alert(handshake, ALERT_HANDSHAKE_FAILURE);
			assert_int_equal(exchanges, 0);
		}
	}
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
	return offers;
}

static int try_listed(const OSSL_PARAM params[], void *arg)
{
	const OSSL_PARAM *name = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_NAME);
	const OSSL_PARAM *id = OSSL_PARAM_locate_const(params, OSSL_CAPABILITY_TLS_GROUP_ID);
	unsigned group;
	assert_int_equal(OSSL_PARAM_get_uint(id, &group), 1);
	*(int *)arg += try_group(name->data, group);
	return 1;
}

/* Each that this OpenSSL knows, by its own list. */
static void test_every_group(void **state)
{
	OSSL_PROVIDER *provider = OSSL_PROVIDER_load(NULL, "default");
	int tried = 0;
	SSL_CTX_set_security_level(client_context, 0);
	assert_int_equal(
		OSSL_PROVIDER_get_capabilities(provider, "TLS-GROUP", try_listed, &tried), 1);
	/* x25519, x448, three of NIST's and five finite fields. */
	assert_in_range(tried, 10, 100);
	OSSL_PROVIDER_unload(provider);
}

/* One who has begun with the most expensive of all, and knows a cheap one too, is asked for that,
 * and nothing is worked out before. */
static void test_an_expensive_guess(void **state)
{
	assert_int_equal(SSL_CTX_set1_groups_list(client_context, "ffdhe8192:X25519"), 1);
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, NULL);
	rig_client_step(client);
	exchanges = 0;
	assert_int_equal(rig_feed(handshake, client), TLS_HANDSHAKE_MORE);
	assert_int_equal(exchanges, 0);
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

/* --- clients that break off --------------------------------------------------------------------
 */

/* Has the server answer. */
static void meet(struct tls_handshake **ret_handshake, struct rig_client **ret_client)
{
	*ret_handshake = create();
	*ret_client = rig_client_create(client_context, "one.test");
	rig_client_step(*ret_client);
	assert_int_equal(rig_feed(*ret_handshake, *ret_client), TLS_HANDSHAKE_MORE);
}

/* The client does not know who issued the certificate. */
static void test_an_alert_of_the_client(void **state)
{
	struct tls_handshake *handshake;
	struct rig_client *client;
	SSL_CTX_set_verify(client_context, SSL_VERIFY_PEER, NULL);
	meet(&handshake, &client);
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_fault(handshake).failure, TLS_FAILURE_ALERT);
	assert_int_equal(tls_handshake_fault(handshake).alert, ALERT_UNKNOWN_CA);
	check_words(handshake, "the client has given up: unknown CA");
	assert_int_equal(tls_handshake_output(handshake).len, 0);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

/* In the place of a hello. */
static void check_first(const char *bytes, size_t len, enum tls_failure failure, const char *words)
{
	struct tls_handshake *handshake = create();
	size_t used;
	assert_int_equal(tls_handshake_feed(handshake, (const uint8_t *)bytes, len, &used),
		TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_fault(handshake).failure, failure);
	check_words(handshake, words);
	tls_handshake_destroy(&handshake);
}

#define CHECK_FIRST(literal, failure, words)                                                       \
	check_first(literal, sizeof(literal) - 1, failure, words)

/* Sealed it cannot be, where the client has found no keys. */
static void check_plain_alert(const char *alert, int number, const char *words)
{
	struct tls_handshake *handshake;
	struct rig_client *client;
	size_t used;
	meet(&handshake, &client);
	assert_int_equal(tls_handshake_feed(handshake, (const uint8_t *)alert, 7, &used),
		TLS_HANDSHAKE_FAILED);
	assert_int_equal(used, 7);
	assert_int_equal(tls_handshake_fault(handshake).failure, TLS_FAILURE_ALERT);
	assert_int_equal(tls_handshake_fault(handshake).alert, number);
	check_words(handshake, words);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

static void test_an_alert_in_plain(void **state)
{
	check_plain_alert("\x15\x03\x03\0\x02\x02\x28", ALERT_HANDSHAKE_FAILURE,
		"the client has given up: handshake failure");
	check_plain_alert("\x15\x03\x03\0\x02\x01\0", TLS_ALERT_CLOSE_NOTIFY,
		"the client has given up: close notify");
	CHECK_FIRST("\x15\x03\x03\0\x02\x02\x28", TLS_FAILURE_PROTOCOL,
		"the client breaks the protocol: unexpected message");
}

/* --- clients that break the rules --------------------------------------------------------------
 */

/* It is told so, sealed: it has been answered. */
static void check_sealed_alert(
	struct tls_handshake *handshake, struct rig_client *client, int alert)
{
	const struct slice output = tls_handshake_output(handshake);
	char nothing;
	assert_int_equal(output.data[0], TLS_CONTENT_DATA);
	assert_int_equal(BIO_write(client->in, output.data, (int)output.len), output.len);
	ERR_clear_error();
	assert_in_range(1 + SSL_read(client->ssl, &nothing, 1), 0, 1);
	assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_AD_REASON_OFFSET + alert);
}

/* In the place of a Finished. */
static void check_second(const uint8_t *bytes, size_t len, int alert)
{
	struct tls_handshake *handshake;
	struct rig_client *client;
	size_t used;
	meet(&handshake, &client);
	assert_true(rig_client_step(client));
	assert_int_equal(tls_handshake_feed(handshake, bytes, len, &used), TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_fault(handshake).failure, TLS_FAILURE_PROTOCOL);
	check_sealed_alert(handshake, client, alert);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

#define CHECK_SECOND(literal, alert)                                                               \
	check_second((const uint8_t *)(literal), sizeof(literal) - 1, alert)

static void test_in_place_of_a_finished(void **state)
{
	/* Another hello: renegotiation, if there were one. */
	struct rig_client *other = rig_client_create(client_context, "one.test");
	rig_client_step(other);
	check_second(other->sent.data, other->sent.len, TLS_ALERT_UNEXPECTED_MESSAGE);
	rig_client_destroy(other);
	CHECK_SECOND("\x17\x03\x03\0\x20"
		     "0123456789abcdef0123456789abcdef",
		TLS_ALERT_BAD_RECORD_MAC);
	CHECK_SECOND("\x17\x03\x03\xff\xff", TLS_ALERT_RECORD_OVERFLOW);
	CHECK_SECOND("\x17\x03\x03\x41\x01", TLS_ALERT_RECORD_OVERFLOW);
	CHECK_SECOND("\x18\x03\x03\0\x01\x01", TLS_ALERT_UNEXPECTED_MESSAGE);
	/* RFC 8446 section 5 has the first, OpenSSL before 3.2 the other. */
	CHECK_SECOND("\x14\x03\x03\0\x01\x02", OPENSSL_VERSION_NUMBER >= 0x30200000
						       ? TLS_ALERT_UNEXPECTED_MESSAGE
						       : TLS_ALERT_ILLEGAL_PARAMETER);
}

/* OpenSSL would take 128 KiB for it at once. */
static void test_a_hello_that_says_it_is_long(void **state)
{
	const char *words = OPENSSL_VERSION_NUMBER >= 0x30200000
				    ? "the client breaks the protocol: data length too long"
				    : "the client breaks the protocol: packet length too long";
	CHECK_FIRST("\x16\x03\x01\0\x08\x01\x02\0\0\x03\x03..", TLS_FAILURE_PROTOCOL, words);
	CHECK_FIRST("\x16\x03\x01\0\x08\x01\0\x40\x01\x03\x03..", TLS_FAILURE_PROTOCOL, words);
	CHECK_FIRST("\x16\x03\x01\0\x03\x01\0\x40", TLS_FAILURE_PROTOCOL, words);
	CHECK_FIRST("\x16\x03\x01\xff\xff", TLS_FAILURE_PROTOCOL, words);
}

/* Nor for the front of another one in the same record, which it would come to when it has asked for
 * that. */
static void test_two_hellos_in_a_record(void **state)
{
	static const uint8_t second[] = {1, 2, 0, 0};
	assert_int_equal(SSL_CTX_set1_groups_list(client_context, "ffdhe2048:X25519"), 1);
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, NULL);
	struct rig_bytes *sent = &client->sent;
	size_t used;
	rig_client_step(client);
	memcpy(sent->data + sent->len, second, sizeof(second));
	sent->len += sizeof(second);
	sent->data[3] = (uint8_t)((sent->len - 5) >> 8);
	sent->data[4] = (uint8_t)(sent->len - 5);
	assert_int_equal(
		tls_handshake_feed(handshake, sent->data, sent->len, &used), TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_fault(handshake).failure, TLS_FAILURE_PROTOCOL);
	check_alert(handshake, TLS_ALERT_RECORD_OVERFLOW);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

/* Feeds a record again and again, until that is over. Returns how often it was taken. */
static int feed_without_end(struct tls_handshake *handshake, const uint8_t *record, size_t len)
{
	int count = 0;
	enum tls_progress progress;
	do {
		size_t used;
		progress = tls_handshake_feed(handshake, record, len, &used);
		assert_int_equal(used, len);
		count++;
	} while (progress == TLS_HANDSHAKE_MORE && count < 100000);
	assert_int_equal(progress, TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_fault(handshake).failure, TLS_FAILURE_PROTOCOL);
	return count;
}

static void test_records_without_end(void **state)
{
	static const uint8_t change[] = {0x14, 3, 3, 0, 1, 1};
	static const uint8_t first[] = {0x16, 3, 3, 0, 4, 1, 0, 0x40, 0};
	static const uint8_t piece[] = {0x16, 3, 3, 0, 1, 0};
	struct tls_handshake *handshake;
	struct rig_client *client;
	size_t used;
	meet(&handshake, &client);
	assert_true(rig_client_step(client));
	assert_in_range(feed_without_end(handshake, change, sizeof(change)), 2, 100);
	check_sealed_alert(handshake, client, TLS_ALERT_UNEXPECTED_MESSAGE);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
	/* A hello of 16 KiB, byte by byte: after 48 KiB of it, headers and all. */
	handshake = create();
	assert_int_equal(
		tls_handshake_feed(handshake, first, sizeof(first), &used), TLS_HANDSHAKE_MORE);
	assert_int_equal(feed_without_end(handshake, piece, sizeof(piece)),
		1 + (49152 - sizeof(first)) / sizeof(piece));
	check_alert(handshake, TLS_ALERT_RECORD_OVERFLOW);
	tls_handshake_destroy(&handshake);
}

/* A hello of which some bytes are others is answered, waited on, or refused with an alert. */
static void test_garbage(void **state)
{
	uint32_t seed = 8446;
	struct rig_client *client = rig_client_create(client_context, "one.test");
	int counts[3] = {0};
	rig_client_step(client);
	for (int i = 0; i < 3000; i++) {
		struct tls_handshake *handshake = create();
		uint8_t *hello = split_copy(client->sent.data, client->sent.len);
		for (uint32_t left = 1 + split_random(&seed) % 4; left > 0; left--) {
			hello[split_random(&seed) % client->sent.len] =
				(uint8_t)split_random(&seed);
		}
		size_t used;
		const bool is_tls = hello[1] == 3;
		enum tls_progress progress =
			tls_handshake_feed(handshake, hello, client->sent.len, &used);
		free(hello);
		counts[progress]++;
		const struct tls_fault fault = tls_handshake_fault(handshake);
		const bool has_failed = progress == TLS_HANDSHAKE_FAILED;
		assert_int_equal(fault.failure != TLS_FAILURE_NONE, has_failed);
		/* Who speaks no TLS at all is not told in TLS. */
		if (has_failed && fault.failure != TLS_FAILURE_ALERT && is_tls) {
			assert_int_not_equal(tls_handshake_output(handshake).len, 0);
		}
		tls_handshake_destroy(&handshake);
	}
	assert_int_not_equal(counts[TLS_HANDSHAKE_MORE], 0);
	assert_int_not_equal(counts[TLS_HANDSHAKE_FAILED], 0);
	assert_int_equal(counts[TLS_HANDSHAKE_DONE], 0);
	rig_client_destroy(client);
}

/* Others than OpenSSL end it once the client has been answered: it reads why, whatever it had come
 * to by then; and there is one such record at most. */
static void check_alert_of_others(const char *suites, bool has_read)
{
	struct tls_handshake *handshake = create();
	assert_int_equal(SSL_CTX_set_ciphersuites(client_context, suites), 1);
	struct rig_client *client = rig_client_create(client_context, "one.test");
	uint8_t record[TLS_ALERT_RECORD_LEN];
	uint8_t nothing;
	rig_client_step(client);
	assert_int_equal(rig_feed(handshake, client), TLS_HANDSHAKE_MORE);
	assert_true(tls_handshake_has_answered(handshake));
	if (has_read) {
		assert_true(rig_client_step(client)); /* its Finished is on its way */
	}
	assert_int_equal(tls_handshake_seal_alert(handshake, record), sizeof(record));
	assert_int_equal(BIO_write(client->in, record, sizeof(record)), sizeof(record));
	assert_true(rig_client_step(client));
	ERR_clear_error();
	assert_true(SSL_read(client->ssl, &nothing, 1) <= 0);
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_TLSV1_ALERT_INTERNAL_ERROR);
	ERR_clear_error();
	assert_int_equal(tls_handshake_seal_alert(handshake, record), 0);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

static void test_a_sealed_alert_of_ours(void **state)
{
	static const char *const suites[] = {
		"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"};
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		check_alert_of_others(suites[i], false);
		check_alert_of_others(suites[i], true);
	}
}

/* What another has left in the thread's queue of errors is not this line's. */
static void test_errors_of_others(void **state)
{
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, NULL);
	rig_client_step(client);
	ERR_raise(ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL);
	assert_int_equal(rig_feed(handshake, client), TLS_HANDSHAKE_MORE);
	ERR_raise(ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL);
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
	ERR_raise(ERR_LIB_SSL, SSL_R_UNSUPPORTED_PROTOCOL);
	check_plain_alert("\x15\x03\x03\0\x02\x01\0", TLS_ALERT_CLOSE_NOTIFY,
		"the client has given up: close notify");
	assert_int_equal(ERR_peek_error(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_client, free_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_older_versions),
		TEST(test_other_protocols),
		TEST(test_no_common_signature),
		TEST(test_no_common_suite),
		TEST(test_every_group),
		TEST(test_an_expensive_guess),
		TEST(test_an_alert_of_the_client),
		TEST(test_an_alert_in_plain),
		TEST(test_in_place_of_a_finished),
		TEST(test_a_hello_that_says_it_is_long),
		TEST(test_two_hellos_in_a_record),
		TEST(test_records_without_end),
		TEST(test_garbage),
		TEST(test_a_sealed_alert_of_ours),
		TEST(test_errors_of_others),
	};
	return cmocka_run_group_tests(tests, make_contexts, free_contexts);
}
