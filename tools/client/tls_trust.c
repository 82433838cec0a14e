#include "tls_trust.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "url.h"

/* The system's own rule may be stricter. */
static bool forbid_old_versions(SSL_CTX *context)
{
	return SSL_CTX_get_min_proto_version(context) >= TLS1_2_VERSION ||
	       SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1;
}

/* What OpenSSL has noted of a file that it could not use. */
static int refuse_file(char ret_why[TLS_TRUST_WHY_MAX])
{
	const unsigned long error = ERR_peek_error();
	char text[TLS_TRUST_WHY_MAX];

	/* The GNU form, which returns the text. */
	snprintf(ret_why, TLS_TRUST_WHY_MAX, "the file of certificates: %s",
		ERR_SYSTEM_ERROR(error) ? strerror_r(ERR_GET_REASON(error), text, sizeof(text))
					: "there is none in it");
	return -EINVAL;
}

static int take_trust(
	SSL_CTX *context, const struct tls_trust *trust, char ret_why[TLS_TRUST_WHY_MAX])
{
	X509_VERIFY_PARAM *rules = SSL_CTX_get0_param(context);

	ERR_clear_error();
	if (trust->is_insecure) {
		return 0;
	}
	if (!trust->ca_file) {
		return SSL_CTX_set_default_verify_paths(context) == 1 ? 0 : -ENOMEM;
	}
	/* Whoever is named is trusted for himself: it need not be one who has signed itself. */
	X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_PARTIAL_CHAIN);
	return SSL_CTX_load_verify_file(context, trust->ca_file) == 1 ? 0 : refuse_file(ret_why);
}

int tls_trust_context(
	const struct tls_trust *wanted, SSL_CTX **ret_context, char ret_why[TLS_TRUST_WHY_MAX])
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	int err = -ENOMEM;

	if (!context || !forbid_old_versions(context)) {
		goto fail;
	}
	/* With renegotiation a line could be verified again, and reading could wait for writing. */
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(context, 1);
	err = take_trust(context, wanted, ret_why);
	if (err < 0) {
		goto fail;
	}
	*ret_context = context;
	ERR_clear_error();
	return 0;

fail:
	SSL_CTX_free(context);
	ERR_clear_error();
	return err;
}

int tls_trust_check(const struct tls_trust *wanted, char ret_why[TLS_TRUST_WHY_MAX])
{
	SSL_CTX *context = NULL;
	const int err = tls_trust_context(wanted, &context, ret_why);

	SSL_CTX_free(context);
	return err;
}

/* RFC 9525 section 6.3: names of hosts are in the subjectAltName only, and a star is a whole label.
 */
static int expect_name(SSL *ssl, const char *name)
{
	SSL_set_hostflags(
		ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1 ? 0
											 : -ENOMEM;
}

int tls_trust_expect(SSL *ssl, const char *host)
{
	uint8_t address[sizeof(struct in6_addr)];
	char name[URL_HOST_MAX + 1];

	if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1) {
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1 ? 0 : -ENOMEM;
	}
	/* The dot that ends a name for the resolver is no part of it here. */
	const size_t len = strlen(host);
	const size_t dot = len > 0 && host[len - 1] == '.';
	snprintf(name, sizeof(name), "%.*s", (int)(len - dot), host);
	return expect_name(ssl, name);
}

void tls_trust_release(SSL *ssl)
{
	X509_STORE *nobody = X509_STORE_new();
	if (nobody) {
		SSL_CTX_set_cert_store(SSL_get_SSL_CTX(ssl), nobody);
	}
}
