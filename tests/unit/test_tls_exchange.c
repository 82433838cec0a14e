/* Ten thousand random exchanges with OpenSSL's own record layer, byte for byte.
 *
 * Both ends of a line are OpenSSL's, over memory, and each has a line of ours beside it with the
 * same secrets. Whatever an end writes, our line beside it has to seal to the very same bytes;
 * whatever comes, our line has to open to what OpenSSL reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../proto/tls_line.h"
#include "issuing.h"
#include "keylog.h"
#include "split.h"

enum {
	EXCHANGES = 2000, /* of each kind of line: 10,000 in all */
	DATA_MAX = 3 * TLS_PLAIN_MAX,
	WIRE_MAX = 2 * DATA_MAX, /* with what records of 512 bytes add */
};

/* One kind of line. */
struct kind {
	const char *suite;
	uint8_t fragment_code; /* RFC 6066 section 4 */
	uint16_t fragment_len;
	uint16_t padded_to; /* bytes that OpenSSL pads to: we never do, but we read it */
};

static const struct kind kinds[] = {
	{"TLS_AES_128_GCM_SHA256", TLSEXT_max_fragment_length_DISABLED, TLS_PLAIN_MAX, 0},
	{"TLS_AES_256_GCM_SHA384", TLSEXT_max_fragment_length_DISABLED, TLS_PLAIN_MAX, 0},
	{"TLS_CHACHA20_POLY1305_SHA256", TLSEXT_max_fragment_length_DISABLED, TLS_PLAIN_MAX, 0},
	{"TLS_AES_128_GCM_SHA256", TLSEXT_max_fragment_length_512, 512, 0},
	{"TLS_CHACHA20_POLY1305_SHA256", TLSEXT_max_fragment_length_DISABLED, TLS_PLAIN_MAX, 500},
};

/* One end. */
struct end {
	SSL *ssl;
	BIO *in; /* the ssl's */
	BIO *out;
	struct tls_line *line;
	struct tls_aead read;
	struct tls_aead write;
	bool pads;
};

struct pair {
	struct end ends[2]; /* client, server */
	uint8_t secrets[2][TLS_SECRET_MAX];
	uint32_t random;
	uint8_t data[DATA_MAX];
	uint8_t read[DATA_MAX];
	uint8_t wire[WIRE_MAX];
	uint8_t ours[WIRE_MAX];
};

/* --- the handshake, all OpenSSL's --------------------------------------------------------------
 */

static EVP_PKEY *key;
static X509 *certificate;

static int make_certificate(void **state)
{
	key = EVP_EC_gen("P-256");
	assert_non_null(key);
	certificate = issue_usual(key, "here", NULL);
	return 0;
}

static int drop_certificate(void **state)
{
	X509_free(certificate);
	EVP_PKEY_free(key);
	return 0;
}

static void note_secret(const SSL *ssl, const char *line)
{
	struct pair *pair = SSL_get_app_data(ssl);
	keylog_read(line, KEYLOG_CLIENT, pair->secrets[0]);
	keylog_read(line, KEYLOG_SERVER, pair->secrets[1]);
}

static SSL_CTX *make_context(const SSL_METHOD *method, const struct kind *kind)
{
	SSL_CTX *context = SSL_CTX_new(method);
	assert_non_null(context);
	assert_true(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION));
	assert_true(SSL_CTX_set_ciphersuites(context, kind->suite));
	assert_true(SSL_CTX_set_num_tickets(context, 0));
	SSL_CTX_set_keylog_callback(context, note_secret);
	return context;
}

static void make_end(struct pair *pair, int index, SSL_CTX *context)
{
	struct end *end = &pair->ends[index];
	end->ssl = SSL_new(context);
	end->in = BIO_new(BIO_s_mem());
	end->out = BIO_new(BIO_s_mem());
	assert_true(end->ssl && end->in && end->out);
	SSL_set_bio(end->ssl, end->in, end->out);
	SSL_set_app_data(end->ssl, pair);
	SSL_CTX_free(context);
}

/* All that an end has written, in pair->wire. */
static size_t drain(struct pair *pair, struct end *end)
{
	const int len = BIO_read(end->out, pair->wire, sizeof(pair->wire));
	return len > 0 ? (size_t)len : 0;
}

static void shake_hands(struct pair *pair)
{
	bool is_done = false;
	while (!is_done) {
		is_done = true;
		for (int i = 0; i < 2; i++) {
			is_done = SSL_do_handshake(pair->ends[i].ssl) == 1 && is_done;
			BIO_write(
				pair->ends[1 - i].in, pair->wire, (int)drain(pair, &pair->ends[i]));
		}
	}
}

