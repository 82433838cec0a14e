/* Certificates of every kind, and TLS for the scripted gateway. */
#ifndef TIDEGATE_TESTS_CLIENT_TLS_RIG_H
#define TIDEGATE_TESTS_CLIENT_TLS_RIG_H

#include <signal.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "issuing.h"
#include "scripted_gateway.h"

enum {
	HOUR = 3600,
	DAY = ISSUE_DAY_S,
};

/* --- certificates ---------------------------------------------------------------------------- */

struct pair {
	X509 *certificate;
	EVP_PKEY *key;
};

struct pair_wanted {
	const char *name;          /* the subject's */
	const char *hosts;         /* as "DNS:gate.example,IP:127.0.0.1"; NULL: none */
	long from_s, to_s;         /* from now on; both 0: for a day, since a day */
	const char *use;           /* as "clientAuth"; NULL: for all */
	const struct pair *signer; /* NULL: itself */
	bool is_authority;
};

static inline struct pair pair_make(const struct pair_wanted *wanted)
{
	struct pair pair = {.key = EVP_EC_gen("P-256")};
	const struct pair *signer = wanted->signer ? wanted->signer : &pair;
	const bool is_dated = wanted->from_s || wanted->to_s;
	const time_t now_s = time(NULL);

	assert_non_null(pair.key);
	pair.certificate = issue(&(struct issue_wish){
		.subject = wanted->name,
		.names = wanted->hosts,
		.begins_s = now_s + (is_dated ? wanted->from_s : -DAY),
		.ends_s = now_s + (is_dated ? wanted->to_s : DAY),
		.key = pair.key,
		.issuer = signer->certificate,
		.issuer_key = signer->key,
		.constraints = wanted->is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE",
		.usage = wanted->use,
	});
	return pair;
}

static inline void pair_free(struct pair *pair)
{
	X509_free(pair->certificate);
	EVP_PKEY_free(pair->key);
	*pair = (struct pair){0};
}

/* Writes a certificate as PEM, in the place of what the file has. */
static inline void pair_write(const struct pair *pair, const char *path)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, pair->certificate), 1);
	assert_int_equal(fclose(file), 0);
}

/* --- TLS of the gateway ---------------------------------------------------------------------- */

/* What a gateway shows, and what it saw of its last client. */
struct tls_side {
	SSL_CTX *context;
	SSL *ssl;            /* of the connection there is; NULL: none */
	char asked_for[256]; /* by SNI; empty: nobody */
	bool was_greeted;    /* by ALPN, as http/1.1 */
	bool was_farewelled; /* by a close_notify */
};

static inline int tls_side_choose(SSL *ssl, const unsigned char **ret_name,
	unsigned char *ret_name_len, const unsigned char *names, unsigned int len, void *data)
{
	struct tls_side *side = data;
	side->was_greeted = len == 9 && memcmp(names, "\x08http/1.1", 9) == 0;
	*ret_name = names + 1;
	*ret_name_len = names[0];
	return SSL_TLSEXT_ERR_OK;
}

/* `issuer` is shown as well; NULL: none. `version`: 0 for any. */
static inline void tls_side_init(
	struct tls_side *side, const struct pair *pair, const struct pair *issuer, int version)
{
	*side = (struct tls_side){.context = SSL_CTX_new(TLS_server_method())};
	assert_non_null(side->context);
	assert_int_equal(SSL_CTX_use_certificate(side->context, pair->certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(side->context, pair->key), 1);
	if (issuer) {
		assert_int_equal(SSL_CTX_add1_chain_cert(side->context, issuer->certificate), 1);
	}
	assert_int_equal(SSL_CTX_set_min_proto_version(side->context, version), 1);
	assert_int_equal(SSL_CTX_set_max_proto_version(side->context, version), 1);
	SSL_CTX_set_alpn_select_cb(side->context, tls_side_choose, side);
}

static inline void tls_side_finish(struct tls_side *side)
{
	SSL_CTX_free(side->context);
}

static inline bool tls_side_accept(struct gateway *gateway)
{
	struct tls_side *side = gateway->layer_data;

	side->ssl = SSL_new(side->context);
	if (!side->ssl || SSL_set_fd(side->ssl, gateway->fd) != 1 || SSL_accept(side->ssl) != 1) {
		return false;
	}
	const char *name = SSL_get_servername(side->ssl, TLSEXT_NAMETYPE_host_name);
	snprintf(side->asked_for, sizeof(side->asked_for), "%s", name ? name : "");
	side->was_farewelled = false;
	return true;
}

static inline ssize_t tls_side_read(struct gateway *gateway, void *buffer, size_t size)
{
	struct tls_side *side = gateway->layer_data;
	const int got = SSL_read(side->ssl, buffer, (int)size);

	side->was_farewelled |= (SSL_get_shutdown(side->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
	return got;
}

static inline bool tls_side_write(struct gateway *gateway, const void *data, size_t len)
{
	struct tls_side *side = gateway->layer_data;
	return SSL_write(side->ssl, data, (int)len) == (int)len;
}

/* Without a word: a script that says goodbye does so itself. */
static inline void tls_side_drop(struct gateway *gateway)
{
	struct tls_side *side = gateway->layer_data;
	SSL_free(side->ssl);
	side->ssl = NULL;
	ERR_clear_error();
}

static const struct gateway_layer tls_layer = {
	.accept = tls_side_accept,
	.read = tls_side_read,
	.write = tls_side_write,
	.drop = tls_side_drop,
};

static inline bool gateway_farewell(struct gateway *gateway)
{
	struct tls_side *side = gateway->layer_data;
	return SSL_shutdown(side->ssl) >= 0;
}

/* A gateway that speaks TLS, for `host`: a name or address of 127.0.0.1. */
static inline void gateway_start_tls(struct gateway *gateway, void (*script)(struct gateway *),
	void *data, struct tls_side *side, const char *host)
{
	gateway_start_layered(gateway, script, data, &tls_layer, side);
	snprintf(gateway->url, sizeof(gateway->url), "wss://%s:%u", host, gateway->port);
}

#endif
