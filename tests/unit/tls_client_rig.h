/* A client's OpenSSL in memory, and pairs of certificate and key for the server that it speaks to.
 */
#ifndef TIDEGATE_TESTS_TLS_CLIENT_RIG_H
#define TIDEGATE_TESTS_TLS_CLIENT_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "../../server/tls/certificate.h"
#include "../../server/tls/tls_contexts.h"
#include "../../server/tls/tls_handshake.h"
#include "issuing.h"
#include "keylog.h"

/* --- pairs -------------------------------------------------------------------------------------
 */

/* For one name, signed by its own key. */
static inline X509 *rig_issue(EVP_PKEY *key, const char *name)
{
	char names[64];
	snprintf(names, sizeof(names), "DNS:%s", name);
	return issue_usual(key, name, names);
}

static inline struct slice rig_text(BIO *pem)
{
	char *text;
	const long len = BIO_get_mem_data(pem, &text);
	return (struct slice){text, (size_t)len};
}

static inline void rig_hear(void *user, enum finding kind, const char *line)
{
}

/* As the gateway reads it from files. */
static inline struct certificate *rig_certificate(EVP_PKEY *key, const char *name)
{
	X509 *x509 = rig_issue(key, name);
	BIO *pem = BIO_new(BIO_s_mem());
	BIO *key_pem = BIO_new(BIO_s_mem());
	issue_must(PEM_write_bio_X509(pem, x509) &&
		   PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL));
	const struct certificate_source source = {
		"cert.pem", "key.pem", rig_text(pem), rig_text(key_pem)};
	struct findings findings = {.tell = rig_hear};
	struct certificate *certificate = NULL;
	issue_must(certificate_read(&source, &findings, &certificate) == 0);
	BIO_free(pem);
	BIO_free(key_pem);
	X509_free(x509);
	return certificate;
}

/* Of one.test and two.test, in this order. */
static inline struct tls_contexts *rig_contexts(EVP_PKEY *one, EVP_PKEY *two)
{
	struct certificate *certificates[] = {
		rig_certificate(one, "one.test"), rig_certificate(two, "two.test")};
	struct tls_contexts *contexts = NULL;
	issue_must(tls_contexts_create(certificates, 2, &contexts) == 0);
	return contexts;
}

/* --- the client --------------------------------------------------------------------------------
 */

enum {
	RIG_BYTES_MAX = 64 * 1024, /* of one flight, and what is said behind it */
};

/* What is on its way to the server. */
struct rig_bytes {
	uint8_t data[RIG_BYTES_MAX];
	size_t len;
};

struct rig_client {
	SSL *ssl;
	BIO *in;
	BIO *out;
	/* As its own log of keys has them. */
	uint8_t client_secret[TLS_SECRET_MAX];
	uint8_t server_secret[TLS_SECRET_MAX];
	size_t secret_len;
	struct rig_bytes sent;
};

static inline void rig_note_key(const SSL *ssl, const char *line)
{
	struct rig_client *client = SSL_get_app_data(ssl);
	const size_t len = keylog_read(line, KEYLOG_CLIENT, client->client_secret) +
			   keylog_read(line, KEYLOG_SERVER, client->server_secret);
	client->secret_len = len ? len : client->secret_len;
}

/* A client as usual: whatever OpenSSL speaks, and no look at certificates. */
static inline SSL_CTX *rig_client_context(void)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	issue_must(context != NULL);
	SSL_CTX_set_keylog_callback(context, rig_note_key);
	return context;
}

/* `host` may be NULL: no name is asked for. */
static inline struct rig_client *rig_client_create(SSL_CTX *context, const char *host)
{
	struct rig_client *client = calloc(1, sizeof(*client));
	issue_must(client != NULL);
	client->ssl = SSL_new(context);
	client->in = BIO_new(BIO_s_mem());
	client->out = BIO_new(BIO_s_mem());
	issue_must(client->ssl && client->in && client->out);
	SSL_set_bio(client->ssl, client->in, client->out);
	SSL_set_app_data(client->ssl, client);
	SSL_set_connect_state(client->ssl);
	issue_must(!host || SSL_set_tlsext_host_name(client->ssl, host));
	return client;
}

