#include "tls_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "../../proto/tls_record.h"
#include "../tls/tls_memory.h"

enum {
	WRITE_MOST = 256 * 1024, /* bytes taken in one visit, however fast the peer is */
};

struct admin_tls {
	struct tls_contexts *contexts;
	SSL *ssl;
	int fd;
	bool has_begun; /* the peer has, as one who speaks TLS */
	bool is_open;   /* the handshake is over */
	bool is_broken; /* nothing goes on, an alert neither */
	struct tls_fault fault;
};

/* --- life --------------------------------------------------------------------------------------
 */

static SSL *make_ssl(const struct tls_contexts *contexts, int fd)
{
	SSL *ssl = SSL_new(tls_contexts_first(contexts));
	if (!ssl || SSL_set_fd(ssl, fd) != 1) {
		SSL_free(ssl);
		return NULL;
	}
	SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_clear_mode(ssl, SSL_MODE_AUTO_RETRY); /* one record a call */
	SSL_set_accept_state(ssl);
	return ssl;
}

int admin_tls_create(struct tls_store *store, int fd, struct admin_tls **ret_tls)
{
	struct admin_tls *tls = calloc(1, sizeof(*tls));
	if (!tls) {
		return -ENOMEM;
	}
	tls->fd = fd;
	tls->contexts = tls_store_borrow(store);
	tls->ssl = make_ssl(tls->contexts, fd);
	if (!tls->ssl) {
		ERR_clear_error();
		tls_contexts_unref(&tls->contexts);
		free(tls);
		return -ENOMEM;
	}
	*ret_tls = tls;
	return 0;
}

void admin_tls_destroy(struct admin_tls **tls)
{
	struct admin_tls *given = *tls;
	if (!given) {
		return;
	}
	*tls = NULL;
	if (given->is_open && !given->is_broken) {
		SSL_shutdown(given->ssl);
	}
	/* OpenSSL frees an SSL with the traffic secrets in it. */
	tls_memory_wipe_begin();
	SSL_free(given->ssl);
	tls_memory_wipe_end();
	ERR_clear_error();
	tls_contexts_unref(&given->contexts);
	free(given);
}

/* --- reading and writing -----------------------------------------------------------------------
 */

/* What came of a call that has taken or given nothing: 0 at the peer's end, or -errno. */
static int judge(struct admin_tls *tls, int ret)
{
	switch (SSL_get_error(tls->ssl, ret)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return 0;
	default:
		tls->is_broken = true;
		tls->fault = tls_fault_take();
		return -EPROTO;
	}
}

/* Whoever speaks anything else does so from the first byte on. RFC 8446 section 5.1. Returns how
 * many bytes there are, 0 at the end, which is no fault: he was only looking. */
static ssize_t look_at_first(struct admin_tls *tls)
{
	uint8_t first;
	ssize_t len = recv(tls->fd, &first, sizeof(first), MSG_PEEK | MSG_DONTWAIT);
	if (len <= 0) {
		return len < 0 ? -errno : 0;
	}
	tls->has_begun = first == TLS_CONTENT_HANDSHAKE;
	return tls->has_begun ? len : -EPROTOTYPE;
}

ssize_t admin_tls_read(struct admin_tls *tls, void *data, size_t len)
{
	ssize_t seen = tls->has_begun ? 1 : look_at_first(tls);
	if (seen <= 0) {
		return seen;
	}
	size_t got = 0;
	ERR_clear_error();
	int ret = tls->is_open ? 1 : SSL_do_handshake(tls->ssl);
	if (ret == 1) {
		tls->is_open = true;
		ret = SSL_read_ex(tls->ssl, data, len, &got);
	}
	return ret == 1 ? (ssize_t)got : judge(tls, ret);
}

ssize_t admin_tls_write(struct admin_tls *tls, const void *data, size_t len)
{
	const uint8_t *at = data;
	size_t most = len < WRITE_MOST ? len : WRITE_MOST;
	size_t sent = 0;
	int ret = 1;
	ERR_clear_error();
	while (sent < most && ret == 1) {
		size_t taken;
		ret = SSL_write_ex(tls->ssl, at + sent, most - sent, &taken);
		sent += ret == 1 ? taken : 0;
	}
	int err = ret == 1 ? 0 : judge(tls, ret);
	if (sent > 0) {
		return (ssize_t)sent;
	}
	return err == -EAGAIN ? err : -EPROTO;
}

uint32_t admin_tls_wants(const struct admin_tls *tls)
{
	if (SSL_want_write(tls->ssl)) {
		return EPOLLOUT;
	}
	/* What is in the SSL already no socket reports; one that takes bytes is reported at once.
	 */
	return SSL_pending(tls->ssl) > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN;
}

const struct tls_fault *admin_tls_handshake_fault(const struct admin_tls *tls)
{
	return tls->is_broken && !tls->is_open ? &tls->fault : NULL;
}
