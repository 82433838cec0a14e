#include "tls_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/x509.h>

/* Owner:  whoever made it.
 * Shared: never.
 * Freed:  by tls_socket_destroy. */
struct tls_socket {
	SSL *ssl;
	const char *fault;
	uint8_t *rest; /* of records that were sealed, and that the socket did not take */
	size_t rest_len;
	int fd;
	int error;    /* of the last system call that failed; 0: it was the end of file */
	int end;      /* why nothing more can be read: heard behind data, told by the next call */
	bool is_over; /* there is such an end */
	bool is_drained; /* the last recv got less than it asked for */
	bool is_ahead;   /* a byte more was sealed than the sender has been told */
};

enum {
	SEALED_AT_ONCE = 1 << 17,  /* bytes that leave together, before they are sealed */
	SEALED_OVERHEAD = 1 << 12, /* of their records, and of a handshake */
};

/* What OpenSSL has written in this call. */
static _Thread_local struct {
	size_t len;
	uint8_t bytes[SEALED_AT_ONCE + SEALED_OVERHEAD];
} sealed;

/* --- under OpenSSL -------------------------------------------------------------------------------
 */

/* OpenSSL's own socket BIO calls write, which raises SIGPIPE, and keeps to itself how much a read
 * has left behind. */
static int on_read(BIO *bio, char *data, int size)
{
	struct tls_socket *tls = BIO_get_data(bio);
	BIO_clear_retry_flags(bio);
	ssize_t got = recv(tls->fd, data, (size_t)size, 0);
	tls->is_drained = got < size;
	if (got <= 0) {
		tls->error = got < 0 ? errno : 0;
	}
	if (got < 0 && BIO_sock_non_fatal_error(errno)) {
		BIO_set_retry_read(bio);
	}
	return (int)got;
}

/* OpenSSL hands out a record at a time; they leave together, by `flush`. */
static int on_write(BIO *bio, const char *data, int len)
{
	(void)bio;
	if ((size_t)len > sizeof(sealed.bytes) - sealed.len) {
		return -1;
	}
	memcpy(sealed.bytes + sealed.len, data, (size_t)len);
	sealed.len += (size_t)len;
	return len;
}

static long on_control(BIO *bio, int command, long number, void *argument)
{
	(void)bio;
	(void)number;
	(void)argument;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *method;

static void make_method(void)
{
	method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
	if (method) {
		BIO_meth_set_read(method, on_read);
		BIO_meth_set_write(method, on_write);
		BIO_meth_set_ctrl(method, on_control);
	}
}

static BIO *create_bio(struct tls_socket *tls)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, make_method);
	BIO *bio = method ? BIO_new(method) : NULL;
	if (bio) {
		BIO_set_data(bio, tls);
		BIO_set_init(bio, 1);
	}
	return bio;
}

/* --- life ----------------------------------------------------------------------------------------
 */

static int create(SSL_CTX *context, int fd, struct tls_socket **ret_tls)
{
	struct tls_socket *tls = calloc(1, sizeof(*tls));
	BIO *bio = tls ? create_bio(tls) : NULL;
	SSL *ssl = bio ? SSL_new(context) : NULL;
	if (!ssl) {
		BIO_free(bio);
		free(tls);
		return -ENOMEM;
	}
	SSL_set_bio(ssl, bio, bio);
	tls->ssl = ssl;
	tls->fd = fd;
	*ret_tls = tls;
	return 0;
}

