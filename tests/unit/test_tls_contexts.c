#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificate_rig.h"
#include "tls_client_rig.h"

/* What an administrator may have told OpenSSL, none of which is to reach the gateway. */
static const char HOSTILE_CONFIG[] =
	"openssl_conf = init\n"
	"[init]\n"
	"ssl_conf = modules\n"
	"[modules]\n"
	"system_default = defaults\n"
	"[defaults]\n"
	"Protocol = -TLSv1.3\n"
	"MinProtocol = TLSv1\n"
	"MaxProtocol = TLSv1.2\n"
	"Ciphersuites = TLS_AES_256_GCM_SHA384\n"
	"Groups = P-521\n"
	"SignatureAlgorithms = rsa_pss_rsae_sha512\n"
	"Options = -ServerPreference,-PrioritizeChaCha,-SessionTicket\n"
	"NumTickets = 4\n";
static char config_path[] = "/tmp/tidegate-openssl-XXXXXX";

static EVP_PKEY *key;
static struct tls_contexts *contexts;

/* --- pairs -------------------------------------------------------------------------------------
 */

static struct certificate *certificate_for(const char *names)
{
	static char pem[RIG_PEM_MAX];
	static char key_pem[RIG_PEM_MAX];
	X509 *made = rig_make_certificate(&(struct issue_wish){.key = key, .names = names});
	struct findings findings = {.faults = 0};
	struct certificate *certificate = NULL;
	pem[0] = key_pem[0] = '\0';
	rig_add_certificate(made, pem);
	rig_add_key(key, NULL, key_pem);
	const struct certificate_source source = {
		"c.pem", "k.pem", slice_of(pem), slice_of(key_pem)};
	assert_int_equal(certificate_read(&source, &findings, &certificate), 0);
	X509_free(made);
	return certificate;
}

static int make_contexts(void **state)
{
	key = rig_ec_key("P-256");
	struct certificate *certificates[] = {
		certificate_for("DNS:first.example"),
		certificate_for("DNS:*.example.org"),
		certificate_for("DNS:chat.example.org,DNS:chat.example.net"),
	};
	return tls_contexts_create(certificates, 3, &contexts);
}

static int free_contexts(void **state)
{
	tls_contexts_unref(&contexts);
	EVP_PKEY_free(key);
	return 0;
}

/* --- a client and the gateway's end ------------------------------------------------------------
 */

/* Owner: the case. */
struct both {
	SSL_CTX *context; /* of the client */
	struct rig_client *client;
	SSL *server;
};

