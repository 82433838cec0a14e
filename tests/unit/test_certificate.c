#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../server/tls/certificate.h"
#include "../../server/tls/certificate_key.h"
#include "certificate_rig.h"
#include "kept_findings.h"

static struct kept_findings kept;
static EVP_PKEY *key;
static EVP_PKEY *other_key;
static struct certificate *certificate;
static char pem[RIG_PEM_MAX];
static char key_pem[RIG_PEM_MAX];

static int make_keys(void **state)
{
	key = rig_ec_key("P-256");
	other_key = rig_ec_key("P-256");
	return 0;
}

static int free_keys(void **state)
{
	EVP_PKEY_free(key);
	EVP_PKEY_free(other_key);
	return 0;
}

static int setup(void **state)
{
	pem[0] = key_pem[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	certificate_destroy(&certificate);
	return 0;
}

/* --- reading -----------------------------------------------------------------------------------
 */

static void add(const struct issue_wish *wish)
{
	X509 *made = rig_make_certificate(wish);
	rig_add_certificate(made, pem);
	X509_free(made);
}

static int read_pair(void)
{
	const struct certificate_source source = {
		.path = "c.pem",
		.key_path = "k.pem",
		.text = slice_of(pem),
		.key_text = slice_of(key_pem),
	};
	kept_findings_init(&kept);
	return certificate_read(&source, &kept.findings, &certificate);
}

/* That it is taken, and what is said of it. */
static void check_taken(const char *warnings)
{
	assert_int_equal(read_pair(), 0);
	assert_string_equal(kept.text, warnings);
	certificate_destroy(&certificate);
}

static void check_refused(const char *fault)
{
	assert_int_equal(read_pair(), -EINVAL);
	assert_string_equal(kept.text, fault);
	assert_int_equal(kept.findings.faults, 1);
	assert_null(certificate);
}

static void test_a_pair(void **state)
{
	add(&(struct issue_wish){
		.key = key, .names = "IP:192.0.2.1,DNS:chat.example.org,DNS:b.example"});
	rig_add_key(key, NULL, key_pem);
	assert_int_equal(read_pair(), 0);
	assert_string_equal(kept.text, "");
	assert_string_equal(certificate->name, "chat.example.org");
	assert_int_equal(certificate->chain_count, 1);
	assert_int_equal(certificate->begins_s, RIG_NOW_S - RIG_DAY_S);
	assert_int_equal(certificate->ends_s, RIG_NOW_S + 90 * (int64_t)RIG_DAY_S);
	assert_int_equal(EVP_PKEY_eq(certificate->key, key), 1);
	assert_in_range(certificate->sign_us, 1, CERTIFICATE_SLOW_US);
}

static void test_both_in_one_file(void **state)
{
	rig_add_key(key, NULL, pem);
	add(&(struct issue_wish){.key = key});
	strcpy(key_pem, pem);
	check_taken("");
}

static void test_keys_that_sign(void **state)
{
	EVP_PKEY *keys[] = {
		rig_ec_key("P-384"),
		rig_ec_key("P-521"),
		EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
		EVP_RSA_gen(2048),
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		setup(NULL);
		const bool has_no_hash = EVP_PKEY_is_a(keys[i], "ED25519");
		add(&(struct issue_wish){.key = keys[i], .issuer_key = has_no_hash ? key : NULL});
		rig_add_key(keys[i], NULL, key_pem);
		assert_int_equal(read_pair(), 0);
		assert_int_equal(kept.findings.faults, 0);
		certificate_destroy(&certificate);
		EVP_PKEY_free(keys[i]);
	}
}

static void test_a_slow_key(void **state)
{
	EVP_PKEY *slow = EVP_RSA_gen(4096);
	add(&(struct issue_wish){.key = slow});
	rig_add_key(slow, NULL, key_pem);
	assert_int_equal(read_pair(), 0);
	assert_true(certificate->sign_us > CERTIFICATE_SLOW_US);
	assert_non_null(
		strstr(kept.text, "warning: tls_cert: c.pem: a signature of its key takes "));
	EVP_PKEY_free(slow);
}

/* --- what is no pair ---------------------------------------------------------------------------
 */

static void test_what_holds_no_certificate(void **state)
{
	rig_add_key(key, NULL, key_pem);
	check_refused("tls_cert: c.pem: it is empty\n");
	strcpy(pem, "\x30\x82 is how DER begins");
	check_refused("tls_cert: c.pem: holds no CERTIFICATE in PEM (openssl x509 -inform der -in "
		      "FILE makes it of DER)\n");
	strcpy(pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	check_refused("tls_cert: c.pem: certificate 1 is none, or is damaged\n");
}

/* Wherever the writing stopped: at a place where nothing is missing it is whole. */
static void test_half_written_files(void **state)
{
	add(&(struct issue_wish){.key = key});
	rig_add_key(key, NULL, key_pem);
	const size_t len = strlen(pem) - 1; /* without the last newline it is whole */
	char whole[RIG_PEM_MAX];
	strcpy(whole, pem);
	for (size_t at = 0; at < len; at++) {
		memcpy(pem, whole, at);
		pem[at] = '\0';
		assert_int_equal(read_pair(), -EINVAL);
		assert_int_equal(kept.findings.faults, 1);
	}
	strcpy(pem, whole);
	const size_t key_len = strlen(key_pem) - 1;
	strcpy(whole, key_pem);
	for (size_t at = 0; at < key_len; at++) {
		memcpy(key_pem, whole, at);
		key_pem[at] = '\0';
		assert_int_equal(read_pair(), -EINVAL);
		assert_int_equal(kept.findings.faults, 1);
	}
	key_pem[key_len / 2] = '\0';
	check_refused("tls_key: k.pem: the private key is damaged, or not written to its end\n");
}

static void test_another_key(void **state)
{
	add(&(struct issue_wish){.key = key});
	rig_add_key(other_key, NULL, key_pem);
	check_refused("tls_key: k.pem: it is not the key of the certificate in c.pem\n");
}

static void test_what_holds_no_key(void **state)
{
	add(&(struct issue_wish){.key = key});
	check_refused("tls_key: k.pem: it is empty\n");
	strcpy(key_pem, pem);
	check_refused("tls_key: k.pem: holds no PRIVATE KEY in PEM\n");
}

static void test_a_passphrase(void **state)
{
	static const char fault[] =
		"tls_key: k.pem: the key is behind a passphrase, which nobody is "
		"there to type: openssl pkey -in FILE takes it off\n";
	add(&(struct issue_wish){.key = key});
	rig_add_key(key, "secret", key_pem);
	check_refused(fault);
	key_pem[0] = '\0';
	BIO *out = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PrivateKey_traditional(out, key, EVP_aes_128_cbc(),
				 (const unsigned char *)"secret", 6, NULL, NULL),
		1);
	rig_take(out, key_pem);
	check_refused(fault);
}

static void test_keys_that_cannot_sign(void **state)
{
	EVP_PKEY *bitcoin = rig_ec_key("secp256k1");
	add(&(struct issue_wish){.key = bitcoin});
	rig_add_key(bitcoin, NULL, key_pem);
	check_refused(
		"tls_key: k.pem: the key is of a kind that TLS 1.3 cannot sign with: take one "
		"on P-256 (openssl ecparam -name prime256v1 -genkey -noout), or RSA\n");
	EVP_PKEY_free(bitcoin);
}

static void test_what_is_too_weak(void **state)
{
	EVP_PKEY *small = EVP_RSA_gen(1024);
	add(&(struct issue_wish){.key = small});
	rig_add_key(small, NULL, key_pem);
	check_refused("tls_cert: c.pem: certificate 1 has a key that is too weak: RSA takes 2048 "
		      "bits\n");
	EVP_PKEY_free(small);
	setup(NULL);
	X509 *root =
		rig_make_certificate(&(struct issue_wish){.key = other_key, .subject = "root"});
	add(&(struct issue_wish){
		.key = key, .issuer = root, .issuer_key = other_key, .hash = EVP_sha1()});
	rig_add_key(key, NULL, key_pem);
	check_refused("tls_cert: c.pem: certificate 1 is signed with a hash that is not safe any "
		      "more\n");
	X509_free(root);
}

static void test_too_many(void **state)
{
	for (int i = 0; i <= CERTIFICATE_CHAIN_MAX; i++) {
		add(&(struct issue_wish){.key = key});
	}
	rig_add_key(key, NULL, key_pem);
	check_refused("tls_cert: c.pem: more than 16 certificates: one pair is in a file\n");
}

/* --- chains ------------------------------------------------------------------------------------
 */

/* A root, who it issued, and whom that did: three certificates. */
struct chain {
	X509 *root;
	X509 *middle;
	X509 *own;
	EVP_PKEY *middle_key;
};

static struct chain make_chain(void)
{
	struct chain chain = {.middle_key = rig_ec_key("P-256")};
	chain.root = rig_make_certificate(
		&(struct issue_wish){.key = other_key, .subject = "root", .names = ""});
	chain.middle = rig_make_certificate(&(struct issue_wish){.key = chain.middle_key,
		.subject = "middle",
		.names = "",
		.issuer = chain.root,
		.issuer_key = other_key});
	chain.own = rig_make_certificate(&(struct issue_wish){.key = key,
		.subject = "own",
		.issuer = chain.middle,
		.issuer_key = chain.middle_key,
		.access = "caIssuers;URI:http://ca.example/ca.der"});
	return chain;
}

static void free_chain(struct chain *chain)
{
	X509_free(chain->root);
	X509_free(chain->middle);
	X509_free(chain->own);
	EVP_PKEY_free(chain->middle_key);
}

static void write_chain(X509 *first, X509 *second, X509 *third)
{
	pem[0] = '\0';
	rig_add_certificate(first, pem);
	if (second) {
		rig_add_certificate(second, pem);
	}
	if (third) {
		rig_add_certificate(third, pem);
	}
}

static void test_chains(void **state)
{
	static const char out_of_order[] =
		"warning: tls_cert: c.pem: certificate 2 has not issued the one before it: the "
		"order is the server's own, who issued it, who issued that\n";
	struct chain chain = make_chain();
	rig_add_key(key, NULL, key_pem);
	write_chain(chain.own, chain.middle, NULL);
	check_taken("");
	write_chain(chain.own, chain.middle, chain.root);
	check_taken("");
	write_chain(chain.own, chain.root, chain.middle);
	check_taken(out_of_order);
	write_chain(chain.middle, chain.own, NULL);
	check_refused(
		"tls_cert: c.pem: its order is wrong: the key is that of certificate 2, which "
		"has to come first\n");
	write_chain(chain.own, NULL, NULL);
	check_taken(
		"warning: tls_cert: c.pem: holds no certificate of who issued it, without which "
		"many clients refuse it (of certbot's files take fullchain.pem)\n");
	free_chain(&chain);
}

/* --- names -------------------------------------------------------------------------------------
 */

static void test_without_names(void **state)
{
	add(&(struct issue_wish){.key = key, .names = "", .subject = "old \"host\""});
	rig_add_key(key, NULL, key_pem);
	assert_int_equal(read_pair(), 0);
	assert_string_equal(kept.text,
		"warning: tls_cert: c.pem: names no host (subjectAltName): browsers refuse it\n");
	assert_string_equal(certificate->name, "old??host?");
}

static void test_not_for_servers(void **state)
{
	add(&(struct issue_wish){.key = key, .usage = "clientAuth"});
	rig_add_key(key, NULL, key_pem);
	check_taken(
		"warning: tls_cert: c.pem: is not meant for a server (extendedKeyUsage): clients "
		"refuse it\n");
}

static void test_a_long_name_is_cut(void **state)
{
	add(&(struct issue_wish){.key = key,
		.names =
			"DNS:a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g.example"});
	rig_add_key(key, NULL, key_pem);
	assert_int_equal(read_pair(), 0);
	assert_string_equal(certificate->name,
		"a23456789.b23456789.c23456789.d23456789.e23456789.f23456789.g.e");
}

static void test_whom_it_is_for(void **state)
{
	add(&(struct issue_wish){
		.key = key, .names = "DNS:*.example.org,DNS:example.net,DNS:a*.example.com"});
	rig_add_key(key, NULL, key_pem);
	assert_int_equal(read_pair(), 0);
	assert_true(certificate_is_for(certificate, "chat.example.org"));
	assert_true(certificate_is_for(certificate, "CHAT.Example.ORG"));
	assert_true(certificate_is_for(certificate, "example.net"));
	assert_false(certificate_is_for(certificate, "example.org"));
	assert_false(certificate_is_for(certificate, "a.chat.example.org"));
	assert_false(certificate_is_for(certificate, "example.com"));
	assert_false(certificate_is_for(certificate, "ab.example.com"));
	assert_false(certificate_is_for(certificate, "a test"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_a_pair),
		TEST(test_both_in_one_file),
		TEST(test_keys_that_sign),
		TEST(test_a_slow_key),
		TEST(test_what_holds_no_certificate),
		TEST(test_half_written_files),
		TEST(test_another_key),
		TEST(test_what_holds_no_key),
		TEST(test_a_passphrase),
		TEST(test_keys_that_cannot_sign),
		TEST(test_what_is_too_weak),
		TEST(test_too_many),
		TEST(test_chains),
		TEST(test_without_names),
		TEST(test_not_for_servers),
		TEST(test_a_long_name_is_cut),
		TEST(test_whom_it_is_for),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
