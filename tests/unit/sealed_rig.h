/* Clients of the rig that speak TLS, by OpenSSL, on lines of the gateway whose handshakes are over:
 * those are OpenSSL's on both ends, and the gateway's half is thrown away but for its secrets.
 *
 *	struct client ── plain ── tls_pump() ── records, in pieces ── the gateway's socket
 *
 * So a client says and expects what any client of the rig does, by its `client`. */
#ifndef TIDEGATE_SEALED_RIG_H
#define TIDEGATE_SEALED_RIG_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "../../server/conn/reader.h"
#include "../../server/conn/tls_hold.h"
#include "../../server/conn/tls_worker.h"
#include "../../server/conn/transport_tls.h"
#include "conn_rig.h"
#include "issuing.h"
#include "keylog.h"

enum {
	TLS_RIG_CLIENTS = RIG_CLIENTS,
	TLS_CARRY = 65536,
};

/* How a client is connected; zeros are a usual one. */
struct tls_sort {
	const char *suite;    /* OpenSSL's name; NULL: AES-128 */
	uint8_t fragment;     /* TLSEXT_max_fragment_length_…; 0: none is asked for */
	int send_buffer;      /* bytes of the gateway's; 0: the system's */
	bool is_tcp;          /* over the loopback */
	size_t piece_most;    /* bytes that go to the wire at once; 0: as many as there are */
	const char *login_as; /* NULL: it says nothing yet */
};

/* Bytes that one end has not taken yet. */
struct tls_carry {
	size_t len;
	uint8_t bytes[TLS_CARRY];
};

/* The far end of one line. */
struct tls_client {
	struct client *client; /* says and hears what is inside */
	SSL *ssl;
	int wire;  /* the far end of the gateway's socket; -1 once closed */
	int plain; /* our end towards `client` */
	size_t piece_most;
	bool is_deaf; /* takes nothing off the wire */
	bool wire_at_end;
	bool was_reset;
	bool has_farewell; /* close_notify has come */
	int error;         /* OpenSSL's reason for giving up; 0: it has not */
	size_t records;    /* that have come whole */
	size_t record_max; /* of all that have begun, the longest content */
	size_t record_left;
	size_t record_head_len;
	uint8_t record_head[5];
	struct tls_carry *down; /* sealed, for the wire */
	struct tls_carry *up;   /* opened, for the client */
};

struct tls_rig {
	struct rig rig;
	struct tls_quota quota; /* of handshakes, of which there are none */
	SSL_CTX *near;
	SSL_CTX *far;
	uint32_t count;
	struct tls_client clients[TLS_RIG_CLIENTS];
};

/* --- certificates and secrets ------------------------------------------------------------------
 */

static inline void tls_rig_keylog(const SSL *ssl, const char *line)
{
	struct tls_secrets *secrets = SSL_get_app_data(ssl);
	keylog_read(line, KEYLOG_CLIENT, secrets->read);
	keylog_read(line, KEYLOG_SERVER, secrets->write);
}

static inline SSL_CTX *tls_rig_near(void)
{
	SSL_CTX *near = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = issue_usual(key, "here", NULL);
	assert_int_equal(SSL_CTX_use_certificate(near, certificate), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(near, key), 1);
	SSL_CTX_set_num_tickets(near, 0);
	SSL_CTX_set_keylog_callback(near, tls_rig_keylog);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return near;
}

/* --- the rig -----------------------------------------------------------------------------------
 */

static inline struct tls_rig *tls_rig_start(uint32_t worker_count)
{
	struct tls_rig *rig = calloc(1, sizeof(*rig));
	assert_non_null(rig);
	rig_init(&rig->rig, worker_count);
	for (uint32_t i = 0; i < worker_count; i++) {
		const struct tls_means means = {.quota = &rig->quota};
		struct conns *conns = rig_conns(&rig->rig, i);
		assert_int_equal(
			tls_worker_create(conns, &means, &transport_tls_ops, &conns->tls), 0);
	}
	rig->near = tls_rig_near();
	rig->far = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_min_proto_version(rig->far, TLS1_3_VERSION);
	return rig;
}

static inline void tls_client_finish(struct tls_client *tls)
{
	SSL_free(tls->ssl);
	if (tls->wire >= 0) {
		close(tls->wire);
	}
	close(tls->plain);
	free(tls->down);
	free(tls->up);
}