static void begin_lines(struct pair *pair, const struct kind *kind)
{
	enum tls_suite suite;
	assert_true(tls_suite_from_id(
		SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(pair->ends[1].ssl)), &suite));
	assert_string_equal(tls_suite_facts(suite)->name, kind->suite);
	for (int i = 0; i < 2; i++) {
		struct end *end = &pair->ends[i];
		end->line = malloc(tls_line_size(suite));
		assert_non_null(end->line);
		tls_line_init(end->line, suite, pair->secrets[1 - i], pair->secrets[i],
			kind->fragment_len);
		assert_int_equal(tls_line_lend_read(end->line, &end->read), 0);
		assert_int_equal(tls_line_lend_write(end->line, &end->write), 0);
	}
}

static struct pair *pair_create(const struct kind *kind)
{
	struct pair *pair = calloc(1, sizeof(*pair));
	assert_non_null(pair);
	SSL_CTX *client = make_context(TLS_client_method(), kind);
	SSL_CTX *server = make_context(TLS_server_method(), kind);
	assert_true(SSL_CTX_use_certificate(server, certificate) &&
		    SSL_CTX_use_PrivateKey(server, key));
	if (kind->fragment_code != TLSEXT_max_fragment_length_DISABLED) {
		assert_true(SSL_CTX_set_tlsext_max_fragment_length(client, kind->fragment_code));
	}
	make_end(pair, 0, client);
	make_end(pair, 1, server);
	SSL_set_connect_state(pair->ends[0].ssl);
	SSL_set_accept_state(pair->ends[1].ssl);
	shake_hands(pair);
	begin_lines(pair, kind);
	for (int i = 0; i < 2 && kind->padded_to; i++) {
		assert_true(SSL_set_block_padding(pair->ends[i].ssl, kind->padded_to));
		pair->ends[i].pads = true;
	}
	pair->random = 1;
	return pair;
}

static void pair_destroy(struct pair *pair)
{
	for (int i = 0; i < 2; i++) {
		SSL_free(pair->ends[i].ssl);
		tls_aead_finish(&pair->ends[i].read);
		tls_aead_finish(&pair->ends[i].write);
		free(pair->ends[i].line);
	}
	free(pair);
}

/* --- exchanges ---------------------------------------------------------------------------------
 */

/* What an end has written is what our line beside it has sealed; who pads writes the same, longer.
 */
static size_t compare(struct pair *pair, struct end *end, size_t ours_len)
{
	const size_t len = drain(pair, end);
	if (!end->pads) {
		assert_int_equal(len, ours_len);
		assert_memory_equal(pair->wire, pair->ours, len);
	}
	return len;
}

/* Opens what lies in pair->wire, record by record. Returns the last event. */
static enum tls_event open_all(struct pair *pair, struct end *end, size_t len, size_t *ret_len)
{
	enum tls_event event = TLS_EVENT_NOTHING;
	uint8_t alert;
	*ret_len = 0;
	for (size_t at = 0; at < len;) {
		size_t data_len = 0;
		const int whole = tls_record_len(pair->wire + at);
		assert_in_range(whole, 1, len - at);
		event = tls_line_open(
			end->line, &end->read, pair->wire + at, (size_t)whole, &data_len, &alert);
		assert_int_not_equal(event, TLS_EVENT_BROKEN);
		memcpy(pair->read + *ret_len, pair->wire + at + TLS_HEADER_LEN, data_len);
		*ret_len += data_len;
		at += (size_t)whole;
	}
	return event;
}

/* Gives the other end what lies in pair->wire; both ways it reads `expected`. */
static enum tls_event deliver(
	struct pair *pair, struct end *to, size_t len, const uint8_t *expected, size_t expected_len)
{
	size_t read_len;
	BIO_write(to->in, pair->wire, (int)len);
	const enum tls_event event = open_all(pair, to, len, &read_len);
	assert_int_equal(read_len, expected_len);
	assert_memory_equal(pair->read, expected, expected_len);
	read_len = 0;
	for (int got; (got = SSL_read(to->ssl, pair->read, DATA_MAX)) > 0;) {
		assert_memory_equal(pair->read, expected + read_len, (size_t)got);
		read_len += (size_t)got;
	}
	assert_int_equal(read_len, expected_len);
	return event;
}

static size_t random_len(struct pair *pair)
{
	switch (split_random(&pair->random) % 8) {
	case 0:
		return 1 + split_random(&pair->random) % DATA_MAX;
	case 1:
		return 1 + split_random(&pair->random) % 2048;
	case 2:
		return (1 + split_random(&pair->random) % 3) * TLS_PLAIN_MAX;
	default:
		return 1 + split_random(&pair->random) % 64;
	}
}

