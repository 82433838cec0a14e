#include "tls_io.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "tls_cipher.h"
#include "tls_fault.h"
#include "url.h"

enum {
	RECORD_MAX = 16384, /* plain bytes: RFC 8446 section 5.1 */
};

/* Owner:  whoever opened it.
 * Shared: never.
 * Freed:  tls_close. */
struct tls_line {
	const struct tls_trust *trust; /* the client's */
	char host[URL_HOST_MAX + 1];
	SSL *ssl;     /* NULL: no address has taken the connection yet */
	bool is_open; /* the handshake is done, and nothing has broken since */
	struct tls_cipher cipher;
	struct tls_fault fault; /* of what failed */
};

static int tls_open(void *data, const struct tg_target *target, void **ret_line)
{
	const struct tls_memory *memory = data;
	struct tg_target plain = *target;
	struct tls_line *line = calloc(1, sizeof(*line));

	if (!line) {
		return -ENOMEM;
	}
	plain.scheme = "ws";
	const int err = socket_io.open(memory->sockets, &plain, &line->cipher.socket);
	if (err < 0) {
		free(line);
		return err;
	}
	line->trust = &memory->trust;
	snprintf(line->host, sizeof(line->host), "%s", target->host);
	*ret_line = line;
	return 0;
}

/* --- the handshake --------------------------------------------------------------------------- */

static struct tls_line *line_of(X509_STORE_CTX *found)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(found, SSL_get_ex_data_X509_STORE_CTX_idx());
	return SSL_get_app_data(ssl);
}

/* The verdict is OpenSSL's; only the words are ours. */
static int note_verdict(int is_good, X509_STORE_CTX *found)
{
	if (!is_good) {
		tls_fault_of_certificate(&line_of(found)->fault, found);
	}
	return is_good;
}

/* No other protocol is wanted in it. RFC 7301. */
static int ask_for_http(SSL *ssl)
{
	static const unsigned char names[] = "\x08http/1.1";
	return SSL_set_alpn_protos(ssl, names, sizeof(names) - 1) == 0 ? 0 : -ENOMEM;
}

static int prepare(struct tls_line *line, SSL *ssl)
{
	int err = tls_trust_expect(ssl, line->host);

	if (err == 0) {
		err = ask_for_http(ssl);
	}
	if (err == 0) {
		err = tls_cipher_attach(&line->cipher, ssl);
	}
	SSL_set_app_data(ssl, line);
	if (!line->trust->is_insecure) {
		SSL_set_verify(ssl, SSL_VERIFY_PEER, note_verdict);
	}
	SSL_set_connect_state(ssl);
	return err;
}

/* An address has taken the connection. */
static int begin(struct tls_line *line)
{
	SSL_CTX *context = NULL;
	char why[TLS_TRUST_WHY_MAX];
	int err = tls_trust_context(line->trust, &context, why);

	if (err < 0) {
		if (err == -EINVAL) {
			tls_fault_set(&line->fault, TG_ERR_ARGUMENT, why);
		}
		return err;
	}
	line->ssl = SSL_new(context);
	SSL_CTX_free(context); /* the SSL has it */
	err = line->ssl ? prepare(line, line->ssl) : -ENOMEM;
	ERR_clear_error();
	return err;
}

/* What the failed call of OpenSSL has come to; notes the words. Returns -errno. */
static int explain(struct tls_line *line)
{
	const struct tls_cipher *cipher = &line->cipher;

	line->is_open = false;
	if (cipher->read_error) {
		return -cipher->read_error;
	}
	if (cipher->is_at_end) {
		tls_fault_set(&line->fault, TG_ERR_LOST, "cut without the end that TLS has");
		return -ECONNRESET;
	}
	tls_fault_of_queue(&line->fault);
	return -EPROTO;
}

static int shake_hands(struct tls_line *line)
{
	tls_cipher_flush(&line->cipher);
	ERR_clear_error();
	const int done = SSL_do_handshake(line->ssl);
	if (done == 1) {
		line->is_open = true;
		tls_trust_release(line->ssl);
		return 0;
	}
	if (SSL_get_error(line->ssl, done) == SSL_ERROR_WANT_READ) {
		return -EAGAIN;
	}
	/* Whoever hangs up in the middle is as good as gone. */
	if (line->cipher.read_error || line->cipher.is_at_end) {
		tls_fault_set(
			&line->fault, TG_ERR_LOST, "cut in the middle of the handshake of TLS");
	}
	const int err = explain(line);
	ERR_clear_error();
	return err;
}

