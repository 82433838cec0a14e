#include "tls_cipher.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socket_io.h"

static void drop_residue(struct tls_cipher *cipher)
{
	free(cipher->residue);
	cipher->residue = NULL;
	cipher->residue_len = 0;
	cipher->sent = 0;
}

static void fail_writing(struct tls_cipher *cipher, int error)
{
	cipher->write_error = error;
	drop_residue(cipher);
}

bool tls_cipher_flush(struct tls_cipher *cipher)
{
	while (cipher->residue) {
		const ssize_t sent = socket_io.write(cipher->socket, cipher->residue + cipher->sent,
			cipher->residue_len - cipher->sent);
		if (sent == -EAGAIN || sent == 0) {
			return false;
		}
		if (sent < 0) {
			fail_writing(cipher, (int)-sent);
			break;
		}
		cipher->sent += (size_t)sent;
		if (cipher->sent == cipher->residue_len) {
			drop_residue(cipher);
		}
	}
	return true;
}

static void keep(struct tls_cipher *cipher, const char *data, size_t len)
{
	const size_t whole = cipher->residue_len + len;
	uint8_t *residue = whole <= TLS_RESIDUE_MAX ? realloc(cipher->residue, whole) : NULL;

	if (!residue) {
		fail_writing(cipher, whole <= TLS_RESIDUE_MAX ? ENOMEM : ENOBUFS);
		return;
	}
	memcpy(residue + cipher->residue_len, data, len);
	cipher->residue = residue;
	cipher->residue_len = whole;
}

/* --- as OpenSSL sees it ---------------------------------------------------------------------- */

/* Takes all, whatever becomes of it: an error of writing must not end reading. */
static int take_cipher(BIO *bio, const char *data, int len)
{
	struct tls_cipher *cipher = BIO_get_data(bio);

	if (tls_cipher_flush(cipher) && !cipher->write_error) {
		ssize_t sent = socket_io.write(cipher->socket, data, (size_t)len);
		if (sent < 0 && sent != -EAGAIN) {
			fail_writing(cipher, (int)-sent);
			return len;
		}
		sent = sent < 0 ? 0 : sent;
		if (sent < len) {
			keep(cipher, data + sent, (size_t)(len - sent));
		}
	} else if (!cipher->write_error) {
		keep(cipher, data, (size_t)len);
	}
	return len;
}

static int give_cipher(BIO *bio, char *buffer, int size)
{
	struct tls_cipher *cipher = BIO_get_data(bio);
	const ssize_t got = socket_io.read(cipher->socket, buffer, (size_t)size);

	BIO_clear_retry_flags(bio);
	if (got == -EAGAIN) {
		BIO_set_retry_read(bio);
	} else if (got < 0) {
		cipher->read_error = (int)-got;
	} else if (got == 0) {
		cipher->is_at_end = true;
	}
	return got < 0 ? -1 : (int)got;
}

static long answer(BIO *bio, int question, long number, void *data)
{
	const struct tls_cipher *cipher = BIO_get_data(bio);

	switch (question) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return cipher->is_at_end;
	default:
		return 0;
	}
}

/* A type of its own each time would use up those that OpenSSL has. */
static BIO_METHOD *make_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "a line of the client");

	if (method && (BIO_meth_set_write(method, take_cipher) != 1 ||
			      BIO_meth_set_read(method, give_cipher) != 1 ||
			      BIO_meth_set_ctrl(method, answer) != 1)) {
		BIO_meth_free(method);
		return NULL;
	}
	return method;
}

int tls_cipher_attach(struct tls_cipher *cipher, SSL *ssl)
{
	if (!cipher->method) {
		cipher->method = make_method();
	}
	BIO *bio = cipher->method ? BIO_new(cipher->method) : NULL;
	if (!bio) {
		return -ENOMEM;
	}
	drop_residue(cipher);
	cipher->is_at_end = false;
	cipher->read_error = 0;
	cipher->write_error = 0;
	BIO_set_data(bio, cipher);
	BIO_set_init(bio, 1);
	SSL_set_bio(ssl, bio, bio);
	return 0;
}

void tls_cipher_finish(struct tls_cipher *cipher)
{
	drop_residue(cipher);
	BIO_meth_free(cipher->method);
	cipher->method = NULL;
}