static void exchange_data(struct pair *pair, struct end *from, struct end *to)
{
	const size_t len = random_len(pair);
	size_t ours_len = 0;
	for (size_t i = 0; i < len; i++) {
		pair->data[i] = (uint8_t)split_random(&pair->random);
	}
	if (tls_line_owes(from->line)) {
		ours_len = tls_line_seal_owed(from->line, &from->write, pair->ours);
	}
	for (size_t at = 0; at < len;) {
		const size_t left = len - at;
		const size_t most = from->line->fragment_len;
		const size_t part = left < most ? left : most;
		const size_t cut = split_random(&pair->random) % (part + 1);
		const struct iovec pieces[] = {
			{pair->data + at, cut}, {pair->data + at + cut, part - cut}};
		ours_len +=
			tls_line_seal(from->line, &from->write, pieces, 2, pair->ours + ours_len);
		at += part;
	}
	assert_int_equal(SSL_write(from->ssl, pair->data, (int)len), len);
	assert_int_equal(
		deliver(pair, to, compare(pair, from, ours_len), pair->data, len), TLS_EVENT_DATA);
}

/* A KeyUpdate of its own accord, which is an answer as well where one is owed. */
static void exchange_update(struct pair *pair, struct end *from, struct end *to, bool requests)
{
	from->line->flags |= requests ? TLS_LINE_ASKS : TLS_LINE_OWES;
	const size_t len = tls_line_seal_owed(from->line, &from->write, pair->ours);
	assert_true(SSL_key_update(
		from->ssl, requests ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED));
	assert_int_equal(SSL_do_handshake(from->ssl), 1);
	assert_int_equal(
		deliver(pair, to, compare(pair, from, len), pair->data, 0), TLS_EVENT_NOTHING);
	assert_int_equal(tls_line_owes(to->line), requests);
}

static void exchange_ends(struct pair *pair, struct end *from, struct end *to)
{
	const size_t len =
		tls_line_seal_alert(from->line, &from->write, TLS_ALERT_CLOSE_NOTIFY, pair->ours);
	SSL_shutdown(from->ssl);
	assert_int_equal(
		deliver(pair, to, compare(pair, from, len), pair->data, 0), TLS_EVENT_CLOSE_NOTIFY);
	assert_int_equal(SSL_get_shutdown(to->ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
}

static void test_exchanges(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct pair *pair = pair_create(&kinds[i]);
		for (int n = 0; n < EXCHANGES; n++) {
			const uint32_t random = split_random(&pair->random);
			struct end *from = &pair->ends[random >> 8 & 1];
			struct end *to = &pair->ends[~random >> 8 & 1];
			if (tls_line_owes(to->line)) {
				/* OpenSSL answers with its next data, or twice. */
				exchange_data(pair, to, from);
			} else if (random % 16 < 14) {
				exchange_data(pair, from, to);
			} else {
				exchange_update(pair, from, to, random % 16 == 15);
			}
		}
		exchange_ends(pair, &pair->ends[0], &pair->ends[1]);
		exchange_ends(pair, &pair->ends[1], &pair->ends[0]);
		pair_destroy(pair);
	}
}

/* --- what OpenSSL makes of the same faults -----------------------------------------------------
 */

/* Our line takes exactly what OpenSSL takes, of records with one byte altered. */
static void test_alterations(void **state)
{
	struct pair *pair = pair_create(&kinds[0]);
	uint8_t *copy = pair->data;
	assert_int_equal(SSL_write(pair->ends[0].ssl, "hello", 5), 5);
	const size_t len = drain(pair, &pair->ends[0]);
	memcpy(copy, pair->wire, len);
	for (size_t at = TLS_HEADER_LEN; at < len; at++) {
		size_t data_len;
		uint8_t alert;
		memcpy(pair->wire, copy, len);
		pair->wire[at] ^= 1;
		assert_int_equal(tls_line_open(pair->ends[1].line, &pair->ends[1].read, pair->wire,
					 len, &data_len, &alert),
			TLS_EVENT_BROKEN);
		assert_int_equal(alert, TLS_ALERT_BAD_RECORD_MAC);
	}
	/* OpenSSL ends with the first of them, and says the same. */
	uint8_t expected[TLS_ALERT_RECORD_LEN];
	tls_line_seal_alert(
		pair->ends[1].line, &pair->ends[1].write, TLS_ALERT_BAD_RECORD_MAC, expected);
	copy[len - 1] ^= 1;
	BIO_write(pair->ends[1].in, copy, (int)len);
	assert_int_equal(SSL_read(pair->ends[1].ssl, pair->read, DATA_MAX), -1);
	assert_int_equal(drain(pair, &pair->ends[1]), sizeof(expected));
	assert_memory_equal(pair->wire, expected, sizeof(expected));
	ERR_clear_error();
	pair_destroy(pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exchanges),
		cmocka_unit_test(test_alterations),
	};
	return cmocka_run_group_tests(tests, make_certificate, drop_certificate);
}
