#include "hellos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

/* The usual one first. What is behind ffdhe8192 is not in OpenSSL 3.0. */
static const char *const groups[] = {"X25519", "P-256", "P-384", "P-521", "X448", "ffdhe2048",
	"ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192", "brainpoolP256r1tls13",
	"brainpoolP384r1tls13", "brainpoolP512r1tls13", "MLKEM512", "MLKEM768", "MLKEM1024",
	"SecP256r1MLKEM768", "X25519MLKEM768", "SecP384r1MLKEM1024"};

static int copy_output(SSL *ssl, struct hello *ret_hello)
{
	char *bytes;
	const long len = BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);
	uint8_t *copy = len > 0 ? malloc((size_t)len) : NULL;
	if (!copy) {
		return -ENOMEM;
	}
	memcpy(copy, bytes, (size_t)len);
	*ret_hello = (struct hello){copy, (size_t)len};
	return 0;
}

/* A client that nobody answers has said its hello and no more. */
static int say(SSL_CTX *context, struct hello *ret_hello)
{
	BIO *in = BIO_new(BIO_s_mem());
	BIO *out = BIO_new(BIO_s_mem());
	SSL *ssl = in && out ? SSL_new(context) : NULL;
	if (!ssl) {
		BIO_free(in);
		BIO_free(out);
		return -ENOMEM;
	}
	SSL_set_bio(ssl, in, out);
	SSL_connect(ssl);
	int err = copy_output(ssl, ret_hello);
	SSL_free(ssl);
	return err;
}

/* Errors: -ENOENT: OpenSSL does not know the group; -ENOMEM. */
static int make(const char *group, struct hello *ret_hello)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	if (!context) {
		return -ENOMEM;
	}
	SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
	int err = SSL_CTX_set1_groups_list(context, group) == 1 ? say(context, ret_hello) : -ENOENT;
	SSL_CTX_free(context);
	ERR_clear_error();
	return err;
}

int hellos_make(bool each_group, struct hellos *ret_hellos)
{
	const size_t wanted = each_group ? sizeof(groups) / sizeof(groups[0]) : 1;
	struct hellos hellos = {.count = 0};
	_Static_assert(sizeof(groups) / sizeof(groups[0]) <= HELLOS_MAX, "a place for each");
	for (size_t i = 0; i < wanted; i++) {
		int err = make(groups[i], &hellos.list[hellos.count]);
		if (err && err != -ENOENT) {
			hellos_finish(&hellos);
			return err;
		}
		hellos.count += err == 0;
	}
	*ret_hellos = hellos;
	return 0;
}

void hellos_finish(struct hellos *hellos)
{
	while (hellos->count > 0) {
		free(hellos->list[--hellos->count].bytes);
	}
}
