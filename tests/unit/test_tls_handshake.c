#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../proto/tls_line.h"
#include "split.h"
#include "tls_client_rig.h"

static struct tls_contexts *contexts;
static SSL_CTX *client_context;

static int make_contexts(void **state)
{
	EVP_PKEY *one = EVP_EC_gen("P-256");
	EVP_PKEY *two = EVP_EC_gen("P-256");
	contexts = rig_contexts(one, two);
	EVP_PKEY_free(one);
	EVP_PKEY_free(two);
	return 0;
}

static int free_contexts(void **state)
{
	tls_contexts_unref(&contexts);
	return contexts != NULL;
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
	assert_false(tls_handshake_has_answered(handshake));
	assert_int_equal(tls_handshake_output(handshake).len, 0);
	assert_int_equal(tls_handshake_fault(handshake).failure, TLS_FAILURE_NONE);
	return handshake;
}

/* --- a line behind it --------------------------------------------------------------------------
 */

static struct tls_line *line_of(const struct tls_secrets *secrets)
{
	struct tls_line *line = calloc(1, tls_line_size(secrets->suite));
	assert_non_null(line);
	tls_line_init(line, secrets->suite, secrets->read, secrets->write, secrets->fragment_len);
	return line;
}

/* What the client has said is in this record, alone. */
static void check_read(struct tls_line *line, uint8_t *record, size_t len, const char *text)
{
	struct tls_aead aead = {0};
	size_t plain_len;
	uint8_t alert;
	assert_int_equal(tls_line_lend_read(line, &aead), 0);
	assert_int_equal(tls_record_len(record), len);
	assert_int_equal(
		tls_line_open(line, &aead, record, len, &plain_len, &alert), TLS_EVENT_DATA);
	assert_int_equal(plain_len, strlen(text));
	assert_memory_equal(record + TLS_HEADER_LEN, text, plain_len);
	tls_aead_finish(&aead);
}

/* The client reads what is sealed here. */
static void check_write(struct tls_line *line, struct rig_client *client)
{
	static const char text[] = "HTTP/1.1 101 Switching Protocols\r\n";
	const struct iovec piece = {(char *)text, sizeof(text) - 1};
	uint8_t record[128];
	char plain[128];
	struct tls_aead aead = {0};
	assert_int_equal(tls_line_lend_write(line, &aead), 0);
	const size_t len = tls_line_seal(line, &aead, &piece, 1, record);
	tls_aead_finish(&aead);
	assert_int_equal(BIO_write(client->in, record, (int)len), len);
	assert_int_equal(SSL_read(client->ssl, plain, sizeof(plain)), sizeof(text) - 1);
	assert_memory_equal(plain, text, sizeof(text) - 1);
}

/* The secrets are the client's, and both ends understand each other with them. What is on its way
 * is one record with `text`. */
static void check_hand_off(
	const struct tls_handshake *handshake, struct rig_client *client, const char *text)
{
	struct tls_secrets secrets;
	tls_handshake_secrets(handshake, &secrets);
	const size_t secret_len = tls_suite_facts(secrets.suite)->secret_len;
	assert_int_equal(client->secret_len, secret_len);
	assert_memory_equal(secrets.read, client->client_secret, secret_len);
	assert_memory_equal(secrets.write, client->server_secret, secret_len);
	struct tls_line *line = line_of(&secrets);
	check_read(line, client->sent.data, client->sent.len, text);
	check_write(line, client);
	free(line);
	tls_secrets_wipe(&secrets);
	assert_memory_equal(&secrets, &(struct tls_secrets){0}, sizeof(secrets));
}

/* The client says something as soon as it may: behind its Finished, in the same bytes. */
static void say(struct rig_client *client, const char *text)
{
	assert_int_equal(SSL_write(client->ssl, text, (int)strlen(text)), strlen(text));
	rig_client_flush(client);
}

/* --- from the hello to the first frames --------------------------------------------------------
 */

/* Feeds all that is on its way, cut as split.h says. What is not taken is fed again with the next
 * piece. Stops at its end, with what was not taken still on its way. */