static bool is_address(const char *host)
{
	struct in6_addr address;
	return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* An address is in no server name (RFC 6066 section 3), and in a field of its own in the
 * certificate. */
static bool set_host(SSL *ssl, const char *host)
{
	if (is_address(host)) {
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
	}
	return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

int tls_socket_connect(SSL_CTX *context, int fd, const char *host, struct tls_socket **ret_tls)
{
	struct tls_socket *tls;
	int err = create(context, fd, &tls);
	if (err) {
		return err;
	}
	if (!set_host(tls->ssl, host)) {
		tls_socket_destroy(tls);
		return -ENOMEM;
	}
	SSL_set_connect_state(tls->ssl);
	*ret_tls = tls;
	return 0;
}

int tls_socket_accept(SSL_CTX *context, int fd, struct tls_socket **ret_tls)
{
	struct tls_socket *tls;
	int err = create(context, fd, &tls);
	if (err) {
		return err;
	}
	SSL_set_accept_state(tls->ssl);
	*ret_tls = tls;
	return 0;
}

void tls_socket_destroy(struct tls_socket *tls)
{
	if (tls) {
		SSL_free(tls->ssl);
		free(tls->rest);
		free(tls);
	}
}

/* --- sending -------------------------------------------------------------------------------------
 */

static void keep(struct tls_socket *tls, const uint8_t *data, size_t len)
{
	if (len == 0) {
		return;
	}
	uint8_t *rest = realloc(tls->rest, tls->rest_len + len);
	if (!rest) {
		abort();
	}
	memcpy(rest + tls->rest_len, data, len);
	tls->rest = rest;
	tls->rest_len += len;
}

static void drop_rest(struct tls_socket *tls)
{
	free(tls->rest);
	tls->rest = NULL;
	tls->rest_len = 0;
}

/* How much of it the socket takes; a socket that is broken takes all, and recv will tell. */
static size_t send_some(struct tls_socket *tls, const uint8_t *data, size_t len)
{
	ssize_t sent = len > 0 ? send(tls->fd, data, len, MSG_NOSIGNAL) : 0;
	if (sent >= 0) {
		return (size_t)sent;
	}
	return BIO_sock_non_fatal_error(errno) ? 0 : len;
}

/* Sends what was sealed, behind what has waited: with one system call. */
static void flush(struct tls_socket *tls)
{
	if (tls->rest_len == 0) {
		const size_t sent = send_some(tls, sealed.bytes, sealed.len);
		keep(tls, sealed.bytes + sent, sealed.len - sent);
	} else {
		keep(tls, sealed.bytes, sealed.len);
		const size_t sent = send_some(tls, tls->rest, tls->rest_len);
		tls->rest_len -= sent;
		memmove(tls->rest, tls->rest + sent, tls->rest_len);
	}
	sealed.len = 0;
	if (tls->rest_len == 0) {
		drop_rest(tls);
	}
}

/* --- steps ---------------------------------------------------------------------------------------
 */

/* Leaves nothing in OpenSSL's queue of errors, where the next connection would look for its own. */
static void note_fault(struct tls_socket *tls)
{
	const long verdict = SSL_get_verify_result(tls->ssl);
	const char *reason = ERR_reason_error_string(ERR_peek_error());
	if (!tls->fault) {
		tls->fault = verdict != X509_V_OK ? X509_verify_cert_error_string(verdict)
			     : reason             ? reason
						  : "TLS has failed";
	}
	ERR_clear_error();
}

/* What has become of a call that returned `result`, 0 or less: -errno, or 0 for the end. */
static int outcome_of(struct tls_socket *tls, int result)
{
	switch (SSL_get_error(tls->ssl, result)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	case SSL_ERROR_SYSCALL:
		ERR_clear_error();
		return tls->error ? -tls->error : -ECONNRESET;
	default:
		note_fault(tls);
		return -EPROTO;
	}
}

int tls_socket_shake(struct tls_socket *tls)
{
	int result = SSL_do_handshake(tls->ssl);
	flush(tls);
	if (result == 1) {
		return 0;
	}
	int outcome = outcome_of(tls, result);
	return outcome ? outcome : -ECONNRESET;
}

static ssize_t answer(size_t len, int outcome)
{
	if (len > 0) {
		return (ssize_t)len;
	}
	errno = -outcome;
	return outcome < 0 ? -1 : 0;
}

ssize_t tls_socket_recv(struct tls_socket *tls, void *ret_data, size_t size)
{
	uint8_t *data = ret_data;
	size_t len = 0;
	int outcome = tls->end;
	while (len < size && !tls->is_over) {
		size_t got;
		int result = SSL_read_ex(tls->ssl, data + len, size - len, &got);
		if (result != 1) {
			outcome = outcome_of(tls, result);
			tls->is_over = outcome != -EAGAIN;
			tls->end = outcome;
			break;
		}
		len += got;
		if (tls->is_drained && !SSL_has_pending(tls->ssl)) {
			break;
		}
	}
	flush(tls);
	return answer(len, outcome);
}

/* Where the socket does not take all that was sealed, one byte is told as not taken, so that the
 * sender comes again when it does. */
ssize_t tls_socket_send(struct tls_socket *tls, const void *data, size_t len)
{
	const uint8_t *from = data;
	int outcome = 0;
	flush(tls);
	if (tls->rest_len > 0) {
		return answer(0, -EAGAIN);
	}
	size_t taken = tls->is_ahead;
	while (taken < len && tls->rest_len == 0 && outcome == 0) {
		const size_t left = len - taken;
		size_t written = 0;
		int result = SSL_write_ex(tls->ssl, from + taken,
			left < SEALED_AT_ONCE ? left : SEALED_AT_ONCE, &written);
		outcome = result == 1 ? 0 : outcome_of(tls, result);
		taken += written;
		flush(tls);
	}
	tls->is_ahead = tls->rest_len > 0 && taken > 0;
	return answer(taken - tls->is_ahead, outcome ? outcome : -EAGAIN);
}

const char *tls_socket_fault(const struct tls_socket *tls)
{
	return tls->fault;
}

const char *tls_socket_suite(const struct tls_socket *tls)
{
	return SSL_get_cipher_name(tls->ssl);
}
