#include "tls_handshake.h"

#include <errno.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../proto/assert.h"
#include "../../proto/bytes.h"
#include "../../proto/tls_line.h"
#include "../../proto/tls_record.h"
#include "hello.h"
#include "tls_keylog.h"
#include "tls_memory.h"

enum {
	MESSAGE_HEADER_LEN = 4,     /* bytes: a type, and three of length; RFC 8446 section 4 */
	HELLO_MAX = 16 * 1024,      /* bytes of a hello, for which OpenSSL takes memory at once */
	INTAKE_MAX = 3 * HELLO_MAX, /* bytes: two hellos, and early data that is thrown away */
};

/* Its memory is OpenSSL's: it holds secrets. */
struct tls_handshake {
	struct tls_contexts *contexts;
	SSL *ssl; /* owns both: */
	BIO *in;  /* a record that OpenSSL has not taken */
	BIO *out; /* what is to be written, and behind `sent` */
	size_t sent;
	size_t intake;     /* bytes that were taken in all */
	size_t hello_left; /* bytes that a hello has still to come */
	struct tls_keylog keylog;
	struct tls_fault fault;
	enum tls_suite suite; /* when it is done */
};

/* --- life --------------------------------------------------------------------------------------
 */

/* What it was given is freed with it. */
static int begin(struct tls_handshake *handshake)
{
	handshake->ssl = SSL_new(tls_contexts_first(handshake->contexts));
	handshake->in = BIO_new(BIO_s_mem());
	handshake->out = BIO_new(BIO_s_mem());
	if (!handshake->ssl || !handshake->in || !handshake->out) {
		BIO_free(handshake->in);
		BIO_free(handshake->out);
		return -ENOMEM;
	}
	SSL_set_bio(handshake->ssl, handshake->in, handshake->out);
	SSL_set_accept_state(handshake->ssl);
	return SSL_set_app_data(handshake->ssl, &handshake->keylog) ? 0 : -ENOMEM;
}

int tls_handshake_create(struct tls_contexts *contexts, struct tls_handshake **ret_handshake)
{
	struct tls_handshake *handshake = OPENSSL_zalloc(sizeof(*handshake));
	if (!handshake) {
		return -ENOMEM;
	}
	handshake->contexts = tls_contexts_ref(contexts);
	int err = begin(handshake);
	if (err) {
		tls_handshake_destroy(&handshake);
		ERR_clear_error();
		return err;
	}
	*ret_handshake = handshake;
	return 0;
}

void tls_handshake_destroy(struct tls_handshake **handshake)
{
	struct tls_handshake *given = *handshake;
	if (!given) {
		return;
	}
	*handshake = NULL;
	/* OpenSSL frees an SSL with the traffic secrets in it. */
	tls_memory_wipe_begin();
	SSL_free(given->ssl);
	tls_memory_wipe_end();
	tls_contexts_unref(&given->contexts);
	OPENSSL_clear_free(given, sizeof(*given));
}

void tls_secrets_wipe(struct tls_secrets *secrets)
{
	OPENSSL_cleanse(secrets, sizeof(*secrets));
}

/* Our secret is told when our Finished is made. */
bool tls_handshake_has_answered(const struct tls_handshake *handshake)
{
	return handshake->keylog.server_len > 0;
}

/* --- its end -----------------------------------------------------------------------------------
 */

static enum tls_progress fail(struct tls_handshake *handshake, struct tls_fault fault)
{
	handshake->fault = fault;
	return TLS_HANDSHAKE_FAILED;
}

/* Has OpenSSL end it with a fatal alert, sealed where that is due: the header of a record that is
 * longer than any may be leaves it nothing else. */
static enum tls_progress refuse(struct tls_handshake *handshake, enum tls_failure failure)
{
	static const uint8_t too_long[TLS_HEADER_LEN] = {TLS_CONTENT_DATA, 3, 3, 0xff, 0xff};
	uint8_t nothing;
	BIO_write(handshake->in, too_long, sizeof(too_long));
	SSL_read(handshake->ssl, &nothing, sizeof(nothing));
	struct tls_fault fault = tls_fault_take();
	fault.failure = failure;
	return fail(handshake, fault);
}

/* The secrets were told, and nothing of what they seal is inside OpenSSL. */
static enum tls_progress hand_off(struct tls_handshake *handshake)
{
	const struct tls_keylog *keylog = &handshake->keylog;
	const uint16_t id = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(handshake->ssl));
	if (BIO_pending(handshake->in) > 0 || SSL_has_pending(handshake->ssl) ||
		!tls_suite_from_id(id, &handshake->suite)) {
		return refuse(handshake, TLS_FAILURE_OURS);
	}
	const uint8_t secret_len = tls_suite_facts(handshake->suite)->secret_len;
	if (keylog->client_len != secret_len || keylog->server_len != secret_len) {
		return refuse(handshake, TLS_FAILURE_OURS);
	}
	return TLS_HANDSHAKE_DONE;
}

/* RFC 6066 section 4: OpenSSL has agreed to it where the client asked. */
static uint16_t fragment_len(const SSL *ssl)
{
	const uint8_t code = SSL_SESSION_get_max_fragment_length(SSL_get0_session(ssl));
	return code == TLSEXT_max_fragment_length_DISABLED ? TLS_PLAIN_MAX
							   : (uint16_t)(256 << code);
}

