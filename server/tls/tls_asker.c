#include "tls_asker.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

struct tls_asker {
	SSL_CTX *context;
	SSL *ssl;
};

static int trust(SSL_CTX *context, const char *const *certificates, size_t count)
{
	X509_VERIFY_PARAM *param = SSL_CTX_get0_param(context);
	X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	for (size_t i = 0; i < count; i++) {
		if (SSL_CTX_load_verify_file(context, certificates[i]) != 1) {
			return -EACCES;
		}
	}
	return 0;
}

int tls_asker_create(
	int fd, const char *const *certificates, size_t count, struct tls_asker **ret_asker)
{
	struct tls_asker *asker = calloc(1, sizeof(*asker));
	int err = asker ? 0 : -ENOMEM;
	if (!err) {
		asker->context = SSL_CTX_new(TLS_client_method());
		err = asker->context ? trust(asker->context, certificates, count) : -ENOMEM;
	}
	if (!err) {
		asker->ssl = SSL_new(asker->context);
		err = asker->ssl && SSL_set_fd(asker->ssl, fd) == 1 ? 0 : -ENOMEM;
	}
	if (!err && SSL_connect(asker->ssl) != 1) {
		err = SSL_get_verify_result(asker->ssl) == X509_V_OK ? -EPROTO : -EACCES;
	}
	if (err) {
		tls_asker_destroy(&asker);
		return err;
	}
	*ret_asker = asker;
	return 0;
}

void tls_asker_destroy(struct tls_asker **asker)
{
	struct tls_asker *given = *asker;
	if (!given) {
		return;
	}
	*asker = NULL;
	SSL_free(given->ssl);
	SSL_CTX_free(given->context);
	free(given);
}

int tls_asker_write(struct tls_asker *asker, const void *data, size_t len)
{
	size_t written = 0;
	return len == 0 || SSL_write_ex(asker->ssl, data, len, &written) == 1 ? 0 : -EPROTO;
}

ssize_t tls_asker_read(struct tls_asker *asker, void *data, size_t len)
{
	size_t got = 0;
	if (SSL_read_ex(asker->ssl, data, len, &got) == 1) {
		return (ssize_t)got;
	}
	return SSL_get_error(asker->ssl, 0) == SSL_ERROR_ZERO_RETURN ? 0 : -EPROTO;
}