static inline void tls_rig_finish(struct tls_rig *rig)
{
	rig_finish(&rig->rig);
	for (uint32_t i = 0; i < rig->count; i++) {
		tls_client_finish(&rig->clients[i]);
	}
	SSL_CTX_free(rig->near);
	SSL_CTX_free(rig->far);
	free(rig);
}

/* --- the handshake -----------------------------------------------------------------------------
 */

static inline void tls_rig_move(SSL *from, SSL *to)
{
	char *data;
	const long len = BIO_get_mem_data(SSL_get_wbio(from), &data);
	if (len > 0) {
		assert_int_equal(BIO_write(SSL_get_rbio(to), data, (int)len), len);
		(void)BIO_reset(SSL_get_wbio(from));
	}
}

static inline SSL *tls_rig_make(SSL_CTX *context)
{
	SSL *ssl = SSL_new(context);
	assert_non_null(ssl);
	SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
	BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
	return ssl;
}

/* Of the gateway's half nothing is left but the secrets. */
static inline SSL *tls_rig_handshake(
	struct tls_rig *rig, const struct tls_sort *sort, struct tls_secrets *ret_secrets)
{
	SSL *far = tls_rig_make(rig->far);
	SSL *near = tls_rig_make(rig->near);
	*ret_secrets = (struct tls_secrets){.fragment_len = TLS_PLAIN_MAX};
	SSL_set_app_data(near, ret_secrets);
	assert_int_equal(
		SSL_set_ciphersuites(far, sort->suite ? sort->suite : "TLS_AES_128_GCM_SHA256"), 1);
	if (sort->fragment) {
		assert_int_equal(SSL_set_tlsext_max_fragment_length(far, sort->fragment), 1);
		ret_secrets->fragment_len = (uint16_t)(256 << sort->fragment);
	}
	SSL_set_connect_state(far);
	SSL_set_accept_state(near);
	while (SSL_do_handshake(far) != 1 || SSL_do_handshake(near) != 1) {
		tls_rig_move(far, near);
		SSL_do_handshake(near);
		tls_rig_move(near, far);
	}
	assert_true(tls_suite_from_id(
		(uint16_t)SSL_CIPHER_get_id(SSL_get_current_cipher(far)), &ret_secrets->suite));
	SSL_free(near);
	return far;
}

/* --- the far end -------------------------------------------------------------------------------
 */

/* What the gateway puts into a record, without its kind and its tag. */
static inline void tls_client_see(struct tls_client *tls, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (tls->record_left > 0) {
			tls->record_left--;
			tls->records += tls->record_left == 0;
			continue;
		}
		tls->record_head[tls->record_head_len++] = data[i];
		if (tls->record_head_len == 5) {
			tls->record_left = (size_t)tls->record_head[3] << 8 | tls->record_head[4];
			tls->record_max = tls->record_left - 17 > tls->record_max
						  ? tls->record_left - 17
						  : tls->record_max;
			tls->record_head_len = 0;
		}
	}
}

/* Takes up to `most` bytes off the wire. Returns how many. */
static inline ssize_t tls_take(struct tls_client *tls, size_t most)
{
	uint8_t wire[4096];
	const ssize_t len = recv(tls->wire, wire, most < 4096 ? most : 4096, MSG_DONTWAIT);
	if (len > 0) {
		tls_client_see(tls, wire, (size_t)len);
		assert_int_equal(BIO_write(SSL_get_rbio(tls->ssl), wire, (int)len), len);
	}
	return len;
}

static inline bool tls_pump_out(struct tls_client *tls)
{
	struct tls_carry *down = tls->down;
	bool moved = false;
	if (down->len == 0) {
		ssize_t len = recv(tls->plain, down->bytes, TLS_CARRY, MSG_DONTWAIT);
		if (len > 0) {
			assert_int_equal(SSL_write(tls->ssl, down->bytes, (int)len), len);
			moved = true;
		}
		const int sealed = BIO_read(SSL_get_wbio(tls->ssl), down->bytes, TLS_CARRY);
		down->len = sealed > 0 ? (size_t)sealed : 0;
	}
	size_t most = tls->piece_most && tls->piece_most < down->len ? tls->piece_most : down->len;
	if (most > 0 && tls->wire >= 0) {
		ssize_t sent = send(tls->wire, down->bytes, most, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			down->len -= (size_t)sent;
			memmove(down->bytes, down->bytes + sent, down->len);
			moved = true;
		}
	}
	return moved;
}