void tls_handshake_secrets(const struct tls_handshake *handshake, struct tls_secrets *ret_secrets)
{
	const struct tls_keylog *keylog = &handshake->keylog;
	*ret_secrets = (struct tls_secrets){
		.suite = handshake->suite,
		.fragment_len = fragment_len(handshake->ssl),
	};
	memcpy(ret_secrets->read, keylog->client, keylog->client_len);
	memcpy(ret_secrets->write, keylog->server, keylog->server_len);
}

/* The first record under the key of our traffic secret: OpenSSL has sealed none, as it sends
 * nothing between its Finished and the client's. What the client seals with is not known yet. */
size_t tls_handshake_seal_alert(
	struct tls_handshake *handshake, uint8_t ret_record[TLS_ALERT_RECORD_LEN])
{
	static const uint8_t unknown[TLS_SECRET_MAX];
	_Alignas(struct tls_line) uint8_t place[TLS_LINE_SIZE_LONG];
	struct tls_line *line = (struct tls_line *)place;
	struct tls_aead aead = {.context = NULL};
	enum tls_suite suite;
	size_t len = 0;
	ASSERT(tls_handshake_has_answered(handshake) && tls_handshake_output(handshake).len == 0);
	const uint16_t id = SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(handshake->ssl));
	if (handshake->fault.failure != TLS_FAILURE_NONE || !tls_suite_from_id(id, &suite)) {
		return 0;
	}
	tls_line_init(line, suite, unknown, handshake->keylog.server, TLS_PLAIN_MAX);
	if (tls_line_lend_write(line, &aead) == 0) {
		len = tls_line_seal_alert(line, &aead, TLS_ALERT_INTERNAL_ERROR, ret_record);
	}
	tls_aead_finish(&aead);
	OPENSSL_cleanse(place, sizeof(place));
	/* Its number is used up. */
	handshake->fault.failure = TLS_FAILURE_OURS;
	return len;
}

struct tls_fault tls_handshake_fault(const struct tls_handshake *handshake)
{
	return handshake->fault;
}

/* --- records -----------------------------------------------------------------------------------
 */

/* OpenSSL takes as much memory as the front of a hello says that it has: whether that may be. */
static bool takes_hello(struct tls_handshake *handshake, const uint8_t *record, size_t len)
{
	const uint8_t *body = record + TLS_HEADER_LEN;
	size_t body_len = len - TLS_HEADER_LEN;
	if (record[0] != TLS_CONTENT_HANDSHAKE) {
		return true; /* those behind the hello are sealed, and bounded by OpenSSL */
	}
	if (handshake->hello_left == 0) {
		if (body_len < MESSAGE_HEADER_LEN || body[1] != 0 ||
			load_be16(body + 2) > HELLO_MAX) {
			return false;
		}
		handshake->hello_left = (size_t)MESSAGE_HEADER_LEN + load_be16(body + 2);
	}
	if (body_len > handshake->hello_left) {
		return false; /* what follows a hello is another record's */
	}
	handshake->hello_left -= body_len;
	return true;
}

static enum tls_progress take_record(
	struct tls_handshake *handshake, const uint8_t *record, size_t len)
{
	ERR_clear_error();
	handshake->intake += len;
	if (len > TLS_RECORD_MAX || handshake->intake > INTAKE_MAX ||
		!takes_hello(handshake, record, len)) {
		return refuse(handshake, TLS_FAILURE_PROTOCOL);
	}
	if (BIO_write(handshake->in, record, (int)len) != (int)len) {
		return refuse(handshake, TLS_FAILURE_OURS);
	}
	int ret = SSL_do_handshake(handshake->ssl);
	if (ret == 1) {
		return hand_off(handshake);
	}
	if (SSL_get_error(handshake->ssl, ret) == SSL_ERROR_WANT_READ) {
		return TLS_HANDSHAKE_MORE;
	}
	return fail(handshake, tls_fault_take());
}

enum tls_progress tls_handshake_feed(
	struct tls_handshake *handshake, const uint8_t *data, size_t len, size_t *ret_used)
{
	enum tls_progress progress = TLS_HANDSHAKE_MORE;
	size_t used = 0;
	while (progress == TLS_HANDSHAKE_MORE) {
		const size_t record_len = hello_record_len(data + used, len - used);
		if (record_len == 0 || (record_len > len - used && record_len <= TLS_RECORD_MAX)) {
			break;
		}
		progress = take_record(handshake, data + used, record_len);
		used += record_len < len - used ? record_len : len - used;
	}
	*ret_used = used;
	return progress;
}

/* --- what is to be written ---------------------------------------------------------------------
 */

struct slice tls_handshake_output(const struct tls_handshake *handshake)
{
	char *data = NULL;
	const long len = BIO_get_mem_data(handshake->out, &data);
	return len > 0 ? (struct slice){data + handshake->sent, (size_t)len - handshake->sent}
		       : SLICE("");
}

void tls_handshake_sent(struct tls_handshake *handshake, size_t len)
{
	const size_t left = tls_handshake_output(handshake).len;
	ASSERT(len <= left);
	handshake->sent += len;
	if (len == left) {
		(void)BIO_reset(handshake->out);
		handshake->sent = 0;
	}
}