static enum tls_progress feed_split(
	struct tls_handshake *handshake, struct rig_client *client, size_t split)
{
	enum tls_progress progress = TLS_HANDSHAKE_MORE;
	const size_t len = client->sent.len;
	for (size_t come = 0, taken = 0; come < len && progress == TLS_HANDSHAKE_MORE;) {
		come += split_piece(split, come, len);
		uint8_t *piece = split_copy(client->sent.data, come - taken);
		size_t used = SIZE_MAX;
		progress = tls_handshake_feed(handshake, piece, come - taken, &used);
		free(piece);
		assert_in_range(used, 0, come - taken);
		taken += used;
		rig_client_arrived(client, used);
	}
	return progress;
}

static void send_output(struct tls_handshake *handshake, struct rig_client *client)
{
	/* In pieces, as a full socket takes it. */
	for (struct slice left; (left = tls_handshake_output(handshake)).len > 0;) {
		const size_t len = left.len < 700 ? left.len : 700;
		assert_int_equal(BIO_write(client->in, left.data, (int)len), len);
		tls_handshake_sent(handshake, len);
	}
}

static void talk_split(size_t hello_split, size_t finished_split)
{
	static const char frames[] = "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x82....";
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, "one.test");
	assert_false(rig_client_step(client));
	assert_int_equal(feed_split(handshake, client, hello_split), TLS_HANDSHAKE_MORE);
	assert_int_equal(client->sent.len, 0);
	assert_true(tls_handshake_has_answered(handshake));
	send_output(handshake, client);
	assert_true(rig_client_step(client));
	const size_t finished_len = client->sent.len;
	say(client, frames);
	const size_t frames_len = client->sent.len - finished_len;
	assert_int_equal(feed_split(handshake, client, finished_split), TLS_HANDSHAKE_DONE);
	/* Not one byte past the record that ends it. */
	assert_int_equal(client->sent.len, frames_len);
	assert_int_equal(tls_handshake_output(handshake).len, 0);
	check_hand_off(handshake, client, frames);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
	assert_null(handshake);
}

/* How long the two flights of a client are: the same each time, but for what it asks. */
static void measure(size_t *ret_hello, size_t *ret_finished)
{
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, "one.test");
	rig_client_step(client);
	*ret_hello = client->sent.len;
	rig_feed(handshake, client);
	rig_client_step(client);
	*ret_finished = client->sent.len;
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

static void test_all_in_one_piece(void **state)
{
	talk_split(SIZE_MAX, SIZE_MAX);
}

static void test_split_at_every_byte(void **state)
{
	size_t hello;
	size_t finished;
	measure(&hello, &finished);
	assert_in_range(hello, 200, 2000);
	assert_in_range(finished, 50, 200);
	for (size_t split = 0; split <= hello; split++) {
		talk_split(split, SIZE_MAX);
	}
	/* And beyond it, into the frames. */
	for (size_t split = 0; split <= finished + 30; split++) {
		talk_split(SIZE_MAX, split);
	}
	talk_split(0, 0);
}

/* --- what is agreed upon -----------------------------------------------------------------------
 */

/* Talks until it is done, and a word behind it. Returns what was agreed on. */
static struct tls_secrets agree(struct rig_client *client)
{
	struct tls_handshake *handshake = create();
	struct tls_secrets secrets;
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	tls_handshake_secrets(handshake, &secrets);
	say(client, "hello");
	check_hand_off(handshake, client, "hello");
	tls_handshake_destroy(&handshake);
	return secrets;
}

static void check_suite(const char *offered, enum tls_suite suite)
{
	assert_int_equal(SSL_CTX_set_ciphersuites(client_context, offered), 1);
	struct rig_client *client = rig_client_create(client_context, NULL);
	const struct tls_secrets secrets = agree(client);
	assert_int_equal(secrets.suite, suite);
	assert_int_equal(secrets.fragment_len, TLS_PLAIN_MAX);
	rig_client_destroy(client);
}