/* The client is another that openssl.cnf has spoiled: it is put right. */
static struct both prepare(const char *host)
{
	struct both both = {.context = rig_client_context()};
	SSL_CTX_clear_options(both.context, SSL_OP_NO_TLSv1_3);
	SSL_CTX_set_min_proto_version(both.context, TLS1_3_VERSION);
	SSL_CTX_set_max_proto_version(both.context, 0);
	assert_int_equal(SSL_CTX_set_ciphersuites(both.context,
				 "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"
				 "TLS_CHACHA20_POLY1305_SHA256"),
		1);
	assert_int_equal(SSL_CTX_set1_groups_list(both.context, "P-384:P-256:X25519"), 1);
	assert_int_equal(SSL_CTX_set1_sigalgs_list(both.context, "ecdsa_secp256r1_sha256"), 1);
	both.client = rig_client_create(both.context, host);
	both.server = SSL_new(tls_contexts_first(contexts));
	assert_non_null(both.server);
	SSL_set_bio(both.server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(both.server);
	return both;
}

static void shake(struct both *both)
{
	SSL_do_handshake(both->client->ssl);
	for (int i = 0; i < 3; i++) {
		rig_swap(both->client->ssl, both->server);
	}
}

static void finish(struct both *both)
{
	SSL_free(both->server);
	rig_client_destroy(both->client);
	SSL_CTX_free(both->context);
}

static void check_name(const char *host, const char *shown)
{
	struct both both = prepare(host);
	shake(&both);
	assert_true(SSL_is_init_finished(both.client->ssl));
	assert_int_equal(
		X509_check_host(SSL_get0_peer_certificate(both.client->ssl), shown, 0, 0, NULL), 1);
	finish(&both);
}

/* --- cases -------------------------------------------------------------------------------------
 */

static void test_the_pair_for_a_name(void **state)
{
	check_name("first.example", "first.example");
	check_name("a.example.org", "a.example.org");
	check_name("chat.example.net", "chat.example.net");
	check_name("CHAT.example.NET", "chat.example.net");
}

/* The wildcard stands before the name itself. */
static void test_the_first_that_fits(void **state)
{
	check_name("chat.example.org", "any.example.org");
}

static void test_the_first_of_all(void **state)
{
	check_name(NULL, "first.example");
	check_name("nobody.example", "first.example");
}

static void test_what_openssl_was_told_does_not_count(void **state)
{
	struct both both = prepare(NULL);
	shake(&both);
	assert_true(SSL_is_init_finished(both.server));
	assert_int_equal(SSL_version(both.server), TLS1_3_VERSION);
	assert_string_equal(SSL_get_cipher_name(both.server), "TLS_AES_128_GCM_SHA256");
	assert_int_equal(SSL_get_negotiated_group(both.server), NID_X25519);
	assert_int_equal(BIO_pending(SSL_get_wbio(both.server)), 0);
	finish(&both);
}

/* Its OpenSSL does read that file. */
static void test_the_file_is_read(void **state)
{
	SSL_CTX *plain = SSL_CTX_new(TLS_server_method());
	assert_int_equal(SSL_CTX_get_max_proto_version(plain), TLS1_2_VERSION);
	SSL_CTX_free(plain);
}

static void test_who_prefers_chacha_gets_it(void **state)
{
	struct both both = prepare(NULL);
	SSL_set_ciphersuites(both.client->ssl,
		"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384");
	shake(&both);
	assert_string_equal(SSL_get_cipher_name(both.server), "TLS_CHACHA20_POLY1305_SHA256");
	finish(&both);
}

static void test_no_sessions(void **state)
{
	struct both both = prepare(NULL);
	char nothing;
	shake(&both);
	assert_int_equal(SSL_read(both.client->ssl, &nothing, 1), -1);
	SSL_SESSION *session = SSL_get1_session(both.client->ssl);
	assert_false(SSL_SESSION_is_resumable(session));
	SSL_SESSION_free(session);
	finish(&both);
}

static void test_slow_ones_are_known(void **state)
{
	struct tls_contexts *slow;
	struct certificate *certificates[] = {certificate_for("DNS:a"), certificate_for("DNS:b")};
	certificates[1]->sign_us = CERTIFICATE_SLOW_US + 1;
	assert_false(tls_contexts_are_slow(contexts));
	assert_int_equal(tls_contexts_create(certificates, 2, &slow), 0);
	assert_null(certificates[0]);
	assert_null(certificates[1]);
	assert_true(tls_contexts_are_slow(slow));
	assert_int_equal(tls_contexts_count(slow), 2);
	assert_string_equal(tls_contexts_certificate(slow, 1)->name, "b");
	struct tls_contexts *again = tls_contexts_ref(slow);
	tls_contexts_unref(&slow);
	assert_null(slow);
	assert_true(tls_contexts_are_slow(again));
	tls_contexts_unref(&again);
	tls_contexts_unref(&again);
}

/* Before OpenSSL is asked anything. */
static void have_openssl_read_config(void)
{
	int fd = mkstemp(config_path);
	const ssize_t len = sizeof(HOSTILE_CONFIG) - 1;
	if (fd < 0 || write(fd, HOSTILE_CONFIG, (size_t)len) != len) {
		abort();
	}
	close(fd);
	setenv("OPENSSL_CONF", config_path, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_pair_for_a_name),
		cmocka_unit_test(test_the_first_that_fits),
		cmocka_unit_test(test_the_first_of_all),
		cmocka_unit_test(test_what_openssl_was_told_does_not_count),
		cmocka_unit_test(test_the_file_is_read),
		cmocka_unit_test(test_who_prefers_chacha_gets_it),
		cmocka_unit_test(test_no_sessions),
		cmocka_unit_test(test_slow_ones_are_known),
	};
	have_openssl_read_config();
	int failed = cmocka_run_group_tests(tests, make_contexts, free_contexts);
	unlink(config_path);
	return failed;
}