static inline void tls_read_up(struct tls_client *tls)
{
	ERR_clear_error(); /* of the gateway's contexts, on this thread */
	const int len = SSL_read(tls->ssl, tls->up->bytes, TLS_CARRY);
	if (len > 0) {
		tls->up->len = (size_t)len;
		return;
	}
	const int error = SSL_get_error(tls->ssl, len);
	tls->has_farewell |= error == SSL_ERROR_ZERO_RETURN;
	if (error == SSL_ERROR_SSL) {
		tls->error = ERR_GET_REASON(ERR_peek_error());
	}
}

static inline bool tls_pump_in(struct tls_client *tls)
{
	bool moved = false;
	if (tls->wire >= 0 && !tls->wire_at_end && !tls->is_deaf && tls->up->len == 0) {
		const ssize_t len = tls_take(tls, TLS_CARRY);
		tls->was_reset = len < 0 && errno == ECONNRESET;
		tls->wire_at_end = len == 0 || tls->was_reset;
		moved = len > 0;
	}
	if (tls->up->len == 0 && !tls->error && !tls->has_farewell) {
		tls_read_up(tls);
		moved |= tls->error || tls->has_farewell; /* an alert may be on its way */
	}
	if (tls->up->len > 0) {
		ssize_t sent =
			send(tls->plain, tls->up->bytes, tls->up->len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent > 0) {
			tls->up->len -= (size_t)sent;
			memmove(tls->up->bytes, tls->up->bytes + sent, tls->up->len);
			moved = true;
		}
	}
	return moved;
}

/* Until nobody has anything to do. */
static inline void tls_rig_run(struct tls_rig *rig)
{
	bool moved = true;
	while (moved) {
		moved = false;
		rig_run(&rig->rig);
		for (uint32_t i = 0; i < rig->count; i++) {
			moved |= tls_pump_out(&rig->clients[i]);
			moved |= tls_pump_in(&rig->clients[i]);
		}
	}
}

/* --- clients ----------------------------------------------------------------------------------
 */

static inline struct conn *tls_conn(struct tls_rig *rig, const struct tls_client *tls)
{
	return client_conn(&rig->rig, tls->client);
}

static inline struct tls_worker *tls_rig_worker(struct tls_rig *rig, uint32_t worker)
{
	return rig_conns(&rig->rig, worker)->tls;
}

/* A client whose handshake is over, but whose line has not been opened with these secrets. */
static inline struct tls_client *tls_connect_shut(struct tls_rig *rig, uint32_t worker,
	const struct tls_sort *sort, struct tls_secrets *ret_secrets)
{
	struct tls_client *tls = &rig->clients[rig->count++];
	struct client *client = sort->is_tcp
					? rig_connect_tcp(&rig->rig, worker)
					: rig_connect(&rig->rig, worker, sort->send_buffer, false);
	int plain[2];
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, plain), 0);
	*tls = (struct tls_client){.client = client, .wire = client->fd, .plain = plain[0]};
	tls->piece_most = sort->piece_most;
	tls->down = calloc(1, sizeof(*tls->down));
	tls->up = calloc(1, sizeof(*tls->up));
	client->fd = plain[1];
	tls->ssl = tls_rig_handshake(rig, sort, ret_secrets);
	return tls;
}

static inline struct tls_client *tls_connect(
	struct tls_rig *rig, uint32_t worker, const struct tls_sort *sort)
{
	struct tls_secrets secrets;
	struct tls_client *tls = tls_connect_shut(rig, worker, sort, &secrets);
	assert_int_equal(
		transport_tls_open(rig_conns(&rig->rig, worker), tls_conn(rig, tls), &secrets), 0);
	if (sort->login_as) {
		char target[256];
		snprintf(target, sizeof(target), "/?user=%s", sort->login_as);
		client_request(tls->client, target);
		tls_rig_run(rig);
		assert_int_equal(client_status(tls->client), 101);
	}
	return tls;
}

static inline struct tls_client *tls_login(struct tls_rig *rig, uint32_t worker, const char *user)
{
	const struct tls_sort sort = {.login_as = user};
	return tls_connect(rig, worker, &sort);
}

static inline void tls_leave(struct tls_client *tls)
{
	close(tls->wire);
	tls->wire = -1;
}

#endif