static inline void rig_client_destroy(struct rig_client *client)
{
	SSL_free(client->ssl);
	OPENSSL_cleanse(client, sizeof(*client));
	free(client);
}

/* What it has written goes on its way. */
static inline void rig_client_flush(struct rig_client *client)
{
	struct rig_bytes *sent = &client->sent;
	int len;
	while ((len = BIO_read(client->out, sent->data + sent->len,
			(int)(sizeof(sent->data) - sent->len))) > 0) {
		sent->len += (size_t)len;
	}
}

/* Goes on with its handshake. Returns whether it is done. */
static inline bool rig_client_step(struct rig_client *client)
{
	ERR_clear_error();
	const bool is_done = SSL_do_handshake(client->ssl) == 1;
	rig_client_flush(client);
	return is_done;
}

/* Drops what has arrived at the server. */
static inline void rig_client_arrived(struct rig_client *client, size_t len)
{
	client->sent.len -= len;
	memmove(client->sent.data, client->sent.data + len, client->sent.len);
}

/* --- both --------------------------------------------------------------------------------------
 */

/* Feeds what is on its way, and brings the answer back. */
static inline enum tls_progress rig_feed(struct tls_handshake *handshake, struct rig_client *client)
{
	size_t used;
	enum tls_progress progress =
		tls_handshake_feed(handshake, client->sent.data, client->sent.len, &used);
	rig_client_arrived(client, used);
	const struct slice output = tls_handshake_output(handshake);
	issue_must(BIO_write(client->in, output.data, (int)output.len) == (int)output.len ||
		   output.len == 0);
	tls_handshake_sent(handshake, output.len);
	return progress;
}

/* As long as both have something to say. */
static inline enum tls_progress rig_talk(struct tls_handshake *handshake, struct rig_client *client)
{
	enum tls_progress progress = TLS_HANDSHAKE_MORE;
	do {
		rig_client_step(client);
		if (client->sent.len == 0) {
			break;
		}
		progress = rig_feed(handshake, client);
	} while (progress == TLS_HANDSHAKE_MORE);
	return progress;
}

/* --- another server ----------------------------------------------------------------------------
 */

static inline void rig_swap(SSL *client, SSL *server)
{
	char bytes[4096];
	int len;
	while ((len = BIO_read(SSL_get_wbio(client), bytes, sizeof(bytes))) > 0) {
		BIO_write(SSL_get_rbio(server), bytes, len);
	}
	SSL_do_handshake(server);
	while ((len = BIO_read(SSL_get_wbio(server), bytes, sizeof(bytes))) > 0) {
		BIO_write(SSL_get_rbio(client), bytes, len);
	}
	SSL_do_handshake(client);
}

/* A session with one.test that allows for early data, from a server which is not the one under
 * test. The caller's to free. */
static inline SSL_SESSION *rig_session_of_elsewhere(SSL_CTX *client_context)
{
	char nothing;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = rig_issue(key, "one.test");
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	issue_must(context && SSL_CTX_use_certificate(context, certificate) &&
		   SSL_CTX_use_PrivateKey(context, key) &&
		   SSL_CTX_set_max_early_data(context, 16384));
	SSL *server = SSL_new(context);
	SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	SSL_set_accept_state(server);
	struct rig_client *client = rig_client_create(client_context, "one.test");
	SSL_do_handshake(client->ssl);
	rig_swap(client->ssl, server);
	rig_swap(client->ssl, server);
	SSL_read(client->ssl, &nothing, 1); /* the tickets */
	SSL_SESSION *session = SSL_get1_session(client->ssl);
	SSL_set_shutdown(client->ssl, SSL_SENT_SHUTDOWN); /* else it would be good for nothing */
	issue_must(SSL_SESSION_get_max_early_data(session) == 16384);
	rig_client_destroy(client);
	SSL_free(server);
	SSL_CTX_free(context);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return session;
}

#endif