static void test_suites(void **state)
{
	check_suite("TLS_AES_128_GCM_SHA256", TLS_SUITE_AES_128_GCM);
	check_suite("TLS_AES_256_GCM_SHA384", TLS_SUITE_AES_256_GCM);
	check_suite("TLS_CHACHA20_POLY1305_SHA256", TLS_SUITE_CHACHA20_POLY1305);
	/* Ours is the order, but for one who has no instructions for AES. */
	check_suite("TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256",
		TLS_SUITE_AES_128_GCM);
	check_suite("TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256",
		TLS_SUITE_CHACHA20_POLY1305);
}

/* RFC 6066 section 4. */
static void test_fragment_lengths(void **state)
{
	static const uint16_t lens[] = {TLS_PLAIN_MAX, 512, 1024, 2048, 4096};
	for (uint8_t code = 1; code <= 4; code++) {
		struct rig_client *client = rig_client_create(client_context, NULL);
		assert_int_equal(SSL_set_tlsext_max_fragment_length(client->ssl, code), 1);
		assert_int_equal(agree(client).fragment_len, lens[code]);
		rig_client_destroy(client);
	}
}

static void check_name(const char *asked, const char *shown)
{
	struct rig_client *client = rig_client_create(client_context, asked);
	agree(client);
	X509 *certificate = SSL_get1_peer_certificate(client->ssl);
	assert_int_equal(X509_check_host(certificate, shown, 0, 0, NULL), 1);
	X509_free(certificate);
	rig_client_destroy(client);
}

static void test_names(void **state)
{
	check_name("one.test", "one.test");
	check_name("two.test", "two.test");
	check_name("TWO.test", "two.test");
	check_name("other.test", "one.test");
	check_name(NULL, "one.test");
}

static void test_protocols(void **state)
{
	static const uint8_t both[] = "\x02h2\x08http/1.1";
	struct rig_client *client = rig_client_create(client_context, NULL);
	assert_int_equal(SSL_set_alpn_protos(client->ssl, both, sizeof(both) - 1), 0);
	agree(client);
	const unsigned char *chosen;
	unsigned chosen_len;
	SSL_get0_alpn_selected(client->ssl, &chosen, &chosen_len);
	assert_int_equal(chosen_len, 8);
	assert_memory_equal(chosen, "http/1.1", 8);
	rig_client_destroy(client);
}

