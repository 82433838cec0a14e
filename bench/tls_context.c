#include "tls_context.h"

#include <errno.h>
#include <stdio.h>

#include <openssl/err.h>

enum {
	READ_BUFFER = 1 << 16, /* bytes of one recv */
};

/* The gateway's. */
static const char groups[] = "X25519:P-256";

static int fail(SSL_CTX *context, const char *what, const char *name, char *ret_error)
{
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	snprintf(ret_error, TLS_CONTEXT_ERROR_MAX, "%s%s%s: %s", what, name ? " " : "",
		name ? name : "", reason ? reason : "refused by OpenSSL");
	ERR_clear_error();
	SSL_CTX_free(context);
	return -EINVAL;
}

/* What both ends have in common. */
static SSL_CTX *create(const SSL_METHOD *method, bool keeps_buffers)
{
	SSL_CTX *context = SSL_CTX_new(method);
	if (!context) {
		return NULL;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	if (!keeps_buffers) {
		SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	}
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_read_ahead(context, 1);
	SSL_CTX_set_default_read_buffer_len(context, READ_BUFFER);
	if (SSL_CTX_set1_groups_list(context, groups) != 1) {
		SSL_CTX_free(context);
		return NULL;
	}
	return context;
}

int tls_context_for_clients(const char *ca_file, const char *suite, SSL_CTX **ret_context,
	char ret_error[TLS_CONTEXT_ERROR_MAX])
{
	SSL_CTX *context = create(TLS_client_method(), false);
	if (!context) {
		return fail(NULL, "TLS", NULL, ret_error);
	}
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	if (ca_file ? SSL_CTX_load_verify_file(context, ca_file) != 1
		    : SSL_CTX_set_default_verify_paths(context) != 1) {
		return fail(context, "certificates to trust", ca_file, ret_error);
	}
	if (suite && SSL_CTX_set_ciphersuites(context, suite) != 1) {
		return fail(context, "suite", suite, ret_error);
	}
	*ret_context = context;
	return 0;
}

int tls_context_for_server(const char *certificate_file, const char *key_file, bool keeps_buffers,
	SSL_CTX **ret_context, char ret_error[TLS_CONTEXT_ERROR_MAX])
{
	SSL_CTX *context = create(TLS_server_method(), keeps_buffers);
	if (!context) {
		return fail(NULL, "TLS", NULL, ret_error);
	}
	SSL_CTX_set_num_tickets(context, 0);
	if (SSL_CTX_use_certificate_chain_file(context, certificate_file) != 1) {
		return fail(context, "certificate", certificate_file, ret_error);
	}
	if (SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) != 1) {
		return fail(context, "key", key_file, ret_error);
	}
	*ret_context = context;
	return 0;
}