static void end_tls(struct tls_line *line)
{
	SSL_free(line->ssl);
	line->ssl = NULL;
	line->is_open = false;
}

static int tls_connect(void *data, bool give_up)
{
	struct tls_line *line = data;
	const bool is_given_up = line->ssl && give_up;

	if (is_given_up) {
		end_tls(line);
	}
	if (!line->ssl) {
		int err = socket_io.connect(line->cipher.socket, give_up);
		if (err == -ETIMEDOUT && is_given_up) {
			tls_fault_set(&line->fault, TG_ERR_CONNECT_TIMEOUT,
				"no end of the handshake of TLS");
		}
		if (err == 0) {
			err = begin(line);
		}
		if (err < 0) {
			return err;
		}
	}
	return shake_hands(line);
}

/* --- the line -------------------------------------------------------------------------------- */

/* Returns what a call of OpenSSL on an open line that gave nothing comes to. */
static ssize_t judge(struct tls_line *line, int got)
{
	ssize_t err;

	switch (SSL_get_error(line->ssl, got)) {
	case SSL_ERROR_WANT_READ:
		err = -EAGAIN;
		break;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		err = explain(line);
		break;
	}
	ERR_clear_error();
	return err;
}

static ssize_t tls_read(void *data, void *buffer, size_t size)
{
	struct tls_line *line = data;

	tls_cipher_flush(&line->cipher);
	ERR_clear_error();
	const int got = SSL_read(line->ssl, buffer, (int)size);
	const ssize_t result = got > 0 ? got : judge(line, got);
	return result == -EAGAIN && line->cipher.write_error ? -line->cipher.write_error : result;
}

static ssize_t tls_write(void *data, const void *bytes, size_t len)
{
	struct tls_line *line = data;

	if (!tls_cipher_flush(&line->cipher)) {
		return -EAGAIN;
	}
	if (!line->is_open || line->cipher.write_error) {
		return line->cipher.write_error ? -line->cipher.write_error : -EPIPE;
	}
	ERR_clear_error();
	const int sent = SSL_write(line->ssl, bytes, (int)(len < RECORD_MAX ? len : RECORD_MAX));
	if (line->cipher.write_error) {
		return -line->cipher.write_error;
	}
	return sent > 0 ? sent : judge(line, sent);
}

static int tls_fd(const void *data)
{
	const struct tls_line *line = data;
	return socket_io.fd(line->cipher.socket);
}

static short tls_events(const void *data, short wanted)
{
	const struct tls_line *line = data;

	if (!line->ssl) {
		return socket_io.events(line->cipher.socket, wanted);
	}
	return (short)((wanted ? wanted : POLLIN) | (line->cipher.residue ? POLLOUT : 0));
}

static const char *tls_error_text(const void *data)
{
	const struct tls_line *line = data;
	return line->fault.status != TG_OK ? line->fault.text
					   : socket_io.error_text(line->cipher.socket);
}

static enum tg_status tls_error_status(const void *data)
{
	const struct tls_line *line = data;
	return line->fault.status;
}

/* Says goodbye as far as the socket takes it at once. RFC 8446 section 6.1. */
static void tls_close(void *data)
{
	struct tls_line *line = data;

	if (line->is_open) {
		SSL_shutdown(line->ssl);
		tls_cipher_flush(&line->cipher);
		ERR_clear_error();
	}
	end_tls(line);
	tls_cipher_finish(&line->cipher);
	socket_io.close(line->cipher.socket);
	free(line);
}

const struct tg_io tls_io = {
	.size = sizeof(tls_io),
	.open = tls_open,
	.connect = tls_connect,
	.read = tls_read,
	.write = tls_write,
	.fd = tls_fd,
	.events = tls_events,
	.close = tls_close,
	.error_text = tls_error_text,
	.error_status = tls_error_status,
};