/* No tickets: not a byte behind the Finished is ours. */
static void test_no_tickets(void **state)
{
	struct tls_handshake *handshake = create();
	struct rig_client *client = rig_client_create(client_context, NULL);
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	assert_int_equal(tls_handshake_output(handshake).len, 0);
	assert_int_equal(BIO_pending(client->in), 0);
	assert_false(SSL_SESSION_is_resumable(SSL_get0_session(client->ssl)));
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

/* A hello of some thousand bytes, in records of 512. */
static void test_a_hello_in_many_records(void **state)
{
	static uint8_t names[6000];
	struct rig_client *client = rig_client_create(client_context, NULL);
	for (size_t i = 0; i < sizeof(names); i += 100) {
		names[i] = 99;
		memset(names + i + 1, 'x', 99);
	}
	memcpy(names, "\x08http/1.1\x5a", 10);
	assert_int_equal(SSL_set_alpn_protos(client->ssl, names, sizeof(names)), 0);
	SSL_set_max_send_fragment(client->ssl, 512);
	assert_false(rig_client_step(client));
	assert_in_range(client->sent.len, 6000, 8000); /* a share of ML-KEM takes 1,216 of them */
	struct tls_handshake *handshake = create();
	assert_int_equal(rig_feed(handshake, client), TLS_HANDSHAKE_MORE);
	assert_true(tls_handshake_has_answered(handshake));
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

/* The client's guess was wrong, and it is asked for another group: RFC 8446 section 4.1.4. */
static void test_a_second_hello(void **state)
{
	assert_int_equal(SSL_CTX_set1_groups_list(client_context, "P-384:X25519"), 1);
	struct rig_client *client = rig_client_create(client_context, NULL);
	struct tls_handshake *handshake = create();
	assert_false(rig_client_step(client));
	assert_int_equal(rig_feed(handshake, client), TLS_HANDSHAKE_MORE);
	assert_false(tls_handshake_has_answered(handshake));
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
	agree(client = rig_client_create(client_context, NULL));
	rig_client_destroy(client);
}

/* A session of elsewhere, with early data: it is thrown away, and a whole handshake made. */
static void test_early_data(void **state)
{
	struct rig_client *client = rig_client_create(client_context, "one.test");
	SSL_SESSION *session = rig_session_of_elsewhere(client_context);
	size_t written;
	assert_int_equal(SSL_set_session(client->ssl, session), 1);
	assert_int_equal(SSL_write_early_data(client->ssl, "GET /", 5, &written), 1);
	rig_client_flush(client);
	agree(client);
	assert_int_equal(SSL_get_early_data_status(client->ssl), SSL_EARLY_DATA_REJECTED);
	assert_false(SSL_session_reused(client->ssl));
	SSL_SESSION_free(session);
	rig_client_destroy(client);
}

/* --- the hand-off ------------------------------------------------------------------------------
 */

/* Linked in place of OpenSSL's. */
int __real_SSL_has_pending(const SSL *ssl);
int __wrap_SSL_has_pending(const SSL *ssl);

static bool has_pending;

int __wrap_SSL_has_pending(const SSL *ssl)
{
	return has_pending || __real_SSL_has_pending(ssl);
}

/* It ends with a fatal alert that the client understands, instead of a line that cannot be read. */
static void check_no_hand_off(struct tls_contexts *given)
{
	struct tls_handshake *handshake = NULL;
	struct rig_client *client = rig_client_create(client_context, NULL);
	char nothing;
	assert_int_equal(tls_handshake_create(given, &handshake), 0);
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_FAILED);
	assert_int_equal(tls_handshake_fault(handshake).failure, TLS_FAILURE_OURS);
	assert_in_range(1 + SSL_read(client->ssl, &nothing, 1), 0, 1);
	assert_int_equal(
		ERR_GET_REASON(ERR_get_error()), SSL_AD_REASON_OFFSET + TLS_ALERT_RECORD_OVERFLOW);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
}

static void test_bytes_inside_openssl(void **state)
{
	has_pending = true;
	check_no_hand_off(contexts);
	has_pending = false;
}

static void test_secrets_not_told(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct tls_contexts *mute = rig_contexts(key, key);
	SSL_CTX_set_keylog_callback(tls_contexts_first(mute), NULL);
	check_no_hand_off(mute);
	tls_contexts_unref(&mute);
	EVP_PKEY_free(key);
}

/* It holds the pairs it began with, whatever is in force meanwhile. */
static void test_pairs_replaced_in_between(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	struct tls_contexts *given = rig_contexts(key, key);
	struct tls_handshake *handshake = NULL;
	struct rig_client *client = rig_client_create(client_context, "two.test");
	assert_int_equal(tls_handshake_create(given, &handshake), 0);
	tls_contexts_unref(&given);
	assert_int_equal(rig_talk(handshake, client), TLS_HANDSHAKE_DONE);
	rig_client_destroy(client);
	tls_handshake_destroy(&handshake);
	tls_handshake_destroy(&handshake);
	EVP_PKEY_free(key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_client, free_client)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_all_in_one_piece),
		TEST(test_split_at_every_byte),
		TEST(test_suites),
		TEST(test_fragment_lengths),
		TEST(test_names),
		TEST(test_protocols),
		TEST(test_no_tickets),
		TEST(test_a_hello_in_many_records),
		TEST(test_a_second_hello),
		TEST(test_early_data),
		TEST(test_bytes_inside_openssl),
		TEST(test_secrets_not_told),
		TEST(test_pairs_replaced_in_between),
	};
	return cmocka_run_group_tests(tests, make_contexts, free_contexts);
}
